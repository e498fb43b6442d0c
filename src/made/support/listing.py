"""Lists in text: the first items, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["listed"]


def listed(items: Sequence[str], most: int = 8) -> str:
    """Return items with commas between them; of more than `most`, the first and the number of the others.

    Examples
    --------
    >>> listed(["a", "b"]), listed(["a", "b", "c", "d"], most=2)
    ('a, b', 'a, b and 2 more')
    """
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more
