"""Rows scored, completed and drawn on a cluster, with Ray Data: ``pip install 'made[ray]'``.

A worker loads the model once. What becomes of a row is a function of the row alone: a worker that is lost
changes nothing but the time.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from made.runs.batches import BatchCompleter, BatchScorer, DrawnBatches, model_of
from made.runs.done import Done
from made.runs.file_columns import find_places
from made.runs.samples import rows_per_portion
from made.runs.unit_work import Packed
from made.support.checks import check_int
from made.support.errors import InputError, reason_of
from made.support.listing import listed

if TYPE_CHECKING:
    from ray.data import Dataset

    from made.model import MADE
    from made.runs.unit_work import UnitWork
    from made.runs.units import Unit

__all__ = ["complete", "connected", "sample", "score", "spread"]

#: Begins a cluster on this machine.
LOCAL = "local"
_SECONDS_TO_ANSWER = 10.0
# Rows of a batch, and the most blocks that units are parted into.
_ROWS, _MOST_BLOCKS = 2**14, 10_000


def score(
    dataset: Dataset,
    run: str | os.PathLike[str] | MADE,
    *,
    column: str = "log_prob",
    id: str | None = None,
    particles: int = 1000,
    batch_size: int = _ROWS,
    device: str = "cpu",
    workers: int | None = None,
) -> Dataset:
    """Add the log-probability of each row, in nats, to a dataset.

    Parameters
    ----------
    dataset : ray.data.Dataset
        Its columns are found by name. Those that the model does not know are kept, one that is not there is
        unknown. A row that cannot be read (a value that is none of its column) has no score: null.
    run : path or MADE
        Folder of a run, a model file, or a model. Workers need not see the path: the model is sent to them.
    column : str
        Name of the column that is added.
    id : str, optional
        The column that tells rows apart, of whole numbers or text: where log p of a row with unknown entries
        is estimated, its particles are a function of it. By default of a hash of the row.
    particles : int
        Per row and mask, where it is estimated.
    batch_size : int
        Rows that a worker scores at a time.
    device : str
        ``"cuda"`` takes one GPU for each worker.
    workers : int, optional
        The most workers, of one CPU each. By default as many as the cluster has CPUs.

    Returns
    -------
    ray.data.Dataset
        Lazy, as datasets are.

    Raises
    ------
    InputError
        If Ray is not installed, there is no such run, or the dataset has none of its columns.
    """
    _imported()
    model = model_of(run)
    _check_columns(dataset, model, id, column)
    work = BatchScorer(Packed.of(model, device), column=column, key=id, particles=particles)
    return _mapped(dataset, work, batch_size, device, workers)


def complete(
    dataset: Dataset,
    run: str | os.PathLike[str] | MADE,
    *,
    id: str | None = None,
    seed: int = 0,
    number: int | None = None,
    batch_size: int = _ROWS,
    device: str = "cpu",
    workers: int | None = None,
    **settings: Any,
) -> Dataset:
    """Fill in what is unknown in the rows of a dataset.

    Parameters
    ----------
    dataset, run, batch_size, device, workers
        As for `score`. Entries that are null or NaN are filled in, other columns pass through, and rows that
        cannot be read are left out.
    id : str, optional
        The column that tells rows apart: what is drawn is a function of it and the seed. By default of a hash
        of the row; rows that are the same in all columns are then completed alike.
    seed : int
        Of the draws.
    number : int, optional
        Completions of each row; by default one.
    **settings
        As for `MADE.complete`: kind, level, where, method, particles, max_states.

    Returns
    -------
    ray.data.Dataset
        The columns in the order in which they came.
    """
    _imported()
    model = model_of(run)
    _check_columns(dataset, model, id)
    work = BatchCompleter(Packed.of(model, device), key=id, seed=seed, number=number, **settings)
    return _mapped(dataset, work, batch_size, device, workers)


def sample(
    n: int,
    run: str | os.PathLike[str] | MADE,
    *,
    seed: int = 0,
    where: Sequence[str] | None = None,
    device: str = "cpu",
    workers: int | None = None,
) -> Dataset:
    """Draw n rows as a dataset: row i is that of ``model.sample(n, seed)``.

    Parameters
    ----------
    n : int
        How many rows.
    run, device, workers
        As for `score`.
    seed : int
        Row i is a function of (seed, i).
    where : sequence of str, optional
        Conditions that all rows meet, such as ``"age >= 30"``.
    """
    ray = _imported()
    n = check_int("n, the number of rows to draw,", n)
    model = model_of(run)
    portion = rows_per_portion(model)
    work = DrawnBatches(Packed.of(model, device), n, portion, seed, where)
    with _quiet():
        return _mapped(_numbers(ray, max(-(-n // portion), 1)), work, 1, device, workers)


def spread(
    work: UnitWork, units: Sequence[Unit], address: str = LOCAL, workers: int | None = None
) -> Iterator[tuple[int, Done]]:
    """Do units on a cluster, in any order; yield the number of each, and what is to be said of it.

    Parameters
    ----------
    work : UnitWork
        Is sent to each worker once. Files, and the folder that is written, must be there on all machines.
    units : sequence of Unit
        To be done.
    address : str
        Of a cluster; ``"local"`` begins one on this machine.
    workers : int, optional
        As for `score`.

    Raises
    ------
    InputError
        If Ray is not installed, or there is no cluster at that address.
    """
    with connected(address) as ray:
        if not units:
            return
        numbers = _numbers(ray, len(units))
        work_on = _UnitsOfWorker(work, list(units))
        for row in _mapped(numbers, work_on, 1, work.packed.device, workers).iter_rows():
            known = {own.name for own in fields(Done)}
            content = {key: own for key, own in json.loads(row["done"]).items() if key in known}
            content["rounded"] = {int(key): own for key, own in content["rounded"].items()}
            yield int(row["number"]), Done(**content)


@contextmanager
def connected(address: str = LOCAL) -> Iterator[Any]:
    """Connect to a cluster, or begin one on this machine, until the end of the block; yields Ray.

    Where this process has a connection already, that is used and kept.
    """
    ray = _imported()
    with _quiet():
        if ray.is_initialized():
            yield ray
            return
        _check_address(address)
        options = {"include_dashboard": False} if address == LOCAL else {}
        try:
            ray.init(address, log_to_driver=False, configure_logging=False, **options)
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = reason_of(error)
            raise InputError(f"--ray {address}: there is no Ray cluster to work on ({reason})") from error
        try:
            yield ray
        finally:
            ray.shutdown()


def _check_address(address: str) -> None:
    """Say soon where nobody answers: Ray waits for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or "/" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=_SECONDS_TO_ANSWER).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"--ray {address}: nobody answers there ({error}); see ray status") from error


class _Held:
    """What a worker holds: it is fetched once, when the worker begins, and applied to batch after batch."""

    def __init__(self, reference: Any) -> None:
        import ray

        self._work = ray.get(reference[0])

    def __call__(self, batch: Any) -> Any:
        return self._work(batch)


class _UnitsOfWorker:
    """Does the units of a batch of numbers."""

    def __init__(self, work: UnitWork, units: Sequence[Unit]) -> None:
        self.work, self.units = work, units

    batch_format = "numpy"

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        numbers = batch["id"].tolist()
        done = [json.dumps(asdict(self.work(self.units[number]))) for number in numbers]
        return {"number": numbers, "done": done}


def _numbers(ray: Any, n: int) -> Dataset:
    """Return 0..n-1 as a dataset. It is there: reading it would need a CPU beside those of workers."""
    return ray.data.from_items(
        [{"id": number} for number in range(n)], override_num_blocks=min(n, _MOST_BLOCKS)
    )


def _mapped(dataset: Dataset, work: Any, batch_size: int, device: str, workers: int | None) -> Dataset:
    """Apply work to the batches of a dataset, in workers that survive the loss of others."""
    ray = _imported()
    with _quiet():
        if not ray.is_initialized():
            ray.init(include_dashboard=False)
        n_cpus = int(ray.cluster_resources().get("CPU", 1))
        needed = {"num_gpus": 1} if device != "cpu" else {}
        # A list, which is sent as it is: the object itself stays in the store.
        reference = [ray.put(work)]
        return dataset.map_batches(
            _Held,
            fn_constructor_args=(reference,),
            batch_size=batch_size,
            batch_format=work.batch_format,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers or max(n_cpus, 1)),
            num_cpus=1 if n_cpus > 1 else 0,  # the only one has to read, too
            **needed,
        )


def _check_columns(dataset: Dataset, model: MADE, key: str | None, column: str | None = None) -> None:
    """Refuse now, where the columns are known before anything is read, what workers would refuse."""
    names = dataset.columns(fetch_if_missing=False)
    if names is None:
        return
    find_places(model.schema, names)
    if key is not None and key not in names:
        raise InputError(f"id: there is no column {key!r}; there are {listed(names)}")
    if column in names:
        raise InputError(f"there is a column {column!r}: give that of the scores another name")


def _imported() -> Any:
    """Return Ray, or say in a line that it is not installed."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InputError(
            "this needs Ray, which is not installed: pip install 'made[ray]' (without --ray the same work is "
            "done on this machine alone)"
        ) from error
    return ray


@contextmanager
def _quiet() -> Iterator[None]:
    """Show neither bars of Ray Data, beside the one of made, nor what it logs of each step."""
    import ray.data

    context = ray.data.DataContext.get_current()
    before, levels = context.enable_progress_bars, {}
    context.enable_progress_bars = False
    for name in ("ray", "ray.data"):  # what it logs is in files of its own, too
        logger = logging.getLogger(name)
        levels[name] = logger.level
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        context.enable_progress_bars = before
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
