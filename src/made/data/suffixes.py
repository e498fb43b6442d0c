"""Kinds of file that are read, by the ending of their names. Plain data, quick to import."""

from __future__ import annotations

__all__ = ["ARRAYS", "IMAGES", "SUFFIXES", "TABLES", "TEXT", "in_words"]

ARRAYS = (".npz", ".npy")
TABLES = (".parquet",)
TEXT = (".csv", ".tsv", ".data", ".amat")
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff")

#: All of them, as messages and help list them.
SUFFIXES = (*ARRAYS, *TABLES, *TEXT, *IMAGES)


def in_words() -> str:
    """Return the kinds of file in one line, for the help of a command.

    Examples
    --------
    >>> in_words()
    '.npz .npy .parquet .csv .tsv .data .amat, or an image (.png .jpg .jpeg .bmp .gif .tif .tiff)'
    """
    return f"{' '.join((*ARRAYS, *TABLES, *TEXT))}, or an image ({' '.join(IMAGES)})"
