"""A bench can be run as on another processor."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
KERNELS = Path(__file__).parents[1] / "kernels"
# Of steps; loops of sampling take minutes to compile. `make test-processors` runs all there are.
STEPS, SAMPLING = ["jit/test_tiles.py", "masked_adam"], ["one_pass/test_batch.py"]

PROGRAM = """
import argparse, sys
sys.path.insert(0, sys.argv.pop(1))
from processors import add_like, take_like, taken
import os
arguments = argparse.ArgumentParser()
add_like(arguments)
like = arguments.parse_args().like
if taken() is None:
    sys.argv.insert(1, os.path.dirname(sys.modules["processors"].__file__))
take_like(like)
import torch
print(taken(), torch.backends.cpu.get_cpu_capability())
import numba
@numba.njit
def double(x, y):
    for i in range(len(x)):
        y[i] = 2 * x[i]
import numpy as np
double(np.ones(64, np.float32), np.ones(64, np.float32))
print("zmm" in double.inspect_asm(double.signatures[0]))
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors have other names")
@pytest.mark.parametrize(("like", "capability"), [("avx2", "AVX2"), ("baseline", "DEFAULT")])
def test_libraries_use_no_more_than_it_has(tmp_path, like, capability):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, program, BENCHMARKS, "--like", like]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [like, capability, "False"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors have other names")
@pytest.mark.parametrize(
    ("like", "names"),
    [
        ("avx2", STEPS),
        pytest.param("avx2", SAMPLING, marks=pytest.mark.long),
        pytest.param("baseline", STEPS + SAMPLING, marks=pytest.mark.long),
    ],
)
def test_compiled_loops_are_their_plain_twins_there_too(like, names):
    tests = [KERNELS / name for name in names]
    command = [sys.executable, BENCHMARKS / "processors.py", like, "-m", "pytest", "-q", "-x"]
    done = subprocess.run([*command, "-p", "no:xdist", *tests], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
