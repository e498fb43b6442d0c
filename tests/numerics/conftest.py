"""Models of every kind whose logits are large, rows for them, and what log p is in float64."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import made

KINDS: dict[str, list[made.variables.base.Variable]] = {
    "Bernoulli": [made.Bernoulli(64)],
    "categories": [made.Categorical(3, 16), made.Categorical(20, 8), made.Categorical(300, 4)],
    "codings": [
        made.Categorical(5, 6, coding="scaled"),
        made.Categorical(5, 6, coding="raw"),
        made.Categorical(9, 6, missing=True),
        made.Categorical(9, 6, unseen=0.01),
    ],
    "continuous": [made.Numeric(16)],
    "grid": [made.Numeric(6, step=1), made.Numeric(6, step=0.01)],
    "spikes": [made.Numeric(6, spikes=[0.0, 3.0]), made.Numeric(6, step=0.25, missing=True, spikes=[2.0])],
    "mixed": [
        made.Bernoulli(4),
        made.Categorical(7, 4),
        made.Numeric(4, missing=True),
        made.Numeric(4, step=0.1),
    ],
}
SETTINGS: dict[str, dict[str, Any]] = {
    "one mask": {"hidden": (64,)},
    "deep": {"hidden": (64, 64), "residual": True, "direct": True},
    "mask set": {"hidden": (64,), "ordering": "random", "orderings": 3, "connectivities": 2},
    "context": {"hidden": (64,), "context": 3},
}
N = 60


class Case(NamedTuple):
    """A model with large logits, values for it, their context, and its reference."""

    model: made.MADE
    values: np.ndarray
    context: dict[str, Any]
    reference: Any

    def log_prob(self, rows: Any) -> np.ndarray:
        """log p as anyone asks for it."""
        return self.model.log_prob(rows).numpy()

    def log_prob_plainly(self, rows: Any) -> np.ndarray:
        """log p by operations of torch alone, as its transforms follow them."""
        model = self.model
        with torch.no_grad():
            each = [model._log_prob_plainly(k, rows).sum(dim=1).numpy() for k in range(model.n_masks)]
        return np.logaddexp.reduce(each) - np.log(len(each))


@pytest.fixture(scope="session")
def reference() -> Any:
    """The module that computes log p in float64."""
    file = Path(__file__).parent / "reference.py"
    spec = importlib.util.spec_from_file_location("reference", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def values_of(variables: Any, n: int = N, seed: int = 0) -> np.ndarray:
    """Values of any columns: normal, skewed and heavy-tailed numbers, spikes and gaps where there may be."""
    draw = np.random.default_rng(seed)
    columns = []
    for d, block in variables.columns():
        if isinstance(block, made.Numeric):
            own = [draw.normal(2, 3, n), draw.lognormal(1, 1.5, n), draw.standard_t(2, n) * 5][d % 3]
            for spike in block.spikes:
                own[draw.random(n) < 0.2] = spike
            own = own if block.step is None else np.round(own / block.step) * block.step
        else:
            own = draw.integers(0, block.n_values - getattr(block, "missing", False), n).astype(float)
        if getattr(block, "missing", False):
            own[draw.random(n) < 0.2] = np.nan
        columns.append(own)
    return np.stack(columns, axis=1)


@pytest.fixture(scope="session")
def large(randomize: Any, reference: Any) -> Any:
    """A function that makes a case: ``large(kind, setting, to=1e4)``; `to` is the largest of its logits."""
    kept: dict[Any, Case] = {}

    def make(kind: str, setting: str, to: float = 1e4) -> Case:
        if (kind, setting, to) not in kept:
            kept[kind, setting, to] = build(KINDS[kind], SETTINGS[setting], to, randomize, reference)
        return kept[kind, setting, to]

    return make


@pytest.fixture(scope="session")
def build_large(randomize: Any, reference: Any) -> Any:
    """A function that makes a case of any variables: ``build_large(variables, settings, to, n)``."""
    return lambda *arguments, **more: build(*arguments, randomize, reference, **more)


def build(
    variables: Any, settings: Any, to: float, randomize: Any, reference: Any, n: int = N, fitted: bool = True
) -> Case:
    model = made.MADE(variables, **settings, seed=0)
    values = values_of(model.variables, n)
    if fitted:
        model.set_marginals(values)
    randomize(model)
    n_context = settings.get("context", 0)
    context = {"context": np.random.default_rng(5).normal(size=(n, n_context))} if n_context else {}
    own = reference.Reference(model)
    largest = abs(own.outputs(model.rows(values, **context))).max()
    with torch.no_grad():
        for parameter in model.network.output_parameters:
            parameter.mul_(to / largest)
    return Case(model, values, context, own)
