"""Files as they are, before splitting and coding: the rows in arrays, tables, text and images."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from made.data import suffixes
from made.data.columns import told_apart
from made.data.content import check_file, read_content
from made.data.json_lines import JsonTable, read_json_lines
from made.data.raw import LinesOf, Raw
from made.data.registry import SPLITS
from made.data.several import aligned, common_dtypes
from made.data.tables import as_array, dtypes_of, plain, read_table
from made.data.text import TextTable, read_text
from made.data.two_dim import as_table, image_table
from made.support.errors import InputError

if TYPE_CHECKING:
    import polars

__all__ = ["of_frame", "of_json", "of_text", "read", "read_several", "read_with_siblings"]

_SPLIT_OF_WORD = {"train": "train", "valid": "valid", "val": "valid", "validation": "valid", "test": "test"}


def read(path: str | os.PathLike[str], *, missing: bool = False, lenient: bool = False) -> Raw:
    """Read the arrays of one file, before splitting and coding.

    Numbers come as arrays of numbers; where a column is text, as an array of objects. In text that is an
    empty word, ``?``, ``NA``, ``N/A``, ``NaN``, ``None`` or ``null`` for a missing value.

    Parameters
    ----------
    path : str or path-like
        Text (``.csv``, ``.tsv``, ``.data``, ``.amat``) or JSON lines (``.jsonl``, ``.ndjson``), also
        compressed (``.csv.gz``, ``.csv.zst``); a table (``.parquet``, ``.arrow``, ``.feather``, ``.ipc``,
        ``.xlsx``); arrays (``.npy``, ``.npz``); or an image. ``-`` is standard input, as CSV.
    missing : bool
        Whether values may be missing in a text file, see `read_text`. In other files they always may.
    lenient : bool
        Leave out lines that are no row, see `Raw.faults`, where they would be refused.

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
    suffix, compression = suffixes.kind_of(path)
    if str(path) == suffixes.STANDARD_INPUT:
        content, path = read_content(path), Path("standard input")
        return of_text(path, read_text(path, missing=missing, lenient=lenient, content=content))
    if suffix in suffixes.TEXT:
        return of_text(path, read_text(path, missing=missing, lenient=lenient))
    if suffix in suffixes.JSON_LINES:
        return of_json(path, read_json_lines(path, lenient=lenient))
    if compression:
        raise InputError(
            f"{path}: compressed files are read where they are text: "
            f"{', '.join((*suffixes.TEXT, *suffixes.JSON_LINES))}"
        )
    if suffix in suffixes.TABLES:
        return of_frame(path, read_table(path, suffix))
    if suffix in suffixes.IMAGES:
        note = f"the grey values of {path.name} are read as a joint table of row and column"
        return Raw(str(path), {}, table=image_table(path), notes=(note,))
    if suffix in suffixes.ARRAYS:
        return _from_arrays(_load_arrays(path), str(path))
    raise InputError(
        f"{path}: unknown kind of file {path.suffix or '(no suffix)'}; "
        f"known are {', '.join(suffixes.SUFFIXES)}"
    )


def read_several(paths: Sequence[str | os.PathLike[str]], *, missing: bool = False) -> Raw:
    """Read files of the same columns as one, one after the other.

    Parameters
    ----------
    paths : sequence of str or path-like
        At least one. Where files name their columns these are found by name, in the order of the first file.
    missing : bool
        As for `read`.

    Raises
    ------
    InputError
        As `read`; and if the files differ in their columns.
    """
    raws = [read(path, missing=missing) for path in paths]
    if len(raws) == 1:
        return raws[0]
    for raw in raws:
        if list(raw.splits) != ["all"]:
            raise InputError(f"{raw.source}: of several files each holds rows in one table; name it alone")
    own_notes = [f"{Path(raw.source).name}: {note}" for raw in raws for note in raw.notes]
    rows = np.concatenate(aligned(raws))
    note = f"{len(raws)} files of the same columns are read as one, of {len(rows):,} rows"
    return Raw(
        raws[0].source,
        {"all": rows},
        columns=raws[0].columns,
        notes=(note, *own_notes),
        parts=tuple(raws),
        dtypes=common_dtypes(raws),
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
        dict(zip(raws, aligned(list(raws.values())), strict=True)),
        columns=raws["train"].columns,
        notes=(note, *raws["train"].notes),
        lines={split: raw.lines["all"] for split, raw in raws.items()},
        text_files={split: raw.text_files["all"] for split, raw in raws.items()},
        dtypes=common_dtypes(list(raws.values())),
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


def of_text(path: Path, table: TextTable) -> Raw:
    """Return what was read of a text file, or of a portion of one."""
    lines = LinesOf(path, cache(table.file.lines))
    names, notes = _names(table.columns)
    return Raw(
        str(path),
        {"all": table.rows},
        columns=names,
        notes=(*notes, *table.notes),
        lines={"all": lines},
        text_files={"all": table.file},
        faults=table.faults,
        dtypes=table.dtypes,
    )


def of_json(path: Path, table: JsonTable) -> Raw:
    """Return what was read of a file of JSON lines, or of a portion of one."""
    frame = plain(path, table.frame)
    return Raw(
        str(path),
        {"all": as_array(frame)},
        columns=tuple(frame.columns),
        lines={"all": LinesOf(path, lambda: table.lines)},
        faults=table.faults,
        dtypes=dtypes_of(table.frame),
    )


def of_frame(path: Path, table: polars.DataFrame) -> Raw:
    """Return a table of polars that was read from a file, or a portion of one."""
    frame = plain(path, table)
    return Raw(str(path), {"all": as_array(frame)}, columns=tuple(frame.columns), dtypes=dtypes_of(table))


def _names(header: tuple[str, ...] | None) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Return the names of columns, made different where they are not, and a note that says so."""
    if header is None or len(set(header)) == len(header):
        return header, ()
    names, note = told_apart(header)
    return tuple(names), (note,)


def _load_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            # a member of the archive that is no array comes as bytes, and is refused for its type
            return {key: np.asarray(loaded[key]) for key in loaded.files}
    except Exception as error:  # what numpy and zipfile raise for damaged files is anything at all
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
