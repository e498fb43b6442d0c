"""The optimizer: that of torch, and what is decayed."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from made.training.optimizer import make_optimizer
from made.training.settings import TrainingSettings


@pytest.mark.parametrize("name", ["adamw", "adam"])
def test_weights_decay_and_biases_do_not(tiny, name):
    model = tiny(hidden=(8, 8), direct=True)
    optimizer = make_optimizer(model, TrainingSettings(optimizer=name, weight_decay=0.3))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert len(decay) == len(list(model.parameters()))
    assert {decay[id(bias)] for bias in model.network.biases} == {0.0}
    assert {decay[id(weight)] for weight in [*model.network.weights, model.network.direct]} == {0.3}


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam)])
def test_steps_are_those_of_torch(tiny, name, kind):
    draw = torch.Generator().manual_seed(0)
    rows = torch.randint(0, 2, (64, tiny().n_variables), generator=draw)
    models = []
    for is_own in (True, False):
        model = tiny(hidden=(8, 8), direct=True)
        own = make_optimizer(model, TrainingSettings(optimizer=name, weight_decay=0.3, learning_rate=0.01))
        optimizer = own
        if not is_own:
            groups = [{key: group[key] for key in ("params", "weight_decay")} for group in own.param_groups]
            optimizer = kind(groups, lr=0.01, fused=True)
        for _ in range(20):
            optimizer.zero_grad()
            model.loss(rows).backward()
            optimizer.step()
        models.append(model)
    for one, other in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(one, other)


def test_a_fit_does_not_import_the_compiler_of_torch():
    program = (
        "import sys, made\n"
        "made.fit(made.MADE(made.Bernoulli(3)), [[0, 1, 1]] * 8, False, epochs=1)\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
