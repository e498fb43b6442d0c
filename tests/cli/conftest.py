"""What the tests of the command line share: a way to call it, small files, and runs that are finished."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from made.cli import main

TINY = ("--hidden", "8", "--epochs", "2", "--dropout", "0.1", "--quiet", "--device", "cpu")
ROW = np.array([10, 20, 40])


class Result(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


def run_made(*arguments: Any) -> Result:
    """Call the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return Result(end.value.code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def call() -> Callable[..., Result]:
    """A function that calls the command line; must end well unless a code is given."""

    def call(*arguments: Any, code: int = 0) -> Result:
        result = run_made(*arguments)
        assert result.code == code, result.err
        return result

    return call


@pytest.fixture(scope="session")
def parse() -> Callable[[str], tuple[list[str], np.ndarray[Any, Any]]]:
    """A function that reads CSV: the header, and the numbers below it."""

    def parse(text: str) -> tuple[list[str], np.ndarray[Any, Any]]:
        header, *lines = list(csv.reader(io.StringIO(text)))
        return header, np.array(lines, dtype=float)

    return parse


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """Options that make a fit quick."""
    return TINY


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs and files of many kinds; do not change it.

    The runs are of a table of labels, of images, and of the table's other columns given ``kind``.
    """
    place = tmp_path_factory.mktemp("cli")
    generator = np.random.default_rng(0)
    kinds = generator.integers(0, 3, 60)
    kinds[:3] = 0, 1, 2
    rows = np.stack([generator.integers(0, 2, 60), kinds, ROW[kinds]], axis=1)
    np.savetxt(place / "rows.csv", rows, fmt="%d", delimiter=",", header="sex,kind,size", comments="")
    np.savetxt(place / "other.csv", rows[::-1], fmt="%d", delimiter=",", header="sex,kind,size", comments="")
    np.save(place / "images.npy", (generator.random((40, 3, 4)) < 0.3).astype(np.uint8))
    # Other numbers are refused, so that there is something that is refused.
    refusing = [{"name": name, "kind": "category", "unseen": False} for name in ("sex", "kind", "size")]
    (place / "refusing.json").write_text(json.dumps({"columns": refusing}))
    settings = ("--schema", place / "refusing.json", *TINY)
    assert run_made("fit", place / "rows.csv", "-o", place / "run", *settings).code == 0
    assert run_made("fit", place / "images.npy", "-o", place / "pictures", *TINY).code == 0
    conditional = ("--context", "kind", "-o", place / "conditional")
    assert run_made("fit", place / "rows.csv", *conditional, *settings, "--epochs", "8").code == 0
    return place


@pytest.fixture
def here(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, as the current one; no named set but the embedded ones is at hand."""
    place = tmp_path / "here"
    shutil.copytree(template, place)
    monkeypatch.chdir(place)
    monkeypatch.delenv("MADE_DATA_DIR", raising=False)
    monkeypatch.setenv("MADE_CACHE_DIR", str(tmp_path / "cache"))
    return place


@pytest.fixture(scope="session")
def snapshot() -> Callable[[Path], dict[str, bytes]]:
    """A function that reads all files below a folder."""

    def read(folder: Path) -> dict[str, bytes]:
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    return read


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs draw no pictures, which is most of the time that a tiny one takes."""
    for name in ("draw_loss", "draw_samples"):
        monkeypatch.setattr(f"made.runs.run.{name}", lambda path, *others: path)
