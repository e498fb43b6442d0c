"""The end of a fit before its last step, at Ctrl-C or a deadline: the step in hand is finished."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from made.support.checks import check_seconds

__all__ = ["Interrupt", "deadline_in", "interruptible", "time_left"]


def deadline_in(max_time: float | None) -> float | None:
    """Return when so many seconds from now are over, as `time.monotonic` counts; None: never.

    Raises
    ------
    InputError
        If `max_time` is no number of seconds above 0.
    """
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


@contextmanager
def interruptible(deadline: float | None = None, *, is_patient: bool = False) -> Iterator[Interrupt]:
    """Catch Ctrl-C, so that a loop can end between two steps, as it does at a deadline.

    One that `is_patient` takes SIGTERM, with which launchers end their processes, for Ctrl-C too.
    """
    interrupt = Interrupt(deadline, is_patient=is_patient)
    if threading.current_thread() is not threading.main_thread():
        yield interrupt  # only the main thread may set handlers
        return
    caught = (signal.SIGINT, signal.SIGTERM) if is_patient else (signal.SIGINT,)
    previous = {number: signal.signal(number, interrupt.press) for number in caught}
    try:
        yield interrupt
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
