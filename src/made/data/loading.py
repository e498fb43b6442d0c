"""`made.data.load`: a named data set, or a file, as rows of values in three splits."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from made.data.addresses import is_address
from made.data.choices import Choices
from made.data.content import from_home
from made.data.dataset import Dataset, build
from made.data.named import closest, known, load_named
from made.data.readers import read_several, read_with_siblings
from made.data.registry import REGISTRY
from made.data.several import expanded
from made.data.suffixes import STANDARD_INPUT, name_of
from made.support.checks import check_int
from made.support.errors import InputError

__all__ = ["load", "origin_of"]


def load(
    name: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    data_dir: str | os.PathLike[str] | None = None,
    seed: int = 0,
    *,
    n_points: int = 100_000,
    choices: Choices | None = None,
    progress: bool = False,
) -> Dataset:
    """Load a data set by its name, or from a file or several.

    Parameters
    ----------
    name : str or path-like, or several
        One of `names`, or the path of a file that `made.data.read` reads: rows, or a joint table as ``.npy``
        or an image. A known name takes precedence over a file of the same name; write ``./digits`` for the
        file. Several paths, or a pattern such as ``"2024-*.csv"``, are files of the same columns.
    data_dir : str or path-like, optional
        Where to look first for a named set; then come the environment's ``MADE_DATA_DIR``, the cache
        (``MADE_CACHE_DIR``, or the system's place) and the network.
    seed : int, default 0
        Decides the split where a file has none, and the points drawn from a joint table. The split of
        ``digits`` is always the same.
    n_points : int, default 100,000
        How many points to draw from a joint table; nothing else uses it.
    choices : Choices, optional
        Kinds of columns, and columns to leave out; by default they follow from the values.
    progress : bool, default False
        Whether to show a progress bar while downloading.

    Returns
    -------
    Dataset
        Train, valid and test rows of values, and their schema.

    Raises
    ------
    InputError
        If nothing of that name is found, or what is found is not rows of binary or categorical variables.

    Examples
    --------
    >>> import made.data
    >>> digits = made.data.load("digits")
    >>> digits
    Dataset('digits': 64 binary variables; rows: 1,437 train, 180 valid, 180 test)
    >>> digits.image_shape
    (8, 8)
    """
    seed = check_int("seed", seed)
    if isinstance(name, (list, tuple)) and name and all(isinstance(own, (str, os.PathLike)) for own in name):
        paths = expanded([os.fspath(own) for own in name])
        if len(paths) > 1:
            others = "another" if len(paths) == 2 else f"{len(paths) - 1} others"
            title = f"{name_of(PurePath(paths[0]))} and {others}"
            raw = read_several([from_home(own) for own in paths], missing=True)
            return build(raw, title, seed=seed, n_points=n_points, choices=choices)
        name = paths[0]
    if not isinstance(name, (str, os.PathLike)):
        raise InputError(f"a data set is given by its name or a path, not by {type(name).__name__}")
    own_name = known(name)
    if own_name is not None:
        raw = load_named(own_name, data_dir, progress=progress)
        fixed = 0 if own_name == "digits" else None
        return build(raw, own_name, seed=seed, n_points=n_points, choices=choices, split_seed=fixed)
    if is_address(os.fspath(name)):
        raise InputError(
            f"{os.fspath(name)}: addresses are read by torchrun -m made fit; fetch the file first"
        )
    if os.fspath(name) and expanded([os.fspath(name)]) != [os.fspath(name)]:
        return load(
            expanded([os.fspath(name)]), data_dir, seed, n_points=n_points, choices=choices, progress=progress
        )
    path = from_home(name)
    if os.fspath(name) != STANDARD_INPUT:
        _check_word(os.fspath(name), path)
    raw = read_with_siblings(path, missing=True)
    own = name_of(path) if len(raw.splits) < 2 else re.sub(r"[._-]train$", "", path.stem)
    return build(raw, own, seed=seed, n_points=n_points, choices=choices)


def origin_of(name: str | Sequence[str]) -> str | list[str]:
    """Return what finds a data set again from any folder: its known name, or absolute paths.

    Examples
    --------
    >>> origin_of("two-dim"), origin_of("-")
    ('two_dim', '-')
    """
    if isinstance(name, str):
        own = known(name)
        if own is not None or name == STANDARD_INPUT or is_address(name):
            return own or name
        paths = expanded([name])
        return str(Path(paths[0]).resolve()) if len(paths) == 1 else origin_of(paths)
    if any(map(is_address, name)):
        return name[0] if len(name) == 1 else list(name)
    paths = [str(Path(path).resolve()) for path in expanded(name)]
    return origin_of(name[0]) if len(name) == 1 else paths


def _check_word(word: str, path: Path) -> None:
    """Raise an `InputError` for a word that is neither a known name nor a file."""
    try:
        missing = not path.exists()
    except (OSError, ValueError):
        return  # the reader says what is wrong with such a path
    if not word:
        raise InputError(f"no data set is named; {closest(word)}")
    if missing and "/" not in word and os.sep not in word:
        if not path.suffix:
            raise InputError(f"no data set and no file is called {word!r}; {closest(word)}")
        if path.stem in REGISTRY:
            raise InputError(f"{word}: no such file; to load it by name, say {path.stem!r}")
