"""The shape of images: known, or found in their pixels; tables have none."""

import numpy as np
import pytest

import made
from made.experiments.image_shape import image_shape_of


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
    assert image_shape_of(rows, [2] * rows.shape[1]) == shape
    shuffled = np.random.default_rng(1).permutation(rows.T).T
    assert image_shape_of(shuffled, [2] * rows.shape[1]) is None


def test_digits_are_images_and_one_hot_tables_are_none():
    digits = made.data.load("digits")
    assert image_shape_of(digits.train, digits.classes) == (8, 8)
    # Codes of 16 variables of 8 classes each, in columns side by side.
    draw = np.random.default_rng(0)
    table = np.eye(8, dtype=np.uint8)[draw.choice(8, p=draw.dirichlet(np.ones(8)), size=(800, 16))]
    assert image_shape_of(table.reshape(800, 128), [2] * 128) is None


def test_a_known_shape_is_taken():
    noise = np.random.default_rng(0).integers(0, 2, (50, 160))
    assert image_shape_of(noise, [2] * 160) is None
    assert image_shape_of(noise, [2] * 160, (10, 16)) == (10, 16)
    assert image_shape_of(noise, [2] * 160, (5, 32)) is None


def test_pixels_have_as_many_values_each():
    rows = _spots(300, 10, 10)
    assert image_shape_of(rows, [2] * 99 + [3]) is None
    assert image_shape_of(rows, [2] * 99 + [3], (10, 10)) is None


@pytest.mark.parametrize("rows", [np.zeros((3, 64)), np.zeros((1, 64)), np.ones((200, 64))])
def test_constant_columns_say_nothing(rows):
    assert image_shape_of(rows.astype(np.uint8), [2] * 64) is None
