"""What is done with a unit of rows: it is scored, completed or drawn, and written into a file."""

from __future__ import annotations

import hashlib
import math
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.loading import load
from made.model import MADE
from made.runs.completer import Completer
from made.runs.done import Done
from made.runs.encoded_files import Tally, encode_readable
from made.runs.held_out import Comparison, HeldOut
from made.runs.other_columns import OtherColumns
from made.runs.rejected import Rejected
from made.runs.rows import FoundRows
from made.runs.samples import draw_portions, write_rows
from made.runs.scoring import Scorer
from made.runs.table_out import ColumnsOut
from made.runs.units import Unit, portions_of
from made.support.errors import InputError
from made.support.writing import make_folder
from made.variables.column_types import ColumnType
from made.variables.rows import Rows
from made.variables.unseen_entries import first_unseen

__all__ = [
    "CompleteUnits",
    "DrawUnits",
    "Packed",
    "ScoreUnits",
    "UnitWork",
    "mean_score",
    "rejected_folder",
]

#: Columns that say which row of which file a row of the output belongs to.
FILE, ROW = "file", "row"


@dataclass(frozen=True)
class Packed:
    """A model as the bytes of its file, to be sent to where the work is done.

    Attributes
    ----------
    content : bytes
    device : str
        Where it is to compute.
    """

    content: bytes
    device: str = "cpu"

    @staticmethod
    def of(model: MADE, device: str = "cpu") -> Packed:
        """Pack a model."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "model.safetensors")
            model.save(file)
            return Packed(file.read_bytes(), device)

    def model(self) -> MADE:
        """Load it."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "model.safetensors")
            file.write_bytes(self.content)
            model = load(file, self.device)
        assert isinstance(model, MADE)
        return model

    @property
    def digest(self) -> str:
        """A SHA-256 of it."""
        return hashlib.sha256(self.content).hexdigest()


class UnitWork(ABC):
    """Does units, one after the other; it can be sent to another process, where it loads the model once.

    Parameters
    ----------
    packed : Packed
        The model.
    out : Path
        The folder that the files of units go into.
    """

    def __init__(self, packed: Packed, out: Path) -> None:
        self.packed, self.out = packed, Path(out).resolve()

    def __getstate__(self) -> dict[str, Any]:
        """Return what is sent: not the model that was loaded, and what follows from it."""
        return {name: own for name, own in self.__dict__.items() if name in ("packed", "out", "settings")}

    @cached_property
    def model(self) -> MADE:
        """The model, loaded once."""
        return self.packed.model()

    def __call__(self, unit: Unit, advance: Callable[[int], None] = lambda n: None) -> Done:
        """Do a unit: its file is written aside, then renamed. An error that a user can mend is in the answer.

        Parameters
        ----------
        unit : Unit
            The rows.
        advance : callable
            Told how many rows are done, now and then.
        """
        done = Done(n_units=1)
        try:
            self._do(unit, done, advance)
        except InputError as error:
            done.error = str(error) or "it failed"
        return done

    @abstractmethod
    def _do(self, unit: Unit, done: Done, advance: Callable[[int], None]) -> None:
        """Do a unit, and note what is to be said of it."""

    @cached_property
    def _tally(self) -> Tally:
        return Tally()  # one for all units: which columns are passed over is said once

    def _found(self, unit: Unit, done: Done, *, to_fill: bool = False) -> Iterator[FoundRows]:
        """Yield the rows of a unit in portions, encoded, and note what is to be said of them."""
        model, tally = self.model, self._tally
        names = [column.name for column in model.schema.modelled]
        tally.rejected.clear()
        tally.rounded.clear()
        for raw in portions_of(unit):
            rows, rejected = encode_readable(model, raw, to_fill=to_fill, tally=tally)
            found = FoundRows(rows, unit.file, "all", rejected, raw, raw.first)
            n, first = first_unseen(model.variables, names, rows, partial(_place, found))
            done.n_unseen, done.first_unseen = done.n_unseen + n, done.first_unseen or first
            known = rows.mask
            done.n_rows += len(rows)
            done.n_unknown += int((~known).sum())
            done.n_gaps += int((~known.all(dim=1)).sum())
            yield found
        done.rounded = dict(tally.rounded)
        self._note_rejected(unit, done, tally.rejected)

    def _note_rejected(self, unit: Unit, done: Done, parts: list[Rejected]) -> None:
        """Say in a file of the folder beside which rows could not be read."""
        file = rejected_folder(self.out) / f"{Path(unit.name).stem}.csv"
        rejected = Rejected.together(parts)
        if rejected is None:
            file.unlink(missing_ok=True)
            return
        entry = rejected.entries[0]
        done.n_rejected = len(rejected)
        done.first_rejected = f"{unit.file}: {entry.place} {entry.reason}"
        make_folder(file.parent)
        rejected.write(file)


class ScoreUnits(UnitWork):
    """Scores the rows of units.

    Parameters
    ----------
    packed, out
        As for `UnitWork`.
    held_out : HeldOut, optional
        Adds percentiles.
    **settings
        Of `Scorer`.
    """

    def __init__(self, packed: Packed, out: Path, held_out: HeldOut | None = None, **settings: Any) -> None:
        super().__init__(packed, out)
        self.settings = {"held_out": held_out, **settings}

    @cached_property
    def _scorer(self) -> Scorer:
        settings = dict(self.settings)
        held_out = settings.pop("held_out")
        comparison = None if held_out is None else Comparison(self.model, held_out)
        return Scorer(self.model, True, comparison, **settings)

    def _do(self, unit: Unit, done: Done, advance: Callable[[int], None]) -> None:
        with ColumnsOut(self.out / unit.name) as table:
            for found in self._found(unit, done):
                if self._scorer.per_variable and not found.rows.is_complete:
                    raise InputError(
                        f"--per-variable needs complete rows, and {unit.path} has unknown entries: "
                        "--per-column does without"
                    )
                scores = self._scorer.score(found.rows, found.numbers, advance)
                done.n_estimated += int(np.isfinite(scores.ess).sum())
                done.add_particles(scores.ess)
                columns = scores.columns
                if found.rejected is not None:
                    columns = [(name, found.rejected.in_place(values)) for name, values in columns]
                assert found.raw is not None
                n = found.raw.n_rows
                file = np.full(n, unit.file, dtype=object)
                numbers = np.arange(found.raw.first, found.raw.first + n)
                table.add([(FILE, file), (ROW, numbers), *columns])
            table.finish()


class CompleteUnits(UnitWork):
    """Completes the rows of units.

    Parameters
    ----------
    packed, out
        As for `UnitWork`.
    number : int, optional
        Completions of each row.
    seed : int
        Completions are a function of the seed, the name of the file and the number of the row.
    **settings
        Of `Completer`.
    """

    def __init__(
        self, packed: Packed, out: Path, number: int | None = None, seed: int = 0, **settings: Any
    ) -> None:
        super().__init__(packed, out)
        self.settings = {"number": number, "seed": seed, **settings}

    def _do(self, unit: Unit, done: Done, advance: Callable[[int], None]) -> None:
        settings = {**self.settings, "seed": seed_of_file(self.settings["seed"], unit.file)}
        completer = Completer(self.model, settings.pop("number"), **settings)
        found = self._found(unit, done, to_fill=True)
        first = next(found)
        others = OtherColumns.of(self.model.schema, first)
        ends: dict[str, ColumnType] = dict.fromkeys(completer.beside, "float64")
        beside = others.beside(str(unit.path), self.model.schema, {**ends, FILE: "str", ROW: "int64"})

        def values_of(found: FoundRows) -> NDArray[Any]:
            values = completer.complete(found.rows, found.numbers, advance)
            own = np.empty((len(found.rows), 2 + len(others.kinds)), dtype=object)
            own[:, 0], own[:, 1] = unit.file, found.numbers
            own[:, 2:] = others.values(found)
            return np.hstack([values, np.repeat(own, completer.each, axis=0)], dtype=object)

        def portions() -> Iterator[NDArray[Any]]:
            yield values_of(first)
            yield from map(values_of, found)

        write_rows(self.out / unit.name, self.model, None, portions(), beside, others.ordered)
        done.how = dict(completer.how)
        for ess in completer.few:
            done.add_particles(ess)


class DrawUnits(UnitWork):
    """Draws the rows of units: together they are what one draw of all has.

    Parameters
    ----------
    packed, out
        As for `UnitWork`.
    seed : int
        Row i is a function of (seed, i).
    given, where, context
        As for `draw_portions`.
    """

    def __init__(
        self,
        packed: Packed,
        out: Path,
        seed: int = 0,
        *,
        given: Rows | None = None,
        where: Sequence[str] | None = None,
        context: NDArray[Any] | None = None,
    ) -> None:
        super().__init__(packed, out)
        self.settings: dict[str, Any] = {"seed": seed, "given": given, "where": where, "context": context}

    def _do(self, unit: Unit, done: Done, advance: Callable[[int], None]) -> None:
        portions = draw_portions(self.model, unit.n, advance=advance, first=unit.first, **self.settings)
        write_rows(self.out / unit.name, self.model, unit.n, portions)
        done.n_rows = unit.n


def mean_score(files: list[Path]) -> tuple[int, float]:
    """Return how many rows files of scores have, and the mean of those that have a score."""
    import polars

    if not files:
        return 0, math.nan
    own = polars.scan_parquet(files, glob=False).select(polars.len(), polars.col("log_prob").mean()).collect()
    n, mean = own.row(0)
    return int(n), math.nan if mean is None else float(mean)


def rejected_folder(out: Path) -> Path:
    """Return where the rows that could not be read are named: beside the folder of the output.

    Examples
    --------
    >>> rejected_folder(Path("scores")).name
    'scores.rejected'
    """
    return out.with_name(f"{out.name}.rejected")


def seed_of_file(seed: int, file: str) -> int:
    """Return the seed of the draws for rows of one file among several.

    Examples
    --------
    >>> seed_of_file(0, "a.parquet") == seed_of_file(0, "b.parquet")
    False
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {file}".encode()).digest()[:7], "little")


def _place(found: FoundRows, row: int) -> str:
    return f"{found.name}, row {found.numbers[row]} (counted from 0)"
