"""What is said about one column of a table, joined with what its values say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from made.data.classes import outside_mass
from made.variables.column import Column, Found
from made.variables.column_settings import kind_of, settings_said

__all__ = ["Said", "as_labels"]

_AS_SAID = "as said; "


@dataclass(frozen=True)
class Said:
    """A kind and settings of a column, or neither.

    Attributes
    ----------
    kind : str, optional
        One of `made.variables.column_settings.KINDS`.
    settings : mapping
        As for `Schema.with_column`.
    note : str
    """

    kind: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    @classmethod
    def of(cls, column: Column) -> Said:
        """Return what an open column says."""
        return cls(kind_of(column), settings_said(column), column.note)

    def of_labels(self, found: Mapping[str, Any], trained: Sequence[Any]) -> dict[str, Any]:
        """Return the settings of a column of labels, given those that its values say, and its labels."""
        settings = {**found, **self.settings}
        unseen = settings.get("unseen")
        if "classes" in self.settings and unseen is None and "unseen" not in self.settings:
            classes = as_labels(settings["classes"])
            unseen = True if len(classes) > 2 or not set(trained) <= set(classes) else None
        if unseen is True:
            unseen = outside_mass(trained, as_labels(settings["classes"]))
        return {**settings, "unseen": unseen}

    def noted(self, found: Found) -> Found:
        """Return what rows say about a column of which something is said."""
        return found if self.kind is None else replace(found, why=f"{_AS_SAID}{found.why}")

    def plain(self, found: Found | None) -> Found | None:
        """Return what rows say about a column of which nothing is said."""
        return None if found is None else replace(found, why=found.why.removeprefix(_AS_SAID))


def as_labels(classes: int | Sequence[Any]) -> Sequence[Any]:
    """Return the labels of classes: 0..K-1 where they are codes."""
    return range(classes) if isinstance(classes, int) else classes
