"""A model that starts as a tree is the tree, before its first step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made
from made.baselines import ChowLiuTree
from made.tuning.chow_liu_init import build_as_tree, can_be_tree, tree_ordering

CLASSES = [2, 3, 2, 4, 2, 3]
BLOCKS = [
    made.Bernoulli(1),
    made.Categorical(3),
    made.Bernoulli(1),
    made.Categorical(4),
    made.Categorical(2),
    made.Categorical(3),
]

SCHEMA = made.MADE(BLOCKS, hidden=()).schema


def _rows(n=300):
    """Columns that go with each other, of several numbers of classes."""
    draw = np.random.default_rng(0)
    hidden = draw.integers(0, 12, n)
    noise = draw.integers(0, 12, (n, len(CLASSES)))
    mixed = np.where(draw.random((n, len(CLASSES))) < 0.7, hidden[:, None], noise)
    return mixed % np.array(CLASSES)


@pytest.mark.parametrize("settings", [{"hidden": (16, 16), "residual": True}, {"hidden": ()}])
def test_an_untrained_model_is_the_tree(settings):
    rows = _rows()
    model = build_as_tree(SCHEMA, {"direct": True, **settings}, ChowLiuTree(rows, CLASSES))
    tree = ChowLiuTree(rows, CLASSES)
    np.testing.assert_allclose(model.log_prob(rows).numpy(), tree.log_prob(rows), atol=1e-4)
    assert tree.log_prob(rows).std() > 0.1
    assert model.hidden == settings["hidden"]


def test_a_fit_goes_on_from_there():
    rows = _rows()
    model = build_as_tree(SCHEMA, {"direct": True, "hidden": (16,)}, ChowLiuTree(rows[:200], CLASSES))
    history = made.fit(model, rows[:200], rows[200:], epochs=2)
    tree = ChowLiuTree(rows[:200], CLASSES)
    assert history.valid_nll[0] == pytest.approx(-tree.log_prob(rows[200:]).mean(), abs=1e-4)
    assert history.valid_nll[2] != history.valid_nll[0]


@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_parents_come_first(n, seed):
    draw = np.random.default_rng(seed)
    names = draw.permutation(n)
    parents = np.full(n, -1)
    for place in range(1, n):
        if draw.random() < 0.9:  # else another root
            parents[names[place]] = names[draw.integers(place)]
    ordering = tree_ordering(parents)
    assert sorted(ordering) == list(range(n))
    place_of = {variable: place for place, variable in enumerate(ordering)}
    assert all(
        parent < 0 or place_of[parent] < place_of[child] for child, parent in enumerate(parents.tolist())
    )


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (made.Bernoulli(3), True),
        (made.Categorical(5), True),
        (made.Categorical(5, coding="scaled"), False),
        (made.Categorical(5, smooth=1.0), False),
    ],
)
def test_which_variables_can(block, expected):
    assert can_be_tree(made.MADE([block, made.Bernoulli(2)], hidden=()).schema) is expected


def test_not_with_context():
    assert not can_be_tree(made.MADE(made.Bernoulli(3), hidden=(), context=2).schema)
