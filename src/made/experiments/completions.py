"""Rows with holes, from files or with half of an image taken away, and their completions on the way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from made import data, plots
from made.answers import Completion
from made.data import find_column
from made.errors import InputError
from made.experiments.folder import RunFolder
from made.experiments.rows import context_of_values, find_rows, part_columns
from made.incomplete import UNKNOWN
from made.model import MADE
from made.ordering import IntArray
from made.rows import Variables

__all__ = [
    "HALVES",
    "IncompleteRows",
    "draw_completions",
    "find_incomplete_rows",
    "half_images",
    "has_holes",
    "parse_values",
    "read_context",
    "read_given_values",
]

#: Halves of an image by name.
HALVES = ("top", "bottom", "left", "right")

_IMAGES = 8


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


def find_incomplete_rows(folder: RunFolder, model: MADE, path: str) -> IncompleteRows:
    """Read rows with holes from a file: empty fields, ``?``, ``NA`` or ``NaN``.

    Raises
    ------
    InputError
        If there is no such file, or a known entry is no value of its variable.
    """
    raw = data.read(path, holes=True)
    rows, given = part_columns(np.asarray(raw.rows), model, folder.context_places)
    missing = np.isnan(rows) if rows.dtype.kind == "f" else np.zeros(rows.shape, dtype=bool)
    if rows.ndim != 2 or rows.shape[1] != model.n_variables:
        raise InputError(
            f"{path}: rows have {rows.shape[-1]} columns, the model has {model.n_variables} variables"
        )
    filled = rows.copy()
    for d in np.flatnonzero(missing.any(axis=0)):
        labels = model.variables.block_of(int(d)).labels
        filled[missing[:, d], d] = 0 if labels is None else labels[0]
    checked = model.variables.rows(model.codes(filled) if model.variables.has_labels else filled)
    codes = checked.cpu().numpy().astype(np.int64)
    codes[missing] = UNKNOWN
    return IncompleteRows(codes, context_of_values(given, model, folder.context_columns), Path(path).name)


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


def draw_completions(
    path: Path, rows: IncompleteRows, completion: Completion, model: MADE, shape: tuple[int, int] | None
) -> Path:
    """Draw incomplete images beside their completions."""
    if shape is None:
        raise InputError(f"{path}: the rows of this run are no images; write .csv or .npy")
    if len(rows.codes) == 0:
        raise InputError("a picture needs at least one row to complete")
    filled = completion.rows if completion.rows.ndim == 3 else completion.rows[:, None]
    some = slice(0, _IMAGES)
    figure = plots.completions(
        rows.codes[some],
        filled[some],
        shape,
        truth=None if rows.truth is None else rows.truth[some],
        levels=int(model.variables.n_values.max()) - 1,
    )
    plots.save(figure, path)
    return path


def parse_values(
    text: str, option: str, variables: Variables, columns: Sequence[str] | None
) -> dict[int, Any]:
    """Read ``"x3=1,x7=0"`` as codes by variable.

    Parameters
    ----------
    text : str
        What the user wrote.
    option : str
        Where, for messages.
    variables : Variables
        What the columns are.
    columns : sequence of str or None
        Their names, where the data had some.

    Raises
    ------
    InputError
        If it is no such list, names a variable twice or one that is not there, or a value it does not take.

    Examples
    --------
    >>> from made.variables import Bernoulli
    >>> parse_values("x1=1, 2=0", "--given", Variables(Bernoulli(3)), None)
    {1: 1, 2: 0}
    """
    values: dict[int, Any] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, word = (piece.strip() for piece in part.partition("="))
        if not equals or not word:
            raise InputError(
                f'{option} takes name=value with commas between, as in "x3=1,x7=0"; got {part!r}'
            )
        place = find_column(name, columns, variables.n_variables)
        code = _code(word, option, name, variables, place)
        if values.get(place, code) != code:
            raise InputError(f"{option} gives {name} two values, {values[place]} and {code}: leave one out")
        values[place] = code
    return values


def read_given_values(text: str | None, folder: RunFolder, model: MADE) -> IntArray | None:
    """Return what ``--given`` says as a row of codes (D,), -1 where nothing is given; None for no text."""
    if text is None:
        return None
    row = np.full(model.n_variables, UNKNOWN, dtype=np.int64)
    for variable, code in parse_values(text, "--given", model.variables, folder.columns).items():
        row[variable] = code
    return row


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
        raise InputError(f'this model is conditional: add --context "{names[0]}=...", for {", ".join(names)}')
    if variables is None:
        raise InputError("--context: the context of this model is numbers; condition on them from Python")
    values = parse_values(text, "--context", variables, folder.context_columns)
    missing = [names[i] for i in range(n_columns) if i not in values]
    if missing:
        raise InputError(f"--context lacks {', '.join(missing)}: give all of {', '.join(names)} a value")
    return np.array([values[i] for i in range(n_columns)])


def has_holes(path: str) -> bool:
    """Return whether a file of rows has unknown entries; a named data set, or what cannot be read, has none."""
    if data.known(path) is not None or not Path(path).is_file():
        return False
    try:
        raw = data.read(path, holes=True)
    except InputError:  # whoever needs the rows says what is wrong
        return False
    return any(rows.dtype.kind == "f" and bool(np.isnan(rows).any()) for rows in raw.splits.values())


def _code(word: str, option: str, name: str, variables: Variables, place: int) -> int:
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
