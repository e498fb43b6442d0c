"""Forks ranks out of a process that has imported everything: ``python server.py``, a job a line.

A job names how many ranks there are, the arguments of ``made``, Python code that each runs first, and seconds
after which all are killed. The answer is a line with exit code, output and errors of each rank.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import sklearn.covariance  # noqa: F401 (imported once, for all ranks)
import torch
import torch._dynamo

import made
import made.runs.run
import made.runs.together
import made.training.distributed
from made.cli import main


def answer(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Run a job."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as place:
        running = {fork(job, rank, port, Path(place)): rank for rank in range(job["n"])}
        codes: dict[int, int] = {}
        until = time.monotonic() + job["seconds"]
        while running:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process in running:
                codes[running.pop(process)] = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > until:
                for left in running:
                    os.kill(left, signal.SIGKILL)
                until = float("inf")
            else:
                time.sleep(0.01)
        return [
            {
                "code": codes[rank],
                **{name: Path(place, f"{rank}.{name}").read_text() for name in ("out", "err")},
            }
            for rank in range(job["n"])
        ]


def fork(job: dict[str, Any], rank: int, port: int, place: Path) -> int:
    """Start a rank."""
    process = os.fork()
    if process:
        return process
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(place / f"{rank}.{name}", os.O_CREAT | os.O_WRONLY), number)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(job["n"]), "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), **job["environment"]}
    code = 1
    try:
        exec(job["code"], {"rank": rank, "made": made, "os": os, "torch": torch, "signal": signal})
        main(job["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def no_pictures(path: Path, *others: Any) -> Path:
    """Draw nothing: pictures take most of the time of a tiny run."""
    return path


if __name__ == "__main__":
    made.runs.run.draw_loss = made.runs.run.draw_samples = no_pictures
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
