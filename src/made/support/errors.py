"""The error for what a user can mend: one line that names the thing and the remedy; and a warning."""

from __future__ import annotations

__all__ = ["InputError", "PoorEstimateWarning"]


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


class PoorEstimateWarning(UserWarning):
    """An answer that had to be estimated rests on few effective particles; the message says on how many."""
