"""Divergence: a loss that is no number, and one that ends far above where it began."""

from __future__ import annotations

import math

import pytest

from made.training.divergence import Divergence, TrainingDivergedError
from made.training.history import History


@pytest.fixture
def watch(tiny):
    """A watch over a fit whose first loss was 2 nats."""
    return Divergence(tiny(), History(batch_losses=[2.0, 1.0]))


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number(watch, loss):
    watch.check_step(1_499, 1e30, 0.1)
    with pytest.raises(
        TrainingDivergedError, match=rf"became {loss} at step 1,500 \(learning rate 0.12\)"
    ) as e:
        watch.check_step(1_500, loss, 0.123)
    assert (e.value.model, e.value.history) == (watch.model, watch.history)
    assert watch.history.ended == "diverged"


@pytest.mark.parametrize(("mean", "harm"), [(None, False), (0.5, False), (4.0, False), (4.1, True)])
def test_harm_is_twice_the_first_loss(watch, mean, harm):
    assert watch.is_harm(mean) == harm
    if not harm:
        watch.check_end(mean)
        return
    with pytest.raises(TrainingDivergedError, match=r"is 4.1 nats at the end, 2 before the first step"):
        watch.check_end(mean)


def test_a_fit_that_was_better_in_between_has_not_diverged(watch):
    watch.history.best_epoch = 3
    watch.check_end(100.0)
    assert watch.history.ended == "running"
