"""Ranks on GPUs, with NCCL; skipped where there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from made.support.errors import InputError
from made.support.ranks import Ranks

TINY = ("--hidden", "8", "--batch-size", "32")
# On one host NCCL refuses two ranks of one GPU, so each says that it is on another, and they talk by sockets.
APART = 'NCCL_HOSTID="host $RANK" NCCL_SOCKET_IFNAME=lo NCCL_IB_DISABLE=1 exec "$0" -m made "$@"'
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


def fit(n: int, rows: Path, run: Path, *options: str, apart: bool = True) -> subprocess.CompletedProcess[str]:
    """Fit with ranks that torchrun starts."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
    own = ["--no-python", "bash", "-c", APART, sys.executable] if apart else ["-m", "made"]
    command = [*torchrun, *own, "fit", str(rows), "-o", str(run), "--quiet", "--device", "cuda", *options]
    environment = {name: value for name, value in os.environ.items() if name != "NCCL_HOSTID"}
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=environment)


@needs_gpu
@pytest.mark.parametrize("n", [1, 2])
def test_ranks_fit_and_go_on(n, rows, tmp_path):
    run = tmp_path / "run"
    done = fit(n, rows, run, *TINY, "--epochs", "100000", "--minutes", "0.1")
    assert done.returncode == 0, done.stderr
    assert "Exact NLL of the 40 test rows" in done.stdout
    before = json.loads((run / "results.json").read_text())
    done = fit(n, rows, run, "--resume", "--minutes", "0.1")
    assert done.returncode == 0, done.stderr
    assert json.loads((run / "results.json").read_text())["epochs"] > before["epochs"]


@needs_gpu
def test_settings_are_compared_by_ranks(rows, tmp_path):
    done = fit(2, rows, tmp_path / "run", "--minutes", "0.2")
    assert done.returncode == 0, done.stderr
    assert "Exact NLL of the 40 test rows" in done.stdout


@needs_gpu
def test_more_ranks_than_gpus_are_refused_in_one_line(rows, tmp_path):
    done = fit(torch.cuda.device_count() + 1, rows, tmp_path / "run", *TINY, apart=False)
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode != 0
    assert len(said) == 1
    assert "need a GPU each" in said[0]
    assert not (tmp_path / "run").exists()


def test_each_rank_needs_a_gpu(monkeypatch):
    monkeypatch.delenv("NCCL_HOSTID", raising=False)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    ranks = Ranks(0, 3, None)
    with pytest.raises(InputError, match=r"3 ranks on .* need a GPU each, and there are 2"):
        ranks.check_device(torch.device("cuda"))
    ranks.check_device(torch.device("cpu"))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    ranks.check_device(torch.device("cuda"))
