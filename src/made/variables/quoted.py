"""Names and values in quotation marks, in the text of conditions and of given values."""

from __future__ import annotations

import re

__all__ = ["QUOTED", "quoted", "spellings", "split_at_commas", "unquoted"]

_MARKS = ("'", '"', "`")
#: Pattern of a word in quotation marks.
QUOTED = "|".join(f"{mark}[^{mark}]+{mark}" for mark in _MARKS)
# A mark counts where a name or a value begins: elsewhere it may be an apostrophe.
_PIECE = re.compile(rf"(?:(?<![^\s=,])(?:{QUOTED})|[^,])+")


def unquoted(word: str) -> str:
    """Return a word without the quotation marks around it.

    Examples
    --------
    >>> unquoted('"New York, NY"'), unquoted("Coeur d'Alene")
    ('New York, NY', "Coeur d'Alene")
    """
    is_quoted = len(word) > 1 and word[0] == word[-1] and word[0] in _MARKS
    return word[1:-1] if is_quoted else word


def spellings(name: str) -> tuple[str, ...]:
    """Return how a name may be written: as it is, and in quotation marks.

    Examples
    --------
    >>> spellings("age")
    ('age', "'age'", '"age"', '`age`')
    """
    return (name, *(f"{mark}{name}{mark}" for mark in _MARKS))


def quoted(word: str, signs: str = ",") -> str:
    """Return a word as it is written among others: in quotation marks where it has signs that part words.

    Examples
    --------
    >>> quoted("<=50K"), quoted("New York, NY"), quoted("a = b", ",=")
    ('<=50K', "'New York, NY'", "'a = b'")
    """
    if not set(word) & set(signs) and word == word.strip() == unquoted(word):
        return word
    mark = next((mark for mark in _MARKS if mark not in word), _MARKS[0])
    return f"{mark}{word}{mark}"


def split_at_commas(text: str) -> list[str]:
    """Split a text at its commas, except those in quotation marks; empty pieces are left out.

    Examples
    --------
    >>> split_at_commas('city="New York, NY", age=30')
    ['city="New York, NY"', 'age=30']
    """
    return [piece for own in _PIECE.findall(text) if (piece := own.strip())]
