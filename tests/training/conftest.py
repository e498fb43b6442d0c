"""What the tests of training share: small rows with structure in them, and tiny models."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import made
from made.base import BaseModel

D = 6


@pytest.fixture(scope="session")
def rows() -> np.ndarray:
    """100 rows of 6 bits: three coins, each of them followed by a copy with some noise."""
    return copied_coins(100, seed=1)


@pytest.fixture(scope="session")
def valid() -> np.ndarray:
    """50 more of the same kind."""
    return copied_coins(50, seed=2)


def copied_coins(n: int, seed: int) -> np.ndarray:
    """Rows of 6 bits: three coins, each of them followed by a copy that is wrong one time in ten."""
    generator = np.random.default_rng(seed)
    coins = generator.random((n, 3)) < [0.5, 0.3, 0.7]
    copies = coins ^ (generator.random((n, 3)) < 0.1)
    return np.stack([coins, copies], axis=2).reshape(n, D).astype(np.uint8)


@pytest.fixture(scope="session")
def tiny() -> Callable[..., made.MADE]:
    """A function that makes a tiny model for those rows."""

    def make(hidden: tuple[int, ...] = (8,), **settings: Any) -> made.MADE:
        return made.MADE(made.Bernoulli(D), hidden=hidden, **settings)

    return make


@pytest.fixture(scope="session")
def same_weights() -> Callable[[BaseModel, BaseModel], bool]:
    """A function that says whether two models have the same weights, bit by bit."""

    def same(one: BaseModel, other: BaseModel) -> bool:
        first, second = one.state_dict(), other.state_dict()
        return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)

    return same


@pytest.fixture
def press_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that has Ctrl-C pressed, once or more often, while a model takes the given step."""

    def arrange(model: BaseModel, step: int, times: int = 1) -> None:
        plain, calls = model.loss, []

        def loss(*args: Any, **kwargs: Any) -> torch.Tensor:
            calls.append(1)
            for _ in range(times if len(calls) == step else 0):
                signal.raise_signal(signal.SIGINT)
            return plain(*args, **kwargs)

        monkeypatch.setattr(model, "loss", loss)

    return arrange
