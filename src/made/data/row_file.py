"""A file of rows that is read in slices, and may be larger than memory."""

from __future__ import annotations

import copy
import hashlib
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.data.content import check_file, from_home
from made.data.tables import are_rounded, as_array, damage_errors, numbers_of, scan_parquet, state_of
from made.support.errors import InputError, reason_of
from made.support.listing import counted
from made.variables.column import find_column

__all__ = ["RowFile", "open_rows"]

# The number of places of a file that are hashed, and of rows at each.
_SAMPLES, _ROWS_PER_SAMPLE = 32, 16


class RowFile(ABC):
    """Rows in a file that are read on demand; `open_rows` makes one.

    It holds no open file and no rows, and can be copied and sent to another process.

    Attributes
    ----------
    path : Path
    n : int
        Rows, at least one.
    n_columns : int
        Columns that are read.
    columns : tuple of n_columns str, or None
        Their names, where the file has names.
    first : int
        Where in the file the rows begin: 0 except for a `part`.
    """

    path: Path
    n: int
    n_columns: int
    columns: tuple[str, ...] | None
    first: int = 0

    def read(self, first: int, n: int) -> NDArray[Any]:
        """Return n rows from the given one on, (n, n_columns), as the file has them: nothing is checked.

        Raises
        ------
        InputError
            If there are no such rows, or the file changed since it was opened.
        """
        if first < 0 or n < 0 or first + n > self.n:
            raise InputError(f"{self.path}: there are {self.n:,} rows, and none at {first:,}..{first + n:,}")
        return self._read(self.first + first, n)

    def part(self, first: int = 0, stop: int | None = None) -> RowFile:
        """Return some of the rows, as a slice ``[first:stop]`` would.

        Raises
        ------
        InputError
            If that leaves no rows.
        """
        first, stop, _ = slice(first, stop).indices(self.n)
        if stop <= first:
            raise InputError(f"{self.path}: a part without rows, {first:,}..{stop:,} of {self.n:,}")
        part = copy.copy(self)
        part.first, part.n = self.first + first, stop - first
        return part

    def identity(self) -> str:
        """Return a SHA-256 that identifies the file, and the columns and the part that are read.

        It covers the shape, the size and the time of the last change of the file, and the rows at some places
        in it, so that it is cheap for a large file.
        """
        try:
            status = self.path.stat()
        except OSError as error:
            raise self._changed(error) from error
        about = (self.n, self.n_columns, self.columns, self.first, status.st_size, status.st_mtime_ns)
        digest = hashlib.sha256(repr(about).encode())
        rows = min(_ROWS_PER_SAMPLE, self.n)
        for start in sorted({(self.n - rows) * i // (_SAMPLES - 1) for i in range(_SAMPLES)}):
            own = self.read(start, rows)
            is_plain = own.dtype != object
            digest.update(np.ascontiguousarray(own).data if is_plain else repr(own.tolist()).encode())
        return digest.hexdigest()

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.n

    def __repr__(self) -> str:
        """Show the file and the size of what is read of it."""
        return f"RowFile({self.path.name!r}: {counted(self.n, 'row')}, {counted(self.n_columns, 'column')})"

    @abstractmethod
    def _read(self, first: int, n: int) -> NDArray[Any]:
        """Return n rows from the given row of the file on."""

    def _changed(self, error: BaseException | None = None) -> InputError:
        why = "" if error is None else f" ({reason_of(error)})"
        return InputError(f"{self.path}: changed or damaged since it was opened{why}; open it again")


def open_rows(path: str | os.PathLike[str], columns: Sequence[str | int] | None = None) -> RowFile:
    """Open a file of rows, which may be larger than memory, to train on with `made.fit`.

    Parameters
    ----------
    path : str or path-like
        A ``.npy`` file of numbers, (n, D) or (n, height, width), in C or Fortran order; or a ``.parquet``
        file.
    columns : sequence of str or int, optional
        The columns to read, in this order, by name or by number counted from 0. All, if not given.

    Returns
    -------
    RowFile

    Raises
    ------
    InputError
        If there is no such file or column, or it does not hold rows of numbers.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> path = Path(tempfile.mkdtemp()) / "rows.npy"
    >>> np.save(path, np.eye(5, dtype=np.uint8))
    >>> rows = open_rows(path)
    >>> rows
    RowFile('rows.npy': 5 rows, 5 columns)
    >>> rows.read(1, 2)
    array([[0, 1, 0, 0, 0],
           [0, 0, 1, 0, 0]], dtype=uint8)
    >>> rows.part(0, -1), rows.part(-1)
    (RowFile('rows.npy': 4 rows, 5 columns), RowFile('rows.npy': 1 row, 5 columns))
    """
    path = from_home(path)
    check_file(path)
    kinds: dict[str, type[_NpyFile] | type[_ParquetFile]] = {".npy": _NpyFile, ".parquet": _ParquetFile}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path}: read in slices are {' and '.join(kinds)} files; write it as one of these")
    return kind(path, columns)


class _NpyFile(RowFile):
    """A NumPy file. It is read, not mapped: mapped pages would count as memory of the process."""

    def __init__(self, path: Path, columns: Sequence[str | int] | None) -> None:
        self.path, self.columns = path, None
        shape, self._is_fortran, self._dtype, self._offset = _npy_header(path)
        _check_counts(path, shape[0], math.prod(shape[1:]))
        self._n_in_file, self._width = shape[0], math.prod(shape[1:])
        self.n = shape[0]
        self._chosen = None if columns is None else _find_columns(path, columns, None, self._width)
        self.n_columns = self._width if self._chosen is None else len(self._chosen)
        # The places of the columns in a file in Fortran order, which holds one column after another.
        self._places = np.arange(self._width).reshape(shape[1:], order="F").reshape(-1)
        whole = self._offset + self._n_in_file * self._width * self._dtype.itemsize
        if path.stat().st_size < whole:
            raise InputError(f"{path}: cut short, {whole:,} bytes are expected; write it again")

    def _read(self, first: int, n: int) -> NDArray[Any]:
        if not self._is_fortran:
            rows = self._numbers(first * self._width, n * self._width).reshape(n, self._width)
            return rows if self._chosen is None else rows[:, self._chosen]
        places = self._places if self._chosen is None else self._places[self._chosen]
        return np.stack([self._numbers(place * self._n_in_file + first, n) for place in places], axis=1)

    def _numbers(self, first: int, count: int) -> NDArray[Any]:
        offset = self._offset + int(first) * self._dtype.itemsize
        try:
            numbers: NDArray[Any] = np.fromfile(self.path, dtype=self._dtype, count=count, offset=offset)
        except (OSError, ValueError) as error:
            raise self._changed(error) from error
        if len(numbers) < count:
            raise self._changed()
        return numbers


class _ParquetFile(RowFile):
    """A Parquet file, through polars: of a slice it decodes only the pages that hold it."""

    def __init__(self, path: Path, columns: Sequence[str | int] | None) -> None:
        self.path = path
        table, schema, self.n = scan_parquet(path, in_place=True)
        self._state = state_of(path)
        names = list(schema)
        _check_counts(path, self.n, len(names))
        if columns is not None:
            names = [names[place] for place in _find_columns(path, columns, names, len(names))]
        self._table = numbers_of(path, table, schema, names)
        self.columns, self.n_columns = tuple(names), len(names)

    def _read(self, first: int, n: int) -> NDArray[Any]:
        try:
            if state_of(self.path) != self._state:
                raise self._changed()
            frame = self._table.slice(first, n).collect()
            rows = as_array(frame) if are_rounded(frame) else frame.to_numpy()
        except InputError:
            raise
        except damage_errors() as error:
            raise self._changed(error) from error
        if len(rows) < n:
            raise self._changed()
        return rows


def _npy_header(path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return shape, whether in Fortran order, type and where the numbers begin."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            if version not in readers:
                raise InputError(f"{path}: holds named fields; save it as an array of numbers")
            shape, is_fortran, dtype = readers[version](file)
            offset = file.tell()
    except InputError:
        raise
    except Exception as error:  # what numpy raises for a damaged header is anything at all
        raise InputError(
            f"{path}: not a NumPy file, or a damaged one; write it again with numpy.save"
        ) from error
    if dtype.hasobject:
        raise InputError(f"{path}: holds Python objects, which are not read; save it as an array of numbers")
    if dtype.kind not in "biuf":
        raise InputError(f"{path}: holds {dtype} values; rows are whole numbers")
    if len(shape) not in (2, 3):
        remedy = "; for one variable, reshape(-1, 1)" if len(shape) == 1 else ""
        raise InputError(
            f"{path}: shape {shape} where (rows, variables) or (images, height, width) is expected{remedy}"
        )
    return shape, is_fortran, dtype, offset


def _check_counts(path: Path, rows: int, columns: int) -> None:
    if rows == 0:
        raise InputError(f"{path}: no rows; give at least one")
    if columns == 0:
        raise InputError(f"{path}: no columns; a row needs at least one variable")


def _find_columns(path: Path, wanted: Sequence[str | int], names: list[str] | None, width: int) -> list[int]:
    """Return the places of the wanted columns."""
    if isinstance(wanted, str) or len(wanted) == 0:
        raise InputError(f"columns is a list of names or numbers, at least one, got {wanted!r}")
    try:
        places = [find_column(name, names, width) for name in wanted]
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if len(set(places)) < len(places):
        raise InputError(f"{path}: a column is named twice")
    return places
