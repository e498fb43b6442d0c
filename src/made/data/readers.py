"""Files as they are: the arrays in a NumPy, Parquet, text or image file, before any splitting or coding."""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from made.data import suffixes
from made.data.columns import split_name
from made.data.registry import SPLITS
from made.data.tables import as_array, numbers_of, scan_parquet
from made.data.text import TextFile, read_text
from made.data.two_dim import as_table, image_table
from made.support.errors import EntryError, InputError

__all__ = ["Raw", "check_file", "read", "read_with_siblings"]

_SPLIT_OF_WORD = {"train": "train", "valid": "valid", "val": "valid", "validation": "valid", "test": "test"}

# what numpy and zipfile are seen to raise for files cut short or overwritten
_DAMAGE = (
    ValueError,
    EOFError,
    OSError,
    KeyError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, eq=False)
class Raw:
    """The arrays of a file, as they are.

    Attributes
    ----------
    source : str
        The file or name they come from, for messages.
    splits : dict of str to ndarray of shape (n, D)
        ``"all"`` alone for a file with one array, else ``"train"``, ``"test"`` and mostly ``"valid"``. Empty
        for a joint table, which has no rows.
    table : ndarray of shape (K1, K2), float64, or None
        The joint table, where the file holds one or is an image.
    columns : tuple of D str, or None
        Column names, where a text file has a header, and of Parquet.
    image_shape : tuple of two ints, or None
        Height and width, where the array has three dimensions; rows are flattened row by row.
    notes : tuple of str
        What was decided in reading.
    text_files : dict of str to TextFile
        The text file of each split, where rows come from text: `place` finds lines in it.
    """

    source: str
    splits: Mapping[str, np.ndarray[Any, Any]]
    table: np.ndarray[Any, Any] | None = field(default=None, repr=False)
    columns: tuple[str, ...] | None = None
    image_shape: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()
    text_files: Mapping[str, TextFile] = field(default_factory=dict, repr=False)

    def place(self, row: int, column: int, split: str = "all") -> str:
        """Return where an entry stands, for messages; row and column are counted from 0 in the array.

        Text files have lines, counted from 1 like their columns; all else has rows, counted from 0.

        Examples
        --------
        >>> Raw("rows.npy", {}, columns=("age", "job")).place(3, 1)
        'row 3, column 1 (job) (counted from 0)'
        """
        name = f" ({self.columns[column]})" if self.columns is not None else ""
        if split in self.text_files:
            return f"line {self.text_files[split].line_of(row)}, column {column + 1}{name}"
        return f"row {row}, column {column}{name} (counted from 0)"

    def located(self, error: EntryError, split: str | None = None) -> InputError:
        """Return an error about an entry of an array as one about the file that the array was read from.

        Parameters
        ----------
        error : EntryError
            Its column is counted in the file, its row in the split.
        split : str, optional
            Without one, its row is counted in `rows`.
        """
        row = error.row
        if split is None:
            split, row = self._split_of(row)
        text = self.text_files.get(split)
        source = split_name(self.source, split) if text is None else str(text.path)
        return InputError(f"{source}: {self.place(row, error.column, split)} {error.complaint}")

    def _split_of(self, row: int) -> tuple[str, int]:
        """Return the split that a row of `rows` belongs to, and its number in that split."""
        for split, rows in self.splits.items():
            if row < len(rows):
                return split, row
            row -= len(rows)
        raise IndexError(row)

    @property
    def rows(self) -> np.ndarray[Any, Any]:
        """All rows of the file, shape (n, D): the splits one after the other. A single one is not copied.

        Raises
        ------
        InputError
            If the file holds a joint table.
        """
        if not self.splits:
            raise InputError(f"{self.source}: a joint table, which holds no rows; give a file of rows")
        parts = list(self.splits.values())
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def read(path: str | os.PathLike[str], *, missing: bool = False) -> Raw:
    """Read the arrays of one file, before splitting and coding.

    Parameters
    ----------
    path : str or path-like
        A ``.npz``, ``.npy``, ``.parquet``, ``.csv``, ``.tsv``, ``.data`` or ``.amat`` file, or an image.
    missing : bool
        Whether values may be missing in a text file; they are then NaN, see `read_text`. In other files they
        always may.

    Returns
    -------
    Raw
        The arrays, with what the file says about them.

    Raises
    ------
    InputError
        If there is no such file, its kind is unknown, or it does not hold what its kind should.
    """
    path = Path(path)
    check_file(path)
    suffix = path.suffix.lower()
    if suffix in suffixes.TEXT:
        try:
            rows, columns = read_text(path, missing=missing)
        except OSError as error:
            raise _unreadable(path, error) from error
        return Raw(str(path), {"all": rows}, columns=columns, text_files={"all": TextFile(path, missing)})
    if suffix in suffixes.TABLES:
        return _from_parquet(path)
    if suffix in suffixes.IMAGES:
        note = f"the grey values of {path.name} are read as a joint table of row and column"
        return Raw(str(path), {}, table=image_table(path), notes=(note,))
    if suffix in suffixes.ARRAYS:
        return _from_arrays(_load_arrays(path), str(path))
    raise InputError(
        f"{path}: unknown kind of file {path.suffix or '(no suffix)'}; "
        f"known are {', '.join(suffixes.SUFFIXES)}"
    )


def read_with_siblings(path: str | os.PathLike[str], *, missing: bool = False) -> Raw:
    """Read a file and, where a text file is the train part of several, the other parts beside it.

    Parameters
    ----------
    path : str or path-like
        As for `read`; ``X.train.data`` (or ``X_train.amat``, ``X-train.csv``) looks for ``X.valid.data`` and
        ``X.test.data``.
    missing : bool
        As for `read`.

    Returns
    -------
    Raw
        With three splits where the siblings are there, or two where only the test part is.

    Raises
    ------
    InputError
        As `read`.
    """
    path = Path(path)
    paths = _siblings(path)
    if len(paths) == 1:
        return read(path, missing=missing)
    raws = {split: read(part, missing=missing) for split, part in paths.items()}
    note = f"{path.name} is read together with " + " and ".join(
        p.name for s, p in paths.items() if s != "train"
    )
    return Raw(
        str(path),
        {split: raw.splits["all"] for split, raw in raws.items()},
        columns=raws["train"].columns,
        notes=(note,),
        text_files={split: TextFile(part, missing) for split, part in paths.items()},
    )


def _siblings(path: Path) -> dict[str, Path]:
    match = re.fullmatch(r"(.*[._-])train", path.stem)
    found = {"train": path}
    if match is None or path.suffix.lower() not in suffixes.TEXT:
        return found
    for word in ("validation", "val", "valid", "test"):
        part = path.with_name(match[1] + word + path.suffix)
        if part.is_file():
            found[_SPLIT_OF_WORD[word]] = part
    return found if "test" in found else {"train": path}


def check_file(path: Path) -> None:
    """Raise an `InputError` that says why, where a file cannot be read."""
    try:
        with path.open("rb"):
            pass
    except IsADirectoryError as error:
        raise InputError(f"{path}: a directory; give the path of a file in it") from error
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the path") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:  # a null byte in the name
        raise InputError(f"{str(path)!r}: not a path") from error


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path}: cannot be read ({error.strerror or type(error).__name__})")


def _from_parquet(path: Path) -> Raw:
    import polars

    table, schema, _ = scan_parquet(path)
    try:
        frame = numbers_of(path, table, schema, list(schema)).collect()
    except (polars.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path}: not a Parquet file, or a damaged one; write it again") from error
    return Raw(str(path), {"all": as_array(frame)}, columns=tuple(schema))


def _load_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            # a member of the archive that is no array comes as bytes, and is refused for its type
            return {key: np.asarray(loaded[key]) for key in loaded.files}
    except _DAMAGE as error:
        if "Object arrays" in str(error):
            raise InputError(
                f"{path}: holds Python objects, which are not read; save it as an array of numbers"
            ) from error
        raise InputError(
            f"{path}: not a NumPy file, or a damaged one; write it again with numpy.save or numpy.savez"
        ) from error


def _from_arrays(arrays: dict[str, np.ndarray[Any, Any]], source: str) -> Raw:
    if len(arrays) == 1:
        (array,) = arrays.values()
        table = as_table(array, source)
        if table is not None:
            return Raw(source, {}, table=table, notes=(f"a joint table of shape {table.shape}",))
        rows, image_shape = _as_rows(array, source)
        return Raw(source, {"all": rows}, image_shape=image_shape)
    keys = _split_keys(list(arrays), source)
    parts = {split: _as_rows(arrays[key], f"{source}, {key}") for split, key in keys.items()}
    shapes = {shape for _, shape in parts.values()}
    ignored = [key for key in arrays if key not in keys.values()]
    notes = (f"not read from {Path(source).name}: {', '.join(ignored)}",) if ignored else ()
    return Raw(
        source,
        {split: rows for split, (rows, _) in parts.items()},
        image_shape=shapes.pop() if len(shapes) == 1 else None,
        notes=notes,
    )


def _split_keys(keys: list[str], source: str) -> dict[str, str]:
    """Which key holds which split, in the order train, valid, test."""
    found: dict[str, str] = {}
    for key in keys:
        split = _SPLIT_OF_WORD.get(key.lower().removesuffix("_data"))
        if split is not None and split in found:
            raise InputError(
                f"{source}: both {found[split]} and {key} look like the {split} rows; remove one"
            )
        if split is not None:
            found[split] = key
    if "train" in found and "test" in found:
        return {split: found[split] for split in SPLITS if split in found}
    listed = ", ".join(keys) if keys else "none"
    raise InputError(
        f"{source}: holds the arrays {listed}; name them train_data, valid_data and test_data, "
        "or save one alone"
    )


def _as_rows(array: np.ndarray[Any, Any], source: str) -> tuple[np.ndarray[Any, Any], tuple[int, int] | None]:
    if array.dtype.kind not in "biuf":
        raise InputError(f"{source}: holds {array.dtype} values; rows are whole numbers")
    if array.ndim == 2:
        return array, None
    if array.ndim == 3:
        n, height, width = array.shape
        as_table(array, source)  # three dimensions and fractions: neither images nor a table, and it says so
        return array.reshape(n, height * width), (height, width)
    remedy = "; for one variable, reshape(-1, 1)" if array.ndim == 1 else ""
    raise InputError(
        f"{source}: shape {array.shape} where (rows, variables) or (images, height, width) is expected"
        f"{remedy}"
    )
