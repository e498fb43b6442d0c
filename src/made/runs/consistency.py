"""The consistency gap: how far what a model says of the same rows depends on the ordering it is asked in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.masks.mask_set import FRESH
from made.masks.ordering import IntArray, random, ranks_of
from made.mixture import Mixture
from made.model import MADE
from made.queries.density import Density, Floats
from made.queries.inference import Inference
from made.queries.query import MAX_STATES, N_PARTICLES, Query
from made.queries.results import Route
from made.queries.work import index
from made.support.checks import check_int
from made.support.errors import InputError
from made.support.figures import Figure
from made.support.uniforms import QUESTIONS, Stream
from made.variables.rows import Rows, RowsLike

__all__ = ["Consistency", "GivenFirst", "OrderFigure", "consistency", "orders_of"]

# Sets of columns whose evidence is asked for, and rows of which it is: the model's own may need particles.
_SETS, _ROWS_OF_EVIDENCE = 8, 64


@dataclass(frozen=True, eq=False)
class OrderFigure:
    """One ordering.

    Attributes
    ----------
    ordering : (D,) int array
    above : Figure
        By how many nats per row the NLL under it is above that of the model, paired over rows.
    """

    ordering: IntArray
    above: Figure


@dataclass(frozen=True, eq=False)
class GivenFirst:
    """The evidence of one set of columns, given first and as the model's own mixture has it.

    Attributes
    ----------
    columns : tuple of int
        What is given.
    difference : Figure
        Mean over rows of log p(given) with these columns first, less that of the mixture.
    root_mean_square : float
        Of that difference; what the errors of an estimated evidence add is taken off.
    is_exact : bool
        Whether the mixture's own evidence is exact in every row.
    """

    columns: tuple[int, ...]
    difference: Figure
    root_mean_square: float
    is_exact: bool


@dataclass(frozen=True, eq=False)
class Consistency:
    """How far log p of the same rows goes with the ordering. Figures are in nats per row.

    A model that is consistent has `together`, `alone`, `orders` and `spread` of 0.

    Attributes
    ----------
    n, n_masks : int
        How many rows were scored, and of how many masks the model is the mixture.
    trained_for : "one ordering", "N orderings" or "fresh orderings"
    nll : Figure
        Of the model as it is: the mixture of its masks.
    alone : Figure
        By how much the NLL of one of these masks is above it, on average over masks.
    orders : Figure
        By how much the NLL under one random ordering is above it, on average over orderings.
    together : Figure
        By how much that of the mixture of all random orderings is above it (negative: below).
    spread : Figure
        Standard deviation of log p of a row over the random orderings, the mean over rows.
    by_order : tuple of OrderFigure
        One for each random ordering.
    n_evidence : int
        How many rows the evidence is of: the first ones that a seed picks.
    given_first : tuple of GivenFirst
        One for each set of columns.
    evidence_difference : Figure
        Mean over rows of `GivenFirst.difference`, over all sets.
    """

    n: int
    n_masks: int
    trained_for: str
    nll: Figure
    alone: Figure
    orders: Figure
    together: Figure
    spread: Figure
    by_order: tuple[OrderFigure, ...]
    n_evidence: int
    given_first: tuple[GivenFirst, ...]
    evidence_difference: Figure

    @property
    def meaning(self) -> str:
        """What the figures mean, and what to do next, in a sentence."""
        price = f"{self.orders.value:.2f} nats more per row than the model itself"
        if self.trained_for == "one ordering":
            return (
                f"The model was trained under one ordering, so that a random one costs {price}: ask what "
                "follows its ordering, or fit with --for questions for those in any"
            )
        learned = self.orders.value - self.alone.value
        noise = 0.0 if math.isnan(self.orders.error) else 3 * self.orders.error
        if self.trained_for != "fresh orderings" and learned > noise:
            return (
                f"A random ordering costs {price}, {learned:.2f} of them because training had only "
                f"{self.trained_for}: fit with --for questions for those in any ordering"
            )
        if self.orders.value <= noise:
            return "No ordering is worse than the model itself: given-first answers can be used as they are"
        return (
            f"One ordering alone costs {price}, the mixture of {len(self.by_order)} of them "
            f"{self.together.value:.2f}: ask several masks together; wider layers and a longer fit narrow "
            "the gap"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return all figures, JSON-ready; orderings and columns by their numbers."""
        named = ("nll", "alone", "orders", "together", "spread", "evidence_difference")
        return {
            **{name: getattr(self, name) for name in ("n", "n_masks", "trained_for", "n_evidence")},
            **{name: getattr(self, name).as_dict() for name in named},
            "by_order": [
                {"ordering": own.ordering.tolist(), "above": own.above.as_dict()} for own in self.by_order
            ],
            "given_first": [
                {
                    "columns": list(own.columns),
                    "difference": own.difference.as_dict(),
                    "root_mean_square": own.root_mean_square,
                    "is_exact": own.is_exact,
                }
                for own in self.given_first
            ],
            "meaning": self.meaning,
        }


def consistency(
    model: MADE,
    rows: RowsLike,
    orders: int = 16,
    *,
    seed: int = 0,
    context: ArrayLike | Tensor | None = None,
    evidence_rows: int = _ROWS_OF_EVIDENCE,
    particles: int = N_PARTICLES,
    advance: Callable[[int], None] = lambda n: None,
) -> Consistency:
    """Return how far log p of the same rows spreads between orderings, and given-first answers are off.

    Parameters
    ----------
    model : MADE
        Asked under random orderings, whatever it was trained for; of a `Mixture`, each of its members is.
    rows : data frame, array, tensor or Rows
        (n, D), complete; held-out ones, of which 2 at least.
    orders : int
        How many random orderings, of the D! that there are.
    seed : int
        Of the orderings, of the rows whose evidence is asked for, and of particles.
    context : array or tensor, optional
        (n, C), or (C,) for all rows: for a model of p(x | c).
    evidence_rows : int
        Of how many rows the evidence of sets of columns is compared.
    particles : int
        Per row and mask, where the evidence of the mixture has to be estimated.
    advance : callable
        Told how many rows are scored under one mask or ordering: ``n * (masks + orders)`` in all.

    Raises
    ------
    InputError
        If rows do not fit the model, are incomplete, or there are fewer than two.

    Examples
    --------
    >>> import made
    >>> digits = made.data.load("digits")
    >>> model = made.MADE(made.Bernoulli(64), hidden=(32,), orderings="fresh", fresh_masks=2)
    >>> found = made.consistency(model, digits.test, orders=4, evidence_rows=2)
    >>> found.trained_for, len(found.by_order)
    ('fresh orderings', 4)
    >>> found.spread.value  # not trained yet: the product of uniform marginals in any ordering
    0.0
    """
    encoded = model.rows(rows, context)
    encoded.check_complete()
    if len(encoded) < 2:
        raise InputError(f"a gap is a mean over rows: give two at least, got {len(encoded)}")
    asked = orders_of(model.n_variables, check_int("orders", orders, least=2), seed)
    if len(asked) < 2:
        raise InputError("a model of one variable has one ordering: there is nothing to compare")
    parts = [_log_probs(model, part, asked, advance) for part in encoded.batches(model.rows_per_pass)]
    own, alone, each = (np.concatenate(part) for part in zip(*parts, strict=True))
    above = own[:, None] - each
    picked = np.argsort(Stream(seed, QUESTIONS, 1).take(len(encoded)), kind="stable")[:evidence_rows]
    sets = tuple(_evidence(model, encoded[index(picked)], asked, seed, particles))
    differences = np.array([difference for _, difference in sets])
    return Consistency(
        n=len(encoded),
        n_masks=model.n_masks,
        trained_for=_trained_for(model),
        nll=Figure.mean(-own),
        alone=Figure.mean(own - alone),
        orders=Figure.mean(above.mean(axis=1)),
        together=Figure.mean(own - _log_mean(each)),
        spread=Figure.mean(each.std(axis=1, ddof=1)),
        by_order=tuple(
            OrderFigure(order, Figure.mean(part)) for order, part in zip(asked, above.T, strict=True)
        ),
        n_evidence=len(picked),
        given_first=tuple(found for found, _ in sets),
        evidence_difference=Figure.mean(differences.mean(axis=0)),
    )


def orders_of(n_variables: int, n: int, seed: int = 0) -> list[IntArray]:
    """Return n random orderings that differ, or all where there are fewer.

    Examples
    --------
    >>> len(orders_of(3, 16)), len(orders_of(4, 16))
    (6, 16)
    """
    found: dict[tuple[int, ...], IntArray] = {}
    stream = Stream(seed, QUESTIONS, 0)
    n = n if n_variables > 12 else min(n, math.factorial(n_variables))
    while len(found) < n:
        order = random(n_variables, stream)
        found.setdefault(tuple(order.tolist()), order)
    return list(found.values())


def _trained_for(model: MADE) -> str:
    members = list(model.members) if isinstance(model, Mixture) else [model]
    orderings = [own.mask_set.orderings for own in members]
    if FRESH in orderings:
        return "fresh orderings"
    most = max(int(number) for number in orderings)
    return "one ordering" if most == 1 else f"{most} orderings"


def _log_probs(
    model: MADE, rows: Rows, asked: list[IntArray], advance: Callable[[int], None]
) -> tuple[Floats, Floats, Floats]:
    """Return of each row log p of the model, the mean over its masks, and log p by ordering (n, O)."""
    counts = model.mask_counts()
    share = np.array(list(counts.values())) / sum(counts.values())
    by_mask = []
    for k in counts:
        by_mask.append(model.density(k).log_prob(rows).sum(axis=1))
        advance(len(rows))
    masks = np.stack(by_mask, axis=1)
    by_order = []
    for number, order in enumerate(asked):
        members = [own.log_prob(rows).sum(axis=1) for own in _under(model, order, number)]
        by_order.append(_log_mean(np.stack(members, axis=1)))
        advance(len(rows))
    own: Floats = np.logaddexp.reduce(masks + np.log(share), axis=1)
    return own, masks @ share, np.stack(by_order, axis=1)


def _under(model: MADE, order: IntArray, number: int) -> Iterator[Density]:
    """Yield what scores under an ordering: the model, or each member; connectivities take turns."""
    for member in model.members if isinstance(model, Mixture) else [model]:
        yield member.reordered(number % member.n_masks, ranks_of(order))


def _evidence(
    model: MADE, rows: Rows, asked: list[IntArray], seed: int, particles: int
) -> Iterator[tuple[GivenFirst, Floats]]:
    """Yield what is found of each set of columns, and the differences of the rows: sets begin orderings."""
    n_variables = model.n_variables
    n_sets = min(_SETS, n_variables - 1)
    sizes = np.linspace(1, n_variables - 1, n_sets).round().astype(int).tolist()
    numbers = np.arange(len(rows))
    for place, size in enumerate(sizes):
        order = asked[place % len(asked)]
        given = np.zeros(n_variables, dtype=bool)
        given[order[:size]] = True
        some = Rows(
            rows.codes,
            torch.from_numpy(given).to(rows.codes.device).expand(len(rows), -1),
            rows.context,
            rows.bodies,
        )
        own = Query.of(model, "auto", None, seed, particles, MAX_STATES).evidence(some, numbers)
        first = _given_first(model, (~given).astype(np.int64)).evidence(some, numbers)
        difference = first.log_prob - own.log_prob
        square = float((difference**2).mean() - (own.error**2).mean())
        exact = bool(np.isin(own.routes, [Route.ORDERED, Route.SUMMED, Route.QUADRATURE]).all())
        columns = tuple(np.flatnonzero(given).tolist())
        found = GivenFirst(columns, Figure.mean(difference), math.sqrt(max(square, 0.0)), exact)
        yield found, difference


def _given_first(model: MADE, groups: IntArray) -> Inference:
    """Return what answers under the model's masks with the group 0 first, whatever it was trained for."""
    return Inference(
        model.variables,
        lambda k: model.reordered(k, groups),
        model.chosen_masks(None),
        rows_per_batch=model.rows_per_batch,
    )


def _log_mean(each: NDArray[np.float64]) -> Floats:
    """Return the logarithm of the mean over columns of exp of (n, O) numbers."""
    total: Floats = np.logaddexp.reduce(each, axis=1) - math.log(each.shape[1])
    return total
