"""Kinds of file that are read, by the ending of their names. Plain data, quick to import."""

from __future__ import annotations

from pathlib import PurePath

__all__ = [
    "ARRAYS",
    "COMPRESSIONS",
    "IMAGES",
    "JSON_LINES",
    "STANDARD_INPUT",
    "SUFFIXES",
    "TABLES",
    "TEXT",
    "in_words",
    "kind_of",
    "name_of",
]

ARRAYS = (".npz", ".npy")
TABLES = (".parquet", ".arrow", ".feather", ".ipc", ".xlsx")
TEXT = (".csv", ".tsv", ".data", ".amat")
JSON_LINES = (".jsonl", ".ndjson")
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff")

#: All of them, as messages and help list them.
SUFFIXES = (*ARRAYS, *TABLES, *TEXT, *JSON_LINES, *IMAGES)

#: Endings behind those of text: of compressed files.
COMPRESSIONS = (".gz", ".zst")

#: What stands for standard input in place of a path.
STANDARD_INPUT = "-"


def kind_of(path: PurePath) -> tuple[str, str]:
    """Return the ending of a file in small letters, and that of its compression or nothing.

    Examples
    --------
    >>> kind_of(PurePath("people.csv.gz")), kind_of(PurePath("A.NPY")), kind_of(PurePath("-"))
    (('.csv', '.gz'), ('.npy', ''), ('.csv', ''))
    """
    if str(path) == STANDARD_INPUT:
        return ".csv", ""
    suffix = path.suffix.lower()
    if suffix not in COMPRESSIONS:
        return suffix, ""
    return PurePath(path.stem).suffix.lower(), suffix


def name_of(path: PurePath) -> str:
    """Return the name of a file without its endings.

    Examples
    --------
    >>> name_of(PurePath("data/people.v2.csv.gz")), name_of(PurePath("-"))
    ('people.v2', 'standard input')
    """
    if str(path) == STANDARD_INPUT:
        return "standard input"
    return PurePath(path.stem).stem if path.suffix.lower() in COMPRESSIONS else path.stem


def in_words() -> str:
    """Return the kinds of file in one line, for the help of a command.

    Examples
    --------
    >>> in_words().partition(",")[0]
    '.csv .tsv .data .amat .jsonl .ndjson (also .gz or .zst)'
    """
    text, others = " ".join((*TEXT, *JSON_LINES)), " ".join((*ARRAYS, *TABLES))
    return f"{text} (also {' or '.join(COMPRESSIONS)}), {others}, or an image ({' '.join(IMAGES)})"
