"""Comparisons of sums of columns as text: "a + b == total", "0 <= end - start < 2 * limit"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from made.variables.quoted import spellings

__all__ = ["Side", "read_sides"]

_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_SIGN = re.compile(r"<=|>=|!=|==|<|>|=")
_BLANK = re.compile(r"\s*")
# A number with more digits, or a larger exponent, is none of a table.
_MOST_DIGITS = 40


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a sum.

    Attributes
    ----------
    text : str
        As it was written.
    weights : mapping of str to Fraction
        Of the columns in it, by name.
    number : Fraction
        What is added to them.
    """

    text: str
    weights: Mapping[str, Fraction]
    number: Fraction


def read_sides(text: str, names: Sequence[str]) -> tuple[list[Side], list[str]] | None:
    """Return the sides of comparisons, and the signs between them; None where a text is none of sums.

    Parameters
    ----------
    text : str
        What the user wrote. Names stand as they are, or in quotation marks; of two that fit, the longer does.
    names : sequence of str
        Of the columns.

    Examples
    --------
    >>> sides, signs = read_sides("a + 2 * b == total - 0.5", ["a", "b", "total"])
    >>> [{name: str(weight) for name, weight in side.weights.items()} for side in sides], signs
    ([{'a': '1', 'b': '2'}, {'total': '1'}], ['=='])
    >>> read_sides("city in {Rome}", ["city"]) is None
    True
    """
    reader = _Reader(text, names)
    sides: list[Side] = []
    signs: list[str] = []
    while True:
        side = reader.side()
        if side is None:
            return None
        sides.append(side)
        if reader.at_end:
            return (sides, signs) if signs else None
        sign = reader.take(_SIGN)
        if sign is None:
            return None
        signs.append("==" if sign == "=" else sign)


class _Reader:
    """Goes through a text, from left to right."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self.text, self.place = text, 0
        self.names = sorted(filter(None, names), key=len, reverse=True)
        self._skip()

    @property
    def at_end(self) -> bool:
        """Whether nothing follows."""
        return self.place == len(self.text)

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """Return what a pattern matches here and pass it; None where it does not."""
        found = pattern.match(self.text, self.place)
        if found is None:
            return None
        self.place = found.end()
        self._skip()
        return found[0]

    def side(self) -> Side | None:
        """Read a sum; None where there is none here."""
        first, weights, number = self.place, dict[str, Fraction](), Fraction(0)
        sign = -1 if self._passes("-") else 1
        while True:
            term = self._term()
            if term is None:
                return None
            factor, name = term
            if name is None:
                number += sign * factor
            else:
                weights[name] = weights.get(name, Fraction(0)) + sign * factor
            if self._passes("+"):
                sign = 1
            elif self._passes("-"):
                sign = -1
            else:
                return Side(self.text[first : self.place].strip(), weights, number)

    def _term(self) -> tuple[Fraction, str | None] | None:
        """Read a column, a number, or a number of times a column."""
        name = self._name()  # before numbers: columns of arrays may be called like one
        if name is not None:
            if self._passes("*"):
                factor = self._number()
                return None if factor is None else (factor, name)
            return Fraction(1), name
        factor = self._number()
        if factor is None or not self._passes("*"):
            return None if factor is None else (factor, None)
        name = self._name()
        return None if name is None else (factor, name)

    def _number(self) -> Fraction | None:
        word = self.take(_NUMBER)
        if word is None or len(word) > _MOST_DIGITS:
            return None
        _, _, exponent = word.lower().partition("e")
        return None if exponent and abs(int(exponent)) > _MOST_DIGITS else Fraction(word)

    def _name(self) -> str | None:
        for name in self.names:
            for word in spellings(name):
                end = self.place + len(word)
                if self.text.startswith(word, self.place) and not _goes_on(word, self.text[end : end + 1]):
                    self.place = end
                    self._skip()
                    return name
        return None

    def _passes(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.place):
            return False
        self.place += 1
        self._skip()
        return True

    def _skip(self) -> None:
        found = _BLANK.match(self.text, self.place)
        assert found is not None
        self.place = found.end()


def _goes_on(word: str, after: str) -> bool:
    """Return whether a word that a name fits is longer than it."""
    return word[-1:].isalnum() and (after.isalnum() or after == "_")
