"""What weighted completions of many rows are to estimators: of one column, or of all that is unknown.

An answer depends on its row alone: not on its place, nor on the rows beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from made.model import MADE
from made.queries import weighted
from made.queries.density import Floats
from made.queries.numbers import floats_of, have_means
from made.queries.weighted import completions, softmax
from made.variables.numeric import Numeric
from made.variables.rows import Rows

__all__ = ["class_probabilities", "expected", "log_likelihood", "number_samples"]

# Rows go through the network in multiples of this.
_SHAPE = 256
# Quantiles that stand for the distribution of a number.
_LEVELS = 64
# Entries held at once.
_ENTRIES_AT_ONCE = 2**21


def log_likelihood(model: MADE, rows: Rows, *, as_density: bool = False) -> Floats:
    """Return log p of each row, (n,): the same whatever rows are beside it, to the last digits."""
    size = min(_SHAPE, model.rows_per_batch)
    parts = [model.log_prob(part, as_density=as_density) for part in _padded(rows, size).batches(size)]
    scores: Floats = torch.cat([*parts, torch.zeros(0, device=model.device)]).double().cpu().numpy()
    return scores[: len(rows)]


def class_probabilities(model: MADE, rows: Rows, target: int) -> Floats:
    """Return the probability of each code of a discrete column given the others, (n, K), missing left out.

    Complete rows: p(y | x) = p(x, y) / sum over y, one pass for each class. With gaps, where the column is
    last in every ordering: its mean over weighted completions of the gaps; else by `MADE.marginal`.
    """
    block = model.variables.discrete(target)
    codes = [code for code, value in enumerate(block.values) if value is not None]
    out = np.zeros((len(rows), len(codes)))
    gaps = _gaps(rows, target)
    masks = _masks_with_last(model, target)
    if len(masks) == model.n_masks and gaps.any():
        complete = np.flatnonzero(~gaps)
        out[complete] = softmax(_joint(model, rows[torch.from_numpy(complete)], target, codes))
        own = rows[torch.from_numpy(np.flatnonzero(gaps))]
        for found in completions(model, own):
            each = softmax(_joint(model, found.rows, target, codes)).reshape(*found.weights.shape, -1)
            out[np.flatnonzero(gaps)[found.places]] = (found.weights[:, :, None] * each).sum(axis=1)
        return out
    return softmax(_joint(model, rows, target, codes))


def number_samples(
    model: MADE, rows: Rows, target: int
) -> Iterator[tuple[NDArray[np.int64], Floats, Floats]]:
    """Go through the distributions of a numeric column given the others, as weighted values.

    Of the masks that have the column last in their ordering the values are quantiles of p(y | x), exact
    where nothing else is unknown, and only these masks are asked. Where there is none they are those of
    weighted completions.

    Yields
    ------
    places : (m,) int array
        Numbers of rows.
    values, weights : (m, S) arrays
    """
    masks = _masks_with_last(model, target)
    if not masks:
        for found in completions(model, rows):
            n = len(found.places)
            yield found.places, floats_of(model.variables, found.rows, target).reshape(n, -1), found.weights
        return
    levels = (np.arange(_LEVELS) + 0.5) / _LEVELS
    gaps = _gaps(rows, target)
    if not gaps.all():
        complete = np.flatnonzero(~gaps)
        for part in _portions(complete, _LEVELS * 64 * len(masks)):
            own = rows[torch.from_numpy(part)]
            values = [_values_at(model, k, own, target, levels) for k in masks]
            weights = softmax(np.stack([_before(model, k, own, target) for k in masks], axis=1))
            yield part, np.concatenate(values, axis=1), np.repeat(weights / _LEVELS, _LEVELS, axis=1)
    with_gaps = np.flatnonzero(gaps)
    for found in completions(model, rows[torch.from_numpy(with_gaps)], masks):
        # Drawn with the gaps: the column comes last, and weighs nothing.
        n = len(found.places)
        yield (
            with_gaps[found.places],
            floats_of(model.variables, found.rows, target).reshape(n, -1),
            found.weights,
        )


def _values_at(model: MADE, mask: int, rows: Rows, target: int, levels: Floats) -> Floats:
    """Return quantiles (n, L) of a numeric column given the others, which all come before it."""
    complete = replace(rows, known=None, scores=None)
    with torch.no_grad():
        outputs = model.outputs(_padded(complete), mask)[: len(rows)].repeat_interleave(len(levels), dim=0)
        uniforms = torch.from_numpy(np.tile(levels, len(rows))).to(outputs.device)
        _, bodies = model.variables.quantile(outputs, target, uniforms, recorded=True)
    assert bodies is not None
    found = _numeric(model, target).floats_of(bodies.cpu().numpy())
    return cast("Floats", found.reshape(len(rows), -1))


def expected(model: MADE, rows: Rows) -> Floats | NDArray[np.object_]:
    """Return values (n, D) for unknown entries: the mean of numbers and ordered classes, else a class.

    Other entries are NaN or None.
    """
    unknown = ~rows.mask.cpu().numpy()
    columns = list(model.variables.columns())
    found = weighted.expected(model, rows)
    numbers = have_means(model.variables)
    if len(numbers) == len(columns):
        return np.where(unknown, found.means, np.nan)
    out = np.full(unknown.shape, None, dtype=object)
    for d, _ in columns:
        at = unknown[:, d]
        if d in numbers:
            out[at, d] = found.means[at, d]
        else:
            names = np.array(model.variables.discrete(d).values, dtype=object)
            out[at, d] = names[found.codes[at, d]]
    return out


def _joint(model: MADE, rows: Rows, target: int, codes: list[int]) -> Floats:
    """Return log p of rows together with each code of a column, (n, len(codes))."""
    known = rows.mask.clone()
    known[:, target] = True
    out = np.zeros((len(rows), len(codes)))
    for i, code in enumerate(codes):
        with_code = rows.codes.clone()
        with_code[:, target] = code
        own = replace(rows, codes=with_code, known=known, scores=None, regions=None, recorded=False)
        out[:, i] = log_likelihood(model, own)
    return out


def _before(model: MADE, mask: int, rows: Rows, target: int) -> Floats:
    """Return log p of all columns but the one that is last under a mask, (n,)."""
    scores = model.density(mask).log_prob(_padded(replace(rows, known=None, scores=None)))[: len(rows)]
    return cast("Floats", np.delete(scores, target, axis=1).sum(axis=1))


def _padded(rows: Rows, size: int = _SHAPE) -> Rows:
    """Return rows followed by some of them again, so that their number is a multiple of a size.

    How float32 rounds depends on the number of rows that go through a network together.
    """
    n = len(rows)
    return rows[torch.arange(-(-n // size) * size) % max(n, 1)]


def _masks_with_last(model: MADE, target: int) -> list[int]:
    """Return the numbers of the masks that have a column last in their ordering."""
    return [k for k in range(model.n_masks) if model.density(k).ranks[target] == model.n_variables]


def _gaps(rows: Rows, target: int) -> NDArray[np.bool_]:
    """Return which rows have unknown entries besides the target."""
    others = np.delete(~rows.mask.cpu().numpy(), target, axis=1)
    return cast("NDArray[np.bool_]", others.any(axis=1))


def _numeric(model: MADE, target: int) -> Numeric:
    numbers = model.variables.numbers
    assert numbers is not None
    return numbers.columns[numbers.number_of(target)]


def _portions(numbers: NDArray[np.int64], entries_of_row: int) -> Iterator[NDArray[np.int64]]:
    size = max(1, _ENTRIES_AT_ONCE // entries_of_row)
    return (numbers[first : first + size] for first in range(0, len(numbers), size))
