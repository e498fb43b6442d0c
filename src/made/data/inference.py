"""`made.infer_schema`: what the columns of a table are taken for, to be looked at and edited before a fit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from made.data import columns as of_columns
from made.data.choices import Choices
from made.variables.schema import Schema

__all__ = ["infer_schema"]

_log = logging.getLogger(__name__)


def infer_schema(rows: Any, *, columns: Mapping[str, str] | None = None, drop: Sequence[str] = ()) -> Schema:
    """Return what `made.auto_fit` takes the columns of a table for.

    Print it: a line for each column says name, kind, range or classes, how much is missing, whether its
    probabilities are masses or densities, and why. Edit it: `Schema.with_column`, `Schema.drop`,
    `Schema.with_context`, `Schema.with_note` return a new one. Then ``made.auto_fit(rows, schema=schema)``.

    Parameters
    ----------
    rows : (n, D) array or data frame
        Numbers, text, gaps. All of them are looked at: `made.auto_fit` without a schema takes the classes of
        text from those that it trains on.
    columns : mapping of str to str, optional
        Kinds of columns that are not to follow from their values: ``"numeric"`` or ``"category"``.
    drop : sequence of str
        Columns to leave out.

    Returns
    -------
    Schema

    Raises
    ------
    InputError
        If there are no rows, or a value is neither text nor a finite number.

    Examples
    --------
    >>> import numpy as np
    >>> schema = infer_schema(np.stack([np.arange(90) % 3, np.arange(90) / 4], axis=1))
    >>> print(schema.with_column("x0", "numeric", step=1))
    column  kind     values                             measure  why
    x0      numeric  whole numbers                      mass
    x1      numeric  0..22.25, multiples of 0.01        mass     90 different numbers, of at most 2 decimals
    """
    choices = Choices(columns or {}, tuple(drop))
    schema, notes = of_columns.infer_schema({"all": rows}, choices=choices)
    for note in notes:
        _log.info("%s", note)
    return schema
