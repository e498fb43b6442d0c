"""What is done with batches of a table on an engine for clusters: pyarrow or pandas tables in and out.

A worker of any engine that applies a function to tables (Ray Data, Spark's ``mapInPandas``, Dask's
``map_partitions``) can apply these: they can be pickled, load the model where they are first called, and keep
it.
"""

from __future__ import annotations

import os
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from made.data.raw import Raw
from made.data.readers import of_frame
from made.model import MADE
from made.runs.completer import Completer
from made.runs.completions import score_partly_known
from made.runs.encoded_files import Tally, encode_readable
from made.runs.folder import RunFolder
from made.runs.other_columns import OtherColumns
from made.runs.row_keys import row_keys
from made.runs.rows import FoundRows
from made.runs.samples import draw_portions, tables_of, typed_columns
from made.runs.unit_work import Packed
from made.support.errors import InputError

if TYPE_CHECKING:
    import polars

__all__ = ["BatchCompleter", "BatchScorer", "DrawnBatches", "model_of"]

Own = TypeVar("Own", bound="_Batches")

_NAME = "the table"
# Engines that work in threads share a model, which loads once and remembers what it has said.
_ONE_AT_A_TIME = threading.Lock()


def model_of(run: str | os.PathLike[str] | MADE) -> MADE:
    """Return a model, or that of the folder of a run or of a model file."""
    return run if isinstance(run, MADE) else RunFolder(Path(run)).load_model()


class _Batches:
    """Works on batches with a model that is loaded once."""

    #: What Ray Data hands over.
    batch_format = "pyarrow"

    def __init__(self, packed: Packed, *, key: str | None = None) -> None:
        self.packed, self.key = packed, key

    @classmethod
    def of(
        cls: type[Own], run: str | os.PathLike[str] | MADE, *, device: str = "cpu", **settings: Any
    ) -> Own:
        """Return what works with a model: the folder of a run, a model file, or a model; see the class."""
        return cls(Packed.of(model_of(run), device), **settings)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is sent: not what was loaded."""
        return {name: own for name, own in self.__dict__.items() if name not in ("model", "_tally")}

    @cached_property
    def model(self) -> MADE:
        """The model, loaded once."""
        return self.packed.model()

    @cached_property
    def _tally(self) -> Tally:
        return Tally()  # which columns are passed over is logged once

    def _found(self, table: polars.DataFrame, *, to_fill: bool = False) -> FoundRows:
        if self.key is not None and self.key in self.model.schema.names and to_fill:
            raise InputError(f"id: column {self.key!r} is one of the model's: name another")
        raw: Raw = of_frame(Path(_NAME), table)
        rows, rejected = encode_readable(self.model, raw, to_fill=to_fill, tally=self._tally)
        return FoundRows(rows, _NAME, "all", rejected, raw)


class BatchScorer(_Batches):
    """Adds the log-probability of each row to a table.

    Parameters
    ----------
    packed : Packed
        The model.
    column : str
        Name of the column that is added.
    key : str, optional
        Of the column that tells rows apart, see `row_keys`.
    particles : int
        Per row and mask, where log p is estimated.
    """

    def __init__(
        self, packed: Packed, *, column: str = "log_prob", key: str | None = None, particles: int = 1000
    ) -> None:
        super().__init__(packed, key=key)
        self.column, self.particles = column, particles

    def __call__(self, table: Any) -> Any:
        """Return a table of pyarrow or pandas with the column."""
        import polars

        with _ONE_AT_A_TIME:
            log_prob = self.log_prob(polars.DataFrame(table))
        if hasattr(table, "append_column"):
            return table.append_column(self.column, polars.Series(log_prob).fill_nan(None).to_arrow())
        return table.assign(**{self.column: log_prob})

    def log_prob(self, table: polars.DataFrame) -> NDArray[np.float64]:
        """Return log p of each row in nats; NaN for a row that cannot be read."""
        if self.column in table.columns:
            raise InputError(
                f"there is a column {self.column!r} already: give that of the scores another name"
            )
        if table.height == 0:
            return np.zeros(0)
        found = self._found(table)
        numbers = np.zeros(len(found.rows), dtype=np.int64)
        if not found.rows.is_complete:
            numbers = row_keys(table, self.key)[found.numbers]
        scores = score_partly_known(self.model, found.rows, numbers, self.particles)[0]
        return scores if found.rejected is None else found.rejected.in_place(scores)


class BatchCompleter(_Batches):
    """Fills in what is unknown in the rows of a table.

    Parameters
    ----------
    packed : Packed
        The model.
    key : str, optional
        Of the column that tells rows apart, see `row_keys`.
    number : int, optional
        Completions of each row.
    **settings
        Of `Completer`.
    """

    def __init__(
        self, packed: Packed, *, key: str | None = None, number: int | None = None, **settings: Any
    ) -> None:
        super().__init__(packed, key=key)
        self.number, self.settings = number, settings

    def __call__(self, table: Any) -> Any:
        """Return a table of pyarrow or pandas, its columns in the order in which they came."""
        import polars

        with _ONE_AT_A_TIME:
            own = self.complete(polars.DataFrame(table))
        return own.to_arrow() if hasattr(table, "append_column") else own.to_pandas()

    def complete(self, table: polars.DataFrame) -> polars.DataFrame:
        """Return completed rows; those that cannot be read are left out."""
        completer = Completer(self.model, self.number, **self.settings)
        found = self._found(table, to_fill=True)
        others = OtherColumns.of(self.model.schema, found)
        beside = others.beside(_NAME, self.model.schema, dict.fromkeys(completer.beside, "float64"))
        values = completer.complete(found.rows, row_keys(table, self.key)[found.numbers])
        if others.kinds:
            passed = np.repeat(others.values(found), completer.each, axis=0)
            values = np.hstack([values, passed], dtype=object)
        return next(tables_of(_NAME, self.model, [values], beside, others.ordered))


class DrawnBatches(_Batches):
    """Draws portions of n rows, by their numbers.

    Parameters
    ----------
    packed : Packed
        The model.
    n, portion : int
        How many rows, and how many of them a portion has.
    seed : int
        Row i is a function of (seed, i).
    where : sequence of str, optional
        Conditions that all rows meet.
    """

    def __init__(self, packed: Packed, n: int, portion: int, seed: int, where: Any = None) -> None:
        super().__init__(packed)
        self.n, self.portion, self.seed, self.where = n, portion, seed, where

    def __call__(self, numbers: Any) -> Any:
        """Return the rows of portions, as a table of pyarrow; `numbers` is a table with a column `id`."""
        import polars

        return polars.concat([self.draw(number) for number in numbers["id"].to_pylist()]).to_arrow()

    def draw(self, number: int) -> polars.DataFrame:
        """Return one portion."""
        first = number * self.portion
        n = min(self.portion, self.n - first)
        portions = draw_portions(self.model, n, self.seed, first=first, where=self.where)
        return typed_columns(self.model, np.concatenate(list(portions)))
