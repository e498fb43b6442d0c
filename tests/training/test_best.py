"""Best weights: a copy that later steps do not change."""

from __future__ import annotations

import torch

from made.training.best import BestWeights


def _fill(model, value):
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(value)


def test_the_weights_kept_last_come_back(tiny):
    model = tiny()
    best = BestWeights(model)
    for value in (1.0, 2.0):
        _fill(model, value)
        best.keep()
    _fill(model, 3.0)
    best.give_back()
    assert all(bool((weight == 2).all()) for weight in model.parameters())


def test_there_is_one_copy(tiny):
    model = tiny()
    best = BestWeights(model)
    best.keep()
    places = [tensor.data_ptr() for tensor in best.weights.values()]
    _fill(model, 1.0)
    best.keep()
    assert [tensor.data_ptr() for tensor in best.weights.values()] == places
    assert not set(places) & {weight.data_ptr() for weight in model.parameters()}


def test_nothing_kept_changes_nothing(tiny, same_weights):
    model = tiny()
    BestWeights(model).give_back()
    assert same_weights(model, tiny())


def test_those_of_a_checkpoint(tiny, same_weights):
    model, other = tiny(), tiny(seed=1)
    best = BestWeights(model)
    best.restore(dict(other.state_dict()))
    best.give_back()
    assert same_weights(model, other)
