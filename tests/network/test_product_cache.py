"""Keeping products changes nothing but how long it takes."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import made
from made.masks.tensors import bool_masks
from made.network import product_cache

MIXED = [made.Bernoulli(3), made.Categorical(3, n=2)]
X = np.random.default_rng(0).integers([2, 2, 2, 3, 3], size=(12, 5))
CPU = torch.device("cpu")


def build(**settings):
    return made.MADE(MIXED, **{"hidden": (8, 8), "orderings": 3, "connectivities": 3, **settings})


def same(one, other):
    assert one.keys() == other.keys()
    return all(a.dtype == torch.float32 and torch.equal(a, other[place].float()) for place, a in one.items())


def masks_of(model, mask):
    return model._product(mask).masks


def kept(model):
    return sorted(model._products._kept)


@pytest.fixture
def keeps_nothing(monkeypatch):
    monkeypatch.setattr(product_cache, "_BYTES_KEPT", 0)


@pytest.mark.parametrize("settings", [{}, {"orderings": "fresh", "fresh_masks": 2}])
def test_training_and_scores_are_the_same_with_nothing_kept(monkeypatch, settings):
    results = []
    for size in (product_cache._BYTES_KEPT, 0):
        monkeypatch.setattr(product_cache, "_BYTES_KEPT", size)
        model = build(**settings)
        history = made.fit(model, X, X, epochs=3, batch_size=4)
        results.append((history.batch_losses, history.valid_nll, model.log_prob(X).tolist()))
        assert kept(model) == (list(range(model.n_masks)) if size else [])
    assert results[0] == results[1]


def test_masks_of_the_density_are_made_once_and_others_for_as_long_as_they_are_the_latest(monkeypatch):
    model = build(orderings="fresh", fresh_masks=2)
    made_anew = []
    make = model.mask_set.mask
    monkeypatch.setattr(type(model.mask_set), "mask", lambda self, k: made_anew.append(k) or make(k))
    for k in (0, 1, 0, 2, 2, 1, 2, 3, 2):
        model._product(k)
    assert made_anew == [0, 1, 2, 3, 2]


def test_what_is_kept_is_bounded_and_first_come_first_kept(monkeypatch):
    model = build(orderings=5, connectivities=5)
    size = sum(each.nbytes for each in masks_of(model, 0).values())
    monkeypatch.setattr(product_cache, "_BYTES_KEPT", 2 * size + size // 2)
    for _ in range(2):
        for k in range(5):
            assert same(masks_of(model, k), bool_masks(model.mask(k), CPU, direct=False))
    assert kept(model) == [0, 1]
    assert model._products._bytes == 2 * size


@pytest.mark.usefixtures("keeps_nothing")
def test_gradients_through_several_masks_when_none_is_kept(randomize):
    model = randomize(build())
    model.log_prob(X, grad=True).sum().backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(product_cache, "_BYTES_KEPT", 2**20)
        model.zero_grad()
        model.log_prob(X, grad=True).sum().backward()
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), gradients, strict=True))


def test_masks_made_in_inference_mode_serve_training():
    model = build()
    with torch.inference_mode():
        model.log_prob(X)
    assert kept(model) == [0, 1, 2]
    model.loss(X, 1).backward()
    assert model.network.weights[-1].grad.any()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_keep_nothing_and_say_the_same(copied):
    model = build()
    scores = model.log_prob(X)
    other = copied(model)
    assert kept(other) == []
    assert torch.equal(other.log_prob(X), scores)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_masks_move_with_the_model():
    model = build(direct=True)
    here = masks_of(model, 1)
    model.to("cuda")
    there = masks_of(model, 1)
    assert all(each.is_cuda for each in there.values())
    assert kept(model) == [1]
    assert same(here, {place: each.cpu() for place, each in there.items()})
