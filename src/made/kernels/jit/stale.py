"""The compiled code that numba keeps on disk: stale code is deleted, missing code is announced."""

from __future__ import annotations

import functools
import hashlib
import logging
from pathlib import Path
from types import ModuleType
from typing import Any

from made.support.errors import InputError
from made.support.writing import write_aside

__all__ = ["compiled_functions", "forget_stale_code", "say_if_compiling"]

_log = logging.getLogger(__name__)

_STAMP = "made-kernels.sha256"


def compiled_functions(*modules: ModuleType) -> list[Any]:
    """Return the compiled functions that modules define and that are kept on disk."""
    return [
        function
        for module in modules
        for function in vars(module).values()
        if hasattr(function, "_cache") and getattr(function, "__module__", None) == module.__name__
    ]


def forget_stale_code(*loops: Any) -> None:
    """Delete the compiled code of loops from disk if a file that they are made from has changed since.

    Numba's own cache watches only the file in which a loop is defined, not those of the functions it calls:
    after an upgrade, a new loop could run old parts. Constants of loops are in files of `made.variables`.

    Parameters
    ----------
    *loops : compiled functions
        Kept on disk.
    """
    kernels = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for file in sorted([*kernels.rglob("*.py"), *(kernels.parent / "variables").glob("*.py")]):
        digest.update(file.read_bytes())
    for folder in {Path(loop._cache.cache_path) for loop in loops}:
        stamp = folder / _STAMP
        try:
            if stamp.exists() and stamp.read_text() == digest.hexdigest():
                continue
            for loop in loops:
                for kept in folder.glob(f"*.{loop.__name__}-*.nb[ic]"):
                    kept.unlink(missing_ok=True)
            folder.mkdir(parents=True, exist_ok=True)
            write_aside(stamp, digest.hexdigest().encode())
        except (OSError, InputError):  # the folder is not writable: no code is kept there either
            continue


@functools.cache
def say_if_compiling(loop: Any, what: str, of: str = "") -> None:
    """Log a line if neither this process nor an earlier one on this machine has compiled a loop.

    Parameters
    ----------
    loop : compiled function
        Kept on disk.
    what : str
        What is being compiled, and how long it takes.
    of : str
        A type among those of its arguments, where a loop is compiled for each of several.
    """
    indices = Path(loop._cache.cache_path).glob(f"*.{loop.__name__}-*.nbi")
    if not any(of.encode() in index.read_bytes() for index in indices):
        _log.info("compiling %s", what)
