"""Processes that fit candidates beside this one, each on a core of its own (`made.tuning.worker`)."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import torch

from made.model import MADE
from made.support.files import write_tensors
from made.training.divergence import TrainingDivergedError
from made.training.history import History
from made.tuning.candidates import Candidate
from made.tuning.entrant import Entrant
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["SHARED", "Worker", "n_cores", "one_thread", "share", "workers"]

_log = logging.getLogger(__name__)

#: What all fits share, in the folder of a comparison.
SHARED = "rows.safetensors"


class Worker:
    """A process that fits candidates.

    Parameters
    ----------
    folder : Path
        Of the comparison, with what `share` wrote.
    """

    def __init__(self, folder: Path) -> None:
        one = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        # In a session of its own: Ctrl-C reaches it through `stop` alone, once.
        with _sigint_heard():
            self._process = subprocess.Popen(
                [sys.executable, "-m", "made.tuning.worker", str(folder.resolve())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, **one},
                start_new_session=True,
            )

    def fit(
        self,
        entrant: Entrant,
        build: Callable[[Candidate], MADE],
        *,
        pause_after: int,
        deadline: float | None,
    ) -> bool:
        """Have an entrant fitted to the end of an epoch.

        Returns
        -------
        bool
            False if the process has died: the entrant is as it was.
        """
        job = {
            "number": entrant.number,
            "candidate": entrant.candidate.as_dict(),
            "checkpoint": str(entrant.checkpoint.resolve()),
            "pause_after": pause_after,
            "deadline": deadline,  # processes have one monotonic clock
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        except (OSError, ValueError):
            return False
        if "diverged" in answer:
            entrant.failure = TrainingDivergedError(answer["diverged"], History(), build(entrant.candidate))
        else:
            entrant.history = History.from_dict(answer["history"])
            entrant.nll = np.array(answer["nll"])
        return True

    def stop(self) -> None:
        """Have the fit in hand end after its step."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def _sigint_heard() -> Iterator[None]:
    """Have processes that are begun hear SIGINT where this one ignores it: in the background of a script.

    A signal that is ignored stays so in them; one that is handled does not.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def workers(n: int, folder: Path) -> Iterator[list[Worker]]:
    """Start n processes, and end them with the block; fewer where they cannot be started."""
    started: list[Worker] = []
    with ExitStack() as stack:
        for _ in range(n):
            try:
                worker = Worker(folder)
            except OSError as error:
                _log.info("no process can be started beside this one (%s): one fit at a time", error)
                break
            stack.callback(worker.close)
            started.append(worker)
        yield started


def share(folder: Path, schema: Schema, train: Rows, valid: Rows, seed: int) -> None:
    """Write what all fits share into the folder of a comparison."""
    tensors = {
        f"{part}/{name}": tensor
        for part, rows in (("train", train), ("valid", valid))
        for name, tensor in (("codes", rows.codes), ("context", rows.context), ("bodies", rows.bodies))
        if tensor is not None
    }
    write_tensors(folder / SHARED, "rows", {"schema": schema.as_dict(), "seed": seed}, tensors)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread, as workers do: the same numbers, wherever a fit runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def n_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
