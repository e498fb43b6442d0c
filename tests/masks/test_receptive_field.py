"""Receptive fields: who is near whom, in every layer of a mask, and what a model makes of it."""

import numpy as np
import pytest
import torch

import made
from made.masks.degrees import Mask
from made.masks.receptive_field import EVERYWHERE, ReceptiveField

GRID = {"grid": (4, 5), "reach": 1}


def test_near_is_a_square_on_the_grid_that_does_not_wrap_around():
    near = ReceptiveField((4, 5), reach=1).near(np.arange(20), np.arange(20))
    for a in range(20):
        for b in range(20):
            down, across = abs(a // 5 - b // 5), abs(a % 5 - b % 5)
            assert near[a, b] == (down <= 1 and across <= 1)


def test_what_is_everywhere_is_near():
    assert ReceptiveField((4, 5), reach=1).near(np.arange(20), np.array([EVERYWHERE])).all()


@pytest.mark.parametrize("ordering", ["natural", "random"])
def test_layers_obey_the_rules_and_the_field(ordering):
    model = made.MADE(made.Bernoulli(20), hidden=(60, 40), ordering=ordering, field=GRID, direct=True)
    wide = made.MADE(made.Bernoulli(20), hidden=(60, 40), ordering=ordering, direct=True)
    mask, without = model.mask(), wide.mask()
    for degrees, places in zip(mask.connectivity, mask.places[1:-1], strict=True):
        np.testing.assert_array_equal(places, mask.ordering[degrees])
    for i, (layer, whole) in enumerate(zip(mask.layers, without.layers, strict=True)):
        near = ReceptiveField(**GRID).near(mask.places[i + 1], mask.places[i])
        np.testing.assert_array_equal(layer, whole & near)
        assert layer.sum() < whole.sum()
    np.testing.assert_array_equal(mask.direct, without.direct)


def test_features_of_one_variable_stand_at_one_place_and_context_everywhere():
    ranks = np.array([2, 1])
    mask = Mask(
        ranks=ranks,
        connectivity=(np.array([0, 1, 1]),),
        input_ranks=np.repeat(ranks, 3),
        output_ranks=ranks,
        n_context=1,
        field=ReceptiveField((1, 2), reach=1),
    )
    np.testing.assert_array_equal(mask.places[0], [0, 0, 0, 1, 1, 1, EVERYWHERE])
    np.testing.assert_array_equal(mask.places[1], [1, 0, 0])
    assert mask.layers[0][:, -1].all()


@pytest.mark.parametrize("masks", [{}, {"orderings": 3}, {"orderings": "fresh", "fresh_masks": 2}])
def test_probabilities_sum_to_one_and_samples_agree(masks):
    model = made.MADE(made.Bernoulli(9), hidden=(30, 30), field={"grid": (3, 3), "reach": 1}, **masks)
    states = np.array(np.meshgrid(*[[0, 1]] * 9)).reshape(9, -1).T
    made.fit(model, states[::3], epochs=2, batch_size=16)
    assert float(model.log_prob(states).exp().sum()) == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(
        model.sample(50, seed=1, method="plain"), model.sample(50, seed=1, method="one-pass")
    )


def test_a_file_keeps_the_field(tmp_path):
    model = made.MADE(made.Bernoulli(20), hidden=(30,), field=GRID)
    model.save(tmp_path / "m.safetensors")
    again = made.load(tmp_path / "m.safetensors")
    assert again.settings()["field"] == {"grid": [4, 5], "reach": 1}
    np.testing.assert_array_equal(again.mask().layers[0], model.mask().layers[0])


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"grid": (3, 3), "reach": 1}, ["3 x 3", "9 pixels", "20 variables"]),
        ({"grid": (4, 5)}, ["field", "grid", "reach"]),
        ({"grid": 20, "reach": 1}, ["rows and columns", "20"]),
        ({"grid": (4, 0), "reach": 1}, ["side of the grid", "0"]),
        ({"grid": (4, 5), "reach": 0}, ["reach", "0"]),
        ("image", ["field", "'image'"]),
    ],
)
def test_bad_fields_are_refused(refused, field, words):
    with refused(*words):
        made.MADE(made.Bernoulli(20), hidden=(30,), field=field)
