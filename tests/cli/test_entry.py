"""The real entry, in processes: quick help, exit codes, Ctrl-C, a full disk; and what help says."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys

import pytest

import made
from made.data.suffixes import SUFFIXES

HEAVY = ["torch", "numpy", "scipy", "sklearn", "matplotlib", "PIL", "safetensors", "pooch"]


def start(*arguments, **settings):
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        **settings,
    )


def finish(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_help_imports_nothing_heavy():
    code, out, err = finish(start("-X", "importtime", "-m", "made", "--help"))
    assert code == 0
    assert "evaluate" in out
    imported = {line.split("|")[-1].strip().split(".")[0] for line in err.splitlines() if "|" in line}
    assert "typer" in imported
    assert imported.isdisjoint(HEAVY)


def test_help_of_every_command_imports_nothing_heavy():
    script = f"""
import sys
from made.cli import app, main
for command in app.registered_commands:
    try:
        main([command.callback.__name__, "--help"])
    except SystemExit as end:
        assert end.code == 0
print("imported:", sorted(set({HEAVY}) & set(sys.modules)))
"""
    code, out, _ = finish(start("-c", script))
    assert code == 0
    assert out.count("Usage: made ") == 14
    assert out.endswith("imported: []\n")


@pytest.mark.parametrize("module", ["made", "made.cli"])
def test_version(module):
    assert finish(start("-m", module, "--version")) == (0, f"{made.__version__}\n", "")


def test_bad_input_is_one_line(here):
    code, out, err = finish(start("-m", "made", "fit", "nowhere.csv", "-o", "new"))
    assert (code, out) == (2, "")
    assert err.startswith("error: nowhere.csv")
    assert err.count("\n") == 1
    assert not (here / "new").exists()


def test_ctrl_c(here):
    process = start("-m", "made", "fit", "rows.csv", "-o", "new", "--hidden", "8", "--epochs", "100000000")
    first = next(line for line in process.stderr if "compiling" not in line)
    assert "epoch" in first  # training has begun
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert code == 130
    assert "usable" in out
    assert "made fit -o new --resume" in out
    assert "Traceback" not in err
    assert len(made.load(here / "new" / "model.safetensors").sample(3)) == 3


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_a_library_runs_an_exec_gives_the_same_code(tmp_path, number, expected):
    """Python itself would end `python -m` by SIGINT: code -2."""
    (tmp_path / "elsewhere.py").write_text(f"""
import signal
import made.cli
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a script
made.cli.app = lambda **_: exec("signal.raise_signal({int(number)})", {{"signal": signal}})
made.cli.main(["data"])
""")
    code, out, err = finish(start("-m", "elsewhere", cwd=tmp_path))
    assert (code, out, err) == (expected, "", "interrupted\n")


def on_full_disk(*arguments):
    """Run a command where any file may become 4 KiB large, and no larger."""
    limit = (4096, 4096)
    return finish(
        start("-m", "made", *arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    )


def test_a_run_on_a_full_disk_is_finished_as_far_as_it_goes(here, snapshot):
    before = snapshot(here / "run")
    code, out, err = on_full_disk("fit", "-o", "run", "--resume", "--epochs", "3", "--quiet")
    assert code == 0
    assert "Traceback" not in err
    for name in ("checkpoint.safetensors", "loss.png"):
        assert f"cannot write run/{name}: File too large" in err
        assert f"run/{name}" not in out
    after = snapshot(here / "run")
    assert after.keys() == before.keys() - {"samples.png"}  # which were of the earlier model
    assert {"checkpoint.safetensors", "loss.png"} <= {name for name in after if before[name] == after[name]}
    assert json.loads(after["results.json"])["epochs"] == 3


def test_full_disk_leaves_the_earlier_files(here, snapshot):
    (here / "mine.npy").write_bytes(b"earlier")
    before = snapshot(here)
    code, out, err = on_full_disk("sample", "run", "-n", "5000", "-o", "mine.npy")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "too large" in err
    after = snapshot(here)
    assert after.keys() == before.keys()  # nothing half-written is left
    assert after == before


def test_help_names_every_kind_of_file_and_every_set(call):
    shown = call("fit", "--help").out
    for word in (*SUFFIXES, *made.data.names()):
        assert word in shown
    for command in ("sample", "complete", "score"):
        assert ".parquet" in call(command, "--help").out


def test_help_and_version(call):
    assert call("--version").out == f"{made.__version__}\n"
    assert "Usage: made sample" in call("sample", "--help").out


def test_version_with_what_figures_depend_on(call):
    lines = call("--version", "-v").out.splitlines()
    assert lines[0] == made.__version__
    assert {line.partition(":")[0] for line in lines[1:]} >= {"torch", "threads", "vectors"}


def test_v_goes_with_version(call):
    assert "--version" in call("-v", code=2).err


def test_bare_command_shows_help(call):
    result = call()
    assert result.out.startswith("Usage: made")
    assert "error" not in result.err


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_threads_that_wait_do_not_hold_a_core_unless_told_so(given, expected):
    code = (
        "import atexit, os, sys\n"
        "atexit.register(lambda: print(os.environ.get('GOMP_SPINCOUNT')))\n"
        "from made.cli import main\n"
        "assert 'torch' not in sys.modules\n"
        "main(['--version'])\n"
    )
    others = {name: value for name, value in os.environ.items() if name[:4] not in ("OMP_", "GOMP")}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**others, **given}, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == expected
