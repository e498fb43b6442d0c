"""Log-probabilities of held-out rows in a run folder, and percentiles among them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import percentileofscore

from made.runs.folder import RunFolder
from made.runs.held_out import Comparison, HeldOut, held_out_rows, percentiles
from made.runs.scoring import Scorer


@given(st.lists(st.integers(-9, 0), min_size=1, max_size=30), st.integers(-10, 1))
def test_percentiles_are_those_of_scipy(held_out, score):
    (found,) = percentiles(np.array([float(score)]), np.sort(np.array(held_out, dtype=float)))
    assert found == pytest.approx(percentileofscore(held_out, score, kind="mean"))


def test_many_are_thinned_out_and_tell_the_same():
    scores = np.random.default_rng(0).normal(size=50_000)
    held_out = HeldOut.of(scores)
    assert held_out is not None
    assert (held_out.n_rows, len(held_out.log_prob)) == (50_000, 4001)
    at = np.linspace(-3, 3, 50)
    np.testing.assert_allclose(held_out.percentiles(at), percentiles(at, np.sort(scores)), atol=0.05)
    assert HeldOut.of([]) is None
    assert np.isnan(HeldOut.of([1.0]).percentiles(np.array([np.nan])))


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of a finished run: its folder, its model, its held-out rows as values."""
    shutil.copytree(finished[0].folder, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    splits = folder.load_data().splits
    return folder, folder.load_model(), np.concatenate([splits["valid"], splits["test"]])


def test_a_run_leaves_them_and_an_older_one_gets_them(copied):
    folder, model, rows = copied
    expected = np.sort(model.log_prob(rows).numpy())
    kept = (folder.path / "held_out.json").read_bytes()
    assert HeldOut.find(folder, model)[0].n_rows == len(rows) == 20
    np.testing.assert_allclose(HeldOut.find(folder, model)[0].log_prob, expected, atol=1e-6)
    (folder.path / "held_out.json").unlink()
    found, why = HeldOut.find(folder, model)
    assert why == ""
    np.testing.assert_allclose(found.log_prob, expected, atol=1e-6)
    assert json.loads((folder.path / "held_out.json").read_bytes()).keys() == json.loads(kept).keys()


def test_why_there_are_none_is_said(copied, refused):
    folder, model, _ = copied
    assert HeldOut.find(RunFolder(folder.model_file), model) == (
        None,
        "a model file has no held-out rows to compare with",
    )
    (folder.path / "held_out.json").write_text("{}")
    with refused("held_out.json is damaged", "delete it"):
        HeldOut.find(folder, model)
    (folder.path / "held_out.json").unlink()
    settings = json.loads((folder.path / "settings.json").read_text())
    settings["data"]["name"] = "-"
    (folder.path / "settings.json").write_text(json.dumps(settings))
    found, why = HeldOut.find(folder, model)
    assert found is None
    assert "cannot be read: the rows of" in why


def test_rows_that_were_fitted_on_are_not_held_out(copied):
    folder, model, _ = copied
    test = folder.load_data().splits["test"]
    settings = json.loads((folder.path / "settings.json").read_text())
    (folder.path / "settings.json").write_text(json.dumps({**settings, "refit": True}))
    rows = held_out_rows(folder, model)
    np.testing.assert_array_equal(model.schema.decode(rows), test)


def test_what_is_known_is_compared_with_the_same_entries(copied):
    folder, model, values = copied
    comparison = Comparison(model, HeldOut.find(folder, model)[0], lambda: held_out_rows(folder, model))
    some = values[:3].astype(object)
    some[1:, 1] = None
    rows = model.rows(some)
    log_prob = model.log_prob(rows).numpy()
    found = comparison.percentiles(log_prob, rows)
    assert found[0] == comparison.held_out.percentiles(log_prob[:1])[0]
    same = values.astype(object)
    same[:, 1] = None
    others = np.sort(model.log_prob(same).numpy())
    np.testing.assert_allclose(found[1:], percentiles(log_prob[1:], others))
    assert comparison.n_left_out == 0


def test_only_so_many_patterns_are_compared(copied, monkeypatch):
    folder, model, values = copied
    monkeypatch.setattr("made.runs.held_out._MOST_PATTERNS", 1)
    comparison = Comparison(model, HeldOut.find(folder, model)[0], lambda: held_out_rows(folder, model))
    some = values[:3].astype(object)
    some[0, 0], some[1, 1], some[2, 1] = None, None, None
    rows = model.rows(some)
    found = comparison.percentiles(model.log_prob(rows).numpy(), rows)
    assert np.isnan(found).sum() == comparison.n_left_out > 0


def test_held_out_rows_that_are_scored_for_it_are_counted(copied):
    folder, model, values = copied
    comparison = Comparison(model, HeldOut.find(folder, model)[0], lambda: held_out_rows(folder, model))
    some = values[:3].astype(object)
    some[0, 0], some[1, 1], some[2, 1] = None, None, None
    told = []
    Scorer(model, has_gaps=True, comparison=comparison).score(model.rows(some), 0, told.append)
    assert len(told) > 1
    assert sum(told) == 3
    assert comparison.n_to_score(model.rows(some)) == 0  # they are known by now
    more = values[:1].astype(object)
    more[0, :2] = None
    assert comparison.n_to_score(model.rows(more)) == min(200, len(values))
