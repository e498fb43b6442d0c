"""The shape of images: known, or found in their pixels; tables have none."""

import numpy as np
import pytest

import made
from made.data.image_shape import find_image_shape


def _spots(n: int, height: int, width: int) -> np.ndarray:
    """Images with a square that is lit."""
    draw = np.random.default_rng(0)
    images = np.zeros((n, height, width), dtype=np.uint8)
    for image in images:
        top, left = draw.integers(0, height - 2), draw.integers(0, width - 2)
        image[top : top + 3, left : left + 3] = 1
    return images.reshape(n, -1)


@pytest.mark.parametrize("shape", [(8, 8), (16, 8), (8, 16), (12, 20), (20, 12), (28, 28)])
def test_a_shape_is_found(shape):
    rows = _spots(300, *shape)
    assert find_image_shape(rows, [2] * rows.shape[1]) == shape
    shuffled = np.random.default_rng(1).permutation(rows.T).T
    assert find_image_shape(shuffled, [2] * rows.shape[1]) is None


def test_digits_are_images_and_one_hot_tables_are_none():
    digits = made.data.load("digits")
    assert find_image_shape(digits.train, digits.classes) == (8, 8)
    # 16 variables of 8 classes each, that mostly follow the one before; a column for each class.
    draw = np.random.default_rng(0)
    steps = (draw.random((800, 16)) < 0.1) * draw.integers(1, 8, (800, 16))
    table = np.eye(8, dtype=np.uint8)[(draw.integers(0, 8, (800, 1)) + steps.cumsum(axis=1)) % 8]
    assert find_image_shape(table.reshape(800, 128), [2] * 128) is None


@pytest.mark.parametrize("stay", [0.8, 0.9, 0.95, 0.98, 0.995])
def test_a_series_is_no_image(stay):
    draw = np.random.default_rng(0)
    changes = draw.random((2000, 128)) > stay
    series = (changes.cumsum(axis=1) + draw.integers(0, 2, (2000, 1))) % 2
    assert find_image_shape(series, [2] * 128) is None


def test_pixels_have_as_many_values_each():
    rows = _spots(300, 10, 10)
    assert find_image_shape(rows, [2] * 99 + [3]) is None


@pytest.mark.parametrize("rows", [np.zeros((3, 64)), np.zeros((1, 64)), np.ones((200, 64))])
def test_constant_columns_say_nothing(rows):
    assert find_image_shape(rows.astype(np.uint8), [2] * 64) is None


def test_a_file_of_flat_rows_is_read_as_images(tmp_path):
    rows = _spots(300, 12, 9)
    np.save(tmp_path / "rows.npy", rows)
    own = made.data.load(tmp_path / "rows.npy")
    assert own.image_shape == (12, 9)
    assert "rows are taken for images of 12 x 9: so alike are neighbours" in own.notes
    np.save(tmp_path / "noise.npy", np.random.default_rng(0).permuted(rows, axis=1))
    own = made.data.load(tmp_path / "noise.npy")
    assert own.image_shape is None
    assert not any("images" in note for note in own.notes)
