"""Schema files that were edited or damaged: each gives a model of its columns, or one line.

A few in `make test`; MADE_FUZZ_TABLES asks for more, as `make test-long` does.
"""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import damaged
from seeds import SCHEMAS
from targets import Schemas

import made

#: How many schema files are drawn.
NUMBER = 4 * int(os.environ.get("MADE_FUZZ_TABLES", "15"))
KEYS = ("name", "kind", "classes", "step", "rounds", "spikes", "missing", "periods", "unseen", "ordered")
_WORDS = st.sampled_from(
    [*KEYS, "context", "note", "why", "numeric", "category", "date", "drop", "age", "city"]
)
_PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), _WORDS, st.text(max_size=5), st.integers(-2, 40)
)
_VALUES = st.recursive(_PLAIN, lambda own: st.lists(own, max_size=4), max_leaves=5)
_ENTRIES = st.dictionaries(_WORDS, _VALUES, max_size=5)


@pytest.fixture(scope="module")
def schemas():
    """The target of schema files."""
    found = Schemas()
    yield found
    found.close()


def test_sound_schemas_are_read(schemas):
    assert all(schemas.check(seed) for seed in schemas.seeds())


def test_edited_schemas_are_models_or_one_line(schemas):
    found = []
    for number in range(NUMBER):
        content = schemas.drawn(np.random.default_rng([1, number]))
        found.append(schemas.check(content))
    assert 0 < sum(found) < NUMBER


@settings(settings.get_profile("tables"))
@given(data=st.data())
def test_schemas_of_any_json_are_models_or_one_line(schemas, data):
    """Entries of the columns of the table, whatever is said of them."""
    names = data.draw(st.permutations(["kind", "age", "city", "day"]))[: data.draw(st.integers(1, 4))]
    kinds = st.sampled_from(["numeric", "category", "date", "drop"])
    entries = [{**data.draw(_ENTRIES), "name": name, "kind": data.draw(kinds)} for name in names]
    schemas.check(json.dumps({"columns": entries}).encode())


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_cut_short_are_one_line(schemas, name):
    content = SCHEMAS[name].encode()
    for end in range(len(content)):
        assert not schemas.check(content[:end])


def test_damaged_schemas_are_models_or_one_line(schemas):
    rng = np.random.default_rng(6)
    for _ in range(NUMBER):
        for content in SCHEMAS.values():
            schemas.check(damaged(content.encode(), rng))


@pytest.mark.parametrize("n", [10**6 + 1, 10**12, 10**30])
def test_classes_beyond_what_a_file_may_have_are_refused(tmp_path, refused, n):
    (tmp_path / "s.json").write_text(
        json.dumps({"columns": [{"name": "a", "kind": "category", "classes": n}]})
    )
    with refused("s.json", "column 'a'", "at most 1,000,000"):
        made.Schema.read(tmp_path / "s.json")


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"step": 0.5, "spikes": [1e308]}, "no multiple of its step"),  # how many steps is infinite
        ({"step": 10**400}, "a number above 0"),
        ({"periods": [10**400]}, "numbers above 0"),
    ],
)
def test_numbers_beyond_float64_are_refused(tmp_path, refused, settings, word):
    (tmp_path / "s.json").write_text(json.dumps({"columns": [{"name": "a", "kind": "numeric", **settings}]}))
    with refused("s.json", "column 'a'", word):
        made.Schema.read(tmp_path / "s.json")


def test_a_name_with_half_a_character_is_written(tmp_path):
    (tmp_path / "s.json").write_text('{"columns": [{"name": "a\\ud800", "kind": "numeric"}]}')
    schema = made.Schema.read(tmp_path / "s.json")
    schema.write(tmp_path / "again.json")
    assert made.Schema.read(tmp_path / "again.json").names == ("a\ud800",)
