"""Model files from strangers: each is one clear line, or a model that works; none takes time or memory.

A few dozens of each kind in `make test`; MADE_FUZZ_TABLES asks for more, as `make test-long` does.
"""

from __future__ import annotations

import copy
import datetime
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
import safetensors
import safetensors.torch
import torch

import made
from made.data.inference import infer_schema
from made.support.files import read_tensors, write_tensors
from made.variables.fitting import counts_of

#: How many forged headers and flipped bits there are of each model.
N_FORGED = int(os.environ.get("MADE_FUZZ_TABLES", "40"))
B, C, N = made.Bernoulli, made.Categorical, made.Numeric
NESTED: Any = [[[[[[[["deep"]]]]]]]]
VALUES = (
    *(None, True, False, -1, 0, 1, 2, 3, 7, 10**5, 10**12, 10**30, -(10**30), 2**63),
    *(0.5, -0.5, 1e308, 5e-324, float("nan"), float("inf"), "", "abc", "x" * 5_000, "\ud800", "\x00\n"),
    *([], {}, [0] * 300, [None], [[]], NESTED, {"a": 1}, ["a", "a"], [1e308, 1e308], [10**12, 10**12]),
)


def numbers() -> made.MADE:
    rng = np.random.default_rng(0)
    rows = np.stack([rng.normal(size=60), rng.integers(0, 9, 60), rng.choice([0.0, 2.5], 60)], axis=1)
    columns = [N(), N(step=1, bounds=(0, 8)), N(step=0.5, spikes=[0.0], missing=True)]
    model = made.MADE(columns, (6,), seed=1)
    model.set_marginals(rows)
    return model


def classes() -> made.MADE:
    columns = [C(["no", "yes"]), C(5, coding="radial-basis", smooth=1.0), C(2500), C([1, 2], unseen=0.1)]
    return made.MADE([*columns, B(2)], (7, 7), context=[C(3), B(1)], residual=True, direct=True, orderings=2)


def dates() -> made.MADE:
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(days=7 * k % 50) for k in range(40)]
    frame = polars.DataFrame({"day": days, "k": ["a", "b"] * 20, "x": np.arange(40) ** 1.5})
    schema = infer_schema(frame)
    rows = schema.encode_complete(frame)
    counts = counts_of(schema.row_type, [(rows.codes, torch.ones(40, dtype=torch.float64))])
    return made.MADE(schema.fitted(rows, counts=counts), (5,))


def mixture() -> made.Mixture:
    return made.Mixture([made.MADE(B(4), (5,), seed=seed) for seed in (0, 1)])


MODELS = {
    "numbers": numbers,
    "classes": classes,
    "dates": dates,
    "mixture": mixture,
    "autoencoder": lambda: made.Autoencoder(B(6), (4, 3, 4)),
    "degrees": lambda: made.MADE(B(4), (3, 2), connectivity=[[1, 2, 3], [2, 3]]),
    "weights": lambda: made.MADE(B(4), (3,), connectivity=[0.2, 0.3, 0.5], connectivities=2),
}


@pytest.fixture(scope="module", params=MODELS)
def file(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    MODELS[request.param]().save(path)
    return path


def check_refused_or_right(path: Path) -> bool:
    """Load a file: it is refused in one line, or is a model that answers. Return whether it is one."""
    start = time.perf_counter()
    try:
        model = made.load(path)
    except made.InputError as error:
        message = str(error)
    else:
        message = ""
    assert time.perf_counter() - start < 10
    if message:
        assert message.startswith(str(path))
        assert "\n" not in message
        return False
    assert repr(model)
    assert str(model.schema)
    assert model.schema._repr_html_()
    if isinstance(model, made.MADE) and model.n_masks <= 100:
        context = np.zeros((2, model.context.n_columns)) if model.context else None
        rows = model.rows(model.sample(2, seed=0, context=context), context)
        scores = model.log_prob(rows)
        assert bool(torch.isfinite(scores).all()), scores
    return True


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Go through all places in JSON, but for all but the first few of a long list."""
    yield path
    keys = value if isinstance(value, dict) else range(len(value))[:3] if isinstance(value, list) else ()
    for key in keys:
        yield from paths_of(value[key], (*path, key))


def forged(settings: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return settings with a value or two replaced, left out, or said twice."""
    own = copy.deepcopy(settings)
    for _ in range(int(rng.integers(1, 3))):
        places = [path for path in paths_of(own) if path]
        *above, last = places[int(rng.integers(len(places)))]
        inside: Any = own
        for key in above:
            inside = inside[key]
        way = int(rng.integers(8))
        if way == 0:
            del inside[last]
        elif way == 1 and isinstance(inside, list):
            inside.append(copy.deepcopy(inside[last]))
        elif way == 1:
            inside["more"] = 1
        else:
            inside[last] = VALUES[int(rng.integers(len(VALUES)))]
    return own


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
        own = dict(tensors)
        name = sorted(own)[int(rng.integers(len(own)))]
        made_of = [
            lambda t: t.flatten(),
            lambda t: t[:0],
            lambda t: t.double(),
            lambda t: t.to(torch.int8),
            lambda t: t.double() * 0 + 1e300,
            lambda t: t * float("nan"),
            lambda t: t - float("inf"),
            lambda t: t[None],
        ]
        own[name] = made_of[int(rng.integers(len(made_of)))](own[name])
        write_tensors(tmp_path / "forged", kind, settings, own)
        check_refused_or_right(tmp_path / "forged")


def test_every_truncation_is_noticed(file, tmp_path):
    content = file.read_bytes()
    for end in range(0, len(content), 64 if len(content) < 20_000 else len(content) // 100):
        (tmp_path / "part").write_bytes(content[:end])
        assert not check_refused_or_right(tmp_path / "part"), end


def test_every_flipped_bit_is_noticed(file, tmp_path):
    content, rng = bytearray(file.read_bytes()), np.random.default_rng(9)
    for place in rng.integers(0, len(content), N_FORGED).tolist():
        bit = 1 << int(rng.integers(8))
        content[place] ^= bit
        (tmp_path / "flipped").write_bytes(content)
        assert not check_refused_or_right(tmp_path / "flipped"), (place, bit)
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
