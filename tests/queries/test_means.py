"""Completions by their means, with intervals."""

from __future__ import annotations

import numpy as np
import polars
import pytest

import made


@pytest.fixture(scope="module")
def model():
    """Columns "size" that follows "kind", a count, an amount that is often 0."""
    draw = np.random.default_rng(0)
    kind = draw.choice(["ship", "car"], 600)
    size = np.where(kind == "ship", 10.0, 0.0) + draw.normal(size=600)
    count = draw.poisson(2.0, 600)
    amount = np.where(draw.random(600) < 0.8, 0.0, draw.exponential(size=600))
    rows = np.array(list(zip(kind, size, count, amount, strict=True)), dtype=object)
    variables = [made.Categorical(["car", "ship"]), made.Numeric(), made.Numeric(step=1)]
    variables.append(made.Numeric(spikes=[0.0], missing=True))
    schema = made.Schema.of_variables(made.MADE(variables).variables)
    model = made.MADE(schema.rename(["kind", "size", "count", "amount"]), hidden=(8,), direct=True)
    made.fit(model, rows, epochs=10, batch_size=50, learning_rate=1e-2)
    return model


ROWS = [["ship", None, None, 0.0], [None, 10.5, 2, None], ["car", 0.0, 1, 0.0]]


def test_numbers_are_filled_with_their_mean_and_classes_with_the_most_probable(model):
    found = model.complete(ROWS, "mean")
    size = model.conditional("size", {"kind": "ship", "amount": 0.0})
    assert found.values[0, 1] == pytest.approx(size.mean, abs=0.2)
    np.testing.assert_allclose([found.low[0, 1], found.high[0, 1]], size.interval(0.8), atol=0.3)
    assert found.values[0, 2] % 1 == 0
    assert found.values[1, 0] == "ship"
    assert found.low[1, 3] == 0.0 <= found.values[1, 3]
    assert found.values[2].tolist() == ROWS[2]
    assert np.isnan(found.low[2]).all()
    assert np.isnan(found.low[0, [0, 3]]).all()
    assert (found.low[0, 1:3] < found.high[0, 1:3]).all()
    assert found.method == ("estimated", "estimated", "exact")
    assert found.kind == "mean"


@pytest.fixture(scope="module")
def family():
    """Columns "home" and "children" that follows it, which are whole numbers in order."""
    draw = np.random.default_rng(1)
    home = draw.choice(["flat", "house"], 900)
    children = np.minimum(draw.poisson(np.where(home == "house", 2.5, 0.6)), 6)
    children[children == 5] = 4
    children[:30] = 6
    frame = polars.DataFrame({"home": home, "children": children})
    settings = {"network": {"hidden": (8,)}, "training": {"epochs": 30}}
    return frame, made.auto_fit(frame, seed=0, **settings)


def test_ordered_classes_have_a_mean_and_the_nearest_class_is_filled_in(family):
    frame, model = family
    asked = polars.DataFrame({"home": ["house", "flat", None], "children": [None, None, 6]})
    found = model.complete(asked, "mean")
    assert found.rows.schema == asked.schema
    for i, home in enumerate(["house", "flat"]):
        own = frame.filter(frame["home"] == home)["children"]
        chances = model.conditional("children", {"home": home})
        assert found.means[i, 1] == pytest.approx(np.dot(chances, chances.values), abs=0.1)
        assert found.means[i, 1] == pytest.approx(own.mean(), abs=0.3)
        assert found.low[i, 1] <= found.means[i, 1] <= found.high[i, 1]
        assert abs(found.values[i, 1] - found.means[i, 1]) <= 0.5
        assert isinstance(found.rows["children"][i], int)
    assert np.isnan(found.means[:, 0]).all()
    assert np.isnan(found.means[2, 1])


def test_names_that_are_numbers_have_none(family):
    frame, _ = family
    schema = made.infer_schema(frame).with_column("children", ordered=False)
    settings = {"network": {"hidden": (8,)}, "training": {"epochs": 1}}
    found = made.auto_fit(frame, schema=schema, seed=0, **settings).complete([["flat", None]], "mean")
    assert np.isnan(found.means).all()
    assert found.values[0, 1] == 0


def test_the_mean_of_a_pandas_column_of_whole_numbers_is_whole(family):
    pandas = pytest.importorskip("pandas")
    asked = pandas.DataFrame({"home": ["house", "flat"], "children": pandas.array([None, 2], "Int64")})
    found = family[1].complete(asked, "mean").rows
    assert str(found["children"].dtype) == "Int64"
    asked["children"] = [None, 2.0]
    assert str(family[1].complete(asked, "mean").rows["children"].dtype) == "int64"


def test_a_number_that_no_training_row_had_is_known_and_stays(family):
    _, model = family
    asked = polars.DataFrame({"home": [None, "flat"], "children": [9, None]})
    for kind in ("draw", "variable", "joint", "mean"):
        found = model.complete(asked, kind)
        assert found.rows["children"][0] == 9
        assert found.rows["home"][0] in ("flat", "house")
        assert found.rows["children"][1] in (0, 1, 2, 3, 4, 6)
    assert model.schema.unseen(asked).tolist() == [[False, True], [False, False]]
    unseen = model.schema.unseen_masses[1]
    assert model.marginal(asked[:1]).log_prob[0] == pytest.approx(np.log(unseen), abs=1e-5)
    assert model.log_prob(asked[:1]).item() == pytest.approx(np.log(unseen), abs=1e-5)
    assert set(model.sample(50, given={"children": 9}, seed=0)["children"]) == {9}
    assert model.conditional("home", {"children": 9}).probabilities.sum() == pytest.approx(1)
    assert 9 not in model.sample(200, seed=0)["children"].to_list()


def test_a_word_among_numbers_is_refused(family, refused):
    with refused("many", "labels"):
        family[1].complete([["flat", "many"]])


def test_a_level_widens_the_interval(model):
    narrow, wide = (model.complete(ROWS[:1], "mean", level=level) for level in (0.5, 0.95))
    assert wide.low[0, 1] < narrow.low[0, 1] < narrow.high[0, 1] < wide.high[0, 1]
    np.testing.assert_array_equal(narrow.values, wide.values)


def test_a_frame_is_filled_and_conditions_hold(model):
    known = {"count": [1, 2], "amount": [0.0, 0.5]}
    frame = polars.DataFrame({"size": [None, 12.0], "kind": ["ship", None], "id": ["a", "b"], **known})
    found = model.complete(frame, "mean", where="size >= 11")
    assert found.rows.columns == frame.columns
    assert found.rows["size"][0] > 11
    assert found.low[0, 1] >= 11


def test_what_a_mean_is_not_asked_with(model, refused):
    with refused("level is the share of an interval", "1.5"):
        model.complete(ROWS, "mean", level=1.5)
    with refused("leave method='exact' out"):
        model.complete(ROWS, "mean", method="exact")
    with refused("kind='mean'", "one completion"):
        model.complete(ROWS, "mean", number=2)


@pytest.fixture(scope="module")
def of_any_order():
    """A model of several orderings of a class and two numbers."""
    draw = np.random.default_rng(1)
    kind = draw.integers(0, 3, 500)
    rows = np.stack([kind, kind + draw.normal(size=500), draw.normal(size=500) - kind], axis=1)
    variables = [made.Categorical(3), made.Numeric(), made.Numeric()]
    model = made.MADE(variables, hidden=(16,), orderings="fresh", fresh_masks=3, seed=2)
    made.fit(model, rows, epochs=10, batch_size=50, learning_rate=1e-2)
    return model


def test_means_are_found_with_what_is_given_first_row_by_row(of_any_order):
    rows = [[None, 0.5, None], [2, None, None], [None, -0.5, None], [1, 0.3, -0.2]]
    found = of_any_order.complete(rows, "mean", method="given-first")
    each = [of_any_order.complete([row], "mean", method="given-first") for row in rows]
    # Products of matrices may round otherwise for other numbers of rows.
    for name in ("values", "means"):
        alone = np.concatenate([getattr(own, name) for own in each])
        np.testing.assert_allclose(getattr(found, name), alone, rtol=1e-6)
    given = of_any_order.conditional(2, {1: 0.5}, method="given-first")
    assert found.means[0, 2] == pytest.approx(given.mean, abs=0.15)
    assert found.values[3].tolist() == [1, 0.3, -0.2]


def test_what_is_known_is_exact_with_given_first(of_any_order):
    rows = [[None, 0.5, None], [2, None, 0.1]]
    found = of_any_order.complete(rows, "mean", method="given-first")
    exact = of_any_order.marginal(rows, method="given-first")
    np.testing.assert_allclose(found.log_prob, exact.log_prob, atol=1e-5)
    np.testing.assert_array_equal(found.error, 0.0)


def test_the_error_of_a_mixture_is_that_of_its_masks(of_any_order):
    rows = [[None, None, 0.4], [None, 1.0, 0.4]]
    found = of_any_order.complete(rows, "mean")
    exact = of_any_order.marginal(rows, method="exact")
    assert (np.abs(found.log_prob - exact.log_prob) <= 4 * found.error + 1e-5).all()
