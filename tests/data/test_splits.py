"""Splits by a column: groups stay together, later rows come last."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made.data.choices import Choices
from made.data.dataset import build
from made.data.raw import Raw
from made.data.splits import column_of, split_by_column

SPLITS = ("train", "valid", "test")


def split(values, seed=0, **by):
    by = by or {"group": "a"}
    return split_by_column(np.array(values, dtype=object)[:, None], ["a"], Choices(**by), "rows.csv", seed)


@given(st.lists(st.integers(0, 30), min_size=3, max_size=300), st.integers(0, 3))
def test_every_row_is_in_one_split_and_every_group_too(labels, seed):
    if len(set(labels)) < 3:
        return
    numbers, _ = split(labels, seed)
    together = np.concatenate([numbers[name] for name in SPLITS])
    assert sorted(together.tolist()) == list(range(len(labels)))
    groups = [set(np.array(labels)[numbers[name]].tolist()) for name in SPLITS]
    assert all(groups)
    assert sum(map(len, groups)) == len(set(labels))
    again, _ = split(labels, seed)
    assert all(np.array_equal(numbers[name], again[name]) for name in SPLITS)


def test_groups_of_all_sizes_come_near_to_their_shares():
    sizes = np.random.default_rng(0).integers(1, 40, 200)
    labels = np.repeat([f"patient {i}" for i in range(200)], sizes)
    numbers, note = split(labels)
    shares = [len(numbers[name]) / len(labels) for name in SPLITS]
    np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.005)
    assert note.startswith("split by the 200 groups of a, none of them in two: train, ")
    assert not np.array_equal(numbers["test"], split(labels, seed=1)[0]["test"])
    held_out = sizes[np.unique([int(own.split()[1]) for own in labels[numbers["test"]]])]
    assert held_out.max() > 20  # large groups are tested on as well


@given(st.lists(st.integers(0, 50), min_size=3, max_size=300))
def test_later_rows_come_last_and_ties_stay_together(times):
    if len(set(times)) < 3:
        return
    numbers, _ = split(times, time="a")
    own = [np.array(times)[numbers[name]] for name in SPLITS]
    assert sum(map(len, own)) == len(times)
    assert own[0].max() < own[1].min()
    assert own[1].max() < own[2].min()


@pytest.mark.parametrize(
    "times",
    [
        np.arange(100.0),
        [f"2024-{1 + i // 28:02d}-{1 + i % 28:02d}" for i in range(100)],
        [datetime.date(2024, 1, 1) + datetime.timedelta(days=i) for i in range(100)],
        [datetime.datetime(2024, 1, 1) + datetime.timedelta(hours=i) for i in range(100)],
        [f"2024-01-01T00:00:{i % 60:02d}+0{2 - i // 60}:00" for i in range(100)],
        [f"{1 + i % 28:02d}.{1 + i // 28:02d}.2024" for i in range(100)],
    ],
)
def test_numbers_dates_and_text_are_times(times):
    numbers, note = split(times, time="a")
    assert numbers["train"].tolist() == list(range(80))
    assert numbers["test"].tolist() == list(range(90, 100))
    assert note.startswith("split by time, a: train, 80 rows, up to ")


@pytest.mark.parametrize(
    ("values", "by", "words"),
    [
        (["a", "b"] * 5, "group", ["2 groups", "needs 3", "train, valid, test"]),
        ([1, 1, 2], "time", ["2 times", "needs 3"]),
        ([1, None, 2, 3], "time", ["missing in 1 row", "no time"]),
        ([1, None, 2, None], "group", ["missing in 2 rows", "no group"]),
        (["2024-01-01", "5.1.2024", "soon"], "time", ["'2024-01-01', and others", "2024-01-31"]),
    ],
)
def test_what_cannot_be_split_is_one_line(refused, values, by, words):
    with refused("rows.csv", "column a", *words):
        split(values, **{by: "a"})


TABLE = np.stack([np.repeat(np.arange(40), 10), np.arange(400) % 7, np.arange(400) % 50], axis=1)


def test_a_data_set_is_split_and_its_groups_are_not_modelled():
    raw = Raw("visits.csv", {"all": TABLE}, columns=("patient", "day", "size"))
    found = build(raw, "visits", choices=Choices(group="patient"))
    assert found.columns == ("day", "size")
    assert {name: len(rows) for name, rows in found.splits.items()} == {"train": 320, "valid": 40, "test": 40}
    assert any("patient says which rows belong together: left out" in note for note in found.notes)
    kept = build(raw, "visits", choices=Choices({"patient": "numeric"}, group="patient"))
    assert kept.columns == ("patient", "day", "size")
    assert not set(kept.train[:, 0]) & set(kept.test[:, 0])
    later = build(raw, "visits", choices=Choices(time="patient"))
    assert later.train[:, 0].max() < later.valid[:, 0].min() < later.test[:, 0].min()


def test_splits_that_are_there_are_not_made_again(refused):
    parts = {"train": TABLE, "test": TABLE[:20]}
    with refused("brings its own splits", "leave group out"):
        build(Raw("rows.npz", parts), "rows", choices=Choices(group="x0"))
    with refused("brings its own splits", "leave time out"):
        build(Raw("digits", {"all": TABLE}), "digits", choices=Choices(time="x0"), split_seed=0)
    with refused("leave one of the two out"):
        Choices(group="a", time="b")


def test_a_column_of_a_frame_or_an_array():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": ["x", "y"], "b": [1, 2]})
    values, names = column_of(frame, "b")
    assert (values.tolist(), names) == ([[1], [2]], ["b"])
    values, names = column_of([["x", 1], ["y", 2]], 0)
    assert (values.tolist(), names) == ([["x"], ["y"]], ["x0"])
