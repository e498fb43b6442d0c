"""The optimizer: its kind, and what is decayed."""

from __future__ import annotations

import pytest
import torch

from made.training.optimizer import make_optimizer
from made.training.settings import TrainingSettings


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam)])
def test_weights_decay_and_biases_do_not(tiny, name, kind):
    model = tiny(hidden=(8, 8), direct=True)
    optimizer = make_optimizer(model, TrainingSettings(optimizer=name, weight_decay=0.3))
    assert type(optimizer) is kind
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert len(decay) == len(list(model.parameters()))
    assert {decay[id(bias)] for bias in model.network.biases} == {0.0}
    assert {decay[id(weight)] for weight in [*model.network.weights, model.network.direct]} == {0.3}
