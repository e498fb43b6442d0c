"""One column given all others: the distributions themselves, by value."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import made
from made.queries.given_rest import distribution_given_rest, given_rest
from made.queries.value_sets import value_sets


@pytest.fixture(scope="module")
def correlated():
    """A pair of normals, and an amount that is 0 for many; two orderings, so that a column is not last."""
    draw = np.random.default_rng(0)
    a = draw.normal(size=1000)
    b = 0.8 * a + 0.6 * draw.normal(size=1000)
    c = np.where(draw.random(1000) < 0.5, 0.0, np.exp(b))
    rows = np.stack([a, b, c], axis=1)
    model = made.MADE([made.Numeric(2), made.Numeric(spikes=[0.0])], hidden=(16,), direct=True, orderings=2)
    made.fit(model, rows, epochs=5, batch_size=50, learning_rate=5e-3)
    return model, rows


@pytest.mark.parametrize("variable", [0, 1, 2])
def test_nodes_weigh_as_the_conditional_says(correlated, variable):
    model, rows = correlated
    some = model.rows(rows[:5])
    own = value_sets(model.variables, None, with_unseen=True)[variable]
    found = given_rest(model, some, variable, own, model.log_prob(some).numpy())
    np.testing.assert_allclose(found.weights.sum(axis=1), 1, atol=1e-6)
    numbers = model.variables.numbers
    values = numbers.columns[numbers.number_of(variable)].floats_of(np.ascontiguousarray(found.bodies))
    for i in range(5):
        given = {d: float(rows[i, d]) for d in range(3) if d != variable}
        expected = model.conditional(variable, given)
        if variable < 2:  # the tail of an amount, which a mean follows, is integrated coarsely
            assert (found.weights[i] * values[i]).sum() == pytest.approx(expected.mean, abs=5e-3)
        for x in (-1.0, 0.0, 0.5):
            below = found.weights[i][values[i] <= x].sum()
            assert below == pytest.approx(float(expected.cdf(x)), abs=0.03)
        if variable == 2:
            assert found.weights[i][found.codes[i] == 1].sum() == pytest.approx(expected.pmf(0.0), abs=1e-4)
            height = expected.pmf(0.0) if rows[i, 2] == 0 else float(expected.pdf(rows[i, 2]))
        else:
            height = float(expected.pdf(rows[i, variable]))
        assert found.log_prob[i] == pytest.approx(np.log(height), abs=0.02)


def test_a_value_beyond_the_points_of_a_grid_counts(randomize):
    counts = np.random.default_rng(0).poisson(3.0, size=(500, 2)).astype(float)
    model = made.MADE(made.Numeric(2, step=1), hidden=(8,))
    made.fit(model, counts, epochs=2)
    some = model.rows([[3, 100_000], [3, 4]])
    own = value_sets(model.variables, None)[1]
    assert len(own) < 1000
    found = given_rest(model, some, 1, own, model.log_prob(some).numpy())
    assert found.log_prob[0] < -10
    assert found.log_prob[0] == pytest.approx(float(model.log_prob(some, per_variable=True)[0, 1]), abs=1e-5)
    assert found.surprise[0] > 5 > 1 > found.surprise[1]


@pytest.mark.parametrize("variable", [0, 2])
def test_the_distribution_alone_is_that_of_the_answer_whatever_the_entry_is(correlated, variable):
    model, rows = correlated
    some = rows[:6].copy()
    own = value_sets(model.variables, None)[variable]
    whole = given_rest(model, model.rows(some), variable, own, model.log_prob(some).numpy())
    some[:, variable] = 0.25
    found = distribution_given_rest(model, model.rows(some), variable, own)
    np.testing.assert_array_equal(found.codes, whole.codes)
    np.testing.assert_array_equal(found.bodies, whole.bodies)
    np.testing.assert_allclose(found.weights, whole.weights, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(found.weights.sum(axis=1), 1, atol=1e-12)


def test_a_mask_with_several_numbers_is_computed_once_and_counts_as_often(correlated):
    model, rows = correlated
    other = made.MADE([made.Numeric(2), made.Numeric(spikes=[0.0])], hidden=(16,))
    made.fit(other, rows, epochs=1)
    # Members of unequal marginals are refused: both have those of the first.
    other.schema, other.variables = model.schema, model.variables
    mixture = made.Mixture([model, other])
    assert mixture.mask_counts() == {0: 1, 1: 2, 2: 1}
    some = mixture.rows(rows[:5])
    own = value_sets(mixture.variables, None)[2]
    found = given_rest(mixture, some, 2, own, mixture.log_prob(some).numpy())
    assert found.codes.shape[1] == len(own) + 3 * 90
    without = mixture.marginal(rows[:5], unknown=np.tile([False, False, True], (5, 1)))
    np.testing.assert_allclose(found.log_prob, mixture.log_prob(some).numpy() - without.log_prob, atol=2e-3)


def test_an_atom_beside_a_body_that_the_rest_points_to_sharply():
    """The last column follows from the body: its integrand is a peak, beside the atom that is there."""
    draw = np.random.default_rng(0)
    a = np.where(draw.random(4000) < 0.5, 0.0, draw.normal(5.0, 1.0, 4000))
    b = np.where(a == 0, draw.normal(5.0, 1.0, 4000), a) + 0.1 * draw.normal(size=4000)
    model = made.MADE([made.Numeric(spikes=[0.0]), made.Numeric(1)], hidden=(32,), direct=True)
    made.fit(model, np.stack([a, b], axis=1), epochs=30, batch_size=50, learning_rate=5e-3)
    some = model.rows([[0.0, 5.0], [0.0, 6.5], [5.0, 5.0], [0.0, 9.0]])
    own = value_sets(model.variables, None)[0]
    found = given_rest(model, some, 0, own, model.log_prob(some).numpy())
    for i, b in enumerate((5.0, 6.5, 5.0, 9.0)):
        expected = model.conditional(0, {1: b})
        height = float(expected.pdf(5.0)) if i == 2 else expected.pmf(0.0)
        assert found.log_prob[i] == pytest.approx(np.log(height), abs=0.02)


def test_a_date_that_is_missing_is_looked_at_without_a_warning():
    draw = np.random.default_rng(0)
    days = np.datetime64("2024-01-01") + draw.integers(0, 300, 200).astype("timedelta64[D]")
    days[::10] = np.datetime64("NaT")
    frame = pd.DataFrame({"day": days, "amount": draw.normal(size=200).round(1)})
    model = made.auto_fit(frame, max_time=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = made.odd_entries(model, frame[:20])
    assert np.isfinite(found.log_prob).all()
    assert np.isfinite(found.surprise).all()


def test_columns_together_are_answered_as_each_alone(randomize):
    model = made.MADE([made.Categorical(3, 4), made.Bernoulli(2)], hidden=(16,), orderings=2)
    randomize(model)
    some = model.rows(model.sample(5, seed=0))
    own, log_prob = value_sets(model.variables, None)[0], model.log_prob(some).numpy()
    columns = np.array([3, 0, 2, 0, 1])
    together = given_rest(model, some, columns, own, log_prob)
    for row, column in enumerate(columns.tolist()):
        alone = given_rest(model, some, column, own, log_prob)
        assert together.log_prob[row] == pytest.approx(alone.log_prob[row], abs=1e-6)
        assert together.surprise[row] == pytest.approx(alone.surprise[row], abs=1e-6)
        np.testing.assert_allclose(together.weights[row], alone.weights[row], atol=1e-6)
