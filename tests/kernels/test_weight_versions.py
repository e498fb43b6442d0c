"""Versions of weights: whatever changes a weight changes its version, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import made
from made.kernels.masked_adam.active_weight import ActiveWeight, AdamNumbers
from made.kernels.weight_versions import mark_changed, versions
from made.training.batches import Batch
from made.training.compiled_step import CompiledStep
from made.training.settings import TrainingSettings
from made.training.steps import PlainStep

WAYS = {"fused": {"fused": True}, "foreach": {"foreach": True}, "one by one": {"foreach": False}}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD])
def test_every_optimizer_counts(kind, way):
    weights = [torch.nn.Parameter(torch.ones(3, 2)), torch.nn.Parameter(torch.ones(3))]
    other = torch.nn.Parameter(torch.ones(3))
    optimizer = kind([{"params": weights[:1]}, {"params": weights[1:]}], lr=0.1, **WAYS[way])
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    before, aside = versions(weights), versions([other])
    optimizer.step()
    assert all(new != old for new, old in zip(versions(weights), before, strict=True))
    assert versions([other]) == aside


def test_looking_at_weights_does_not_count():
    model = made.MADE(made.Bernoulli(4), (5,))
    weights = list(model.parameters())
    before = versions(weights)
    model.loss(torch.zeros(2, 4)).backward()
    model.sample(3, seed=0)
    model.state_dict()
    assert versions(weights) == before


def test_tensors_of_inference_mode_have_no_version():
    with torch.inference_mode():
        inside = torch.ones(3)
    outside = torch.ones(3)
    assert versions([outside, inside]) is None
    before = versions([outside])
    mark_changed([outside, inside])
    assert versions([outside]) != before
    with torch.inference_mode():
        before = versions([outside])
        mark_changed([outside])
        assert versions([outside]) != before


@pytest.mark.parametrize("order", [None, np.array([2, 0, 1])])
def test_a_synced_weight_counts_as_changed(order):
    tensors = [torch.zeros(3, 3) for _ in range(3)]
    weight = ActiveWeight(*tensors, np.ones((3, 3), bool), order, order, threads=1)
    weight.adam, weight.n_rows = AdamNumbers.at(1, 0.1, 0.0, (0.9, 0.999), 1e-8), 2
    anchor = torch.zeros((), requires_grad=True)
    weight.linear(torch.ones(2, 3), None, anchor).sum().backward()
    before = versions(tensors)
    weight.sync()
    assert bool((tensors[0] != 0).all())
    assert all(new != old for new, old in zip(versions(tensors), before, strict=True))


@pytest.mark.parametrize("kind", [PlainStep, CompiledStep])
@pytest.mark.parametrize("ordering", ["natural", "random"])
def test_samples_follow_the_training(kind, ordering):
    model = made.MADE(made.Bernoulli(20), (30,), ordering)
    step = kind(model, TrainingSettings())
    batch, generator = Batch(torch.ones(16, 20, dtype=torch.uint8)), torch.Generator()
    ones = []
    for _ in range(3):
        ones.append(float(model.sample(200, seed=0).double().mean()))
        for _ in range(10):
            step.take(batch, 0, 0.02, generator)
        step.sync()
    assert ones[0] < ones[1] - 0.05
    assert ones[1] < ones[2] - 0.05
