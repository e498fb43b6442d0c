"""Rows with holes, from files or with half of an image taken away, and their completions on the way out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from made import data, plots
from made.masks.ordering import IntArray
from made.model import MADE
from made.queries.questions import complete, marginal
from made.queries.results import Completion, Marginal
from made.runs.folder import RunFolder
from made.runs.rows import context_of_values, find_rows, in_order, part_columns
from made.support.checks import check_int
from made.support.errors import InputError, PoorEstimateWarning
from made.variables.column import find_column
from made.variables.missing import UNKNOWN
from made.variables.row_type import RowType

__all__ = [
    "HALVES",
    "IMAGES",
    "IncompleteRows",
    "check_picture",
    "complete_portions",
    "draw_completions",
    "find_incomplete_rows",
    "half_images",
    "has_holes",
    "how_given",
    "parse_values",
    "read_context",
    "read_given_values",
    "score_known",
]

#: Halves of an image by name.
HALVES = ("top", "bottom", "left", "right")

#: How many images a picture of completions shows.
IMAGES = 8

# Rows are answered in portions, for progress to be seen: 1, 1, 2, 4, ... and then so many at once.
_ROWS_PER_PORTION = 64


@dataclass(frozen=True)
class IncompleteRows:
    """Rows to complete.

    Attributes
    ----------
    codes : (n, D) int64 array
        -1 where unknown.
    context : (n, C) tensor or None
    name : str
        Where they come from.
    truth : (n, D) int64 array or None
        The rows as they were, where that is known.
    """

    codes: IntArray
    context: Tensor | None
    name: str
    truth: IntArray | None = None

    def __len__(self) -> int:
        """Return n."""
        return len(self.codes)

    def __getitem__(self, some: slice) -> IncompleteRows:
        """Return some of the rows."""
        return IncompleteRows(
            self.codes[some],
            None if self.context is None else self.context[some],
            self.name,
            None if self.truth is None else self.truth[some],
        )


def find_incomplete_rows(folder: RunFolder, model: MADE, path: str) -> IncompleteRows:
    """Read rows with holes from a file: empty fields, ``?``, ``NA`` or ``NaN``.

    Raises
    ------
    InputError
        If there is no such file, or a known entry is no value of its variable.
    """
    raw = data.read(path, missing=True)
    try:
        return _incomplete(
            in_order(np.asarray(raw.rows), raw.columns, folder), folder, model, Path(path).name
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _incomplete(table: NDArray[Any], folder: RunFolder, model: MADE, name: str) -> IncompleteRows:
    rows, given = part_columns(table, model, folder.context_places)
    missing = np.isnan(rows) if rows.dtype.kind == "f" else np.zeros(rows.shape, dtype=bool)
    if rows.ndim != 2 or rows.shape[1] != model.n_variables:
        raise InputError(f"rows have {rows.shape[-1]} columns, the model has {model.n_variables} variables")
    filled = rows.copy()
    for d in np.flatnonzero(missing.any(axis=0)):
        labels = model.variables.block_of(int(d)).labels
        filled[missing[:, d], d] = 0 if labels is None else labels[0]
    checked = model.variables.rows(model.codes(filled) if model.variables.has_labels else filled)
    codes = checked.cpu().numpy().astype(np.int64)
    codes[missing] = UNKNOWN
    return IncompleteRows(codes, context_of_values(given, model, folder.context_columns), name)


def complete_portions(
    model: MADE,
    rows: IncompleteRows,
    advance: Callable[[int], None] = lambda n: None,
    **settings: Any,
) -> Iterator[Completion]:
    """Complete rows portion by portion: together they are what `made.complete` answers.

    Parameters
    ----------
    model : MADE
        Completes them.
    rows : IncompleteRows
        What is known.
    advance : callable
        Told the number of rows of a portion once they are complete.
    **settings
        Of `made.complete`. Poor estimates are not warned of: `Completion.ess` has them.
    """
    for some in _portions(len(rows)):
        part = rows[some]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PoorEstimateWarning)
            filled = complete(
                model,
                np.maximum(part.codes, 0),
                unknown=part.codes == UNKNOWN,
                context=part.context,
                first=some.start,
                **settings,
            )
        advance(len(part))
        yield filled


def score_known(
    model: MADE,
    rows: IncompleteRows,
    draws: int = 1000,
    advance: Callable[[int], None] = lambda n: None,
) -> Marginal:
    """Return log p of what is known in each row, which is what `made.marginal` answers, in portions."""
    inference = model.inference(draws=check_int("draws", draws, least=2))
    parts = [np.zeros((3, 0))]
    for some in _portions(len(rows)):
        part = rows[some]
        found = inference.evidence(part.codes, part.context, np.arange(some.start, some.start + len(part)))
        parts.append(np.stack([found.log_prob, found.error, found.ess]))
        advance(len(part))
    log_prob, error, ess = np.concatenate(parts, axis=1)
    return Marginal(log_prob, error, ess, tuple("exact" if np.isinf(one) else "estimated" for one in ess))


def _portions(n: int) -> Iterator[slice]:
    """Cut n rows into portions; a row may take a moment or a minute, and the first ones tell which."""
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
    shape = folder.image_shape
    if shape is None:
        raise InputError(f"the rows of {folder.path} are no images: give a file of rows with holes instead")
    if half not in HALVES:
        raise InputError(f"a half is one of {', '.join(HALVES)}; got {half!r}")
    found = find_rows(folder, model, None, None, data_dir)
    picked = np.random.default_rng(seed).permutation(len(found.codes))[:n]
    truth = found.codes.cpu().numpy().astype(np.int64)[picked]
    height, width = shape
    place = np.arange(height)[:, None] if half in ("top", "bottom") else np.arange(width)[None, :]
    middle = (height if half in ("top", "bottom") else width) / 2
    given = np.broadcast_to(place < middle if half in ("top", "left") else place >= middle, shape).ravel()
    name = f"{len(truth)} test images of {found.name}, {half} half given"
    return IncompleteRows(np.where(given, truth, UNKNOWN), None, name, truth)


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
    figure = plots.completions(
        shown.codes,
        shown.codes != UNKNOWN,
        several[:IMAGES],
        shape,
        truth=shown.truth,
        n_values=int(model.variables.n_values.max()),
    )
    plots.save(figure, path)
    return path


def parse_values(text: str, option: str, variables: RowType, columns: Sequence[str] | None) -> dict[int, Any]:
    """Read ``"x3=1,x7=0"`` as codes by variable.

    Parameters
    ----------
    text : str
        What the user wrote.
    option : str
        Where, for messages.
    variables : RowType
        What the columns are.
    columns : sequence of str or None
        Their names, where the data had some.

    Raises
    ------
    InputError
        If it is no such list, names a variable twice or one that is not there, or a value it does not take.

    Examples
    --------
    >>> from made.variables.discrete import Bernoulli
    >>> parse_values("x1=1, 2=0", "--given", RowType(Bernoulli(3)), None)
    {1: 1, 2: 0}
    """
    values: dict[int, Any] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, word = (piece.strip() for piece in part.partition("="))
        if not equals or not word:
            raise InputError(
                f'{option} takes name=value with commas between, as in "x3=1,x7=0"; got {part!r}'
            )
        try:
            place = find_column(name, columns, variables.n_variables)
        except InputError as error:
            raise InputError(f"{option}: {error}") from None
        code = _code(word, option, name, variables, place)
        if values.get(place, code) != code:
            raise InputError(f"{option} gives {name} two values, {values[place]} and {code}: leave one out")
        values[place] = code
    return values


def read_given_values(text: str | None, folder: RunFolder, model: MADE) -> IntArray | None:
    """Return what ``--given`` says as a row of codes (D,), -1 where nothing is given; None for nothing."""
    given = parse_values(text or "", "--given", model.variables, folder.columns)
    if not given:
        return None
    row = np.full(model.n_variables, UNKNOWN, dtype=np.int64)
    for variable, code in given.items():
        row[variable] = code
    return row


def how_given(model: MADE, given: IntArray, context: NDArray[Any] | None = None) -> str:
    """Say in words how rows with these given codes (D,), -1 where unknown, are drawn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoorEstimateWarning)  # whoever drew them was warned
        found = marginal(model, np.maximum(given, 0)[None], unknown=given[None] == UNKNOWN, context=context)
    return found.how[0]


def read_context(text: str | None, folder: RunFolder, model: MADE) -> NDArray[Any] | None:
    """Return what ``--context`` says as a row of context (C,); None for no text and no context.

    Raises
    ------
    InputError
        If the model takes none, or a column of it is missing.
    """
    if not model.context:
        if text is not None:
            raise InputError("--context: this model has none; fit one with made fit DATA --context COLUMNS")
        return None
    n_columns, variables = model.context.n_columns, model.context.variables
    names = folder.context_columns or [f"x{i}" for i in range(n_columns)]
    if text is None:
        each = ",".join(f"{name}=..." for name in names)
        raise InputError(f'this model is conditional: add --context "{each}"')
    if variables is None:
        raise InputError("--context: the context of this model is numbers; condition on them from Python")
    values = parse_values(text, "--context", variables, folder.context_columns)
    missing = [names[i] for i in range(n_columns) if i not in values]
    if missing:
        raise InputError(f"--context lacks {', '.join(missing)}: give all of {', '.join(names)} a value")
    return np.array([values[i] for i in range(n_columns)])


def has_holes(path: str) -> bool:
    """Return whether a file of rows has unknown entries; a named data set has none.

    Raises
    ------
    InputError
        If the file cannot be read even so.
    """
    if data.known(path) is not None or not Path(path).is_file():
        return False
    raw = data.read(path, missing=True)
    return any(rows.dtype.kind == "f" and bool(np.isnan(rows).any()) for rows in raw.splits.values())


def _code(word: str, option: str, name: str, variables: RowType, place: int) -> int:
    """Return the code of a value as the user wrote it: a label, where there are labels, else the code."""
    block = variables.block_of(place)
    values: list[Any] = list(range(block.n_values)) if block.labels is None else list(block.labels)
    if word in values:
        return values.index(word)
    try:
        return values.index(float(word))
    except ValueError:
        shown = ", ".join(map(str, values[:6])) + (f", ..., {values[-1]}" if len(values) > 6 else "")
        raise InputError(f"{option}: {name} cannot be {word}; it takes {shown}") from None
