"""Joint tables: what is one, how an image becomes one, and points that follow it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image

from made.data.two_dim import as_table, draw, flower_table, image_table
from made.support.errors import InputError

TABLE = np.array([[0.5, 0.0], [0.25, 0.125], [0.0, 0.125]])


def test_numbers_too_large_to_be_added_are_no_table():
    largest = 1.7e308
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert as_table(np.array([[largest, largest], [0.5, -largest]]), "t.npy") is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_table_is_normalized(dtype):
    table = as_table((TABLE * 1.0005).astype(dtype), "t.npy")
    assert table is not None
    assert table.dtype == np.float64
    assert table.sum() == pytest.approx(1, abs=1e-15)
    np.testing.assert_allclose(table, TABLE, rtol=1e-6)


@pytest.mark.parametrize(
    "rows",
    [
        np.array([[1.0, 0.0], [0.0, 0.0]]),  # sums to 1, and is a row all the same
        np.array([[0, 1], [1, 1]]),
        np.array([[1.0, np.nan], [0.0, 0.0]]),
        np.array([[0.5, 2.0], [0.5, 3.0]]),  # no table either; its rows are refused later
        np.zeros((0, 2)),
        np.array([0.5, 0.5]),
    ],
)
def test_rows_are_no_table(rows):
    assert as_table(rows, "rows.npy") is None


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[1.25, 0.0], [-0.25, 0.0]]), r"t\.npy: entry \(1, 0\) of the joint table is -0\.25"),
        (np.array([[0.5, 0.25], [np.nan, 0.0]]), r"entry \(1, 0\) of the joint table is nan"),
        (
            np.full((2, 2, 2), 0.125),
            r"shape \(2, 2, 2\) with fractions such as 0\.125: a joint table has two",
        ),
        (np.array([[0.5, 0.5]]), "at least 2 rows and 2 columns"),
    ],
)
def test_faulty_tables(array, message):
    with pytest.raises(InputError, match=message):
        as_table(array, "t.npy")


def test_points_follow_the_table():
    points = draw(TABLE, 40_000, seed=3)
    assert points.shape == (40_000, 2)
    counts = np.zeros_like(TABLE)
    np.add.at(counts, tuple(points.T), 1)
    assert (counts[TABLE == 0] == 0).all()
    np.testing.assert_allclose(counts / 40_000, TABLE, atol=5 * 0.5 / np.sqrt(40_000))  # 5 standard errors


def test_points_depend_on_the_seed_alone():
    np.testing.assert_array_equal(draw(TABLE, 50, seed=1), draw(TABLE, 50, seed=1))
    assert (draw(TABLE, 50, seed=1) != draw(TABLE, 50, seed=2)).any()


def test_the_flower_has_a_form():
    table = flower_table()
    assert table.shape == (200, 200)
    assert table.sum() == pytest.approx(1, abs=1e-12)
    assert (table > 0).all()
    independent = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True)
    assert (table * np.log(table / independent)).sum() == pytest.approx(0.119, abs=0.002)


GREY = np.array([[0, 100, 50], [50, 0, 200]], dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "tif"])
def test_an_image_is_read_row_by_row(tmp_path, suffix):
    Image.fromarray(GREY).save(tmp_path / f"a.{suffix}")
    np.testing.assert_allclose(image_table(tmp_path / f"a.{suffix}"), GREY / 400)


def test_colours_jpeg_and_16_bits(tmp_path):
    Image.fromarray(np.stack([GREY] * 3, axis=2)).save(tmp_path / "rgb.png")
    np.testing.assert_allclose(image_table(tmp_path / "rgb.png"), GREY / 400)
    Image.fromarray(GREY.astype(np.uint16) * 256).save(tmp_path / "deep.png")
    np.testing.assert_allclose(image_table(tmp_path / "deep.png"), GREY / 400)
    Image.fromarray(np.full((16, 16), 77, dtype=np.uint8)).save(tmp_path / "a.jpg")
    np.testing.assert_allclose(image_table(tmp_path / "a.jpg"), 1 / 256)


def test_what_cannot_be_seen_has_no_probability(tmp_path):
    rgba = np.full((2, 2, 4), 255, dtype=np.uint8)
    rgba[0, :, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "a.png")
    np.testing.assert_allclose(image_table(tmp_path / "a.png"), [[0, 0], [0.5, 0.5]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_large_image_shrinks(tmp_path, dtype):
    noise = np.random.default_rng(0).integers(0, 255, (1024, 600)).astype(dtype)
    Image.fromarray(noise).save(tmp_path / "a.png")
    table = image_table(tmp_path / "a.png")
    assert table.shape == (512, 300)
    assert table.min() >= 0


def test_images_that_cannot_be_used(tmp_path):
    Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(tmp_path / "black.png")
    with pytest.raises(InputError, match=r"black\.png: black all over"):
        image_table(tmp_path / "black.png")
    Image.fromarray(GREY).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    for damaged in (b"", b"no image", whole[:40], whole[: len(whole) - 30]):
        (tmp_path / "b.png").write_bytes(damaged)
        with pytest.raises(InputError, match=r"b\.png: not an image that can be read") as caught:
            image_table(tmp_path / "b.png")
        assert "\n" not in str(caught.value)
