"""Completions in portions: one answer, draws by the number of the row, and known rows pass through."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import made
from made.runs import completer
from made.runs.completer import Completer

SETTINGS = [{}, {"number": 3}, {"kind": "joint"}, {"method": "estimate", "particles": 9}, {"where": "x1 = 2"}]


@pytest.fixture
def model(randomize):
    """Of labels and of classes."""
    variables = [made.Categorical(["a", "b"]), made.Categorical(3), made.Categorical(4), made.Bernoulli(1)]
    return randomize(made.MADE(variables, (8,), ordering=(3, 1, 0, 2), seed=1))


@pytest.fixture
def rows(model):
    """60 rows, of which 45 lack something."""
    generator = np.random.default_rng(1)
    values = model.sample(60, seed=0, output="numpy")
    unknown = generator.random(values.shape) < 0.5
    unknown[::2] = False
    unknown[:, 1] = True
    unknown[::4, 1] = False
    values[::4, 1] = 2
    return model.rows(values, unknown=unknown)


@pytest.mark.parametrize("most", [7, 64])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.filterwarnings("ignore::made.PoorEstimateWarning")
def test_portions_are_one_answer(model, rows, monkeypatch, most, settings):
    whole = model.complete(rows, seed=4, **settings)
    values = whole.values.reshape(-1, 4)
    monkeypatch.setattr(completer, "_MOST_AT_ONCE", most)
    for cuts in ([60], [1, 30, 29]):
        own, done = Completer(model, seed=4, **settings), []
        firsts = np.cumsum([0, *cuts[:-1]]).tolist()
        parts = [
            own.complete(rows[first : first + n], first, done.append)
            for first, n in zip(firsts, cuts, strict=True)
        ]
        np.testing.assert_array_equal(np.concatenate(parts), values)
        assert sum(done) == own.n_rows == 60
        assert own.n_unknown == int((~rows.mask).sum())
        assert max(done[1:]) <= max(most, 15)


def test_what_is_known_is_not_asked_about(model, rows, monkeypatch):
    asked = []
    own = model.complete
    monkeypatch.setattr(model, "complete", lambda rows, **more: (asked.append(rows), own(rows, **more))[1])
    done = []
    Completer(model).complete(rows, advance=done.append)
    assert not any(part.mask.all(dim=1).any() for part in asked)
    assert sum(map(len, asked)) == 45
    assert done[0] == 15
    everything = Completer(model, method="estimate")
    everything.complete(rows)
    assert sum(everything.how.values()) == 60


def test_several_completions_repeat_what_is_known(model, rows):
    found = Completer(model, 2).complete(rows[:1])
    assert found.tolist() == model.schema.decode(rows[:1]).tolist() * 2
    assert len(Completer(model, 0).complete(rows)) == 0
    assert len(Completer(model).complete(rows[:0])) == 0


def test_answers_are_counted_by_how_they_were_found(model, rows):
    own = Completer(model)
    own.complete(rows)
    assert sum(own.how.values()) == 45
    assert own.poor == ""


@pytest.mark.filterwarnings("error::made.PoorEstimateWarning")
def test_poor_estimates_are_counted_and_not_warned_of(model, rows):
    own = Completer(model, method="estimate", particles=3)
    own.complete(rows)
    assert "few effective particles" in own.poor


def test_the_refused_row_is_called_by_its_number(randomize, refused):
    model = randomize(made.MADE(made.Bernoulli(14), (8,)))
    known = torch.ones((6, 14), dtype=torch.bool)
    known[5, :13] = False
    with refused("row 15 has no exact answer"):
        Completer(model, method="exact").complete(model.rows(np.zeros((6, 14)), unknown=~known.numpy()), 10)


def test_means_have_their_intervals_beside_them(randomize):
    model = randomize(made.MADE([made.Categorical(["a", "b"]), made.Numeric(step=0.5)], (8,), seed=1))
    rows = model.rows([["a", 1.5], ["b", 0.5], ["a", None]], to_fill=True)
    own = Completer(model, kind="mean", level=0.5)
    found = own.complete(rows)
    answer = model.complete(rows, kind="mean", level=0.5)
    assert own.beside == ["x1_low", "x1_high"]
    assert found[:2, :2].tolist() == [["a", 1.5], ["b", 0.5]]
    assert np.isnan(found[:2, 2:].astype(float)).all()
    assert found[2].tolist() == [*answer.values[2], answer.low[2, 1], answer.high[2, 1]]
