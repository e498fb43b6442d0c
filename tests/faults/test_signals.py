"""SIGTERM and Ctrl-C save what there is and end; a second one leaves at once, and harms nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import made
from made.cli import main
from made.training.checkpoint import history_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals of other systems are others")

FIT = ["--device", "cpu", "--hidden", "64", "--epochs", "100000", "--patience", "100000"]
SAMPLE = ["sample", "run", "-n", "50000000", "-o"]
STREAMED = """
import sys, made
from pathlib import Path
folder = Path(sys.argv[1])
rows = made.data.open_rows(folder / "rows.npy")
model = made.MADE(made.Bernoulli(8), hidden=(32,), seed=0)
resume = (folder / "c.safetensors").exists()
print("begun", file=sys.stderr, flush=True)
made.fit(model, rows.part(0, -100), rows.part(-100), epochs=int(sys.argv[2]), batch_size=50, compiled=False,
         seed=0, checkpoint=folder / "c.safetensors", resume=resume)
print("ended")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Rows, as a table and as an array, and a run of one epoch."""
    folder = tmp_path_factory.mktemp("signals")
    draw = np.random.default_rng(0)
    size = draw.normal(size=3_000)
    table = np.stack([size, size + draw.normal(size=3_000), draw.integers(0, 3, 3_000)], axis=1)
    np.savetxt(folder / "rows.csv", table, fmt="%.2f", delimiter=",", header="size,weight,kind", comments="")
    np.save(folder / "rows.npy", (draw.random((2_000, 8)) < 0.3).astype(np.uint8))
    fit = ["fit", folder / "rows.csv", "-o", folder / "run", *FIT[:4], "--epochs", "1", "--quiet"]
    with pytest.raises(SystemExit) as end:
        main([str(own) for own in fit])
    assert end.value.code == 0
    return folder


@pytest.fixture(autouse=True)
def heard():
    """Processes hear Ctrl-C, also where the tests run in the background of a script, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def started(folder, *arguments, **more):
    command = [sys.executable, "-m", "made", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more
    )


def wait_for(condition, process, seconds=60):
    """Wait until something holds; what a process says on its standard error is returned if it ends before."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)


def left_overs(folder):
    return [file for file in Path(folder).rglob(".*.*") if file.name != ".lock"]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.long)]
)
def test_a_fit_saves_and_ends(folder, tmp_path, number, code):
    run = tmp_path / "run"
    process = started(folder, "fit", "rows.csv", "-o", run, *FIT)
    wait_for((run / "checkpoint.safetensors").exists, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert "--resume" in out
    assert "Traceback" not in err
    assert not left_overs(run)
    check_usable(run)


def check_usable(run, has_model=True):
    """A run that was ended has a model, and goes on from its checkpoint, here for one epoch."""
    if has_model:
        assert made.load(run / "model.safetensors").n_variables == 3
    n_epochs = len(history_of(run / "checkpoint.safetensors").epochs)
    with pytest.raises(SystemExit) as end:
        main(["fit", "-o", str(run), "--resume", "--epochs", str(n_epochs), "--quiet"])
    assert end.value.code == 0
    assert json.loads((run / "results.json").read_text())["epochs"] == n_epochs


def test_sigterm_while_settings_are_compared(folder, tmp_path):
    run = tmp_path / "run"
    process = started(folder, "fit", "rows.csv", "-o", run, "--device", "cpu")
    wait_for(lambda: list((run / "comparison").glob("[0-9]*.safetensors")), process)
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143, err
    assert "Traceback" not in err
    assert made.load(run / "model.safetensors").n_variables == 3
    assert not left_overs(run)
    assert (run / "comparison").exists()  # --resume goes on with it


@pytest.mark.long
def test_a_second_one_leaves_at_once(folder, tmp_path):
    run = tmp_path / "run"
    process = started(folder, "fit", "rows.csv", "-o", run, *FIT)
    wait_for((run / "checkpoint.safetensors").exists, process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert process.returncode in (130, 143), err
    assert "Traceback" not in err
    assert not left_overs(run)
    check_usable(run, has_model=False)


def test_a_streamed_fit_in_a_program(folder, tmp_path):
    """A program that has no ways of its own with SIGTERM ends by it, once its checkpoint is written."""
    (tmp_path / "rows.npy").write_bytes((folder / "rows.npy").read_bytes())
    program = [sys.executable, "-c", STREAMED, str(tmp_path)]
    process = subprocess.Popen([*program, "1000"], stderr=subprocess.PIPE, text=True)
    checkpoint = tmp_path / "c.safetensors"
    wait_for(checkpoint.exists, process)
    before = checkpoint.stat().st_mtime_ns
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
    assert checkpoint.stat().st_mtime_ns > before
    assert not left_overs(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (SAMPLE, signal.SIGTERM),
        pytest.param(["score", "run", "rows.csv", "-o"], signal.SIGTERM, marks=pytest.mark.long),
        pytest.param(SAMPLE, signal.SIGINT, marks=pytest.mark.long),
        pytest.param(
            ["complete", "run", "holes.csv", "-n", "200", "-o"], signal.SIGTERM, marks=pytest.mark.long
        ),
    ],
)
def test_no_output_is_left_half_written(folder, tmp_path, arguments, number):
    many = folder / "many.csv"
    if not many.exists():
        lines = (folder / "rows.csv").read_text().splitlines()
        many.write_text("\n".join([lines[0], *lines[1:] * 100]) + "\n")
        (folder / "holes.csv").write_text(
            "\n".join([lines[0], *(",".join(["", *own.split(",")[1:]]) for own in lines[1:])]) + "\n"
        )
    arguments = ["many.csv" if own == "rows.csv" else own for own in arguments]
    out = tmp_path / "out.csv"
    out.write_text("as it was\n")
    process = started(folder, *arguments, out)
    wait_for(lambda: left_overs(tmp_path), process)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == (143 if number == signal.SIGTERM else 130), err
    assert err.endswith("interrupted\n")
    assert "Traceback" not in err
    assert out.read_text() == "as it was\n"
    assert os.listdir(tmp_path) == ["out.csv"]
