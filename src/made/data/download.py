"""Downloads into the cache, where files are moved only after they are decoded and checked."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from made.data.content import from_home
from made.support.errors import InputError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["DownloadError", "cache_dir", "fetch"]

# seconds to connect and between two packets: without a network the error should come soon
_TIMEOUT = (5, 30)


class DownloadError(Exception):
    """A download failed; the message is a short reason."""


def cache_dir() -> Path:
    """Where downloads are kept: the environment's ``MADE_CACHE_DIR``, else the system's place for caches.

    Returns
    -------
    Path
        A directory that need not exist yet.
    """
    given = os.environ.get("MADE_CACHE_DIR")
    if given:
        return from_home(given)
    import pooch

    return Path(pooch.os_cache("made"))


def fetch(
    urls: Mapping[str, str], into: Path, check: Callable[[Path], object], *, progress: bool = False
) -> None:
    """Download files, check them together, and only then move them to their place.

    Parameters
    ----------
    urls : mapping of str to str
        The address of each file, by its name in the cache.
    into : Path
        The directory to keep them in, made if need be.
    check : callable
        Gets the temporary directory with the files and raises an `InputError` if they are wrong.
    progress : bool, default False
        Whether to show a progress bar on standard error.

    Raises
    ------
    DownloadError
        If a file cannot be fetched, or is not what it should be.
    InputError
        If the cache cannot be written.
    """
    try:
        into.mkdir(parents=True, exist_ok=True)
        # inside the cache, so that the last step is a rename on one file system, which is atomic
        temporary = tempfile.TemporaryDirectory(dir=into, prefix=".download-")
    except OSError as error:
        raise InputError(
            f"{into}: cannot be written ({error.strerror}); set MADE_CACHE_DIR to a directory that can"
        ) from error
    with temporary as place:
        _download(urls, place, progress)
        try:
            check(Path(place))
        except InputError as error:
            reason = str(error).replace(place + os.sep, "")
            raise DownloadError(
                f"what {_host(next(iter(urls.values())))} sent is not it: {reason}"
            ) from error
        for name in urls:
            os.replace(Path(place) / name, into / name)


def _download(urls: Mapping[str, str], place: str, progress: bool) -> None:
    import pooch

    # No hashes of files: one set has several forms. Its rows are checked instead, by the caller.
    registry = pooch.create(path=place, base_url="", registry=dict.fromkeys(urls), urls=dict(urls))
    for name in urls:
        try:
            with _quiet(pooch.get_logger()), _bar(name) if progress else nullcontext() as bar:
                downloader = pooch.HTTPDownloader(
                    timeout=_TIMEOUT, progressbar=bar or False, chunk_size=1 << 16
                )
                registry.fetch(name, downloader=downloader)
        except (OSError, ValueError) as error:
            raise DownloadError(f"{_host(urls[name])}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code}"
    name = type(error).__name__
    return {
        "ConnectionError": "no connection",
        "ConnectTimeout": "no answer",
        "ReadTimeout": "no answer",
        "ChunkedEncodingError": "the connection broke off",
        "ProxyError": "the proxy refuses",
        "SSLError": "no secure connection",
    }.get(name, name)


def _host(url: str) -> str:
    return url.split("/")[2]


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _bar(name: str) -> Iterator[_Bar]:
    """Show the progress of a download on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    with Progress(*columns, console=Console(stderr=True)) as shown:
        yield _Bar(shown, shown.add_task(name, total=None))


@dataclass
class _Bar:
    """The interface of pooch for a progress bar: its own needs tqdm, and all other bars are rich's."""

    shown: Progress
    task: TaskID
    total: int = 0

    def update(self, step: int) -> None:
        self.shown.update(self.task, advance=step, total=self.total or None)

    def reset(self) -> None:
        self.shown.reset(self.task)

    def close(self) -> None:
        """The bar ends with its block."""
