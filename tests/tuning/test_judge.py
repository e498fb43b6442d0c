"""Which candidates go on: slow learners are not dropped for being slow, and small gaps decide nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made.tuning.judge import expected_nll, paired_difference, survivors

RNG = np.random.default_rng(0)


def curve(limit, gain, rate, n=17):
    """A curve whose gain shrinks by `rate` while the epochs double."""
    epochs = np.arange(n)
    return (limit + gain * np.maximum(epochs, 0.5) ** np.log2(rate)).tolist()


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.65])
def test_at_best_a_curve_goes_on_at_its_ratio(rate):
    whole = curve(5.0, 3.0, rate, 129)
    assert expected_nll(whole[:17], epochs=128, at_best=True) == pytest.approx(whole[-1], abs=1e-9)
    assert whole[-1] <= expected_nll(whole[:17], epochs=128) <= whole[16]


def test_a_slow_learner_is_expected_to_pass_a_quick_one():
    quick, slow = curve(4.3, 1.0, 0.2), curve(4.0, 6.0, 0.5)
    assert slow[-1] > quick[-1]
    assert expected_nll(slow, 256) < expected_nll(quick, 256)


def test_a_curve_that_turned_is_expected_to_stay_at_its_best():
    assert expected_nll([9, 8, 7, 6, 5, 6, 7, 8, 9], 100) == 5


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.integers(1, 500))
def test_no_curve_is_expected_to_get_worse(values, epochs):
    expected = expected_nll(values, epochs)
    assert np.isfinite(expected)
    assert expected_nll(values, epochs, at_best=True) <= expected <= min(values)


def test_pairs_take_out_what_rows_have_in_common():
    rows = RNG.normal(size=200) * 10
    mean, error = paired_difference(rows + 1 + RNG.normal(size=200) * 0.1, rows)
    assert mean == pytest.approx(1, abs=0.05)
    assert error < 0.02
    assert paired_difference(rows[:1], rows[:1])[1] == np.inf


def _nll(*means, noise=1.0):
    rows = RNG.normal(size=300)
    return [rows + mean + noise * RNG.normal(size=300) for mean in means]


def survive(expected, now, n_kept, noise=0.0):
    return survivors(expected, [0.0] * len(expected), _nll(*now, noise=noise), n_kept)


def test_the_expected_best_and_the_best_so_far_go_on():
    assert survive([5.0, 4.0, 4.5, 6.0], [7.0, 7.4, 7.2, 6.0], 2) == [1, 2, 3]
    assert survive([5.0, 4.0, 4.5, 6.0], [7.0, 7.4, 7.2, 6.0], 1) == [1]  # the last rung decides


def test_one_that_cannot_reach_the_others_any_more_is_dropped():
    nll = _nll(4.0, 9.0, 4.1, noise=0.0)
    assert survivors([4.0, 8.0, 4.05], [3.9, 7.0, 3.9], nll, 3) == [0, 2]
    assert survivors([4.0, 8.0, 4.05], [3.9, 3.0, 3.9], nll, 3) == [0, 2, 1]


def test_one_that_is_close_behind_stays():
    now = [5.0, 5.2, 5.2, 5.2]
    assert survive([4.0, 4.2, 4.201, 4.5], now, 2, noise=1.0) == [0, 1, 2]
    assert survive([4.0, 4.2, 4.9, 5.0], now, 2, noise=1.0) == [0, 1]
    assert survive([4.0, 4.001], now[:2], 1, noise=1.0) == [0]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.integers(1, 8))
def test_somebody_survives_and_few_do(expected, n_kept):
    nll = [np.array([value, value + 1.0]) for value in expected]
    left = survivors(expected, expected, nll, n_kept)
    assert 1 <= len(left) <= n_kept + 1
    assert left[0] == int(np.argmin(expected))
    assert len(set(left)) == len(left)
