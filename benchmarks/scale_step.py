"""A step of ranks that fit a model together, simulated: its parts, the ring, and who is late.

A step of a rank is three parts, each a time of its own and a time for each row. Gradients go through a ring
in the buckets of `DistributedDataParallel`, each as soon as its layers are through the backward pass, and a
step waits for the slowest rank. `checked` holds this against what one machine did.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Link", "Part", "Rank", "Step", "buckets", "checked", "loopback", "rank_of", "sent", "step"]

# As in torch: a bucket is closed once it has so many bytes; the first one has the smaller limit.
BUCKETS = (2**20, 25 * 2**20)
STEPS = 400


@dataclass(frozen=True)
class Part:
    """A part of a step: seconds, whatever the rows, and seconds for each row."""

    fixed: float
    per_row: float

    def __call__(self, rows: float) -> float:
        return self.fixed + self.per_row * rows

    def __truediv__(self, speed: float) -> Part:
        return Part(self.fixed / speed, self.per_row / speed)


@dataclass(frozen=True)
class Rank:
    """What one rank computes, and how long it takes.

    Attributes
    ----------
    before, backward, after : Part
        Of a step: batch and forward pass, backward pass, update.
    sizes : tuple of int
        Bytes of the parameters, in the order of the forward pass.
    spread : float
        Standard deviation of the logarithm of the seconds of a step.
    """

    before: Part
    backward: Part
    after: Part
    sizes: tuple[int, ...]
    spread: float = 0.0

    def faster(self, speed: float) -> Rank:
        """Return a rank that is so many times as fast."""
        return replace(
            self, before=self.before / speed, backward=self.backward / speed, after=self.after / speed
        )

    def seconds(self, rows: float) -> float:
        """Return what a step takes alone."""
        return self.before(rows) + self.backward(rows) + self.after(rows)


@dataclass(frozen=True)
class Link:
    """Between neighbours of the ring: bytes a second, seconds of a message, and of a core for a byte sent."""

    bandwidth: float
    latency: float
    cpu: float = 0.0

    def ring(self, n: int, size: float) -> float:
        """Return the seconds of an all-reduce: 2 (n - 1) messages of an n-th of the bytes."""
        return 0.0 if n == 1 else 2 * (n - 1) * (size / n / self.bandwidth + self.latency)


def sent(n: int, size: float) -> float:
    """Return the bytes that each rank sends in an all-reduce."""
    return 2 * (n - 1) / n * size


def buckets(sizes: Sequence[int]) -> list[tuple[int, float]]:
    """Return the bytes of each bucket, and at what share of the backward pass it is full.

    Layers take of the backward pass what they have of the bytes, the last one first.
    """
    found, own, past, limits = [], 0, 0, iter(BUCKETS)
    limit = next(limits)
    for size in reversed(sizes):
        own, past = own + size, past + size
        if own >= limit:
            found.append((own, past / sum(sizes)))
            own, limit = 0, next(limits, limit)
    return [*found, (own, 1.0)] if own else found


@lru_cache
def _largest(n: int, seed: int) -> NDArray[np.float64]:
    generator = np.random.default_rng([seed, n])
    return np.array([generator.standard_normal(n).max() for _ in range(STEPS)])


def slowest(n: int, spread: float, seed: int = 0) -> NDArray[np.float64]:
    """Return how much longer than the mean of all the slowest of n ranks takes, in each of 400 steps."""
    return np.ones(STEPS) if n == 1 else np.exp(spread * _largest(n, seed) - spread**2 / 2)


@dataclass(frozen=True)
class Step:
    """What a step takes: seconds, those in which ranks do nothing but wait for gradients, and bytes sent."""

    seconds: float
    waiting: float
    sent: float


def step(
    rank: Rank, rows: float, n: int, link: Link, *, crowd: float = 1.0, every: int = 1, seed: int = 0
) -> Step:
    """Return the mean of 400 simulated steps.

    Parameters
    ----------
    rank, link
        All ranks are alike.
    rows : float
        Of each rank in a step.
    n : int
        How many ranks.
    crowd : float
        Ranks for each core, where they have less than one.
    every : int
        Weights are averaged once in so many steps, in which ranks do not wait for each other; 1: gradients in
        each step.
    seed : int
        Of the differences between ranks.
    """
    size = float(sum(rank.sizes))
    if every > 1:  # sums of many steps differ less
        late = slowest(n, rank.spread / every**0.5, seed)
        seconds = float(late.mean()) * rank.seconds(rows)
        waiting = (link.ring(n, size) + link.cpu * sent(n, size)) / every
        return Step(seconds + waiting, waiting, sent(n, size) / every)
    late = slowest(n, rank.spread, seed) * crowd
    forward, backward = late * rank.before(rows), late * rank.backward(rows)
    end = np.zeros_like(late)
    for own, share in buckets(rank.sizes):
        end = np.maximum(end, forward + share * backward) + link.ring(n, own)
    # A core that sends and adds up gradients does not compute meanwhile.
    computed = forward + backward + crowd * link.cpu * sent(n, size)
    waited = np.maximum(end, computed)
    whole, alone = waited + late * rank.after(rows), forward + backward
    return Step(float(whole.mean()), float((waited - alone).mean()), sent(n, size))


def rank_of(measured: dict[str, Any]) -> Rank:
    """Return the rank that a layout was measured to be: lines through its steps by number of rows."""
    found = {float(rows): own for rows, own in measured["one rank by rows of a step"].items()}
    rows = np.array(list(found))

    def part(name: str) -> Part:
        seconds = np.array([own[name] for own in found.values()])
        # Relative errors count: small steps are measured as well as large ones.
        slope, fixed = np.polyfit(rows, seconds, 1, w=1 / seconds)
        return Part(max(0.0, float(fixed)), float(slope))

    before, backward, after = map(part, ("seconds before the backward pass", "backward", "after"))
    spread = statistics.median(own["spread of the logarithm"] for own in found.values())
    return Rank(before, backward, after, tuple(found[rows[0]]["bytes of parameters"]), spread)


def loopback(measured: dict[str, Any], n: int) -> Link:
    """Return what the ring of n processes on one machine is like: a line through its seconds by bytes."""
    own = measured[str(max(n, 2))]
    sizes = np.array([float(size) for size in own])
    seconds = np.array([one["seconds"] for one in own.values()])
    cpu = np.array([one["CPU seconds of a process"] for one in own.values()])
    n = max(n, 2)
    per_byte, fixed = np.polyfit(sent(n, 1) * sizes, seconds, 1, w=1 / seconds)
    cpu_per_byte, _ = np.polyfit(sent(n, 1) * sizes, cpu, 1, w=1 / cpu)
    return Link(1 / float(per_byte), max(0.0, float(fixed)) / 2 / (n - 1), float(cpu_per_byte))


def checked(constants: dict[str, Any], rates: dict[str, Any]) -> list[dict[str, Any]]:
    """Hold predicted rows per second of 1 to 4 ranks against the measured ones."""
    cores, found = int(constants["cores"]), []
    for name, own in constants["layouts"].items():
        rank, ends = rank_of(own), list(own["one rank by rows of a step"].values())
        beside = own["two beside each other, seconds against one alone"]
        per_valid = statistics.median(one["validation of a row"] for one in ends)
        rest = statistics.median(one["rest of the end of an epoch"] for one in ends)
        for case, measured in rates[name].items():
            if "ranks" not in case:
                continue
            kind, ranks, batches = case.split(", ")
            n, batch = int(ranks.split()[0]), int(batches.split()[-1])
            link = loopback(constants["all-reduce"], n)
            crowd, slower = max(1.0, n / cores), beside if n > 1 else 1.0
            # Batches of 4,096 rows, of one rank or two, were measured on three times the rows.
            n_rows = own["rows"] * (3 if batch > 1024 * n else 1)
            n_train, n_valid = 0.8 * n_rows, min(0.1 * n_rows, 10_000)
            steps = math.ceil(n_train / batch)
            one = step(rank.faster(1 / slower), n_train / steps / n, n, link, crowd=crowd)
            broadcast = 0.0 if n == 1 else sum(rank.sizes) / link.bandwidth
            end = broadcast + slower * crowd * (rest + per_valid * n_valid / n)
            rows_a_second = n_train / (steps * one.seconds + end)
            found.append(
                {
                    "layout": name,
                    "scaling": kind,
                    "ranks": n,
                    "batch of all ranks": batch,
                    "predicted rows a second": rows_a_second,
                    "measured rows a second": measured["rows per second"],
                    "error": rows_a_second / measured["rows per second"] - 1,
                    "of a step, waiting": one.waiting / one.seconds,
                }
            )
    return found
