"""Orderings: permutations, ranks as their inverse, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made.masks.ordering import check_ordering, natural, ordering_of, random, ranks_of
from made.support.uniforms import Stream


@given(st.permutations(range(7)))
def test_ranks_and_ordering_are_inverse(ordering):
    ranks = ranks_of(np.array(ordering))
    for r, variable in enumerate(ordering):
        assert ranks[variable] == r + 1
    assert ordering_of(ranks).tolist() == ordering


def test_natural_is_counting():
    assert natural(3).tolist() == [0, 1, 2]
    assert ranks_of(natural(3)).tolist() == [1, 2, 3]


def test_random_orderings_are_permutations_all_equally_probable():
    stream = Stream(0, 7)
    drawn = [tuple(random(3, stream).tolist()) for _ in range(6000)]
    counts = [drawn.count(p) for p in itertools.permutations(range(3))]
    assert sum(counts) == 6000
    assert counts == pytest.approx([1000] * 6, abs=120)


@pytest.mark.parametrize("given_as", [list, tuple, np.array, lambda o: np.array(o, np.float32)])
def test_a_given_permutation_is_kept(given_as):
    checked = check_ordering(given_as([2, 0, 1]), 3)
    assert checked.tolist() == [2, 0, 1]
    assert checked.dtype == np.int64


@pytest.mark.parametrize(
    ("ordering", "words"),
    [
        ([0, 0, 1], ["0 occurs twice"]),
        ([1, 2, 3], ["holds 3", "counted from 0"]),
        ([-1, 0, 1], ["holds -1"]),
        ([0, 1], ["3 variables", "(2,)"]),
        ([[0, 1, 2]], ["(1, 3)"]),
        ([0, 1.5, 2], ["whole numbers"]),
        ([0, float("nan"), 2], ["whole numbers"]),
        (["a", "b", "c"], ["whole numbers"]),
        ([[0], [1, 2]], ["flat list"]),
        (5, ["permutation of 0..2"]),
        (None, ["permutation of 0..2"]),
    ],
)
def test_what_is_no_permutation_is_refused(refused, ordering, words):
    with refused("ordering", *words):
        check_ordering(ordering, 3)
