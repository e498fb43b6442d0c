"""Named sets: where they are looked for, how they are verified, and what is said when they are missing."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import made.data
from made.data.registry import REGISTRY, Entry
from made.support.errors import InputError

SPLITS = ("train", "valid", "test")


def tiny_rows() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        split: rng.integers(0, 2, (n, 4)).astype(np.uint8) for split, n in zip(SPLITS, (6, 3, 2), strict=True)
    }


def save(path: Path, dtype: type = np.uint8, **changed: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    np.savez(path, **{f"{s}_data": a.astype(dtype) for s, a in {**tiny_rows(), **changed}.items()})


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Entry:
    """A set of 11 rows in the registry, with an address where nobody answers."""
    entry = Entry(
        title="tiny",
        n_variables=4,
        rows={"train": 6, "valid": 3, "test": 2},
        source="http://127.0.0.1:9/tiny.npz",
        digest=hashlib.sha256(b"".join(a.tobytes() for a in tiny_rows().values())).hexdigest(),
        urls={"tiny.npz": "http://127.0.0.1:9/tiny.npz"},
        other_files=tuple(f"tiny_{split}.amat" for split in SPLITS),
        image_shape=(2, 2),
    )
    monkeypatch.setitem(REGISTRY, "tiny", entry)
    return entry


@pytest.fixture
def serve(tiny, tmp_path, monkeypatch):
    """Serve a directory, and let the address of the tiny set lead there."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Be quiet."""

    place = tmp_path / "served"
    place.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(place))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        urls = {"tiny.npz": f"http://127.0.0.1:{server.server_port}/tiny.npz"}
        monkeypatch.setitem(REGISTRY, "tiny", dataclasses.replace(tiny, urls=urls))
        yield place
        server.shutdown()
        thread.join()


def check(data: made.data.Dataset) -> None:
    for split, rows in tiny_rows().items():
        np.testing.assert_array_equal(data.splits[split], rows)
        assert data.splits[split].dtype == np.uint8
    assert data.image_shape == (2, 2)
    assert data.classes == (2,) * 4


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.float32, np.int64])
def test_any_type_of_the_public_rows(tiny, tmp_path, dtype):
    save(tmp_path / "tiny.npz", dtype)
    check(made.data.load("tiny", tmp_path))


def test_images_and_text_hold_the_same_rows(tiny, tmp_path):
    np.savez(tmp_path / "tiny.npz", **{s: a.reshape(-1, 2, 2) for s, a in tiny_rows().items()})
    check(made.data.load("tiny", str(tmp_path)))
    (tmp_path / "tiny.npz").unlink()
    for split, rows in tiny_rows().items():
        np.savetxt(tmp_path / f"tiny_{split}.amat", rows, fmt="%d")
    check(made.data.load("tiny", tmp_path))


def test_places_in_their_order(tiny, tmp_path, cache, monkeypatch):
    given, env = tmp_path / "given", tmp_path / "env"
    monkeypatch.setenv("MADE_DATA_DIR", str(env))
    assert made.data.describe("tiny", given).at_hand is None
    for place in (cache, env, given):
        save(place / "tiny.npz")
        assert made.data.describe("tiny", given).at_hand == str(place)
        check(made.data.load("tiny", given))


def test_a_set_in_part_is_not_there(tiny, tmp_path):
    np.savetxt(tmp_path / "tiny_train.amat", tiny_rows()["train"], fmt="%d")
    with pytest.raises(InputError, match="tiny is not in"):
        made.data.load("tiny", tmp_path)


def test_nowhere_says_where_to_get_it_and_where_to_put_it(tiny, tmp_path):
    with pytest.raises(InputError) as caught:
        made.data.load("tiny", tmp_path / "nowhere")
    message = str(caught.value)
    for part in (str(tmp_path / "nowhere"), "no connection", "get tiny.npz from http://127", "MADE_DATA_DIR"):
        assert part in message
    assert "\n" not in message


flipped = tiny_rows()["test"] ^ 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"test": flipped},
            r"tiny\.npz: not the rows of tiny, their checksum differs; remove it, and get tiny from",
        ),
        (
            {"test": flipped[:1]},
            r"not the rows of tiny, its shapes are train \(6, 4\), .*test \(1, 4\); remove",
        ),
        ({"test": flipped + 1}, "not the rows of tiny, it holds values beyond 0 and 1; remove"),
    ],
)
def test_other_rows_are_refused(tiny, tmp_path, changed, message):
    save(tmp_path / "tiny.npz", **changed)
    with pytest.raises(InputError, match=message):
        made.data.load("tiny", tmp_path)


def test_a_damaged_file_is_named(tiny, tmp_path):
    (tmp_path / "tiny.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match=r"tiny\.npz: not a NumPy file, or a damaged one"):
        made.data.load("tiny", tmp_path)


def test_a_download_is_kept(serve, cache):
    save(serve / "tiny.npz", np.float32)
    check(made.data.load("tiny"))
    (serve / "tiny.npz").unlink()
    check(made.data.load("tiny"))
    assert [path.name for path in cache.iterdir()] == ["tiny.npz"]


@pytest.mark.parametrize("what", ["wrong", "page", "missing"])
def test_a_wrong_download_is_not_kept(serve, cache, what):
    if what == "wrong":
        save(serve / "tiny.npz", test=flipped)
    elif what == "page":
        (serve / "tiny.npz").write_text("<html>log in first</html>")
    message = {"wrong": "their checksum differs", "page": "not a NumPy file", "missing": "HTTP 404"}[what]
    with pytest.raises(InputError, match=message) as caught:
        made.data.load("tiny")
    assert "\n" not in str(caught.value)
    assert list(cache.iterdir()) == []


def test_digits():
    data = made.data.load("digits", seed=3)
    assert (data.name, data.image_shape, data.classes) == ("digits", (8, 8), (2,) * 64)
    assert made.data.describe("digits").rows == {split: len(rows) for split, rows in data.splits.items()}
    assert "seed 0, always the same" in data.notes[-1]
    digest = hashlib.sha256(b"".join(rows.tobytes() for rows in data.splits.values())).hexdigest()
    assert digest == "a00d221dbca46590a6dad53753d86d85fd9a1d492206bb3b4ea12edb57dd657d"


def test_two_dim():
    data = made.data.load("two-dim")
    assert data.name == "two_dim"
    assert data.table is not None
    assert data.table.shape == data.classes == (200, 200)
    assert made.data.describe("two_dim").rows == {split: len(rows) for split, rows in data.splits.items()}
    assert len(made.data.load("two_dim", n_points=100).train) == 80
    assert (made.data.load("two_dim", seed=1, n_points=100).train != data.train[:80]).any()


def test_describe_knows_names_only():
    assert made.data.names() == tuple(REGISTRY)
    assert made.data.describe("two_dim").at_hand == "scikit-learn"
    with pytest.raises(InputError, match="no data set is called 'digit'; did you mean digits"):
        made.data.describe("digit")


@pytest.mark.parametrize("name", ["binarized_mnist", "dna", "mushrooms", "nltcs"])
def test_real_sets(real, name):
    data = made.data.load(name, real)
    about = made.data.describe(name, real)
    assert about.rows == {split: len(rows) for split, rows in data.splits.items()}
    assert about.n_variables == data.n_variables
    assert about.at_hand == str(real)
    assert data.is_binary


def test_real_files_by_path(real):
    by_name, by_path = made.data.load("nltcs", real), made.data.load(real / "nltcs.train.data")
    assert by_path.name == "nltcs"
    for split in SPLITS:
        np.testing.assert_array_equal(by_name.splits[split], by_path.splits[split])
    seed_table = made.data.load(real / "two_dim_distribution.npy").table
    assert seed_table is not None
    assert -(seed_table * np.log(seed_table)).sum() == pytest.approx(10.5198, abs=1e-4)
    adult = made.data.load(real / "adult.csv")
    kinds = {column.name: column for column in adult.schema.columns}
    assert len(adult.train) + len(adult.valid) + len(adult.test) == 32_561
    assert kinds["workclass"].arguments["missing"]
    assert "?" not in kinds["workclass"].labels
    assert kinds["fnlwgt"].kind == "numeric"
