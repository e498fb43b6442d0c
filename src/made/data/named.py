"""The data sets known by name: find or download one, and check its rows."""

from __future__ import annotations

import difflib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from made.data import download
from made.data.content import from_home
from made.data.raw import Raw
from made.data.readers import read
from made.data.registry import REGISTRY, SPLITS, Entry
from made.data.two_dim import flower_table
from made.data.whole_numbers import whole_numbers
from made.support.errors import InputError

__all__ = ["Description", "closest", "describe", "known", "load_named", "names"]


@dataclass(frozen=True)
class Description:
    """The description of a named set; see ``made.data.describe``.

    Attributes
    ----------
    name, title : str
        The name to load it by, and a few words.
    n_variables : int
        D.
    rows : dict of str to int
        The number of rows of each split.
    kind : str
        ``"binary"`` or ``"categorical"``.
    source : str
        Where it comes from: an address or a sentence.
    at_hand : str or None
        The directory where it was found, or ``"scikit-learn"``; None where it would be downloaded.
    """

    name: str
    title: str
    n_variables: int
    rows: dict[str, int]
    kind: str
    source: str
    at_hand: str | None


def names() -> tuple[str, ...]:
    """The names that ``made.data.load`` knows.

    Returns
    -------
    tuple of str
        In the order of the registry.

    Examples
    --------
    >>> names()
    ('digits', 'binarized_mnist', 'dna', 'mushrooms', 'nltcs', 'two_dim')
    """
    return tuple(REGISTRY)


def known(word: str | os.PathLike[str]) -> str | None:
    """The name of a set as the registry has it, with ``_`` for ``-``; None if it is no name.

    Examples
    --------
    >>> known("two-dim"), known("rows.csv")
    ('two_dim', None)
    """
    name = word.replace("-", "_") if isinstance(word, str) else ""
    return name if name in REGISTRY else None


def describe(name: str, data_dir: str | os.PathLike[str] | None = None) -> Description:
    """Describe a named set, and where it was found, without opening it.

    Parameters
    ----------
    name : str
        One of `names`.
    data_dir : str or path-like, optional
        Searched first, as by ``load``.

    Returns
    -------
    Description
        Its size, kind, origin and place.

    Raises
    ------
    InputError
        If there is no set of that name.

    Examples
    --------
    >>> describe("digits").rows
    {'train': 1437, 'valid': 180, 'test': 180}
    """
    if name not in REGISTRY:
        raise InputError(f"no data set is called {name!r}; {closest(name)}")
    entry = REGISTRY[name]
    found = _find(entry, data_dir)
    at_hand = "scikit-learn" if entry.urls is None else str(found[0].parent) if found else None
    return Description(
        name, entry.title, entry.n_variables, dict(entry.rows), entry.kind, entry.source, at_hand
    )


def closest(word: str) -> str:
    """Return a hint for an unknown name: the nearest known name, and all names.

    Parameters
    ----------
    word : str
        What the user wrote.

    Returns
    -------
    str
        A clause of an error message.

    Examples
    --------
    >>> closest("mnist")
    'did you mean binarized_mnist? Known are digits, binarized_mnist, dna, mushrooms, nltcs, two_dim'
    """
    word = word.lower()
    near = [n for n in REGISTRY if len(word) > 2 and word in n] or difflib.get_close_matches(word, REGISTRY)
    known = f"nown are {', '.join(REGISTRY)}"
    return f"did you mean {near[0]}? K{known}" if near else f"k{known}"


def load_named(name: str, data_dir: str | os.PathLike[str] | None = None, *, progress: bool = False) -> Raw:
    """Find or download a named set, and check its rows against their hash.

    Parameters
    ----------
    name : str
        One of `names`.
    data_dir : str or path-like, optional
        Searched first; then the environment's ``MADE_DATA_DIR``, then the cache.
    progress : bool, default False
        Whether to show a progress bar while downloading.

    Returns
    -------
    Raw
        uint8 rows in three splits; ``digits`` in one, and ``two_dim`` as a table.

    Raises
    ------
    InputError
        If it is not found and cannot be downloaded, or a file does not hold its rows.
    """
    entry = REGISTRY[name]
    if name == "digits":
        return _digits(entry)
    if name == "two_dim":
        note = "the joint table is the grey square of a flower, scikit-learn's flower.jpg"
        return Raw(name, {}, table=flower_table(), notes=(note,))
    paths = _find(entry, data_dir)
    if not paths:
        paths = _download(name, entry, data_dir, progress)
    splits = _verified(name, entry, paths)
    return Raw(name, splits, image_shape=entry.image_shape)


def _digits(entry: Entry) -> Raw:
    from sklearn.datasets import load_digits

    grey = load_digits().data  # 0..16
    note = "pixels are lit where scikit-learn's digits have at least 8 of 16"
    return Raw("digits", {"all": (grey >= 8).astype(np.uint8)}, image_shape=entry.image_shape, notes=(note,))


def _places(data_dir: str | os.PathLike[str] | None) -> list[Path]:
    given = [data_dir, os.environ.get("MADE_DATA_DIR")]
    return [from_home(place) for place in given if place] + [download.cache_dir()]


def _find(entry: Entry, data_dir: str | os.PathLike[str] | None) -> list[Path]:
    """Return the files of the first complete form, in the first place that has one."""
    for place in _places(data_dir) if entry.urls is not None else ():
        for form in entry.forms():
            paths = [place / file for file in form]
            if all(path.is_file() for path in paths):
                return paths
    return []


def _verified(name: str, entry: Entry, paths: list[Path]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the rows in ``paths`` as uint8, checked against their hash."""
    if len(paths) == 1:
        splits = dict(read(paths[0]).splits)
    else:
        splits = {split: read(path).splits["all"] for split, path in zip(SPLITS, paths, strict=True)}
    where = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and its siblings"
    remedy = f"; remove it, and get {name} from {entry.source}"
    shapes = {split: rows.shape for split, rows in splits.items()}
    if shapes != {split: (n, entry.n_variables) for split, n in entry.rows.items()}:
        listed = ", ".join(f"{split} {shape}" for split, shape in shapes.items())
        raise InputError(f"{where}: not the rows of {name}, its shapes are {listed}{remedy}")
    digest = hashlib.sha256()
    for split in SPLITS:
        splits[split] = np.ascontiguousarray(whole_numbers(splits[split], f"{where}, {split}"))
        if splits[split].min() < 0 or splits[split].max() > 1:
            raise InputError(f"{where}: not the rows of {name}, it holds values beyond 0 and 1{remedy}")
        splits[split] = splits[split].astype(np.uint8, copy=False)
        digest.update(splits[split].tobytes())
    if digest.hexdigest() != entry.digest:
        raise InputError(f"{where}: not the rows of {name}, their checksum differs{remedy}")
    return splits


def _download(name: str, entry: Entry, data_dir: str | os.PathLike[str] | None, progress: bool) -> list[Path]:
    urls = entry.urls or {}
    into = download.cache_dir()

    def check(place: Path) -> None:
        _verified(name, entry, [place / file for file in urls])

    try:
        download.fetch(urls, into, check, progress=progress)
    except download.DownloadError as error:
        looked = ", ".join(str(place) for place in _places(data_dir))
        raise InputError(
            f"{name} is not in {looked} and cannot be downloaded ({error}); get {', '.join(urls)} from "
            f"{entry.source} and put it into a directory given as data_dir or MADE_DATA_DIR"
        ) from error
    return [into / file for file in urls]
