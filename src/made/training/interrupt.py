"""The end of a fit before its last step, at Ctrl-C, SIGTERM or a deadline: the step in hand is finished.

SIGTERM, which ends a process when its machine or its job ends, is taken for Ctrl-C.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupt", "Termination", "deadline_in", "interruptible", "terminable", "time_left"]


def deadline_in(max_time: float | None) -> float | None:
    """Return when so many seconds from now are over, as `time.monotonic` counts; None: never.

    Raises
    ------
    InputError
        If `max_time` is no number of seconds above 0.
    """
    from made.support.checks import check_seconds  # brings numpy: the command line shows its help without

    return None if max_time is None else time.monotonic() + check_seconds("max_time", max_time)


def time_left(deadline: float | None) -> float | None:
    """Return the seconds until a deadline, a moment at least; None: no end."""
    return None if deadline is None else max(deadline - time.monotonic(), 1e-3)


class Interrupt:
    """Why a loop should end, if it should: Ctrl-C was pressed, or its time is over.

    Parameters
    ----------
    deadline : float, optional
        When the time is over, as `time.monotonic` counts.
    is_patient : bool
        A second Ctrl-C does nothing either: several processes end together.
    """

    def __init__(self, deadline: float | None = None, *, is_patient: bool = False) -> None:
        self.pressed = False
        self.deadline, self.is_patient = deadline, is_patient

    @property
    def reason(self) -> str | None:
        """``"interrupted"`` or ``"out of time"``; None to go on."""
        if self.pressed:
            return "interrupted"
        is_over = self.deadline is not None and time.monotonic() >= self.deadline
        return "out of time" if is_over else None

    def press(self, number: int, frame: FrameType | None) -> None:
        """Note the first Ctrl-C; a second one does what it does elsewhere."""
        if self.pressed and not self.is_patient:
            raise KeyboardInterrupt
        self.pressed = True


class Termination:
    """Whether SIGTERM has come, while it is taken for Ctrl-C."""

    def __init__(self) -> None:
        self.has_come = False

    def press(self, number: int, frame: FrameType | None) -> None:
        """Do what Ctrl-C does now."""
        self.has_come = True
        pressed = signal.getsignal(signal.SIGINT)
        if not callable(pressed):  # ignored, as in the background of a script
            raise KeyboardInterrupt
        pressed(signal.SIGINT, frame)


@contextmanager
def terminable() -> Iterator[Termination]:
    """Take SIGTERM for Ctrl-C, unless the program has ways of its own with it."""
    termination = Termination()
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield termination
        return
    signal.signal(signal.SIGTERM, termination.press)
    try:
        yield termination
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def interruptible(deadline: float | None = None, *, is_patient: bool = False) -> Iterator[Interrupt]:
    """Catch Ctrl-C, so that a loop can end between two steps, as it does at a deadline.

    After SIGTERM the loop ends likewise; the process then ends as the signal would have ended it, unless the
    program has ways of its own with SIGTERM.
    """
    interrupt = Interrupt(deadline, is_patient=is_patient)
    if threading.current_thread() is not threading.main_thread():
        yield interrupt  # only the main thread may set handlers
        return
    with terminable() as termination:
        previous = signal.signal(signal.SIGINT, interrupt.press)
        try:
            yield interrupt
        finally:
            signal.signal(signal.SIGINT, previous)
    if termination.has_come:
        signal.raise_signal(signal.SIGTERM)
