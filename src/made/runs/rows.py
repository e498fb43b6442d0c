"""Which rows a command is about: a split of the run's own data, of another set, or every row of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made import data
from made.data.dataset import split_rows
from made.model import MADE
from made.runs.folder import RunFolder
from made.support.errors import InputError
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["FoundRows", "find_rows", "part_table"]

_SPLITS = ("train", "valid", "test", "all")


@dataclass(frozen=True)
class FoundRows:
    """Rows as a model takes them.

    Attributes
    ----------
    rows : Rows
        With their context, for a model of p(x | c).
    name : str
        Of the data set, or of the file.
    split : str
        Which of its rows these are.
    """

    rows: Rows
    name: str
    split: str


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
    return _of_file(name, model, split, seed)


def _of_dataset(dataset: data.Dataset, model: MADE, split: str | None) -> FoundRows:
    split = split or "test"

    def chosen(splits: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(list(splits.values())) if split == "all" else splits[split]

    context = None if dataset.context is None else chosen(dataset.context)
    return FoundRows(model.rows(chosen(dataset.splits), context), dataset.name, split)


def _of_file(name: str, model: MADE, split: str | None, seed: int) -> FoundRows:
    raw = data.read(name)
    if raw.table is not None:
        return _of_dataset(data.load(name, seed=seed), model, split)
    if split is None:
        split = "all" if "all" in raw.splits else "test"
    rows = raw.rows if split == "all" else split_rows(raw.splits, raw.source, seed)[0][split]
    try:
        encoded = model.rows(*part_table(model.schema, rows, raw.columns))
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    return FoundRows(encoded, Path(name).name, split)


def part_table(
    schema: Schema, table: NDArray[Any], names: Sequence[str] | None
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Part the columns of a file into those of the variables and those of the context.

    Parameters
    ----------
    schema : Schema
        What the model knows.
    table : (n, D + C) array
        As the file has it.
    names : sequence of str, optional
        Its header: the columns are found by name, whatever their order.

    Raises
    ------
    InputError
        If the header names other columns, the width is wrong, or context is missing.
    """
    table = _in_order(schema, table, names)
    n_context = len(schema.context_columns)
    if n_context and (table.ndim != 2 or table.shape[1] != len(schema.columns)):
        raise InputError(
            f"rows have {table.shape[-1]} columns, the model takes {len(schema.columns)}: "
            f"{len(schema.modelled)} variables and {n_context} of context"
        )
    rows, context = schema.table_of(table)
    if context is not None and context.dtype.kind == "f" and np.isnan(context).any():
        row, column = (int(i) for i in np.argwhere(np.isnan(context))[0])
        name = schema.context_columns[column].name
        raise InputError(f"row {row} (counted from 0) lacks {name}, which is context and must be known")
    return rows, context


def _in_order(schema: Schema, table: NDArray[Any], names: Sequence[str] | None) -> NDArray[Any]:
    """Return a table with its columns in the order of the schema, told by the names in the header."""
    known = schema.names
    if names is None or not schema.is_named or tuple(names) == known or len(names) != len(known):
        return (
            table  # without a header on both sides there is nothing to compare; widths are checked elsewhere
        )
    foreign = [name for name in names if name not in known]
    if foreign or len(set(names)) < len(names):
        wrong = foreign[0] if foreign else next(name for name in names if list(names).count(name) > 1)
        raise InputError(
            f"the header has {wrong!r} {'twice' if not foreign else ''}where the run was fitted on "
            f"{', '.join(known[:8])}{', ...' if len(known) > 8 else ''}: name the columns alike"
        )
    return table[:, [list(names).index(name) for name in known]]
