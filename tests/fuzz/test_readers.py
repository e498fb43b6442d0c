"""Damaged data files: each is rows, or one clear line; nothing waits for what has no end.

MADE_FUZZ_TABLES asks for more of them, as `make test-long` does.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from mutations import damaged
from seeds import DATA, frame

import made
from made.cli import main
from made.data.portions import open_portions
from made.data.readers import read
from made.data.row_file import open_rows

#: How many damaged files there are of each kind.
N_DAMAGED = 4 * int(os.environ.get("MADE_FUZZ_TABLES", "15"))


#: Some of these end the process inside polars, which nothing here can catch; Excel files may have no reader.
FILES = [name for name in DATA if Path(name).suffix not in (".parquet", ".arrow", ".feather", ".xlsx")]


def readers(path: Path) -> dict[str, Callable[[], Any]]:
    own: dict[str, Callable[[], Any]] = {
        "read": lambda: read(path, missing=True),
        "leniently": lambda: read(path, missing=True, lenient=True),
        "portions": lambda: list(open_portions(path, missing=True) or []),
    }
    return own | ({"rows": lambda: open_rows(path).read(0, 1)} if path.suffix in (".npy", ".parquet") else {})


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_rows_or_one_line(name, tmp_path):
    try:
        content = DATA[name]()
    except (TypeError, polars.exceptions.PolarsError):
        pytest.skip("this polars writes no such files")
    path, rng = tmp_path / name, np.random.default_rng(1)
    for k in range(N_DAMAGED):
        path.write_bytes(damaged(content, rng))
        for how, call in readers(path).items():
            try:
                call()
            except made.InputError as error:
                message = str(error)
            except Exception as error:
                raise AssertionError(f"{name}, damage {k}, {how}") from error
            else:
                continue
            assert message.startswith(str(path)), (k, how, message)


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_tables_cut_short_are_one_line(kind, tmp_path):
    """Some damages of these end the process inside polars, which nothing here can catch."""
    path = tmp_path / f"rows.{kind}"
    (frame().write_parquet if kind == "parquet" else frame().write_ipc)(path)
    content = path.read_bytes()
    for end in range(0, len(content), max(len(content) // N_DAMAGED, 1)):
        path.write_bytes(content[:end])
        for call in readers(path).values():
            with contextlib.suppress(made.InputError):
                assert call() == []  # not read in portions either: it is read, and refused, as a whole


ENDLESS = """
import os, pty, sys
import made
from made.data.row_file import open_rows
from made.variables.schema import Schema
os.mkfifo("pipe.csv"); os.mkfifo("pipe.npy"); os.mkfifo("pipe.json"); os.mkfifo("model.safetensors")
terminal, other = pty.openpty()
calls = [(made.data.load, name) for name in ("pipe.csv", "/dev/zero", "/dev/stdin", os.ttyname(other))]
calls += [(open_rows, "pipe.npy"), (Schema.read, "pipe.json"), (made.load, "."), (made.load, "pipe.npy")]
for call, name in calls:
    try:
        call(name)
    except made.InputError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="has the devices of Linux")
def test_pipes_devices_and_terminals_are_refused(tmp_path):
    program = [sys.executable, "-c", textwrap.dedent(ENDLESS)]
    run = subprocess.run(
        program, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.PIPE
    )
    lines = run.stdout.splitlines()
    assert len(lines) == 8, run.stderr
    assert sum("pipe, device or terminal" in line for line in lines) == 6, lines


@pytest.mark.parametrize("name", ["~nobody-of-this-name/rows.csv", "~nobody-of-this-name/rows.npy"])
def test_a_home_of_nobody_is_no_file(name, capsys):
    with pytest.raises(made.InputError, match="no such file"):
        made.data.load(name)
    with pytest.raises(made.InputError, match="no such file"):
        open_rows(name)
    with pytest.raises(SystemExit) as end:
        main(["schema", name])
    assert end.value.code == 2
    assert "no such file" in capsys.readouterr().err


def test_nested_json_is_one_line(tmp_path):
    deep = "[" * 100_000 + "]" * 100_000
    (tmp_path / "rows.jsonl").write_text(f'{{"a": {deep}}}\n')
    with pytest.raises(made.InputError, match="line 1 is not JSON"):
        made.data.load(tmp_path / "rows.jsonl")
    for content in (deep, '{"columns": ' + "9" * 5_000 + "}"):
        (tmp_path / "schema.json").write_text(content)
        with pytest.raises(made.InputError, match=r"schema\.json"):
            made.Schema.read(tmp_path / "schema.json")


@pytest.mark.skipif(sys.platform != "linux", reason="closes standard input as a shell does")
def test_a_closed_standard_input_is_said():
    command = f"exec {sys.executable} -m made schema - <&-"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 2
    assert "standard input is closed" in run.stderr
    assert "Traceback" not in run.stderr
