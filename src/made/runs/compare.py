"""Two tables compared by one model: the door, for tables in memory and for those that come in portions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from made.model import MADE
from made.runs.drift import LEAST, Drift, drift_of
from made.runs.table_sample import TableSample
from made.support.checks import check_int
from made.variables.rows import Rows, RowsLike

__all__ = ["compare", "compare_portions"]

# Rows of each table that are compared, rows of which each column is looked at given all others, and rows that
# are named: the least likely of the second table.
_ROWS, _ROWS_OF_REST, _NAMED = 50_000, 256, 10


def compare(
    model: MADE,
    first: RowsLike,
    second: RowsLike,
    *,
    seed: int = 0,
    rows: int = _ROWS,
    rest: int = _ROWS_OF_REST,
    named: int = _NAMED,
    advance: Callable[[int], None] = lambda n: None,
) -> Drift:
    """Say whether a second table is distributed as a first, by what a model says of their rows.

    Parameters
    ----------
    model : MADE
        Fitted on rows of neither table, as held-out ones of its run: those that it was fitted on are more
        likely than new ones, and would be told apart from them.
    first, second : data frame, array, tensor or Rows
        (n, D) and (m, D).
    seed : int
        Of the samples.
    rows : int
        How many rows of each table are compared: a fixed sample where there are more.
    rest : int
        Of how many of these, in each table, every column is looked at given all others, which is slow; 0 for
        none.
    named : int
        How many of the least likely rows of the second table are named.
    advance : callable
        Told how many rows are read.

    Raises
    ------
    InputError
        If rows do not fit the model, or a table has fewer than 20 complete ones.

    Examples
    --------
    >>> import made
    >>> digits = made.data.load("digits")
    >>> model = made.MADE(made.Bernoulli(64), hidden=(64,), direct=True, seed=0)
    >>> _ = made.fit(model, digits.train, digits.valid, epochs=3, seed=0)
    >>> made.compare(model, digits.valid, digits.test, rest=0).p > 0.05
    True
    >>> turned = digits.test[:, ::-1].copy()
    >>> made.compare(model, digits.valid, turned, rest=0).p < 1e-6
    True
    """
    tables = (_portions(model, first), _portions(model, second))
    settings: dict[str, Any] = {"seed": seed, "rows": rows, "rest": rest, "named": named}
    return compare_portions(model, *tables, **settings, advance=advance)


def compare_portions(
    model: MADE,
    first: Iterable[Rows],
    second: Iterable[Rows],
    *,
    seed: int = 0,
    rows: int = _ROWS,
    rest: int = _ROWS_OF_REST,
    named: int = _NAMED,
    advance: Callable[[int], None] = lambda n: None,
) -> Drift:
    """Do the same with encoded tables that come in portions: one of them and the samples are in memory."""
    seed = check_int("seed", seed)
    rows = check_int("rows, of each table that are compared,", rows, least=LEAST)
    named = check_int("named, of the least likely rows,", named)
    tables = TableSample(model, rows, 0, seed), TableSample(model, rows, 1, seed, named)
    for table, portions in zip(tables, (first, second), strict=True):
        for part in portions:
            table.add(part, advance)
    return drift_of(tables, check_int("rest, of rows whose columns are looked at given all others,", rest))


def _portions(model: MADE, rows: RowsLike) -> Iterator[Rows]:
    """Yield rows in whole passes, so that they are scored as those of a file."""
    each = model.rows_per_pass
    return model.rows(rows).batches(max(model.rows_per_batch // each, 1) * each)
