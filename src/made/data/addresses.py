"""Files at addresses such as ``s3://bucket/rows/``, through fsspec: found, and fetched by those who read."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from made.support.errors import InputError, reason_of

__all__ = ["about", "addresses_in", "fetched", "forget_fetched", "is_address"]

# What to install for addresses of a kind; fsspec itself comes with torch.
_DRIVERS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}
_local: dict[str, Path] = {}


def is_address(name: str) -> bool:
    """Return whether a name is an address and no path.

    Examples
    --------
    >>> is_address("s3://bucket/rows.parquet"), is_address("rows.parquet")
    (True, False)
    """
    return "://" in name


def addresses_in(name: str, suffix: str) -> list[str]:
    """Return the addresses of the files that an address stands for: one, those of a pattern, or of a folder.

    Raises
    ------
    InputError
        If there are none, or they cannot be reached.
    """
    system, path = _system_of(name)
    try:
        if any(mark in path for mark in "*?["):
            found = system.glob(path)
        elif path.lower().endswith(suffix):
            found = [path]
        else:
            found = [own for own in system.find(path) if own.lower().endswith(suffix)]
    except Exception as error:  # each kind of address has errors of its own
        raise _unreachable(name, error) from error
    if not found:
        raise InputError(f"{name}: no {suffix} file is found there; check the address")
    return [str(system.unstrip_protocol(own)) for own in sorted(map(str, found))]


def about(address: str) -> str:
    """Return what tells one version of a file from another.

    Raises
    ------
    InputError
        If it cannot be reached.
    """
    system, path = _system_of(address)
    try:
        own = system.info(path)
    except Exception as error:  # likewise
        raise _unreachable(address, error) from error
    return f"{own.get('size')} {own.get('ETag') or own.get('mtime') or own.get('updated') or ''}"


def fetched(address: str) -> Path:
    """Return a local copy of a file, which is fetched the first time.

    Raises
    ------
    InputError
        If it cannot be fetched.
    """
    if address not in _local:
        system, path = _system_of(address)
        folder = Path(tempfile.mkdtemp(prefix="made-rows-"))
        _local[address] = folder / Path(path).name
        try:
            system.get_file(path, str(_local[address]))
        except Exception as error:  # likewise
            _forget(address)
            raise _unreachable(address, error) from error
    return _local[address]


def forget_fetched() -> None:
    """Delete all local copies."""
    for address in list(_local):
        _forget(address)


def _forget(address: str) -> None:
    shutil.rmtree(_local.pop(address).parent, ignore_errors=True)


def _system_of(address: str) -> tuple[Any, str]:
    protocol = address.partition("://")[0]
    try:
        from fsspec.core import url_to_fs

        found: tuple[Any, str] = url_to_fs(address)
    except ImportError as error:
        driver = _DRIVERS.get(protocol, f"an fsspec driver for {protocol}")
        raise InputError(f"{address}: such addresses need {driver}: pip install {driver}") from error
    except ValueError as error:
        raise InputError(f"{address}: {error}") from error
    return found


def _unreachable(address: str, error: Exception) -> InputError:
    return InputError(f"{address}: cannot be read ({type(error).__name__}: {reason_of(error)})")
