"""Showing on standard error what the package logs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["log_on_stderr"]


class _StderrHandler(logging.Handler):
    """Writes to whatever standard error is at the time: a progress bar replaces it to print above itself."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


@contextmanager
def log_on_stderr() -> Iterator[None]:
    """Show what the package logs at INFO or above as plain lines on standard error.

    Handlers of the root logger get none of it meanwhile: a console would show each line twice.

    Examples
    --------
    >>> with log_on_stderr():
    ...     logging.getLogger("made").info("comparing 2 settings")
    """
    log, handler = logging.getLogger("made"), _StderrHandler()
    level, propagate = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate
