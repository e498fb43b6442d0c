"""Sampling: rows are a function of uniforms, keyed by (seed, row), whatever the batch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import made
from made.rows import Variables
from made.sampling import sample_rows

MIXED = [made.Bernoulli(3), made.Categorical(3, n=2), made.Categorical(1)]


@pytest.fixture(
    params=[{}, {"ordering": "random"}, {"orderings": 3, "connectivities": 2}, {"orderings": "fresh"}]
)
def model(request, randomize):
    return randomize(made.MADE(MIXED, (12, 12), **request.param))


def test_row_i_is_a_function_of_seed_and_i(model):
    rows = model.sample(50, seed=4)
    assert rows.shape == (50, 6)
    assert rows.dtype == torch.uint8
    for n in (1, 20, 49):
        assert torch.equal(model.sample(n, seed=4), rows[:n])
    assert not torch.equal(model.sample(50, seed=5), rows)
    assert len(torch.unique(rows, dim=0)) > 5


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_batch_size_never_matters(model, monkeypatch, size):
    rows = model.sample(100, seed=4)
    monkeypatch.setattr(type(model), "rows_per_batch", size)
    assert torch.equal(model.sample(100, seed=4), rows)


def test_without_a_seed_rows_differ_at_every_call(model):
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    first = model.sample(30)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    assert not torch.equal(model.sample(30), first)


def test_drawing_moves_no_random_state(model):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    model.sample(5, seed=1)
    model.sample(5)
    assert torch.equal(torch.get_rng_state(), before)


def test_no_rows(model):
    rows = model.sample(0)
    assert rows.shape == (0, 6)
    assert model.log_prob(rows).shape == (0,)
    assert model.log_prob(rows, per_variable=True, mask=0).shape == (0, 6)


@pytest.mark.parametrize(("n", "seed"), [(-1, 0), (2.5, 0), ("many", 0), (3, -1), (3, 0.5), (3, "a")])
def test_numbers_that_make_no_sense_are_refused(refused, n, seed):
    with refused(str(seed) if n == 3 else str(n)):
        made.MADE(MIXED, (4,)).sample(n, seed=seed)


def test_one_mask_of_a_mixture(randomize):
    model = randomize(made.MADE(MIXED, (12,), orderings=3), scale=2.0)
    alone = model.sample(2000, seed=0, mask=1)
    mean = model.log_prob(alone, mask=1).mean() - model.log_prob(alone, mask=2).mean()
    assert mean > 0.05  # the rows are likelier under the mask they were drawn from
    assert torch.equal(model.sample(2000, seed=0, mask=[1]), alone)
    assert not torch.equal(model.sample(2000, seed=0, mask=[1, 2]), alone)


def test_variables_are_drawn_in_order_each_given_those_before():
    """A chain written by hand: the first is a coin, each next one repeats the one before it."""
    variables, ordering = Variables(made.Bernoulli(4)), np.array([2, 0, 3, 1])
    seen = []

    def outputs_of(codes):
        seen.append(codes.clone())
        outputs = torch.zeros(codes.shape)
        for before, after in itertools.pairwise(ordering):
            outputs[:, after] = torch.where(codes[:, before] == 1, torch.inf, -torch.inf)
        return outputs

    u = torch.rand((64, 4), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = sample_rows(outputs_of, variables, ordering, u)
    assert torch.equal(rows, (u[:, [2]] >= 0.5).to(torch.uint8).expand(64, 4))
    for place, codes in enumerate(seen):
        assert torch.equal(codes[:, ordering[:place]], rows[:, ordering[:place]])


def test_many_classes_are_drawn_as_wide_codes(randomize):
    model = randomize(made.MADE(made.Categorical(1000, n=2, coding="scaled"), (8,)))
    rows = model.sample(50, seed=0)
    assert rows.dtype == torch.int64
    assert rows.max() > 255
    assert torch.isfinite(model.log_prob(rows)).all()


def test_a_single_class_costs_nothing(model):
    rows = model.sample(20, seed=0)
    assert (rows[:, 5] == 0).all()
    assert (model.log_prob(rows, per_variable=True, mask=0)[:, 5] == 0).all()
