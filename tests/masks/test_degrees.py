"""Masks: the seed's worked example written out, the two rules, and the degrees that feed them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import made
from made.masks.degrees import check_connectivity, draw_connectivity, hidden_mask, output_mask
from made.support.uniforms import Stream


@pytest.fixture
def example():
    """The seed's 3-4-3 network with degrees 1 2 1 2."""
    return made.MADE(made.Bernoulli(3), hidden=(4,), connectivity=[[1, 2, 1, 2]], activation="tanh")


def test_worked_example_first_mask(example):
    """Printed inputs x units by the seed, with a stray 1 in its last row (ERRATA 1): no unit sees x3."""
    assert example.mask().layers[0].T.astype(int).tolist() == [
        [1, 1, 1, 1],
        [0, 1, 0, 1],
        [0, 0, 0, 0],
    ]


def test_worked_example_second_mask(example):
    """M^V, units x outputs as in the seed, which is right there: x1-hat sees nothing, x3-hat everything."""
    assert example.mask().layers[1].T.astype(int).tolist() == [
        [0, 1, 1],
        [0, 0, 1],
        [0, 1, 1],
        [0, 0, 1],
    ]


def test_worked_example_dependence(example, randomize):
    """H = (f(x1), f(x1, x2), f(x1), f(x1, x2)); x1-hat = c, x2-hat = f(x1), x3-hat = f(x1, x2)."""
    network, product = randomize(example).network, example._product(0)
    x = torch.tensor([0.3, -0.4, 0.8])
    h = torch.autograd.functional.jacobian(lambda x: network.hidden_layer(0, x[None], product)[0], x)
    out = torch.autograd.functional.jacobian(lambda x: network(x[None], product)[0], x)
    assert (h != 0).int().tolist() == [[1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 1, 0]]
    assert (out != 0).int().tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=6), st.lists(st.integers(0, 6), min_size=1, max_size=6)
)
def test_the_two_rules(below, above):
    hidden, output = (rule(np.array(below), np.array(above)) for rule in (hidden_mask, output_mask))
    for k, degree_above in enumerate(above):
        for j, degree_below in enumerate(below):
            assert hidden[k, j] == (degree_above >= degree_below)
            assert output[k, j] == (degree_above > degree_below)


def test_variables_are_permuted_before_they_are_repeated_over_features():
    """ERRATA 8: all features of a variable have its rank."""
    model = made.MADE([made.Categorical(3), made.Bernoulli(1), made.Categorical(2)], ordering=[2, 0, 1])
    assert model.mask().ranks.tolist() == [2, 3, 1]
    assert model.mask().input_ranks.tolist() == [2, 2, 2, 3, 1, 1]
    assert model.mask().output_ranks.tolist() == [2, 2, 2, 3, 1, 1]


KINDS = st.one_of(
    st.sampled_from(["uniform", "even"]),
    st.lists(st.floats(0.01, 1), min_size=6, max_size=6).map(np.array),
)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=3), KINDS, st.integers(0, 50), st.booleans())
def test_drawn_degrees_lie_in_range_and_not_below_the_layer_before(hidden, kind, seed, shuffle):
    layers = draw_connectivity(hidden, 7, kind, stream=Stream(seed, 1), shuffle=shuffle)
    assert [len(layer) for layer in layers] == hidden
    lowest = 1
    for layer in layers:
        assert layer.min() >= (1 if isinstance(kind, str) and kind == "even" else lowest)
        assert layer.max() <= 6
        assert shuffle or (np.diff(layer) >= 0).all()
        lowest = layer.min()


def test_uniform_degrees_are_uniform_over_their_range():
    (first, second) = draw_connectivity((20_000, 20_000), 5, stream=Stream(0, 1))
    for layer in (first, second):
        assert np.bincount(layer)[1:] == pytest.approx([5000] * 4, abs=250)


def test_even_degrees_are_spread_evenly():
    for size, n_variables in [(12, 5), (13, 5), (3, 8), (512, 784)]:
        (layer,) = draw_connectivity((size,), n_variables, "even", stream=Stream(0))
        counts = np.bincount(layer, minlength=n_variables)[1:]
        assert counts.max() - counts.min() <= 1


def test_weighted_degrees_follow_the_weights():
    weights = np.array([0, 1, 0, 3]) / 4
    (layer,) = draw_connectivity((20_000,), 5, weights, stream=Stream(0, 1))
    assert np.bincount(layer).tolist()[:2] == [0, 0]
    assert np.bincount(layer)[2:] == pytest.approx([5000, 0, 15_000], abs=250)


def test_tied_layers_share_their_degrees_where_sizes_agree():
    a, b, c = draw_connectivity((6, 6, 4), 5, stream=Stream(0, 1), tied=True)
    assert a.tolist() == b.tolist()
    assert len(c) == 4


def test_one_variable_has_no_valid_degree():
    assert draw_connectivity((2, 3), 1, stream=Stream(0))[1].tolist() == [0, 0, 0]


def test_given_weights_are_normalized_once_and_for_all():
    """A model file holds the normalized weights: reading it must not move them."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        once = check_connectivity(rng.random(9), (4,), 10)
        np.testing.assert_array_equal(check_connectivity(once.tolist(), (4,), 10), once)


@pytest.mark.parametrize(
    ("connectivity", "words"),
    [
        ([[1, 2, 3, 4]], ["1..3", "hidden layer 1 holds 4"]),
        ([[0, 1, 2, 3]], ["1..3", "hidden layer 1 holds 0"]),
        ([[1, 2, 1, -1]], ["holds -1"]),
        ([[1, 2, 3]], ["(3,)", "(4,)"]),
        ([[1, 2, 1, 2], [1]], ["(4, 1)", "(4,)"]),
        ([[1, 2, 1.5, 2]], ["whole numbers", "layer 1"]),
        ([["a", "b", "c", "d"]], ["whole numbers", "layer 1"]),
        ([[1, [2], 1, 2]], ["whole numbers", "layer 1"]),
        ([[1, 2, 1, 2], [[1], 2]], ["whole numbers", "layer 2"]),
        ([1, 2], ["D - 1 = 3 weights", "got 2"]),
        ([1, -1, 1], [">= 0"]),
        ([0, 0, 0], ["all vanish"]),
        ([1, float("nan"), 1], [">= 0"]),
        (["a", "b", "c"], ["numbers"]),
        ([], ["D - 1 = 3 weights"]),
        ("sparse", ["'uniform'", "'even'", "'sparse'"]),
        (3, ["int"]),
        (None, ["NoneType"]),
    ],
)
def test_connectivity_that_makes_no_sense_is_refused(refused, connectivity, words):
    with refused(*words):
        check_connectivity(connectivity, (4,), 4)


def test_residual_layers_need_degrees_that_do_not_fall(refused):
    degrees = [[1, 2, 3], [1, 3, 2]]
    assert made.MADE(made.Bernoulli(4), (3, 3), connectivity=degrees).n_masks == 1
    with refused("residual", "hidden layer 2"):
        made.MADE(made.Bernoulli(4), (3, 3), connectivity=degrees, residual=True)


# Context


@pytest.mark.parametrize("kind", ["uniform", "even", np.array([1.0, 0, 2, 1])])
@pytest.mark.parametrize(("size", "of_context"), [(1, 0), (2, 1), (15, 1), (16, 1), (32, 2), (100, 6)])
def test_one_unit_in_sixteen_sees_context_alone(kind, size, of_context):
    for shuffle in (True, False):
        layers = draw_connectivity((size, size), 5, kind, stream=Stream(0, 1), context=True, shuffle=shuffle)
        for layer in layers:
            assert len(layer) == size
            assert (layer == 0).sum() == of_context
            assert layer.max() <= 4
            assert shuffle or (np.diff(layer) >= 0).all()
        plain = draw_connectivity((size, size), 5, kind, stream=Stream(0, 1), shuffle=shuffle)
        assert all((layer > 0).all() for layer in plain)


def test_units_of_context_do_not_lower_the_layers_after_them():
    """The lowest degree of a layer, below which the next does not go, is that of units that see variables."""
    for seed in range(20):
        first, second = draw_connectivity((3, 40), 9, stream=Stream(seed, 1), context=True)
        assert second[second > 0].min() >= first[first > 0].min()


def test_tied_layers_share_their_units_of_context():
    a, b = draw_connectivity((20, 20), 5, stream=Stream(0, 1), tied=True, context=True)
    assert a.tolist() == b.tolist()
    assert (a == 0).sum() == 1


def test_one_variable_leaves_every_unit_to_context():
    (layer,) = draw_connectivity((4,), 1, stream=Stream(0), context=True)
    assert layer.tolist() == [0, 0, 0, 0]
    mask = made.MADE(made.Bernoulli(1), (4,), context=2).mask()
    assert mask.layers[0].tolist() == [[False, True, True]] * 4
    assert mask.layers[1].all()


def test_context_comes_before_every_variable():
    """Units of every degree see it, units of degree 0 see nothing else, and every output sees those."""
    mask = made.MADE(made.Bernoulli(3), (4,), context=2, connectivity=[[0, 1, 2, 2]]).mask()
    assert mask.feature_ranks.tolist() == [1, 2, 3, 0, 0]
    assert mask.layers[0].astype(int).tolist() == [
        [0, 0, 0, 1, 1],
        [1, 0, 0, 1, 1],
        [1, 1, 0, 1, 1],
        [1, 1, 0, 1, 1],
    ]
    assert mask.layers[1].astype(int).tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]]


def test_without_hidden_layers_context_has_no_mask():
    mask = made.MADE(made.Bernoulli(3), (), context=2).mask()
    assert mask.layers[0].astype(int).tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert mask.direct.shape == (3, 3)


def test_degree_zero_may_be_given_where_there_is_context(refused):
    assert made.MADE(made.Bernoulli(4), (3,), connectivity=[[0, 1, 3]], context=1).n_masks == 1
    with refused("0..3", "holds 4"):
        made.MADE(made.Bernoulli(4), (3,), connectivity=[[0, 1, 4]], context=1)
    with refused("1..3", "holds 0"):
        made.MADE(made.Bernoulli(4), (3,), connectivity=[[0, 1, 3]])
