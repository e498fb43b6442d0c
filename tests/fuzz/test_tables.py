"""Any table in memory gives a model that answers in full, or one clear line: tables of `conftest.py`."""

from __future__ import annotations

import copy
import tempfile
import warnings
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

import made
from made.support.errors import InputError
from made.variables import frames

# Long enough for a first epoch of most of these tables: what is checked holds for any model.
_SECONDS = 0.2
_LONGEST_LINE = 1_000


@settings(settings.get_profile("tables"))
@given(data=st.data())
def test_a_model_or_one_clear_line(tables, data):
    case = data.draw(tables, label="case")
    before = copy.deepcopy(case.table)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        warnings.simplefilter("ignore", made.PoorEstimateWarning)  # of few particles, which are quick
        try:
            model = made.auto_fit(case.table, max_time=_SECONDS)
        except InputError as error:
            check_line(str(error))
            note(f"refused: {error}")
            return
        note(f"{case.about}: fitted\n{model.schema}")
        check_same_frame(case.table, before)
        check_columns(case.table, model)
        scores = check_scores(case.table, model)
        check_samples(model)
        check_completions(case.table, model)
        check_file(case.table, model, scores)


def names_of(model: made.MADE) -> list[str]:
    """Return the names of the columns of the table; a date is one of them, and several variables."""
    return [own.name for own in model.schema.modelled_table]


def check_line(line: str) -> None:
    assert line.strip() == line
    assert len(line.splitlines()) == 1
    assert 10 < len(line) <= _LONGEST_LINE
    assert "Traceback" not in line
    assert "object at 0x" not in line


def check_columns(table: Any, model: made.MADE) -> None:
    """Check that the model has columns of the table, under their names and in their order."""
    names = names_of(model)
    if not frames.is_frame(table):
        assert len(names) == np.shape(table)[1]
        return
    own = [str(name) for name in table.columns]
    if len(set(own)) == len(own):
        places = [own.index(name) for name in names]  # all of them are there
    else:
        assert len(set(names)) == len(names)
        found = [[d for d, called in enumerate(own) if name in (called, f"{called}_2")] for name in names]
        places = [max(at, default=-1) for at in found]
    assert len(own) - len(names) <= len(own) - 1
    if len(set(own)) == len(own):
        assert places == sorted(places)
    assert "nan%" not in str(model.schema)


def check_scores(table: Any, model: made.MADE) -> np.ndarray:
    """Check that every row has a finite log p, which does not depend on the order of rows and columns."""
    scores = model.log_prob(table).numpy()
    assert scores.shape == (len(table),)
    assert np.isfinite(scores).all(), scores
    schema = str(model.schema)
    if "density" not in schema:
        assert (scores <= 1e-6).all()
    parts = model.log_prob(table, per_variable=True, mask=0).numpy()
    assert np.isfinite(parts).all()
    turned = model.log_prob(reversed_rows(table)).numpy()
    np.testing.assert_allclose(turned[::-1], scores, rtol=1e-6, atol=1e-6)
    if frames.is_frame(table) and len(set(map(str, table.columns))) == len(table.columns):
        backwards = table.iloc[:, ::-1] if hasattr(table, "iloc") else table[list(table.columns)[::-1]]
        np.testing.assert_array_equal(model.log_prob(backwards).numpy(), scores)
    return scores


def check_samples(model: made.MADE) -> None:
    """Check that samples are rows of the model, with a finite log p."""
    samples = model.sample(7, seed=0)
    assert np.shape(samples) == (7, len(names_of(model)))
    if frames.is_frame(samples):
        assert [str(name) for name in samples.columns] == names_of(model)
    scores = model.log_prob(samples).numpy()
    assert np.isfinite(scores).all(), (samples, scores)
    again = model.sample(7, seed=0)
    if frames.is_frame(samples):
        assert again.equals(samples)
    else:
        pairs = zip(np.ravel(again), np.ravel(samples), strict=True)
        assert all(same(a, b) for a, b in pairs), (again, samples)


def check_completions(table: Any, model: made.MADE) -> None:
    """Check that what is unknown is filled in, and nothing else is changed."""
    few = first_rows(table, 3)
    modelled = names_of(model)
    shape = len(few), len(modelled)
    unknown = np.random.default_rng(0).random(shape) < 0.5
    filled = model.complete(few, unknown=unknown, seed=0, particles=20)
    assert filled.values is not None
    assert filled.values.shape == shape
    assert not any(frames.is_missing(value) for value in filled.values.flat)
    assert np.isfinite(np.asarray(filled.log_prob)).all()
    if not frames.is_frame(few):
        return
    assert list(map(str, filled.rows.columns)) == list(map(str, few.columns))
    own, others = entries_of(few), entries_of(filled.rows)
    assert len(own) == len(others)
    names = [str(name) for name in few.columns]
    if len(set(names)) < len(names):
        return
    for d, name in enumerate(names):
        hidden = unknown[:, modelled.index(name)] if name in modelled else np.zeros(len(few), bool)
        for row in np.flatnonzero(~hidden).tolist():
            before, after = own[d][row], others[d][row]
            to_fill = name in modelled and frames.is_missing(before)
            assert to_fill or same(before, after), (name, row, before, after)


def check_file(table: Any, model: made.MADE, scores: np.ndarray) -> None:
    """Check that a model read from its file gives the same log p, bit by bit."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.safetensors")
        again = made.load(Path(folder) / "model.safetensors")
    assert str(again.schema) == str(model.schema)
    np.testing.assert_array_equal(again.log_prob(table).numpy(), scores)


def check_same_frame(table: Any, before: Any) -> None:
    """Check that a fit leaves the table as it is."""
    assert type(table) is type(before)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas cannot print half-precision numbers in silence
        assert repr(table) == repr(before)


def reversed_rows(table: Any) -> Any:
    return table.iloc[::-1] if hasattr(table, "iloc") else table[::-1]


def first_rows(table: Any, n: int) -> Any:
    return table.iloc[:n] if hasattr(table, "iloc") else table[:n]


def entries_of(frame: Any) -> list[list[Any]]:
    """Return the entries of a frame, column by column."""
    if hasattr(frame, "iloc"):
        return [frame.iloc[:, d].tolist() for d in range(frame.shape[1])]
    return [column.to_list() for column in frame]


def same(a: Any, b: Any) -> bool:
    """Return whether entries are the same, also where a column of polars had to take another type."""
    if frames.is_missing(a) or frames.is_missing(b):
        return frames.is_missing(a) and frames.is_missing(b)
    return str(a) == str(b) or (isinstance(a, Decimal | Fraction) and float(a) == b) or bool(np.all(a == b))


@pytest.mark.parametrize("kind", ["x\ny", "long " * 1_000])
def test_a_line_is_one_line(kind):
    with pytest.raises(InputError) as caught:
        made.auto_fit(np.array([[kind, 1j]], dtype=object))
    check_line(str(caught.value))
