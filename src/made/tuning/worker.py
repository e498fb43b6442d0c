"""A process that fits candidates beside the one that compares them: ``python -m made.tuning.worker FOLDER``.

What all fits share is in the folder: rows, schema, seed. Jobs come as lines of JSON on standard input, and
are answered with a line each on standard output; the state of a fit is in its checkpoint. SIGINT ends the fit
in hand after its step, and the end of the input ends the process.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import torch

from made.support.files import read_tensors
from made.training.interrupt import time_left
from made.tuning.candidates import Candidate
from made.tuning.entrant import Entrant
from made.tuning.pipeline import Pipeline
from made.tuning.side_by_side import SHARED
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["main"]


def main(folder: Path) -> None:
    """Answer jobs until there are no more."""
    torch.set_num_threads(1)
    _, settings, tensors = read_tensors(folder / SHARED)
    train, valid = (
        Rows(
            tensors[f"{part}/codes"],
            context=tensors.get(f"{part}/context"),
            bodies=tensors.get(f"{part}/bodies"),
        )
        for part in ("train", "valid")
    )
    pipeline = Pipeline(Schema.from_dict(settings["schema"]), train, valid, seed=settings["seed"])
    jobs: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    while True:
        print(json.dumps(_answer(pipeline, json.loads(jobs.get()))), flush=True)


def _listen(jobs: SimpleQueue[str]) -> None:
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)  # who asked is gone: nobody needs the fit in hand


def _answer(pipeline: Pipeline, job: dict[str, Any]) -> dict[str, Any]:
    entrant = Entrant(job["number"], Candidate(**job["candidate"]), Path(job["checkpoint"]))
    assert pipeline.valid is not None  # it has been written
    entrant.fit(
        pipeline.build(entrant.candidate),
        pipeline.train,
        pipeline.valid,
        seed=pipeline.seed,
        pause_after=job["pause_after"],
        max_time=time_left(job["deadline"]),
    )
    if entrant.failure is not None:
        return {"diverged": str(entrant.failure)}
    return {"history": entrant.history.as_dict(), "nll": entrant.nll.tolist()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
