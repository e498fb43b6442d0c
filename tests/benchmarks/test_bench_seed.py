"""The bench runs, writes what it measured, and its baseline is a MADE."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_quick_run_writes_rates_and_ratios(tmp_path):
    out = tmp_path / "seed.json"
    command = [sys.executable, BENCHMARKS / "bench_seed.py", "--quick", "--threads", "1", "-o", out]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    results = json.loads(out.read_text())
    assert results["machine"]["threads"] == 1
    for part in ("training", "sampling"):
        assert results[part]["seed"]["ratio"] == 1
        made = results[part]["made"]
        assert 0 < made["lowest"] <= made["ratio"] <= made["highest"]
    assert "Training, 64-64-64-64" in printed


def test_baseline_obeys_the_autoregressive_property():
    code = (
        "import torch; from seed_port import SeedMADE; torch.manual_seed(0);"
        "model = SeedMADE(6, (20, 20)); x = torch.rand(6);"
        "jacobian = torch.autograd.functional.jacobian(lambda x: model(x[None])[0], x);"
        "assert (jacobian.triu() == 0).all(); assert (jacobian.tril(-1).abs().sum() > 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=BENCHMARKS, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
