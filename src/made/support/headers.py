"""The header of a safetensors file, read with bounds: what it would cost is known before it is parsed.

A file may come from a stranger. Its header says how many numbers there are, of which type and shape; here
that is checked against the size of the file, so that what is read is never larger than the file itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import torch

from made.support.errors import InputError

__all__ = ["DTYPES", "Header", "Place", "read_header", "read_json"]

#: The types of tensors that files of made hold, by the name that safetensors gives them.
DTYPES: dict[str, torch.dtype] = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
}

_MOST_BYTES = 2**25
_DEEPEST = 64
_MOST_DIMENSIONS = 8
# What parsed JSON takes: for the brackets of an object and of a list, for a quote (half a string), a comma.
_BYTES_OF = {b"{": 250, b"[": 80, b'"': 14, b",": 24}
# It may take this much, and this many times the length of its text.
_FREE_BYTES, _TIMES_TEXT = 48 * 2**20, 2
_OPENING, _CLOSING = np.frombuffer(b"[{", dtype=np.uint8), np.frombuffer(b"]}", dtype=np.uint8)
_CHUNK = 2**20


@dataclass(frozen=True)
class Place:
    """Where in a file a tensor is.

    Attributes
    ----------
    dtype : torch.dtype
    shape : tuple of int
    offset : int
        Of its first byte, from the start of the file.
    size : int
        In bytes.
    """

    dtype: torch.dtype
    shape: tuple[int, ...]
    offset: int
    size: int


@dataclass(frozen=True)
class Header:
    """What a safetensors file says of itself.

    Attributes
    ----------
    metadata : dict of str to str
    places : dict of str to Place
        Of every tensor, in the order of the file; together they are all of the file behind its header.
    """

    metadata: dict[str, str]
    places: dict[str, Place]


def read_header(file: BinaryIO, size: int) -> Header:
    """Read the header at the start of a file.

    Parameters
    ----------
    file : binary file
        At its start.
    size : int
        Of all of it, in bytes.

    Raises
    ------
    ValueError
        If there is none, or it does not describe a file of this size.
    InputError
        If it holds what no file of made does.
    """
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        raise ValueError("its header is cut short")
    if length > _MOST_BYTES:
        raise InputError(f"has a header of {length:,} bytes, and made reads up to {_MOST_BYTES:,}")
    entries = read_json(file.read(length))
    if not isinstance(entries, dict):
        raise ValueError("its header is no object of JSON")
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(own, str) for own in metadata.values()):
        raise ValueError("its metadata are not text")
    places = {name: _place(name, entry, 8 + length) for name, entry in entries.items()}
    places = dict(sorted(places.items(), key=lambda item: (item[1].offset, item[1].size)))
    end = 8 + length
    for place in places.values():
        if place.offset != end:
            raise ValueError("its tensors overlap, or leave room between them")
        end += place.size
    if end != size:
        raise ValueError(f"its header describes {end:,} bytes, and the file has {size:,}")
    return Header(metadata, places)


def read_json(text: bytes) -> Any:
    """Parse JSON of which nothing is known, in ASCII, as made writes it.

    Raises
    ------
    ValueError
        If it is none, or an object has a key twice.
    InputError
        If it is nested too deep, or would take far more memory than its text.

    Examples
    --------
    >>> read_json(b'{"a": [1, 2]}')
    {'a': [1, 2]}
    >>> read_json(b"[" * 100_000)
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: has a header nested more than 64 deep
    """
    cost = sum(own * text.count(mark) for mark, own in _BYTES_OF.items())
    # A string takes four bytes a character where one of them needs as many.
    cost += 4 * len(text) if b"\\u" in text else 0
    if cost > _FREE_BYTES + _TIMES_TEXT * len(text):
        raise InputError("has a header that would take far more memory than its text")
    _check_depth(text)
    return json.loads(text.decode("ascii"), object_pairs_hook=_without_repeats)


def _check_depth(text: bytes) -> None:
    """Raise an `InputError` if JSON is nested too deep."""
    # Without what is escaped, a string ends at the next quote.
    plain = text.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in text else text
    depth, is_inside = 0, False
    for first in range(0, len(plain), _CHUNK):
        part = np.frombuffer(plain[first : first + _CHUNK], dtype=np.uint8)
        inside = np.logical_xor.accumulate(part == ord('"')) ^ is_inside
        is_inside = bool(inside[-1])
        marks = part[~inside]
        steps = np.isin(marks, _OPENING).astype(np.int64) - np.isin(marks, _CLOSING)
        depths = depth + np.cumsum(steps)
        if depths.max(initial=0) > _DEEPEST:
            raise InputError(f"has a header nested more than {_DEEPEST} deep")
        depth += int(steps.sum())


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    own = dict(pairs)
    if len(own) < len(pairs):
        raise ValueError("an object of its header has a key twice")
    return own


def _place(name: str, entry: Any, start: int) -> Place:
    """Return where a tensor is, given its entry in the header and where the header ends."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"its header does not describe the tensor {name}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise InputError(f"has a tensor {name} of type {dtype!r}, which no file of made has")
    if not (_are_sizes(shape) and _are_sizes(offsets)) or len(offsets) != 2 or len(shape) > _MOST_DIMENSIONS:
        raise ValueError(f"its header does not describe the tensor {name}")
    size = math.prod(shape) * DTYPES[dtype].itemsize
    if math.prod(max(side, 1) for side in shape) >= 2**60:  # torch multiplies the sides of empty ones too
        raise ValueError(f"the tensor {name} is too large")
    if offsets[1] - offsets[0] != size:
        raise ValueError(f"its header does not describe the tensor {name}")
    return Place(DTYPES[dtype], tuple(shape), start + offsets[0], size)


def _are_sizes(numbers: Any) -> bool:
    return isinstance(numbers, list) and all(type(own) is int and 0 <= own < 2**63 for own in numbers)
