"""Progress on standard error: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

__all__ = ["Progress", "counting", "duration", "scaled"]

# The shortest time between two updates of a bar, and between two lines.
_SECONDS_BETWEEN_UPDATES = 0.2
_SECONDS_BETWEEN_LINES = 2.0


class Progress:
    """A bar on a terminal; elsewhere what is printed, line by line.

    Parameters
    ----------
    total : int
        How much there is to do.
    first : int
        How much of it was done before.
    before : str
        What stands before the bar until it is moved.
    visible : bool
        False shows nothing.
    redirect_stdout : bool
        Whether what is printed to standard output meanwhile appears above the bar, on standard error.
    """

    def __init__(
        self,
        total: int,
        first: int = 0,
        *,
        before: str = "",
        visible: bool = True,
        redirect_stdout: bool = True,
    ) -> None:
        self.total, self.visible = total, visible
        self._first = first
        self._began = self._moved = self._printed = time.monotonic()
        self._bar: Any = None
        if visible:
            from rich.console import Console

            self._console = Console(stderr=True, highlight=False)
            if self._console.is_terminal:
                self._make_bar(before, redirect_stdout)

    def __enter__(self) -> Progress:
        """Start the bar."""
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()

    @property
    def has_bar(self) -> bool:
        """Whether there is a bar, and no lines are needed."""
        return self._bar is not None

    def move(self, done: int, describe: Callable[[], tuple[str, str]]) -> None:
        """Move the bar, if there is one.

        Parameters
        ----------
        done : int
            How much is done.
        describe : callable
            Returns what stands before the bar and behind it. It is not called each time.
        """
        now = time.monotonic()
        if self._bar is None or (now - self._moved < _SECONDS_BETWEEN_UPDATES and done < self.total):
            return
        self._moved = now
        before, behind = describe()
        self._bar.update(self._task, completed=done, description=before, behind=behind)

    def print(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        if self.visible:
            self._console.print(text, markup=False, soft_wrap=True)

    def print_sometimes(self, line: Callable[[], str], seconds: float | None = None) -> None:
        """Print a line where there is no bar, if the last one is at least `seconds` ago; 2 by default."""
        now = time.monotonic()
        least = _SECONDS_BETWEEN_LINES if seconds is None else seconds
        if self.visible and self._bar is None and now - self._printed >= least:
            self._printed = now
            self.print(line())

    def time_left(self, done: int) -> str:
        """Return how long the rest takes at the speed so far, in words."""
        steps = done - self._first
        seconds = (time.monotonic() - self._began) / steps * (self.total - done) if steps else 0.0
        return f"about {duration(seconds)} left"

    def _make_bar(self, before: str, redirect_stdout: bool) -> None:
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[behind]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            redirect_stdout=redirect_stdout,
        )
        self._task = self._bar.add_task(before, total=self.total, completed=self._first, behind="")


@contextmanager
def counting(
    what: str, total: int, unit: str = "rows", *, hidden: bool = False
) -> Iterator[Callable[[int], None]]:
    """Show the progress of work on rows, with the time left; yields a function that takes the rows done.

    Parameters
    ----------
    what : str
        What is done with the rows.
    total : int
        How many there are.
    unit : str
        What is counted.
    hidden : bool
        Show nothing.
    """
    done = 0

    def advance(n: int) -> None:
        nonlocal done
        done += n
        progress.move(done, lambda: (what, f"{done:,}/{total:,}"))
        if done < total:  # nothing is left to wait for at the end
            progress.print_sometimes(
                lambda: f"{what}: {done:,} of {total:,} {unit}, {progress.time_left(done)}"
            )

    # What is printed meanwhile are results, which belong on standard output.
    with Progress(total, before=what, visible=not hidden, redirect_stdout=False) as progress:
        yield advance


def scaled(advance: Callable[[int], None], n: int, steps: int) -> Callable[[int], None]:
    """Return a function that takes `steps` in all, and tells them to `advance` as n.

    Examples
    --------
    >>> told = []
    >>> step = scaled(told.append, 3, 6)
    >>> for _ in range(6):
    ...     step(1)
    >>> told
    [1, 1, 1]
    """
    done = told = 0

    def step(k: int) -> None:
        nonlocal done, told
        done += k
        if more := done * n // steps - told:
            told += more
            advance(more)

    return step


def duration(seconds: float) -> str:
    """Return a time span in words.

    Examples
    --------
    >>> duration(8.2), duration(125), duration(7300)
    ('8 s', '2 min 5 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
