"""A data set of Parquet files that several ranks read, each its own part: what all of them are to know.

One pass over the files: of more than 100,000 rows each rank notes what its rows hold (`ColumnFacts`), and
keeps those of a fixed sample. Rank 0 merges both, infers the schema, and gives the data set to all. Its
validation and test rows are all there are; of the training rows it holds the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from made.data.choices import Choices
from made.data.column_facts import ColumnFacts, facts_of, merged, with_witnesses
from made.data.dataset import Dataset, build
from made.data.parquet_files import Block, ParquetFiles
from made.data.protect import protected_rows
from made.data.raw import Raw
from made.data.splits import split_by_column
from made.data.tables import as_array, dtypes_of, plain
from made.support.errors import EntryError, InputError, reason_of
from made.support.ranks import Ranks
from made.variables.rows import Rows
from made.variables.schema import Schema

if TYPE_CHECKING:
    import polars

__all__ = ["MOST_ROWS", "Encoder", "SharedRows", "share_rows"]

#: Rows of the sample, validation and test rows among them. Of no more than these all are in the sample.
MOST_ROWS = 100_000
# Validation rows, and test rows, where there are more rows than the sample has.
_HELD_OUT = 10_000


@dataclass(frozen=True, eq=False)
class SharedRows:
    """What every rank knows of the rows of all.

    Attributes
    ----------
    dataset : Dataset
        Its validation and test rows are all there are; its training rows may be a sample.
    held_out : (m,) int array
        The numbers of the rows that are not trained on, ascending.
    n_train : int
        How many rows are trained on.
    """

    dataset: Dataset
    held_out: NDArray[np.int64]
    n_train: int

    def n_train_of(self, first: int, stop: int) -> int:
        """Return how many of rows first..stop are trained on."""
        low, high = np.searchsorted(self.held_out, [first, stop])
        return stop - first - int(high - low)

    def trained(self, first: int, n: int) -> NDArray[np.bool_]:
        """Return which of n rows from the first on are trained on."""
        mask = np.ones(n, dtype=bool)
        low, high = np.searchsorted(self.held_out, [first, first + n])
        mask[self.held_out[low:high] - first] = False
        return mask


def share_rows(
    files: ParquetFiles, ranks: Ranks, *, seed: int = 0, choices: Choices | None = None
) -> SharedRows:
    """Read the files, each rank its share of the rows, and return what all are to know.

    Parameters
    ----------
    files : ParquetFiles
        Opened alike by all ranks.
    ranks : Ranks
        Who reads.
    seed : int
        Of the choice of rows that are held out, and of the sample.
    choices : Choices, optional
        What is said about columns.

    Raises
    ------
    InputError
        On some rank, if anything about its rows makes no sense.
    """
    choices = choices or Choices()
    is_whole = files.n <= MOST_ROWS
    if not is_whole and choices.split_by is not None:
        option = "group" if choices.time is None else "time"
        raise InputError(
            f"several ranks split up to {MOST_ROWS:,} rows by a column, and these are {files.n:,}: leave "
            f"{option} out"
        )
    parts = None if is_whole else _parts_of_sample(files.n, seed)
    wanted = None if parts is None else np.sort(np.concatenate(list(parts.values())))
    frames, facts = _read(files, ranks.share(files.n), wanted)
    found = ranks.at_first((frames, facts))
    made = ranks.of_one(lambda: _made(files, found, parts, seed, choices))
    dataset, held_out = made
    return SharedRows(dataset, held_out, files.n - len(held_out))


class Encoder:
    """Encodes the training rows of a block as a pipeline's schema has them.

    Parameters
    ----------
    files : ParquetFiles
    shared : SharedRows
    schema : Schema
        Of the pipeline: fitted.
    """

    def __init__(self, files: ParquetFiles, shared: SharedRows, schema: Schema) -> None:
        self._files, self._shared, self._schema = files, shared, schema
        self._plain = replace(shared.dataset.schema, context_places=())
        called = [column.name for column in self._plain.table]
        self._names = called if self._plain.is_named else list(files.columns)

    def __call__(self, block: Block) -> Rows:
        """Return the encoded training rows of a block.

        Raises
        ------
        InputError
            If the file is damaged there, or a value is none of its column's.
        """
        frame = self._files.read(block, self._names)
        mask = self._shared.trained(block.first, block.n)
        kept = np.flatnonzero(mask)
        if len(kept) < block.n:
            frame = frame[kept]
        path = self._files.paths[block.file]
        rows = as_array(plain(path, frame))  # type: ignore[arg-type]
        try:
            if self._plain.has_dates:
                rows = self._plain.table_of(rows)[0]
            if self._shared.dataset.is_protected:
                rows = protected_rows(self._plain, rows)
            places = list(self._schema.context_places)
            rest = [d for d in range(rows.shape[1]) if d not in set(places)]
            encoded = self._schema.encode(rows[:, rest], rows[:, places] if places else None)
            encoded.check_complete()
        except EntryError as error:
            name = f" ({error.name})" if error.name else ""
            where = self._files.place(block.first + int(kept[error.row]))
            raise InputError(f"{where}, column {error.column}{name} {error.complaint}") from None
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        return replace(encoded, labels=None)


def _parts_of_sample(n: int, seed: int) -> dict[str, NDArray[np.int64]]:
    """Return the numbers of the rows of each split in the sample, those of training rows among them."""
    some = np.random.default_rng(seed).choice(n, MOST_ROWS, replace=False)
    parts = {
        "train": some[2 * _HELD_OUT :],
        "valid": some[_HELD_OUT : 2 * _HELD_OUT],
        "test": some[:_HELD_OUT],
    }
    return {split: np.sort(own) for split, own in parts.items()}


def _read(
    files: ParquetFiles, share: tuple[int, int], wanted: NDArray[np.int64] | None
) -> tuple[list[polars.DataFrame], list[ColumnFacts] | None]:
    """Return the rows of the sample in a share, and facts about all of them where the sample is not all."""
    frames: list[polars.DataFrame] = []
    facts: list[ColumnFacts] | None = None
    for block in files.blocks(*share):
        frame = files.read(block)
        if wanted is None:
            frames.append(frame)
            continue
        own = facts_of(plain(files.paths[block.file], frame))  # type: ignore[arg-type]
        facts = own if facts is None else merged([facts, own])
        low, high = np.searchsorted(wanted, [block.first, block.first + block.n])
        frames.append(frame[wanted[low:high] - block.first])
    return frames, facts


def _made(
    files: ParquetFiles,
    found: Sequence[tuple[list[polars.DataFrame], list[ColumnFacts] | None]],
    parts: dict[str, NDArray[np.int64]] | None,
    seed: int,
    choices: Choices,
) -> tuple[Dataset, NDArray[np.int64]]:
    """Return the data set, and the numbers of the rows that are held out."""
    import polars

    tables = [table for frames, _ in found for table in frames]
    source = files.paths[0]
    try:
        frame = polars.concat(tables, how="vertical_relaxed")
    except polars.exceptions.PolarsError as error:
        raise InputError(f"{source} and others: their columns differ in type ({reason_of(error)})") from error
    values = plain(source, frame)  # type: ignore[arg-type]
    note = "" if len(files.paths) == 1 else f"{len(files.paths)} files of the same columns are read as one, "
    note += f"of {files.n:,} rows"
    build_it = _builder(files, dtypes_of(frame), seed, choices)
    if parts is None:
        dataset = build_it({"all": as_array(values)}, (note,) if len(files.paths) > 1 else ())
        return dataset, _held_out(as_array(values), files, seed, choices)
    wanted = np.sort(np.concatenate(list(parts.values())))
    witnesses = with_witnesses(values, merged([own for _, own in found if own is not None]))
    places = {split: np.searchsorted(wanted, own) for split, own in parts.items()}
    table = as_array(polars.concat([values, witnesses], how="vertical_relaxed"))
    splits = {split: table[own] for split, own in places.items()}
    n = len(splits["train"])
    splits["train"] = np.concatenate([splits["train"], table[len(values) :]])
    note += (
        f": {_HELD_OUT:,} validation rows and {_HELD_OUT:,} test rows drawn with seed {seed}. Marginals of "
        f"numbers, baselines and a comparison of settings are of {n:,} of the others; what a column is, of "
        "these and of what all rows hold"
    )
    dataset = build_it(splits, (note,))
    held_out = np.sort(np.concatenate([parts["valid"], parts["test"]]))
    context = dataset.context
    if context is not None:
        context = {**context, "train": context["train"][:n]}
    return replace(dataset, train=dataset.train[:n], context=context), held_out


def _builder(
    files: ParquetFiles, dtypes: Any, seed: int, choices: Choices
) -> Callable[[dict[str, NDArray[Any]], tuple[str, ...]], Dataset]:
    def made(splits: dict[str, NDArray[Any]], notes: tuple[str, ...]) -> Dataset:
        source = files.paths[0] if len(files.paths) == 1 else files.title
        raw = Raw(source, splits, columns=files.columns, notes=notes, dtypes=dtypes)
        return build(raw, files.title, seed=seed, choices=choices)

    return made


def _held_out(rows: NDArray[Any], files: ParquetFiles, seed: int, choices: Choices) -> NDArray[np.int64]:
    """Return the numbers of the rows that `build` leaves out of training."""
    if choices.split_by is not None:
        numbers, _ = split_by_column(rows, files.columns, choices, files.title, seed)
        return np.sort(np.concatenate([numbers["valid"], numbers["test"]]))
    n = len(rows)
    tenth = max(1, round(n / 10))
    return np.sort(np.random.default_rng(seed).permutation(n)[n - 2 * tenth :])
