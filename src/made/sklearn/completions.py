"""What unknown entries of many rows may be: weighted completions of each, and what follows from them.

Under mask k, unknown entries are drawn along the ordering; a completion weighs as much as it makes what is
known probable, p_k(known | what was drawn before). All rows share one set of evenly spread points (Sobol), so
that an answer depends on its row alone: not on its place, nor on the rows beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import qmc

from made.model import MADE
from made.queries.density import Floats, States
from made.queries.quadrature import log_evidence
from made.queries.query import Query
from made.variables.numeric import Numeric
from made.variables.rows import Rows

__all__ = [
    "Completions",
    "class_probabilities",
    "completions",
    "expected",
    "log_likelihood",
    "number_samples",
]

# Completions of a row; where fewer than _FEWEST count, so many instead.
_NUMBER, _FEWEST, _MORE = 64, 16.0, 1024
# Rows go through the network in multiples of this.
_SHAPE = 256
# Quantiles that stand for the distribution of a number.
_LEVELS = 64
# Entries held at once, and the most dimensions that Sobol points have.
_ENTRIES_AT_ONCE, _MOST_DIMENSIONS = 2**21, 21_201


@dataclass(frozen=True)
class Completions:
    """Weighted completions of the rows of one portion.

    Attributes
    ----------
    places : (n,) int array
        Which rows they belong to.
    rows : Rows
        (n * P) complete rows; those of a row follow one another.
    weights : (n, P) array
        Sum to 1 in each row.
    masks : (P,) int array
        The mask that each was drawn under.
    """

    places: NDArray[np.int64]
    rows: Rows
    weights: Floats
    masks: NDArray[np.int64]


def log_likelihood(model: MADE, rows: Rows, *, as_density: bool = False) -> Floats:
    """Return log p of each row, (n,): the same whatever rows are beside it, to the last digits."""
    size = min(_SHAPE, model.rows_per_batch)
    parts = [model.log_prob(part, as_density=as_density) for part in _padded(rows, size).batches(size)]
    scores: Floats = torch.cat([*parts, torch.zeros(0, device=model.device)]).double().cpu().numpy()
    return scores[: len(rows)]


def completions(model: MADE, rows: Rows, masks: list[int] | None = None) -> Iterator[Completions]:
    """Go through weighted completions of all rows, in portions of bounded memory.

    Parameters
    ----------
    model : MADE
        Fitted.
    rows : Rows
        With unknown entries; every one of them is taken to be recorded.
    masks : list of int, optional
        Those whose mixture is asked; by default all.
    """
    question = Query.of(model, "auto", None, 0, 2, 1, recorded=True)
    rows = question.under_conditions(rows)
    masks = model.chosen_masks(None) if masks is None else masks
    again = []
    for part in _portions(np.arange(len(rows)), _NUMBER * model.n_variables):
        found = _weighted(model, rows, part, masks, _NUMBER)
        few = 1 / (found.weights**2).sum(axis=1) < _FEWEST
        again.append(part[few])
        if few.all():
            continue
        keep = np.repeat(~few, found.weights.shape[1])
        yield Completions(
            part[~few], found.rows[torch.from_numpy(np.flatnonzero(keep))], found.weights[~few], found.masks
        )
    for part in _portions(np.concatenate([np.zeros(0, dtype=np.int64), *again]), _MORE * model.n_variables):
        yield _weighted(model, rows, part, masks, _MORE)


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
        out[complete] = _softmax(_joint(model, rows[torch.from_numpy(complete)], target, codes))
        own = rows[torch.from_numpy(np.flatnonzero(gaps))]
        for found in completions(model, own):
            each = _softmax(_joint(model, found.rows, target, codes)).reshape(*found.weights.shape, -1)
            out[np.flatnonzero(gaps)[found.places]] = (found.weights[:, :, None] * each).sum(axis=1)
        return out
    return _softmax(_joint(model, rows, target, codes))


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
            yield found.places, _floats(model, found.rows, target).reshape(n, -1), found.weights
        return
    levels = (np.arange(_LEVELS) + 0.5) / _LEVELS
    gaps = _gaps(rows, target)
    if not gaps.all():
        complete = np.flatnonzero(~gaps)
        for part in _portions(complete, _LEVELS * 64 * len(masks)):
            own = rows[torch.from_numpy(part)]
            values = [_values_at(model, k, own, target, levels) for k in masks]
            weights = _softmax(np.stack([_before(model, k, own, target) for k in masks], axis=1))
            yield part, np.concatenate(values, axis=1), np.repeat(weights / _LEVELS, _LEVELS, axis=1)
    with_gaps = np.flatnonzero(gaps)
    for found in completions(model, rows[torch.from_numpy(with_gaps)], masks):
        # Drawn with the gaps: the column comes last, and weighs nothing.
        n = len(found.places)
        yield with_gaps[found.places], _floats(model, found.rows, target).reshape(n, -1), found.weights


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
    """Return values (n, D) for unknown entries: the mean of numbers, the most probable class.

    Other entries are NaN or None.
    """
    unknown = ~rows.mask.cpu().numpy()
    columns = list(model.variables.columns())
    is_text = any(not isinstance(block, Numeric) for _, block in columns)
    out = np.full(unknown.shape, None if is_text else np.nan, dtype=object if is_text else np.float64)
    for found in completions(model, rows):
        n = len(found.places)
        codes = found.rows.codes.cpu().numpy().reshape(n, -1, len(columns))
        for d, block in columns:
            wanted = np.flatnonzero(unknown[found.places, d])
            if not len(wanted):
                continue
            at, weights = found.places[wanted], found.weights[wanted]
            if isinstance(block, Numeric):
                values = _floats(model, found.rows, d).reshape(n, -1)[wanted]
                out[at, d] = (values * weights).sum(axis=1)
                continue
            shares = np.stack(
                [(weights * (codes[wanted, :, d] == code)).sum(axis=1) for code in range(block.n_values)]
            )
            names = model.variables.discrete(d).values
            out[at, d] = np.array([names[code] for code in shares.argmax(axis=0)], dtype=object)
    return out


def _weighted(
    model: MADE, rows: Rows, places: NDArray[np.int64], masks: list[int], number: int
) -> Completions:
    own = rows[torch.from_numpy(places)]
    each = -(-number // len(masks))
    u = _points(each * len(masks), model.n_variables)
    known = own.mask.cpu().numpy()
    parts, logs = [], []
    repeated, again = own.repeat(each), np.repeat(known, each, axis=0)
    for i, k in enumerate(masks):
        density = model.density(k)
        states = density.sample(np.tile(u[i :: len(masks)], (len(own), 1)), repeated)
        scored = states.rows(repeated, again)
        log_p = [log_evidence(density, part) for part in scored.batches(model.rows_per_batch)]
        parts.append(states)
        logs.append(np.concatenate(log_p).reshape(len(own), each))
    together = States.cat(parts)
    order = np.arange(len(together)).reshape(len(masks), len(own), each).transpose(1, 0, 2).ravel()
    found = Rows(
        torch.from_numpy(together.codes[order]).to(own.codes.dtype),
        bodies=None if own.bodies is None else torch.from_numpy(together.bodies[order]),
    )
    return Completions(places, found, _softmax(np.concatenate(logs, axis=1)), np.repeat(masks, each))


def _points(n: int, n_dimensions: int) -> Floats:
    """Return n evenly spread points of the unit cube, always the same."""
    if n_dimensions > _MOST_DIMENSIONS:
        return np.random.default_rng(0).random((n, n_dimensions))
    power = int(np.ceil(np.log2(n)))
    points: Floats = qmc.Sobol(n_dimensions, rng=np.random.default_rng(0)).random_base2(power)[:n]
    return np.clip(points, 2.0**-53, 1 - 2.0**-53)


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


def _floats(model: MADE, rows: Rows, target: int) -> Floats:
    """Return the values of a numeric column of complete rows, (n,)."""
    numbers = model.variables.numbers
    assert numbers is not None
    assert rows.bodies is not None
    return _numeric(model, target).floats_of(rows.bodies[:, numbers.number_of(target)].cpu().numpy())


def _softmax(log_weights: Floats) -> Floats:
    weights: Floats = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights


def _portions(numbers: NDArray[np.int64], entries_of_row: int) -> Iterator[NDArray[np.int64]]:
    size = max(1, _ENTRIES_AT_ONCE // entries_of_row)
    return (numbers[first : first + size] for first in range(0, len(numbers), size))
