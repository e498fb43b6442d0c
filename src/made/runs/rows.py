"""Which rows a command is about: a split of the run's own data, of another set, or every row of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from made import data
from made.data.dataset import split_rows
from made.model import MADE
from made.runs.folder import RunFolder
from made.support.errors import InputError

__all__ = ["FoundRows", "context_of_values", "find_rows", "in_order", "part_columns"]

_SPLITS = ("train", "valid", "test", "all")


@dataclass(frozen=True)
class FoundRows:
    """Rows as a model takes them.

    Attributes
    ----------
    codes : (n, D) tensor
    name : str
        Of the data set, or of the file.
    split : str
        Which of its rows these are.
    context : (n, C) tensor or None
        What the rows are conditioned on, for a model of p(x | c).
    """

    codes: Tensor
    name: str
    split: str
    context: Tensor | None = None


def find_rows(
    folder: RunFolder,
    model: MADE,
    name: str | None,
    split: str | None = None,
    data_dir: str | None = None,
    *,
    whole_file: bool = False,
) -> FoundRows:
    """Find the rows that a user means.

    Parameters
    ----------
    folder : RunFolder
        The run.
    model : MADE
        Its model: says what codes and labels mean.
    name : str or None
        A named data set, a path, or None for the run's own data.
    split : "train", "valid", "test", "all" or None
        None means ``"test"``, but every row of a file of one array that is not the run's own.
    data_dir : str or None
        Where named data sets are looked for first.
    whole_file : bool
        Without a split, take every row of a file of one array even if it is the run's own.

    Raises
    ------
    InputError
        If there are no such rows, or they do not fit the model.
    """
    if split is not None and split not in _SPLITS:
        raise InputError(f"a split is one of {', '.join(_SPLITS)}; got {split!r}")
    if name is None:
        return _of_dataset(folder.load_data(data_dir), model, split)
    seed = 0
    if (folder.path / "settings.json").exists():
        own = folder.origin
        is_own = own["name"] in (name, data.known(name), str(Path(name).resolve()))
        if is_own and not (whole_file and split is None and data.known(name) is None):
            return _of_dataset(folder.load_data(data_dir), model, split)
        seed = own["seed"]
    if data.known(name) is not None:
        return _of_dataset(data.load(name, data_dir=data_dir, seed=seed), model, split)
    return _of_file(name, model, split, seed, folder)


def _of_dataset(dataset: data.Dataset, model: MADE, split: str | None) -> FoundRows:
    split = split or "test"

    def chosen(part: data.Dataset) -> NDArray[Any]:
        return np.concatenate(list(part.splits.values())) if split == "all" else part.splits[split]

    rows = chosen(dataset)
    context = None if dataset.context is None else chosen(dataset.context)
    return FoundRows(model.rows(rows), dataset.name, split, model.context_rows(context, len(rows)))


def _of_file(name: str, model: MADE, split: str | None, seed: int, folder: RunFolder) -> FoundRows:
    raw = data.read(name)
    if raw.table is not None:
        return _of_dataset(data.load(name, seed=seed), model, split)
    if split is None:
        split = "all" if "all" in raw.splits else "test"
    rows = raw.rows if split == "all" else split_rows(raw.splits, raw.source, seed)[0][split]
    try:
        rows = in_order(rows, raw.columns, folder)
        rows, given = part_columns(rows, model, folder.context_places)
        # Labels are as the file has them; the model knows which codes they stand for.
        codes = model.rows(model.codes(rows) if model.variables.has_labels else rows)
        context = context_of_values(given, model, folder.context_columns)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    return FoundRows(codes, Path(name).name, split, context)


def in_order(rows: NDArray[Any], names: Sequence[str] | None, folder: RunFolder) -> NDArray[Any]:
    """Return rows with their columns in the order of the run's data, told by the names in the header.

    Raises
    ------
    InputError
        If the header names other columns than those that the run was fitted on.
    """
    known = folder.all_columns
    if names is None or known is None or list(names) == known or len(names) != len(known):
        return (
            rows  # without a header on both sides there is nothing to compare; widths are checked elsewhere
        )
    foreign = [name for name in names if name not in known]
    if foreign or len(set(names)) < len(names):
        wrong = foreign[0] if foreign else next(name for name in names if list(names).count(name) > 1)
        raise InputError(
            f"the header has {wrong!r} {'twice' if not foreign else ''}where the run was fitted on "
            f"{', '.join(known[:8])}{', ...' if len(known) > 8 else ''}: name the columns alike"
        )
    return rows[:, [list(names).index(name) for name in known]]


def part_columns(
    rows: NDArray[Any], model: MADE, places: list[int]
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Part the columns of a file into those of the variables and those of the context.

    Parameters
    ----------
    rows : (n, D + C) array
        As the file has them.
    model : MADE
        Has D variables and C columns of context.
    places : list of int
        Which columns are context. Where that is not known they are the last ones.
    """
    n_columns = model.context.n_columns
    if n_columns == 0:
        return rows, None
    width = model.n_variables + n_columns
    if rows.ndim != 2 or rows.shape[1] != width:
        raise InputError(
            f"rows have {rows.shape[-1]} columns, the model takes {width}: "
            f"{model.n_variables} variables and {n_columns} of context"
        )
    places = places or list(range(model.n_variables, width))
    return np.delete(rows, places, axis=1), rows[:, places]


def context_of_values(
    values: NDArray[Any] | None, model: MADE, names: Sequence[str] | None = None
) -> Tensor | None:
    """Return context as a model takes it, from values as a file has them; the names are for messages."""
    if values is None:
        return None
    if np.isnan(values).any():
        row, column = (int(i) for i in np.argwhere(np.isnan(values))[0])
        name = f"column {column} of the context" if names is None else names[column]
        raise InputError(f"row {row} (counted from 0) lacks {name}, which is context and must be known")
    known = model.context.variables
    if known is not None and known.has_labels:
        values = known.codes(values)
    return model.context_rows(values, len(values))
