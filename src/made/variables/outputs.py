"""What rows leave a model as: a data frame, an array or a tensor."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from made.support.errors import InputError
from made.variables import frames
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["OUTPUTS", "as_output", "check_output", "drawn"]

_log = logging.getLogger(__name__)

#: What an answer can be asked for as.
OUTPUTS = ("numpy", "torch", *frames.LIBRARIES)


def check_output(output: str | None) -> str | None:
    """Return what is asked for by one name, or raise an `InputError`.

    Examples
    --------
    >>> check_output("tensor")
    'torch'
    """
    own = "torch" if output == "tensor" else output
    if own is not None and own not in OUTPUTS:
        raise InputError(f"output is one of {', '.join(map(repr, OUTPUTS))}, got {output!r}")
    return own


def as_output(schema: Schema, rows: Rows, output: str) -> Any:
    """Return encoded rows as one of `OUTPUTS`.

    Raises
    ------
    InputError
        If a tensor is asked for where labels are text, or a library is not installed.

    Examples
    --------
    >>> schema = Schema.of_classes([3], [(10, 20, 30)], names=["size"])
    >>> as_output(schema, schema.encode([[30], [10]]), "polars")["size"].to_list()
    [30, 10]
    """
    rows = rows.to(torch.device("cpu"))
    if output in frames.LIBRARIES:
        return schema.as_frame(rows, output)
    values = schema.decode(rows)
    if output == "numpy":
        return values
    if values.dtype == object:
        raise InputError(
            "no tensor holds dates, or labels that are text: ask for output='numpy', or a data frame"
        )
    return torch.from_numpy(values)


def drawn(schema: Schema, rows: Rows, output: str | None, given: Any, plainly: Callable[[Rows], Any]) -> Any:
    """Return drawn rows as what is asked for, or as what was given, or as what the model was fitted on.

    Parameters
    ----------
    schema : Schema
        Of the model.
    rows : Rows
        Encoded.
    output : str, optional
        One of `OUTPUTS`.
    given : data frame or anything else
        A frame is filled in, all its columns.
    plainly : callable
        Returns rows as a model answers that was fitted on an array.
    """
    if frames.is_frame(given) and output in (None, *frames.LIBRARIES):
        values = schema.decode(rows.to(torch.device("cpu")))
        filled = frames.fill(given, schema.modelled_in(given), values)
        return filled if output is None else frames.as_library(filled, output)
    if output is None and schema.frame is not None and _is_installed(schema.frame.library):
        output = schema.frame.library
    return plainly(rows) if output is None else as_output(schema, rows, output)


@cache
def _is_installed(library: str) -> bool:
    """Return whether a library is installed; where it is not, that is said once."""
    found = importlib.util.find_spec(library) is not None
    if not found:
        _log.warning(
            "this model was fitted on a data frame of %s, which is not installed: it answers with arrays; "
            "pip install %s, or ask for output='polars'",
            library,
            library,
        )
    return found
