"""Kills runs at random moments and goes on with them: ``python kills.py KIND NUMBER FOLDER``.

Each run is a process that is forked when everything is imported. One that was killed is gone on with, and
sometimes killed again; at the end its weights and figures are held to those of a run that nobody killed. What
was found is printed as a line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from safetensors.numpy import load_file

import made
import made.runs.run
import made.training.trainer
from made.kernels.likelihood import log_likelihood  # noqa: F401  compiled before forking
from made.runs.config import RunConfig
from made.training import compiled_step  # noqa: F401

# By kind of run: settings of model and of training; none are compared settings, as `made fit DATA` has them.
KINDS = {
    "compared": ({}, {}),
    "plain": ({"hidden": (32, 32)}, {"epochs": 12, "compiled": False}),
    "compiled": ({"hidden": (64,)}, {"epochs": 12, "compiled": True}),
    "masks": ({"hidden": (32,), "orderings": 3, "connectivities": 2}, {"epochs": 10, "compiled": False}),
    "averaged": ({"hidden": (32,), "dropout": 0.3}, {"epochs": 12, "ema": 0.9, "compiled": False}),
    "streamed": ({"hidden": (32,)}, {"epochs": 6, "compiled": False}),
}


def main(kind: str, number: int, folder: Path) -> None:
    """Kill runs of a kind, and print what became of them."""
    torch.set_num_threads(1)
    job = _job(kind, folder)
    run = _streamed if kind == "streamed" else _run
    chance = random.Random(kind)
    began = time.monotonic()
    _wait(_forked(run, replace(job, folder=folder / "whole")))
    seconds = time.monotonic() - began
    expected = _outcome(folder / "whole")
    found = {"kind": kind, "kills": 0, "different": 0, "damaged": [], "seconds": round(seconds, 2)}
    for i in range(number):
        own = replace(job, folder=folder / str(i))
        # Half of them write a checkpoint after every epoch.
        interval = made.training.trainer._SECONDS_BETWEEN_CHECKPOINTS if i % 2 else 0.0
        while True:
            child = _forked(run, own, interval)
            time.sleep(chance.random() * 1.05 * seconds)
            os.kill(child, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            found["kills"] += code == -signal.SIGKILL
            found["damaged"] += _damaged(own.folder)
            if code != -signal.SIGKILL or chance.random() < 0.6:
                break
        _wait(_forked(run, own, interval))
        found["different"] += _outcome(own.folder) != expected
        shutil.rmtree(own.folder)
    print(json.dumps(found))


def _job(kind: str, folder: Path) -> RunConfig:
    draw = np.random.default_rng(0)
    n = 400
    size = draw.normal(size=n)
    lines = ["size,colour,count"]
    for own in size:
        shown = "" if draw.random() < 0.1 else round(own, 2)
        lines.append(f"{shown},{'rgb'[int(own > 0) + int(own > 1)]},{draw.poisson(3)}")
    rows = folder / "rows.csv"
    rows.write_text("\n".join(lines) + "\n")
    model, training = KINDS[kind]
    np.save(folder / "rows.npy", (draw.random((60_000, 8)) < 0.3).astype(np.uint8))
    return RunConfig(str(rows), folder / "run", 0, None, model, training, device="cpu")


def _forked(run, *arguments) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        run(*arguments)
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int) -> None:
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise SystemExit("a run that nobody killed has failed")


def _run(job: RunConfig, interval: float = 30.0) -> None:
    """Begin a run, or go on with it, as the command does."""
    made.training.trainer._SECONDS_BETWEEN_CHECKPOINTS = interval
    made.runs.run.draw_loss = made.runs.run.draw_samples = lambda path, *_: path
    resume = (job.folder / "settings.json").exists()
    made.runs.run.run(RunConfig.of(job.folder, "cpu") if resume else job, resume=resume)


def _streamed(job: RunConfig, interval: float = 30.0) -> None:
    """Fit a model to a file that is streamed."""
    made.training.trainer._SECONDS_BETWEEN_CHECKPOINTS = interval
    job.folder.mkdir(exist_ok=True)
    file = job.folder / "checkpoint.safetensors"
    rows = made.data.open_rows(Path(job.data).parent / "rows.npy")
    model = made.MADE(made.Bernoulli(8), **job.model, seed=0)
    own = {**job.training, "seed": 0, "checkpoint": file, "resume": file.exists()}
    made.fit(model, rows.part(0, -400), rows.part(-400), **own)
    model.save(job.folder / "model.safetensors")


def _outcome(folder: Path) -> object:
    """Return what must be the same: every weight, and the figures."""
    weights = {name: own.tobytes() for name, own in load_file(folder / "model.safetensors").items()}
    file = folder / "results.json"
    figures = {"model": None, "baselines": None}
    if file.exists():
        figures = {name: own for name, own in json.loads(file.read_text()).items() if name in figures}
    return weights, figures


def _damaged(folder: Path) -> list[str]:
    """Return the files that cannot be read."""
    damaged = []
    for file in folder.rglob("*.*"):
        if file.name.startswith("."):
            continue
        try:
            if file.suffix == ".safetensors":
                load_file(file)
            elif file.suffix == ".json":
                json.loads(file.read_text())
        except Exception as error:  # whatever it is, the file is damaged
            damaged.append(f"{file.name}: {error}")
    return damaged


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
