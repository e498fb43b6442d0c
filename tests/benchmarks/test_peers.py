"""Every rival of the peers bench is a MADE in natural order that trains on the NLL it reports."""

from __future__ import annotations

import importlib
import itertools
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
# What each rival must have installed.
NEEDS = {
    "seed": "torch",
    "zuko": "zuko",
    "nflows": "nflows",
    "pyro": "pyro",
    "made loop": "made",
    "made": "made",
}
D, HIDDEN = 6, (64, 64)  # wide enough for every degree to be drawn
STATES = torch.tensor(list(itertools.product([0, 1], repeat=D)), dtype=torch.uint8)


@pytest.fixture
def peers(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("peers")
    for name in ("peers", "seed_port"):
        sys.modules.pop(name, None)


@pytest.fixture(params=NEEDS)
def rival(request, peers):
    pytest.importorskip(NEEDS[request.param], reason="a peer: installed with the extra 'bench'")
    torch.manual_seed(0)
    rival = peers.RIVALS[request.param](D, HIDDEN)
    rows = rival.prepare(STATES[::3])
    for _ in range(20):  # away from where it starts, which may be zero
        rival.step(rows)
    with torch.no_grad():  # and far from independence
        for parameter in rival.module.parameters():
            if parameter.ndim == 2:
                parameter.mul_(3)
    return rival


def test_a_logit_depends_on_all_variables_before_and_on_no_other(rival):
    rows = rival.prepare(STATES)
    with torch.no_grad():
        logits = rival.logits(rows)
        for d in range(D):
            other = STATES.clone()
            other[:, d] = 1 - other[:, d]
            moved = (rival.logits(rival.prepare(other)) - logits).abs().amax(dim=0)
            assert moved[: d + 1].max() < 1e-5, f"flipping {d} moved {moved}"
            assert d == D - 1 or moved[d + 1 :].min() > 1e-4, f"flipping {d} moved {moved}"


def test_probabilities_of_all_rows_sum_to_one(rival):
    assert rival.log_prob(rival.prepare(STATES)).double().exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_a_step_returns_the_nll_and_lowers_it(rival):
    rows = rival.prepare(STATES[::3])
    before = -rival.log_prob(rows).double().mean().item()
    assert rival.step(rows) == pytest.approx(before, rel=1e-5)
    for _ in range(20):
        rival.step(rows)
    assert -rival.log_prob(rows).double().mean().item() < before


def test_rivals_have_as_many_weights_as_the_layout(rival):
    weights = sum(p.numel() for p in rival.module.parameters() if p.ndim == 2)
    assert weights == D * HIDDEN[0] + HIDDEN[0] * HIDDEN[1] + HIDDEN[1] * D


def test_layouts_that_a_peer_cannot_have_are_refused(peers):
    pytest.importorskip("pyro", reason="a peer: installed with the extra 'bench'")
    with pytest.raises(ValueError, match="must not be less"):
        peers.Pyro(D, (D - 1,))
    pytest.importorskip("nflows", reason="a peer: installed with the extra 'bench'")
    with pytest.raises(ValueError, match="equally wide"):
        peers.NFlows(D, (20, 21))
