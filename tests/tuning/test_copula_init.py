"""A model that starts as a Gaussian copula has the copula's density."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import made
from made.data.columns import infer_schema
from made.tuning.candidates import candidates
from made.tuning.copula_init import build_as_copula, can_be_copula, least_noise
from made.tuning.facts import Facts
from made.tuning.moments import shrunk_correlation
from made.variables.column import Column


@pytest.mark.parametrize("ordering", ["natural", [3, 0, 2, 1]])
def test_its_nll_is_that_of_the_copula(ordering):
    draw = np.random.default_rng(0)
    mixing = draw.normal(size=(4, 4))
    normal = draw.normal(size=(2000, 4)) @ mixing
    rows = np.stack([normal[:, 0], np.exp(normal[:, 1]), normal[:, 2] ** 3, normal[:, 3]], axis=1)
    schema, _ = infer_schema({"train": rows})
    train = schema.encode(rows)
    schema = schema.fitted(train)
    model = build_as_copula(schema, {"hidden": (8,), "direct": True, "ordering": ordering}, train)
    scores = model.variables.scored(train).scores.numpy()
    z = scores[:, :, 0]
    inside = (np.abs(z) < 4).all(axis=1)
    mean, deviation = z.clip(-4, 4).mean(axis=0), z.clip(-4, 4).std(axis=0)
    correlation = shrunk_correlation((z.clip(-4, 4) - mean) / deviation)
    covariance = correlation * np.outer(deviation, deviation)
    gain = stats.multivariate_normal(mean, covariance).logpdf(z) - stats.norm.logpdf(z).sum(axis=1)
    expected = (scores[:, :, 2].sum(axis=1) + gain)[inside].mean()
    # The share of the marginal, a thousandth, costs that much in each column.
    assert float(model.log_prob(rows)[inside].mean()) == pytest.approx(expected, abs=4e-3 + 1e-3)


@pytest.mark.parametrize("is_number", [True, False])
def test_it_starts_from_what_context_says(is_number):
    draw = np.random.default_rng(0)
    c = draw.normal(50, 10, (3000, 1)) if is_number else draw.integers(0, 2, (3000, 1))
    x = np.column_stack([3.0 * c[:, 0] + draw.normal(0, 2, 3000), draw.normal(size=3000)])
    schema, _ = infer_schema({"train": np.hstack([x, c])})
    schema = schema.with_context([2])
    train = schema.encode(np.hstack([x, c]))
    model = build_as_copula(schema.fitted(train), {"hidden": (8,), "direct": True}, train)
    own = model.log_prob(np.hstack([x, c]), per_variable=True)[:, 0].mean()
    assert float(own) == pytest.approx(-np.log(2 * np.sqrt(2 * np.pi * np.e)), abs=0.15)


def test_one_number_given_others_can_start_as_a_copula():
    schema, _ = infer_schema({"train": np.random.default_rng(0).normal(size=(50, 2))})
    assert can_be_copula(schema.with_context([1]))


def test_a_column_that_others_determine_is_no_trouble():
    draw = np.random.default_rng(1)
    a = draw.normal(size=(300, 2))
    rows = np.column_stack([a, a.sum(axis=1), np.full(300, 2.0) + 1e-3 * (np.arange(300) % 7)])
    model = made.auto_fit(rows, max_time=1)
    assert model.log_prob(rows).isfinite().all()


@pytest.mark.parametrize(("columns", "can"), [(1, False), (2, True)])
def test_it_takes_two_numbers(columns, can):
    assert can_be_copula(made.Schema.of_variables(made.MADE(made.Numeric(columns), ()).variables)) is can


def related(kind, n=2_000, seed=0):
    """Three columns, of which the last is the sum of the others, a copy of the first, or neither."""
    draw = np.random.default_rng(seed)
    a, b = draw.lognormal(0, 1, n), draw.normal(size=n)
    if kind == "copy of whole numbers":
        a = np.rint(50 * a)
    last = {"sum": 0.3 * a + b, "neither": draw.normal(size=n)}.get(kind, a)
    return np.stack([a, b, last], axis=1)


def encoded(rows):
    schema, _ = infer_schema({"train": rows})
    train = schema.encode(rows)
    return schema.fitted(train), train


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [("copy", 0.0, 1e-3), ("copy of whole numbers", 0.0, 1e-2), ("sum", 0.02, 0.3), ("neither", 0.9, 1.0)],
)
def test_noise_of_a_column_that_others_determine_is_small(kind, low, high):
    schema, train = encoded(related(kind))
    assert low <= least_noise(schema.row_type, train) <= high


def test_noise_is_not_known_of_few_rows():
    schema, train = encoded(related("copy", n=29))
    assert np.isnan(least_noise(schema.row_type, train))


@pytest.mark.parametrize(("kind", "is_offered"), [("copy", True), ("neither", False)])
def test_columns_that_others_determine_have_a_candidate_of_their_own(kind, is_offered):
    schema, train = encoded(related(kind))
    facts = Facts.of(schema, train[:1_800], train[1_800:], lambda: pytest.fail("no tree of numbers"))
    sharp = [own for own in candidates(facts) if own.is_sharp]
    assert len(sharp) == is_offered
    assert all(own.model["dropout"] == 0 and own.is_copula for own in sharp)


def test_a_sharp_start_knows_copies():
    """On a grid the copy has nearly all the mass; else it is known to a thousandth of its deviation."""
    for kind, least in (("copy", 7.0), ("copy of whole numbers", 0.0)):
        schema, train = encoded(related(kind))
        test = related(kind, n=1_000, seed=9)
        settings = {"hidden": (8,), "direct": True}
        sharp = build_as_copula(schema, settings, train, is_sharp=True)
        marginals = made.baselines.MixedMarginals(schema, train).log_prob(test).mean()
        gain = float(sharp.log_prob(test).mean()) - marginals
        shrunk = float(build_as_copula(schema, settings, train).log_prob(test).mean()) - marginals
        assert gain > shrunk + 0.5
        if kind == "copy":
            assert gain > least
        else:
            last = sharp.log_prob(test, per_variable=True)[:, 2]
            assert float(last.exp().mean()) > 0.9


def test_classes_are_a_linear_discriminant_of_what_comes_before_them():
    """Of normals within classes the start is the truth, up to what it takes from the rows."""
    draw = np.random.default_rng(2)
    kind = draw.integers(0, 3, 4000)
    normal = draw.normal(size=(4000, 2)) + np.array([[0, 0], [1.5, 0], [0, 1.5]])[kind]
    rows = np.column_stack([normal, kind])
    variables = [made.Numeric(2), made.Categorical(3)]
    schema = made.Schema.of_variables(made.MADE(variables, ()).variables)
    train = schema.encode(rows)
    model = build_as_copula(schema.fitted(train), {"hidden": (8,), "direct": True}, train)
    found = model.log_prob(rows, per_variable=True)[:, 2].numpy()
    means = np.array([[0, 0], [1.5, 0], [0, 1.5]])
    logits = -0.5 * ((normal[:, None] - means) ** 2).sum(axis=2)
    truth = logits[np.arange(4000), kind] - np.logaddexp.reduce(logits, axis=1)
    assert found.mean() == pytest.approx(truth.mean(), abs=0.03)
    # Numbers after a class follow it, and one logit does as well as two.
    reverse = build_as_copula(
        schema.fitted(train), {"hidden": (8,), "direct": True, "ordering": [2, 0, 1]}, train
    )
    gain = reverse.log_prob(rows).mean() - model.log_prob(rows).mean()
    assert abs(float(gain)) < 0.15


def test_a_heaped_column_follows_the_others():
    """Half of the values are rounded to whole numbers, which are spikes: what is known of them stays."""
    draw = np.random.default_rng(3)
    a = draw.normal(size=4000)
    b = a + 0.5 * draw.normal(size=4000)
    gains = []
    for last in (b, np.where(draw.random(4000) < 0.5, b.round(), b)):
        rows = np.column_stack([a, last])
        schema, train = encoded(rows)
        model = build_as_copula(schema, {"hidden": (8,), "direct": True}, train)
        marginals = made.baselines.MixedMarginals(schema, train).log_prob(rows)
        gains.append(float((model.log_prob(rows).numpy() - marginals).mean()))
    assert schema.columns[1].arguments["spikes"] == [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    assert gains[0] == pytest.approx(0.8, abs=0.05)  # log(1.25 / 0.25) / 2
    assert gains[1] > 0.85 * gains[0]


def test_what_hardly_any_row_has_does_not_decide():
    """Counts with a long tail and a flag that follows: a row farther out costs some nats, not hundreds."""
    draw = np.random.default_rng(4)
    n = 8000
    count = np.minimum(draw.geometric(0.35, n) - 1, 31)
    size = draw.normal(size=n) + count
    flag = np.minimum(draw.poisson(0.05 + 0.02 * count), 3)
    rows = np.column_stack([count, size, flag])
    variables = [made.Categorical(32, coding="radial-basis"), made.Numeric(), made.Categorical(4)]
    schema = made.Schema.of_variables(made.MADE(variables, ()).variables)
    train = schema.encode(rows[:4000])
    schema = schema.fitted(train)
    model = build_as_copula(schema, {"hidden": (8,), "direct": True}, train)
    far = np.array([[31, 31.0, 0], [31, 20.0, 3], [27, 4.0, 2], [0, 9.0, 3]])
    scores = model.log_prob(np.concatenate([rows[4000:], far]))
    assert float(scores.min()) > -80
    marginals = made.baselines.MixedMarginals(schema, train).log_prob(rows[4000:]).mean()
    assert float(scores[:4000].mean()) > marginals + 0.5


def test_rows_with_labels_that_are_no_class_say_nothing_of_it():
    draw = np.random.default_rng(0)
    rows = np.empty((300, 2), dtype=object)
    rows[:, 0] = draw.choice(["a", "b", "c", "rare"], 300)
    rows[:, 1] = draw.normal(size=300) + 3 * (rows[:, 0] == "a")
    label = Column("label", "categorical", {"classes": ["a", "b", "c"], "unseen": 0.25})
    schema = made.Schema((label, Column("size", "numeric")))
    train = schema.encode(rows)
    schema = schema.fitted(train)
    plain = made.MADE(schema, (8,))
    plain.set_marginals(train)
    model = build_as_copula(schema, {"hidden": (8,), "direct": True}, train)
    assert float(model.log_prob(train).mean()) > float(plain.log_prob(train).mean()) + 0.2


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_start_keeps_the_shares_of_spikes_inside_a_body(share):
    """A column of one value, or of one for every second row, beside gaps: a body that is narrow there."""
    draw = np.random.default_rng(0)
    value = np.where(draw.random(2_000) < share, np.round(draw.normal(3.5, 1, 2_000), 1), 3.5)
    rows = np.empty((2_000, 2), dtype=object)
    rows[:, 0] = np.round(draw.normal(size=2_000), 2)
    rows[:, 1] = np.where(draw.random(2_000) < 0.2, None, value.astype(object))
    schema, train = encoded(rows)
    model = build_as_copula(schema, {"hidden": (8,), "direct": True}, train)
    marginals = made.MADE(schema, hidden=(8,), seed=0)
    marginals.set_marginals(train)
    own, apart = (m.log_prob(rows, per_variable=True)[:, 1].mean().item() for m in (model, marginals))
    assert own > apart - 0.1  # beside such a spike the body is a little narrower than it should be
    assert model.conditional(1).p_missing == pytest.approx(0.2, abs=0.03)


def test_a_column_of_more_classes_than_a_discriminant_has_its_marginal():
    draw = np.random.default_rng(0)
    rows = np.column_stack([draw.integers(0, 60, 3_000), draw.normal(size=3_000)]).astype(object)
    rows[:, 0] = [f"c{k}" for k in rows[:, 0]]
    schema, _ = infer_schema({"train": rows})
    train = schema.encode(rows)
    schema = schema.fitted(train)
    assert schema.classes[0] == 60
    model = build_as_copula(schema, {"hidden": (8,), "direct": True}, train)
    plain = made.MADE(schema, hidden=(8,))
    plain.set_marginals(train)
    first = [own.log_prob(train, per_variable=True)[:, 0].numpy() for own in (model, plain)]
    assert first[0] == pytest.approx(first[1], abs=1e-4)
