"""How many numbers the compiled loops treat as one vector."""

__all__ = ["VECTOR"]

#: Numbers in a vector: 16 float32 fill a register of AVX-512. Arrays are padded to multiples of it.
VECTOR = 16
