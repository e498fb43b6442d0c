"""Candidates fitted by processes beside this one: the same numbers, whoever fits what, and whatever dies."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import made
from made.support.files import read_tensors
from made.tuning import side_by_side
from made.tuning.candidates import Candidate
from made.tuning.pipeline import Pipeline
from made.tuning.plan import Plan, Rung
from made.tuning.side_by_side import Worker, n_cores, one_thread

PLAN = Plan(
    tuple(
        Candidate(
            str(width), {"hidden": (width,), "dropout": 0.2}, {"epochs": 16, "batch_size": 64, "ema": 0.9}
        )
        for width in (4, 16, 64)
    ),
    (Rung(1 / 4, 2), Rung(1 / 2, 1)),
)
WILD = Candidate("wild", {"hidden": (8,)}, {"epochs": 8, "learning_rate": 1e30, "optimizer": "adam"})


@pytest.fixture(scope="module")
def pipeline():
    draw = np.random.default_rng(0)
    first = draw.integers(0, 2, (600, 1))
    schema = made.Schema.of_classes([2] * 6)
    rows = schema.encode(np.where(draw.random((600, 6)) < 0.9, first, 1 - first))
    return Pipeline(schema, rows[:500], rows[500:], seed=3)


def compare(pipeline, folder, n_workers, plan=PLAN):
    outcome = pipeline.compare(plan, folder, n_workers=n_workers)
    _, settings, tensors = read_tensors(outcome.checkpoint)
    return outcome, settings["history"]["batch_losses"], tensors


def test_processes_change_no_number(pipeline, tmp_path):
    alone, losses, tensors = compare(pipeline, tmp_path / "alone", 0)
    beside, other_losses, other_tensors = compare(pipeline, tmp_path / "beside", 2)
    assert beside.candidate.about == alone.candidate.about
    assert other_losses == losses
    assert tensors.keys() == other_tensors.keys()
    assert all(torch.equal(tensor, other_tensors[name]) for name, tensor in tensors.items())
    decisions = [(tmp_path / name / "decisions.json").read_text() for name in ("alone", "beside")]
    assert decisions[0] == decisions[1]


def test_one_that_diverges_elsewhere_is_skipped(pipeline, tmp_path):
    plan = Plan((WILD, *PLAN.candidates[:1], WILD), (Rung(1 / 2, 1),))
    outcome, *_ = compare(pipeline, tmp_path, 1, plan)
    assert outcome.candidate.about == "4"


def test_what_a_dead_process_leaves_is_fitted_here(pipeline, tmp_path, monkeypatch):
    plain = Worker.fit

    def fit(self, *args, **kwargs):
        self._process.kill()
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(Worker, "fit", fit)
    outcome, *_ = compare(pipeline, tmp_path / "beside", 2)
    monkeypatch.undo()
    assert outcome.candidate.about == compare(pipeline, tmp_path / "alone", 0)[0].candidate.about


def test_without_processes_one_fit_follows_another(pipeline, tmp_path, monkeypatch):
    def popen(*_args, **_others):
        raise OSError("no more processes")

    monkeypatch.setattr(side_by_side.subprocess, "Popen", popen)
    assert compare(pipeline, tmp_path, 2)[0].ended == "chosen"


def test_ctrl_c_reaches_the_others(pipeline, tmp_path):
    """All end after the step in hand; what they did is there when the comparison goes on."""
    endless = Plan(
        tuple(Candidate(c.about, c.model, {**c.training, "epochs": 200_000}) for c in PLAN.candidates[:2]),
        (Rung(1 / 100_000, 2), Rung(1, 1)),  # both go on
    )
    files = [tmp_path / f"{number}.safetensors" for number in range(2)]
    sent = []

    def stop():
        while not all(file.exists() for file in files):  # both processes have fitted the short first rung
            time.sleep(0.1)
        time.sleep(2)
        sent.append(time.time())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop, daemon=True).start()
    outcome = pipeline.compare(endless, tmp_path, n_workers=1)
    assert outcome.ended == "interrupted"
    assert time.time() - sent[0] < 60
    assert outcome.model is not None
    assert all(file.stat().st_mtime >= sent[0] for file in files)


@pytest.mark.skipif(sys.platform != "linux", reason="what a process ignores is in /proc")
def test_workers_hear_sigint_where_it_is_ignored_here(tmp_path):
    """A script's background ignores it: a worker that was stopped while it began would go on for ever."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        worker = Worker(tmp_path)
        status = Path(f"/proc/{worker._process.pid}/status").read_text()
        worker.close()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
    assert not ignored >> (signal.SIGINT - 1) & 1


def test_one_thread_for_a_while():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    assert n_cores() >= 1
