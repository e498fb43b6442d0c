"""The sampling bench runs, and writes what it measured and a picture."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.long
def test_quick_run_writes_ratios_curves_and_a_picture(tmp_path):
    out = tmp_path / "sampling.json"
    command = [sys.executable, BENCHMARKS / "bench_sampling.py", "--quick", "--threads", "1", "-o", out]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = json.loads(out.read_text())
    assert results["machine"]["threads"] == 1
    for name, low, high in (("half of the bits lit", 0.35, 0.65), ("a sixth of the bits lit", 0.08, 0.25)):
        assert low < results[name]["share"] < high
        for row in results[name]["rows"].values():
            assert row["forward"]["ratio"] == 1
            assert 0 < row["sample"]["lowest"] <= row["sample"]["ratio"] <= row["sample"]["highest"]
    assert results["against the seed's loop"]["one-pass"]["ratio"] > 1
    assert {point["D"] for point in results["by D"].values()} == {64, 128}
    assert {point["n"] for point in results["by n"].values()} == {1, 10}
    assert results["large"]["peak MB"] >= results["large"]["peak MB before sampling"]
    assert out.with_suffix(".png").stat().st_size > 10_000
