"""Questions about rows, and samples, of models whose logits reach 1e4: held to float64, and never NaN.

A logit of 1e4 is known to 1e-3 in float32: probabilities are right to that, their logarithms to 1e-4 of them.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy import special

import made
from made.support.uniforms import row_uniforms
from made.variables.rows import Rows

LARGE = 1e4
SMALL = [made.Bernoulli(3), made.Categorical(4, 3), made.Categorical(3, 2, missing=True)]


def states_with(case, row, unknown):
    """All rows that agree with one where entries are known."""
    codes = [
        range(n) if free else [c]
        for n, free, c in zip(case.model.variables.n_values, unknown, row, strict=True)
    ]
    return torch.tensor(list(itertools.product(*codes)))


@pytest.mark.parametrize(
    "settings", [{"hidden": (32,)}, {"hidden": (32,), "orderings": 3}], ids=["one", "set"]
)
@pytest.mark.parametrize("to", [10.0, LARGE])
def test_marginals_and_conditionals_of_classes(build_large, settings, to):
    """Against the sum over all states, in float64: of evidence whose probability underflows too."""
    case = build_large(SMALL, settings, to, n=12)
    rows = case.model.rows(case.values)
    draw = np.random.default_rng(0)
    for i in range(12):
        unknown = draw.random(8) < 0.5
        codes = rows.codes[i].tolist()
        states = states_with(case, codes, unknown)
        each = case.reference.log_prob(Rows(states))
        expected = special.logsumexp(each)
        found = case.model.marginal(case.values[[i]], unknown=unknown, method="exact")
        assert set(found.method) == {"exact"}
        np.testing.assert_allclose(found.log_prob, expected, rtol=1e-4, atol=1e-7 * to)
        known = Rows(rows.codes[[i]], torch.from_numpy(~unknown)[None])
        for d in np.flatnonzero(unknown)[:2]:
            own = case.model.conditional(int(d), known, method="exact")
            p = [special.logsumexp(each[states[:, d] == c]) - expected for c in range(len(own.probabilities))]
            np.testing.assert_allclose(own.probabilities, np.exp(p), atol=1e-7 * to)
            assert own.probabilities.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    "kind", ["Bernoulli", "categories", "codings", "continuous", "grid", "spikes", "mixed"]
)
@pytest.mark.parametrize("setting", ["one mask", "context"])
def test_marginals_along_the_ordering(large, kind, setting):
    """What is known comes first: its log p is the sum of the first terms."""
    case = large(kind, setting)
    model, D = case.model, case.model.n_variables
    rows = model.rows(case.values, **case.context)
    expected = case.reference.log_probs(rows)[:, : D // 2].sum(axis=1)
    unknown = np.arange(D) >= D // 2
    found = model.marginal(case.values, unknown=unknown, **case.context)
    assert set(found.method) == {"exact"}
    np.testing.assert_allclose(found.log_prob, expected, rtol=1e-4)


@pytest.mark.parametrize("kind", ["continuous", "grid", "spikes"])
@pytest.mark.parametrize("to", [10.0, LARGE])
def test_conditionals_of_numbers(large, kind, to):
    """The last column given all others, against its own CDF, where the error that is said is small.

    Networks like these put all mass where no training row was, into components 1e-4 wide.
    """
    case = large(kind, "one mask", to)
    model, d, n_held = case.model, case.model.n_variables - 1, 0
    for i in range(4):
        rest = np.arange(d + 1) == d
        known = model.rows(case.values[[i]], unknown=rest)
        found = model.conditional(d, known)
        q = found.quantile(np.array([1e-9, 0.01, 0.5, 0.99, 1 - 1e-9]))
        assert np.isfinite([*q, found.mean, found.error, found.log_evidence]).all()
        assert (np.diff(q) >= 0).all()
        if kind == "spikes" or found.error > 1e-3:
            continue
        n_held += 1
        values = np.repeat(case.values[[i]], 40, axis=0)
        values[:, d] = numbers(model.complete(case.values[[i]], unknown=rest, number=40, seed=0))[
            ..., d
        ].ravel()
        below, at = (ends[:, d] for ends in case.reference.cdfs(model.rows(values)))
        cdf = found.cdf(values[:, d])
        assert ((below - 1e-2 < cdf) & (cdf < at + 1e-2)).all()
    assert n_held >= 1 or kind == "spikes"


def numbers(answer):
    return np.asarray(answer.values, dtype=float)


@pytest.mark.parametrize(
    "kind", ["Bernoulli", "categories", "codings", "continuous", "grid", "spikes", "mixed"]
)
@pytest.mark.parametrize("setting", ["one mask", "mask set"])
@pytest.mark.filterwarnings("ignore::made.PoorEstimateWarning")
def test_completions_are_values_and_finite(large, kind, setting):
    case = large(kind, setting)
    values, context = case.values[:10], {k: v[:10] for k, v in case.context.items()}
    unknown = np.random.default_rng(1).random(values.shape) < 0.4
    unknown[:, 0] = True
    for how in ("draw", "variable", "mean"):
        answer = case.model.complete(values, unknown=unknown, kind=how, seed=0, particles=20, **context)
        filled = case.model.rows(np.asarray(answer.rows).reshape(values.shape), **context)
        assert np.isfinite(case.model.log_prob(filled).numpy()).all()
        assert np.isfinite(answer.log_prob).all()
        is_kept = ~unknown & ~np.isnan(values)  # gaps are filled too
        kept = np.asarray(answer.rows).reshape(values.shape)[is_kept]
        np.testing.assert_allclose(kept.astype(float), values[is_kept])


@pytest.mark.parametrize(
    "kind", ["Bernoulli", "categories", "codings", "continuous", "grid", "spikes", "mixed"]
)
@pytest.mark.parametrize("method", ["one-pass", "plain"])
@pytest.mark.parametrize("to", [10.0, LARGE])
def test_samples_are_where_their_uniforms_are(large, kind, method, to):
    """Every entry lies where the CDF, in float64 and given what was drawn before it, passes its uniform."""
    case = large(kind, "one mask", to)
    model, n = case.model, 40
    u = row_uniforms(0, 0, n, model.n_variables + 1)[:, : model.n_variables]
    drawn = model.rows(model.sample(n, seed=0, method=method, tails=True))
    low, high = case.reference.cdfs(drawn, slack=1e-5 + 1e-7 * to)
    slack = 1e-5 + 1e-7 * to
    wrong = (low > u + slack) | (high < u - slack)
    assert not wrong.any(), (
        np.argwhere(wrong),
        low[wrong],
        u[wrong],
        high[wrong],
        drawn.codes.numpy()[wrong],
    )
