"""log p in two parts, against tables written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import made
from made.support.errors import InputError


@pytest.fixture(scope="module", params=[1, 2])
def gappy(request, randomize):
    """A small model of columns that may be missing, and all its states: one mask, and a mixture of two."""
    variables = [made.Categorical(2, missing=True), made.Bernoulli(1), made.Categorical(2, missing=True)]
    model = randomize(made.MADE(variables, hidden=(8,), orderings=request.param), scale=1.5)
    states = np.array(list(itertools.product([0, 1, None], [0, 1], [0, 1, None])), dtype=object)
    return model, states


def test_parts_are_sums_over_the_table(gappy):
    model, states = gappy
    log_prob = model.log_prob(states).numpy()
    gaps = np.array([[value is None for value in row] for row in states])
    alike = (gaps[:, None] == gaps[None]).all(axis=2)
    parts = made.log_prob_parts(model, states)
    np.testing.assert_allclose(parts.missing, np.log((alike * np.exp(log_prob)).sum(axis=1)), atol=1e-5)
    np.testing.assert_allclose(parts.missing + parts.recorded, log_prob, atol=1e-6)
    assert (parts.missing_error == 0).all()
    assert (parts.recorded_error == 0).all()


def test_what_is_unknown_is_in_neither_part(gappy):
    model, states = gappy
    log_prob = model.log_prob(states).numpy()
    unknown = np.array([False, False, True])
    rows = model.rows(states, unknown=np.tile(unknown, (len(states), 1)))
    parts = made.log_prob_parts(model, rows)
    is_gap = np.array([row[0] is None for row in states])
    expected = [np.log(np.exp(log_prob[is_gap == own]).sum()) for own in is_gap]
    np.testing.assert_allclose(parts.missing, expected, atol=1e-5)


def test_numbers_are_estimated_alike_whatever_is_beside_them():
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(300, 4))
    rows[draw.random(rows.shape) < 0.3] = np.nan
    model = made.MADE(made.Numeric(4, missing=True), hidden=(8,), direct=True)
    made.fit(model, rows, epochs=2, batch_size=50)
    parts = made.log_prob_parts(model, rows[:20], particles=200)
    np.testing.assert_allclose(parts.missing + parts.recorded, model.log_prob(rows[:20]).numpy(), atol=1e-6)
    np.testing.assert_array_equal(parts.missing_error, parts.recorded_error)
    share = np.log((np.isnan(rows)[:, None] == np.isnan(rows[:20])).all(axis=2).mean(axis=0))
    assert np.abs(parts.missing - share).mean() < 0.5
    again = made.log_prob_parts(model, rows[5:9], particles=200)
    np.testing.assert_allclose(again.missing, parts.missing[5:9], atol=1e-9)
    assert list(parts.as_dict()) == [
        "log_prob_missing",
        "standard_error_missing",
        "log_prob_recorded",
        "standard_error_recorded",
    ]


def test_a_part_follows_the_context(randomize):
    model = randomize(made.MADE([made.Categorical(2, missing=True)], hidden=(6,), context=1), scale=2.0)
    context = np.array([[-2.0], [0.0], [2.0]])
    parts = made.log_prob_parts(model, [[None], [0], [1]], context=context)
    table = [model.log_prob([[None], [0], [1]], context=own).exp().numpy() for own in context]
    expected = np.log([table[0][0], table[1][1:].sum(), table[2][1:].sum()])
    np.testing.assert_allclose(parts.missing, expected, atol=1e-5)


def test_a_model_without_missing_columns_has_one_part():
    with pytest.raises(InputError, match="no column of this model may be missing"):
        made.log_prob_parts(made.MADE(made.Bernoulli(3), hidden=(4,)), [[0, 1, 0]])
