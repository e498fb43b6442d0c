"""Masks as tensors: they are those of the rules."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import made
from made.masks.tensors import bool_masks

MIXED = [made.Bernoulli(3), made.Categorical(3, n=2)]
X = np.random.default_rng(0).integers([2, 2, 2, 3, 3], size=(12, 5))
CPU = torch.device("cpu")
LAYOUTS = {
    "two layers": {"hidden": (8, 8)},
    "no hidden layer": {"hidden": ()},
    "direct, residual": {"hidden": (8, 8), "direct": True, "residual": True},
    "context": {"hidden": (20, 8), "direct": True, "context": 2},
    "context, no hidden layer": {"hidden": (), "context": 2},
}


def build(**settings):
    return made.MADE(MIXED, **{"hidden": (8, 8), "orderings": 3, "connectivities": 3, **settings})


def same(one, other):
    assert one.keys() == other.keys()
    return all(a.dtype == torch.float32 and torch.equal(a, other[place].float()) for place, a in one.items())


def masks_of(model, mask):
    return model._product(mask).masks


@pytest.mark.parametrize("settings", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("number", [3, "fresh"])
def test_tensors_are_the_matrices_of_the_mask(settings, number):
    model = build(**{**settings, "orderings": number, "connectivities": number})
    has_direct = model.network.direct is not None
    for k in (0, 2, 1, 2):
        assert same(masks_of(model, k), bool_masks(model.mask(k), CPU, direct=has_direct))
    own = model.mask_set.given_first(np.array([1, 0, 1, 0, 1]))
    assert same(masks_of(model, own), bool_masks(own, CPU, direct=has_direct))


def test_many_degrees_stay_exact():
    model = made.MADE(made.Bernoulli(3000), (2,), connectivity=[[1499, 2999]], orderings=2)
    assert same(masks_of(model, 1), bool_masks(model.mask(1), CPU, direct=False))


def test_a_mask_that_is_not_there_is_refused(refused):
    model = build()
    for k in (-1, 3):
        with refused(f"no mask {k}"):
            model.outputs(model.rows(X), k)
