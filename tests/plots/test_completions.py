"""Completions of images: what is given, what was filled in and what is true stand apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from made.plots import completions
from made.support.errors import InputError

CODES = [[1, 0, 0, 0], [0, 1, 0, 0]]
KNOWN = np.array([[True, True, False, False], [False, True, False, True]])
FILLED = [[[1, 0, 0, 1], [1, 0, 1, 1], [1, 0, 0, 0]], [[0, 1, 1, 0], [1, 1, 1, 0], [1, 1, 0, 0]]]
TRUTH = [[1, 0, 0, 1], [1, 1, 1, 0]]
WHITE, BLACK = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)


def panels(figure, lines):
    """The pictures as (lines, columns) lists of pixels, row-major, each a colour."""
    shown = [np.asarray(axes.images[0].get_array()).reshape(-1, 3) for axes in figure.axes]
    columns = len(shown) // lines
    return [shown[i * columns : (i + 1) * columns] for i in range(lines)]


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def test_a_line_per_image_with_what_is_given_first():
    lines = panels(completions(CODES, KNOWN, FILLED, (2, 2), truth=TRUTH), 2)
    assert [len(line) for line in lines] == [5, 5]
    for line, codes, known, truth in zip(lines, CODES, KNOWN, TRUTH, strict=True):
        unknown = ~known
        np.testing.assert_array_equal(line[0][known, 0], np.array(codes)[known])
        assert len({tuple(colour) for colour in line[0][unknown]}) == 1
        red, _, blue = line[0][unknown][0]
        assert blue > red  # blue: no grey, for an unknown pixel has no value
        np.testing.assert_array_equal(line[-1], np.repeat(np.array(truth, float)[:, None], 3, axis=1))


def test_what_was_filled_in_is_tinted_and_what_is_given_is_not():
    lines = panels(completions(CODES, KNOWN, FILLED, (2, 2)), 2)
    for line, codes, known, filled in zip(lines, CODES, KNOWN, FILLED, strict=True):
        assert len(line) == 1 + len(filled)
        for picture, values in zip(line[1:], filled, strict=True):
            for colour, code, is_known, value in zip(picture, codes, known, values, strict=True):
                if is_known:
                    assert value == code
                    assert tuple(colour) == (WHITE if value else BLACK)
                elif value == 0:
                    assert tuple(colour) == BLACK
                else:
                    assert tuple(colour) not in (WHITE, BLACK)
                    assert colour[0] > colour[2]


def test_grey_levels():
    (line,) = panels(
        completions([[8, 0, 16, 0]], [[True, False] * 2], [[[8, 4, 16, 0]]], (2, 2), n_values=17), 1
    )
    assert line[1][0].tolist() == [0.5] * 3
    assert line[1][1][0] == pytest.approx(0.25)
    assert line[1][2].tolist() == [1.0] * 3


def test_columns_are_named():
    assert [t for t in titles(completions(CODES, KNOWN, FILLED, (2, 2), truth=TRUTH)) if t] == [
        "given",
        "completions",
        "truth",
    ]
    one = completions(CODES, KNOWN, np.array(FILLED)[:, :1], (2, 2), title="T")
    assert [t for t in titles(one) if t] == ["given", "completed"]
    assert one.get_suptitle() == "T"


def test_names_do_not_touch():
    figure = completions(CODES, KNOWN, np.array(FILLED)[:, :1], (2, 2), truth=TRUTH)
    figure.canvas.draw()
    boxes = [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
    assert len(boxes) == 3
    for left, right in pairwise(boxes):
        assert left.x1 < right.x0


def test_size_follows_the_images():
    wide = completions(np.zeros((1, 8)), np.ones((1, 8), bool), np.zeros((1, 2, 8)), (2, 4)).get_size_inches()
    high = completions(np.zeros((1, 8)), np.ones((1, 8), bool), np.zeros((1, 2, 8)), (4, 2)).get_size_inches()
    assert high[1] > 1.5 * wide[1]
    assert high[0] == wide[0]


@pytest.mark.parametrize(
    ("codes", "filled", "truth", "says"),
    [
        ([[1, 0, -1]], [[[1, 0, 0, 1]]], None, "2 x 2 pixels"),
        (np.zeros((0, 4)), np.zeros((0, 2, 4)), None, "2 x 2 pixels"),
        (CODES, np.array(FILLED)[:1], None, "shape"),
        (CODES, np.array(FILLED)[:, :, :3], None, "shape"),
        (CODES, np.array(FILLED)[:, :0], None, "m >= 1"),
        (CODES, np.array(FILLED)[:, 0], None, "shape"),
        (CODES, FILLED, [[1, 0, 0]], "truth"),
        (CODES, FILLED, TRUTH[:1], "truth"),
    ],
)
def test_shapes_are_checked(codes, filled, truth, says):
    with pytest.raises(InputError, match=says):
        completions(codes, KNOWN, filled, (2, 2), truth=truth)


def test_the_shape_of_what_is_known_is_checked():
    with pytest.raises(InputError, match=r"known has the same shape, got \(1, 4\)"):
        completions(CODES, KNOWN[:1], FILLED, (2, 2))
