"""Mixtures: which ordering meets which connectivity, and that mask k is a function of (seed, k)."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import made


def build(n=5, hidden=(6, 6), **settings):
    return made.MADE(made.Bernoulli(n), hidden, **settings)


def degrees(mask):
    return [layer.tolist() for layer in mask.connectivity]


@pytest.mark.parametrize(("O", "C"), [(1, 1), (3, 1), (1, 4), (2, 2), (2, 3), (4, 6)])
def test_mask_k_pairs_ordering_and_connectivity_modulo_their_numbers(O, C):  # noqa: E741
    model = build(orderings=O, connectivities=C)
    assert model.n_masks == math.lcm(O, C)
    masks = [model.mask(k) for k in range(model.n_masks)]
    for j, k in itertools.combinations(range(len(masks)), 2):
        assert (masks[j].ordering.tolist() == masks[k].ordering.tolist()) == (j % O == k % O)
        assert (degrees(masks[j]) == degrees(masks[k])) == (j % C == k % C)
    for mask in masks:
        assert sorted(mask.ordering.tolist()) == list(range(5))


def test_the_first_ordering_and_connectivity_are_those_given():
    given = [[1, 2, 3, 4, 1, 2], [4, 4, 3, 3, 2, 2]]
    model = build(ordering=[4, 2, 0, 1, 3], orderings=2, connectivity=given, connectivities=3)
    assert model.mask(0).ordering.tolist() == [4, 2, 0, 1, 3]
    assert degrees(model.mask(3)) == given
    assert degrees(model.mask(1)) != given


def test_more_connectivities_leave_the_orderings_alone():
    few, many = build(orderings=3), build(orderings=3, connectivities=3)
    for k in range(3):
        assert few.mask(k).ordering.tolist() == many.mask(k).ordering.tolist()


@pytest.mark.parametrize("settings", [{"orderings": "fresh"}, {"connectivities": "fresh"}])
def test_mask_k_is_a_function_of_seed_and_k(settings):
    one, again, other = (build(n=9, seed=seed, **settings) for seed in (3, 3, 4))
    ks = [17, 0, 5]
    for k in ks:
        one.mask(k)
    for k in sorted(ks):
        assert all(map(np.array_equal, one.mask(k).layers, again.mask(k).layers))
        assert not all(map(np.array_equal, one.mask(k).layers, other.mask(k).layers))
    assert not all(map(np.array_equal, one.mask(0).layers, one.mask(17).layers))


def test_fresh_masks_of_training_come_after_those_of_evaluation():
    model = build(orderings="fresh", fresh_masks=4)
    assert model.n_masks == 4
    assert [model.training_mask(draw) for draw in range(3)] == [4, 5, 6]


def test_cycled_masks_of_training_are_gone_through_in_turn():
    assert [build(orderings=3).training_mask(draw) for draw in range(5)] == [0, 1, 2, 0, 1]
    assert [build().training_mask(draw) for draw in range(3)] == [0, 0, 0]


def test_evaluation_says_how_many_fresh_masks_of_which_seed():
    text = str(build(orderings="fresh", fresh_masks=7, seed=11).summary())
    assert "7 masks" in text
    assert "seed 11" in text


def test_one_mask_has_sorted_degrees_and_several_do_not():
    assert all((np.diff(layer) >= 0).all() for layer in build().mask().connectivity)
    assert any((np.diff(layer) < 0).any() for layer in build(orderings=2).mask(1).connectivity)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ordering": "reverse"}, ["'natural'", "'reverse'"]),
        ({"orderings": 0}, ["orderings", "0"]),
        ({"orderings": -1}, ["orderings", "-1", "'fresh'"]),
        ({"orderings": "all"}, ["orderings", "'all'"]),
        ({"connectivities": 2.5}, ["connectivities", "2.5"]),
        ({"connectivities": True}, ["connectivities", "True"]),
        ({"orderings": "fresh", "fresh_masks": 0}, ["fresh_masks", "0"]),
        ({"orderings": "fresh", "fresh_masks": 2.5}, ["fresh_masks", "2.5"]),
        ({"ordering": [0, 1, 1, 2, 3]}, ["permutation", "1 occurs twice"]),
    ],
)
def test_settings_that_make_no_sense_are_refused(refused, settings, words):
    with refused(*words):
        build(**settings)


@pytest.mark.parametrize("k", [-1, 6])
def test_a_mask_that_does_not_exist_is_refused(refused, k):
    model = build(orderings=3, connectivities=2)
    for use in (model.mask, model.summary, lambda k: model.log_prob([[0] * 5], mask=k)):
        with refused(f"no mask {k}", "0..5"):
            use(k)


# A mask of its own, with what is given first


@pytest.mark.parametrize(
    "settings", [{"orderings": 3}, {"orderings": "fresh"}, {"orderings": 2, "connectivities": 3}]
)
def test_given_first_keeps_the_ordering_of_a_mask_within_each_group(settings):
    model = build(n=7, **settings)
    groups = np.array([2, 0, 1, 0, 2, 0, 2])
    for k in range(3):
        mask, own = model.mask_set.given_first(groups, k), model.mask(k)
        expected = [d for group in (0, 1, 2) for d in own.ordering.tolist() if groups[d] == group]
        assert mask.ordering.tolist() == expected
        assert degrees(mask) == degrees(own)
    assert {tuple(model.mask_set.given_first(groups, k).ordering) for k in range(3)} != {tuple(expected)}


def test_given_first_of_one_group_is_the_mask_itself():
    model = build(orderings=3)
    for k in range(3):
        mask = model.mask_set.given_first(np.zeros(5, dtype=int), k)
        assert all(map(np.array_equal, mask.layers, model.mask(k).layers))


def test_given_first_repeats_ranks_over_features():
    model = made.MADE([made.Categorical(3), made.Bernoulli(1), made.Categorical(2)], (4,), orderings=2)
    mask = model.mask_set.given_first(np.array([1, 1, 0]))
    assert mask.ordering[0] == 2
    assert (
        mask.input_ranks.tolist() == mask.output_ranks.tolist() == np.repeat(mask.ranks, [3, 1, 2]).tolist()
    )


def test_given_first_makes_a_distribution(randomize, states):
    model = randomize(build(orderings=3), scale=2.0)
    codes = model.rows(states(model)).codes
    mask = model.mask_set.given_first(np.array([1, 0, 1, 0, 1]))
    p = model.variables.log_prob(model.outputs(codes, mask), codes).sum(dim=1).exp()
    assert float(p.detach().sum()) == pytest.approx(1, abs=1e-5)


def test_given_first_needs_several_orderings(refused):
    for settings in ({}, {"connectivities": 4}, {"connectivities": "fresh"}):
        with refused("several orderings", "for_questions=True", "another method"):
            build(**settings).mask_set.given_first(np.zeros(5, dtype=int))
    with refused("no mask 3", "0..2"):
        build(orderings=3).mask_set.given_first(np.zeros(5, dtype=int), 3)


# Context


def test_context_moves_no_ordering_and_gives_some_units_degree_zero():
    plain, conditional = build(hidden=(32,), orderings=3), build(hidden=(32,), orderings=3, context=2)
    for k in range(3):
        one, other = plain.mask(k), conditional.mask(k)
        assert one.ordering.tolist() == other.ordering.tolist()
        assert (one.connectivity[0] > 0).all()
        assert (other.connectivity[0] == 0).sum() == 2
        assert other.layers[0].shape == (32, 7)
        assert other.layers[0][:, 5:].all()
        assert (one.n_context, other.n_context) == (0, 2)
