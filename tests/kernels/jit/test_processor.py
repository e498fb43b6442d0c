"""Tiles are chosen by the features that numba compiles for."""

import os
import subprocess
import sys

import pytest

from made.kernels.jit.processor import PROCESSOR

_PRINT = "from made.kernels.jit.processor import PROCESSOR; print(PROCESSOR.name)"


@pytest.mark.parametrize(
    ("features", "name"),
    [
        ("+sse,+sse2,+avx,+avx2,+fma", "AVX2"),
        ("+avx,+avx2", "baseline"),
        ("+avx2,+fma,+avx512f", "AVX-512"),
        ("+avx2,+fma,-avx512f", "AVX2"),
        ("+neon", "NEON"),
        ("", "baseline"),
    ],
)
def test_features_decide(features, name):
    own = {**os.environ, "NUMBA_CPU_FEATURES": features}
    done = subprocess.run([sys.executable, "-c", _PRINT], env=own, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == name


def test_a_tile_fits_the_registers():
    used = (PROCESSOR.n_sums + 1) * PROCESSOR.n_vectors + 1
    assert used <= {"AVX-512": 32, "NEON": 32}.get(PROCESSOR.name, 16)
