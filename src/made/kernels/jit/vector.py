"""How many numbers arrays of the compiled loops are padded to."""

__all__ = ["VECTOR"]

#: Arrays are padded to multiples of it: 16 float32 fill a register of AVX-512, and several of any other.
VECTOR = 16
