"""Grids and tables: every image in its tile, every share in its cell."""

from __future__ import annotations

import numpy as np
import pytest

from made.plots import image_grid, samples_beside, samples_table
from made.support.errors import InputError


def shown(axes):
    return axes.images[0].get_array()


def test_each_image_lies_in_its_own_tile():
    images = np.random.default_rng(0).integers(2, size=(7, 12))
    tiles = shown(image_grid(images, (3, 4), columns=3).axes[0])
    assert tiles.shape == (3 * 3 + 2, 3 * 4 + 2)
    for place, image in enumerate(images):
        top, left = 4 * (place // 3), 5 * (place % 3)
        tile = tiles[top : top + 3, left : left + 4]
        np.testing.assert_array_equal(tile, image.reshape(3, 4))
        assert not np.ma.getmaskarray(tile).any()
    assert np.ma.getmaskarray(tiles)[3].all()  # the gap between the first two lines
    assert np.ma.getmaskarray(tiles)[8:, 5:].all()  # no images left for these tiles
    assert np.ma.getmaskarray(tiles).sum() == tiles.size - images.size


def test_grey_levels_set_the_scale():
    picture = image_grid([[0, 8, 16, 4]], (2, 2), n_values=17).axes[0].images[0]
    assert picture.get_clim() == (0, 16)


def test_samples_stand_left_and_data_right():
    figure = samples_beside(np.zeros((4, 4)), np.ones((4, 4)), (2, 2), title="T")
    left, right = figure.axes
    assert (left.get_title(), right.get_title()) == ("drawn by the model", "held-out data")
    assert shown(left).max() == 0
    assert shown(right).min() == 1
    assert left.get_subplotspec().colspan.start < right.get_subplotspec().colspan.start
    assert figure.get_suptitle() == "T"


@pytest.mark.parametrize("images", [np.zeros((3, 5)), np.zeros((0, 4)), np.zeros(4)])
def test_rows_that_are_no_such_images(images):
    with pytest.raises(InputError, match="images of 2 x 2 pixels"):
        image_grid(images, (2, 2))


def test_no_columns():
    with pytest.raises(InputError, match="columns must be at least 1"):
        image_grid(np.zeros((3, 4)), (2, 2), columns=0)


def test_two_variables_give_histograms_on_one_scale():
    samples = np.array([[0, 2], [0, 2], [1, 1], [1, 0]])
    real = np.array([[1, 1]])
    left, right, _ = samples_table(samples, real, n_values=[2, 3], names=["age", "sex"]).axes
    np.testing.assert_array_equal(shown(left), [[0, 0, 0.5], [0.25, 0.25, 0]])
    np.testing.assert_array_equal(shown(right), [[0, 0, 0], [0, 1, 0]])
    assert left.images[0].get_clim() == right.images[0].get_clim()
    assert (left.get_ylabel(), left.get_xlabel()) == ("age", "sex")


def test_one_variable_gives_bars():
    left, right = samples_table([[0], [0], [2]], [[1]], n_values=[3]).axes
    np.testing.assert_allclose([bar.get_height() for bar in left.patches], [2 / 3, 0, 1 / 3])
    np.testing.assert_allclose([bar.get_height() for bar in right.patches], [0, 1, 0])


def test_more_variables_give_scaled_heat_maps():
    samples = np.random.default_rng(1).integers([3, 5, 1], size=(80, 3))
    left, right, *_ = samples_table(samples, samples[::-1], n_values=[3, 5, 1], rows=50).axes
    np.testing.assert_allclose(shown(left), samples[:50] / [2, 4, 1])
    np.testing.assert_allclose(shown(right), samples[:-51:-1] / [2, 4, 1])


@pytest.mark.parametrize("n_variables", [1, 2, 3])
def test_rows_alone_are_one_panel(n_variables):
    figure = samples_table(np.ones((4, n_variables), int), n_values=[2] * n_variables)
    beside = samples_table(*[np.ones((4, n_variables), int)] * 2, n_values=[2] * n_variables)
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == ["drawn by the model"]
    assert len(figure.axes) == len(beside.axes) - 1
    assert figure.get_size_inches()[0] < beside.get_size_inches()[0]


def test_table_input_is_checked():
    with pytest.raises(InputError, match=r"shape \(n, 2\)"):
        samples_table([[1, 0, 0]], [[1, 0]], n_values=[2, 2])
    with pytest.raises(InputError, match="outside"):
        samples_table([[1, 2]], [[1, 0]], n_values=[2, 2])
    with pytest.raises(InputError, match="2 names"):
        samples_table([[1, 1]], [[1, 0]], n_values=[2, 2], names=["a"])
