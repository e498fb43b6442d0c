"""A model that starts as a Gaussian copula has the copula's density."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import made
from made.data.columns import infer_schema
from made.tuning.copula_init import build_as_copula, can_be_copula, shrunk_correlation


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


def test_a_column_that_others_determine_is_no_trouble():
    draw = np.random.default_rng(1)
    a = draw.normal(size=(300, 2))
    rows = np.column_stack([a, a.sum(axis=1), np.full(300, 2.0) + 1e-3 * (np.arange(300) % 7)])
    model = made.auto_fit(rows, max_time=1)
    assert model.log_prob(rows).isfinite().all()


@pytest.mark.parametrize(("columns", "can"), [(1, False), (2, True)])
def test_it_takes_two_numbers(columns, can):
    assert can_be_copula(made.Schema.of_variables(made.MADE(made.Numeric(columns), ()).variables)) is can
