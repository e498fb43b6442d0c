"""Periods of a number: sines and cosines of it enter the network, and are written with it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import made
from made.data.dates import date_form, date_variables
from made.variables.row_type import RowType
from made.variables.rows import Rows


def features_of(block, values):
    """Input features of values of one variable, (n, n_inputs)."""
    variables = RowType(block)
    numbers = block.encode(np.asarray(values))
    codes, bodies = (torch.from_numpy(own)[:, None] for own in (numbers.codes, numbers.bodies))
    return variables.features(codes, variables.scored(Rows(codes, bodies=bodies)).scores).numpy()


def test_sine_and_cosine_stand_behind_what_else_enters():
    values = np.array([-3.0, 0.0, 5.0, 1e6])
    plain = made.Numeric(step=1, spikes=[5.0], missing=True)
    with_periods = made.Numeric(step=1, spikes=[5.0], missing=True, periods=[7, 2.5])
    found, before = features_of(with_periods, values), features_of(plain, values)
    np.testing.assert_array_equal(found[:, : before.shape[1]], before)
    expected = [wave(2 * np.pi * values / period) for period in (7, 2.5) for wave in (np.sin, np.cos)]
    np.testing.assert_allclose(
        found[:, before.shape[1] :], np.sqrt(2) * np.stack(expected, axis=1), atol=1e-5
    )


def test_missing_and_unscored_features_are_zero():
    variables = RowType([made.Numeric(), made.Numeric(missing=True, periods=[3.0])])
    codes = torch.tensor([[0, 1], [0, 0]])
    rows = variables.scored(Rows(codes, bodies=torch.zeros(2, 2, dtype=torch.int64)))
    assert rows.scores.shape == (2, 2, 4)
    waves = variables.features(codes, rows.scores)[:, -2:].tolist()
    assert waves[0] == [0, 0]
    assert waves[1] == pytest.approx([0, 2**0.5])


@pytest.mark.parametrize("periods", [[0.0], [-1.0], [np.inf], [np.nan], [2.0, 2.0]])
def test_what_is_no_period_is_refused(periods, refused):
    with refused("periods are numbers above 0 that differ"):
        made.Numeric(periods=periods)


def test_a_schema_says_them_and_a_model_file_keeps_them(tmp_path):
    draw = np.random.default_rng(0)
    hour = draw.integers(0, 24 * 40, 400)
    rows = pd.DataFrame({"hour": hour, "heat": np.sin(2 * np.pi * hour / 24) + draw.normal(0, 0.3, 400)})
    schema = made.infer_schema(rows)
    assert "periods" not in schema.columns[0].arguments
    schema = schema.with_column("hour", periods=[12, 24])
    assert schema.columns[0].arguments["periods"] == [24, 12]
    schema.write(tmp_path / "schema.json")
    model = made.auto_fit(rows, schema=made.Schema.read(tmp_path / "schema.json"), max_time=1, seed=0)
    assert model.schema.columns[0].arguments["periods"] == [24, 12]
    model.save(tmp_path / "own.safetensors")
    loaded = made.load(tmp_path / "own.safetensors")
    assert loaded.schema.columns[0].arguments["periods"] == [24.0, 12.0]
    torch.testing.assert_close(loaded.log_prob(rows), model.log_prob(rows))
    assert "periods=[24, 12]" in repr(loaded.variables)


def test_a_season_of_many_years_is_learned():
    draw = np.random.default_rng(0)
    week = draw.integers(0, 520, 3000)
    rows = np.stack([week, 3 * np.sin(2 * np.pi * week / 52) + draw.normal(0, 0.3, 3000)], axis=1)
    scores = []
    for periods in ((), (52,)):
        variables = [made.Numeric(step=1, periods=periods), made.Numeric()]
        model = made.MADE(variables, hidden=(32,), direct=True)
        made.fit(model, rows[:2000], rows[2000:2500], epochs=20, learning_rate=5e-3, seed=0)
        scores.append(float(model.log_prob(rows[2500:]).mean()))
    assert scores[1] > scores[0] + 0.7


@pytest.mark.parametrize(("days", "n_periods"), [(360, 0), (800, 4)])
def test_dates_of_more_than_a_year_have_turns_of_it(days, n_periods):
    when = np.array(["2020-01-06"], "datetime64[D]") + np.arange(days)
    form, _ = date_form([when], "when")
    week, weekday = date_variables([when], np.arange(days), "when", form, "")
    assert len(week.arguments.get("periods", ())) == n_periods
    assert "periods" not in weekday.arguments
    # Rows that are not trained on do not count.
    week, _ = date_variables([when], np.arange(100), "when", form, "")
    assert "periods" not in week.arguments
