"""Data sets by name or by path: rows of values in three splits, and their schema.

A name is imported when it is first used: `made.data.registry` and `made.data.suffixes` are quick to import.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from made.data.dataset import Dataset
    from made.data.loading import load
    from made.data.named import Description, describe, known, names
    from made.data.raw import Raw
    from made.data.readers import read
    from made.data.row_file import RowFile, open_rows

__all__ = [
    "Dataset",
    "Description",
    "Raw",
    "RowFile",
    "describe",
    "known",
    "load",
    "names",
    "open_rows",
    "read",
]

_MODULES = ("dataset", "loading", "named", "raw", "readers", "row_file")


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in _MODULES:
            home = importlib.import_module(f"made.data.{module}")
            if name in home.__all__:
                return getattr(home, name)
    raise AttributeError(f"module 'made.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
