"""Orderings of images by regions."""

from __future__ import annotations

import numpy as np
import pytest

import made
from made.masks.mask_set import MaskSet
from made.masks.regions import N_SCANS, check_grid, of_regions, scan
from made.support.uniforms import Stream


def regions(draws=400, grid=(6, 9)):
    return [of_regions(grid, Stream(0, number)) for number in range(draws)]


def test_every_ordering_is_a_permutation():
    for ordering in (*regions(), *(scan((6, 9), k) for k in range(N_SCANS))):
        assert sorted(ordering.tolist()) == list(range(54))


def test_scans_differ_and_the_first_is_natural():
    scans = {tuple(scan((6, 9), k).tolist()) for k in range(N_SCANS)}
    assert len(scans) == N_SCANS
    assert scan((6, 9), 0).tolist() == list(range(54))
    # Along each, a pixel follows a neighbour but at the ends of lines.
    for k in range(N_SCANS):
        rows, columns = np.divmod(scan((6, 9), k), 9)
        steps = np.abs(np.diff(rows)) + np.abs(np.diff(columns))
        assert (steps > 1).sum() == (5 if k < 4 else 8)


def test_questions_come_of_every_size_and_from_every_side():
    """Halves and what is painted come first often, which of uniform orderings hardly ever happens."""
    found = {"upper": 0, "lower": 0, "left": 0, "right": 0}
    rows, columns = np.divmod(np.arange(54), 9)
    halves = {"upper": rows < 3, "lower": rows >= 3, "left": columns < 4, "right": columns >= 5}
    for ordering in regions(2_000):
        for name, half in halves.items():
            found[name] += set(ordering[: half.sum()].tolist()) == set(np.flatnonzero(half).tolist())
    assert min(found.values()) > 2_000 / 40, found


def test_the_density_has_scans_and_training_draws_others():
    ones = np.ones(54, dtype=int)
    masks = MaskSet(54, (16,), ones, ones, ordering="regions 6x9", orderings="fresh", fresh_masks=8)
    assert [masks.mask(k).ordering.tolist() for k in range(8)] == [scan((6, 9), k).tolist() for k in range(8)]
    drawn = {tuple(masks.mask(masks.training_mask(k)).ordering.tolist()) for k in range(50)}
    assert len(drawn) > 35
    again = MaskSet(54, (16,), ones, ones, **masks.settings())
    assert (again.mask(30).ordering == masks.mask(30).ordering).all()
    some = MaskSet(54, (16,), ones, ones, ordering="regions 6x9", orderings=10)
    assert some.mask(3).ordering.tolist() == scan((6, 9), 3).tolist()
    assert sorted(some.mask(9).ordering.tolist()) == list(range(54))


@pytest.mark.parametrize("name", ["regions", "regions 6x", "regions 0x0", "regions 6 x 9", "regions 7x9"])
def test_a_grid_that_is_none_is_refused(name):
    with pytest.raises(made.InputError, match="regions"):
        made.MADE(made.Bernoulli(54), ordering=name, orderings="fresh")
    with pytest.raises(made.InputError, match="regions"):
        check_grid(name, 54)
