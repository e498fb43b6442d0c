"""The row groups of a Parquet file, read from its footer: how many rows each has, and which file it is."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from made.support.errors import InputError

__all__ = ["RowGroups", "read_row_groups"]

_MAGIC, _ENCRYPTED = b"PAR1", b"PARE"
_TAIL = 8
# Types of the compact protocol of Thrift that hold others, or have no bytes of their own.
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = (4, 5, 6)
# Fields of a file, and of a row group, that are looked at.
_FILE_ROWS, _FILE_GROUPS, _GROUP_ROWS = 3, 4, 3
_DEEPEST = 32
# The places of a file that are hashed, and the bytes at each.
_SAMPLES, _BYTES_OF_SAMPLE = 32, 4096


class RowGroups(NamedTuple):
    """What the footer of a Parquet file says.

    Attributes
    ----------
    sizes : tuple of int
        The number of rows of each row group, in their order.
    digest : str
        A SHA-256 of the footer, the size of the file and what it holds at some places: it tells files of
        other rows apart, and is cheap for a large one.
    """

    sizes: tuple[int, ...]
    digest: str


def read_row_groups(path: Path) -> RowGroups:
    """Read the footer of a Parquet file; of the rows nothing is decoded.

    Raises
    ------
    InputError
        If there is no such file, or it is no Parquet file.

    Examples
    --------
    >>> import polars, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rows.parquet"
    >>> polars.DataFrame({"n": range(10)}).write_parquet(path, row_group_size=4)
    >>> read_row_groups(path).sizes
    (4, 4, 2)
    """
    try:
        with path.open("rb") as file:
            n_bytes = file.seek(0, os.SEEK_END)
            file.seek(max(n_bytes - _TAIL, 0))
            tail = file.read(_TAIL)
            if tail[4:] == _ENCRYPTED:
                raise InputError(f"{path}: an encrypted Parquet file, which is not read")
            length = int.from_bytes(tail[:4], "little")
            if tail[4:] != _MAGIC or length + _TAIL + len(_MAGIC) > n_bytes:
                raise InputError(f"{path}: not a Parquet file, or a damaged one; write it again")
            file.seek(n_bytes - _TAIL - length)
            footer = file.read(length)
            digest = hashlib.sha256(footer + n_bytes.to_bytes(8, "little"))
            for place in range(_SAMPLES):
                file.seek((n_bytes - 1) * place // _SAMPLES)
                digest.update(file.read(_BYTES_OF_SAMPLE))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        sizes = _Footer(footer).row_groups()
    except (IndexError, ValueError) as error:
        raise InputError(f"{path}: not a Parquet file, or a damaged one; write it again") from error
    return RowGroups(sizes, digest.hexdigest())


class _Footer:
    """Goes through a footer, a struct in the compact protocol of Thrift, and skips all but numbers."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def row_groups(self) -> tuple[int, ...]:
        """Return the number of rows of each row group.

        Raises
        ------
        ValueError, IndexError
            If it is no such struct.
        """
        total, sizes = -1, list[int]()
        field = 0
        while (found := self._field(field)) is not None:
            field, kind = found
            if field == _FILE_ROWS and kind in _INTEGERS:
                total = self._integer()
            elif field == _FILE_GROUPS and kind == _LIST:
                n, of = self._list()
                if n and of != _STRUCT:
                    raise ValueError("row groups are structs")
                sizes = [self._rows_of_group() for _ in range(n)]
            else:
                self._skip(kind)
        if total != sum(sizes) or any(size < 0 for size in sizes):
            raise ValueError("the row groups do not make up the rows of the file")
        return tuple(sizes)

    def _rows_of_group(self) -> int:
        rows, field = -1, 0
        while (found := self._field(field)) is not None:
            field, kind = found
            if field == _GROUP_ROWS and kind in _INTEGERS:
                rows = self._integer()
            else:
                self._skip(kind)
        return rows

    def _field(self, last: int) -> tuple[int, int] | None:
        """Return number and type of the next field of a struct; None at its end."""
        head = self._byte()
        if head == 0:
            return None
        step, kind = head >> 4, head & 15
        return (last + step if step else self._integer()), kind

    def _list(self) -> tuple[int, int]:
        """Return how many elements a list has, and their type."""
        head = self._byte()
        n = head >> 4
        return (self._unsigned() if n == 15 else n), head & 15

    def _skip(self, kind: int, depth: int = 0, *, in_list: bool = False) -> None:
        if depth > _DEEPEST:
            raise ValueError("too deep")
        if kind in (_TRUE, _FALSE):
            self._at += int(in_list)
        elif kind == _BYTE:
            self._at += 1
        elif kind in _INTEGERS:
            self._unsigned()
        elif kind == _DOUBLE:
            self._at += 8
        elif kind == _BINARY:
            length = self._unsigned()  # moves on itself
            self._at += length
        elif kind in (_LIST, _SET):
            n, of = self._list()
            for _ in range(n):
                self._skip(of, depth + 1, in_list=True)
        elif kind == _MAP:
            n = self._unsigned()
            of = self._byte() if n else 0
            for _ in range(n):
                self._skip(of >> 4, depth + 1, in_list=True)
                self._skip(of & 15, depth + 1, in_list=True)
        elif kind == _STRUCT:
            field = 0
            while (found := self._field(field)) is not None:
                field = found[0]
                self._skip(found[1], depth + 1)
        else:
            raise ValueError(f"no type {kind}")
        if self._at > len(self._content):
            raise IndexError("cut short")

    def _byte(self) -> int:
        byte = self._content[self._at]
        self._at += 1
        return byte

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number of more than 64 bits")

    def _integer(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
