"""torchrun itself, as users call it: a rank is killed in mid-fit, and the fit goes on by itself."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import TINY

pytest.importorskip("torch.distributed.run")


def children(process: int) -> list[int]:
    """Return the processes that a process has started, as Linux lists them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == process:
            found.append(int(folder.name))
    return found


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs the processes that Linux lists")
def test_a_killed_rank_is_started_again(rows, tmp_path):
    run = tmp_path / "run"
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--max-restarts", "2")
    fit = ("-m", "made", "fit", str(rows / "*.parquet"), "-o", str(run))
    options = (*TINY, "--epochs", "300", "--batch-size", "64", "--checkpoint-every", "0.1")
    with subprocess.Popen(
        [sys.executable, *launcher, *fit, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as torchrun:
        until = time.monotonic() + 120
        while not (run / "checkpoint.safetensors").exists() and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(children(torchrun.pid)[-1], signal.SIGKILL)
        out, err = torchrun.communicate(timeout=240)
    assert torchrun.returncode == 0, err
    assert "Exact NLL of the 40 test rows" in out
    assert json.loads((run / "results.json").read_text())["ended"] in ("finished", "stopped early")
    assert sum(line.startswith("error: rank") for line in err.splitlines()) == 1


def test_a_rank_that_is_done_leaves_without_shutting_python_down(tmp_path):
    # With plain exits 7 of 25 launches of four ranks aborted there ("terminate called without ...").
    script = tmp_path / "rank.py"
    script.write_text(
        "import atexit\n"
        "from made.support.ranks import RankSettings, together\n"
        "atexit.register(print, 'shut down')\n"
        "with together(RankSettings()):\n"
        "    print('what was said')\n"
        "    raise SystemExit(3)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    alone = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, **alone},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "what was said\n", "")
