"""Masks as pictures: every weight in its place, and blocks that keep the active fraction."""

from __future__ import annotations

import numpy as np
import pytest

from made.plots import mask_matrices
from made.support.errors import InputError


def test_a_small_mask_is_shown_as_it_is():
    mask = np.array([[1, 0, 0], [1, 1, 0]])
    axes = mask_matrices([mask]).axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), mask)
    assert axes.get_title() == "mask 1 (2 x 3)\n50.0 % active"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("inputs", "outputs")


def test_a_large_mask_is_shrunk_by_block_means():
    mask = np.random.default_rng(0).random((1030, 7)) < 0.3
    picture = mask_matrices([mask]).axes[0].images[0]
    cells = np.asarray(picture.get_array())
    assert cells.shape == (344, 7)  # blocks of 3 rows, one left over
    np.testing.assert_allclose(cells[5], mask[15:18].mean(axis=0))
    np.testing.assert_allclose(cells[-1], mask[1029])
    assert picture.get_extent() == [-0.5, 6.5, 1029.5, -0.5]  # the axes still count weights


def test_four_masks_leave_the_last_panels_empty():
    figure = mask_matrices([np.ones((2, 2))] * 4, titles=list("abcd"))
    assert [bool(axes.images) for axes in figure.axes] == [True] * 4 + [False] * 2
    assert figure.axes[3].get_title().startswith("d (2 x 2)")


@pytest.mark.parametrize(("masks", "titles"), [([], None), ([[1, 0]], None), ([[[1]]], ["a", "b"])])
def test_bad_input_is_named(masks, titles):
    with pytest.raises(InputError, match="mask"):
        mask_matrices(masks, titles=titles)
