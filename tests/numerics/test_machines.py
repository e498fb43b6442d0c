"""What differs between machines is bounded: log p, and weights after some steps, against float64.

A child process takes no more of the processor than AVX2 has, or than every x86-64 has; see `processors`.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from importlib import util
from pathlib import Path

import numpy as np
import pytest
import torch

import made

HERE = Path(__file__).parent
PROCESSORS = HERE.parents[1] / "benchmarks" / "processors.py"
CASES = [
    ("Bernoulli", "deep", 10.0),
    ("categories", "mask set", 10.0),
    ("categories", "one mask", 1e4),
    ("codings", "context", 1e4),
    ("spikes", "context", 1e4),
    ("mixed", "mask set", 1e4),
]
MACHINES = ["avx2", *(pytest.param(own, marks=pytest.mark.long) for own in ("here", "baseline"))]


@pytest.fixture(scope="module")
def machines():
    """The program that each of them runs."""
    spec = util.spec_from_file_location("machines", HERE / "machines.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def models(large, build_large, tmp_path_factory):
    """A folder with models and rows; their cases by name. One has the size of MNIST's."""
    folder = tmp_path_factory.mktemp("models")
    cases = {
        f"{kind}-{setting}-{to:g}".replace(" ", "-"): large(kind, setting, to) for kind, setting, to in CASES
    }
    cases["images"] = build_large([made.Bernoulli(784)], {"hidden": (500,)}, 10.0, n=40)
    for name, case in cases.items():
        case.model.save(folder / f"{name}.safetensors")
        np.savez(folder / f"{name}.rows.npz", values=case.values, **case.context)
    return folder, cases


@pytest.fixture(scope="module", params=MACHINES)
def machine(request, models, tmp_path_factory, is_long):
    """What a kind of processor makes of the models: its name, and the folder of results."""
    out = tmp_path_factory.mktemp(request.param)
    if request.param != "here" and platform.machine() != "x86_64":
        pytest.skip("other processors have other names")
    limits = [] if request.param == "here" else [str(PROCESSORS), request.param]
    kind = "compiled" if is_long else "plain"  # compiles for a minute
    command = [sys.executable, *limits, str(HERE / "machines.py"), str(models[0]), kind, str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return request.param, out


def test_it_is_another_machine(machine):
    name, out = machine
    found = json.loads((out / "machine.json").read_text())
    expected = {"avx2": ("AVX2", "AVX2"), "baseline": ("baseline", "DEFAULT")}
    assert name == "here" or (found["loops"], found["torch"]) == expected[name]


def test_log_prob(machine, models):
    """1e-5 of log p, on each machine: so machines differ by at most twice that."""
    for name, case in models[1].items():
        rows = case.model.rows(case.values, **case.context)
        found = np.load(machine[1] / f"{name}.npy")
        np.testing.assert_allclose(found, case.reference.log_prob(rows), rtol=1e-5, err_msg=name)


def test_weights_after_some_steps(machine, machines, models):
    """Of each weight the distance to its float64 twin is small beside what it has moved."""
    for name, case in models[1].items():
        if case.context:
            continue
        twin = made.MADE.from_settings(case.model.settings())
        twin.load_state_dict(case.model.state_dict())
        machines.trained(twin, case.values, False, torch.float64)
        found = made.load(machine[1] / f"{name}.trained.safetensors").state_dict()
        apart, moved = [], []
        for own, start in case.model.state_dict().items():
            expected = twin.state_dict()[own]
            apart.append((found[own].double() - expected).abs().flatten())
            moved.append((expected - start.double()).abs().flatten())
        apart, moved = torch.cat(apart), torch.cat(moved)
        is_large = name.endswith("10000")
        assert apart.mean() < (1e-3 if is_large else 1e-4) * moved.mean(), name
        assert apart.max() < (0.1 if is_large else 0.01) * moved.max(), name


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_log_prob_on_a_gpu(models):
    for name, case in models[1].items():
        there = made.MADE.from_settings(case.model.settings())
        there.load_state_dict(case.model.state_dict())
        rows = case.model.rows(case.values, **case.context)
        found = there.to("cuda").log_prob(rows).cpu().numpy()
        np.testing.assert_allclose(found, case.reference.log_prob(rows), rtol=1e-4, err_msg=name)
