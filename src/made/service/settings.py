"""What a service allows: how much one request may ask for, and how many may wait."""

from __future__ import annotations

from dataclasses import dataclass

from made.support.settings import check_settings, documented, setting

__all__ = ["Limits"]


@documented
@dataclass(frozen=True)
class Limits:
    """Limits of a service; what is beyond one is refused, and the answer names it.

    Examples
    --------
    >>> Limits(max_rows=10).max_rows
    10
    """

    max_rows: int = setting(
        100_000, least=1, help="Most rows of a request: scored, completed or drawn, several of a row counted."
    )
    max_megabytes: float = setting(64.0, above=0, help="Largest body of a request.")
    max_seconds: float = setting(60.0, above=0, help="Longest that a request may take.")
    max_requests: int = setting(256, least=1, help="Most requests that are worked on or wait.")
    max_waiting: int = setting(
        1_024, least=1, help="Most rows that wait to be scored together with those of other requests."
    )
    batch_rows: int = setting(
        256, least=1, help="Most rows of small requests that are scored in one forward pass."
    )

    def __post_init__(self) -> None:
        """Check the bounds."""
        check_settings(self)
