"""What of a file cannot be read: which row, why, and what it holds."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Fault", "shortened"]


class Fault(NamedTuple):
    """A row that cannot be read, or one entry of it.

    Attributes
    ----------
    row : int
        Its number among the rows of the file, counted from 0, unreadable ones included.
    column : int or None
        Of the file, counted from 0; None for the whole row.
    value : str
        What the file holds there.
    reason : str
        What is wrong with it, to stand after its place.
    """

    row: int
    column: int | None
    value: str
    reason: str


def shortened(text: str, most: int = 40) -> str:
    """Return a text for a message, cut where it is long.

    Examples
    --------
    >>> shortened("abcdefgh", 6)
    'abc...'
    """
    return text if len(text) <= most else text[: most - 3] + "..."
