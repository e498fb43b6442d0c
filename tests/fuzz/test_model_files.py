"""Model files from strangers: each is one clear line, or a model that works; none takes time or memory.

A few dozens of each kind in `make test`; MADE_FUZZ_TABLES asks for more, as `make test-long` does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from mutations import TENSORS, forged
from seeds import MODELS
from targets import MEMORY, check_model_file

import made
from made.support.files import read_tensors, write_tensors

#: How many forged headers and flipped bits there are of each model.
N_FORGED = int(os.environ.get("MADE_FUZZ_TABLES", "40"))
B = made.Bernoulli


@pytest.fixture(scope="module", params=MODELS)
def file(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    MODELS[request.param]().save(path)
    return path


def check_refused_or_right(path: Path) -> bool:
    """Load a file within 10 s: it is refused in one line, or a model that answers. Return which it is."""
    start = time.perf_counter()
    found = check_model_file(path, memory=MEMORY)
    assert time.perf_counter() - start < 10
    return found


def test_forged_settings_are_refused_or_make_a_model(file, tmp_path):
    kind, settings, tensors = read_tensors(file)
    rng = np.random.default_rng(7)
    for _ in range(N_FORGED):
        own = forged(settings, rng)
        write_tensors(tmp_path / "forged", kind, own, tensors)
        try:
            check_refused_or_right(tmp_path / "forged")
        except Exception as error:
            raise AssertionError(f"{own}") from error


def test_forged_tensors_are_refused_or_make_a_model(file, tmp_path):
    kind, settings, tensors = read_tensors(file)
    rng = np.random.default_rng(8)
    for _ in range(N_FORGED):
        name = sorted(tensors)[int(rng.integers(len(tensors)))]
        own = {**tensors, name: TENSORS[int(rng.integers(len(TENSORS)))](tensors[name])}
        write_tensors(tmp_path / "forged", kind, settings, own)
        check_refused_or_right(tmp_path / "forged")


def test_every_truncation_is_noticed(file, tmp_path):
    content = file.read_bytes()
    # All of them at length, of the small files.
    stride = 1 if N_FORGED > 100 and len(content) < 6_000 else 64
    for end in range(0, len(content), stride if len(content) < 20_000 else len(content) // 100):
        (tmp_path / "part").write_bytes(content[:end])
        assert not check_refused_or_right(tmp_path / "part"), end


def same_content(path: Path, other: Path) -> bool:
    """Return whether two files hold the same settings, number by number, and the same tensors."""
    (kind, settings, tensors), (*about, others) = read_tensors(path), read_tensors(other)
    same = all(torch.equal(own, others[name]) for name, own in tensors.items())
    return [kind, settings] == about and tensors.keys() == others.keys() and same


def test_every_flipped_bit_is_noticed(file, tmp_path):
    content, rng = bytearray(file.read_bytes()), np.random.default_rng(9)
    for place in rng.integers(0, len(content), N_FORGED).tolist():
        bit = 1 << int(rng.integers(8))
        content[place] ^= bit
        (tmp_path / "flipped").write_bytes(content)
        is_read = check_refused_or_right(tmp_path / "flipped")
        # Some digits may end a number in two ways: the file then says the same.
        assert not is_read or same_content(tmp_path / "flipped", file), (place, bit)
        content[place] ^= bit


def raw(header: bytes, rest: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + rest


def with_metadata(made_text: str, entries: dict[str, Any] | None = None, rest: bytes = b"") -> bytes:
    return raw(json.dumps({"__metadata__": {"made": made_text}, **(entries or {})}).encode(), rest)


def changed(path: Path, change: Any) -> bytes:
    """Return a file under a changed header of made's, with the digest that it had."""
    with safetensors.safe_open(path, "pt") as opened:
        header = json.loads(opened.metadata()["made"])
    change(header)
    tensors = safetensors.torch.load_file(path)
    return bytes(safetensors.torch.save(tensors, {"made": json.dumps(header)}))


def entry(dtype: str, shape: list[Any], offsets: list[Any]) -> dict[str, Any]:
    return {"w": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


HOSTILE = {
    "a header longer than the file": lambda _: (2**62).to_bytes(8, "little") + b"{}",
    "a large header of blanks": lambda _: raw(b" " * 2**26),
    "deep": lambda _: raw(b"[" * 100_000),
    "deep objects": lambda _: raw(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "deep inside": lambda _: with_metadata("[" * 100_000 + "]" * 100_000),
    "empty lists": lambda _: raw(b'{"a":[' + b"[]," * 5_000_000 + b"[]]}"),
    "empty objects inside": lambda _: with_metadata("[" + "{}," * 3_000_000 + "{}]"),
    "short strings": lambda _: raw(b"[" + b'"ab",' * 6_000_000 + b'""]'),
    "a long string": lambda _: with_metadata('"' + "a" * 2**24 + '"'),
    "many escapes": lambda _: with_metadata(json.dumps("\\" * 2**20 + '"' * 2**18)),
    "labels": lambda _: with_metadata(json.dumps([f"{k:09d}" for k in range(500_000)])),
    "a long number": lambda _: raw(b"[" + b"9" * 1_000_000 + b"]"),
    "a key twice": lambda _: raw(b'{"__metadata__":{},"__metadata__":{}}'),
    "no text": lambda _: raw(b"\xff\xfe{}"),
    "metadata that is no text": lambda _: raw(b'{"__metadata__":{"made":7}}'),
    "a huge tensor": lambda _: with_metadata("{}", entry("F32", [10**9], [0, 4 * 10**9])),
    "a tensor of no known type": lambda _: with_metadata("{}", entry("C64", [1], [0, 8]), bytes(8)),
    "sizes below zero": lambda _: with_metadata("{}", entry("F32", [-1, -1], [0, 4]), bytes(4)),
    "sizes that are true": lambda _: with_metadata("{}", entry("F32", [True], [0, 4]), bytes(4)),
    "sizes beyond": lambda _: with_metadata("{}", entry("F32", [2**62, 2**62, 0], [0, 0])),
    "many dimensions": lambda _: with_metadata("{}", entry("F32", [1] * 3_000, [0, 4]), bytes(4)),
    "a hole": lambda _: with_metadata("{}", entry("F32", [1], [4, 8]), bytes(8)),
    "version 0": lambda path: changed(path, lambda own: own.update(version=0)),
    "version 1": lambda path: changed(path, lambda own: own.update(version=1)),
    "version -5": lambda path: changed(path, lambda own: own.update(version=-5)),
    "version true": lambda path: changed(path, lambda own: own.update(version=True)),
    "version 2.0": lambda path: changed(path, lambda own: own.update(version=2.0)),
    "a field too many": lambda path: changed(path, lambda own: own.update(more="code")),
    "a digest that is none": lambda path: changed(path, lambda own: own.update(digest=None)),
}


@pytest.fixture
def plain(tmp_path) -> Path:
    made.MADE(B(6), (8,)).save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_refused(name, plain):
    plain.write_bytes(HOSTILE[name](plain))
    assert not check_refused_or_right(plain)


def schema_of(*columns: dict[str, Any]) -> dict[str, Any]:
    return {"columns": list(columns), "is_named": False}


HUGE: dict[str, dict[str, Any]] = {
    "hidden": {"hidden": [99_999_999_999]},
    "many hidden": {"hidden": [8] * 100_000},
    "a large layer": {"hidden": [30_000, 30_000]},
    "columns": {"schema": schema_of({"kind": "bernoulli", "n": 10**12})},
    "more columns": {"schema": schema_of({"kind": "bernoulli", "n": 10**30})},
    "runs of columns": {"schema": schema_of(*[{"kind": "numeric", "n": 10**7}] * 9)},
    "classes": {"schema": schema_of({"kind": "categorical", "classes": 10**12, "n": 1})},
    "classes one by one": {
        "schema": schema_of({"kind": "categorical", "classes": 10**9, "n": 1, "coding": "one-hot"})
    },
    "smooth classes": {
        "schema": schema_of(
            {"kind": "categorical", "classes": 50_000, "n": 1, "coding": "scaled", "smooth": 2.0}
        )
    },
    "buckets": {
        "schema": schema_of(
            {
                "kind": "categorical",
                "classes": 9_999,
                "n": 1,
                "grouping": {"buckets": 10**12, "hashes": 10**6},
            }
        )
    },
    "many groups": {
        "schema": schema_of({"kind": "categorical", "classes": 999_999, "n": 1, "coding": "grouped"})
    },
    "types": {"schema": {**schema_of({"kind": "bernoulli", "n": 6}), "dtypes": [[None, 10**12]]}},
    "orderings": {"orderings": 10**12},
    "masks": {"orderings": 9_999_991, "connectivities": 9_999_973},
    "seed": {"seed": 10**4_000},
    "weights of degrees": {"connectivity": [1e308] * 5},
}

MEASURE = """
import resource, sys, time
from pathlib import Path
import made
made.load(sys.argv[1])  # what is imported late is imported now
def grown():
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
for path in sys.argv[2:]:
    limit = grown() + Path(path).stat().st_size + 100_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    start, outcome = time.process_time(), "loaded"
    try:
        made.load(path)
    except made.InputError as error:
        outcome = "no memory" if isinstance(error.__cause__, MemoryError) else "refused"
        print(error, file=sys.stderr)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(Path(path).name, outcome, time.process_time() - start, sep=",")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_nothing_hostile_takes_time_or_memory(plain, tmp_path):
    """Under a second of the processor, and 100 MB above the size of the file."""
    paths = []
    for name, make in HOSTILE.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(make(plain))
    kind, settings, tensors = read_tensors(plain)
    for name, own in HUGE.items():
        paths.append(tmp_path / f"huge {name}")
        write_tensors(paths[-1], kind, settings | own, tensors)
    program = [sys.executable, "-c", textwrap.dedent(MEASURE), plain, *paths]
    run = subprocess.run(program, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    results = [line.rsplit(",", 2) for line in run.stdout.splitlines()]
    assert len(results) == len(paths), run.stderr
    fine = {"huge seed": "loaded", "huge weights of degrees": "loaded"}
    for name, outcome, seconds in results:
        assert outcome == fine.get(name, "refused"), (name, outcome, run.stderr)
        assert float(seconds) < 2, (name, seconds)  # half of it for machines that are busy
