"""NLL by number of masks averaged, for the mixture of the masks and for their averaged logits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from made import plots
from made.model import MADE
from made.runs.scores import Score, score_rows
from made.support.checks import check_int
from made.support.errors import InputError
from made.variables.rows import Rows

__all__ = ["MasksAveraged", "average_masks", "check_counts", "draw_masks_averaged", "log_probs_averaged"]


@dataclass(frozen=True)
class MasksAveraged:
    """Figures by number of masks averaged.

    Attributes
    ----------
    counts : tuple of int
        Numbers of masks, ascending: the first is of mask 0, the next of masks 0, 1, ...
    mixture : tuple of Score
        Of the mixture of these masks: the mean of their densities, which is the model's density.
    logits : tuple of Score
        Of the average of their network outputs: see `logits_are`.
    one_ordering : bool
        Whether all these masks share one ordering.
    """

    counts: tuple[int, ...]
    mixture: tuple[Score, ...]
    logits: tuple[Score, ...]
    one_ordering: bool

    @property
    def logits_are(self) -> str:
        """What averaged logits stand for: a distribution, or not."""
        if self.counts[-1] == 1:
            return "of one mask, the same"
        return "a distribution, not the mixture" if self.one_ordering else "not a distribution"

    def as_dict(self) -> dict[str, Any]:
        """Return all figures, JSON-ready."""
        rows = zip(self.counts, self.mixture, self.logits, strict=True)
        return {
            "n": self.mixture[0].n,
            "one_ordering": self.one_ordering,
            "logits_averaged_is": self.logits_are,
            "masks_averaged": [
                {"masks": count, "mixture": _figures(mixture), "logits_averaged": _figures(logits)}
                for count, mixture, logits in rows
            ],
        }


def check_counts(model: MADE, counts: Sequence[int]) -> tuple[int, ...]:
    """Return numbers of masks in ascending order, each once.

    Raises
    ------
    InputError
        If there is none, one is below 1, or the model has fewer masks. With fresh masks there is no limit.

    Examples
    --------
    >>> import made
    >>> check_counts(made.MADE(made.Bernoulli(3), hidden=(4,), orderings=4), [1, 4, 2, 2])
    (1, 2, 4)
    """
    checked = tuple(sorted({check_int("the number of masks to average", count, least=1) for count in counts}))
    if not checked:
        raise InputError("no number of masks to average was given: name at least one, such as 1")
    if model.mask_set.is_fresh or checked[-1] <= model.n_masks:
        return checked
    more = "train a model with fresh orderings or connectivities for as many as you like"
    if model.n_masks == 1:
        raise InputError(f"cannot average {checked[-1]} masks, for this model has one: ask for 1, or {more}")
    raise InputError(
        f"cannot average {checked[-1]} masks, for this model is a {model.mask_set.describe()}: "
        f"ask for at most {model.n_masks}, or {more}"
    )


@torch.no_grad()
def log_probs_averaged(
    model: MADE,
    rows: Rows,
    counts: Sequence[int],
    advance: Callable[[int], None] = lambda n: None,
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Score rows by the first k masks of a model, for several k: as a mixture, and by averaged logits.

    Masks are made one at a time; only the sum of the densities and the sum of the outputs are kept.

    Parameters
    ----------
    model : MADE
        Whose masks are averaged.
    rows : Rows
        As ``model.rows`` returns them; one batch.
    counts : sequence of int
        The k, as `check_counts` returns them.
    advance : callable
        Called with the number of rows, once per mask.

    Yields
    ------
    k : int
    mixture : (n,) float64 tensor
        logsumexp over the first k masks of log p(x | mask) - log k, in nats.
    logits : (n,) float64 tensor
        log p(x) in nats if each variable had the mean of the k outputs for it. Where the orderings differ,
        these outputs have seen different variables: no chain rule joins them, and exp of this does not sum
        to 1 over all states.
    """
    rows = model.variables.scored(rows)
    log_sum = torch.full((len(rows),), -torch.inf, dtype=torch.float64, device=rows.codes.device)
    output_sum: Tensor | float = 0.0
    for k in range(counts[-1]):
        outputs = model.outputs(rows, k)
        log_sum = torch.logaddexp(log_sum, _log_prob(model, outputs, rows))
        output_sum = output_sum + outputs.double()
        if k + 1 in counts:
            mean = (output_sum / (k + 1)).to(outputs.dtype)
            yield k + 1, log_sum - math.log(k + 1), _log_prob(model, mean, rows)
        advance(len(rows))


def average_masks(
    model: MADE,
    rows: ArrayLike | Rows,
    counts: Sequence[int],
    advance: Callable[[int], None] = lambda n: None,
    *,
    context: ArrayLike | Tensor | None = None,
) -> MasksAveraged:
    """Return the NLL of rows by number of masks averaged.

    Rows are scored in batches and masks one at a time; besides a batch, memory holds two numbers per row and
    count.

    Parameters
    ----------
    model : MADE
        Whose masks are averaged.
    rows : (n, D) array, or Rows
        What is scored.
    counts : sequence of int
        Numbers of masks, in any order.
    advance : callable
        Called with the number of rows scored under one mask; the sum is n times the largest count.
    context : array or tensor, optional
        (n, C), or (C,) for all rows: for a model of p(x | c).

    Raises
    ------
    InputError
        If the rows do not fit the model, or it has fewer masks.

    Examples
    --------
    >>> import made
    >>> model = made.MADE(made.Bernoulli(3), hidden=(8,), orderings="fresh")
    >>> result = average_masks(model, [[0, 1, 1], [1, 1, 0]], [1, 8])
    >>> round(result.mixture[1].bits_per_dim, 6)  # not trained yet: one bit per variable, whatever the masks
    1.0
    >>> result.logits_are
    'not a distribution'
    """
    counts = check_counts(model, counts)
    mixture: dict[int, list[Tensor]] = {count: [] for count in counts}
    logits: dict[int, list[Tensor]] = {count: [] for count in counts}
    for batch in model.rows(rows, context).batches(model.rows_per_pass):
        for count, of_mixture, of_logits in log_probs_averaged(model, batch, counts, advance):
            mixture[count].append(of_mixture)
            logits[count].append(of_logits)
    return MasksAveraged(
        counts=counts,
        mixture=_scores(mixture, model),
        logits=_scores(logits, model),
        one_ordering=_share_ordering(model, counts[-1]),
    )


def _scores(parts: dict[int, list[Tensor]], model: MADE) -> tuple[Score, ...]:
    nothing = torch.zeros(0, dtype=torch.float64, device=model.device)
    return tuple(score_rows(torch.cat([nothing, *own]), model.n_variables) for own in parts.values())


def draw_masks_averaged(path: Path, result: MasksAveraged, title: str) -> Path:
    """Draw NLL against the number of masks averaged."""
    figure = plots.masks_averaged(
        result.counts,
        [score.nll for score in result.mixture],
        [score.nll for score in result.logits],
        mixture_se=[score.nll_se for score in result.mixture],
        logits_are=result.logits_are,
        title=title,
    )
    plots.save(figure, path)
    return path


def _log_prob(model: MADE, outputs: Tensor, rows: Rows) -> Tensor:
    return model.variables.log_prob(outputs, rows.codes, rows.scores).double().sum(dim=1)


def _share_ordering(model: MADE, n_masks: int) -> bool:
    """Return whether the first masks share one ordering."""
    if model.mask_set.orderings == 1:
        return True
    first = model.mask(0).ordering
    return all((model.mask(k).ordering == first).all() for k in range(1, n_masks))


def _figures(score: Score) -> dict[str, Any]:
    figures = score.as_dict()
    del figures["n"]
    return figures
