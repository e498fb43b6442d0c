"""The columns of a schema as a model sees them: which are modelled, and values to codes and back."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.support.errors import InputError
from made.variables.column import NUMBER, Column
from made.variables.date_columns import (
    TableColumn,
    given_parts,
    has_dates,
    join,
    mask_of_parts,
    table_columns,
)
from made.variables.missing import as_mask
from made.variables.schema_edits import EditableColumns
from made.variables.schema_frames import with_columns
from made.variables.schema_parts import columns_named, lacking_in, parts_of_table
from made.variables.schema_settings import settings_of

if TYPE_CHECKING:
    from torch import Tensor

    from made.variables.context import Context
    from made.variables.row_type import RowType
    from made.variables.rows import Rows

__all__ = ["CodedColumns"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CodedColumns(EditableColumns):
    """The columns of a table, and what their values are to a model; `Schema` adds files and frames."""

    @cached_property
    def modelled_table(self) -> tuple[TableColumn, ...]:
        """The columns of the table that are modelled, with the parts of a date as one."""
        return table_columns(self.modelled)

    @cached_property
    def has_dates(self) -> bool:
        """Whether a modelled column is a part of a date: tables have other columns than rows of variables."""
        return has_dates(self.modelled)

    @cached_property
    def modelled(self) -> tuple[Column, ...]:
        """The columns that are modelled: the variables of a row."""
        return tuple(column for d, column in enumerate(self.columns) if d not in self.context_places)

    @cached_property
    def context_columns(self) -> tuple[Column, ...]:
        """The columns that the model is conditioned on, in the order in which it takes them."""
        return tuple(self.columns[place] for place in self.context_places)

    @property
    def classes(self) -> tuple[int, ...]:
        """The number of classes of each modelled column."""
        return tuple(int(column.n_values or 0) for column in self.modelled)

    @property
    def labels(self) -> tuple[tuple[Any, ...] | None, ...]:
        """The labels of each modelled column; None where values are codes."""
        return tuple(column.labels for column in self.modelled)

    @property
    def unseen_masses(self) -> tuple[float | None, ...]:
        """The probability of a label that is no class, of each modelled column; None where it is refused."""
        return tuple(column.arguments.get("unseen") for column in self.modelled)

    @cached_property
    def row_type(self) -> RowType:
        """The modelled columns as variables."""
        from made.variables.row_type import RowType

        if self.is_open:
            open_ones = ", ".join(column.name for column in self.columns if column.is_open)
            raise InputError(
                f"not all is said of {open_ones}: made.auto_fit(rows, schema=schema) takes it from the rows"
            )
        return RowType.from_settings(settings_of(self.modelled))

    @cached_property
    def context(self) -> Context:
        """The columns of context as a model takes them."""
        from made.variables.context import Context
        from made.variables.row_type import RowType

        if all(column.kind == NUMBER for column in self.context_columns):
            return Context(len(self.context_columns))
        return Context(RowType.from_settings(settings_of(self.context_columns)).blocks)

    def table_of(self, rows: Any) -> tuple[Any, Any]:
        """Part a table into the values of the modelled columns and those of context.

        Parameters
        ----------
        rows : data frame, or (n, D) or (n, D + C) array
            A frame's columns are found by name, whatever their order; those of an array by place. An array
            of D columns has no context.

        Returns
        -------
        modelled, context
            Context is None where there is none.

        Raises
        ------
        InputError
            If a frame lacks a column, or has none of the names.
        """
        return parts_of_table(self, rows)

    def with_absent(self, rows: Any) -> Any:
        """Return rows as they are, a frame also with the columns that it lacks: nothing is known in these.

        Raises
        ------
        InputError
            If a frame lacks all modelled columns.
        """
        lacking = lacking_in(self, rows)
        if not lacking:
            return rows
        _log.warning("unknown in every row, as the table has no such column: %s", ", ".join(lacking))
        return with_columns(self, rows, lacking)

    def given_parts(self, given: Any) -> Any:
        """Return values that are given, by column or in rows (n, D), with dates in their parts."""
        if isinstance(given, Mapping):
            return given_parts(self.modelled, given)
        is_row = len(np.shape(given)) == 1
        return self.table_of([given] if is_row else given)[0]

    def encode(self, rows: Any, context: Any = None, *, unknown: Any = None, to_fill: bool = False) -> Rows:
        """Turn values into codes.

        Parameters
        ----------
        rows : data frame, or (n, D) array or tensor
            Values as the user has them; see `table_of`. A column that a frame lacks is unknown in every row.
        context : (n, C) array or tensor, or (C,) for all rows, optional
            Where `rows` does not bring it.
        unknown : (n, D) or (D,) bool array, optional
            True where an entry is unknown; beside those that `rows` marks None or NaN and whose column is
            never missing.
        to_fill : bool
            All that `rows` marks is unknown: entries to be filled in.

        Returns
        -------
        Rows

        Raises
        ------
        InputError
            If a value is none of its column's, or the shape is wrong.

        Examples
        --------
        >>> from made.variables.schema import Schema
        >>> Schema.of_classes([3], [(10, 20, 30)]).encode([[30], [10]]).codes.tolist()
        [[2], [0]]
        """
        from made.variables import encoding

        if lacking := lacking_in(self, rows):
            rows = self.with_absent(rows)
            absent = np.array([column.name in lacking for column in self.modelled_table])
            unknown = absent if unknown is None else as_mask(unknown, (len(rows), len(absent))) | absent
        modelled, own = self.table_of(rows)
        if unknown is not None and self.has_dates:
            unknown = mask_of_parts(self.modelled, unknown)
        rounded: Counter[int] = Counter()
        with columns_named(self, rows):
            encoded = encoding.encode(self.row_type, modelled, unknown, to_fill=to_fill, rounded=rounded)
        self.tell_rounded(rounded)
        given = self.context.rows(own if context is None else context, len(encoded))
        return encoded if given is None else replace(encoded, context=given)

    def without(self, rows: Rows, unknown: Any) -> Rows:
        """Return encoded rows of which more entries are unknown: (n, D) or (D,) bool, as for `encode`."""
        import torch

        mask = mask_of_parts(self.modelled, unknown) if self.has_dates else unknown
        known = rows.mask & ~torch.from_numpy(as_mask(mask, tuple(rows.codes.shape))).to(rows.codes.device)
        bodies = rows.bodies
        if bodies is not None and self.row_type.numbers is not None:
            bodies = bodies * known[:, self.row_type.numbers.places.tolist()]
        return replace(rows, codes=rows.codes * known, known=known, bodies=bodies, scores=None)

    def encode_modelled(self, rows: Any) -> Tensor:
        """Turn values of the modelled columns into codes, (n, D), whatever the context is."""
        return self.encode_complete(rows).codes

    def encode_complete(self, rows: Any) -> Rows:
        """Turn values of the modelled columns, none of them unknown, into rows without context."""
        from made.variables import encoding

        rounded: Counter[int] = Counter()
        with columns_named(self, rows):
            encoded = encoding.encode_complete(self.row_type, self.table_of(rows)[0], rounded=rounded)
        self.tell_rounded(rounded)
        return encoded

    def tell_rounded(self, counts: Mapping[int, int]) -> None:
        """Log how many values of each modelled column were not on its grid, and are rounded."""
        for d, n in sorted(counts.items()):
            column = self.modelled[d]
            if column.part is not None:
                time, those = ("time is", "is") if n == 1 else ("times are", "are")
                _log.warning(
                    "column %s: %s %s finer than %s, and %s rounded",
                    column.part.column,
                    f"{n:,}",
                    time,
                    column.part.form.finest,
                    those,
                )
                continue
            step = f"{column.arguments['step']:g}"
            values = "value is not a multiple" if n == 1 else "values are not multiples"
            _log.warning("column %s: %s %s of its step %s, and rounded", column.name, f"{n:,}", values, step)

    def decode(self, codes: ArrayLike | Tensor | Rows) -> NDArray[Any]:
        """Turn codes (n, D), or rows, into the values of a table: the inverse of `encode`."""
        values = self.decode_parts(codes)
        return join(self.modelled, values) if self.has_dates else values

    def decode_parts(self, codes: ArrayLike | Tensor | Rows) -> NDArray[Any]:
        """Turn codes (n, D), or rows, into the values of the variables, (n, D): dates in their parts."""
        from made.variables import encoding
        from made.variables.rows import Rows
        from made.variables.unseen_entries import restored

        if isinstance(codes, Rows):
            values = encoding.decode(self.row_type, codes.codes, codes.bodies)
            return restored(self.row_type, values, codes.codes.cpu().numpy(), codes.labels)
        return encoding.decode(self.row_type, codes)

    def unseen(self, rows: Any) -> NDArray[np.bool_]:
        """Return which entries of rows, (n, D) values, are labels that no class of their column has.

        Examples
        --------
        >>> from made.variables.schema import Schema
        >>> columns = (Column("city", "categorical", {"classes": ["Oslo", "Rome"], "unseen": 0.01}),)
        >>> Schema(columns).unseen([["Rome"], ["Bern"]])
        array([[False],
               [ True]])
        """
        from made.variables import encoding
        from made.variables.unseen_entries import are_unseen

        return are_unseen(self.row_type, encoding.encode(self.row_type, self.table_of(rows)[0]))
