"""Other processors than the one at hand: numba, torch and its libraries are limited to what they have.

``python benchmarks/processors.py avx2 -m pytest tests/kernels`` runs any program of Python so. Numba takes
the features of the host even where it is given the name of another processor: both are set.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

__all__ = ["LIKE", "add_like", "take_like", "taken"]

_AVX2 = (
    "64bit avx avx2 bmi bmi2 cmov cx16 cx8 f16c fma fxsr lzcnt mmx movbe popcnt sahf sse sse2 sse3 sse4.1 "
    "sse4.2 ssse3 xsave"
)
_BASELINE = "64bit cmov cx8 fxsr mmx sse sse2"
#: Variables of the environment, by what a processor has.
LIKE = {
    "avx2": {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": ",".join(f"+{name}" for name in _AVX2.split()),
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    },
    "baseline": {
        "NUMBA_CPU_NAME": "x86-64",
        "NUMBA_CPU_FEATURES": ",".join(f"+{name}" for name in _BASELINE.split()),
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    },
}
_TAKEN = "MADE_BENCHMARK_LIKE"


def add_like(arguments: argparse.ArgumentParser) -> None:
    """Add the option that `take_like` takes."""
    arguments.add_argument(
        "--like",
        choices=list(LIKE),
        help="as on a processor that has no more than this; made and peers alike",
    )


def take_like(like: str | None) -> None:
    """Begin this program again under the limits, unless it is: libraries read them when they load."""
    if like is None or os.environ.get(_TAKEN) == like:
        return
    _begin(like, sys.argv)


def _begin(like: str, program: Sequence[str]) -> None:
    """Let Python begin a program under the limits, in place of this one."""
    os.environ.update(LIKE[like] | {_TAKEN: like})
    os.execv(sys.executable, [sys.executable, *program])


def taken() -> str | None:
    """Return the limits that this program is under."""
    return os.environ.get(_TAKEN)


if __name__ == "__main__":
    like, *program = sys.argv[1:]
    _begin(like, program)
