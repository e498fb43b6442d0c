"""Questions to a model about incomplete rows: how probable, what may follow, how one variable is distributed.

Every answer says how it was found: exactly, or estimated with an error, or under an ordering of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.masks.ordering import IntArray
from made.model import MADE
from made.queries.inference import ENUMERATED, ESTIMATED, EXACT, Evidence, Inference, of_rows
from made.queries.modes import joint_modes, variable_modes
from made.queries.results import Completion, Conditional, Marginal
from made.support.checks import check_int
from made.support.errors import InputError
from made.variables.missing import UNKNOWN, check_variable, read_given, read_incomplete

__all__ = ["KINDS", "METHODS", "Completion", "Conditional", "Marginal", "complete", "conditional", "marginal"]

#: What a completion is.
KINDS = {
    "draw": "drawn from the conditional joint distribution",
    "variable": "the most probable value of each variable alone",
    "joint": "the most probable completion as a whole",
}
#: How a question may be answered.
METHODS = ("auto", "exact", "estimate", "given-first")

_HOW = {
    EXACT: "exact: what is given comes first in the ordering",
    ENUMERATED: "exact: summed over all states of what is unknown",
    ESTIMATED: "estimated: importance-weighted draws",
}
_GIVEN_FIRST = "exact under orderings with the given variables first, which are not the model's own mixture"
_SEARCHED = "found by search: none better was met"
_COUNTED = "estimated: counted among drawn completions"


def marginal(
    model: MADE,
    rows: ArrayLike | Tensor,
    *,
    unknown: ArrayLike | None = None,
    context: ArrayLike | Tensor | None = None,
    method: str = "auto",
    mask: int | list[int] | None = None,
    seed: int = 0,
    draws: int = 1000,
    max_states: int = 4096,
) -> Marginal:
    """Return log p of what is known in each row: the sum over everything that is not.

    Parameters
    ----------
    model : MADE
        Any number of masks.
    rows : array or tensor
        (n, D); unknown entries are NaN or None, a different pattern in every row if need be.
    unknown : (n, D) or (D,) bool array, optional
        True where an entry is unknown, whatever `rows` holds there.
    context : array or tensor, optional
        (n, C), or (C,) for all rows: for a model of p(x | c).
    method : "auto", "exact", "estimate" or "given-first"
        ``"auto"`` is exact where the known variables come before the unknown ones in the ordering, or where
        those in between have at most `max_states` states; else it estimates. ``"exact"`` refuses to estimate,
        ``"estimate"`` does not sum over states. ``"given-first"``, for a model trained with several
        orderings, answers under its masks with their orderings changed so that the known variables come
        first: exact for these, which are not the model's own mixture.
    mask : int or list of int, optional
        Ask this mask alone, or the mixture of these.
    seed : int
        Of the draws of an estimate.
    draws : int
        How many per row and mask.
    max_states : int
        See `method`.

    Raises
    ------
    InputError
        If a row does not fit the model, or there is no exact answer and one was demanded.

    Warns
    -----
    PoorEstimateWarning
        If an estimate rests on few effective draws.

    Examples
    --------
    >>> import made
    >>> model = made.MADE(made.Bernoulli(3), hidden=(8,))
    >>> answer = made.marginal(model, [[1, None, 0], [1, 0, None]])
    >>> answer.log_prob.round(3), answer.how[1]
    (array([-1.386, -1.386]), 'exact: what is given comes first in the ordering')
    """
    question = _Question(model, method, mask, seed, draws, max_states)
    codes = read_incomplete(model.variables, rows, unknown)
    evidence = question.evidence(codes, model.context_rows(context, len(codes)))
    evidence.warn_if_poor()
    return Marginal(evidence.log_prob, evidence.error, evidence.ess, question.how(evidence))


def complete(
    model: MADE,
    rows: ArrayLike | Tensor,
    kind: str = "draw",
    number: int | None = None,
    *,
    unknown: ArrayLike | None = None,
    context: ArrayLike | Tensor | None = None,
    method: str = "auto",
    mask: int | list[int] | None = None,
    seed: int = 0,
    draws: int = 1000,
    max_states: int = 4096,
    first: int = 0,
) -> Completion:
    """Fill in the unknown entries of rows.

    Parameters
    ----------
    model, rows, unknown, context, method, mask, seed, draws, max_states
        As for `marginal`.
    kind : "draw", "variable" or "joint"
        ``"draw"``: one draw from the distribution of all that is unknown given all that is known.
        ``"variable"``: the most probable value of each variable alone, which together may make an improbable
        row. ``"joint"``: the most probable completion as a whole, or the best one found.
    number : int, optional
        With ``"draw"``: so many completions of each row.
    first : int
        Number of the first row, whose draws are a function of (seed, number): rows may come in portions.

    Returns
    -------
    Completion
        Its `rows` are codes, (n, D), or (n, number, D); `model.values` translates them into labels.

    Examples
    --------
    >>> import made
    >>> model = made.MADE(made.Bernoulli(3), hidden=(8,))
    >>> filled = made.complete(model, [[1, None, 0], [None, 0, None]], seed=0)
    >>> filled.rows.shape, filled.kind
    ((2, 3), 'draw')
    """
    if kind not in KINDS:
        raise InputError(f"kind is one of {', '.join(map(repr, KINDS))}; got {kind!r}")
    if number is not None and kind != "draw":
        raise InputError(f"number asks for several draws: with kind={kind!r} there is one completion")
    question = _Question(model, method, mask, seed, draws, max_states)
    codes = read_incomplete(model.variables, rows, unknown)
    features = model.context_rows(context, len(codes))
    start = check_int("first", first)
    each = 1 if number is None else check_int("number, of completions per row,", number)
    filled = np.empty((len(codes), each, codes.shape[1]), dtype=np.int64)
    found: list[tuple[IntArray, Evidence, tuple[str, ...]]] = []
    for chosen, inference in question.inferences(codes):
        own = of_rows(features, chosen)
        numbers = chosen + start
        evidence = inference.evidence(codes[chosen], own, numbers)
        if kind == "draw":
            how = question.how(evidence)
            filled[chosen] = inference.complete(codes[chosen], own, evidence, numbers, each)
        else:
            modes = variable_modes if kind == "variable" else joint_modes
            best, exact = modes(inference, codes[chosen], own, evidence, numbers)
            filled[chosen, 0] = best
            how = question.how_of_modes(kind, exact)
        found.append((chosen, evidence, how))
    evidence, how = _together(found, len(codes))
    evidence.warn_if_poor()
    return Completion(
        rows=filled[:, 0] if number is None else filled,
        kind=kind,
        how=how,
        log_prob=evidence.log_prob,
        error=evidence.error,
        ess=evidence.ess,
    )


def conditional(
    model: MADE,
    variable: int,
    given: Mapping[int, Any] | ArrayLike | Tensor | None = None,
    *,
    context: ArrayLike | Tensor | None = None,
    method: str = "auto",
    mask: int | list[int] | None = None,
    seed: int = 0,
    draws: int = 1000,
    max_states: int = 4096,
) -> Conditional:
    """Return the distribution of one variable given others.

    By Bayes' rule, from how probable what is given is together with each value of the variable.

    Parameters
    ----------
    model : MADE
        Any number of masks.
    variable : int
        Its column, counted from 0.
    given : mapping or array, optional
        ``{variable: value}``, or a row (D,) with NaN or None where an entry is unknown. By default nothing:
        the answer is then the variable's own distribution.
    context, method, mask, seed, draws, max_states
        As for `marginal`; `context` is one row.

    Raises
    ------
    InputError
        If there is no such variable, it is itself given, or what is given has probability 0.

    Examples
    --------
    >>> import made
    >>> model = made.MADE(made.Bernoulli(3), hidden=(8,))
    >>> made.conditional(model, 1, {0: 1, 2: 0}).probabilities
    array([0.5, 0.5])
    """
    check_variable(model.variables, variable)
    question = _Question(model, method, mask, seed, draws, max_states)
    codes = read_given(model.variables, {} if given is None else given)
    if len(codes) != 1:
        raise InputError(f"conditional answers for one row of given values, got {len(codes)}")
    if codes[0, variable] != UNKNOWN:
        raise InputError(f"variable {variable} is itself given: leave it out of given, or ask about another")
    block = model.variables.block_of(variable)
    rows = np.repeat(codes, block.n_values, axis=0)
    rows[:, variable] = np.arange(block.n_values)
    features = model.context_rows(context, 1)
    own = None if features is None else features.expand(len(rows), -1)
    evidence = question.evidence(rows, own, next_variable=variable)
    evidence.of(int(evidence.ess.argmin())).warn_if_poor()
    total = np.logaddexp.reduce(evidence.log_prob)
    if np.isneginf(total):
        raise InputError("the model gives what is given probability 0: nothing follows from it")
    probabilities = np.exp(evidence.log_prob - total)
    # The error of a ratio of independent estimates, to first order.
    spread = (probabilities * evidence.error) ** 2
    own = (1 - probabilities) ** 2 * evidence.error**2
    error = probabilities * np.sqrt(own + spread.sum() - spread)
    worst = int(evidence.how.argmax())
    return Conditional(
        probabilities=probabilities,
        error=error,
        ess=float(evidence.ess.min()),
        how=question.how(evidence)[worst],
        values=tuple(range(block.n_values)) if block.labels is None else block.labels,
    )


class _Question:
    """How the rows of one call are to be answered."""

    def __init__(
        self,
        model: MADE,
        method: str,
        mask: int | list[int] | None,
        seed: int,
        draws: int,
        max_states: int,
    ) -> None:
        if not isinstance(model, MADE):
            raise InputError(f"queries are answered by a made.MADE, which a {type(model).__name__} is not")
        if method not in METHODS:
            raise InputError(f"method is one of {', '.join(map(repr, METHODS))}; got {method!r}")
        self.model = model
        self.is_given_first = method == "given-first"
        self.mask = mask
        self.settings: dict[str, Any] = {
            "seed": check_int("seed", seed),
            "draws": check_int("draws", draws, least=2),
            "max_states": 1 if method == "estimate" else check_int("max_states", max_states, least=1),
            "exact": method == "exact",
        }

    def inferences(
        self, codes: IntArray, next_variable: int | None = None
    ) -> list[tuple[IntArray, Inference]]:
        """Return which rows are asked about together, and whom to ask.

        Where what is given comes first in the ordering, `next_variable` comes after it and before the rest.
        """
        if not self.is_given_first:
            everything = np.arange(len(codes))
            return [(everything, self.model.inference(self.mask, **self.settings))] if len(codes) else []
        order = np.where(codes == UNKNOWN, 2, 0)
        if next_variable is not None:
            order[:, next_variable] = 1
        patterns, which = np.unique(order, axis=0, return_inverse=True)
        return [
            (
                np.flatnonzero(which.reshape(-1) == i),
                self.model.inference(self.mask, pattern, **self.settings),
            )
            for i, pattern in enumerate(patterns)
        ]

    def evidence(self, codes: IntArray, context: Tensor | None, next_variable: int | None = None) -> Evidence:
        """Return how probable what is known in each row is."""
        found: list[tuple[IntArray, Evidence, tuple[str, ...]]] = []
        for chosen, inference in self.inferences(codes, next_variable):
            own = of_rows(context, chosen)
            found.append((chosen, inference.evidence(codes[chosen], own, chosen), ()))
        return _together(found, len(codes))[0]

    def how(self, evidence: Evidence) -> tuple[str, ...]:
        """Say in words how each answer was found."""
        if self.is_given_first:
            return (_GIVEN_FIRST,) * len(evidence.how)
        return tuple(_HOW[int(how)] for how in evidence.how)

    def how_of_modes(self, kind: str, exact: NDArray[np.bool_]) -> tuple[str, ...]:
        """Say in words how each most probable completion was found."""
        otherwise = _COUNTED if kind == "variable" else _SEARCHED
        under = f"; {_GIVEN_FIRST}" if self.is_given_first else ""
        return tuple((_HOW[ENUMERATED] if one else otherwise) + under for one in exact)


def _together(
    found: list[tuple[IntArray, Evidence, tuple[str, ...]]], n: int
) -> tuple[Evidence, tuple[str, ...]]:
    """Put answers about some of the rows each back into the order of the rows."""
    columns = np.zeros((3, n))
    how, words = np.zeros(n, dtype=np.int64), np.full(n, "", dtype=object)
    for chosen, evidence, said in found:
        columns[:, chosen] = evidence.log_prob, evidence.error, evidence.ess
        how[chosen] = evidence.how
        if said:
            words[chosen] = said
    log_prob, error, ess = columns
    return Evidence(log_prob, error, ess, how, mask_weights=np.zeros((0, n))), tuple(words)
