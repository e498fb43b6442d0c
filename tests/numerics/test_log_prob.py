"""log p with logits of 1e4, of rows whose probability underflows, far out in tails, and of 10,000 variables.

Everything is held to `reference`, float64 from the weights on. What float32 can know of a number is bounded
by its own rounding: a row that is improbable is right to 1e-4 of its log p; one that is probable although
its logits are large is right to what a change of the weights in their last bit makes of it.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

import made
from made.kernels.likelihood.log_likelihood import CompiledLikelihood

KINDS = ["Bernoulli", "categories", "codings", "continuous", "grid", "spikes", "mixed"]
NUMERIC = ["continuous", "grid", "spikes", "mixed"]
SETTINGS = ["one mask", "deep", "mask set", "context"]
TOLERANCE = 1e-4


def assert_right(found, expected, tolerance=TOLERANCE):
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=0)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_logits_of_10_000(large, kind, setting):
    case = large(kind, setting)
    rows = case.model.rows(case.values, **case.context)
    assert abs(case.reference.outputs(rows)).max() == pytest.approx(1e4)
    expected = case.reference.log_prob(rows)
    if kind not in ("continuous", "grid"):  # numbers cost a bounded number of nats
        assert np.median(np.exp(expected)) == 0  # not even a float64 has such a probability
    assert_right(case.log_prob(rows), expected)
    assert_right(case.log_prob_plainly(rows), expected)


@pytest.mark.parametrize("setting", ["one mask", "deep"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_entry(large, kind, setting):
    """An entry is right to the rounding of logits of 1e4, in nats."""
    case = large(kind, setting)
    rows = case.model.rows(case.values, **case.context)
    found = case.model.log_prob(rows, per_variable=True, mask=0).numpy()
    np.testing.assert_allclose(found, case.reference.log_probs(rows), rtol=TOLERANCE, atol=0.02)


@pytest.mark.parametrize("scale", [1e3, 1e6, 1e9, 1e12])
@pytest.mark.parametrize("setting", ["one mask", "mask set"])
@pytest.mark.parametrize("kind", NUMERIC)
def test_far_out_in_tails(large, kind, setting, scale):
    case = large(kind, setting)
    rows = case.model.rows(far_out(case, scale), **case.context)
    expected = case.reference.log_prob(rows)
    assert_right(case.log_prob(rows), expected)
    assert_right(case.log_prob_plainly(rows), expected)


def far_out(case, scale):
    """Values of which three of ten numbers are so many times as large."""
    values = case.values.copy()
    for d, block in case.model.variables.columns():
        if isinstance(block, made.Numeric):
            far = np.random.default_rng(d).random(len(values)) < 0.3
            own = values[far, d] * scale
            values[far, d] = own if block.step is None else np.round(own / block.step) * block.step
    return values


@pytest.mark.parametrize("size", [1e100, 1e300, 1.7e308, 5e-324])
def test_the_largest_and_the_smallest_numbers(large, size):
    case = large("continuous", "one mask")
    values = np.where(np.random.default_rng(0).random(case.values.shape) < 0.3, size, case.values)
    for sign in (1, -1):
        rows = case.model.rows(sign * values)
        expected = case.reference.log_prob(rows)
        assert_right(case.log_prob(rows), expected)
        assert_right(case.log_prob_plainly(rows), expected)


@pytest.mark.parametrize(("setting", "to"), [("one mask", 10.0), ("context", 1e4)])
@pytest.mark.parametrize("kind", KINDS)
def test_probable_rows(large, kind, setting, to):
    case = large(kind, setting, to)
    drawn = case.model.sample(len(case.values), seed=1, **case.context)
    rows = case.model.rows(drawn, **case.context)
    expected = case.reference.log_prob(rows)
    known = TOLERANCE * abs(expected) + 16 * of_last_bits(case, rows, expected) + 1e-7 * to
    if case.model.variables.numbers is not None and to > 10:  # components are far out, and narrow
        known += 0.02
    for found in (case.log_prob(rows), case.log_prob_plainly(rows)):
        assert np.isfinite(found).all()
        assert (abs(found - expected) <= known).all(), (abs(found - expected) / known).max()


def of_last_bits(case, rows, expected):
    """The change of log p where weights are changed in their last bit, up or down: the largest of some."""
    draw, largest = torch.Generator().manual_seed(0), np.full(len(expected), 1e-6)
    own = {name: parameter.clone() for name, parameter in case.model.state_dict().items()}
    for _ in range(4):
        with torch.no_grad():
            for parameter in case.model.parameters():
                sign = torch.randint(2, parameter.shape, generator=draw) * 2 - 1
                parameter.mul_(1 + sign * 2.0**-23)
        largest = np.maximum(largest, abs(case.reference.log_prob(rows) - expected))
        case.model.load_state_dict(own)
    return largest


@pytest.mark.parametrize("kind", ["Bernoulli", "mixed"])
def test_10_000_variables(build_large, kind):
    mixed = [
        made.Bernoulli(4000),
        made.Categorical(4, 5000),
        made.Numeric(1000),
        made.Numeric(1000, step=0.01),
    ]
    variables = [made.Bernoulli(10_000)] if kind == "Bernoulli" else mixed
    case = build_large(variables, {"hidden": (16,)}, 1e4, n=80, fitted=False)
    rows = case.model.rows(case.values)  # enough numbers for compiled scores
    expected = case.reference.log_prob(rows)
    assert expected.max() < -1e6
    assert_right(case.log_prob(rows), expected, 1e-6)
    assert_right(case.log_prob_plainly(rows), expected, 1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_what_training_minimizes(large, kind):
    """The compiled loss is finite and right, and so is every slope."""
    case = large(kind, "one mask")
    model, rows = case.model, case.model.scored(case.model.rows(case.values))
    expected = -case.reference.log_prob(rows).mean()
    for total in (CompiledLikelihood(model.variables), None):
        loss = model.loss(rows, log_likelihood=total)
        assert loss.item() == pytest.approx(expected, rel=TOLERANCE)
        slopes = torch.autograd.grad(loss, list(model.parameters()))
        assert all(bool(torch.isfinite(slope).all()) for slope in slopes)
