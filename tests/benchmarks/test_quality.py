"""The bench of how good models are runs, and its figures are sane."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "benchmarks" / "quality.py"


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux how much memory was used")
def test_quick_run(tmp_path):
    out = tmp_path / "quality.json"
    command = [sys.executable, str(BENCH), "--quick", "--seeds", "2", "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=BENCH.parent)
    fits = json.loads(out.read_text())["fits"]
    assert list(fits) == ["digits, default"]
    first, second = fits["digits, default"]["seeds"]
    for one in (first, second):
        assert 15 < one["test"][0] < 64
        assert 0 < one["test"][1] < 2
        assert 100 < one["megabytes"] < 5000
        assert f"{one['test'][0]:.2f}" in done.stdout
    assert first["test"] != second["test"]
    mean = (first["test"][0] + second["test"][0]) / 2
    assert f"| digits, default | {mean:.2f} ±" in out.with_suffix(".md").read_text()
