"""Files that are written to while they are read, and standard input that somebody has to type."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time

import numpy as np
import polars
import pytest

import made
from made.data.portions import open_portions
from made.data.row_file import open_rows

WRITERS = {".parquet": "write_parquet", ".arrow": "write_ipc"}

OVERWRITTEN = """
import sys, threading, time
from pathlib import Path
import made
from made.data.portions import open_portions
from made.data.readers import read
path = Path(sys.argv[1])
content, end, found = path.read_bytes(), time.monotonic() + 1.5, {"rows": 0, "refused": 0}
def overwrite():
    size = 0
    while time.monotonic() < end:
        with path.open("r+b") as file:
            file.truncate(size)
            file.write(content)
        size = (size + 9973) % len(content)
        time.sleep(0.002)
writer = threading.Thread(target=overwrite)
writer.start()
while writer.is_alive():
    for call in (lambda: list(open_portions(path) or []), lambda: read(path)):
        try:
            call()
            found["rows"] += 1
        except made.InputError as error:
            assert len(str(error).splitlines()) == 1
            found["refused"] += 1
print(found["rows"] + found["refused"])
"""


@pytest.fixture(params=WRITERS)
def table(request, tmp_path):
    """A file of a table large enough to take some time."""
    rng = np.random.default_rng(0)
    frame = polars.DataFrame({"k": rng.integers(0, 5, 200_000), "x": rng.normal(size=200_000)})
    path = tmp_path / f"rows{request.param}"
    getattr(frame, WRITERS[request.param])(path)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="files in use can be cut short, as on Linux")
def test_a_table_overwritten_while_it_is_read_is_rows_or_one_line(table):
    """A file that is mapped into memory would end the process."""
    program = [sys.executable, "-c", textwrap.dedent(OVERWRITTEN), str(table)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr[-2_000:])
    assert int(done.stdout) >= 1


def test_a_table_written_to_between_portions_is_refused(table):
    portions = iter(open_portions(table))
    next(portions)
    table.write_bytes(table.read_bytes()[:1000])
    with pytest.raises(made.InputError, match="written to while it was read"):
        list(portions)


def test_a_large_table_is_not_held_in_memory_and_its_changes_are_noticed(table, monkeypatch):
    monkeypatch.setattr("made.data.tables._MOST_IN_MEMORY", 1000)
    portions = open_portions(table)
    assert sum(raw.n_rows for raw in portions) == 200_000
    started = iter(portions)
    next(started)
    os.utime(table, ns=(1, 1))
    with pytest.raises(made.InputError, match="written to while it was read"):
        list(started)


def test_a_table_that_is_streamed_is_refused_once_it_was_written_to(table):
    if table.suffix != ".parquet":
        pytest.skip("is not streamed")
    rows = open_rows(table)
    assert rows.read(0, 2).shape == (2, 2)
    os.utime(table, ns=(1, 1))
    with pytest.raises(made.InputError, match="changed or damaged since it was opened"):
        rows.read(0, 2)


@pytest.mark.skipif(sys.platform != "linux", reason="opens a terminal as Linux does")
def test_rows_that_are_to_be_typed_are_waited_for_aloud():
    import pty

    terminal, other = pty.openpty()
    command = [sys.executable, "-m", "made", "schema", "-"]
    with subprocess.Popen(command, stdin=other, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.close(other)
        assert process.stderr is not None
        assert process.stderr.readline() == (
            b"waiting for rows on standard input: type or paste a table, then Ctrl-D\n"
        )
        os.write(terminal, b"a,b\n" + b"0,1\n1,0\n" * 20)
        time.sleep(0.2)
        os.write(terminal, b"\x04")
        out, err = process.communicate(timeout=120)
    os.close(terminal)
    assert process.returncode == 0, err
    assert out.count(b"bernoulli") == 2, out
