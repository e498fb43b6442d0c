"""Lists and numbers of things in text."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["counted", "listed"]


def listed(items: Sequence[str], most: int = 8) -> str:
    """Return items with commas between them; of more than `most`, the first and the number of the others.

    Examples
    --------
    >>> listed(["a", "b"]), listed(["a", "b", "c", "d"], most=2)
    ('a, b', 'a, b and 2 more')
    """
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """Return how many things of a kind there are; without `plural`, that of the noun ends in s.

    Examples
    --------
    >>> counted(1, "row"), counted(2000, "row"), counted(2, "entry", "entries")
    ('1 row', '2,000 rows', '2 entries')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"
