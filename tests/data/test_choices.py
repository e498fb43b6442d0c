"""What is said about columns in place of their values."""

from __future__ import annotations

import numpy as np
import pytest

import made
from made.data.choices import Choices
from made.data.columns import infer_schema

N = 300
DRAW = np.random.default_rng(0)
ROWS = np.stack([np.arange(N), DRAW.integers(10_000, 10_020, N), DRAW.normal(size=N)], axis=1)
NAMES = ["id", "zip", "size"]


def schema_of(**choices):
    return infer_schema({"train": ROWS}, names=NAMES, choices=Choices(**choices))


def test_a_row_counter_is_left_out_unless_it_has_a_kind():
    schema, notes = schema_of()
    assert schema.names == ("zip", "size")
    assert "column id counts the rows: left out; give it a kind to keep it" in notes
    assert schema_of(kinds={"id": "numeric"})[0].names == ("id", "zip", "size")
    unnamed, _ = infer_schema({"train": ROWS})
    assert len(unnamed.columns) == 3


def test_kinds_and_dropped_columns():
    schema, _ = schema_of(kinds={"zip": "category"}, drop=("size",))
    assert [(own.name, own.kind) for own in schema.columns] == [("zip", "categorical")]
    assert schema.left_out[-1] == ("size", "dropped")
    for called in (2, "2", "'size'"):  # by number, or in quotation marks: it is the same column
        assert schema_of(kinds={"zip": "category"}, drop=(called,))[0] == schema
    assert schema_of()[0].columns[0].kind == "numeric"  # 15 rows for each of 20 values
    two = np.tile([[0, 5], [1, 6]], (50, 1))
    assert infer_schema({"train": two}, choices=Choices({"x1": "numeric"}))[0].columns[1].kind == "numeric"


@pytest.mark.parametrize(
    ("choices", "complaint"),
    [
        ({"kinds": {"zap": "category"}}, "zap"),
        ({"kinds": {"size": "category"}}, "fractions"),
        ({"kinds": {"size": "length"}}, "numeric, category or date"),
        ({"kinds": {"size": "numeric"}, "drop": ("size",)}, "leave one"),
    ],
)
def test_what_makes_no_sense_is_one_line(choices, complaint):
    with pytest.raises(made.InputError, match=complaint):
        schema_of(**choices)


def test_text_is_no_number_and_columns_without_names_stay():
    rows = np.array([["a", 1], ["b", 2]], dtype=object)
    with pytest.raises(made.InputError, match="holds text"):
        infer_schema({"train": rows}, choices=Choices({"x0": "numeric"}))
    with pytest.raises(made.InputError, match="names"):
        infer_schema({"train": rows}, choices=Choices(drop=("x0",)))


@pytest.mark.parametrize("text", ["age", "=numeric", "age=number"])
def test_a_kind_is_read_from_text(text):
    with pytest.raises(made.InputError):
        Choices.parse([text], [])


def test_it_goes_through_files():
    own = Choices.parse(["a=b=numeric"], ["id"])
    assert own.kinds == {"a=b": "numeric"}
    assert Choices.from_dict(own.as_dict()) == own
    assert Choices().as_dict() == {}


def test_a_fitted_model_takes_frames_with_what_was_left_out():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({name: ROWS[:, d] for d, name in enumerate(NAMES)})
    model = made.auto_fit(frame, columns={"zip": "category"}, max_time=1)
    assert model.schema.names == ("zip", "size")
    assert model.log_prob(frame).shape == (N,)
    with pytest.raises(made.InputError, match="leave columns and drop out"):
        made.auto_fit(frame, schema=model.schema, drop=["zip"])
