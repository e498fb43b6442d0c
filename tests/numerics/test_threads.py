"""The same seed gives the same samples and figures whatever threads and portions: see `threads`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import made

PROGRAM = Path(__file__).parent / "threads.py"
MODELS = {
    "classes": ([made.Bernoulli(16), made.Categorical(12, 8)], {"hidden": (64,)}),
    "numbers": (
        [made.Numeric(4), made.Numeric(4, step=0.1, missing=True), made.Categorical(5, 2)],
        {"hidden": (64, 64)},
    ),
}

IMAGES = {"images of a mask set": ([made.Bernoulli(400)], {"hidden": (500,), "orderings": 2})}


@pytest.fixture(scope="module")
def found(build_large, tmp_path_factory, is_long):
    """By model and what was asked: of each number of threads how many numbers differ, and by how much."""
    folder = tmp_path_factory.mktemp("models")
    for name, (variables, settings) in (MODELS | (IMAGES if is_long else {})).items():
        case = build_large(variables, settings, 5.0, n=700)
        case.model.save(folder / f"{name}.safetensors")
        np.savez(folder / f"{name}.rows.npz", values=case.values)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS"), "4")
    threads["OMP_WAIT_POLICY"] = "passive"  # more threads than cores
    command = [sys.executable, str(PROGRAM), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **threads})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_samples_are_the_same_bit_for_bit(found):
    """Whatever threads and portions; numbers differ in rounding at most, as their sums may."""
    for name, own in found.items():
        for what in ("samples", "samples in portions", "samples, plainly", "completions", "portions"):
            for n_differing, distance in own[what]:
                assert n_differing == 0 or (name == "numbers" and distance < 1e-6), (name, what)


def test_scores_and_fits_are_the_same(found):
    """To 1e-6 nats, and relative; on the machines at hand no bit of them differed."""
    for name, own in found.items():
        for what, by_threads in own.items():
            if "NLL" in what or "losses" in what or what == "log p":
                assert max(distance for _, distance in by_threads) < 1e-6, (name, what)
            if "weights" in what:
                assert max(distance for _, distance in by_threads) < 1e-4, (name, what)
