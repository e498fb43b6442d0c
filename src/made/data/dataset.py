"""A data set ready for a model: coded train, valid and test rows, and what is known about their variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from made.data.coding import Labels, encode, infer_classes, whole_numbers
from made.data.image_shape import find_image_shape
from made.data.readers import Raw
from made.data.registry import SPLITS
from made.data.two_dim import draw
from made.support.errors import EntryError, InputError

__all__ = ["Dataset", "build", "find_column", "split_rows"]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Train, valid and test rows of codes 0..K-1.

    Attributes
    ----------
    name : str
        The set's name, or its file's without suffix.
    train, valid, test : ndarray of shape (n, D)
        Codes: uint8 where every variable has at most 256 classes, else int64.
    classes : tuple of D ints
        The number of classes of each variable; 2 for a binary one.
    labels : tuple of D entries
        None where values are the codes themselves, else the tuple of the original values by code.
    image_shape : tuple of two ints, or None
        Height and width, where a row is an image.
    notes : tuple of str
        What was decided for the user, a sentence each.
    table : ndarray of shape (K1, K2), float64, or None
        The joint table that the rows were drawn from, with sum 1.
    columns : tuple of D str, or None
        Column names, where the file has a header.
    context : Dataset or None
        The columns that are not modelled but given, row by row; see `with_context`.
    """

    name: str
    train: np.ndarray[Any, Any]
    valid: np.ndarray[Any, Any]
    test: np.ndarray[Any, Any]
    classes: tuple[int, ...]
    labels: Labels
    image_shape: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()
    table: np.ndarray[Any, Any] | None = field(default=None)
    columns: tuple[str, ...] | None = None
    context: Dataset | None = None

    def with_context(self, names: Sequence[str | int]) -> Dataset:
        """Return the set with some of its columns set apart as the context of the others.

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
        >>> rows.context.columns, rows.columns[:3]
        (('x0', 'x3'), ('x1', 'x2', 'x4'))
        """
        chosen = [find_column(name, self.columns, self.n_variables) for name in names]
        if not chosen:
            return self
        if len(set(chosen)) < len(chosen):
            raise InputError(f"{self.name}: a column is named twice as context")
        rest = [d for d in range(self.n_variables) if d not in chosen]
        if not rest:
            raise InputError(f"{self.name}: all columns are context, and none is left to model")
        # Without a header, columns are still called by their places in the file, on both sides.
        named = replace(self, columns=self.columns or tuple(f"x{d}" for d in range(self.n_variables)))
        return replace(named._columns(rest), context=named._columns(chosen))

    def _columns(self, chosen: Sequence[int]) -> Dataset:
        return replace(
            self,
            train=self.train[:, list(chosen)],
            valid=self.valid[:, list(chosen)],
            test=self.test[:, list(chosen)],
            classes=tuple(self.classes[d] for d in chosen),
            labels=tuple(self.labels[d] for d in chosen),
            image_shape=None,
            table=None,
            columns=None if self.columns is None else tuple(self.columns[d] for d in chosen),
        )

    @property
    def splits(self) -> dict[str, np.ndarray[Any, Any]]:
        """The rows by the name of their split, each of shape (n, D)."""
        return {"train": self.train, "valid": self.valid, "test": self.test}

    def context_of(self, split: str) -> np.ndarray[Any, Any] | None:
        """Return the context of the rows of a split, (n, C); None where there is none."""
        return None if self.context is None else self.context.splits[split]

    @property
    def n_variables(self) -> int:
        """D, the number of variables."""
        return len(self.classes)

    @property
    def is_binary(self) -> bool:
        """Whether every variable has two classes whose codes are its values."""
        return set(self.classes) == {2} and all(known is None for known in self.labels)

    def __repr__(self) -> str:
        rows = ", ".join(f"{len(part):,} {split}" for split, part in self.splits.items())
        kind = "binary" if self.is_binary else "categorical"
        return f"Dataset({self.name!r}: {self.n_variables} {kind} variables; rows: {rows})"


def find_column(name: str | int, columns: Sequence[str] | None, n_variables: int) -> int:
    """Return the place of a column, counted from 0.

    Parameters
    ----------
    name : str or int
        As the header has it; or its number, alone or after an x where there is no header.
    columns : sequence of D str, or None
        The header.
    n_variables : int
        D.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> find_column("age", ["sex", "age"], 2), find_column("x1", None, 2), find_column("0", None, 2)
    (1, 1, 0)
    """
    if columns is not None and name in columns:
        return list(columns).index(str(name))
    digits = str(name).removeprefix("x") if columns is None else str(name)
    if digits.isdecimal() and int(digits) < n_variables:
        return int(digits)
    known = f"0..{n_variables - 1}"
    if columns is not None:
        close = get_close_matches(str(name), columns, n=3, cutoff=0.5) or list(columns[:5])
        known = f"{', '.join(close)}{', ...' if len(columns) > len(close) else ''}, or a number {known}"
    else:
        known = f"x0..x{n_variables - 1}"
    raise InputError(f"there is no variable {str(name)!r}; there are {known}")


def build(
    raw: Raw, name: str, *, seed: int = 0, n_points: int = 100_000, split_seed: int | None = None
) -> Dataset:
    """Make a data set of the arrays of a file: check, code and split them.

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
    split_seed : int, optional
        A seed that belongs to the set itself, so that its split never varies.

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
    if raw.table is not None:
        return _from_table(raw, raw.table, name, seed, n_points)
    source, columns = raw.source, raw.columns
    _check_shapes(raw.splits, source)
    values = {}
    for split, rows in raw.splits.items():
        try:
            values[split] = whole_numbers(rows, _where(source, split), columns)
        except EntryError as error:
            raise raw.located(error, split) from None
    classes, labels, label_notes = infer_classes(values, source, columns)
    coded = {
        split: encode(rows, classes, labels, _where(source, split), columns) for split, rows in values.items()
    }
    if split_seed is not None:
        parts, split_notes = split_rows(coded, source, split_seed, of_set=True)
    else:
        parts, split_notes = split_rows(coded, source, seed)
    image_shape = raw.image_shape
    image_notes: tuple[str, ...] = ()
    if image_shape is None:
        image_shape = find_image_shape(parts["train"], classes)
        if image_shape is not None:
            height, width = image_shape
            image_notes = (f"rows are taken for images of {height} x {width}: so alike are neighbours",)
    return Dataset(
        name,
        train=parts["train"],
        valid=parts["valid"],
        test=parts["test"],
        classes=classes,
        labels=labels,
        image_shape=image_shape,
        notes=(*raw.notes, *label_notes, *split_notes, *image_notes),
        columns=columns,
    )


def split_rows(
    splits: Mapping[str, np.ndarray[Any, Any]], source: str, seed: int, *, of_set: bool = False
) -> tuple[dict[str, np.ndarray[Any, Any]], tuple[str, ...]]:
    """Complete the splits: one array 80/10/10, a train array without a valid one 90/10.

    Parameters
    ----------
    splits : mapping of str to ndarray of shape (n, D)
        ``"all"``, or ``"train"`` and ``"test"``, or all three splits.
    source : str
        Where they come from, for messages.
    seed : int
        Seed of the permutation of the rows.
    of_set : bool, default False
        Whether the seed belongs to the set, which the note then says.

    Returns
    -------
    parts : dict of str to ndarray of shape (n, D)
        Train, valid and test, at least one row each.
    notes : tuple of str
        How it was split; empty where the file has all three.

    Raises
    ------
    InputError
        If there are too few rows.
    """
    if "valid" in splits:
        return {split: splits[split] for split in SPLITS}, ()
    whole = splits["all"] if "all" in splits else splits["train"]
    n = len(whole)
    needed = 3 if "all" in splits else 2
    if n < needed:
        raise InputError(f"{source}: {_rows(n)} cannot be split; give at least {needed}")
    tenth = max(1, round(n / 10))
    rows = whole[np.random.default_rng(seed).permutation(n)]
    how = f"with seed {seed}" + (", always the same" if of_set else "")
    if "all" in splits:
        parts = {
            "train": rows[: n - 2 * tenth],
            "valid": rows[n - 2 * tenth : n - tenth],
            "test": rows[n - tenth :],
        }
        return parts, (f"one array of {_rows(n)}: split 80/10/10 {how}",)
    parts = {"train": rows[: n - tenth], "valid": rows[n - tenth :], "test": splits["test"]}
    return parts, (f"no valid rows: the {n:,} train rows are split 90/10 {how}",)


def _from_table(raw: Raw, table: np.ndarray[Any, Any], name: str, seed: int, n_points: int) -> Dataset:
    if isinstance(n_points, bool) or not isinstance(n_points, (int, np.integer)) or n_points < 3:
        raise InputError(f"n_points must be a whole number of at least 3, got {n_points!r}")
    points = draw(table, int(n_points), seed)
    points = points.astype(np.uint8 if max(table.shape) <= 256 else np.int64)
    tenth = max(1, round(n_points / 10))
    note = f"{n_points:,} points drawn from the joint table with seed {seed}, split 80/10/10"
    # the points are independent, so that cutting them in the order drawn is a random split
    return Dataset(
        name,
        train=points[: n_points - 2 * tenth],
        valid=points[n_points - 2 * tenth : n_points - tenth],
        test=points[n_points - tenth :],
        classes=(table.shape[0], table.shape[1]),
        labels=(None, None),
        notes=(*raw.notes, note),
        table=table,
    )


def _check_shapes(splits: Mapping[str, np.ndarray[Any, Any]], source: str) -> None:
    for split, rows in splits.items():
        if len(rows) == 0:
            raise InputError(f"{_where(source, split)}: no rows; give at least one")
        if rows.shape[1] == 0:
            raise InputError(f"{_where(source, split)}: no columns; a row needs at least one variable")
    widths = {split: rows.shape[1] for split, rows in splits.items()}
    if len(set(widths.values())) > 1:
        listed = ", ".join(f"{split} {width}" for split, width in widths.items())
        raise InputError(f"{source}: the splits differ in their number of columns: {listed}")


def _where(source: str, split: str) -> str:
    return source if split == "all" else f"{source}, {split}"


def _rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n:,} rows"
