"""The default recipe: what it says, and what replaces it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from made.baselines import ChowLiuTree
from made.data import Raw
from made.data.dataset import build
from made.training.settings import TrainingSettings
from made.tuning.facts import Facts
from made.tuning.recipes import DEFAULT, RECIPES, build_model, find_recipe, recipe_for


@pytest.fixture(scope="module")
def dataset():
    """100 rows: a bit, a class out of three, and labels 10, 20 or 40 that go with the class."""
    generator = np.random.default_rng(0)
    kinds = generator.integers(0, 3, 100)
    kinds[:3] = 0, 1, 2
    rows = np.stack([generator.integers(0, 2, 100), kinds, np.array([10, 20, 40])[kinds]], axis=1)
    return build(Raw("table", {"all": rows}), "table")


def test_defaults_build(dataset):
    model = build_model(dataset.schema, 5, {"hidden": (8, 8)})
    settings = model.settings()
    defaults = DEFAULT.model_settings({})
    for name in set(defaults) - {"hidden"}:
        assert settings[name] == defaults[name]
    assert settings["seed"] == 5
    assert model.hidden == (8, 8)
    assert model.variables.n_values.tolist() == [2, 3, 3]
    assert model.rows([[1, 2, 40]]).codes.tolist() == [[1, 2, 2]]


@pytest.mark.parametrize(("coding", "n_inputs"), [("one-hot", 7), ("scaled", 3), ("raw", 3)])
def test_coding(dataset, coding, n_inputs):
    assert build_model(dataset.schema.with_coding(coding), 0, {"hidden": (4,)}).variables.n_inputs == n_inputs


def test_unknown_setting(dataset, refused):
    with refused("'width'", "hidden"):
        build_model(dataset.schema, 0, {"width": 4})


def test_binary_sets_are_bernoulli():
    rows = np.eye(12, dtype=np.uint8)
    model = build_model(build(Raw("eye", {"all": rows}), "eye").schema, 0, {"hidden": (4,)})
    assert repr(model.variables) == "RowType([Bernoulli(12)])"


def test_other_optimizers_bring_their_own_settings():
    settings = TrainingSettings(**{**DEFAULT.training, "optimizer": "adam"})
    own = TrainingSettings(optimizer="adam")
    assert (settings.peak, settings.decay, settings.schedule) == (own.peak, own.decay, own.schedule)


def test_the_default_adapts_to_the_number_of_rows():
    few, many = recipe_for("default", Facts(1_000)), recipe_for("default", Facts(200_000))
    assert few.model["dropout"] > many.model["dropout"]
    assert few.training["epochs"] > many.training["epochs"]
    assert recipe_for("default", Facts(1_000)) == few


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_have_settings_that_are_known(name):
    recipe = find_recipe(name)
    assert recipe.name == name
    recipe.model_settings({})
    TrainingSettings(**recipe.training)


def test_unknown_recipe(refused):
    with refused("no recipe 'soup'", "made recipes", "default"):
        find_recipe("soup")


def test_a_recipe_may_start_as_the_tree(dataset):
    recipe = replace(DEFAULT, is_tree=True)
    tree = ChowLiuTree(dataset.codes("train"), dataset.classes)
    model = build_model(dataset.schema, 0, {"hidden": (8,)}, recipe, lambda: tree)
    expected = tree.log_prob(dataset.codes("test"))
    np.testing.assert_allclose(model.log_prob(dataset.test).numpy(), expected, atol=1e-4)
    # What is set by hand, and codings that cannot say it, start from the marginals.
    for given, coding in (
        ({"ordering": "random"}, "one-hot"),
        ({"direct": False}, "one-hot"),
        ({}, "scaled"),
    ):
        schema = dataset.schema.with_coding(coding)
        own = build_model(schema, 0, {"hidden": (8,), **given}, recipe, lambda: tree)
        assert own.at_initialization
