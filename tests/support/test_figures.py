"""A figure with its error, where it has one."""

from __future__ import annotations

import math

import pytest

from made.support.figures import with_error


@pytest.mark.parametrize("error", [None, math.nan, math.inf])
def test_without_an_error_the_figure_stands_alone(error):
    assert with_error(1.234, error) == "1.23"


def test_both_have_as_many_decimals():
    assert with_error(-1.2345, 0.5, 3) == "-1.234 ± 0.500"
