"""Models of numbers, grids, spikes and gaps: masses and densities, samples, units, files, fits."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

import made


def rows_of(n=600, seed=0):
    """Two dependent amounts, a count on a grid, a bit, a measurement with gaps, an amount that is often 0."""
    draw = np.random.default_rng(seed)
    a = draw.lognormal(0, 1, n)
    b = 2 * a + draw.normal(0, 0.3, n)
    c = draw.poisson(3, n)
    d = (b + c > 6).astype(float)
    e = np.where(draw.random(n) < 0.3, np.nan, draw.normal(c, 1))
    f = np.where(draw.random(n) < 0.4, 0.0, draw.exponential(2, n))
    return np.stack([a, b, c, d, e, f], axis=1)


def variables():
    return [
        made.Numeric(2),
        made.Numeric(step=1),
        made.Bernoulli(),
        made.Numeric(missing=True),
        made.Numeric(spikes=[0.0]),
    ]


@pytest.fixture(scope="module")
def fitted():
    rows = rows_of()
    model = made.MADE(variables(), hidden=(32, 32), direct=True)
    made.fit(model, rows[:500], rows[500:], epochs=8, learning_rate=4e-3, batch_size=64)
    return model


def test_an_untrained_model_is_the_product_of_its_marginals():
    rows = rows_of()
    model = made.MADE(variables(), hidden=(8,))
    model.set_marginals(rows)
    encoded = model.variables.scored(model.rows(rows))
    marginal = encoded.scores[:, :, 2]
    each = model.log_prob(rows, per_variable=True)
    codes = encoded.codes
    for column, place in ((0, 0), (1, 1), (2, 2)):
        difference = each[:, place] - marginal[:, column]
        assert abs(float(difference.mean())) < 1e-4
        assert float(difference.abs().max()) < 2e-2
    of_body = math.log((float((codes[:, 4] == 0).sum()) + 1) / (len(rows) + 2))
    body = codes[:, 4] == 0
    torch.testing.assert_close(each[body, 4], marginal[body, 3] + of_body, rtol=0, atol=2e-2)
    gaps = math.log((float((codes[:, 4] == 1).sum()) + 1) / (len(rows) + 2))
    assert each[~body, 4].numpy() == pytest.approx(gaps, abs=1e-6)


def test_a_fit_learns_what_columns_say_about_each_other(fitted):
    rows = rows_of(400, seed=9)
    before = made.MADE(variables(), hidden=(8,))
    before.set_marginals(rows_of())
    gain = (fitted.log_prob(rows) - before.log_prob(rows)).mean()
    assert gain > 1.0


def test_the_density_of_one_number_given_the_others_integrates_to_1(fitted):
    row = rows_of(3, seed=4)[0]
    for d, grid in ((1, np.linspace(-30, 80, 60_001)), (5, np.linspace(-30, 120, 60_001))):
        table = np.tile(row, (len(grid), 1))
        table[:, d] = grid
        p = fitted.log_prob(table, per_variable=True)[:, d].exp().numpy()
        atom = 0.0
        if d == 5:
            at_zero = np.array([row])
            at_zero[0, d] = 0.0
            atom = float(fitted.log_prob(at_zero, per_variable=True)[0, d].exp())
            assert atom > 0.1
            p[grid == 0] = 0
        assert integrate.trapezoid(p, grid) + atom == pytest.approx(1, abs=2e-3)


def test_the_masses_of_a_grid_sum_to_1(fitted):
    row = rows_of(3, seed=4)[0]
    grid = np.arange(-50, 200)
    table = np.tile(row, (len(grid), 1))
    table[:, 2] = grid
    assert float(fitted.log_prob(table, per_variable=True)[:, 2].exp().sum()) == pytest.approx(1, abs=1e-4)


def test_a_spike_on_a_grid_counts_both_ways():
    model = made.MADE(made.Numeric(step=1, spikes=[3]), hidden=())
    model.set_marginals(np.array([[3.0]] * 40 + [[float(k)] for k in range(10)]))
    grid = np.arange(-200, 400.0)[:, None]
    p = model.log_prob(grid).exp()
    assert float(p.sum()) == pytest.approx(1, abs=1e-4)
    assert float(p[203]) > 0.7


def test_no_output_sees_itself_or_what_comes_after(fitted):
    rows = rows_of(20, seed=3)
    before = fitted.log_prob(rows, per_variable=True)
    for d in range(6):
        changed = rows.copy()
        changed[:, d] = 1.0 - changed[:, d] if d == 3 else np.nan_to_num(changed[:, d]) + 1.0
        after = fitted.log_prob(changed, per_variable=True)
        assert torch.equal(after[:, :d], before[:, :d])
        assert not torch.equal(after[:, d], before[:, d])


@pytest.mark.parametrize("method", ["plain", "one-pass"])
def test_samples_have_the_distribution_of_the_model(fitted, method):
    sample = np.asarray(fitted.sample(3000, seed=0, method=method))
    truth = rows_of(3000, seed=77)
    assert np.isnan(sample[:, 4]).mean() == pytest.approx(np.isnan(truth[:, 4]).mean(), abs=0.05)
    assert (sample[:, 5] == 0).mean() == pytest.approx(0.4, abs=0.05)
    assert (sample[:, 2] == np.round(sample[:, 2])).all()
    assert set(sample[:, 3]) == {0.0, 1.0}
    # The first variable depends on nothing: its sample is that of its own marginal distribution.
    first = sample[:, 0]
    grid = np.quantile(first, np.linspace(0.02, 0.98, 200))
    table = np.tile(truth[0], (len(grid), 1))
    table[:, 0] = grid
    density = fitted.log_prob(table, per_variable=True)[:, 0].exp().numpy()
    mass = integrate.cumulative_trapezoid(density, grid, initial=0)
    shares = (np.searchsorted(np.sort(first), grid) / len(first)) - np.mean(first < grid[0])
    assert np.abs(mass - shares).max() < 0.03


def test_a_sample_is_a_function_of_its_number(fitted):
    rows = np.asarray(fitted.sample(20, seed=5))
    # Few rows are sampled one by one, with sums of float32 in another order.
    np.testing.assert_allclose(rows[7:12], np.asarray(fitted.sample(5, seed=5, first=7)), rtol=1e-4)


@pytest.mark.parametrize("power", [-20, 7])
def test_other_units_move_densities_by_their_logarithm_and_nothing_else(power):
    rows = rows_of(200)
    models = []
    for scale in (1.0, 2.0**power):
        model = made.MADE(variables(), hidden=(8,), seed=3)
        scaled = rows.copy()
        scaled[:, 0] *= scale
        made.fit(model, scaled, False, epochs=2, seed=1)
        models.append(model.log_prob(scaled, per_variable=True))
    moved = models[0] - models[1]
    expected = torch.zeros_like(moved)
    expected[:, 0] = power * math.log(2)
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("power", [-9, 5])
def test_other_units_of_columns_that_auto_fit_takes_for_numbers(power):
    """Powers of two keep all digits; the column is on no grid before and after."""
    rows = rows_of(400)[:, [0, 1, 2, 4]]
    each = []
    for scale in (1.0, 2.0**power):
        scaled = rows.copy()
        scaled[:, 1] *= scale
        model = made.auto_fit(scaled, network={"hidden": (8,)}, training={"epochs": 2})
        assert dict(model.schema.columns[1].arguments).keys() == {"marginal"}
        each.append(model.log_prob(scaled, per_variable=True, mask=0))
    expected = torch.zeros_like(each[0])
    expected[:, 1] = power * math.log(2)
    torch.testing.assert_close(each[0] - each[1], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("power", [-3, 4])
def test_other_units_of_a_grid_move_nothing(power):
    rows = rows_of(200)[:, [2, 0, 5]]
    each = []
    for scale in (1.0, 2.0**power):
        scaled = rows * [scale, 1.0, scale]
        variables = [made.Numeric(step=scale, spikes=[2 * scale]), made.Numeric(), made.Numeric(spikes=[0.0])]
        model = made.MADE(variables, hidden=(8,), seed=3)
        made.fit(model, scaled, False, epochs=2, seed=1)
        each.append(model.log_prob(scaled, per_variable=True))
    expected = torch.zeros_like(each[0])
    expected[rows[:, 2] != 0, 2] = power * math.log(2)
    torch.testing.assert_close(each[0] - each[1], expected, rtol=0, atol=1e-9)


def test_single_precision_is_as_good_as_double(fitted):
    rows = rows_of(300, seed=11)
    rows[:8, 0] = [-1e300, 1e300, 1e12, -1e12, -50.0, 300.0, 5e-324, 1e-300]
    rows[8:12, 5] = [1e300, -1e300, -60.0, 500.0]
    rows[12:16, 2] = [-(2.0**62), 2.0**62, -200.0, 900.0]
    double = copy.deepcopy(fitted).double()
    expected, found = (model.log_prob(rows, per_variable=True) for model in (double, fitted))
    assert found.isfinite().all()
    assert expected.isfinite().all()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_what_nobody_foresaw_costs_no_more_than_the_share_of_the_marginal(fitted):
    rows = np.tile(rows_of(1, seed=3), (8, 1))
    far = [1e300, -1e300, 1e9, -1e9, 1e3, -1e3, 5e-324, 0.5]
    for d, number in ((0, 0), (1, 1), (2, 2), (4, 3)):
        table = rows.copy()
        table[:, d] = np.rint(np.clip(far, -(2.0**62), 2.0**62)) if d == 2 else far
        encoded = fitted.variables.scored(fitted.rows(table))
        cost = encoded.scores[:, number, 2] - fitted.log_prob(table, per_variable=True)[:, d]
        of_body = fitted.log_prob(np.where(np.arange(6) == 4, np.nan, rows[:1]), per_variable=True)[0, d]
        allowed = math.log(1000) + (-math.log1p(-float(of_body.exp())) if d == 4 else 0.0)
        assert float(cost.max()) <= allowed + 1e-4
        assert cost.isfinite().all()


def test_as_density_takes_the_step_off(fitted):
    rows = rows_of(20, seed=2)
    model = made.MADE(made.Numeric(step=0.5), hidden=())
    values = np.round(rows[:, :1] * 2) / 2
    model.set_marginals(values)
    moved = model.log_prob(values, as_density=True) - model.log_prob(values)
    assert moved.numpy() == pytest.approx(-math.log(0.5), abs=1e-12)
    again = fitted.log_prob(rows, as_density=True) - fitted.log_prob(rows)
    assert again.numpy() == pytest.approx(0.0, abs=1e-12)  # its grid has steps of 1


def test_a_model_file_scores_the_same(fitted, tmp_path):
    rows = rows_of(30, seed=8)
    fitted.save(tmp_path / "model.safetensors")
    again = made.load(tmp_path / "model.safetensors")
    assert torch.equal(again.log_prob(rows), fitted.log_prob(rows))
    assert str(again.schema) == str(fitted.schema)


def test_a_mixture_of_masks_is_a_mixture(fitted):
    rows = rows_of(40)
    model = made.MADE(variables(), hidden=(16,), orderings=3)
    made.fit(model, rows, False, epochs=2)
    parts = torch.stack([model.log_prob(rows, mask=k) for k in range(3)])
    torch.testing.assert_close(model.log_prob(rows), parts.logsumexp(0) - math.log(3))
    assert np.asarray(model.sample(50, seed=0)).shape == (50, 6)


@pytest.mark.parametrize("unit", [1.0, 1e6])
def test_numbers_as_context(unit):
    draw = np.random.default_rng(0)
    c = unit * draw.lognormal(0, 2, (800, 1))
    x = np.log(c / unit) + draw.normal(0, 0.2, (800, 1))
    model = made.MADE(made.Numeric(), hidden=(32,), context=made.Numeric(), direct=True)
    made.fit(model, x[:600], x[600:], context=c[:600], valid_context=c[600:], epochs=20, learning_rate=5e-3)
    assert float(model.log_prob(x[600:], context=c[600:]).mean()) > -0.6
    with pytest.raises(made.InputError, match="finite"):
        model.log_prob(x[:1], context=[[np.inf]])


def test_the_marginals_of_context_are_those_of_the_training_rows_and_saved(tmp_path):
    draw = np.random.default_rng(1)
    c = np.column_stack([np.rint(draw.normal(45, 15, 600)), draw.integers(0, 3, 600)])
    x = draw.normal(c[:, :1], 1)
    kinds = [made.Numeric(step=1), made.Categorical(3)]
    model = made.MADE([made.Numeric()], hidden=(8,), context=kinds, direct=True)
    made.fit(model, x, False, context=c, epochs=1)
    features = model.context.features(model.context.rows(c, len(c)))
    assert abs(float(features[:, 0].mean())) < 0.1
    assert float(features[:, 0].std()) == pytest.approx(1, abs=0.1)
    model.save(tmp_path / "model.safetensors")
    again = made.load(tmp_path / "model.safetensors")
    assert torch.equal(again.log_prob(x, context=c), model.log_prob(x, context=c))
    assert again.sample(3, seed=0, context=c[0]).shape == (3, 1)


@pytest.mark.parametrize(
    "column",
    [
        np.full(50, 7.5),
        np.repeat([1.0, 2.0], 30),
        np.array([3.25]),
        10.0 ** np.linspace(-5, 5, 200),
        np.random.default_rng(0).integers(-(2**62), 2**62, 100).astype(float),
        np.random.default_rng(0).normal(size=100) * 1e-300,
        np.random.default_rng(0).normal(size=100) * 1e300,
        np.concatenate([np.zeros(50), stats.cauchy.rvs(size=100, random_state=0)]),
    ],
)
def test_odd_columns_are_fitted_and_scored(column):
    rows = np.stack([column, np.arange(len(column)) % 2], axis=1)
    model = made.MADE([made.Numeric(), made.Bernoulli()], hidden=(8,))
    made.fit(model, rows, False, epochs=2)
    assert model.log_prob(rows).isfinite().all()
    far = [[1e308, 0], [-1e308, 1], [5e-324, 0], [0.0, 1]]
    assert model.log_prob(far).isfinite().all()
    assert np.isfinite(np.asarray(model.sample(50, seed=0))).all()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.inf, ["row 0, column 0", "finite"]),
        (-np.inf, ["finite"]),
        ("x", ["'x'", "finite"]),
    ],
)
def test_what_is_no_number_is_refused(refused, value, words):
    model = made.MADE([made.Numeric(), made.Bernoulli()], hidden=(4,))
    with refused(*words):
        model.log_prob(np.array([[value, 1]], dtype=object))


def test_what_is_off_a_given_grid_is_refused_and_off_an_inferred_one_rounded(refused):
    given = made.MADE(made.Numeric(step=0.01), hidden=())
    with refused("0.005", "multiple of its step 0.01"):
        given.log_prob([[0.005]])
    inferred = made.MADE(made.Numeric(step=0.01, rounds=True), hidden=())
    assert torch.equal(inferred.log_prob([[0.0149]]), inferred.log_prob([[0.01]]))


def test_how_many_values_were_rounded_is_logged_once(caplog):
    rows = np.array([[0.25, 1.5], [0.5, 2.5], [0.75, 3.25]] * 20)
    model = made.auto_fit(rows, network={"hidden": (4,)}, training={"epochs": 1})
    caplog.clear()
    model.log_prob(rows)
    assert caplog.messages == []
    model.log_prob([[0.251, 1.5], [0.5, 2.504], [0.252, 1.001]])
    assert caplog.messages == [
        "column x0: 2 values are not multiples of its step 0.01, and rounded",
        "column x1: 2 values are not multiples of its step 0.01, and rounded",
    ]
    caplog.clear()
    model.marginal([[0.251, 2.5]])
    assert caplog.messages == ["column x0: 1 value is not a multiple of its step 0.01, and rounded"]


def test_a_gap_where_none_may_be_names_the_remedy(refused):
    model = made.MADE(made.Numeric(2), hidden=(4,))
    with refused("missing=True"):
        made.fit(model, np.array([[1.0, np.nan], [2.0, 3.0]]), False, epochs=1)


@pytest.mark.parametrize("arguments", [{"step": 0}, {"step": -1}, {"step": "x"}, {"n": 0}, {"missing": 3}])
def test_arguments_that_make_no_sense(refused, arguments):
    with refused(next(iter(arguments))):
        made.Numeric(**arguments)


def test_whole_numbers_beyond_2_to_the_53_stay_as_they_are():
    numeric = made.Numeric(step=1)
    values = np.array([2**53 + 1, 2**62 + 3, -(2**62) - 1])
    assert numeric.values_of(numeric.encode(values).bodies).tolist() == values.tolist()


def test_entries_of_any_kind_may_be_missing():
    rows = np.array([[1, "a", 0.5], [None, None, None], [0, "b", 2.5]], dtype=object)
    model = made.MADE(
        [
            made.Bernoulli(missing=True),
            made.Categorical(["a", "b"], missing=True),
            made.Numeric(missing=True),
        ],
        hidden=(8,),
    )
    made.fit(model, np.tile(rows, (20, 1)), False, epochs=3)
    assert model.log_prob(rows).isfinite().all()
    p = [
        model.log_prob(np.array([[v, w, None]], dtype=object)) for v in (0, 1, None) for w in ("a", "b", None)
    ]
    body = model.log_prob(np.array([[None, None, 0.5]], dtype=object))
    assert float(torch.cat(p).logsumexp(0).exp()) < 1
    assert body.isfinite().all()
    assert model.sample(5, seed=0).dtype == object
    assert model.conditional(0, {1: "a"}).values == (0, 1, None)
    given_missing = model.conditional(0, {1: made.MISSING}).probabilities
    assert given_missing.sum() == pytest.approx(1)


def test_all_discrete_models_have_no_bodies():
    rows = made.MADE(made.Bernoulli(3), hidden=(4,)).rows([[0, 1, 1]])
    assert rows.bodies is None
    assert rows.scores is None


def test_a_distribution_of_torch_is_over_numbers():
    rows = rows_of(200)[:, [0, 1, 2, 5]]
    model = made.MADE([made.Numeric(2), made.Numeric(step=1), made.Numeric(spikes=[0.0])], hidden=(8,))
    made.fit(model, rows, False, epochs=2)
    distribution = model.distribution()
    torch.manual_seed(0)
    drawn = distribution.sample((30,))
    assert drawn.dtype == torch.float64
    assert bool((drawn[:, 0] != drawn[:, 0].round()).any())
    torch.testing.assert_close(distribution.log_prob(drawn), model.log_prob(drawn))


def test_labels_beside_numbers_have_no_distribution_of_torch(refused):
    model = made.MADE([made.Numeric(), made.Categorical(["a", "b"])], hidden=(4,))
    with refused("labels"):
        model.distribution()


def test_an_autoencoder_takes_numbers_in():
    rows = rows_of(100)[:, :2]
    model = made.Autoencoder(made.Numeric(2), hidden=(4,))
    before = model.nll(rows).mean()
    made.fit(model, rows, False, epochs=20, learning_rate=1e-2)
    assert model.nll(rows).mean() < before
    assert model.encode(rows).shape == (100, 4)


def test_masks_of_numbers_are_averaged():
    from made.runs.masks_averaged import average_masks

    rows = rows_of(60)
    model = made.MADE(variables(), hidden=(8,), orderings=2)
    made.fit(model, rows, False, epochs=2)
    found = average_masks(model, model.rows(rows), [1, 2])
    assert found.mixture[-1].nll == pytest.approx(-float(model.log_prob(rows).mean()), abs=1e-4)
