"""Most probable completions against the table: exact by going through all of them, else found by search."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import made
from made.queries.density import States
from made.queries.inference import Inference
from made.queries.modes import joint_modes, variable_modes
from made.variables.row_type import RowType
from made.variables.rows import Rows

ROW = np.array([1, 2, 0, 1])


def encoded(codes, context=None):
    """Codes with -1 where unknown, and rows of context, as queries take them."""
    codes = torch.as_tensor(np.asarray(codes))
    return Rows(codes.clamp(min=0), codes >= 0, context)


def asked(small, rows, **options):
    inference = small.model.inference(**options)
    known = encoded(rows, small.model.context.rows(small.context["context"], len(rows)))
    return inference, known, inference.evidence(known), np.arange(len(rows))


def test_the_most_probable_value_of_each_variable(small, patterns):
    rows = patterns(ROW)
    states, exact = variable_modes(*asked(small, rows))
    codes = states.codes
    assert exact.all()
    for row, found in zip(rows, codes, strict=True):
        for d in range(4):
            expected = small.table.conditional(row, d)
            assert found[d] == (expected.argmax() if row[d] < 0 else row[d])


def test_the_most_probable_completion(small, patterns):
    rows = patterns(ROW)
    states, exact = joint_modes(*asked(small, rows))
    codes = states.codes
    assert exact.all()
    for row, found in zip(rows, codes, strict=True):
        best = small.table.states[small.table.posterior(row).argmax()]
        assert found.tolist() == best.tolist()


def test_counted_values_are_the_modes_where_one_stands_out(small, patterns):
    rows = patterns(ROW)[1:]
    states, exact = variable_modes(*asked(small, rows, max_states=1, particles=4000))
    codes = states.codes
    assert not exact.any()
    for row, found in zip(rows, codes, strict=True):
        for d in np.flatnonzero(row < 0):
            p = small.table.conditional(row, d)
            assert p[found[d]] > p.max() - 0.1
        assert (found[row >= 0] == row[row >= 0]).all()


def test_search_finds_the_most_probable_completion_here(small, patterns):
    """Nothing promises that in general; in 36 states it would be odd to miss it."""
    rows = patterns(ROW)[1:]
    states, exact = joint_modes(*asked(small, rows, max_states=1, particles=60))
    codes = states.codes
    assert not exact.any()
    for row, found in zip(rows, codes, strict=True):
        assert (found[row >= 0] == row[row >= 0]).all()
        assert small.table.p[small.table.cells(found[None])[0]] == pytest.approx(
            small.table.posterior(row).max() * small.table.marginal(row), rel=1e-5
        )


def test_search_climbs_from_where_it_starts():
    """Whatever is drawn is all zeros; ones are likelier, and each is found by a step of its own."""
    density = SimpleNamespace(
        number=0,
        ranks=np.arange(1, 8),
        log_prob=lambda rows: np.log(np.where(rows.codes == 1, 0.9, 0.1)),
        sample=lambda u, rows: States.of(rows),
    )
    inference = Inference(RowType(made.Bernoulli(7)), lambda k: density, [0], max_states=1, particles=3)
    row = encoded([[-1, -1, 0, -1, -1, -1, 0]])
    states, exact = joint_modes(inference, row, inference.evidence(row), np.arange(1))
    codes = states.codes
    assert codes.tolist() == [[1, 1, 0, 1, 1, 1, 0]]
    assert not exact[0]


@pytest.mark.parametrize("seed", range(3))
def test_no_change_of_one_variable_improves_what_search_finds(randomize, seed):
    """Twelve variables, and so few samples to start from that the best of them is rarely the end."""
    variables = [made.Bernoulli(8), made.Categorical(3, n=4)]
    model = randomize(made.MADE(variables, (12,), orderings=2), seed, scale=1.5)
    row = np.full((1, 12), -1)
    row[0, [4, 9]] = 1, 2
    inference = model.inference(max_states=1, particles=2)
    known = encoded(row)
    evidence = inference.evidence(known)
    states, exact = joint_modes(inference, known, evidence, np.arange(1))
    (best,) = states.codes
    assert not exact[0]
    assert (best[4], best[9]) == (1, 2)
    score = float(model.log_prob(best[None])[0])
    for d in set(range(12)) - {4, 9}:
        for value in range(model.variables.n_values[d]):
            other = best.copy()
            other[d] = value
            assert float(model.log_prob(other[None])[0]) <= score + 1e-6
    starts = inference.complete(known, evidence, np.arange(1), 2).codes
    assert score >= float(model.log_prob(starts).max()) - 1e-6


def test_so_many_states_are_gone_through(small_one):
    """Variables 0, 1 and 3 are unknown: 18 states."""
    rows = np.array([[-1, -1, 0, -1]])
    for max_states, expected in ((17, False), (18, True)):
        for modes in (variable_modes, joint_modes):
            assert modes(*asked(small_one("both"), rows, max_states=max_states))[1].tolist() == [expected]


def test_everything_known_comes_back(small):
    rows = small.table.states[:3]
    for modes, max_states in itertools.product((variable_modes, joint_modes), (1, 4096)):
        states, exact = modes(*asked(small, rows, max_states=max_states))
        assert states.codes.tolist() == rows.tolist()
        assert exact.all()


def test_no_rows(small):
    for modes in (variable_modes, joint_modes):
        states, exact = modes(*asked(small, np.zeros((0, 4), int)))
        assert states.codes.shape == (0, 4)
        assert exact.shape == (0,)


def test_a_trap_for_each_variable_alone():
    """p(1, 1) = 0.4, p(0, 0) = p(0, 1) = 0.3: alone, the first is 0 and the second 1; together both are 1."""
    first, second = np.log([0.6, 0.4]), np.log([[0.5, 0.5], [1e-9, 1.0]])

    def log_prob(rows):
        codes = rows.codes.numpy()
        return np.stack([first[codes[:, 0]], second[codes[:, 0], codes[:, 1]]], axis=1)

    def sample(u, rows):
        out, known = rows.codes.numpy().copy(), rows.known.numpy()
        out[:, 0] = np.where(known[:, 0], out[:, 0], u[:, 0] >= 0.6)
        out[:, 1] = np.where(known[:, 1], out[:, 1], u[:, 1] >= np.exp(second[out[:, 0], 0]))
        return States(out, np.zeros((len(out), 0), dtype=np.int64))

    density = SimpleNamespace(number=0, ranks=np.array([1, 2]), log_prob=log_prob, sample=sample)
    row = encoded([[-1, -1]])
    for max_states in (1, 4):
        inference = Inference(RowType(made.Bernoulli(2)), lambda k: density, [0], max_states=max_states)
        evidence = inference.evidence(row)
        assert variable_modes(inference, row, evidence, np.arange(1))[0].codes.tolist() == [[0, 1]]
        assert joint_modes(inference, row, evidence, np.arange(1))[0].codes.tolist() == [[1, 1]]
