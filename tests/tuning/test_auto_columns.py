"""What `auto_fit` is told about columns: an edited schema, and which rows belong together."""

from __future__ import annotations

import logging

import numpy as np
import pytest

import made

polars = pytest.importorskip("polars")
QUICK = {"network": {"hidden": [8]}, "training": {"epochs": 2}}


@pytest.fixture(scope="module")
def frame():
    """A table of visits: a patient has ten rows."""
    draw = np.random.default_rng(0)
    return polars.DataFrame(
        {
            "patient": [f"p{row // 10}" for row in range(300)],
            "day": list(range(300)),
            "zip": draw.integers(10_000, 10_020, 300),
            "size": np.round(draw.normal(size=300), 2),
        }
    )


def test_an_edited_schema_is_completed_from_the_rows(frame):
    schema = made.infer_schema(frame)
    assert schema.columns[schema.place("zip")].kind == "numeric"
    edited = schema.with_column("zip", "category").drop("patient").with_note("size", "in metres")
    model = made.auto_fit(frame, schema=edited, **QUICK)
    assert model.schema.names == ("zip", "size")
    assert model.schema.columns[0].labels == tuple(range(10_000, 10_020))
    assert model.schema.columns[1].note == "in metres"
    assert model.schema.columns[1].arguments["step"] == 0.01
    assert model.log_prob(frame).shape == (300,)


def test_a_fitted_model_refuses_other_columns_and_what_its_rows_set_is_forgotten(frame, refused):
    model = made.auto_fit(frame, drop=["patient", "zip"], **QUICK)
    with refused("made.auto_fit(rows, schema=...)"):
        model.schema = model.schema.with_column("size", missing=True)
    model.schema = model.schema.rename({"size": "height"}).rename({"height": "size"})
    moved = frame.with_columns(polars.col("size") + 100)
    other = made.auto_fit(moved, schema=model.schema, **QUICK)
    fresh = made.auto_fit(moved, drop=["patient", "zip"], **QUICK)
    place = other.schema.place("size")
    assert other.schema.columns[place].arguments == fresh.schema.columns[place].arguments


def test_groups_and_times_set_rows_apart(frame, caplog, refused):
    with caplog.at_level(logging.INFO, logger="made"):
        model = made.auto_fit(frame, group="patient", **QUICK)
    assert "patient" not in model.schema.names
    assert "split by the 30 groups of patient, none of them in two: train, 270 rows of 27" in caplog.text
    with caplog.at_level(logging.INFO, logger="made"):
        made.auto_fit(frame, time="day", columns={"day": "numeric"}, **QUICK)
    assert "split by time, day: train, 270 rows, up to 269; valid, 30 rows, from 270" in caplog.text
    with refused("validation rows are given"):
        made.auto_fit(frame, frame, group="patient")
    with refused("no variable 'patint'"):
        made.auto_fit(frame, group="patint")
    with refused("leave one of the two out"):
        made.auto_fit(frame, group="patient", time="day")


def test_columns_of_arrays_are_found_by_place():
    rows = np.stack([np.arange(200) // 20, np.arange(200) % 3], axis=1)
    model = made.auto_fit(rows, group=0, **QUICK)
    assert len(model.schema.columns) == 2  # without names all are modelled


@pytest.mark.parametrize("dtype", [">f2", ">f4", ">i8"])
@pytest.mark.filterwarnings("error")
def test_numbers_of_another_order_of_bytes_are_the_same(dtype):
    rows = (np.random.default_rng(0).integers(0, 200, (120, 2)) / 4).astype(dtype)
    swapped, native = (made.infer_schema(own) for own in (rows, rows.astype(rows.dtype.newbyteorder("="))))
    assert str(swapped) == str(native)


def test_a_number_beside_more_features_than_direct_connections_take():
    """Candidates that start from a copula need such connections, which 4,000 features have no room for."""
    draw = np.random.default_rng(0)
    labels = {f"c{d}": np.array(list("abcde"))[draw.integers(0, 5, 320)] for d in range(840)}
    table = polars.DataFrame({**labels, "x": draw.normal(size=320)})
    model = made.auto_fit(table, max_time=1)
    assert model.log_prob(table[:3]).isfinite().all()


def test_a_constant_stays_what_it_is_in_rows_that_are_drawn():
    """Any other value is one that no training row had: it has a probability, and is not drawn."""
    draw = np.random.default_rng(0)
    gaps = [None if u < 0.2 else "yes" for u in draw.random(60)]
    table = polars.DataFrame({"x": draw.normal(size=60), "k": [5] * 60, "t": ["only"] * 60, "g": gaps})
    model = made.auto_fit(table, max_time=1)
    drawn = model.sample(5_000, seed=0)
    assert drawn["k"].unique().to_list() == [5]
    assert drawn["t"].unique().to_list() == ["only"]
    assert set(drawn["g"].unique()) == {None, "yes"}
    other = table[:1].with_columns(t=polars.lit("other"))
    assert -8 < float(model.log_prob(other) - model.log_prob(table[:1])) < -2
