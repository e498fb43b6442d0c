"""The parts of a date are missing together: the probabilities of rows sum to 1, and no row is half a date."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

import made
from made.network.products import zero_masked
from made.variables.column import Column
from made.variables.dates import WEEKDAYS, DateForm, DatePart
from made.variables.missing_together import MissingTogether
from made.variables.rows import Rows
from made.variables.schema import Schema

FORM = DateForm("datetime", "h")
N_WEEKS, N_HOURS = 3, 24


def schema(is_numeric=True):
    """One date of few weeks, between two classes; its week and hour are bounded numbers, or classes."""
    arguments = {
        "week": {"step": 1.0, "bounds": [0, N_WEEKS - 1], "missing": True},
        "weekday": {"classes": list(WEEKDAYS), "coding": "one-hot", "missing": True},
        "time": {"step": 1.0, "bounds": [0, N_HOURS - 1], "missing": True},
    }
    kinds = {"week": "numeric", "weekday": "categorical", "time": "numeric"}
    if not is_numeric:
        kinds["week"], arguments["week"] = "categorical", {"classes": N_WEEKS, "missing": True}
        kinds["time"], arguments["time"] = "categorical", {"classes": N_HOURS, "missing": True}
    parts = [DatePart("when", part, FORM) for part in FORM.parts]
    dates = [Column(own.name, kinds[own.part], arguments[own.part], part=own) for own in parts]
    return Schema((Column("sold", "bernoulli"), *dates, Column("paid", "bernoulli")))


def model(ordering, is_numeric=True):
    """A model that is not trained, with weights of any kind where the mask lets them live."""
    own = made.MADE(schema(is_numeric), hidden=(16,), ordering=ordering, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in own.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
        zero_masked(own.network.masked_weights, own._product(0).masks)
    return own


def support(own):
    """All rows of the table in their parts: every date, and the missing one."""
    dates = [*product(range(N_WEEKS), WEEKDAYS, range(N_HOURS)), (None, None, None)]
    rows = [[sold, *date, paid] for sold in (0, 1) for date in dates for paid in (0, 1)]
    return np.array(rows, dtype=object)


@pytest.mark.parametrize("is_numeric", [True, False])
@pytest.mark.parametrize("ordering", ["natural", [4, 2, 0, 3, 1], [3, 0, 1, 4, 2]])
def test_the_probabilities_of_all_rows_sum_to_one(ordering, is_numeric):
    own = model(ordering, is_numeric)
    table = support(own)
    rows = own.schema.encode(table)
    log_prob = own.log_prob(rows)
    assert float(torch.logsumexp(log_prob, 0)) == pytest.approx(0, abs=1e-5)
    parts = own.log_prob(rows, per_variable=True)
    assert torch.allclose(parts.sum(dim=1), log_prob)
    is_missing = np.array([row[1] is None for row in table])
    later = [d for d in own.mask(0).ordering if d in (1, 2, 3)][1:]
    assert (parts[torch.from_numpy(is_missing)][:, later] == 0).all()


def test_half_a_date_has_no_probability():
    own = model("natural")
    half = own.schema.encode(np.array([[0, None, "Monday", 3, 0], [0, 1, None, 3, 0]], dtype=object))
    assert torch.isneginf(own.log_prob(half)).all()


@pytest.mark.parametrize("is_numeric", [True, False])
@pytest.mark.parametrize("ordering", ["natural", [3, 0, 1, 4, 2]])
def test_samples_are_whole_dates_as_often_as_they_are_probable(ordering, is_numeric):
    own = model(ordering, is_numeric)
    drawn = own.sample(4000, seed=0)
    assert drawn.shape == (4000, 3)
    log_prob = own.log_prob(drawn)
    assert torch.isfinite(log_prob).all()
    rows = own.schema.encode(support(own))
    probabilities = own.log_prob(rows).exp().numpy()
    is_missing = np.array([row[1] is None for row in support(own)])
    share = np.mean([value is None for value in drawn[:, 1]])
    expected = probabilities[is_missing].sum()
    assert abs(share - expected) < 5 * np.sqrt(expected * (1 - expected) / 4000) + 1e-9
    # The mean of log p of samples is that of the distribution.
    mean = (probabilities * np.log(np.maximum(probabilities, 1e-300))).sum()
    assert abs(float(log_prob.mean()) - mean) < 5 * float(log_prob.std()) / np.sqrt(4000)


def test_one_pass_draws_what_the_plain_way_draws():
    own = model([3, 0, 1, 4, 2])
    fast, plain = (own.draw(500, 3, method=method) for method in ("one-pass", "plain"))
    assert fast.codes.tolist() == plain.codes.tolist()
    assert fast.bodies.tolist() == plain.bodies.tolist()


def test_questions_count_a_missing_date_once():
    own = model([2, 0, 1, 4, 3])
    table = support(own)
    probabilities = own.log_prob(own.schema.encode(table)).exp().numpy()
    is_missing = np.array([row[1] is None for row in table])
    nothing = {"rows": np.array([[0, None, 0]], dtype=object), "unknown": [True, True, True]}
    found = own.marginal(**nothing, where="when is missing")
    assert np.exp(found.log_prob[0]) == pytest.approx(probabilities[is_missing].sum(), rel=0.1)
    there = own.marginal(**nothing, where="when is not missing")
    assert np.exp(there.log_prob[0]) == pytest.approx(probabilities[~is_missing].sum(), rel=0.1)
    filled = own.complete(np.array([[1, None, 0]] * 20, dtype=object), seed=1)
    assert all(value is not None for value in filled.values[:, 1])
    gone = own.sample(20, seed=2, where="when is missing")
    assert all(value is None for value in gone[:, 1])


def test_without_gaps_nothing_is_changed():
    assert not MissingTogether.of((Column("a", "numeric", {"missing": True}),))
    groups = MissingTogether.of(schema().modelled)
    assert groups.groups == ((1, 2, 3),)
    own = model("natural")
    rows = Rows(torch.zeros(2, 5, dtype=torch.uint8), bodies=torch.zeros(2, 2, dtype=torch.int64))
    assert torch.isfinite(own.log_prob(rows)).all()
