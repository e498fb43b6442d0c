"""What the commands read and print: lists of numbers."""

from __future__ import annotations

import pytest

from made.cli.console import parse_counts


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1", [1]),
        ("1, 2,7", [1, 2, 7]),
        ("1,2,4,...,16", [1, 2, 4, 8, 16]),
        ("1,...,4", [1, 2, 4]),
        ("1,2, ... ,3", [1, 2, 3]),
        ("3,6,…,20", [3, 6, 12, 20]),
        ("5,1,2,...,8", [5, 1, 2, 4, 8]),
    ],
)
def test_numbers_of_masks(text, numbers):
    assert parse_counts(text, "--masks") == numbers


@pytest.mark.parametrize(
    "text", ["", "  ", ",", "a", "1,2,", "1,,2", "1,...", "1,...,", "...", "1,2,...,8,9", "1,...,2,...,4"]
)
def test_no_numbers_of_masks(refused, text):
    with refused("--masks"):
        parse_counts(text, "--masks")
