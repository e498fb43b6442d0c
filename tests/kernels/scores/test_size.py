"""How many numbers the compiled loop is for, at the real size."""

import numpy as np
import torch

import made
from made.kernels.scores.compiled_scores import _FEWEST, CompiledScores


def test_from_so_many_numbers_on_scores_are_compiled_and_the_same():
    draw = np.random.default_rng(0)
    values = np.stack([np.exp(draw.normal(size=_FEWEST // 2)), draw.poisson(3.0, _FEWEST // 2)], axis=1)
    model = made.MADE([made.Numeric(), made.Numeric(step=1)], hidden=(4,))
    model.set_marginals(values[:5_000])
    rows, variables = model.rows(values), model.variables
    score = CompiledScores().scoring(variables, rows)
    assert score != variables.scored
    torch.testing.assert_close(score(rows).scores, variables.scored(rows).scores, rtol=1e-9, atol=1e-9)
    assert CompiledScores().scoring(variables, rows[:-1]) == variables.scored


def test_many_numbers_with_periods_are_scored_as_few():
    values = np.random.default_rng(0).normal(size=(_FEWEST // 2, 2)).round()
    model = made.MADE([made.Numeric(step=1, periods=[12.0]), made.Numeric()], hidden=(4,))
    model.set_marginals(values[:5_000])
    torch.testing.assert_close(model.log_prob(values)[:100], model.log_prob(values[:100]), rtol=0, atol=1e-6)
