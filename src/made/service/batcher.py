"""Small requests that arrive together, scored in one forward pass.

One thread computes, one piece of work after the other: long answers are cut into portions, and small
requests have their turn between two of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from made.service.settings import Limits

__all__ = ["Batcher", "FullError"]

_Answer = TypeVar("_Answer")


class FullError(RuntimeError):
    """So many rows wait already that no more are taken."""


@dataclass(eq=False)
class _Waiting:
    key: Any
    rows: Any
    n_rows: int
    answer: asyncio.Future[Any]


class Batcher:
    """Answers requests together where their key is the same.

    Parameters
    ----------
    answer : callable
        Takes a key and a list of what was asked, and returns an answer or an exception for each; it is called
        in the computing thread.
    limits : Limits
        How many rows are answered together, and how many may wait.
    """

    def __init__(self, answer: Callable[[Any, list[Any]], list[Any]], limits: Limits) -> None:
        self._answer, self._limits = answer, limits
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="made-compute")
        self._waiting: list[_Waiting] = []
        self._n_waiting = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        #: How many requests were answered, in how many passes.
        self.n_requests = self.n_passes = 0

    @property
    def n_waiting(self) -> int:
        """How many rows wait."""
        return self._n_waiting

    def start(self) -> None:
        """Begin; called where an event loop runs."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Answer what waits, and end."""
        while self._waiting:
            await asyncio.sleep(0.01)
        if self._task is not None:
            self._task.cancel()
        self._thread.shutdown()

    async def ask(self, key: Any, rows: Any, n_rows: int) -> Any:
        """Return the answer to one request, found together with those of others.

        Raises
        ------
        FullError
            If too many rows wait.
        """
        if self._waiting and self._n_waiting + n_rows > self._limits.max_waiting:
            raise FullError
        own = _Waiting(key, rows, n_rows, asyncio.get_running_loop().create_future())
        self._waiting.append(own)
        self._n_waiting += n_rows
        self._wake.set()
        return await own.answer

    async def compute(self, work: Callable[[], _Answer]) -> _Answer:
        """Return what a piece of work returns; it has its turn in the computing thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            together = self._take()
            if not together:
                self._wake.clear()
                continue
            asked = [own.rows for own in together]
            try:
                found = await self.compute(lambda: self._answer(together[0].key, asked))  # noqa: B023
            except Exception as error:
                found = [error] * len(together)
            self.n_requests, self.n_passes = self.n_requests + len(together), self.n_passes + 1
            for own, answer in zip(together, found, strict=True):
                if own.answer.done():
                    continue  # whoever asked is gone
                if isinstance(answer, Exception):
                    own.answer.set_exception(answer)
                else:
                    own.answer.set_result(answer)

    def _take(self) -> list[_Waiting]:
        """Return the first that waits, with those after it that have its key, up to the rows of a batch."""
        self._waiting = [own for own in self._waiting if not own.answer.done()]
        taken: list[_Waiting] = []
        n = 0
        for own in self._waiting:
            if taken and (own.key is not taken[0].key or n + own.n_rows > self._limits.batch_rows):
                continue
            taken.append(own)
            n += own.n_rows
        self._waiting = [own for own in self._waiting if own not in taken]
        self._n_waiting = sum(own.n_rows for own in self._waiting)
        return taken
