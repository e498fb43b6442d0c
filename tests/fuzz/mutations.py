"""How inputs are damaged and forged: bytes, JSON, and model files whose digests are right.

All of it follows from the generator that is given. `targets.py` says what the inputs are.
"""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from made.support.errors import InputError
from made.support.files import read_tensors, write_tensors

__all__ = ["VALUES", "damaged", "forged", "forged_file", "opened", "packed", "paths_of", "without_tensor"]

NESTED: Any = [[[[[[[["deep"]]]]]]]]
VALUES = (
    *(None, True, False, -1, 0, 1, 2, 3, 7, 10**5, 10**12, 10**30, -(10**30), 2**63),
    *(0.5, -0.5, 1e308, 5e-324, float("nan"), float("inf"), "", "abc", "x" * 5_000, "\ud800", "\x00\n"),
    *([], {}, [0] * 300, [None], [[]], NESTED, {"a": 1}, ["a", "a"], [1e308, 1e308], [10**12, 10**12]),
)
#: What becomes of one tensor of a file.
TENSORS: Sequence[Callable[[Tensor], Tensor]] = (
    lambda t: t.flatten(),
    lambda t: t[:0] if t.ndim else t[None],
    lambda t: t.double(),
    lambda t: t.to(torch.int8),
    lambda t: t.double() * 0 + 1e300,
    lambda t: t * float("nan"),
    lambda t: t - float("inf"),
    lambda t: t[None],
    lambda t: t * 1e30,
    lambda t: -t,
)
Parts = tuple[str, dict[str, Any], dict[str, Tensor]]


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Go through all places in JSON, but for all but the first few of a long list."""
    yield path
    keys = value if isinstance(value, dict) else range(len(value))[:3] if isinstance(value, list) else ()
    for key in keys:
        yield from paths_of(value[key], (*path, key))


def forged(settings: Any, rng: np.random.Generator, others: Sequence[Any] = ()) -> Any:
    """Return JSON with a value or two replaced, left out, said twice, or taken from another of its kind."""
    own = copy.deepcopy(settings)
    for _ in range(int(rng.integers(1, 3))):
        places = [path for path in paths_of(own) if path]
        if not places:
            return copy.deepcopy(VALUES[int(rng.integers(len(VALUES)))])
        *above, last = places[int(rng.integers(len(places)))]
        inside: Any = own
        for key in above:
            inside = inside[key]
        way = int(rng.integers(8 if not others else 12))
        if way == 0:
            del inside[last]
        elif way == 1 and isinstance(inside, list):
            inside.append(copy.deepcopy(inside[last]))
        elif way == 1:
            inside["more"] = 1
        elif way >= 8:
            inside[last] = _taken(last, others[int(rng.integers(len(others)))], rng)
        else:
            inside[last] = copy.deepcopy(VALUES[int(rng.integers(len(VALUES)))])
    return own


def _taken(key: Any, other: Any, rng: np.random.Generator) -> Any:
    """Return a value out of other JSON, one under the same key if there is any."""
    places = [path for path in paths_of(other) if path]
    alike = [path for path in places if path[-1] == key] or places
    found = other
    for own in alike[int(rng.integers(len(alike)))] if alike else ():
        found = found[own]
    return copy.deepcopy(found)


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut a file short, write over some bytes of its start or anywhere, or flip some bits."""
    way, own = int(rng.integers(4)), bytearray(content)
    if way == 0 or not own:
        return content[: int(rng.integers(max(len(content), 1)))]
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.integers(min(len(own), 160) if way == 1 else len(own)))
        own[place] = own[place] ^ (1 << int(rng.integers(8))) if way == 3 else int(rng.integers(256))
    return bytes(own)


def packed(kind: str, settings: Any, tensors: dict[str, Tensor]) -> bytes:
    """Return the file that made writes of these, with the right digest."""
    with tempfile.TemporaryDirectory() as folder:
        write_tensors(Path(folder, "file"), kind, settings, tensors)
        return Path(folder, "file").read_bytes()


def opened(content: bytes) -> Parts | None:
    """Return what a file with a right digest holds; None for any other."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "file").write_bytes(content)
        try:
            return read_tensors(Path(folder, "file"))
        except InputError:
            return None


def without_tensor(tensors: dict[str, Tensor], rng: np.random.Generator) -> dict[str, Tensor]:
    """Return tensors with one left out, under another name, or taken for another."""
    names = sorted(tensors)
    name, other = (names[int(rng.integers(len(names)))] for _ in range(2))
    own = dict(tensors)
    if rng.random() < 0.3:
        own[other] = own[name].clone()
        return own
    tensor = own.pop(name)
    if rng.random() < 0.5:
        own[("more", "best/more", "optimizer/99.exp_avg", name + "x")[int(rng.integers(4))]] = tensor
    return own


def forged_file(parts: Parts, rng: np.random.Generator, others: Sequence[Parts] = ()) -> bytes:
    """Return a file with a right digest, some of whose settings or tensors were changed."""
    kind, settings, tensors = parts
    way = rng.random()
    if way < 0.65 or not tensors:
        found = forged(settings, rng, [own for _, own, _ in others])
        settings = found if isinstance(found, dict) else settings
    elif way < 0.85:
        name = sorted(tensors)[int(rng.integers(len(tensors)))]
        tensors = {**tensors, name: TENSORS[int(rng.integers(len(TENSORS)))](tensors[name])}
    elif way < 0.97:
        tensors = without_tensor(tensors, rng)
    else:
        kind = ("MADE", "mixture", "Autoencoder", "checkpoint", "other")[int(rng.integers(5))]
    try:
        return packed(kind, settings, tensors)
    except (InputError, ValueError):  # a number that JSON in UTF-8 does not hold
        return packed(kind, parts[1], tensors)


def changed_header(path: Path, change: Callable[[dict[str, Any]], Any]) -> bytes:
    """Return a file under a changed header of made's, with the digest that it had."""
    with safetensors.safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["made"])
    change(header)
    return bytes(safetensors.torch.save(safetensors.torch.load_file(path), {"made": json.dumps(header)}))
