"""Numeric columns of a row: spikes inside the body follow it, others are classes of their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

import made
from made.variables.normal_mixture import SHARE, outputs_of
from made.variables.row_type import RowType

# Of a column without training rows G is the standard normal distribution: values are their own scores.
INSIDE, OUTSIDE = 0.5, 3.0


@pytest.mark.parametrize("step", [None, 0.5])
def test_a_spike_inside_the_body_is_as_probable_as_the_body_is_dense_there(step):
    variables = RowType([made.Numeric(), made.Numeric(step=step, spikes=[INSIDE, OUTSIDE])])
    logits, mean, deviation = np.array([0.3, -0.2, 0.1]), 0.6, 0.2
    outputs = torch.cat([outputs_of(), torch.tensor(logits).float(), outputs_of(mean, deviation)])[None]
    found = variables.numbers.alone(1).class_logits(outputs[:, -18:])[0].numpy()
    ratio = SHARE + (1 - SHARE) * stats.norm(mean, deviation).pdf(INSIDE) / stats.norm.pdf(INSIDE)
    expected = logits + np.array([0, np.log(ratio), 0])
    # The five components that stand for a normal are not exactly one.
    np.testing.assert_allclose(found, expected, atol=2e-3)
    masses = np.exp(found) / np.exp(found).sum()
    values = torch.tensor([[0.0, INSIDE], [0.0, OUTSIDE]], dtype=torch.float64)
    bodies = variables.numbers.bodies_near(values)
    codes = torch.tensor([[0, 1], [0, 2]], dtype=torch.uint8)
    log_p = variables.log_prob(outputs.expand(2, -1), codes, variables.numbers.scores_of(bodies))[:, 1]
    cells = np.zeros(2)
    if step:  # a spike on a grid is a point of it as well
        own = stats.norm(mean, deviation)
        cells = (1 - SHARE) * np.array([np.diff(own.cdf([v - 0.25, v + 0.25]))[0] for v in (INSIDE, OUTSIDE)])
    np.testing.assert_allclose(log_p.exp().numpy(), masses[1:] + masses[0] * cells, rtol=2e-3)


def test_an_untrained_model_has_the_frequencies_of_spikes():
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(5000, 1))
    rows[draw.random(5000) < 0.3] = INSIDE
    model = made.MADE(made.Numeric(spikes=[INSIDE]), hidden=())
    model.set_marginals(rows)
    assert float(model.log_prob([[INSIDE]]).exp()) == pytest.approx((rows == INSIDE).mean(), abs=1e-3)
