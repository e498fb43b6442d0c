"""A message is one line, whatever it quotes."""

from __future__ import annotations

import pytest

from made.support.errors import EntryError, InputError


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("hidden sizes must be at least 1", "hidden sizes must be at least 1"),
        ("column a\nb holds\r\n  'x'", "column a b holds 'x'"),
        ("two  blanks stay", "two  blanks stay"),
        ("\x1b[31mred\x00", "\\x1b[31mred\\x00"),
        ("a\u2028b \u202e", "a b \\u202e"),
        ("half \ud800", "half \\ud800"),
        ("👩\u200d👧 é", "👩\u200d👧 é"),
    ],
)
def test_it_is_one_line(message, line):
    assert str(InputError(message)) == line
    assert str(InputError(message)).encode() == line.encode()


def test_a_long_one_is_cut_in_its_middle():
    message = str(InputError(f"{'x' * 10_000} is no column: name one of a, b"))
    assert len(message) < 1_000
    assert message.startswith("xxx")
    assert message.endswith("xxx is no column: name one of a, b")


def test_a_long_name_leaves_room_for_the_complaint():
    message = str(EntryError(3, 1, "holds 0.5: round it", source="a.npy", name="x" * 10_000))
    assert message == f"a.npy: row 3, column 1 ({'x' * 80}...) (counted from 0) holds 0.5: round it"
