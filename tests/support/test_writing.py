"""Writing: a write that fails leaves what was there and nothing else."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from made.support.writing import forget_left_overs, write_aside, writing_aside


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    for content in (b"first", b"second"):
        write_aside(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_is_as_readable_as_any_other(tmp_path):
    (tmp_path / "other").touch()
    write_aside(tmp_path / "file", b"")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "other")}
    assert len(modes) == 1


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root writes to read-only folders")
def test_a_read_only_folder_is_named_and_the_earlier_file_survives(refused, tmp_path):
    path = tmp_path / "model"
    write_aside(path, b"before")
    tmp_path.chmod(0o500)
    try:
        with refused("cannot write", str(path), "unchanged"):
            write_aside(path, b"after")
        assert path.read_bytes() == b"before"
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_whatever_fails_the_earlier_file_survives(refused, tmp_path, monkeypatch, call):
    def fail(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "model"
    write_aside(path, b"before")
    monkeypatch.setattr(os, call, fail)
    with refused("cannot write", str(path), "No space left on device", "unchanged"):
        write_aside(path, b"after")
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["model"]


def test_portions_appear_at_the_end_of_the_block(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with writing_aside(path) as file:
        for portion in (b"one ", b"two"):
            file.write(portion)
            file.flush()
            assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"one two"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, GeneratorExit])
def test_whatever_ends_the_block_early_the_earlier_file_survives(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def write():
        with writing_aside(path) as file:
            file.write(b"half")
            assert len(os.listdir(tmp_path)) == 2
            raise error

    with pytest.raises(error):
        write()
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_in_the_place_is_said_before_the_work(refused, tmp_path):
    begun = False
    with refused("cannot write", str(tmp_path), "directory"), writing_aside(tmp_path):
        begun = True
    assert not begun


# How a program ends that writes a file or a folder: killed on the way, or when its input ends.
KILLED_OR_NOT = """
    if sys.argv[2] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()
"""
KILLED = (
    """
import os, signal, sys
from made.support.writing import writing_aside
with writing_aside(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    print(sorted(os.listdir(os.path.dirname(sys.argv[1]))), flush=True)
"""
    + KILLED_OR_NOT
)


@pytest.mark.skipif(sys.platform != "linux", reason="kills and locks as Linux does")
def test_what_a_killed_save_leaves_is_forgotten_by_the_next(tmp_path):
    path = tmp_path / "z.npy"
    path.write_bytes(b"before")
    (tmp_path / ".z.npy.1.notes").write_bytes(b"of the user")
    program = [sys.executable, "-c", KILLED, str(path)]
    for _ in range(2):
        subprocess.run([*program, "kill"], capture_output=True, check=False)
    assert len(os.listdir(tmp_path)) == 3  # the second forgot the first
    other = subprocess.Popen([*program, "live"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    other.stdout.readline()
    write_aside(path, b"after")
    assert len(os.listdir(tmp_path)) == 3  # of the one that lives
    other.communicate(b"")
    assert other.returncode == 0
    assert sorted(os.listdir(tmp_path)) == [".z.npy.1.notes", "z.npy"]
    assert path.read_bytes() == b"half"


@pytest.mark.skipif(sys.platform != "linux", reason="kills and locks as Linux does")
def test_a_folder_forgets_what_killed_processes_left(tmp_path):
    for name in ("a.csv", "b.csv"):
        program = [sys.executable, "-c", KILLED, str(tmp_path / name), "kill"]
        subprocess.run(program, capture_output=True, check=False)
    assert len(os.listdir(tmp_path)) == 2
    forget_left_overs(tmp_path)
    forget_left_overs(tmp_path / "none")
    assert os.listdir(tmp_path) == []


KILLED_IN_A_FOLDER = (
    """
import os, signal, sys
from pathlib import Path
from made.support.writing import folder_aside
with folder_aside(sys.argv[1]) as folder:
    Path(folder, "0.parquet").write_bytes(b"some")
    print("there", flush=True)
"""
    + KILLED_OR_NOT
)


@pytest.mark.skipif(sys.platform != "linux", reason="kills and locks as Linux does")
def test_folders_of_killed_processes_are_forgotten_and_those_in_use_are_not(tmp_path):
    path = tmp_path / "x.parquet"
    program = [sys.executable, "-c", KILLED_IN_A_FOLDER, str(path)]
    subprocess.run([*program, "kill"], capture_output=True, check=False)
    other = subprocess.Popen([*program, "live"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    other.stdout.readline()
    assert len(os.listdir(tmp_path)) == 2
    write_aside(path, b"after")
    assert len(os.listdir(tmp_path)) == 2
    assert any(tmp_path.glob(".x.parquet.*/0.parquet"))
    other.communicate(b"")
    assert other.returncode == 0
    assert os.listdir(tmp_path) == ["x.parquet"]
