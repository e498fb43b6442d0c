"""Any request: an answer, or a refusal in one line; nothing fails inside, nothing takes long.

Bodies are drawn by what the description of the service says they take, sound, odd and absurd. A hundred in
`make test`; MADE_FUZZ_REQUESTS asks for more, as `make test-long` does.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars
import pytest

import made

pytest.importorskip("fastapi", reason="needs made[service]")

NUMBER = int(os.environ.get("MADE_FUZZ_REQUESTS", "100"))
LONGEST = 20  # seconds of a request, on a busy machine
NUMBERS = ["0", "-1", "1e999", "-1e308", "1e-400", "NaN", "-Infinity", "1" + "0" * 400, "9007199254740993"]
TEXTS = ["", " ", "age", "clerk", "age >= 30", "age >=", "job in {", "é😀", "x" * 5_000, "\\ud800", "1,5"]
NAMES = ["age", "job", "pay", "since", "nobody", "", "é"]
SOUND = {"age": "30", "job": '"clerk"', "pay": "31.5", "since": '"2020-05-05"'}
CONTEXT = ["age", "job"]
PLACES = ["people", "nobody", "..", "%2e%2e%2fetc", "people%00", "x" * 3_000, ""]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from fastapi.testclient import TestClient

    from made.service.app import create_app
    from made.service.models import Models
    from made.service.settings import Limits

    draw = np.random.default_rng(0)
    age = draw.integers(17, 90, 200)
    table = {"age": age, "job": draw.choice(["clerk", "cook"], 200), "pay": draw.normal(30, 5, 200)}
    since = np.datetime64("2020-01-01") + draw.integers(0, 700, 200)
    folder, frame = tmp_path_factory.mktemp("requests"), polars.DataFrame({**table, "since": since})
    schema = made.infer_schema(frame)
    for name, own_schema in (("people", schema), ("given", schema.with_context(CONTEXT))):
        (folder / name).mkdir()
        model = made.auto_fit(frame, schema=own_schema, max_time=1.0)
        model.save(folder / name / "model.safetensors")
    limits = Limits(max_seconds=600, max_rows=200, max_megabytes=0.5)
    with TestClient(create_app(Models([folder / "people", folder / "given"]), limits)) as own:
        yield own


class Bodies:
    """Text of JSON, drawn by its description."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.odd = self.draw.choice([0.0, 0.0, 0.02, 0.1])
        self.model = self.draw.choice(["people", "people", "given"])
        self.definitions: dict[str, Any] = {}

    def of(self, about: dict[str, Any], depth: int = 0) -> str:
        """Return a value of that description, or something else."""
        if self.draw.random() < self.odd or depth > 4:
            return self.anything(depth)
        if "$ref" in about:
            return self.of(self.definitions[about["$ref"].rpartition("/")[2]], depth)
        for several in ("anyOf", "oneOf"):
            if several in about:
                return self.of(self.draw.choice(about[several]), depth)
        if "enum" in about:
            return json.dumps(self.draw.choice(about["enum"]))
        kind = about.get("type")
        if kind == "array":
            n = self.draw.choice([0, 1, 1, 2, 3, 30 if depth < 2 else 2])
            return "[" + ", ".join(self.of(about.get("items", {}), depth + 1) for _ in range(n)) + "]"
        if kind == "object":
            named = about.get("properties", {})
            each = about.get("additionalProperties")
            names = [name for name in named if self.draw.random() < 0.7]
            if isinstance(each, dict):
                names += self.draw.sample(NAMES if self.odd else list(SOUND), self.draw.randrange(4))
            members = {name: self.of(named.get(name, each or {}), depth + 1) for name in names}
            if isinstance(each, dict) and not self.odd:
                members |= {name: SOUND[name] for name in names if name in SOUND}
            if "context" in named and not self.odd:
                own = CONTEXT if self.model == "given" else []
                members["context"] = "{" + ", ".join(f'"{name}": {SOUND[name]}' for name in own) + "}"
            return "{" + ", ".join(f"{json.dumps(name)}: {own}" for name, own in members.items()) + "}"
        if kind == "string":
            return f'"{self.draw.choice(TEXTS if self.odd else ["age", "job"])}"'
        if kind in ("integer", "number"):
            return self.draw.choice([*(NUMBERS if self.odd else ()), *map(str, range(1, 5)), "0.5"])
        return self.draw.choice(["true", "false"]) if kind == "boolean" else self.anything(depth)

    def anything(self, depth: int) -> str:
        """Return any JSON, or nearly so."""
        pick = self.draw.randrange(7)
        if pick == 0 and depth < 3:
            return "[" * 100_000 if self.draw.random() < 0.1 else '{"a": [{"b": {}}]}'
        if pick == 1:
            return f'"{self.draw.choice(TEXTS)}"'
        return self.draw.choice([*NUMBERS, "null", "true", "[]", "{}", "", "{", '"', "\x00"])

    def damaged(self, body: bytes) -> bytes:
        """Return a body with bytes lost or changed."""
        if not body or not self.odd or self.draw.random() < 0.8:
            return body
        at = self.draw.randrange(len(body))
        if self.draw.random() < 0.5:
            return body[:at]
        return body[:at] + self.draw.randbytes(3) + body[at + 1 :]


def tables(draw: random.Random, kind: str) -> bytes:
    """Return a body of CSV or Arrow."""
    from made.service.tables import as_arrow, as_csv

    values: list[Any] = [draw.choice([1, 30.5, None, "clerk", "2021-03-04", "x"]) for _ in range(3)]
    columns = dict.fromkeys(draw.sample(["age", "job", "pay", "since", "other"], 3), values)
    try:
        return as_csv(columns) if kind == "text/csv" else as_arrow(columns)
    except Exception:  # what the columns hold has no one type
        return b"age,job\n1,clerk\n"


def constants(text: str) -> list[str]:
    """Return what stands in an answer that JSON does not have."""
    found: list[str] = []
    json.loads(text, parse_constant=found.append)
    return found


def test_any_request_is_answered_or_refused_in_one_line(client):
    description = client.get("/openapi.json").json()
    posts = [path for path, own in description["paths"].items() if "post" in own]
    assert len(posts) >= 4
    n_answers = 0
    for seed in range(NUMBER):
        bodies = Bodies(seed)
        draw, path = bodies.draw, bodies.draw.choice(posts)
        content = description["paths"][path]["post"]["requestBody"]["content"]
        kind = draw.choice([*content, *content, "application/json", "text/plain"])
        schema = content.get(kind, content["application/json"])["schema"]
        bodies.definitions = schema.get("$defs", {})
        is_json = kind == "application/json" or kind not in content
        body = bodies.of(schema).encode(errors="replace") if is_json else tables(draw, kind)
        name = draw.choice(PLACES) if draw.random() < 0.1 else bodies.model
        accept = draw.choice(["*/*", "*/*", "text/csv", "application/vnd.apache.arrow.stream", "x"])
        query = draw.choice(["", "", "", "?per_column=1", "?kind=mean", "?number=3&seed=x", "?level=nan"])
        began = time.monotonic()
        found = client.post(
            path.replace("{name}", name) + query,
            content=bodies.damaged(body),
            headers={"content-type": kind, "accept": accept},
        )
        where = f"seed {seed}: {path} {kind} {query} {body[:200]!r}: {found.status_code} {found.text[:300]}"
        assert time.monotonic() - began < LONGEST, where
        assert found.status_code < 500, where
        if found.status_code == 200:
            n_answers += 1
            if found.headers["content-type"].startswith("application/json"):
                assert not {"NaN", "Infinity", "-Infinity"} & set(constants(found.text)), where
        else:
            detail = found.json()["detail"]
            assert isinstance(detail, str), where
            assert detail, where
            assert "\n" not in detail, where
            assert "Traceback" not in detail, where
    assert n_answers > NUMBER / 50
