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
