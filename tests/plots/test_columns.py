"""Columns of tables: numbers as histograms, categories as bars, gaps in words."""

from __future__ import annotations

import numpy as np
import pytest

from made.plots import columns_of
from made.support.errors import InputError


def test_each_column_is_drawn_by_its_kind():
    draw = np.random.default_rng(0)
    table = np.empty((60, 4), dtype=object)
    table[:, 0] = draw.normal(size=60)
    table[:, 1] = draw.choice(["red", "blue"], 60)
    table[:, 2] = draw.integers(0, 3, 60)
    table[:, 3] = [None if i % 3 == 0 else float(i) for i in range(60)]
    figure = columns_of({"data": table, "samples": table[::2]}, ["a", "b", "c", "d"])
    numbers, words, whole, gaps = figure.axes
    assert [axes.get_xlabel() for axes in figure.axes] == ["a", "b", "c", "d"]
    assert [text.get_text() for text in words.get_xticklabels()] == ["blue", "red"] or [
        text.get_text() for text in words.get_xticklabels()
    ] == ["red", "blue"]
    assert whole.get_xticks().tolist() == [0, 1, 2]
    assert gaps.get_title(loc="right") == "missing: 33%, 33%"
    assert len(numbers.patches) > 10


def test_columns_without_variety():
    table = np.array([[1.0, np.nan], [1.0, np.nan]])
    assert len(columns_of({"data": table}, ["constant", "empty"]).axes) == 2


def test_many_columns_are_cut_short():
    assert len(columns_of({"data": np.zeros((3, 40))}, [str(i) for i in range(40)]).axes) == 12


def test_no_rows_are_refused():
    with pytest.raises(InputError, match="at least one row"):
        columns_of({"data": np.zeros((0, 2))}, ["a", "b"])
