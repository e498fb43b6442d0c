"""Coverage of intervals, column by column."""

from __future__ import annotations

import pytest

from made.plots import coverage_of


def test_a_row_for_each_column_and_a_line_for_each_level():
    found = {"age": {0.5: (0.52, 0.01), 0.95: (0.9, 0.01)}, "sex": {0.5: (0.3, 0.02), 0.95: (0.97, 0.01)}}
    figure = coverage_of(found)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["age", "sex"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first column is on top
    points = [container.lines[0].get_xdata() for container in axes.containers]
    assert [list(own) for own in points] == [[0.52, 0.3], [0.9, 0.97]]
    assert axes.get_xlim()[0] < 0.3
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["50% interval", "95% interval"]
    assert axes.lines[0].get_xdata()[0] == pytest.approx(0.5)
