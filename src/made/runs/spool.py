"""Tables one after the other, of which few are in memory: what is written once all of it is known."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from made.support.errors import InputError
from made.support.writing import folder_aside

if TYPE_CHECKING:
    import polars

__all__ = ["Spool", "errors_of_the_system"]

# So many entries are kept in memory before they go into a file.
_ENTRIES = 2**22


@contextmanager
def errors_of_the_system() -> Iterator[None]:
    """Let what polars says of a full disk be an error of the system, which whoever writes files knows.

    Raises
    ------
    OSError
        In place of the error that polars has for it.
    """
    import polars

    try:
        yield
    except polars.exceptions.ComputeError as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error


class Spool:
    """Tables of the same columns, in their order.

    What does not fit into memory goes into files of a folder, which is gone at the end of the block.
    Only when all tables are there it is known which type holds the values of a column.

    Parameters
    ----------
    beside : Path, optional
        A file that the folder is made beside; by default it is among the temporary files of the system.

    Examples
    --------
    >>> import polars
    >>> with Spool() as spool:
    ...     spool.add(polars.DataFrame({"n": [1]}))
    ...     spool.add(polars.DataFrame({"n": [0.5]}))
    ...     [table["n"].to_list() for table in spool]
    [[1.0, 0.5]]
    """

    def __init__(self, beside: Path | None = None) -> None:
        self._beside = beside
        self._tables: list[polars.DataFrame] = []
        self._files: list[Path] = []
        self._folder: Path | None = None
        self._at_end = ExitStack()
        #: How many bytes the files have.
        self.nbytes = 0

    def __enter__(self) -> Spool:
        """Begin without a table."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Delete the files."""
        self._at_end.close()

    def add(self, table: polars.DataFrame) -> None:
        """Append a table."""
        self._tables.append(table)
        if sum(own.height for own in self._tables) * max(table.width, 1) >= _ENTRIES:
            self._set_down()

    def __iter__(self) -> Iterator[polars.DataFrame]:
        """Go through the rows, in tables of some size."""
        import polars

        for file in self._files:
            yield polars.read_parquet(file, glob=False)
        if self._tables:
            yield self._joined()

    def lazy(self) -> polars.LazyFrame:
        """Return all rows as one table, which is not in memory; there is a table at least."""
        import polars

        parts = [polars.scan_parquet(file, glob=False) for file in self._files]
        parts += [self._joined().lazy()] if self._tables else []
        return parts[0] if len(parts) == 1 else polars.concat(parts, how="vertical_relaxed")

    def _joined(self) -> polars.DataFrame:
        import polars

        return polars.concat(self._tables, how="vertical_relaxed")

    def _set_down(self) -> None:
        """Write what is in memory into a file."""
        beside = Path(tempfile.gettempdir(), "made") if self._beside is None else self._beside
        try:
            if self._folder is None:
                self._folder = self._at_end.enter_context(folder_aside(beside))
            file = self._folder / f"{len(self._files)}.parquet"
            with errors_of_the_system():
                self._joined().write_parquet(file, compression="lz4")
            self.nbytes += file.stat().st_size
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(
                f"cannot write portions beside {beside}: {reason}; what was there before is unchanged"
            ) from error
        self._files.append(file)
        self._tables = []
