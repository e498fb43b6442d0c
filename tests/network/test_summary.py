"""The summary: its numbers against a count by hand, path by path."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import made


def edges(model, k):
    """All active connections of mask k as a graph: nodes are (layer, unit), features and outputs included."""
    mask = model.mask(k)
    degrees = [mask.input_ranks, *mask.connectivity, mask.output_ranks]
    last = len(degrees) - 1
    for layer in range(last):
        for j, below in enumerate(degrees[layer]):
            for i, above in enumerate(degrees[layer + 1]):
                if above > below or (layer + 1 < last and above == below):
                    yield (layer, j), (layer + 1, i)
        if layer + 1 < last and model.network.residual[layer]:
            yield from (((layer, i), (layer + 1, i)) for i in range(len(degrees[layer])))
    if model.network.direct is not None:
        for j, below in enumerate(degrees[0]):
            yield from (((0, j), (last, i)) for i, above in enumerate(degrees[last]) if above > below)


def closure(start, steps):
    """What can be reached from `start` by `steps`, itself included."""
    found, todo = set(start), list(start)
    while todo:
        here = todo.pop()
        for there in steps.get(here, ()):
            if there not in found:
                found.add(there)
                todo.append(there)
    return found


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_numbers_are_those_counted_path_by_path(data, draw_model):
    model = draw_model(data, max_variables=6)
    k = model.n_masks - 1
    mask, summary, last = model.mask(k), model.summary(k), len(model.hidden) + 1
    forward, backward = {}, {}
    for a, b in edges(model, k):
        forward.setdefault(a, []).append(b)
        backward.setdefault(b, []).append(a)
    reached = closure([(0, j) for j in range(model.variables.n_inputs)], forward)
    used = closure([(last, i) for i in range(model.variables.n_outputs)], backward)
    units = [[(layer, i) for i in range(size)] for layer, size in enumerate(model.hidden, 1)]
    assert summary.unreached_units == tuple(sum(unit not in reached for unit in layer) for layer in units)
    assert summary.unused_units == tuple(sum(unit not in used for unit in layer) for layer in units)

    owner = np.repeat(np.arange(model.n_variables), model.variables.input_sizes)
    seen = {owner[j] for j in range(len(owner)) if (0, j) in forward}
    unseen = [d for d in range(model.n_variables) if d not in seen and d != mask.ordering[-1]]
    assert list(summary.unseen_inputs) == unseen

    matrices = [*mask.layers, *([mask.direct] if model.network.direct is not None else [])]
    assert [layer.active for layer in summary.layers] == [int(matrix.sum()) for matrix in matrices]
    assert [(layer.n_units, layer.n_inputs) for layer in summary.layers] == [m.shape for m in matrices]
    assert summary.parameters == sum(parameter.numel() for parameter in model.parameters())
    total = sum(matrix.size for matrix in matrices)
    assert summary.active_fraction == pytest.approx(sum(map(np.sum, matrices)) / total)


def test_the_text_holds_the_numbers():
    degrees = [[1, 3, 3], [2, 2, 3, 2]]
    summary = made.MADE(made.Bernoulli(5), (3, 4), connectivity=degrees, direct=True).summary()
    text = str(summary)
    lines = {line.split()[0] + line.split()[1]: line.split() for line in text.splitlines() if "%" in line}
    assert lines["hidden1"] == ["hidden", "1", "5", "3", "15", "7", "46.7%"]
    assert lines["hidden2"] == ["hidden", "2", "3", "4", "12", "6", "50.0%"]
    assert text.splitlines()[4].split() == ["hidden", "2", "3", "4", "12", "6", "50.0%"]
    assert "output           4       5          20          11   55.0%" in text
    assert "direct           5       5          25          10   40.0%" in text
    assert "total" in text
    assert f"{15 + 12 + 20 + 25 + 3 + 4 + 5} parameters" in text
    assert summary.unseen_inputs == ()
    assert "every variable is seen" in text


def test_variables_that_no_unit_sees_are_named():
    summary = made.MADE(made.Bernoulli(5), (3,), [4, 3, 2, 1, 0], connectivity=[[2, 1, 2]]).summary()
    assert summary.unseen_inputs == (1, 2)
    assert "2 variables that no unit ever sees: x1, x2" in str(summary)
    assert (
        made.MADE(made.Bernoulli(5), (3,), connectivity=[[2, 1, 2]], direct=True).summary().unseen_inputs
        == ()
    )


def test_layers_narrower_than_the_input_lose_variables():
    """The seed's discussion: what comes after the largest degree enters nowhere."""
    narrow = made.MADE(made.Bernoulli(100), (3,), connectivity=[[1, 1, 2]]).summary()
    assert len(narrow.unseen_inputs) == 97
    assert "x9 and 89 more" in str(narrow)


def test_units_that_nothing_reaches_and_that_lead_nowhere():
    degrees = [[2, 2, 3], [1, 1, 3], [3, 2, 3]]
    summary = made.MADE(made.Bernoulli(4), (3, 3, 3), connectivity=degrees).summary()
    assert summary.unreached_units == (0, 2, 1)
    assert summary.unused_units == (0, 0, 0)
    assert "hidden layer 2: 2 units that no input reaches" in str(summary)
    degrees = [[1, 3], [1, 1]]
    summary = made.MADE(made.Bernoulli(4), (2, 2), connectivity=degrees).summary()
    assert summary.unused_units == (1, 0)
    assert "hidden layer 1: 1 units that lead to no output" in str(summary)


def test_a_mask_of_a_mixture_is_named():
    model = made.MADE(made.Bernoulli(6), (4,), orderings=3)
    assert "mixture of 3 masks" in str(model.summary(2))
    assert "mask 2" in str(model.summary(2))
    assert "one mask" in str(made.MADE(made.Bernoulli(6), (4,)).summary())
