"""The models that a service answers for, by name, and those of them whose files were replaced."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from made.model import MADE
from made.runs.folder import RunFolder
from made.runs.held_out import FILE, HeldOut
from made.service.context_row import some_context
from made.support.errors import InputError

__all__ = ["Models", "Served"]

# One row, few rows, and many are drawn by loops of their own.
_NUMBERS_OF_ROWS = (1, 2, 32)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Served:
    """A model under its name, as long as its file stays what it is.

    Attributes
    ----------
    name : str
        That of its run folder, or of its file without suffix.
    path : Path
        Of the folder, or of the file.
    model : MADE
    held_out : HeldOut or None
        Log-probabilities of the held-out rows of its run, for percentiles.
    stamp : tuple
        What tells its file from the one that replaces it.
    derived : dict
        What is found once, by who found it and what: see `answers.conditional` and `made.service.columns`.
    """

    name: str
    path: Path
    model: MADE
    held_out: HeldOut | None
    stamp: tuple[int, ...]
    derived: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    @staticmethod
    def load(path: Path) -> Served:
        """Load a run or a model file.

        Raises
        ------
        InputError
            If there is none, or it has no probabilities.
        """
        folder = RunFolder(path)
        stamp = _stamp(_file_of(path))
        model = folder.load_model("cpu")
        _warm_up(model)
        # What the run has left: a service reads no data and writes nothing.
        held_out = HeldOut.find(folder, model)[0] if (path / FILE).is_file() else None
        name = path.resolve().name
        return Served(name if path.is_dir() else Path(name).stem, path, model, held_out, stamp)


class Models:
    """The models of a service.

    Parameters
    ----------
    paths : sequence of Path
        Run folders or model files.

    Raises
    ------
    InputError
        If one cannot be loaded, or two have one name.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._served: dict[str, Served] = {}
        for path in paths:
            own = Served.load(path)
            if own.name in self._served:
                raise InputError(
                    f"{self._served[own.name].path} and {path} are both called {own.name!r}: rename one"
                )
            self._served[own.name] = own

    def __iter__(self) -> Iterator[Served]:
        """Yield them, in the order in which they were given."""
        return iter(self._served.values())

    def get(self, name: str) -> Served | None:
        """Return the model of that name; None where there is none."""
        return self._served.get(name)

    def reload(self) -> list[str]:
        """Load those whose file was replaced, and return their names.

        What cannot be loaded stays as it is, which is logged. Whoever holds an earlier one keeps it.
        """
        names = []
        for own in list(self):
            try:
                stamp = _stamp(_file_of(own.path))
                if stamp == own.stamp:
                    continue
                self._served[own.name] = Served.load(own.path)
                names.append(own.name)
            except (InputError, OSError) as error:
                _log.warning("%s stays as it was loaded: %s", own.name, error)
        return names


def _warm_up(model: MADE) -> None:
    """Have what is compiled be compiled now, once on a machine, and not at the first request."""
    context = some_context(model)
    for n in _NUMBERS_OF_ROWS:
        rows = model.draw(n, seed=0, context=context)
        model.log_prob(rows if context is None else model.rows(rows, context))


def _file_of(path: Path) -> Path:
    return RunFolder(path).model_file if path.is_dir() else path


def _stamp(file: Path) -> tuple[int, ...]:
    """Return what differs where a file was replaced or written again; empty where there is none."""
    try:
        found = os.stat(file)
    except FileNotFoundError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns
