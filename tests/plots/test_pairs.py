"""Pairs of images: each below its partner, each caption under its pair."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from made.plots import image_pairs
from made.support.errors import InputError


def test_each_pair_lies_in_its_own_tiles():
    rng = np.random.default_rng(0)
    top, bottom = rng.random((5, 6)), rng.random((5, 6))
    captions = [f"{k} px" for k in range(5)]
    figure = image_pairs(top, bottom, (2, 3), captions=captions, columns=3, title="T")
    assert figure.get_suptitle() == "T"
    assert len(figure.axes) == 2
    for place in range(5):
        axes = figure.axes[place // 3]
        tiles = axes.images[0].get_array()
        left = 4 * (place % 3)
        np.testing.assert_array_equal(tiles[:2, left : left + 3], top[place].reshape(2, 3))
        np.testing.assert_array_equal(tiles[3:, left : left + 3], bottom[place].reshape(2, 3))
        assert np.ma.getmaskarray(tiles)[2].all()  # what parts above from below
        assert axes.get_xticks()[place % 3] == left + 1  # the middle of the pair
        assert axes.get_xticklabels()[place % 3].get_text() == captions[place]
    first, last = figure.axes
    assert first.images[0].get_array().shape == (5, 11)
    assert last.images[0].get_array().shape == (5, 7)
    assert first.get_xlim() == last.get_xlim()  # a line that is not full is as fine as the others


def test_pairs_are_named():
    axes = image_pairs([[0.2]], [[1]], (1, 1), names=("p", "draws")).axes[0]
    assert axes.get_title(loc="left") == "above: p\nbelow: draws"


def test_grey_levels_set_the_scale():
    figure = image_pairs([[0.0, 8.5]], [[16, 4]], (1, 2), n_values=17)
    assert figure.axes[0].images[0].get_clim() == (0, 16)


def test_long_captions_are_set_small_enough():
    figure = image_pairs(np.zeros((10, 4)), np.zeros((10, 4)), (2, 2), captions=["a long caption"] * 10)
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert all(one.x1 <= other.x0 for one, other in pairwise(boxes))


@pytest.mark.parametrize(
    ("top", "bottom", "options", "says"),
    [
        (np.zeros((2, 4)), np.zeros((1, 4)), {}, "2 images above need as many below, got 1"),
        (np.zeros((2, 4)), np.zeros((2, 3)), {}, "images of 2 x 2 pixels"),
        (np.zeros((0, 4)), np.zeros((0, 4)), {}, "images of 2 x 2 pixels"),
        (np.zeros((2, 4)), np.zeros((2, 4)), {"captions": ["a"]}, "2 pairs need 2 captions, got 1"),
        (np.zeros((2, 4)), np.zeros((2, 4)), {"columns": 0}, "columns must be at least 1"),
    ],
)
def test_bad_input_is_named(top, bottom, options, says):
    with pytest.raises(InputError, match=says):
        image_pairs(top, bottom, (2, 2), **options)
