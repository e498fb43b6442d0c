"""The grouping of very many classes: every class has a mass, near classes share a group, counts are saved."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made.variables.class_groups import MOST_ONE_HOT, ClassGroups, added_count, default_coding


@st.composite
def groupings(draw):
    n_classes = draw(st.integers(1, 60))
    sizes = {"frequent": draw(st.integers(0, 20)), "groups": draw(st.integers(1, 20)), "buckets": 7}
    counts = draw(st.lists(st.integers(0, 9), min_size=n_classes, max_size=n_classes))
    return ClassGroups(n_classes, **sizes, added=0.5, counts=np.array(counts, dtype=float))


@given(groupings())
def test_every_class_has_one_outcome_and_every_outcome_a_class(groups):
    assert sorted(groups.members) == list(range(groups.n_classes))
    assert np.bincount(groups.outcomes, minlength=groups.n_outcomes).min() >= 1
    assert groups.outcomes.max() == groups.n_outcomes - 1
    assert groups.firsts[-1] == groups.n_classes


@given(groupings())
def test_shares_of_an_outcome_sum_to_1_and_follow_the_counts(groups):
    shares = np.exp(groups.log_shares)
    np.testing.assert_allclose(np.bincount(groups.outcomes, shares), 1)
    expected = (groups.counts + 0.5) / (groups.counts.sum() + 0.5 * groups.n_classes)
    np.testing.assert_allclose(groups.masses, expected)
    totals = np.bincount(groups.outcomes, groups.masses)
    np.testing.assert_allclose(totals[groups.outcomes] * shares, groups.masses)


@given(groupings())
def test_frequent_classes_come_first_and_groups_are_neighbours(groups):
    own = groups.members[: groups.n_frequent]
    rest = groups.members[groups.n_frequent :]
    assert len(rest) == 0 or len(own) == 0 or groups.counts[own].min() >= groups.counts[rest].max()
    assert (np.diff(groups.outcomes[rest]) >= 0).all()  # rest is in the order of codes
    assert (np.diff(rest) > 0).all()


@given(groupings())
def test_cumulated_shares_end_each_outcome_at_the_next_whole_number(groups):
    ends = groups.cumulated[groups.firsts[1:] - 1]
    np.testing.assert_allclose(ends, np.arange(1, groups.n_outcomes + 1))


def test_groups_of_100_000_classes_have_about_equal_mass():
    counts = np.random.default_rng(0).permutation(1e6 / np.arange(1, 100_001)).round()
    groups = ClassGroups(100_000, counts=counts, added=0.01)
    assert groups.n_outcomes == 512
    totals = np.bincount(groups.outcomes, groups.masses)[256:]
    assert totals.max() < 1.5 * totals.mean()
    # Group and buckets together tell nearly all classes apart.
    keys = np.column_stack([groups.outcomes, groups.bucket_numbers])
    assert len(np.unique(keys, axis=0)) > 0.99 * 100_000
    assert groups.bucket_numbers.min() == 0
    assert groups.bucket_numbers.max() == 255


@given(groupings())
def test_a_grouping_is_read_as_it_was_written(groups):
    again = ClassGroups.from_dict(groups.n_classes, json.loads(json.dumps(groups.as_dict())))
    np.testing.assert_array_equal(again.counts, groups.counts)
    np.testing.assert_array_equal(again.log_shares, groups.log_shares)
    assert again.as_dict() == groups.as_dict()


def test_100_000_counts_take_little_room_and_weights_are_kept_in_single_precision():
    rng = np.random.default_rng(0)
    counts = np.floor(2e5 / (rng.permutation(100_000) + 1) / 12)
    assert len(json.dumps(ClassGroups(100_000, counts=counts).as_dict())) < 60_000
    weights = rng.random(50)
    again = ClassGroups.from_dict(50, ClassGroups(50, counts=weights).as_dict())
    np.testing.assert_allclose(again.counts, weights, rtol=1e-6)


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"frequent": -1}, ["frequent", "-1"]),
        ({"groups": 0}, ["groups", "0"]),
        ({"counts": [1.0, 2.0]}, ["counts", "3"]),
        ({"counts": "<i4:AAAA"}, ["damaged"]),
        ({"counts": "pickle:AAAA"}, ["damaged"]),
        ({"added": 0.0}, ["above 0"]),
        ({"bins": 3}, ["'bins'"]),
    ],
)
def test_what_makes_no_sense_is_refused(entries, says, refused):
    with refused("grouping", *says):
        ClassGroups.from_dict(3, entries)


def test_what_is_added_makes_rows_left_out_most_probable():
    rng = np.random.default_rng(0)
    counts = np.bincount(rng.zipf(1.3, 20_000) % 30_000, minlength=30_000).astype(float)
    best = added_count(counts)

    def left_out(added):
        own = counts[counts > 0]
        return own @ np.log((own - 1 + added) / (counts.sum() - 1 + added * len(counts)))

    scores = {added: left_out(added) for added in 2.0 ** np.arange(-14, 1)}
    assert max(scores, key=scores.get) == best < 1


def test_few_classes_have_one_count_added():
    assert added_count(np.zeros(MOST_ONE_HOT)) == added_count(np.full(20, 3.0)) == 1
    assert added_count(np.zeros(MOST_ONE_HOT + 1)) == 1  # no rows
    assert added_count(np.ones(MOST_ONE_HOT + 1)) == 1  # every label once


def test_more_classes_than_this_are_grouped():
    assert (default_coding(MOST_ONE_HOT), default_coding(MOST_ONE_HOT + 1)) == ("one-hot", "grouped")
