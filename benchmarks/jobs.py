"""Jobs side by side, each with one thread on a core of its own, whose results are files.

A job whose file exists is done: a run that was interrupted goes on where it was. The costliest of the jobs
of a group that can begin goes first.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Job", "read", "run_jobs"]

_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
)

_MOST_ON_GPU = 5


class Job(NamedTuple):
    """What one process does without a break.

    Attributes
    ----------
    name
        Of the file of its results, without suffix.
    arguments
        What the work is called with.
    cost
        About how many seconds it takes.
    needs
        Names of the jobs whose results it needs.
    group
        Those of a lower group go first.
    uses_gpu
        Whether it shares a GPU, if there is one, with others; few run at a time.
    """

    name: str
    arguments: Mapping[str, Any]
    cost: float
    needs: tuple[str, ...] = ()
    group: int = 0
    uses_gpu: bool = False


def read(folder: Path, name: str) -> dict[str, Any] | None:
    """Return the results of a job; None where there are none yet."""
    file = folder / f"{name}.npz"
    if not file.exists():
        return None
    with np.load(file) as arrays:
        return dict(arrays)


def run_jobs(
    jobs: Sequence[Job],
    work: Callable[..., Mapping[str, Any]],
    folder: Path,
    n_processes: int,
) -> list[str]:
    """Do the jobs that are not done, and return the names of those that failed.

    Parameters
    ----------
    jobs : sequence of Job
        In any order.
    work : callable
        Called in another process with ``arguments`` of a job; returns arrays by name. What fails is printed.
    folder : Path
        Of the results.
    n_processes : int
        How many at a time.
    """
    waiting = sorted(
        (own for own in jobs if not _file(folder, own.name).exists()),
        key=lambda own: (own.group, -own.cost),
    )
    print(f"{len(waiting)} of {len(jobs)} jobs to do, {sum(own.cost for own in waiting):.0f} s", flush=True)
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))  # processes that are started inherit them
    try:
        return _run_in_pool(waiting, work, folder, n_processes)
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _run_in_pool(
    waiting: list[Job], work: Callable[..., Mapping[str, Any]], folder: Path, n_processes: int
) -> list[str]:
    """Do the jobs in processes of one core each, and return the names of those that failed."""
    context = multiprocessing.get_context("spawn")
    cores: Any = context.Queue()
    for number in range(n_processes):
        cores.put(sorted(_own_cores())[number % len(_own_cores())])
    failed: list[str] = []
    running: dict[Future[float], Job] = {}
    with ProcessPoolExecutor(n_processes, context, _take_core, (cores,)) as pool:
        while waiting or running:
            while (own := _next(waiting, list(running.values()), folder, n_processes)) is not None:
                waiting.remove(own)
                running[pool.submit(_do, work, own, folder)] = own
            if not running:
                failed += [own.name for own in waiting]  # what they need has failed
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                own = running.pop(future)
                if future.exception() is not None:
                    failed.append(own.name)
                    print(f"FAILED {own.name}: {future.exception()}", flush=True)
                else:
                    print(f"{future.result():6.1f} s (of {own.cost:.0f})  {own.name}", flush=True)
    return failed


def _next(waiting: Sequence[Job], running: Sequence[Job], folder: Path, n_processes: int) -> Job | None:
    """Return the first job that can begin now."""
    if len(running) >= n_processes:
        return None
    gpu_is_free = sum(own.uses_gpu for own in running) < _MOST_ON_GPU
    for own in waiting:
        is_ready = all(_file(folder, name).exists() for name in own.needs)
        if is_ready and (gpu_is_free or not own.uses_gpu):
            return own
    return None


def _take_core(cores: Any) -> None:
    """Keep this process to one core, so that what it starts stays there too; end it with the one before."""
    import torch

    threading.Thread(target=_end_with_parent, daemon=True).start()
    core = cores.get()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    torch.set_num_threads(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # it was spawned
    parent.join()
    os._exit(1)


def _own_cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _do(work: Callable[..., Mapping[str, Any]], job: Job, folder: Path) -> float:
    began = time.monotonic()
    try:
        found = work(**job.arguments)
    except Exception as error:
        raise RuntimeError(traceback.format_exc()) from error
    seconds = time.monotonic() - began
    file = _file(folder, job.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(f".{os.getpid()}.part")
    with beside.open("wb") as opened:
        np.savez(opened, seconds=seconds, **found)
    beside.replace(file)
    return seconds


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.npz"
