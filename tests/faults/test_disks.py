"""Disks that fill up, quotas, folders that turn read-only or vanish while a run goes on.

The run goes on where it can; else one line says which file, what there is, and how to go on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import made
from made.cli import main
from made.support import writing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="has file systems in memory")

FIT = ["--device", "cpu", "--hidden", "32"]


def call(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """A file of rows."""
    file = tmp_path_factory.mktemp("rows") / "rows.csv"
    table = np.random.default_rng(0).integers(0, 3, (600, 4))
    np.savetxt(file, table, fmt="%d", delimiter=",", header="a,b,c,d", comments="")
    return file


def mounted(*arguments):
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted("-t", "tmpfs", "-o", "size=2m", "none", disk)
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=False)


def fit_begun(rows, run, temporary):
    """A fit without end, which has written its first checkpoint and its best model."""
    temporary.mkdir()
    endless = ["--epochs", "100000", "--patience", "100000"]
    command = [sys.executable, "-m", "made", "fit", str(rows), "-o", str(run), *FIT, *endless]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    end = time.monotonic() + 90
    while not (run / "checkpoint.safetensors").exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)
    time.sleep(0.3)
    return process


def ended_by_sigterm(process):
    assert process.poll() is None  # it goes on
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return process.returncode, err


def fill(file):
    """Write a file until nothing more can be written."""
    with file.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))


def test_sigterm_on_a_disk_that_has_filled_up(rows, small_disk, tmp_path):
    run = small_disk / "run"
    process = fit_begun(rows, run, tmp_path / "temporary")
    fill(small_disk / "filler")
    code, err = ended_by_sigterm(process)
    assert code == 2
    assert "No space left on device" in err
    assert str(run / "model.safetensors") in err
    assert f"made fit -o {run} --resume" in err
    (saved,) = (tmp_path / "temporary").rglob("model.safetensors")
    assert str(saved) in err
    assert made.load(saved).n_variables == 4
    assert not [name for name in os.listdir(run) if name.startswith(".")]
    (small_disk / "filler").unlink()
    assert call("fit", "-o", run, "--resume", "--patience", "1", "--quiet") == 0
    assert made.load(run / "model.safetensors").n_variables == 4


def test_sigterm_in_a_folder_that_has_turned_read_only(rows, tmp_path):
    run = tmp_path / "run"
    process = fit_begun(rows, run, tmp_path / "temporary")
    try:
        mounted("--bind", run, run)
        mounted("-o", "remount,ro,bind", run)
        code, err = ended_by_sigterm(process)
    finally:
        process.kill()
        subprocess.run(["umount", "--lazy", str(run)], check=False, capture_output=True)
    assert code == 2
    assert "Read-only file system" in err
    (saved,) = (tmp_path / "temporary").rglob("model.safetensors")
    assert str(saved) in err
    assert call("fit", "-o", run, "--resume", "--patience", "1", "--quiet") == 0


def test_sigterm_in_a_folder_that_has_gone(rows, tmp_path):
    """It is made anew."""
    run = tmp_path / "run"
    process = fit_begun(rows, run, tmp_path / "temporary")
    shutil.rmtree(run)
    code, err = ended_by_sigterm(process)
    assert code == 143, err
    assert made.load(run / "model.safetensors").n_variables == 4
    assert "no checkpoint could be written" in err


class Quota:
    """After so many new files there are no more."""

    def __init__(self, monkeypatch, number):
        self.left, self._make = number, writing.tempfile.mkstemp
        monkeypatch.setattr(writing.tempfile, "mkstemp", self.make)

    def make(self, *arguments, **more):
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        return self._make(*arguments, **more)


@pytest.mark.parametrize("kind", ["plain", pytest.param("compared", marks=pytest.mark.long)])
def test_a_quota_that_is_used_up_at_any_file(rows, tmp_path, monkeypatch, capsys, kind, is_long):
    own = [*FIT, "--epochs", "2"] if kind == "plain" else ["--device", "cpu"]
    whole, run = tmp_path / "whole", tmp_path / "run"
    with monkeypatch.context() as patch:
        quota = Quota(patch, 10_000)
        assert call("fit", rows, "-o", whole, *own, "--quiet") == 0
        n_files = 10_000 - quota.left
    assert n_files > 6
    numbers = range(n_files) if is_long else [0, 1, 5]
    for number in numbers:
        shutil.rmtree(run, ignore_errors=True)
        capsys.readouterr()
        with monkeypatch.context() as patch:
            Quota(patch, number)
            code = call("fit", rows, "-o", run, *own, "--quiet")
        err = capsys.readouterr().err
        assert os.strerror(errno.EDQUOT) in err
        assert str(run) in err
        assert not [name for name in os.listdir(run) if name.startswith(".") and name != ".lock"]
        if code == 0:
            assert (run / "results.json").exists()  # pictures, or checkpoints, are missing
            continue
        assert code == 2
        if (run / "settings.json").exists():
            assert f"made fit -o {run} --resume" in err
            assert call("fit", "-o", run, "--resume", "--quiet") == 0
            same = made.load(run / "model.safetensors").state_dict()
            expected = made.load(whole / "model.safetensors").state_dict()
            assert all(bool((same[name] == expected[name]).all()) for name in expected)
