"""The bench of mixed tables runs, and writes what it measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.long
def test_quick_run_writes_ratios(tmp_path):
    out = tmp_path / "mixed.json"
    command = [sys.executable, BENCHMARKS / "bench_mixed.py", "--quick", "--threads", "1", "-o", out]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = json.loads(out.read_text())
    for title in ("Training, compiled steps, batch 128", "log_prob of 500 rows"):
        assert results[title]["categories"]["ratio"] == 1
        assert results[title]["mixed"]["ratio"] > 0
    assert results["100 rows of mixed"]["sample"]["ratio"] > 0
