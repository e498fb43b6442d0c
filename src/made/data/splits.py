"""Rows into training, validation and test rows: at random, by groups that stay together, or by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.data.choices import Choices
from made.data.dates import date_form
from made.data.registry import SPLITS
from made.support.errors import InputError
from made.support.listing import counted
from made.variables import frames
from made.variables.column import find_column
from made.variables.dates import instants_of
from made.variables.missing import marks_of

__all__ = ["apart_by_column", "column_of", "split_by_column", "split_rows", "training_rows"]

Numbers = NDArray[np.int64]
_SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}


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
        Whether the seed is that of the set, for the note.

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
        raise InputError(f"{source}: {counted(n, 'row')} cannot be split; give at least {needed}")
    tenth = max(1, round(n / 10))
    rows = whole[np.random.default_rng(seed).permutation(n)]
    how = f"with seed {seed}" + (", always the same" if of_set else "")
    if "all" in splits:
        parts = {
            "train": rows[: n - 2 * tenth],
            "valid": rows[n - 2 * tenth : n - tenth],
            "test": rows[n - tenth :],
        }
        return parts, (f"one array of {counted(n, 'row')}: split 80/10/10 {how}",)
    parts = {"train": rows[: n - tenth], "valid": rows[n - tenth :], "test": splits["test"]}
    return parts, (f"no valid rows: the {n:,} train rows are split 90/10 {how}",)


def training_rows(splits: Mapping[str, Any], seed: int, n: int) -> np.ndarray[Any, Any]:
    """Return which of n rows, those of the first split, `split_rows` leaves to be trained on."""
    if "valid" in splits or n < 3:
        return np.arange(n)
    tenth = max(1, round(n / 10))
    order = np.random.default_rng(seed).permutation(n)
    return order[: n - (2 if "all" in splits else 1) * tenth]


def split_by_column(
    table: NDArray[Any],
    names: Sequence[str] | None,
    choices: Choices,
    source: str,
    seed: int = 0,
    shares: Mapping[str, float] | None = None,
) -> tuple[dict[str, Numbers], str]:
    """Return the numbers of the rows of each split, ascending, where a column says which belong together.

    Parameters
    ----------
    table : (n, D) array
        Rows.
    names : sequence of D str, optional
        Of the columns.
    choices : Choices
        With a group or a time.
    source : str
        Where the rows come from, for messages.
    seed : int
        Of the choice of groups.
    shares : mapping of str to float, optional
        The share of the rows that each split is to have, the last ones first taken; 80/10/10 by default.

    Returns
    -------
    numbers : dict of str to (n_i,) int array
    note : str
        How it was split.

    Raises
    ------
    InputError
        If an entry of the column is missing, is no time, or too few of them differ.

    Examples
    --------
    >>> days = np.array([[3], [1], [2], [3], [1], [4]])
    >>> numbers, note = split_by_column(days, ["day"], Choices(time="day"), "rows")
    >>> {split: own.tolist() for split, own in numbers.items()}
    {'train': [1, 2, 4], 'valid': [0, 3], 'test': [5]}
    >>> note
    'split by time, day: train, 3 rows, up to 2; valid, 2 rows, from 3; test, 1 row, from 4'
    """
    assert choices.split_by is not None
    shares = _SHARES if shares is None else shares
    place = find_column(choices.split_by, names, table.shape[1])
    name = f"x{place}" if names is None else names[place]
    values = table[:, place]
    marks = marks_of(values)
    if marks is not None:
        n_missing, option = int(marks.sum()), "group" if choices.time is None else "time"
        raise InputError(
            f"{source}: column {name} is missing in {counted(n_missing, 'row')}, which have no {option}: "
            "fill it or drop them"
        )
    if choices.time is not None:
        shown = None if choices.protect else values
        return _by_time(_times(values, name, source), shown, name, source, shares)
    return _by_group(values, name, source, shares, seed)


def apart_by_column(
    table: NDArray[Any], names: Sequence[str] | None, choices: Choices, seed: int, share: float
) -> tuple[Numbers, Numbers, str]:
    """Return the numbers of training rows, and of those set apart for validation, and how that was done."""
    shares = {"train": 1 - share, "valid": share}
    numbers, note = split_by_column(table, names, choices, "the rows", seed, shares)
    return numbers["train"], numbers["valid"], note


def column_of(rows: Any, name: str | int) -> tuple[NDArray[Any], list[str]]:
    """Return one column of an array or a data frame, (n, 1), with its name."""
    if frames.is_frame(rows):
        names = frames.names_of(rows)
        own = names[find_column(name, names, len(names))]
        return frames.values_of(rows, [own]), [own]
    frames.check_is_table(rows, "the rows")
    table = rows if isinstance(rows, np.ndarray) else np.array(rows, dtype=object)
    if table.ndim != 2:
        raise InputError(f"the rows are a table (rows, variables), got shape {table.shape}")
    place = find_column(name, None, table.shape[1])
    return table[:, [place]], [f"x{place}"]


def _by_group(
    values: NDArray[Any], name: str, source: str, shares: Mapping[str, float], seed: int
) -> tuple[dict[str, Numbers], str]:
    """Deal whole groups out: to each split, the last one first, those that bring it nearer to its share.

    Groups come in a random order, whatever their size is: large ones are not kept out of the test rows.
    """
    keys = values.astype(str) if values.dtype.kind not in "biuf" else values
    labels, group = np.unique(keys, return_inverse=True)
    if len(labels) < len(shares):
        raise InputError(
            f"{source}: column {name} has {counted(len(labels), 'group')}, and a split needs {len(shares)}, "
            f"one for each of {', '.join(shares)}: choose another column"
        )
    sizes = np.bincount(group)
    left = np.random.default_rng(seed).permutation(len(labels)).tolist()
    splits = list(shares)
    own: dict[str, list[int]] = {}
    for n_others, split in reversed(list(enumerate(splits))):
        if n_others == 0:
            own[split] = left
            break
        aim = shares[split] * len(values)
        own[split] = _nearest(left, sizes, aim, len(left) - n_others)
        taken = set(own[split])
        left = [number for number in left if number not in taken]
    numbers = {split: np.flatnonzero(np.isin(group, own[split])) for split in splits}
    listed = "; ".join(
        f"{split}, {counted(len(numbers[split]), 'row')} of {len(own[split]):,}" for split in splits
    )
    return numbers, f"split by the {len(labels):,} groups of {name}, none of them in two: {listed}"


def _nearest(order: Sequence[int], sizes: NDArray[np.int64], aim: float, most: int) -> list[int]:
    """Return groups, out of an order, whose sizes come near to an aim together; at least one."""
    taken: list[int] = []
    total = 0
    for number in order:
        size = int(sizes[number])
        if len(taken) < most and abs(total + size - aim) < abs(total - aim):
            taken.append(number)
            total += size
    return taken or [min(order, key=lambda number: int(sizes[number]))]


def _by_time(
    times: NDArray[Any], values: NDArray[Any] | None, name: str, source: str, shares: Mapping[str, float]
) -> tuple[dict[str, Numbers], str]:
    """Cut the rows in the order of time, where it changes nearest to each share; values are for the note."""
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    begins = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1  # where another time begins
    splits = list(shares)
    if len(begins) + 1 < len(splits):
        times_there = counted(len(begins) + 1, "time")
        raise InputError(
            f"{source}: column {name} has {times_there}, and a split needs {len(splits)}, one for each of "
            f"{', '.join(splits)}: choose another column"
        )
    cuts: list[int] = []
    total = 0.0
    for place, split in enumerate(splits[:-1]):
        total += shares[split]
        least = begins.searchsorted(cuts[-1], "right") if cuts else 0
        possible = begins[least : len(begins) - (len(splits) - 2 - place)]
        cuts.append(int(possible[np.abs(possible - total * len(times)).argmin()]))
    parts = np.split(order, cuts)
    ends = [cuts[0] - 1, *cuts]
    said = []
    for split, part, end in zip(splits, parts, ends, strict=True):
        at = "up to" if split == splits[0] else "from"
        where = "" if values is None else f", {at} {_shown(values[order[end]])}"
        said.append(f"{split}, {counted(len(part), 'row')}{where}")
    numbers = {split: np.sort(part) for split, part in zip(splits, parts, strict=True)}
    return numbers, f"split by time, {name}: {'; '.join(said)}"


def _times(values: NDArray[Any], name: str, source: str) -> NDArray[Any]:
    """Return what times are ordered by: numbers as they are, dates as whole numbers in their order."""
    if values.dtype.kind in "biuf":
        return values
    entries = values.tolist()
    if all(isinstance(own, int | float) for own in entries):
        return np.array(entries)
    form, note = date_form([values], name)
    if form is None:
        why = note or f"column {name} holds {str(entries[0])!r}, and others"
        raise InputError(f"{source}: {why}: times are numbers, or dates of one form, as 2024-01-31 is")
    instants = instants_of(values, form)
    pairs = np.stack([instants.days, instants.nanos], axis=1)
    ranks: NDArray[Any] = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
    return ranks


def _shown(value: Any) -> str:
    return str(value.isoformat() if hasattr(value, "isoformat") else value)
