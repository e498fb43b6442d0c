"""A folder is of one process at a time, and of nobody once that is dead."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from made.support.errors import InputError
from made.support.locks import locked

HOLD = """
import sys
from pathlib import Path
from made.support.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="locks are of Unix")


def holder(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    return process


def test_the_second_is_told_who_the_first_is(tmp_path):
    first = holder(tmp_path / "run")
    with (
        pytest.raises(InputError, match=rf"in use by process {first.pid} on .*: wait"),
        locked(tmp_path / "run"),
    ):
        pass
    first.communicate(b"")
    with locked(tmp_path / "run"):
        pass
    assert os.listdir(tmp_path / "run") == []


def test_a_dead_one_does_not_block(tmp_path):
    first = holder(tmp_path)
    first.kill()
    first.communicate()
    assert os.listdir(tmp_path) == [".lock"]
    with locked(tmp_path):
        pass
    assert os.listdir(tmp_path) == []


def test_an_error_gives_the_folder_back(tmp_path):
    with pytest.raises(RuntimeError), locked(tmp_path):
        raise RuntimeError
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("mine")
    with (
        pytest.raises(InputError, match=r"cannot make the folder .*file/run: Not a directory"),
        locked(tmp_path / "file" / "run"),
    ):
        pass
