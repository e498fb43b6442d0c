"""What the tests share: models with random weights, all states of a model, refusals of one line."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

import made
from made.base import BaseModel
from made.errors import InputError

SMOOTH = ["tanh", "softplus", "sigmoid"]


@pytest.fixture(scope="session")
def randomize() -> Callable[..., Any]:
    """A function that draws every weight anew, the output's too, and leaves the dead ones at zero."""

    def fill(model: BaseModel, seed: int = 0, scale: float = 1.0) -> BaseModel:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                size = torch.empty_like(parameter).uniform_(0.5, 1.5, generator=generator)
                sign = torch.empty_like(parameter).bernoulli_(0.5, generator=generator) * 2 - 1
                parameter.copy_(size * sign * scale / parameter[0].numel() ** 0.5)
            for weight, mask in dead_pairs(model):
                weight.mul_(mask)
        return model

    return fill


def dead_pairs(model: BaseModel) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The weights of a model with one mask, each with its matrix; nothing for other models."""
    if not model.network.has_stored_mask:
        return []
    mask = model.mask(0)
    pairs = list(zip(model.network.weights, mask.layers, strict=True))
    if model.network.direct is not None:
        pairs.append((model.network.direct, mask.direct))
    return [(weight, torch.from_numpy(matrix)) for weight, matrix in pairs]


@pytest.fixture(scope="session")
def masked_weights() -> Callable[..., Any]:
    """A function that pairs the weights of a model with one mask with their matrices."""
    return dead_pairs


@pytest.fixture(scope="session")
def states() -> Callable[[BaseModel], np.ndarray]:
    """A function that lists all rows a model can score."""
    return lambda model: np.array(list(itertools.product(*map(range, model.variables.n_values))))


@pytest.fixture(scope="session")
def refused() -> Callable[..., AbstractContextManager[None]]:
    """A context that must end in an `InputError` of one line which holds all of the given words."""

    @contextmanager
    def refusal(*words: str) -> Iterator[None]:
        with pytest.raises(InputError) as caught:
            yield
        message = str(caught.value)
        assert "\n" not in message
        for word in words:
            assert word in message

    return refusal


VARIABLE = st.one_of(
    st.just(made.Bernoulli(1)),
    st.builds(made.Categorical, st.integers(1, 4), st.just(1), st.sampled_from(["one-hot", "scaled", "raw"])),
)


@pytest.fixture(scope="session")
def draw_model() -> Callable[..., Any]:
    """A function that lets hypothesis choose a model: ``draw_model(data, max_variables)``."""

    def draw(data: Any, max_variables: int = 8) -> made.MADE:
        variables = data.draw(st.lists(VARIABLE, min_size=1, max_size=max_variables), label="variables")
        D = len(variables)
        equal = st.builds(lambda width, depth: [width] * depth, st.integers(1, 12), st.integers(1, 3))
        hidden = data.draw(st.one_of(st.lists(st.integers(1, 12), max_size=3), equal), label="hidden")
        residual = data.draw(st.booleans(), label="residual")
        kinds = ["uniform", "even", "weights", "given"] if D > 1 else ["uniform", "even"]
        connectivity: Any = data.draw(st.sampled_from(kinds), label="connectivity")
        if connectivity == "weights":
            connectivity = data.draw(
                st.lists(st.floats(0, 1), min_size=D - 1, max_size=D - 1).filter(lambda w: sum(w) > 1e-3)
            )
        elif connectivity == "given":
            connectivity = [
                data.draw(st.lists(st.integers(1, D - 1), min_size=w, max_size=w)) for w in hidden
            ]
            for before, after in itertools.pairwise(connectivity) if residual else ():
                if len(before) == len(after):
                    after[:] = map(max, before, after)
        return made.MADE(
            variables,
            hidden,
            ordering=data.draw(
                st.one_of(st.sampled_from(["natural", "random"]), st.permutations(range(D))), label="ordering"
            ),
            seed=data.draw(st.integers(0, 5), label="seed"),
            orderings=data.draw(st.sampled_from([1, 1, 2, 3, "fresh"]), label="orderings"),
            connectivity=connectivity,
            connectivities=data.draw(st.sampled_from([1, 1, 2, 3, "fresh"]), label="connectivities"),
            activation=data.draw(st.sampled_from(SMOOTH), label="activation"),
            residual=residual,
            direct=data.draw(st.booleans(), label="direct"),
            fresh_masks=2,
        )

    return draw
