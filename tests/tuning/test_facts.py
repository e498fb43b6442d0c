"""Facts about rows: sizes, entropy, what a tree gains; JSON that tells unknown ones apart."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import made
from made.baselines import ChowLiuTree, ProductOfMarginals
from made.tuning.facts import Facts

SCHEMA = made.Schema.of_classes([2, 3, 2])


@pytest.fixture(scope="module")
def rows():
    draw = np.random.default_rng(0)
    first = draw.integers(0, 2, 300)
    return SCHEMA.encode(np.stack([first, draw.integers(0, 3, 300), first], axis=1))


def test_facts_are_those_of_the_baselines(rows):
    train, valid = rows[:200], rows[200:]
    tree = ChowLiuTree(train.codes.numpy(), SCHEMA.classes)
    facts = Facts.of(SCHEMA, train, valid, lambda: tree)
    marginals = ProductOfMarginals(train.codes.numpy(), SCHEMA.classes)
    codes = valid.codes.numpy()
    assert facts.entropy == pytest.approx(-marginals.log_prob(codes).mean(), abs=1e-5)
    assert facts.tree_gain == pytest.approx(
        (tree.log_prob(codes) - marginals.log_prob(codes)).mean(), abs=1e-5
    )
    assert facts.tree_gain > 0.5
    assert (facts.n_rows, facts.n_valid) == (200, 100)
    assert (facts.n_features, facts.n_outputs, facts.n_blocks) == (5, 5, 3)
    assert facts.can_be_tree


def test_without_a_tree_only_sizes_are_found(rows):
    facts = Facts.of(SCHEMA, rows, None)
    assert math.isnan(facts.entropy)
    assert not facts.can_be_tree
    assert facts.n_valid == 0


def test_no_tree_is_built_for_a_wide_table_or_another_coding():
    def tree():
        pytest.fail("a table of all pairs would be made")

    wide = made.Schema.of_classes([2] * 5_000)
    few = wide.encode(np.zeros((20, 5_000), dtype=int))
    assert not Facts.of(wide, few, few, tree).can_be_tree
    scaled = SCHEMA.with_coding("scaled")
    own = scaled.encode(np.zeros((20, 3), dtype=int))
    assert not Facts.of(scaled, own, own, tree).can_be_tree


def test_facts_are_json():
    facts = Facts(100, image=(8, 8))
    assert json.loads(json.dumps(facts.as_dict(), allow_nan=False))["tree_gain"] is None
