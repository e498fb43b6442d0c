"""Uniforms: the raw numbers of Philox and nothing else, one stream per key, rows apart from each other."""

from __future__ import annotations

import numpy as np
import pytest

import made
from made.support.uniforms import Stream, row_uniforms

WORD = 2**64


def philox(key: tuple[int, ...], block: int) -> list[int]:
    """Block `block` (from 0) of Philox 4x64-10 (Salmon et al. 2011), written out in whole numbers."""
    k0, k1 = (int(k) for k in np.random.SeedSequence(list(key)).generate_state(2, np.uint64))
    c = [block + 1, 0, 0, 0]  # numpy counts up before it draws
    for _ in range(10):
        high0, low0 = divmod(0xD2E7470EE14C6C93 * c[0], WORD)
        high1, low1 = divmod(0xCA5A826395121157 * c[2], WORD)
        c = [high1 ^ c[1] ^ k0, low1, high0 ^ c[3] ^ k1, low0]
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) % WORD, (k1 + 0xBB67AE8584CAA73B) % WORD
    return c


@pytest.mark.parametrize("key", [(0, 1), (7, 1, 3), (123456789, 0, 2)])
def test_stream_is_the_53_leading_bits_of_philox(key):
    expected = [number >> 11 for block in range(3) for number in philox(key, block)]
    assert (Stream(*key).take(12) * 2**53).astype(np.int64).tolist() == expected


def test_golden_numbers():
    golden = [0.6073659924129827, 0.5037305356300301, 0.429156247209297, 0.22451379680643002]
    assert Stream(0, 1).take(4).tolist() == golden


def test_stream_goes_on_and_skips_blocks_of_four():
    stream = Stream(3, 1)
    together = np.concatenate([stream.take(n) for n in (1, 5, 0, 2)])
    assert together.tolist() == Stream(3, 1).take(8).tolist()
    assert Stream(3, 1, skip=1).take(4).tolist() == together[4:].tolist()


def test_uniforms_lie_in_the_half_open_interval_and_are_uniform():
    u = Stream(0, 1).take(100_000)
    assert u.min() >= 0
    assert u.max() < 1
    assert np.histogram(u, 10, (0, 1))[0] == pytest.approx(np.full(10, 10_000), abs=500)


@pytest.mark.parametrize("width", [1, 3, 4, 5, 9])
def test_rows_do_not_depend_on_what_is_asked_beside_them(width):
    together = row_uniforms(1, 0, 20, width)
    assert together.shape == (20, width)
    for first, n in [(0, 20), (3, 4), (19, 1), (7, 0)]:
        np.testing.assert_array_equal(row_uniforms(1, first, n, width), together[first : first + n])


def test_no_number_serves_two_rows_or_seeds():
    values = np.concatenate([row_uniforms(seed, 0, 50, 7).ravel() for seed in range(5)])
    assert len(np.unique(values)) == len(values)


def test_rows_and_masks_draw_from_different_streams():
    """Else row 0 of sample(seed=s) would have uniforms sorted along the random ordering of seed s."""
    ordering = made.MADE(made.Bernoulli(8), hidden=(4,), ordering="random", seed=0).mask().ordering
    assert (np.diff(row_uniforms(0, 0, 1, 8)[0][ordering]) < 0).any()
