"""Incomplete rows, from files or with half of an image taken away: their scores and their completions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from made import plots
from made.masks.ordering import IntArray
from made.model import MADE
from made.queries.evidence import POOR
from made.queries.numbers import have_means
from made.queries.query import MAX_STATES, Query, row_numbers
from made.queries.results import Answer
from made.runs.folder import RunFolder
from made.runs.rejected import Rejected
from made.runs.row_source import RowSource
from made.runs.rows import FoundRows, find_rows, readable_rows
from made.runs.scores import score_model
from made.support.errors import InputError, PoorEstimateWarning
from made.variables.conditions import Where
from made.variables.encoding import encode_given
from made.variables.rows import Rows

__all__ = [
    "HALVES",
    "IMAGES",
    "IncompleteRows",
    "check_picture",
    "draw_completions",
    "few_particles",
    "find_incomplete_rows",
    "half_images",
    "how_given",
    "intervals_of",
    "poor_estimates",
    "score_known",
    "score_partly_known",
    "values_beside",
    "with_ends",
]

#: Halves of an image by name.
HALVES = ("top", "bottom", "left", "right")

#: How many images a picture of completions shows.
IMAGES = 8

# Rows are answered in portions, for progress to be seen: 1, 1, 2, 4, ... up to this many at once.
_ROWS_PER_PORTION = 64


@dataclass(frozen=True)
class IncompleteRows:
    """Rows to score or to complete.

    Attributes
    ----------
    rows : Rows
        With their context.
    name : str
        Where they come from.
    truth : (n, D) int64 array or None
        The rows as they were, where that is known.
    rejected : Rejected or None
        Rows of the file that could not be read and are not among these.
    """

    rows: Rows
    name: str
    truth: IntArray | None = None
    rejected: Rejected | None = None

    def __len__(self) -> int:
        """Return n."""
        return len(self.rows)

    def __getitem__(self, some: slice) -> IncompleteRows:
        """Return some of the rows."""
        truth = None if self.truth is None else self.truth[some]
        return IncompleteRows(self.rows[some], self.name, truth, self.rejected)

    def as_source(self, model: MADE) -> RowSource:
        """Return them as one portion."""
        return RowSource(model, FoundRows(self.rows, self.name, "all", self.rejected), self.name, "all")

    @property
    def n_unknown(self) -> int:
        """How many entries are unknown, in all rows together."""
        return int((~self.rows.mask).sum())


def find_incomplete_rows(model: MADE, path: str) -> IncompleteRows:
    """Read rows from a file with unknown entries: empty fields, ``?``, ``NA`` or ``NaN``.

    Raises
    ------
    InputError
        If there is no such file, none of its rows can be read, or its columns are not those of the model.
    """
    found = readable_rows(model, path, to_fill=True)
    return IncompleteRows(found.rows, found.name, rejected=found.rejected)


def intervals_of(model: MADE) -> list[str]:
    """Return the names of the columns with the ends of the intervals of numbers: NAME_low, NAME_high, ..."""
    columns = model.schema.modelled
    return [f"{columns[d].name}_{end}" for d in _places(model) for end in ("low", "high")]


def values_beside(model: MADE, part: Answer) -> NDArray[Any]:
    """Return completed rows, (n * number, D), with the ends of intervals beside them where there are any."""
    assert part.values is not None  # it is a completion
    values = part.values.reshape(-1, part.values.shape[-1])
    if part.low is None or part.high is None:
        return values
    return with_ends(values, [own[:, d] for d in _places(model) for own in (part.low, part.high)])


def with_ends(values: NDArray[Any], ends: Sequence[NDArray[np.float64]]) -> NDArray[Any]:
    """Return values (n, D) with columns of numbers beside them."""
    return np.hstack([values.astype(object), np.stack(ends, axis=1)]) if ends else values


def _places(model: MADE) -> list[int]:
    """Return the variables that have a mean, the parts of dates apart."""
    return [d for d in have_means(model.variables) if model.schema.modelled[d].part is None]


def score_known(
    model: MADE,
    rows: IncompleteRows,
    particles: int = 1000,
    advance: Callable[[int], None] = lambda n: None,
) -> Answer:
    """Return log p of what is known in each row: what `MADE.marginal` answers, in portions."""
    parts = list(_in_portions(model.marginal, rows, advance, particles=particles))
    return Answer.cat(parts or [model.marginal(rows.rows, particles=particles)])


def score_partly_known(
    model: MADE,
    rows: Rows,
    first: int | IntArray = 0,
    particles: int = 1000,
    advance: Callable[[int], None] = lambda n: None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return log p of what is known in each row, its standard error and its effective number of particles.

    Complete rows are scored as such, exactly: the number of particles is infinite. The particles of a row are
    a function of its number: they are the same whatever rows are beside it.

    Parameters
    ----------
    model : MADE
        Scores them.
    rows : Rows
        n, with their context.
    first : int or (n,) int array
        Number of the first row, or of each.
    particles : int
        Per row and mask, where an answer is estimated.
    advance : callable
        Told how many rows are done, now and then.
    """
    numbers = row_numbers(first, len(rows))
    complete = rows.mask.all(dim=1).cpu().numpy()
    log_prob, error, ess = np.zeros(len(rows)), np.zeros(len(rows)), np.full(len(rows), np.inf)
    device = rows.codes.device
    if complete.any():
        own = rows[torch.from_numpy(np.flatnonzero(complete)).to(device)]
        log_prob[complete] = score_model(model, replace(own, known=None), advance).numpy()
    question = Query.of(model, "auto", None, 0, particles, MAX_STATES)
    others = np.flatnonzero(~complete)
    for part in _portions(len(others)):
        some = others[part]
        found = question.evidence(rows[torch.from_numpy(some).to(device)], numbers[some])
        log_prob[some], error[some], ess[some] = found.log_prob, found.error, found.ess
        advance(len(some))
    return log_prob, error, ess


def how_given(
    model: MADE,
    given: Rows | None,
    context: NDArray[Any] | None = None,
    where: Where | None = None,
) -> str:
    """Say in words how rows given these values, one row of them, and conditions are drawn."""
    if given is None:
        given = encode_given(model.variables, {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoorEstimateWarning)  # whoever drew them was warned
        return model.complete(given, where=where or None, context=context).how[0]


def poor_estimates(ess: NDArray[np.float64]) -> str:
    """Say how many estimates have a small effective number of particles; nothing where none has.

    Examples
    --------
    >>> poor_estimates(np.array([2.0, 700.0, np.inf]))
    '1 of the estimates rests on few effective particles, 2.0 at the worst: raise --particles'
    """
    poor = ess[ess < POOR]
    return few_particles(len(poor), float(poor.min(initial=np.inf)))


def few_particles(n: int, worst: float) -> str:
    """Say that n estimates rest on few effective particles, `worst` of them at the worst; nothing of none."""
    if n == 0:
        return ""
    return (
        f"{n:,} of the estimates {'rests' if n == 1 else 'rest'} on few effective particles, {worst:.1f} at "
        "the worst: raise --particles"
    )


def _in_portions(
    ask: Callable[..., Answer], rows: IncompleteRows, advance: Callable[[int], None], **settings: Any
) -> Iterator[Answer]:
    """Answer portions of growing size: a row may take a moment or a minute, and the first ones tell which."""
    for place in _portions(len(rows)):
        part = rows.rows[place]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PoorEstimateWarning)
            answer = ask(part, first=place.start, **settings)
        advance(len(part))
        yield answer


def _portions(n: int) -> Iterator[slice]:
    first, size = 0, 1
    while first < n:
        yield slice(first, min(first + size, n))
        first += size
        size = min(max(first, 1), _ROWS_PER_PORTION)


def half_images(
    folder: RunFolder, model: MADE, half: str, n: int, seed: int, data_dir: str | None = None
) -> IncompleteRows:
    """Take held-out images of the run's data, and leave only one half of each given.

    Parameters
    ----------
    folder, model
        The run and its model.
    half : str
        One of `HALVES`.
    n : int
        How many images.
    seed : int
        Picks them.
    data_dir : str, optional
        Where named data sets are looked for first.

    Raises
    ------
    InputError
        If the rows of the run are no images.
    """
    shape = model.schema.image_shape
    if shape is None:
        raise InputError(f"the rows of {folder.path} are no images: give a file of rows with unknown entries")
    if half not in HALVES:
        raise InputError(f"a half is one of {', '.join(HALVES)}; got {half!r}")
    found = find_rows(folder, model, None, None, data_dir)
    picked = np.random.default_rng(seed).permutation(len(found.rows.codes))[:n]
    truth = found.rows.codes[torch.from_numpy(picked)].cpu()
    height, width = shape
    place = np.arange(height)[:, None] if half in ("top", "bottom") else np.arange(width)[None, :]
    middle = (height if half in ("top", "bottom") else width) / 2
    given = np.broadcast_to(place < middle if half in ("top", "left") else place >= middle, shape).ravel()
    name = f"{len(truth)} test images of {found.name}, {half} half given"
    known = torch.from_numpy(given.copy()).expand(truth.shape)
    return IncompleteRows(Rows(torch.where(known, truth, 0), known), name, truth.numpy().astype(np.int64))


def check_picture(
    path: Path, rows: IncompleteRows, number: int | None, shape: tuple[int, int] | None
) -> tuple[int, int]:
    """Return the shape of the images, or say why they and `number` completions of each make no picture."""
    if shape is None:
        raise InputError(f"{path}: the rows of this run are no images; write .csv, .parquet or .npy")
    if len(rows) == 0 or number == 0:
        raise InputError("a picture needs at least one row to complete, and one completion of it")
    plots.check_place(path)
    return shape


def draw_completions(
    path: Path,
    rows: IncompleteRows,
    filled: NDArray[Any],
    model: MADE,
    shape: tuple[int, int] | None,
) -> Path:
    """Draw the first `IMAGES` incomplete images beside their completions, (n, D) or (n, number, D)."""
    several = filled if filled.ndim == 3 else filled[:, None]
    shape = check_picture(path, rows, several.shape[1], shape)
    shown = rows[:IMAGES]
    known, codes = shown.rows.mask.cpu().numpy(), shown.rows.codes.cpu().numpy().astype(np.int64)
    figure = plots.completions(
        codes,
        known,
        several[:IMAGES],
        shape,
        truth=shown.truth,
        n_values=int(model.variables.n_values.max()),
    )
    plots.save(figure, path)
    return path
