"""Variables: how a value enters, which distribution leaves, and the quantile at its edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from made.variables.discrete import Bernoulli, Categorical

INF = math.inf
BELOW_ONE = 1 - 2.0**-53


def tensor(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


@pytest.mark.parametrize(
    ("variable", "codes", "features"),
    [
        (Bernoulli(2), [[0, 1]], [[0, 1]]),
        (Categorical(3, n=2), [[0, 2]], [[1, 0, 0, 0, 0, 1]]),
        (Categorical(5, n=2, coding="scaled"), [[1, 4]], [[0.25, 1]]),
        (Categorical(5, n=2, coding="raw"), [[1, 4]], [[1, 4]]),
        (Categorical(1, coding="scaled"), [[0]], [[0]]),
        (Categorical(1), [[0]], [[1]]),
    ],
)
def test_how_a_value_enters(variable, codes, features):
    encoded = variable.features(torch.tensor(codes, dtype=torch.uint8))
    assert encoded.dtype == torch.float32
    assert encoded.tolist() == features


@pytest.mark.parametrize("variable", [Bernoulli(1), *(Categorical(k) for k in (1, 2, 5))])
def test_log_prob_is_the_logarithm_of_probabilities(variable):
    outputs = torch.linspace(-2, 3, variable.output_size)[None, None]
    values = torch.arange(variable.n_values)
    log_prob = torch.stack([variable.log_prob(outputs, value[None, None])[0, 0] for value in values])
    assert float(log_prob.exp().sum()) == pytest.approx(1, abs=1e-6)
    stated = variable.probabilities(outputs)[0, 0]
    assert log_prob.exp()[-len(stated) :].tolist() == pytest.approx(stated.tolist(), abs=1e-6)


def test_bernoulli_is_minus_binary_cross_entropy():
    """ERRATA 3: X = (1, 0, 1) costs 0.319 nats under (0.9, 0.15, 0.95), 5.075 under (0.5, 0.95, 0.25)."""
    x = torch.tensor([[1, 0, 1]])
    for p, nats in [((0.9, 0.15, 0.95), 0.319), ((0.5, 0.95, 0.25), 5.075)]:
        outputs = torch.logit(torch.tensor([p]))[..., None]
        assert -float(Bernoulli(3).log_prob(outputs, x).sum()) == pytest.approx(nats, abs=5e-4)


@pytest.mark.parametrize(
    ("logit", "u", "value"),
    [(0, 0, 0), (0, 0.499, 0), (0, 0.5, 1), (-INF, 0, 0), (-INF, BELOW_ONE, 0), (INF, 0, 1)],
)
def test_bernoulli_quantile(logit, u, value):
    assert Bernoulli(1).quantile(torch.tensor([[float(logit)]]), tensor(u)).tolist() == [value]


@pytest.mark.parametrize(
    ("masses", "u", "value"),
    [
        ((1, 1, 2), 0, 0),
        ((1, 1, 2), 0.25, 1),  # a class starts at its boundary
        ((1, 1, 2), 0.5, 2),
        ((1, 1, 2), BELOW_ONE, 2),
        ((0, 1, 1), 0, 1),  # what has no mass is never drawn: at the start,
        ((1, 0, 1), 0.5, 2),  # at a boundary within,
        ((1, 1, 0), BELOW_ONE, 1),  # and at the end
        ((0, 0, 1), 0, 2),
        ((1, 0, 0), BELOW_ONE, 0),
        ((0, 1, 0, 0), 0, 1),
        ((1,), 0, 0),
        ((1,), BELOW_ONE, 0),
    ],
)
def test_categorical_quantile(masses, u, value):
    logits = torch.log(torch.tensor([masses], dtype=torch.float32))
    assert Categorical(len(masses)).quantile(logits, tensor(u)).tolist() == [value]


def test_the_last_class_with_mass_absorbs_rounding():
    """Ten thousand equal masses add up to less than 1 by rounding, and the largest uniform lies above."""
    for K in (3, 7, 49, 10_000):
        logits = torch.cat([torch.zeros(1, K), torch.full((1, 2), -INF)], dim=1)
        assert Categorical(K + 2, coding="one-hot").quantile(logits, tensor(BELOW_ONE)).tolist() == [K - 1]


def test_categorical_quantile_draws_each_class_by_its_mass():
    u = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    logits = torch.log(torch.tensor([0.1, 0.0, 0.6, 0.3])).expand(1000, 4)
    drawn = Categorical(4).quantile(logits, u)
    assert torch.bincount(drawn, minlength=4).tolist() == [100, 0, 600, 300]
    assert (drawn.diff() >= 0).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Bernoulli(0), ["n", "0"]),
        (lambda: Bernoulli(-3), ["-3"]),
        (lambda: Bernoulli(2.5), ["2.5"]),
        (lambda: Bernoulli(True), ["True"]),
        (lambda: Categorical(0), ["classes", "0"]),
        (lambda: Categorical(3, n=0), ["n", "0"]),
        (lambda: Categorical(2.5), ["2.5"]),
        (lambda: Categorical("abc"), ["labels", "'abc'"]),
        (lambda: Categorical([]), ["labels"]),
        (lambda: Categorical(["a", "b", "a"]), ["differ"]),
        (lambda: Categorical(["a", None]), ["None"]),
        (lambda: Categorical(3, coding="onehot"), ["'one-hot'", "'scaled'", "'raw'", "'onehot'"]),
    ],
)
def test_variables_that_make_no_sense_are_refused(refused, make, words):
    with refused(*words):
        make()


def test_labels_from_numpy_become_plain():
    assert Categorical(np.array([3, 1, 2])).settings()["classes"] == [3, 1, 2]
    assert all(type(label) is int for label in Categorical(np.array([3, 1, 2])).labels)


@pytest.mark.parametrize("variable", [Bernoulli(3), Categorical(4, n=2, coding="raw"), Categorical(["x", 2])])
def test_repr_is_the_call(variable):
    assert eval(repr(variable)).settings() == variable.settings()
