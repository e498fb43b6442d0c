"""Values of numeric columns: what they become inside, and back, to the last digit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made.variables.numeric import Numeric

LARGEST = 2**63 - 1


@given(st.lists(st.integers(-(2**63), LARGEST), min_size=1))
def test_whole_numbers_of_64_bits_come_back(values):
    column = Numeric(step=1)
    for given_as in (np.array(values, dtype=np.int64), np.array(values, dtype=object)):
        found = column.encode(given_as)
        assert not found.wrong.any()
        assert column.values_of(found.bodies).tolist() == values
        assert column.values_of(found.bodies).dtype == np.int64


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**70])
def test_whole_numbers_beyond_64_bits_are_refused(value):
    assert Numeric(step=1).encode(np.array([0, value], dtype=object)).wrong.tolist() == [False, True]


def test_the_least_body_comes_back_as_a_float():
    """Samples beside other numbers are floats, and are rows of the model."""
    column = Numeric(step=1)
    values = column.floats_of(np.array([-(2**63), -(2**63) + 1024]))
    found = column.encode(values)
    assert not found.wrong.any()
    assert found.bodies.tolist() == [-(2**63), -(2**63) + 1024]
    assert column.encode(np.array([2.0**63, -(2.0**63) - 2048])).wrong.all()


def test_unsigned_numbers_beyond_64_bits_with_a_sign_are_refused():
    values = np.array([0, LARGEST, 2**63, 2**64 - 1], dtype=np.uint64)
    assert Numeric(step=1).encode(values).wrong.tolist() == [False, False, True, True]


def test_whole_numbers_on_a_finer_grid_are_refused_where_their_point_has_no_number():
    column = Numeric(step=0.1)
    most = LARGEST // 10
    found = column.encode(np.array([most, most + 1, -most, -most - 1]))
    assert found.wrong.tolist() == [False, True, False, True]
    assert found.bodies[[0, 2]].tolist() == [10 * most, -10 * most]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_continuous_values_come_back(values):
    column = Numeric()
    found = column.encode(np.array(values))
    assert not found.wrong.any()
    assert column.values_of(found.bodies).tolist() == values


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1), st.sampled_from([1, 2, 3, 6]))
def test_decimals_come_back(points, decimals):
    values = np.array([float(f"{point}e-{decimals}") for point in points])
    found = Numeric(step=10.0**-decimals).encode(values)
    assert not found.wrong.any()
    assert found.bodies.tolist() == points
    assert found.n_rounded == 0
    np.testing.assert_array_equal(Numeric(step=10.0**-decimals).values_of(found.bodies), values)


def test_single_precision_is_read_as_such():
    values = np.arange(-500, 500, dtype=np.float32) / np.float32(100)
    found = Numeric(step=0.01).encode(values)
    assert not found.wrong.any()
    assert found.bodies.tolist() == list(range(-500, 500))


def test_values_off_the_grid_are_counted_where_they_are_rounded():
    values = np.array([0.01, 0.014, 0.02, 0.029, np.nan, np.inf])
    rounded = Numeric(step=0.01, rounds=True).encode(values)
    assert rounded.n_rounded == 2
    assert rounded.bodies[:4].tolist() == [1, 1, 2, 3]
    assert rounded.wrong.tolist() == [False] * 4 + [True, True]
    refused = Numeric(step=0.01).encode(values)
    assert refused.n_rounded == 0
    assert refused.wrong.tolist() == [False, True, False, True, True, True]


@pytest.mark.parametrize("value", [1e300, -1e300, 2.0**63, 1e-300, 5e-324])
def test_values_of_any_size_meet_a_grid(value):
    found = Numeric(step=1, rounds=True).encode(np.array([value]))
    assert bool(found.wrong[0]) == (abs(value) >= 2.0**63)
    assert found.bodies.tolist() == [0]


@pytest.mark.parametrize("value", [1e300, -1e300, 2.0**63, -(2.0**63), 2.0**62])
def test_the_nearest_point_of_a_grid_has_a_number(value):
    near = int(Numeric(step=1).bodies_near(np.array([value]))[0])
    assert near == max(-(2**63) + 1024, min(int(value), 2**63 - 1024))
    assert not Numeric(step=1).encode(np.array([float(near)])).wrong.any()


def test_text_is_read_as_numbers():
    assert Numeric().encode(np.array(["1.5", "x"])).wrong.tolist() == [False, True]
    assert Numeric(step=1).encode(np.array(["3", "-4"], dtype=object)).bodies.tolist() == [3, -4]


def test_no_values_have_no_bodies():
    assert Numeric(step=1).encode(np.array([], dtype=object)).bodies.tolist() == []
