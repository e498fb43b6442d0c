"""The streaming bench runs under its limit, and writes what it measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited otherwise")
def test_few_rows(tmp_path):
    out = tmp_path / "streaming.json"
    command = [sys.executable, BENCHMARKS / "bench_streaming.py", "--rows", "60000", "-o", out]
    done = subprocess.run([*command, "--threads", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(out.read_text())
    assert results["the whole file is refused under the limit"] is False  # of 6 MB
    for name in {"npy", "parquet"} & results.keys():
        assert results[name]["rows"] == 60_000
        assert results[name]["rows per second"] > 0
        assert results[name]["NLL after"] < results[name]["NLL before"]
        assert results[name]["peak MB"] >= results[name]["resident MB before"]
