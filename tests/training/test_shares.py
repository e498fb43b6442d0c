"""The batches of several ranks: every row once an epoch, in as many steps for all, however shares differ."""

from __future__ import annotations

import pytest
import torch

import made
from made.training import shares
from made.training.settings import TrainingSettings
from made.training.shares import Share, ShareBatches
from made.variables.rows import Rows

D = 6


def batches_of(counts: list[int], batch_size: int = 4, seed: int = 0) -> list[ShareBatches]:
    """Batches of ranks with so many rows; a row is its number in binary."""
    model, found, first = made.MADE(made.Bernoulli(D), hidden=(4,)), [], 0
    settings = TrainingSettings(batch_size=batch_size, seed=seed)
    for rank, n in enumerate(counts):
        codes = (torch.arange(first, first + n)[:, None] >> torch.arange(D)) & 1
        edges = list(range(0, n, 3))
        share = Share(
            rank=rank,
            counts=counts,
            blocks=edges,
            sizes=[min(3, n - own) for own in edges],
            read=lambda own, codes=codes: Rows(codes[own : own + 3].to(torch.uint8)),
            identity="rows",
        )
        found.append(ShareBatches(model, share, settings, lambda total: total))
        first += n
    return found


def numbers(rows: torch.Tensor) -> list[int]:
    return (rows.long() << torch.arange(D)).sum(dim=1).tolist()


@pytest.mark.parametrize("counts", [[16], [8, 8], [5, 0, 11], [1, 30, 2]])
@pytest.mark.parametrize("most_bytes", [2**20, 60])  # in one buffer, or in several
def test_every_row_once_an_epoch(counts, most_bytes, monkeypatch):
    monkeypatch.setattr(shares, "MOST_BYTES", most_bytes)
    ranks = batches_of(counts)
    steps = ranks[0].steps_per_epoch
    assert steps == -(-sum(counts) // 4)
    orders = []
    for epoch in range(2):
        seen = []
        for step in range(epoch * steps, (epoch + 1) * steps):
            total = 0.0
            for rank in ranks:
                batch = rank.batch(step)
                weight = torch.ones(len(batch.rows)) if batch.weight is None else batch.weight
                total += float(weight.sum() / len(batch.rows)) / len(ranks)  # what the mean over ranks gives
                seen += [own for own, counts_ in zip(numbers(batch.rows), weight, strict=True) if counts_ > 0]
            assert total == pytest.approx(1.0)
        assert sorted(seen) == list(range(sum(counts)))
        orders.append(seen)
    assert orders[0] != orders[1]
    assert sum(ranks[0].sizes) == sum(counts)
    assert all(rank.sizes == ranks[0].sizes for rank in ranks)


def test_a_batch_is_a_function_of_the_step():
    (one, *_), (other, *_) = batches_of([20, 13]), batches_of([20, 13])
    later = one.batch(7).rows
    assert torch.equal(other.batch(7).rows, later)
    other.batch(0)
    assert torch.equal(other.batch(7).rows, later)
    (third, *_) = batches_of([20, 13], seed=1)
    assert not torch.equal(third.batch(7).rows, later)


def test_marginals_are_those_of_all_rows():
    counts = []
    for rank in batches_of([20, 12]):
        rank._total = lambda own: counts.append(own) or own  # what each rank adds
        rank.set_marginals(rank.model)
    (rank, _) = batches_of([20, 12])
    rank._total = lambda own: counts[0] + counts[1]
    rank.set_marginals(rank.model)
    together = made.MADE(made.Bernoulli(D), hidden=(4,))
    together.set_marginals((torch.arange(32)[:, None] >> torch.arange(D)) & 1)
    assert torch.equal(rank.model.network.biases[-1], together.network.biases[-1])
