"""Columns of tables: numbers as histograms, categories as bars, gaps in words."""

from __future__ import annotations

from itertools import pairwise

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


@pytest.mark.parametrize(
    ("low", "high"),
    [(18.6, 39.1), (0.03, 0.31), (1_000, 5_000), (-3e-4, 2.6e-4), (48, 176), (1.58e9, 1.61e9)],
)
def test_numbers_of_an_axis_do_not_meet(low, high):
    figure = columns_of({"data": np.random.default_rng(0).uniform(low, high, size=(300, 3))}, ["a", "b", "c"])
    figure.canvas.draw()
    for axes in figure.axes:
        texts = [text for text in axes.get_xticklabels() if text.get_text()]
        boxes = [text.get_window_extent() for text in texts]
        assert len(boxes) >= 2
        assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
