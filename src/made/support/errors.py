"""The error for what a user can mend: one line that names the thing and the remedy; and a warning."""

from __future__ import annotations

import re

__all__ = ["CannotWriteError", "EntryError", "InputError", "PoorEstimateWarning", "fault_of", "reason_of"]


# A message of more characters is cut in its middle: it may quote a name, a path or a value of any length.
_LONGEST, _LONGEST_NAME = 1_000, 80
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class InputError(ValueError):
    """Something given to ``made`` cannot be used; the message says what and how to mend it.

    The message is one line, whatever names and values it quotes: ends of lines are blanks, other control
    characters are escaped, and the middle of a very long message is left out. The command line prints it and
    exits with code 2. It is a ``ValueError``, so that code which knows nothing of ``made`` catches it as it
    would any other bad argument.

    Examples
    --------
    >>> from made.support.errors import InputError
    >>> raise InputError("hidden sizes must be at least 1, got 0")
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: hidden sizes must be at least 1, got 0
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(_one_line(str(message)))


def reason_of(error: BaseException) -> str:
    r"""Return what an error of a library says, in a line; its kind, where it says nothing.

    Examples
    --------
    >>> reason_of(ValueError("cut short\nat byte 7")), reason_of(KeyError())
    ('cut short', 'KeyError')
    """
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def fault_of(error: BaseException) -> str:
    """Return what is wrong with a file whose settings made something fail: also what they do not say.

    Examples
    --------
    >>> fault_of(KeyError("kind"))
    "it does not say 'kind'"
    """
    return f"it does not say {error}" if isinstance(error, KeyError) else reason_of(error)


class CannotWriteError(InputError):
    """A file could not be written: a full disk, a quota, a folder that is read-only or gone."""


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
        self.row, self.column, self.complaint, self.name = row, column, complaint, name
        if name is not None and len(name) > _LONGEST_NAME:
            name = f"{name[:_LONGEST_NAME]}..."
        where = f"row {row}, column {column}" + (f" ({name})" if name is not None else "")
        super().__init__(f"{f'{source}: ' if source else ''}{where} (counted from 0) {complaint}")


class PoorEstimateWarning(UserWarning):
    """An answer that had to be estimated rests on few effective particles; the message says on how many."""


def _one_line(text: str) -> str:
    lines = " ".join(line.strip() for line in text.splitlines()) if len(text.splitlines()) > 1 else text
    line = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), lines).strip()
    if len(line) <= _LONGEST:
        return line
    return f"{line[: _LONGEST * 2 // 3]} ... {line[-_LONGEST // 4 :]}"
