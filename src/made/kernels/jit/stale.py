"""What is kept on disk of compiled code: what is stale is forgotten, what is missing is said."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

from made.support.errors import InputError
from made.support.files import write_aside

__all__ = ["forget_stale_code", "say_if_compiling"]

_log = logging.getLogger(__name__)

_STAMP = "made-kernels.sha256"


def forget_stale_code(*loops: Any) -> None:
    """Delete what is kept of compiled loops if any file of this room has changed since.

    The compiler's own cache watches only the file that a loop stands in, not those it takes functions from:
    after an upgrade a new loop could run old parts.

    Parameters
    ----------
    *loops : compiled functions
        That are kept on disk.
    """
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
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
        except (OSError, InputError):  # a folder that cannot be written to: nothing is kept there either
            continue


def say_if_compiling(loop: Any, what: str) -> None:
    """Log a line where neither this process nor an earlier one on this machine has compiled a loop.

    Parameters
    ----------
    loop : compiled function
        That is kept on disk.
    what : str
        What is being compiled, and how long it takes.
    """
    if not loop.overloads and not any(Path(loop._cache.cache_path).glob(f"*.{loop.__name__}-*.nbi")):
        _log.info("compiling %s", what)
