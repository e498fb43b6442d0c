"""Orderings (permutations of 0..D-1) and ranks (places in an ordering, counted from 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.support.errors import InputError
from made.support.uniforms import Stream

__all__ = ["IntArray", "check_ordering", "natural", "ordering_of", "random", "ranks_of"]

IntArray = NDArray[np.int64]


def natural(n_variables: int) -> IntArray:
    """Return the natural ordering 0, 1, ..., D - 1.

    Examples
    --------
    >>> natural(4)
    array([0, 1, 2, 3])
    """
    return np.arange(n_variables, dtype=np.int64)


def random(n_variables: int, stream: Stream) -> IntArray:
    """Draw one of the D! orderings, all equally probable.

    The seed of this project draws with ``randint`` in one place, which gives no permutation.

    Examples
    --------
    >>> random(4, Stream(0))
    array([0, 3, 1, 2])
    """
    return np.argsort(stream.take(n_variables), kind="stable").astype(np.int64)


def ranks_of(ordering: IntArray) -> IntArray:
    """Return the rank of every variable: its place in the ordering, counted from 1.

    Parameters
    ----------
    ordering : (D,) int array
        ``ordering[r]`` is the variable at place r (0-based).

    Returns
    -------
    (D,) int array
        ``ranks[ordering[r]] == r + 1``. The inverse is `ordering_of`.

    Examples
    --------
    >>> ranks_of(np.array([2, 0, 1]))  # x2 comes first, then x0, then x1
    array([2, 3, 1])
    """
    ranks = np.empty(len(ordering), dtype=np.int64)
    ranks[ordering] = np.arange(1, len(ordering) + 1)
    return ranks


def ordering_of(ranks: IntArray) -> IntArray:
    """Return the ordering that gives these ranks: the inverse of `ranks_of`.

    Examples
    --------
    >>> ordering_of(np.array([2, 3, 1]))
    array([2, 0, 1])
    """
    ordering = np.empty(len(ranks), dtype=np.int64)
    ordering[ranks - 1] = np.arange(len(ranks))
    return ordering


def check_ordering(ordering: Sequence[int] | NDArray[Any], n_variables: int) -> IntArray:
    """Return `ordering` as an integer array if it is a permutation of 0..D-1; else say what is wrong.

    Examples
    --------
    >>> check_ordering([1, 1, 0], 3)
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: ordering is no permutation of 0..2: 1 occurs twice or more
    """
    try:
        given = np.asarray(ordering)
    except ValueError:
        raise InputError("ordering must be one flat list of whole numbers") from None
    if given.ndim != 1 or len(given) != n_variables:
        raise InputError(
            f"ordering must hold each of the {n_variables} variables once, got shape {given.shape}; "
            f"use 'natural', 'random' or a permutation of 0..{n_variables - 1}"
        )
    if given.dtype.kind not in "iuf" or not np.array_equal(given, np.floor(given)):
        raise InputError(f"ordering must be whole numbers 0..{n_variables - 1}, got {given.dtype} values")
    permutation = given.astype(np.int64)
    outside = permutation[(permutation < 0) | (permutation >= n_variables)]
    if len(outside):
        raise InputError(
            f"ordering is no permutation of 0..{n_variables - 1}: it holds {outside[0]} "
            "(variables are counted from 0)"
        )
    values, counts = np.unique(permutation, return_counts=True)
    if len(values) < n_variables:
        raise InputError(
            f"ordering is no permutation of 0..{n_variables - 1}: "
            f"{values[counts > 1][0]} occurs twice or more"
        )
    return permutation
