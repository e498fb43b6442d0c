"""Processes that work on one fit together, as ``torchrun`` starts them, and what they tell each other.

Whichever rank meets an error says so in one line, and all of them end. One that loses the others finds out
whether somebody has said why; if nobody has, it names the ranks that do not answer.
"""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import socket
import sys
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from made.support.errors import InputError, reason_of
from made.support.settings import check_settings, documented, setting
from made.support.versions import VERSION

if TYPE_CHECKING:
    import torch

__all__ = ["RANK_SETTINGS", "RankSettings", "Ranks", "is_launched", "quiet_torch", "together"]

_T = TypeVar("_T")

# How long a rank that has lost the others waits for one of them to say why.
_SECONDS_FOR_REASON = 2.0
_INTERRUPTED = 130


@documented
@dataclass(frozen=True)
class RankSettings:
    """Settings of ranks that fit a model together."""

    rank_timeout: float = setting(
        1800.0,
        above=0,
        help="Under torchrun: seconds that a rank waits for the others before it gives up.",
    )
    checkpoint_every: float = setting(
        30.0,
        above=0,
        help="Under torchrun: seconds between checkpoints, which are written in the middle of epochs too.",
    )

    def __post_init__(self) -> None:
        """Check the settings."""
        check_settings(self)


#: Their names.
RANK_SETTINGS = ("rank_timeout", "checkpoint_every")


def is_launched() -> bool:
    """Return whether a launcher, as ``torchrun`` is, started this process as one of several ranks."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def quiet_torch() -> None:
    """Keep torch, if it is not imported yet, from logging beside what is said, unless told otherwise."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")


class Ranks:
    """The ranks of a fit; `together` makes them.

    Parameters
    ----------
    rank, n : int
        The number of this one, from 0, and how many there are.
    store : Store
        Torch's, in which ranks leave notes.
    """

    def __init__(self, rank: int, n: int, store: Any) -> None:
        self.rank, self.n, self._store = rank, n, store

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, which writes files and shows progress."""
        return self.rank == 0

    @property
    def launch(self) -> str:
        """What tells this launch of all ranks from others; it stays as it is when ranks are restarted."""
        return f"{os.environ.get('TORCHELASTIC_RUN_ID', '')} {socket.gethostname()} {os.getppid()}"

    def check_device(self, device: torch.device) -> None:
        """Raise an `InputError` if this machine has fewer GPUs than ranks that are to use one."""
        import torch

        if device.type != "cuda" or "NCCL_HOSTID" in os.environ:  # whoever sets it says who shares a machine
            return
        here, there_are = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), torch.cuda.device_count()
        if here > there_are:
            raise InputError(
                f"{here} ranks on {socket.gethostname()} need a GPU each, and there are {there_are}: "
                f"give torchrun --nproc-per-node {there_are}, or made fit --device cpu"
            )

    def share(self, n: int, rank: int | None = None) -> tuple[int, int]:
        """Return where the share of a rank, by default of this one, begins and ends among n things.

        Examples
        --------
        >>> [Ranks(rank, 3, None).share(10) for rank in range(3)]
        [(0, 3), (3, 6), (6, 10)]
        """
        own = self.rank if rank is None else rank
        return n * own // self.n, n * (own + 1) // self.n

    def gathered(self, value: _T) -> list[_T]:
        """Return what each rank gives here, in their order; all ranks call this."""
        import torch.distributed as dist

        found: list[Any] = [None] * self.n
        dist.all_gather_object(found, value)
        return found

    def at_first(self, value: _T) -> list[_T]:
        """Return what each rank gives here on rank 0, and nothing on the others; all ranks call this."""
        import torch.distributed as dist

        found: list[Any] | None = [None] * self.n if self.is_first else None
        dist.gather_object(value, found)
        return found or []

    def of_one(self, compute: Callable[[], _T], rank: int = 0) -> _T:
        """Return what one rank computes, on all ranks; all ranks call this."""
        import torch.distributed as dist

        found: list[Any] = [compute() if self.rank == rank else None]
        dist.broadcast_object_list(found, rank)
        result: _T = found[0]
        return result

    def ends(self, error: BaseException) -> tuple[str | None, int]:
        """Return what this rank, which cannot go on, is to say, and its exit code; None: nothing.

        Of ranks that fail together, the first to come here speaks.
        """
        with suppress(ValueError):  # in any other thread than the main one
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the launcher ends all: first, somebody says why
        lost = _is_lost(error)
        if isinstance(error, KeyboardInterrupt):
            return ("interrupted" if self._is_first_to("say why") else None), _INTERRUPTED
        if not lost:
            self._note("somebody said why")
            return (str(error) if self._is_first_to("say why") else None), 2
        self._note(f"rank {self.rank} is here")
        until = time.monotonic() + _SECONDS_FOR_REASON
        while time.monotonic() < until:
            if self._is_noted("somebody said why"):
                return None, 1
            time.sleep(0.05)
        if not self._is_first_to("say why"):
            return None, 1
        silent = [rank for rank in range(self.n) if not self._is_noted(f"rank {rank} is here")]
        who = f"rank {', '.join(map(str, silent))}" if silent else "one of the ranks"
        why = "did not answer in time" if "imed out" in str(error) else "ended, or cannot be reached"
        return (
            f"{who} {why}; what was fitted until the last checkpoint is kept: torchrun --max-restarts 3 "
            "would go on by itself, made fit -o RUN --resume does so later"
        ), 1

    def leaves(self) -> None:
        """Note that this rank ends; the one that keeps the notes waits a moment for the others."""
        self._note(f"rank {self.rank} leaves")
        if not self.is_first or os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
            return
        until = time.monotonic() + _SECONDS_FOR_REASON
        others = [f"rank {rank} leaves" for rank in range(1, self.n)]
        while time.monotonic() < until and not all(map(self._is_noted, others)):
            time.sleep(0.05)

    def _is_first_to(self, what: str) -> bool:
        try:
            return int(self._store.add(what, 1)) == 1
        except Exception:  # whoever kept the notes is gone
            return True

    def _note(self, what: str) -> None:
        with suppress(Exception):
            self._store.set(what, "1")

    def _is_noted(self, what: str) -> bool:
        try:
            return bool(self._store.check([what]))
        except Exception:
            return False


@contextmanager
def together(settings: RankSettings) -> Iterator[Ranks]:
    """Join the other ranks, and end with them: an error of any rank is said in one line, by one of them.

    Parameters
    ----------
    settings : RankSettings
        How long to wait for each other.
    """
    ranks = _joined(settings)
    if not ranks.is_first:
        logging.getLogger("made").setLevel(logging.ERROR)
        warnings.simplefilter("ignore")
    try:
        _check_alike(ranks)
        yield ranks
    except Exception as error:
        if type(error).__module__.startswith(("typer", "click")):  # the end of a command
            raise
        if not isinstance(error, InputError | OSError) and not _is_lost(error):
            ranks._note("somebody said why")
            raise
        _end(*ranks.ends(error), ranks)
    except KeyboardInterrupt as error:
        _end(*ranks.ends(error), ranks)
    except SystemExit as end:
        # A thread of torch that still lets go of the last sum while Python shuts down aborts the process.
        _end(None, end.code if isinstance(end.code, int) else int(end.code is not None), ranks)
    import torch.distributed as dist

    with suppress(RuntimeError):
        dist.destroy_process_group()


def _end(message: str | None, code: int, ranks: Ranks | None = None) -> None:
    """End this process at once: what is left of a broken group might wait for the others."""
    if message is not None:
        line = " ".join(message.split())
        sys.stderr.write(f"{line}\n" if code == _INTERRUPTED else f"error: {line}\n")
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    if ranks is not None:
        ranks.leaves()
    os._exit(code)


def _joined(settings: RankSettings) -> Ranks:
    import torch
    import torch.distributed as dist
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    try:
        rank, n = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        local = int(os.environ.get("LOCAL_RANK", "0"))
    except ValueError:
        raise InputError("RANK, WORLD_SIZE and LOCAL_RANK are whole numbers: torchrun sets them") from None
    for name, what in (("MASTER_ADDR", "the address"), ("MASTER_PORT", "the port")):
        if not os.environ.get(name):
            _refuse(f"{name}, {what} of rank 0, is not set: torchrun sets it, or set it for all ranks", local)
    timeout = timedelta(seconds=settings.rank_timeout)
    try:
        store, rank, n = next(rendezvous("env://", timeout=timeout))
        store.set_timeout(timeout)
        launch = _met(store, rank, n, settings.rank_timeout)
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
        notes, group = (PrefixStore(f"made {name} {launch}", store) for name in ("notes", "group"))
        dist.init_process_group(backend, store=group, rank=rank, world_size=n, timeout=timeout)
    except (RuntimeError, ValueError, OSError) as error:
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        reason = reason_of(error)[:200]
        _refuse(
            f"rank {rank} of {n} found not all others at {where} within {settings.rank_timeout:g} seconds "
            f"({reason}): MASTER_ADDR and MASTER_PORT are those of rank 0, and every rank is to be started",
            local,
        )
    if torch.cuda.is_available():
        torch.cuda.set_device(local % torch.cuda.device_count())
    return Ranks(rank, n, notes)


def _met(store: Any, rank: int, n: int, seconds: float) -> str:
    """Return a word that all ranks of this launch share, and those of none before it.

    torchrun keeps one store for all restarts: what ranks that have died left there is not to be taken for
    what those of now say. Each rank says a word of its own, and is answered with rank 0's.
    """
    own, until = uuid.uuid4().hex, time.monotonic() + seconds
    if rank:
        store.set(f"made: rank {rank} is", own)
    missing = set(range(1, n)) if rank == 0 else {rank}
    while missing:
        for other in sorted(missing):
            if rank == 0 and store.check([f"made: {other} heard {own}"]):
                missing.discard(other)
            elif rank == 0 and store.check([f"made: rank {other} is"]):
                said = store.get(f"made: rank {other} is").decode()
                store.set(f"made: to rank {other}", f"{said} {own}")
            elif rank and store.check([f"made: to rank {rank}"]):
                said, word = store.get(f"made: to rank {rank}").decode().split()
                if said == own:
                    store.set(f"made: {rank} heard {word}", "1")
                    return str(word)
        if time.monotonic() > until:
            who = f"rank {', '.join(map(str, sorted(missing)))} is" if rank == 0 else "rank 0 is"
            raise ValueError(f"{who} not there")
        time.sleep(0.02)
    return own


def _refuse(message: str, local: int) -> None:
    """End where ranks cannot talk to each other yet: the first of each machine says why."""
    _end(message if local == 0 else None, 2)


def _check_alike(ranks: Ranks) -> None:
    """Raise an `InputError` if ranks run different code."""
    import torch

    own = (VERSION, torch.__version__, _digest_of_code())
    first, *others = ranks.gathered(own)
    for rank, other in enumerate(others, start=1):
        if other != first:
            names = ("made", "torch", "code of made")
            which = next(d for d in range(3) if other[d] != first[d])
            raise InputError(
                f"rank {rank} runs another {names[which]} than rank 0 ({other[which]} instead of "
                f"{first[which]}): install the same everywhere"
            )


def _digest_of_code() -> str:
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for file in sorted(root.rglob("*.py")):
        digest.update(f"{file.relative_to(root)}".encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def _is_lost(error: BaseException) -> bool:
    """Return whether an error says that other ranks cannot be reached."""
    import torch.distributed as dist

    if isinstance(error, dist.DistError):
        return True
    words = ("gloo", "onnection", "imed out", "NCCL", "TCPStore")
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)
