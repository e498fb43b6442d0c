"""The error for what a user can mend: one line that names the thing and the remedy; and a warning."""

from __future__ import annotations

__all__ = ["EntryError", "InputError", "PoorEstimateWarning"]


class InputError(ValueError):
    """Something given to ``made`` cannot be used; the message says what and how to mend it.

    The command line prints the message as one line and exits with code 2. It is a ``ValueError``, so that
    code which knows nothing of ``made`` catches it as it would any other bad argument.

    Examples
    --------
    >>> from made.support.errors import InputError
    >>> raise InputError("hidden sizes must be at least 1, got 0")
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: hidden sizes must be at least 1, got 0
    """


class EntryError(InputError):
    """One entry of an array of rows cannot be used.

    Whoever read the array from a file can say where in the file the entry stands.

    Parameters
    ----------
    row, column : int
        Counted from 0.
    complaint : str
        What is wrong with it, to stand after its place.
    source : str
        Where the array comes from; stands first, if not empty.
    name : str, optional
        Of the column.

    Examples
    --------
    >>> str(EntryError(3, 1, "holds 0.5: round it", source="rows.npy", name="age"))
    'rows.npy: row 3, column 1 (age) (counted from 0) holds 0.5: round it'
    """

    def __init__(
        self, row: int, column: int, complaint: str, *, source: str = "", name: str | None = None
    ) -> None:
        self.row, self.column, self.complaint = row, column, complaint
        where = f"row {row}, column {column}" + (f" ({name})" if name is not None else "")
        super().__init__(f"{f'{source}: ' if source else ''}{where} (counted from 0) {complaint}")


class PoorEstimateWarning(UserWarning):
    """An answer that had to be estimated rests on few effective particles; the message says on how many."""
