"""Which rows a command is about: a split of the run's own data, of another set, or every row of a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from made import data
from made.data.dataset import split_rows
from made.errors import InputError
from made.experiments.folder import RunFolder
from made.model import MADE

__all__ = ["FoundRows", "find_rows"]

_SPLITS = ("train", "valid", "test", "all")


@dataclass(frozen=True)
class FoundRows:
    """Rows as a model takes them.

    Attributes
    ----------
    codes : (n, D) tensor
    name : str
        Of the data set, or of the file.
    split : str
        Which of its rows these are.
    """

    codes: Tensor
    name: str
    split: str


def find_rows(
    folder: RunFolder,
    model: MADE,
    name: str | None,
    split: str | None = None,
    data_dir: str | None = None,
    *,
    whole_file: bool = False,
) -> FoundRows:
    """Find the rows that a user means.

    Parameters
    ----------
    folder : RunFolder
        The run.
    model : MADE
        Its model: says what codes and labels mean.
    name : str or None
        A named data set, a path, or None for the run's own data.
    split : "train", "valid", "test", "all" or None
        None means ``"test"``, but every row of a file of one array that is not the run's own.
    data_dir : str or None
        Where named data sets are looked for first.
    whole_file : bool
        Without a split, take every row of a file of one array even if it is the run's own.

    Raises
    ------
    InputError
        If there are no such rows, or they do not fit the model.
    """
    if split is not None and split not in _SPLITS:
        raise InputError(f"a split is one of {', '.join(_SPLITS)}; got {split!r}")
    if name is None:
        return _of_dataset(folder.load_data(data_dir), model, split)
    seed = 0
    if (folder.path / "settings.json").exists():
        own = folder.origin
        is_own = own["name"] in (name, data.known(name), str(Path(name).resolve()))
        if is_own and not (whole_file and split is None and data.known(name) is None):
            return _of_dataset(folder.load_data(data_dir), model, split)
        seed = own["seed"]
    if data.known(name) is not None:
        return _of_dataset(data.load(name, data_dir=data_dir, seed=seed), model, split)
    return _of_file(name, model, split, seed)


def _of_dataset(dataset: data.Dataset, model: MADE, split: str | None) -> FoundRows:
    import numpy as np

    split = split or "test"
    rows = np.concatenate(list(dataset.splits.values())) if split == "all" else dataset.splits[split]
    return FoundRows(model.rows(rows), dataset.name, split)


def _of_file(name: str, model: MADE, split: str | None, seed: int) -> FoundRows:
    raw = data.read(name)
    if raw.table is not None:
        return _of_dataset(data.load(name, seed=seed), model, split)
    if split is None:
        split = "all" if "all" in raw.splits else "test"
    rows = raw.rows if split == "all" else split_rows(raw.splits, raw.source, seed)[0][split]
    # Labels are as the file has them; the model knows which codes they stand for.
    codes = model.codes(rows) if model.variables.has_labels else rows
    return FoundRows(model.rows(codes), Path(name).name, split)
