"""Numbers keep within reach: in means, and in what is drawn."""

from __future__ import annotations

import numpy as np
import pandas
import polars
import pytest
import torch
from scipy import stats

import made
from made.queries.reach import in_reach, reach_of
from made.variables.normal_mixture import N_COMPONENTS

N_ROWS = 3_000


def table(n=600):
    """Skewed amounts, skewed counts of them that may be missing, and what they are of."""
    draw = np.random.default_rng(0)
    kind = draw.integers(0, 3, n)
    amount = np.exp(2 * draw.normal(size=n) + kind)
    count = np.where(draw.random(n) < 0.1, np.nan, np.floor(50 * np.exp(1.5 * draw.normal(size=n))) - 40)
    return polars.DataFrame({"kind": kind.astype(str), "amount": amount, "count": count}, nan_to_null=True)


def with_far_component(model, logit):
    """Give the mixture of every number a component about z = 8.4 that is as wide as can be."""
    outputs = model.variables.numbers.outputs.reshape(-1, 3, N_COMPONENTS)[:, :, -1]
    with torch.no_grad():
        weight, bias = model.network.weights[-1], model.network.biases[-1]
        weight[outputs.flatten()] = 0
        bias[outputs] = torch.tensor([logit, 8.0, 10.0])
    return model


@pytest.fixture(scope="module", params=[1, 3], ids=["one mask", "mixture"])
def far(request):
    """A model a few percent of whose rows are far beyond all that it was fitted to."""
    settings = {"orderings": request.param, "hidden": (16,)}
    model = made.auto_fit(table(), network=settings, training={"epochs": 2, "learning_rate": 1e-3}, seed=1)
    return with_far_component(model, -3.0)


def values(rows, name):
    return rows[name].drop_nulls().to_numpy()


def are_within(model, rows):
    """Whether all amounts and counts, and there are some, are within reach."""
    ends = {name: reach_of(model, model.schema.variable(name)) for name in ("amount", "count")}
    return all(
        len(values(rows, name)) and low <= values(rows, name).min() and values(rows, name).max() <= high
        for name, (low, high) in ends.items()
    )


def test_a_draw_far_beyond_all_rows_counts_as_one_at_their_end():
    values = np.exp(2 * np.random.default_rng(0).normal(size=(2_000, 1)))
    model = made.MADE(made.Numeric(), hidden=(4,))
    model.set_marginals(values)
    number = model.variables.numbers
    z = torch.tensor([[-20.0, -4.753424308822899, 0.0, 4.753424308822899, 20.0]], dtype=torch.float64)
    far = number.scores.values(z).numpy()
    assert far[0, 4] > 1e3 * far[0, 3]
    counted = in_reach(model, 0, far)
    np.testing.assert_array_equal(counted, far[:, [1, 1, 2, 3, 3]])
    assert far[0, 3] > values.max()


def test_spikes_count_as_they_are():
    draw = np.random.default_rng(0)
    values = np.where(draw.random(2_000) < 0.1, 1e6, draw.normal(size=2_000))[:, None]
    model = made.MADE(made.Numeric(spikes=[1e6]), hidden=(4,))
    model.set_marginals(values)
    assert in_reach(model, 0, np.array([[1e6, 1e9]])).tolist() == [[1e6, 1e6]]


def test_what_lies_far_beyond_the_range_of_the_rows_counts_as_a_little_beyond():
    values = np.exp(2 * np.random.default_rng(0).normal(size=(400, 1)))
    model = made.auto_fit(values, training={"epochs": 1})
    low, high = values.min(), values.max()
    margin = (high - low) / 10
    counted = in_reach(model, 0, np.array([[low, high, high + margin / 2, 100 * high]]))
    np.testing.assert_allclose(counted, [[low, high, high + margin / 2, high + margin]])


@pytest.mark.parametrize("sign", [1, -1])
def test_a_column_of_one_sign_keeps_it(sign):
    amounts = sign * np.exp(np.random.default_rng(0).normal(size=(600, 1)))
    amounts[0] = 0.0
    model = made.auto_fit(amounts, training={"epochs": 1}, seed=1)
    assert in_reach(model, 0, np.array([[-sign * 0.01, sign * 0.01]])).tolist() == [[0.0, sign * 0.01]]
    with_far_component(model, -3.0)
    outputs = model.variables.numbers.outputs.reshape(3, N_COMPONENTS)[1, -1]
    with torch.no_grad():
        model.network.biases[-1][outputs] = -sign * 8.0
    assert float((sign * model.sample(N_ROWS, seed=0, tails=True) < 0).double().mean()) > 0.02
    assert not bool((sign * model.sample(N_ROWS, seed=0) < 0).any())


def test_rows_beyond_reach_are_drawn_anew_and_others_stay(far):
    whole, held = (far.sample(N_ROWS, seed=3, tails=tails) for tails in (True, False))
    assert whole["amount"].max() > 1e6 * table()["amount"].max()
    assert are_within(far, held)
    places = [far.schema.variable(name) for name in ("amount", "count")]
    ends = np.array([reach_of(far, d) for d in places])
    numbers = whole.select("amount", "count").to_numpy()
    beyond = ((numbers < ends[:, 0]) | (numbers > ends[:, 1])).any(axis=1)
    assert 0.03 < beyond.mean() < 0.5
    assert whole.filter(~beyond).equals(held.filter(~beyond))
    # What is drawn in their place is distributed as the others, and none lies at an end.
    for name, (low, high) in zip(("amount", "count"), ends, strict=True):
        old, new = (values(held.filter(mask), name) for mask in (~beyond, beyond))
        assert stats.ks_2samp(old, new).pvalue > 1e-4
        assert not np.isin(new, [low, high]).any()


def test_both_ways_of_drawing_and_portions_give_the_same_rows(far):
    together = far.sample(400, seed=5)
    plain = far.sample(400, seed=5, method="plain")
    np.testing.assert_allclose(
        together.select("amount", "count").to_numpy(), plain.select("amount", "count").to_numpy(), rtol=1e-4
    )
    parts = [far.sample(n, seed=5, first=first) for first, n in ((0, 150), (150, 250))]
    assert polars.concat(parts)["kind"].equals(together["kind"])
    np.testing.assert_allclose(
        *(own.select("amount", "count").to_numpy() for own in (polars.concat(parts), together)), rtol=1e-6
    )


def test_rows_given_something_and_under_conditions_keep_within_reach(far):
    assert are_within(far, far.sample(N_ROWS, seed=0, given={"kind": "1"}))
    least = float(table()["amount"].median())
    rows = far.sample(N_ROWS, seed=0, where=f"amount >= {least}")
    assert are_within(far, rows)
    assert rows["amount"].min() >= least
    between = far.sample(500, seed=0, where="count <= amount")
    assert are_within(far, between)
    assert (between["count"] <= between["amount"]).all()
    both = far.sample(500, seed=0, where="count <= amount", given={"kind": "1"})
    assert are_within(far, both)
    assert far.sample(500, seed=0, where="count <= amount", tails=True)["amount"].max() > 1e6


def test_each_of_several_given_rows_keeps_within_reach(far):
    given = table()[:40].with_columns(amount=polars.lit(None, polars.Float64))
    rows = far.sample(40, seed=0, given=given)
    assert are_within(far, rows)
    assert rows["kind"].to_list() == given["kind"].to_list()


def test_what_is_given_or_asked_for_beyond_reach_is_respected(far):
    given = {"amount": 1e12}
    rows = far.sample(200, seed=0, given=given)
    assert (rows["amount"] == 1e12).all()
    assert rows.equals(far.sample(200, seed=0, given=given, tails=True))
    assert far.sample(200, seed=0, where="amount >= 1e9")["amount"].min() >= 1e9


def test_completions_that_are_drawn_keep_within_reach(far):
    rows = table()[:60].with_columns(
        amount=polars.when(polars.int_range(60) % 2 == 0).then("amount"),
        count=polars.when(polars.int_range(60) % 3 == 0).then("count"),
    )
    answer = far.complete(rows, "draw", number=3, seed=1)
    filled = answer.values
    at = [far.schema.variable(name) for name in ("amount", "count")]
    for d, name in zip(at, ("amount", "count"), strict=True):
        low, high = reach_of(far, d)
        own = filled[:, :, d].astype(float)
        assert low <= own.min()
        assert own.max() <= high
        known = rows[name].is_not_null().to_numpy()
        assert (own[known] == rows[name].to_numpy()[known][:, None]).all()
    alone = far.complete(rows[7:9], "draw", number=3, seed=1, first=7)
    assert (alone.values == filled[7:9]).all()


@pytest.fixture(scope="module")
def lost():
    """A model all of whose numbers are far beyond what it was fitted to."""
    return with_far_component(
        made.auto_fit(table(), network={"hidden": (16,)}, training={"epochs": 1}, seed=1), 30.0
    )


def test_what_is_always_beyond_is_set_to_the_end(lost):
    rows = lost.sample(50, seed=0)
    assert are_within(lost, rows)
    ends = {name: reach_of(lost, lost.schema.variable(name))[1] for name in ("amount", "count")}
    assert (rows["amount"] == ends["amount"]).mean() > 0.5
    assert (values(rows, "count") == np.floor(ends["count"])).mean() > 0.5


def test_a_condition_that_leaves_the_end_out_is_met(lost):
    end = np.floor(reach_of(lost, lost.schema.variable("count"))[1])
    rows = lost.sample(50, seed=0, where=f"count != {end:.0f}")
    assert not (rows["count"] == end).any()
    assert rows["count"].max() > end


def test_what_is_set_to_a_spike_is_the_spike():
    draw = np.random.default_rng(0)
    amounts = np.where(draw.random(600) < 0.3, 0.0, 1 + np.exp(draw.normal(size=600)))[:, None]
    model = made.MADE(made.Numeric(spikes=[0.0]), hidden=(4,))
    model.set_marginals(-amounts)
    assert reach_of(model, 0)[1] == 0.0
    with_far_component(model, 30.0)
    whole, held = model.draw(500, seed=0, tails=True), model.sample(500, seed=0)
    assert float((model.schema.decode(whole) > 0).mean()) > 0.05
    assert float(held.max()) == 0.0
    rows = model.draw(500, seed=0)
    assert rows.codes[held == 0].unique().tolist() == [1]
    assert bool(torch.isfinite(model.log_prob(rows)).all())


def test_a_distribution_of_torch_has_the_tails_of_its_density():
    amounts = np.exp(2 * np.random.default_rng(0).normal(size=(600, 2)))
    model = with_far_component(
        made.auto_fit(
            amounts, network={"hidden": (16,)}, training={"epochs": 1, "learning_rate": 1e-3}, seed=1
        ),
        -3.0,
    )
    torch.manual_seed(0)
    assert float(model.distribution().sample((N_ROWS,)).max()) > 1e6
    assert float(model.sample(N_ROWS, seed=0).max()) < 1.2 * amounts.max()


def test_whole_numbers_are_drawn_as_their_type_holds_them():
    draw = np.random.default_rng(0)
    rows = pandas.DataFrame(
        {
            "grey": np.clip(draw.normal(200, 60, 400), 0, 255).astype(np.uint8),
            "step": draw.integers(-128, 128, 400).astype(np.int8),
            "key": draw.integers(0, 2**64 - 1, 400, dtype=np.uint64),
        }
    )
    model = made.auto_fit(rows, training={"epochs": 1}, network={"hidden": (16,)}, seed=0)
    assert model.sample(3_000, seed=0).dtypes.tolist() == rows.dtypes.tolist()
    unknown = [[False, False, True], [True, True, False]]
    filled = model.complete(rows[:2], unknown=unknown, seed=0, number=100)
    assert filled.rows.dtypes.tolist() == rows.dtypes.tolist()
    assert (filled.rows["key"][-100:] == rows["key"][1]).all()
