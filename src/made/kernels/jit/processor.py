"""What the processor has that loops are compiled for: how long its vectors are, and how many sums it holds.

Numba compiles for the processor at hand unless ``NUMBA_CPU_FEATURES`` says otherwise; so do the tiles.
"""

from __future__ import annotations

from typing import NamedTuple

from llvmlite import binding
from numba.core import config

__all__ = ["PROCESSOR", "Processor"]


class Processor(NamedTuple):
    """A kind of processor, and the tile that suits it.

    Attributes
    ----------
    name : str
        Of its vector instructions.
    register : int
        float32 numbers in a vector register.
    n_sums, n_vectors : int
        Of the largest tile: a sum takes `n_vectors` registers, and all of them, one more for each vector and
        one for a weight are no more than there are.
    """

    name: str
    register: int
    n_sums: int
    n_vectors: int


# 32 registers, 16, 32, 16.
_AVX512 = Processor("AVX-512", 16, 12, 2)
_AVX2 = Processor("AVX2", 8, 6, 2)
_NEON = Processor("NEON", 4, 6, 4)
_OTHER = Processor("baseline", 4, 6, 2)


def _processor() -> Processor:
    given: str | None = config.CPU_FEATURES  # type: ignore[attr-defined]
    if given is None:
        features = {name for name, there in binding.get_host_cpu_features().items() if there}
    else:
        features = {name[1:] for name in given.split(",") if name.startswith("+")}
    if "avx512f" in features:
        return _AVX512
    if {"avx2", "fma"} <= features:
        return _AVX2
    return _NEON if "neon" in features else _OTHER


#: That which loops are compiled for.
PROCESSOR = _processor()
