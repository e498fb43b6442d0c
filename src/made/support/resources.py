"""How much memory and disk there is: what needs more is refused before it is begun, in one line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from made.support.errors import InputError

__all__ = ["as_size", "check_disk", "check_memory", "check_memory_of_rows", "free_disk", "free_memory"]

# Bytes of memory that are not asked for: finding out what is free takes as long as drawing a row.
_LITTLE = 2**26
# Of an entry of rows that are drawn: its code, twice while batches are joined, and what it stands for.
_BYTES_PER_ENTRY = 16
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")
# Limits of a container, and what it has taken of them: of the second and of the first kind of Linux's groups.
_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def as_size(n_bytes: float) -> str:
    """Return a number of bytes for people.

    Examples
    --------
    >>> as_size(2_345_000_000), as_size(12), as_size(1e30)
    ('2.3 GB', '12 bytes', '1,000,000,000,000.0 EB')
    """
    place = 0
    while n_bytes >= 1000 and place < len(_UNITS) - 1:
        n_bytes, place = n_bytes / 1000, place + 1
    return f"{n_bytes:,.0f} {_UNITS[0]}" if place == 0 else f"{n_bytes:,.1f} {_UNITS[place]}"


def free_memory() -> int | None:
    """Return how many bytes of memory this process may still take; None where the system does not say.

    The least of what the machine has free, and of what limits of the container and of the process leave.
    """
    free = [_left_of_group(*files) for files in _GROUPS]
    free += [_free_of_machine(), _left_of_process()]
    known = [own for own in free if own is not None]
    return max(min(known), 0) if known else None


def free_disk(folder: Path) -> int | None:
    """Return how many bytes can be written into a folder, or into the one that it will be made in."""
    for place in (folder, *folder.absolute().parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None


def check_memory(needed: float, what: str, remedy: str) -> None:
    """Raise an `InputError` where something needs more memory than there is.

    Parameters
    ----------
    needed : float
        In bytes.
    what, remedy : str
        What needs it, and how to need less.

    Examples
    --------
    >>> check_memory(1000, "this", "take less")
    >>> check_memory(1e18, "this network", "take smaller layers")
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: not enough memory for this network: about 1.0 EB are needed, ...
    """
    if needed < _LITTLE:
        return
    free = free_memory()
    if free is not None and needed > free:
        raise InputError(
            f"not enough memory for {what}: about {as_size(needed)} are needed, {as_size(free)} are free; "
            f"{remedy}"
        )


def check_memory_of_rows(n: int, n_variables: int, what: str, remedy: str) -> None:
    """Raise an `InputError` where n rows, drawn at once, need more memory than is free."""
    check_memory(_BYTES_PER_ENTRY * n * n_variables, what, remedy)


def check_disk(folder: Path, needed: float, what: str, remedy: str) -> None:
    """Raise an `InputError` where something needs more room than a folder has."""
    free = free_disk(folder)
    if free is not None and needed > free:
        raise InputError(
            f"not enough room for {what} in {folder}: about {as_size(needed)} are needed, {as_size(free)} "
            f"are free; {remedy}"
        )


def _free_of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        pass
    else:
        sizes = {name: rest for name, _, rest in (line.partition(":") for line in lines)}
        if "MemAvailable" in sizes:
            return int(sizes["MemAvailable"].split()[0]) * 1024
    try:  # all there is, of systems that do not say what is free
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _left_of_group(limit: str, used: str) -> int | None:
    try:
        return int(Path(limit).read_text()) - int(Path(used).read_text())
    except (OSError, ValueError):  # no such group, or "max"
        return None


def _left_of_process() -> int | None:
    try:
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most == resource.RLIM_INFINITY:
            return None
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        return most - pages * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError, ValueError):
        return None
