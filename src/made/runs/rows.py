"""The rows that a command reads: a split of the run's data, of another set, or every row of a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made import data
from made.data.dataset import build, split_rows
from made.model import MADE
from made.runs.folder import RunFolder
from made.support.errors import EntryError, InputError
from made.variables import encoding
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["FoundRows", "encode_file", "find_rows", "part_table"]

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
    missing: bool = False,
) -> FoundRows:
    """Find the rows that a user names.

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
    missing : bool
        Whether entries of a text file may be unknown, see `made.data.read`; in other files they always may.

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
    return _of_file(name, model, split, seed, missing)


def _of_dataset(dataset: data.Dataset, model: MADE, split: str | None) -> FoundRows:
    split = split or "test"

    def chosen(splits: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(list(splits.values())) if split == "all" else splits[split]

    context = None if dataset.context is None else chosen(dataset.context)
    return FoundRows(model.rows(chosen(dataset.splits), context), dataset.name, split)


def _of_file(name: str, model: MADE, split: str | None, seed: int, missing: bool) -> FoundRows:
    raw = data.read(name, missing=missing)
    if raw.table is not None:
        return _of_dataset(build(raw, Path(name).stem, seed=seed), model, split)
    if split is None:
        split = "all" if "all" in raw.splits else "test"
    if split == "all":
        return FoundRows(encode_file(model, raw), Path(name).name, split)
    numbers = {part: np.arange(len(rows)) for part, rows in raw.splits.items()}
    chosen = split_rows(numbers, raw.source, seed)[0][split]
    origin = next(part for part in (split, "all", "train") if part in raw.splits)
    return FoundRows(encode_file(model, raw, origin, chosen), Path(name).name, split)


def encode_file(
    model: MADE,
    raw: data.Raw,
    split: str | None = None,
    numbers: NDArray[np.int64] | None = None,
    *,
    to_fill: bool = False,
) -> Rows:
    """Return the rows of a file as the model computes with them.

    Parameters
    ----------
    model : MADE
        Says what the columns are.
    raw : Raw
        The file. Entries that are NaN are missing where their column may be, else unknown.
    split : str, optional
        Of its splits this one; all, if not given.
    numbers : (n,) int array, optional
        Of the rows of that split these, in this order.
    to_fill : bool
        All entries that are NaN are unknown: to be filled in.

    Raises
    ------
    InputError
        If the rows do not fit the model; an entry is named as the readers of files do, see `Raw.place`.
    """
    table = raw.rows if split is None else raw.splits[split]
    if numbers is not None:
        table = table[numbers]
    try:
        rows = _encode(model.schema, table, raw.columns, to_fill=to_fill)
    except EntryError as error:
        row = error.row if numbers is None else int(numbers[error.row])
        raise raw.located(EntryError(row, error.column, error.complaint), split) from None
    except InputError as error:
        raise InputError(f"{raw.source}: {error}") from None
    return rows.to(model.device)


def _encode(schema: Schema, table: NDArray[Any], names: Sequence[str] | None, *, to_fill: bool) -> Rows:
    """Return the rows of a table as codes; an `EntryError` counts columns as the table does."""
    values, context = part_table(schema, table, names)
    places = np.array(_places_in_file(schema, names))
    of_context = list(schema.context_places)
    rounded: Counter[int] = Counter()
    with _columns_at(np.delete(places, of_context)):
        rows = encoding.encode(schema.row_type, values, to_fill=to_fill, rounded=rounded)
    schema.tell_rounded(rounded)
    if context is None:
        return rows
    if schema.context.variables is None:
        return replace(rows, context=schema.context.rows(context, len(rows)))
    with _columns_at(places[of_context]):
        own = encoding.encode_complete(schema.context.variables, context)
        return replace(rows, context=schema.context.encoded(own))


@contextmanager
def _columns_at(places: NDArray[np.int64]) -> Iterator[None]:
    """Errors about an entry count its column where these columns are in the file."""
    try:
        yield
    except EntryError as error:
        raise EntryError(error.row, int(places[error.column]), error.complaint) from None


def part_table(
    schema: Schema, table: NDArray[Any], names: Sequence[str] | None
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Split the columns of a file into those of the variables and those of the context.

    Parameters
    ----------
    schema : Schema
        Of the model.
    table : (n, D + C) array
        As the file has it.
    names : sequence of str, optional
        Its header: the columns are found by name, whatever their order.

    Raises
    ------
    InputError
        If the header names other columns, the width is wrong, or context is missing.
    """
    places = _places_in_file(schema, names)
    if places != list(range(len(places))):
        table = table[:, places]
    n_context = len(schema.context_columns)
    if n_context and (table.ndim != 2 or table.shape[1] != len(schema.columns)):
        raise InputError(
            f"rows have {table.shape[-1]} columns, the model takes {len(schema.columns)}: "
            f"{len(schema.modelled)} variables and {n_context} of context"
        )
    rows, context = schema.table_of(table)
    if context is not None and context.dtype.kind == "f" and np.isnan(context).any():
        row, column = (int(i) for i in np.argwhere(np.isnan(context))[0])
        raise EntryError(
            row,
            places[schema.context_places[column]],
            "is missing: context must be known; fill it or drop the row",
            name=schema.context_columns[column].name,
        )
    return rows, context


def _places_in_file(schema: Schema, names: Sequence[str] | None) -> list[int]:
    """Return where in a file the columns of the schema are, told by the names in the header."""
    known = schema.names
    if names is None or not schema.is_named or len(names) != len(known):
        # without a header on both sides there is nothing to compare; widths are checked elsewhere
        return list(range(len(known)))
    foreign = [name for name in names if name not in known]
    if foreign or len(set(names)) < len(names):
        wrong = foreign[0] if foreign else next(name for name in names if list(names).count(name) > 1)
        raise InputError(
            f"the header has {wrong!r} {'twice' if not foreign else ''}where the run was fitted on "
            f"{', '.join(known[:8])}{', ...' if len(known) > 8 else ''}: name the columns alike"
        )
    return [list(names).index(name) for name in known]
