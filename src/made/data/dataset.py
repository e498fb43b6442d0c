"""A data set ready for a model: train, valid and test rows of values, and their schema."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from made.data.choices import Choices
from made.data.columns import infer_schema
from made.data.one_column import split_name
from made.data.protect import protected_rows
from made.data.raw import Raw
from made.data.splits import split_by_column, split_rows, training_rows
from made.data.two_dim import draw
from made.data.whole_numbers import whole_numbers
from made.support.checks import are_whole, check_int
from made.support.errors import EntryError, InputError
from made.variables.schema import Schema

__all__ = ["Dataset", "build"]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Train, valid and test rows of values, and the schema that says what they are.

    Attributes
    ----------
    name : str
        The set's name, or its file's without suffix.
    train, valid, test : ndarray of shape (n, D)
        Values of the modelled columns as the file has them: uint8 where all lie in 0..255, int64 where all
        are whole, float64 with NaN where missing, and objects with None where missing beside text. Dates are
        in their parts, a column for each variable.
    schema : Schema
        Names, kinds, labels, context or not, image shape.
    notes : tuple of str
        What was decided for the user, a sentence each.
    table : ndarray of shape (K1, K2), float64, or None
        The joint table that the rows were drawn from, with sum 1.
    context : dict of str to ndarray of shape (n, C), or None
        By split, the values of the context columns; see `with_context`.
    is_protected : bool
        Whether rare labels, minima and maxima are kept out of the rows: nothing is to show single ones.
    """

    name: str
    train: np.ndarray[Any, Any]
    valid: np.ndarray[Any, Any]
    test: np.ndarray[Any, Any]
    schema: Schema
    notes: tuple[str, ...] = ()
    table: np.ndarray[Any, Any] | None = field(default=None)
    context: Mapping[str, np.ndarray[Any, Any]] | None = None
    is_protected: bool = False

    def with_context(self, names: Sequence[str | int]) -> Dataset:
        """Return the set with some of its columns as the context of the others.

        Parameters
        ----------
        names : sequence of str or int
            Names of columns, or their numbers counted from 0.

        Raises
        ------
        InputError
            If there is no such column, or none would be left to model.

        Examples
        --------
        >>> import numpy as np
        >>> rows = build(Raw("rows.npy", {"all": np.eye(10)}), "rows").with_context([0, 3])
        >>> [column.name for column in rows.schema.context_columns], rows.schema.modelled[0].name
        (['x0', 'x3'], 'x1')
        """
        if not names:
            return self
        try:
            schema = self.schema.with_context(names)
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None
        if self.context is not None:
            if schema.context_places == self.schema.context_places:
                return self
            raise InputError(f"{self.name}: the schema says which columns are context: leave context out")
        places = list(schema.context_places)
        rest = [d for d in range(self.train.shape[1]) if d not in set(places)]
        return replace(
            self,
            train=self.train[:, rest],
            valid=self.valid[:, rest],
            test=self.test[:, rest],
            schema=schema,
            context={split: rows[:, places] for split, rows in self.splits.items()},
            table=None,
        )

    def reordered(self, names: Sequence[str]) -> Dataset:
        """Return the set, which has no context, with its columns in the order of these names."""
        places = [self.schema.place(name) for name in names]
        if places == list(range(len(places))):
            return self
        columns = tuple(self.schema.columns[place] for place in places)
        return replace(
            self,
            train=self.train[:, places],
            valid=self.valid[:, places],
            test=self.test[:, places],
            schema=replace(self.schema, columns=columns, image_shape=None),
        )

    @property
    def splits(self) -> dict[str, np.ndarray[Any, Any]]:
        """The rows by the name of their split, each of shape (n, D)."""
        return {"train": self.train, "valid": self.valid, "test": self.test}

    def codes(self, split: str) -> np.ndarray[Any, Any]:
        """Return the codes of the rows of a split, (n, D)."""
        if self._holds_codes:
            return self.splits[split]
        codes: np.ndarray[Any, Any] = self.schema.encode_modelled(self.splits[split]).numpy()
        return codes

    def context_of(self, split: str) -> np.ndarray[Any, Any] | None:
        """Return the context of the rows of a split, (n, C); None where there is none."""
        return None if self.context is None else self.context[split]

    @property
    def n_variables(self) -> int:
        """D, the number of variables."""
        return len(self.schema.modelled)

    @property
    def classes(self) -> tuple[int, ...]:
        """The number of classes of each variable; 2 for a binary one."""
        return self.schema.classes

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The names of the variables, where the file has a header."""
        return tuple(column.name for column in self.schema.modelled) if self.schema.is_named else None

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """Height and width, where a row is an image."""
        return self.schema.image_shape

    @property
    def is_binary(self) -> bool:
        """Whether every variable has two classes whose codes are its values."""
        return set(self.classes) == {2} and self._holds_codes

    @property
    def _holds_codes(self) -> bool:
        known = (*self.schema.labels, *self.schema.unseen_masses)
        return all(own is None for own in known)

    def __repr__(self) -> str:
        rows = ", ".join(f"{len(part):,} {split}" for split, part in self.splits.items())
        kind = "binary" if self.is_binary else "categorical"
        return f"Dataset({self.name!r}: {self.n_variables} {kind} variables; rows: {rows})"


def build(
    raw: Raw,
    name: str,
    *,
    seed: int = 0,
    n_points: int = 100_000,
    choices: Choices | None = None,
    split_seed: int | None = None,
) -> Dataset:
    """Build a data set from the arrays of a file: check and split them, and infer the schema.

    Parameters
    ----------
    raw : Raw
        What a reader returned.
    name : str
        The name of the set.
    seed : int, default 0
        Decides the split where the file has none, and the points drawn from a joint table.
    n_points : int, default 100,000
        How many points to draw from a joint table; nothing else uses it.
    choices : Choices, optional
        What is said about columns.
    split_seed : int, optional
        A seed of the set itself, so that its split never changes.

    Returns
    -------
    Dataset
        With the notes of the reader and of every decision made here.

    Raises
    ------
    InputError
        If there are too few rows, the splits differ in columns, or a value is not a category.

    Examples
    --------
    >>> import numpy as np
    >>> build(Raw("rows.npy", {"all": np.eye(10)}), "rows")
    Dataset('rows': 10 binary variables; rows: 8 train, 1 valid, 1 test)
    """
    choices = choices or Choices()
    _check_split(raw, choices, of_set=split_seed is not None)
    if raw.table is not None:
        return _from_table(raw, raw.table, name, seed, n_points)
    source, columns = raw.source, raw.columns
    values = {}
    is_whole = all(map(_is_whole, raw.splits.values()))
    for split, rows in raw.splits.items():
        try:
            values[split] = whole_numbers(rows, split_name(source, split), columns) if is_whole else rows
        except EntryError as error:
            raise raw.located(error, split) from None
        infinite = None if is_whole else _first_infinite(rows)
        if infinite is not None:
            raise raw.located(EntryError(*infinite, "is infinite: a number is finite, or missing"), split)
    own_seed = seed if split_seed is None else split_seed
    numbers, note = None, ""
    if choices.split_by is not None:
        numbers, note = split_by_column(values["all"], columns, choices, source, own_seed)
    schema, schema_notes = infer_schema(
        values,
        source,
        columns,
        raw.image_shape,
        choices=choices,
        train=partial(training_rows, values, own_seed) if numbers is None else lambda n: numbers["train"],
    )
    names = columns or [f"x{d}" for d in range(len(raw.dtypes))]
    dtypes = dict(zip(names, raw.dtypes, strict=False))
    schema = schema.with_dtypes(dtypes, only_classes=choices.protect)
    plain = replace(schema, context_places=())
    called = [column.name for column in plain.table]
    if columns is not None and called != list(columns):
        kept = [list(columns).index(name) for name in called]
        values = {split: rows[:, kept] for split, rows in values.items()}
    if plain.has_dates:
        values = {split: plain.table_of(rows)[0] for split, rows in values.items()}
    if choices.protect:
        values = {split: protected_rows(plain, rows) for split, rows in values.items()}
        is_whole = is_whole and all(rows.dtype.kind in "biu" for rows in values.values())
    compact = values
    if is_whole:
        largest = max(int(rows.max()) for rows in values.values())
        smallest = min(int(rows.min()) for rows in values.values())
        kind = np.uint8 if smallest >= 0 and largest <= 255 else np.int64
        compact = {split: rows.astype(kind, copy=False) for split, rows in values.items()}
    if numbers is not None:
        parts = {split: compact["all"][own] for split, own in numbers.items()}
        split_notes: tuple[str, ...] = (note,)
    else:
        parts, split_notes = split_rows(compact, source, own_seed, of_set=split_seed is not None)
    told = tuple(map(_without_values, raw.notes)) if choices.protect else raw.notes
    notes = (*told, *schema_notes, *split_notes)
    dataset = Dataset(
        name, parts["train"], parts["valid"], parts["test"], plain, notes, is_protected=choices.protect
    )
    return dataset.with_context(schema.context_places)


def _without_values(note: str) -> str:
    """Return a note of a reader without the word of a row that it shows."""
    about, shows, _ = note.partition(" holds text among numbers, first ")
    return f"{about} holds text among numbers: it is read as text" if shows else note


def _check_split(raw: Raw, choices: Choices, *, of_set: bool) -> None:
    """Raise an `InputError` where rows are to be split by a column, and their split is fixed already."""
    if choices.split_by is not None and (of_set or set(raw.splits) != {"all"}):
        option = "group" if choices.time is None else "time"
        raise InputError(f"{raw.source} brings its own splits: leave {option} out")


def _from_table(raw: Raw, table: np.ndarray[Any, Any], name: str, seed: int, n_points: int) -> Dataset:
    n_points = check_int("n_points", n_points, least=3)
    points = draw(table, n_points, seed)
    points = points.astype(np.uint8 if max(table.shape) <= 256 else np.int64)
    tenth = max(1, round(n_points / 10))
    note = f"{n_points:,} points drawn from the joint table with seed {seed}, split 80/10/10"
    # the points are independent, so that cutting them in the order drawn is a random split
    return Dataset(
        name,
        train=points[: n_points - 2 * tenth],
        valid=points[n_points - 2 * tenth : n_points - tenth],
        test=points[n_points - tenth :],
        schema=Schema.of_classes(table.shape),
        notes=(*raw.notes, note),
        table=table,
    )


def _first_infinite(rows: np.ndarray[Any, Any]) -> tuple[int, int] | None:
    """Return row and column of the first infinite number."""
    if rows.dtype != object:
        infinite = np.isinf(rows)
        found = [] if not infinite.any() else [tuple(map(int, np.argwhere(infinite)[0]))]
    else:
        found = [
            (row, column)
            for column in range(rows.shape[1])
            for row, value in enumerate(rows[:, column].tolist())
            if isinstance(value, float) and math.isinf(value)
        ]
    return min(found, default=None)  # type: ignore[return-value]


def _is_whole(rows: np.ndarray[Any, Any]) -> bool:
    """Return whether an array can be one of integers."""
    if rows.dtype == object:
        return False
    return rows.dtype.kind != "f" or are_whole(rows)
