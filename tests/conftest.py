"""What the tests share: models with random weights, all states of a model, refusals of one line."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

# Tests run side by side, one per core: threads beside them would wait for each other, five times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st

import made
from made.base import BaseModel
from made.support.errors import InputError
from made.variables.column import Column
from made.variables.schema import Schema

SMOOTH = ["tanh", "softplus", "sigmoid"]

IS_LONG = "MADE_TEST_LONG" in os.environ  # `make test-long`

# Of `make test-long`, for properties that do not say how many examples they take.
settings.register_profile("long", max_examples=1_000, deadline=None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what takes long to `make test-long`."""
    for item in items:
        if item.get_closest_marker("long") and not IS_LONG:
            item.add_marker(pytest.mark.skip(reason="takes long: make test-long"))


@pytest.fixture(scope="session")
def is_long() -> bool:
    """Whether `make test-long` runs."""
    return IS_LONG


@pytest.fixture(scope="session")
def randomize() -> Callable[..., Any]:
    """A function that draws every weight anew, the output's too, and leaves the masked ones at zero."""

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


@pytest.fixture(scope="session")
def with_labels() -> Callable[..., Any]:
    """A function that builds a small model anew, its weights too; colours are the labels of variable 1."""

    def labelled(model: made.MADE) -> made.MADE:
        settings = model.settings()
        settings["schema"]["columns"][1]["classes"] = ["red", "green", "blue"]
        anew = made.MADE.from_settings(settings)
        anew.load_state_dict(model.state_dict())
        return anew

    return labelled


@pytest.fixture(scope="session")
def build_sales(randomize: Callable[..., Any]) -> Callable[[], made.MADE]:
    """A function that builds a model of a size, a city and whether something was sold."""

    def build() -> made.MADE:
        columns = (
            Column("size", "categorical", {"classes": [1, 2, 3]}),
            Column("city", "categorical", {"classes": ["Bern", "Oslo", "Rome"], "unseen": 0.01}),
            Column("sold", "bernoulli"),
        )
        return randomize(made.MADE(Schema(columns), (8,), seed=1))

    return build


def dead_pairs(model: BaseModel) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The weights of a model with one mask, each with its matrix; nothing for other models."""
    if not getattr(model, "has_one_mask", False):
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


class Table:
    """The joint distribution of a small model, written out: what every query is held against."""

    def __init__(self, model: made.MADE, mask: Any = None, context: Any = None) -> None:
        self.states = np.array(list(itertools.product(*map(range, model.variables.n_values))))
        self.p = model.log_prob(self.states, mask=mask, context=context).exp().numpy()
        self.n_values = model.variables.n_values

    def marginal(self, row: np.ndarray) -> float:
        """Return the probability of what is known in a row of codes, -1 where unknown."""
        return float(self.p[self._fits(row)].sum())

    def posterior(self, row: np.ndarray) -> np.ndarray:
        """Return the probability of each state given what is known in a row."""
        return np.where(self._fits(row), self.p, 0) / self.marginal(row)

    def conditional(self, row: np.ndarray, variable: int) -> np.ndarray:
        """Return the probabilities of the codes of one variable given what is known in a row."""
        return np.bincount(self.states[:, variable], self.posterior(row), minlength=self.n_values[variable])

    def cells(self, rows: np.ndarray) -> np.ndarray:
        """Return which state each row is."""
        return np.ravel_multi_index(np.asarray(rows).T, self.n_values)

    def _fits(self, row: np.ndarray) -> np.ndarray:
        return ((self.states == row) | (np.asarray(row) < 0)).all(axis=1)


@pytest.fixture(scope="session")
def table() -> type[Table]:
    """The class of a joint distribution that is written out: ``table(model, mask, context)``."""
    return Table


@pytest.fixture(scope="session")
def patterns() -> Callable[[np.ndarray], np.ndarray]:
    """A function that hides the entries of a row of codes in every possible way: (2 ** D, D), with -1."""
    return lambda row: np.array(
        [np.where(hide, -1, row) for hide in itertools.product([0, 1], repeat=len(row))]
    )


class Small(NamedTuple):
    """A model of 36 states, what it must be told beside the rows, and its table."""

    model: made.MADE
    context: dict[str, Any]
    table: Table


SMALL: dict[str, dict[str, Any]] = {
    "one mask": {"ordering": [2, 1, 3, 0]},
    "deep": {"ordering": [3, 0, 2, 1], "hidden": (9, 9), "residual": True, "direct": True},
    "connectivities": {"connectivities": 3, "ordering": [1, 3, 0, 2]},
    "orderings": {"orderings": 3, "hidden": ()},
    "both": {"orderings": 3, "connectivities": 2},
    "fresh": {"orderings": "fresh", "connectivities": "fresh", "fresh_masks": 4},
    "context": {"ordering": [2, 1, 3, 0], "context": 2},
    "context of a mixture": {"orderings": 2, "context": [made.Bernoulli(1), made.Categorical(["x", "y"])]},
}


def build_small(name: str, randomize: Callable[..., Any]) -> Small:
    variables = [
        made.Bernoulli(1),
        made.Categorical(3),
        made.Bernoulli(1),
        made.Categorical(3, coding="scaled"),
    ]
    settings = {"hidden": (12,), "seed": 3, "activation": "tanh", **SMALL[name]}
    model = randomize(made.MADE(variables, **settings), seed=5, scale=1.5)
    context = {"context": {0: None, 2: [0.5, -1.0], 3: [1, "y"]}[model.context.n_features]}
    return Small(model, context, Table(model, **context))


@pytest.fixture(scope="session", params=SMALL)
def small(request: pytest.FixtureRequest, randomize: Callable[..., Any]) -> Small:
    """Each of some small models in turn: one mask, mixtures, conditional ones."""
    return build_small(request.param, randomize)


@pytest.fixture(scope="session")
def small_one(randomize: Callable[..., Any]) -> Callable[[str], Small]:
    """A function that makes the small model of that name."""
    return lambda name: build_small(name, randomize)


VARIABLE = st.one_of(
    st.just(made.Bernoulli(1)),
    st.builds(made.Categorical, st.integers(1, 4), st.just(1), st.sampled_from(["one-hot", "scaled", "raw"])),
)


CONTEXT = st.one_of(st.integers(1, 3), st.lists(VARIABLE, min_size=1, max_size=2))


@pytest.fixture(scope="session")
def draw_model() -> Callable[..., Any]:
    """A function that lets hypothesis choose a model: ``draw_model(data, max_variables, conditional)``."""

    def draw(data: Any, max_variables: int = 8, conditional: bool = False) -> made.MADE:
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
                data.draw(st.lists(st.integers(0 if conditional else 1, D - 1), min_size=w, max_size=w))
                for w in hidden
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
            context=data.draw(CONTEXT, label="context") if conditional else 0,
        )

    return draw


@pytest.fixture(scope="session")
def serve_process() -> Callable[..., Any]:
    """A function that runs ``made serve`` until a block ends, and gives its port, the process, its lines."""

    @contextmanager
    def serve(
        runs: Iterable[Path], *options: str, env: Mapping[str, str] | None = None
    ) -> Iterator[tuple[int, subprocess.Popen[str], list[str]]]:
        command = [sys.executable, "-m", "made", "serve", *map(str, runs), "--port", "0", *options]
        environment = {**os.environ, **(env or {})}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        try:
            assert process.stderr is not None
            lines = []
            for line in process.stderr:
                lines.append(line)
                if found := re.search(r"answers at http://127\.0\.0\.1:(\d+)", line):
                    break
            else:
                pytest.fail(f"it ended: {lines}")
            yield int(found[1]), process, lines
        finally:
            process.kill()
            process.wait()

    return serve
