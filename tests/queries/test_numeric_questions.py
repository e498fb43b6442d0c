"""Questions about numbers: conditionals against what the model itself says, completions, unknown numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import integrate, stats

import made
from made.queries.numeric_conditional import NumericConditional
from made.queries.reach import in_reach


@pytest.fixture(scope="module")
def correlated():
    """Two normals of correlation 0.8, an amount that is often 0 and depends on them, a count, gaps."""
    draw = np.random.default_rng(0)
    n = 3000
    a = draw.normal(size=n)
    b = 0.8 * a + 0.6 * draw.normal(size=n)
    c = np.where(draw.random(n) < 1 / (1 + np.exp(-a)), 0.0, draw.exponential(np.exp(0.5 * b)))
    d = draw.poisson(np.exp(0.4 * b) * 2)
    e = np.where(draw.random(n) < 0.2, np.nan, a + draw.normal(size=n))
    rows = np.stack([a, b, c, d, e], axis=1)
    variables = [
        made.Numeric(2),
        made.Numeric(spikes=[0.0]),
        made.Numeric(step=1),
        made.Numeric(missing=True),
    ]
    model = made.MADE(variables, hidden=(32,), direct=True)
    made.fit(model, rows[:2500], rows[2500:], epochs=12, batch_size=64, learning_rate=5e-3)
    return model, rows


def test_a_conditional_along_the_ordering_is_the_models_own(correlated):
    model, _ = correlated
    found = model.conditional(1, {0: 1.5})
    assert isinstance(found, NumericConditional)
    assert found.method == "quadrature"
    grid = np.linspace(-4, 6, 400)
    table = np.array([[1.5, x, 0, 0, 0] for x in grid])
    own = model.log_prob(table, per_variable=True)[:, 1].exp().numpy()
    np.testing.assert_allclose(found.pdf(grid), own, atol=2e-3)
    assert found.mean == pytest.approx(1.2, abs=0.15)
    assert found.log_evidence == pytest.approx(
        float(model.log_prob([[1.5, 0, 0, 0, 0]], per_variable=True)[0, 0]), abs=max(found.error, 1e-4)
    )


@pytest.mark.parametrize("variable", [*(pytest.param(d, marks=pytest.mark.long) for d in (0, 1)), 2])
def test_a_cdf_is_the_integral_of_its_density_and_its_quantiles_invert_it(correlated, variable):
    model, _ = correlated
    found = model.conditional(variable, {3: 2}, particles=20)
    low, high = found.interval(0.98)
    x = np.linspace(low, high, 2001)
    x = x[x != 0]
    below = integrate.cumulative_trapezoid(found.pdf(x), x, initial=0) + found.cdf(x[0])
    jump = found.pmf(0.0) * (x > 0) * (x[0] < 0) if variable == 2 else 0
    np.testing.assert_allclose(found.cdf(x), below + jump, atol=5e-3)
    q = np.array([0.05, 0.3, 0.5, 0.9])
    at = found.quantile(q)
    assert (found.cdf(at) >= q - 1e-6).all()
    assert (found.cdf(at - 1e-6 * np.maximum(np.abs(at), 1)) <= q + 1e-4).all()


def test_masses_and_densities_sum_to_1(correlated):
    model, _ = correlated
    count = model.conditional(3, {0: 0.5, 1: 0.2, 2: 0.0})
    assert count.method == "exact"
    assert sum(count.pmf(k) for k in range(-400, 1000)) == pytest.approx(1, abs=1e-6)
    assert count.quantile(0.5) in range(60)
    gaps = model.conditional(4, {0: 0.5}, particles=100)
    assert gaps.p_missing == pytest.approx(0.2, abs=0.06)
    x = np.linspace(-20, 20, 40_001)
    assert integrate.trapezoid(gaps.pdf(x), x) + gaps.p_missing == pytest.approx(1, abs=1e-3)
    amount = model.conditional(2, {0: 2.0, 1: 1.0})
    assert amount.pmf(0.0) > 0.5


def test_evidence_that_comes_later_counts(correlated):
    """By Bayes' rule, against rows drawn from the model: those whose later value is near what is given."""
    model, _ = correlated
    found = model.conditional(0, {1: 1.0})
    drawn = np.asarray(model.sample(60_000, seed=1)[:, :2])
    near = drawn[np.abs(drawn[:, 1] - 1.0) < 0.05, 0]
    assert found.mean == pytest.approx(near.mean(), abs=5 * near.std() / len(near) ** 0.5 + 0.02)
    low, high = found.interval(0.8)
    assert ((near > low) & (near < high)).mean() == pytest.approx(0.8, abs=0.06)


def test_unknown_numbers_are_integrated_over(correlated):
    model, _ = correlated
    row = np.array([[np.nan, 0.7, 0, 0, 0]])
    unknown = np.array([True, False, True, True, True])
    answer = model.marginal(np.nan_to_num(row), unknown=unknown)
    assert str(answer.method[0]) == "quadrature"
    estimate = model.marginal(np.nan_to_num(row), unknown=unknown, method="estimate", particles=20_000)
    assert str(estimate.method[0]) == "estimated"
    assert abs(estimate.log_prob[0] - answer.log_prob[0]) < 4 * estimate.error[0] + answer.error[0]
    draws = np.asarray(model.sample(4000, seed=3))[:, 0]
    table = np.stack([draws, np.full_like(draws, 0.7), *np.zeros((3, len(draws)))], axis=1)
    own = model.log_prob(table, per_variable=True)[:, 1]
    truth = float(torch.logsumexp(own, 0)) - np.log(len(draws))
    assert answer.log_prob[0] == pytest.approx(truth, abs=0.1)
    assert answer.error[0] < 1e-3


def test_completions_follow_the_conditional(correlated):
    model, _ = correlated
    answer = model.complete([[1.5, None, 0.0, None, None]], number=2000, seed=0, particles=20_000)
    values = np.asarray(answer.values, dtype=float)
    assert values.shape == (1, 2000, 5)
    assert (values[0, :, 0] == 1.5).all()
    assert (values[0, :, 2] == 0.0).all()
    assert (values[0, :, 3] == np.round(values[0, :, 3])).all()
    expected = model.conditional(1, {0: 1.5, 2: 0.0})
    assert stats.kstest(values[0, :, 1], lambda x: expected.cdf(x)).pvalue > 1e-4
    for kind in ("variable", "joint"):
        filled = model.complete([[1.5, None, 0.0, None, None]], kind, particles=200)
        assert np.isfinite(np.asarray(filled.values, dtype=float)[0, :4]).all()


def test_rows_are_sampled_given_numbers(correlated):
    model, _ = correlated
    rows = np.asarray(model.sample(500, seed=0, given={0: 2.0}))
    assert (rows[:, 0] == 2.0).all()
    assert rows[:, 1].mean() == pytest.approx(1.6, abs=0.2)


def test_a_value_that_is_given_is_not_asked_for(correlated, refused):
    with refused("itself given"):
        correlated[0].conditional(0, {0: 1.0})


def test_what_is_filled_in_was_recorded():
    draw = np.random.default_rng(0)
    rows = np.empty((400, 3), dtype=object)
    rows[:, 0] = draw.choice(["a", "b", None], 400)
    rows[:, 1] = [None if u < 0.5 else u for u in draw.random(400)]
    rows[:, 2] = draw.integers(0, 2, 400)
    variables = [made.Categorical(["a", "b"], missing=True), made.Numeric(missing=True), made.Bernoulli()]
    model = made.MADE(variables, hidden=(8,))
    made.fit(model, rows, False, epochs=2)
    filled = model.complete(np.array([[None, None, 1]] * 50, dtype=object), seed=0).values
    assert set(filled[:, 0]) == {"a", "b"}
    assert all(value > 0 for value in filled[:, 1])
    given = model.sample(50, seed=0, given={2: 1})
    assert None not in set(given[:, 0])
    kept = model.complete(np.array([[made.MISSING, None, 1]], dtype=object), seed=0).values
    assert kept[0, 0] is None
    drawn = model.sample(200, seed=0)
    assert None in set(drawn[:, 0])


def same_where_allowed(found, whole, allowed, probability, x):
    """A conditional under a condition on its own variable is the whole one, cut and scaled up."""
    tolerance = 5e-3
    np.testing.assert_allclose(found.pdf(x), whole.pdf(x) * allowed / probability, atol=tolerance)
    integral = integrate.trapezoid(found.pdf(x), x)
    assert integral + sum(found.atoms.values()) + found.p_missing == pytest.approx(1, abs=tolerance)
    assert found.log_evidence == pytest.approx(whole.log_evidence + np.log(probability), abs=tolerance)
    at = np.quantile(x[allowed], [0.1, 0.5, 0.9])
    below = [float(integrate.trapezoid(found.pdf(x[x <= own]), x[x <= own])) for own in at]
    atoms = [sum(p for value, p in found.atoms.items() if value <= own) for own in at]
    np.testing.assert_allclose(found.cdf(at), np.add(below, atoms) / (1 - found.p_missing), atol=tolerance)


@pytest.mark.parametrize(
    ("where", "allows"),
    [
        ("x1 >= 1", lambda x: x >= 1),
        ("0 <= x1 < 0.5", lambda x: (x >= 0) & (x < 0.5)),
        ("x1 <= 9", lambda x: x <= 9),
    ],
)
def test_a_condition_on_what_is_asked_for_leaves_part_of_its_distribution(correlated, where, allows):
    model, _ = correlated
    whole, found = model.conditional(1, {0: 1.5}), model.conditional(1, {0: 1.5}, where=where)
    x = np.linspace(-10, 12, 200_001)
    x = x[np.abs(x % 0.5) > 1e-6]  # the ends of ranges lie between points
    allowed = allows(x)
    probability = float(integrate.trapezoid(whole.pdf(x) * allowed, x))
    same_where_allowed(found, whole, allowed, probability, x)
    assert (np.diff(found.nodes) > 0).all()
    assert allows(found.quantile(0.999)) or allows(found.quantile(0.999) - 1e-6)
    assert allows(found.mean)


def test_atoms_and_gaps_are_conditioned_on_as_well(correlated):
    model, _ = correlated
    whole = model.conditional(2, {0: 1.0, 1: 0.0})
    positive = model.conditional(2, {0: 1.0, 1: 0.0}, where="x2 > 0")
    assert positive.pmf(0.0) == 0
    assert positive.log_evidence == pytest.approx(whole.log_evidence + np.log(1 - whole.cdf(0.0)), abs=1e-2)
    zero = model.conditional(2, {0: 1.0, 1: 0.0}, where="x2 in {0}")
    assert (zero.pmf(0.0), zero.mean, zero.quantile(0.5)) == (1.0, 0.0, 0.0)
    recorded = model.conditional(4, {0: 1.0}, where="x4 is not missing", particles=50)
    assert recorded.p_missing == 0
    with pytest.raises(made.InputError, match="nothing is left to ask"):
        model.conditional(4, {0: 1.0}, where="x4 is missing", particles=50)


def test_masses_of_a_grid_under_a_condition_on_it(correlated):
    model, _ = correlated
    given = {0: 0.5, 1: 0.2, 2: 0.0}
    whole = model.conditional(3, given)
    found = model.conditional(3, given, where="x3 in {1, 2, 5}")
    masses = np.array([whole.pmf(k) for k in (1, 2, 5)])
    assert [found.pmf(k) for k in (1, 2, 5)] == pytest.approx(masses / masses.sum(), rel=1e-5)
    assert found.pmf(3) == 0
    assert found.cdf(2) == pytest.approx(masses[:2].sum() / masses.sum(), rel=1e-5)
    far = model.conditional(3, given, where="x3 >= 500")  # where the whole answer has no node
    assert far.quantile(0.01) > 499
    assert -100 < far.log_evidence < whole.log_evidence - 5


def test_a_class_under_a_condition_on_it():
    model = made.MADE([made.Categorical(["a", "b", "c"]), made.Bernoulli(1)], hidden=(8,))
    model.set_marginals([["a", 0], ["b", 1], ["b", 0], ["c", 1]])
    whole, found = model.conditional(0, {1: 1}), model.conditional(0, {1: 1}, where="x0 in {a, b}")
    assert found.probabilities == pytest.approx(
        whole.probabilities * [1, 1, 0] / whole.probabilities[:2].sum()
    )


def test_a_class_of_very_many_under_a_condition_on_it():
    labels = [f"c{k}" for k in range(5000)]
    model = made.MADE([made.Bernoulli(1), made.Categorical(labels)], hidden=(8,))
    draw = np.random.default_rng(0)
    rows = np.array(
        [[int(draw.integers(2)), labels[min(int(draw.pareto(1)), 4999)]] for _ in range(500)], object
    )
    model.set_marginals(rows)
    whole, found = model.conditional(1, {0: 1}), model.conditional(1, {0: 1}, where="x1 in {c0, c3}")
    both = np.array([whole.pmf("c0"), whole.pmf("c3")])
    assert [found.pmf("c0"), found.pmf("c3")] == pytest.approx(both / both.sum(), rel=1e-4)
    assert found.pmf("c1") == 0


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0])
def test_the_mean_of_an_amount_whose_tail_has_none_is_that_of_all_but_the_last_millionths(sigma):
    z = np.random.default_rng(0).normal(size=3000)
    model = made.MADE(made.Numeric(2), hidden=(16,), seed=0)
    model.set_marginals(np.column_stack([np.exp(sigma * z), z]))
    uniforms = (torch.arange(1_000_000, dtype=torch.float64) + 0.5) / 1_000_000
    scores = model.variables.numbers.alone(0).scores  # before training, F is the marginal G
    values = scores.values(torch.special.ndtri(uniforms)[None])
    mean = float(in_reach(model, 0, values.numpy()).mean())
    assert model.conditional(0, {1: 0.3}).mean == pytest.approx(mean, rel=0.02)


def test_the_mean_far_from_all_rows_is_at_most_a_tenth_beyond_their_range():
    z = np.random.default_rng(0).normal(size=(400, 2)) @ np.array([[1.0, 0.9], [0.0, 0.4]])
    rows = np.column_stack([np.exp(2 * z[:, 0]), z[:, 1]])
    model = made.auto_fit(rows)
    highest = rows[:, 0].max() + np.ptp(rows[:, 0]) / 10
    found = model.conditional(0, {1: 4.0})
    assert found.interval(0.9)[1] > 10 * highest
    assert found.mean <= highest + 1e-9
    assert found.mean == pytest.approx(highest, rel=0.2)  # of all its values, most lie beyond the range
    given_more = model.conditional(0, {1: 0.0}, where=f"x0 >= {10 * highest}")
    assert given_more.mean == pytest.approx(10 * highest, rel=1e-6)
