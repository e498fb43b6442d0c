"""Several series on one axis: each at its own places, told apart without colour, and none of them cut off."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from made.plots import lines
from made.support.errors import InputError

NAMES = {"x_label": "epochs", "y_label": "nats"}
EPOCHS = np.arange(1, 101)


def drawn(figure, name):
    (found,) = [line for line in figure.axes[0].lines if line.get_label() == name]
    return found.get_xdata().tolist(), found.get_ydata().tolist()


def test_series_share_x_or_bring_their_own():
    figure = lines([1, 2, 4], {"a": [3.0, 2.0, 1.0], "b": ([1, 8], [5.0, 4.0])}, title="T", **NAMES)
    assert drawn(figure, "a") == ([1, 2, 4], [3, 2, 1])
    assert drawn(figure, "b") == ([1, 8], [5, 4])
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("epochs", "nats", "T")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_x_by_name():
    figure = lines({"a": [1, 2], "b": [3, 4]}, {"a": [0.0, 1.0], "b": (5.0, 6.0)}, **NAMES)
    assert drawn(figure, "a")[0] == [1, 2]
    assert drawn(figure, "b") == ([3, 4], [5, 6])  # a tuple of numbers is a series, no pair


def test_a_series_may_have_the_stroke_that_it_has_elsewhere():
    series = {"a": [1, 2], "b": [2, 3], "c": [3, 4]}
    usual = {own.get_label(): own for own in lines([1, 2], series, **NAMES).axes[0].lines}
    figure = lines([1, 2], {"b": [2, 3], "b, too": [3, 3]}, strokes={"b": (1, 0), "b, too": (1, 2)}, **NAMES)
    one, other = figure.axes[0].lines
    assert one.get_color() == other.get_color() == usual["b"].get_color()
    assert one.get_marker() == usual["a"].get_marker()
    assert other.get_marker() == usual["c"].get_marker()


def test_neighbours_differ_in_colour_dashes_and_marker():
    figure = lines([1, 2], {str(k): [k, k] for k in range(8)}, **NAMES)
    drawn = figure.axes[0].lines
    assert len({line.get_color() for line in drawn}) == len({line.get_marker() for line in drawn}) == 8
    for one, other in pairwise(drawn):
        red, green, blue = (int(one.get_color()[k : k + 2], 16) for k in (1, 3, 5))
        grey = 0.3 * red + 0.59 * green + 0.11 * blue
        red, green, blue = (int(other.get_color()[k : k + 2], 16) for k in (1, 3, 5))
        assert abs(grey - (0.3 * red + 0.59 * green + 0.11 * blue)) > 25
        assert one._dash_pattern != other._dash_pattern


def test_the_fall_of_the_first_epochs_does_not_stretch_the_axis():
    fall = 90 + 1000 * np.exp(-EPOCHS / 2)
    low, high = lines(EPOCHS, {"a": fall}, **NAMES).axes[0].get_ylim()
    assert low < 90 < high < 110
    # Few points are all worth seeing.
    low, high = lines([1, 2, 4, 8], {"a": [93.0, 91, 90, 89]}, **NAMES).axes[0].get_ylim()
    assert low < 89 < 93 < high


def test_gaps_are_left_where_values_are_not_finite():
    axes = lines([1, 2, 3], {"a": [1.0, np.nan, np.inf]}, **NAMES).axes[0]
    assert np.isfinite(axes.get_ylim()).all()


@pytest.mark.parametrize("logarithmic", [False, True])
def test_horizontal_lines_are_named_and_inside(logarithmic):
    levels = {"marginals": 0.0326, "target": 0.01, "oracle": 0.0054}
    axes = lines([1, 2], {"a": [0.02, 0.015]}, horizontal=levels, logarithmic=logarithmic, **NAMES).axes[0]
    assert {text.get_text() for text in axes.texts} == {"marginals 0.0326", "target 0.01", "oracle 0.0054"}
    assert {line.get_ydata()[0] for line in axes.lines if line.get_linestyle() != "-"} >= set(levels.values())
    low, high = axes.get_ylim()
    assert low < 0.0054 < 0.0326 < high
    assert axes.get_yscale() == ("log" if logarithmic else "linear")


@pytest.mark.parametrize("values", [[0.3, 0.1, 0.005], [90.0, 88.0, 87.0]])
def test_a_logarithmic_axis_carries_enough_plain_numbers(values):
    figure = lines([1, 2, 3], {"a": values}, logarithmic=True, **NAMES)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    low, high = axes.get_ylim()
    inside = [tick for tick in axes.get_yticks() if low <= tick <= high]
    assert len(inside) >= 3
    assert all("e" not in text.get_text() and "$" not in text.get_text() for text in axes.get_yticklabels())


def test_epochs_are_whole_numbers():
    ticks = lines([1, 2, 3], {"a": [1.0, 2.0, 3.0]}, **NAMES).axes[0].get_xticks()
    np.testing.assert_array_equal(ticks % 1, 0)


@pytest.mark.parametrize(
    ("x", "series", "options", "says"),
    [
        ([1], {}, {}, "at least one series"),
        (None, {"a": [1.0, 2.0]}, {}, "series 'a' has no x"),
        ({"b": [1]}, {"a": [1.0]}, {}, "series 'a' has no x"),
        ([1, 2], {"a": [1.0]}, {}, r"as many values as x, at least one, got \(1,\) and \(2,\)"),
        ([], {"a": []}, {}, "at least one"),
        ([1], {"a": [1.0]}, {"horizontal": {"floor": np.nan}}, "'floor' is nan"),
        ([1, 2], {"a": [1.0, 0.0]}, {"logarithmic": True}, "'a' holds 0"),
        ([1], {"a": [1.0]}, {"logarithmic": True, "horizontal": {"floor": -1}}, "'floor' holds -1"),
    ],
)
def test_bad_input_is_named(x, series, options, says):
    with pytest.raises(InputError, match=says) as caught:
        lines(x, series, **options, **NAMES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("heights", "expected"),
    [
        ([5, 5, 5, 5], ("right", "bottom")),  # no curve is near
        ([5, 5, 2, 1.1], ("left", "bottom")),  # just above it at its right end, and no room below
        ([-3, 5, 5, 1.1, 1.1], ("right", "top")),  # and room below
    ],
)
def test_a_name_stands_where_no_curve_passes(heights, expected):
    figure = lines(range(len(heights)), {"a": heights}, x_label="x", y_label="y", horizontal={"floor": 1.0})
    (text,) = figure.axes[0].texts
    assert (text.get_ha(), text.get_va()) == expected


def test_names_of_close_lines_do_not_meet():
    figure = lines(range(3), {"a": [0, 5, 0]}, x_label="x", y_label="y", horizontal={"b": 4.0, "c": 4.01})
    renderer = FigureCanvasAgg(figure).get_renderer()
    one, other = (text.get_window_extent(renderer) for text in figure.axes[0].texts)
    assert not one.overlaps(other)


def test_a_name_that_a_curve_would_cross_is_in_the_legend():
    heights = np.where(np.arange(200) % 2, 0.0, 2.0)
    figure = lines(range(200), {"a": heights}, x_label="x", y_label="y", horizontal={"b": 1.0, "c": 5.0})
    assert [text.get_text() for text in figure.axes[0].texts] == ["c 5"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b 1"]
