"""What systems do to a command: full disks, closed streams, folders that take nothing; and empty options."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from made.cli import main
from made.support import writing

FIT = ["--hidden", "4", "--device", "cpu", "--quiet"]


def call(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of three epochs, and its rows."""
    folder = tmp_path_factory.mktemp("system")
    rows = np.random.default_rng(0).integers(0, 2, (40, 3))
    np.savetxt(folder / "rows.csv", rows, fmt="%d", delimiter=",", header="a,b,c", comments="")
    assert call("fit", folder / "rows.csv", "-o", folder / "run", "--epochs", "3", *FIT) == 0
    return folder


@pytest.mark.parametrize(
    "arguments", [["sample", "run", "-n", "3"], ["score", "run", "rows.csv"], ["complete", "run", "rows.csv"]]
)
def test_a_dash_is_standard_output(arguments, folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    assert call(*arguments) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) > 3
    assert call(*arguments, "-o", "-") == 0
    assert capsys.readouterr().out == text
    assert not (folder / "-").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "{rows}", "-o", "", *FIT], ["-o is empty"]),
        (["sample", "{run}", "-n", "2", "--out", " "], ["--out is empty"]),
        (["sample", "{run}", "-n", "2", "--out="], ["--out is empty"]),
        (["fit", "{rows}", "-o", "{new}", "--recipe", "", *FIT], ["--recipe is empty"]),
        (["fit", "{rows}", "-o", "{new}", "--context", ",", *FIT], ["--context names no column"]),
        (["fit", "-o", "{run}", "--resume", "--force"], ["--resume", "--force", "leave one"]),
        (["sample", "{run}", "-n", "2", "--given", ""], ["--given is empty"]),
        (["sample", "{run}", "-n", "2", "--given", " , "], ["--given is empty"]),
    ],
)
def test_empty_options_are_refused(arguments, words, folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    places = {"rows": folder / "rows.csv", "run": folder / "run", "new": folder / "new"}
    before = sorted(own.name for own in folder.iterdir())
    assert call(*(own.format(**places) for own in arguments)) == 2
    line = capsys.readouterr().err
    assert all(word in line for word in words), line
    assert sorted(own.name for own in folder.iterdir()) == before


def test_a_run_is_not_resumed_with_fewer_epochs(folder, capsys):
    run = folder / "run"
    before = {name: (run / name).read_bytes() for name in ("settings.json", "results.json")}
    assert call("fit", "-o", run, "--resume", "--epochs", "1", "--quiet") == 2
    assert "3 epochs already" in capsys.readouterr().err
    assert {name: (run / name).read_bytes() for name in before} == before
    assert call("fit", "-o", run, "--resume", "--epochs", "3", "--quiet") == 0
    assert json.loads((run / "settings.json").read_text())["training"]["epochs"] == 3


def test_why_a_folder_takes_nothing_is_said(folder, capsys, monkeypatch):
    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("made.runs.folder.tempfile.TemporaryFile", refuse)
    assert call("fit", folder / "rows.csv", "-o", folder / "new", "--epochs", "1", *FIT) == 2
    assert "Read-only file system" in capsys.readouterr().err


def test_a_fit_goes_on_without_its_checkpoint(folder, capsys, monkeypatch):
    own = writing.path_aside

    def refuse(path):
        if "checkpoint" in str(path):
            raise writing.CannotWriteError(f"cannot write {path}: No space left on device")
        return own(path)

    monkeypatch.setattr(writing, "path_aside", refuse)
    assert call("fit", folder / "rows.csv", "-o", folder / "full", "--epochs", "2", *FIT) == 0
    line = capsys.readouterr().err
    assert "No space left on device" in line
    assert "checkpoint.safetensors" in line
    assert (folder / "full" / "model.safetensors").exists()
    assert (folder / "full" / "results.json").exists()


def shell(command, folder):
    command = command.format(made=f"{sys.executable} -m made", run=folder / "run")
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="has /dev/full, and shells that close streams")
@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("{made} sample {run} -n 5 > /dev/full", "error: standard output: No space left on device"),
        ("{made} sample {run} -n 5 >&-", "error: standard output is closed"),
        ("{made} sample {run} -n 0 --nothing 2>&-", ""),
    ],
)
def test_what_standard_output_does_is_said(command, line, folder):
    ended = shell(command, folder)
    assert ended.returncode == 2
    assert ended.stderr.startswith(line)
    assert ended.stderr.count("\n") == bool(line)
