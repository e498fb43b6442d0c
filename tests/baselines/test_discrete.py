"""Baselines: they are distributions, they find a known tree, and they give the known figures."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from made.baselines import discrete as baselines
from made.baselines.discrete import ChowLiuTree, ProductOfMarginals
from made.support.errors import InputError

BOTH = pytest.mark.parametrize("baseline", [ProductOfMarginals, ChowLiuTree])


def states(classes):
    return np.array(list(itertools.product(*map(range, classes))))


def random_rows(n, classes, seed=0):
    """Rows with dependences: each variable follows the one before it half of the time."""
    rng = np.random.default_rng(seed)
    rows = np.stack([rng.integers(k, size=n) for k in classes], axis=1)
    for d in range(1, len(classes)):
        follow = rng.random(n) < 0.5
        rows[follow, d] = rows[follow, d - 1] % classes[d]
    return rows


@BOTH
@pytest.mark.parametrize("classes", [(2, 2, 2, 2), (3, 2, 4), (5,), (1, 3, 1), (1,), (2, 7)])
def test_probabilities_of_all_states_sum_to_one(baseline, classes):
    model = baseline(random_rows(23, classes), classes)
    log_prob = model.log_prob(states(classes))
    assert log_prob.dtype == np.float64
    assert np.exp(log_prob).sum() == pytest.approx(1.0, abs=1e-12)


def test_marginals_follow_laplace():
    model = ProductOfMarginals([[0], [0], [2]], classes=[4])
    np.testing.assert_allclose(model.probabilities[0], [3 / 7, 1 / 7, 2 / 7, 1 / 7])
    np.testing.assert_allclose(model.log_prob([[2], [3]]), np.log([2 / 7, 1 / 7]))


def test_conditionals_are_smoothed_towards_the_marginal():
    tree = ChowLiuTree([[0, 0], [0, 0], [1, 1]], classes=[3, 2])
    marginal = np.array([3 / 5, 2 / 5])
    np.testing.assert_allclose(tree.tables[0], [[3 / 6, 2 / 6, 1 / 6]])
    np.testing.assert_allclose(tree.tables[1][0], (np.array([2, 0]) + marginal) / 3)
    np.testing.assert_allclose(tree.tables[1][2], marginal)  # a parent class without rows says nothing


@BOTH
def test_a_weight_counts_as_that_many_copies(baseline):
    classes = (3, 2, 4, 2)
    rows = random_rows(60, classes)
    weights = np.random.default_rng(1).integers(0, 4, size=60)
    weighted = baseline(rows, classes, sample_weight=weights)
    copied = baseline(np.repeat(rows, weights, axis=0), classes)
    np.testing.assert_allclose(
        weighted.log_prob(states(classes)), copied.log_prob(states(classes)), atol=1e-12
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [(2,) * 12, (3, 2, 5, 1, 2, 4), (1,), (6,), (1, 1, 2)])
def test_both_ways_to_the_mutual_information_agree(classes, weighted, monkeypatch):
    columns = np.ascontiguousarray(random_rows(700, classes).T)
    weights = np.random.default_rng(2).random(700) if weighted else None
    by_pairs = baselines._information_by_pairs(columns, classes, weights)
    by_matmul = baselines._information_by_matmul(columns, classes, weights)
    np.testing.assert_allclose(by_matmul, by_pairs, atol=1e-12)
    assert (np.diag(by_matmul) == 0).all()


def test_mutual_information_of_a_copy_is_its_entropy():
    columns = np.array([[0, 1, 2, 2], [1, 0, 2, 2]])
    entropy = -(0.25 * np.log(0.25) * 2 + 0.5 * np.log(0.5))
    assert baselines._information_by_pairs(columns, (3, 3), None)[0, 1] == pytest.approx(entropy)


def test_the_pairwise_way_gives_the_same_tree(monkeypatch):
    classes = (3, 2, 4, 2, 5)
    rows = random_rows(2_000, classes)
    plain = ChowLiuTree(rows, classes)
    monkeypatch.setattr(baselines, "_MATMUL_FEATURES", 0)
    pairwise = ChowLiuTree(rows, classes)
    assert pairwise.parents.tolist() == plain.parents.tolist()
    np.testing.assert_array_equal(pairwise.log_prob(rows), plain.log_prob(rows))


def test_many_classes_take_the_pairwise_way():
    classes = (1000,) * 6
    assert sum(classes) > baselines._MATMUL_FEATURES
    rows = random_rows(3_000, classes)
    tree = ChowLiuTree(rows, classes)
    assert np.isfinite(tree.log_prob(random_rows(50, classes, seed=9))).all()
    assert all(table.shape == (1000, 1000) for table in tree.tables[1:])


def test_the_tree_of_the_data_is_recovered():
    true_parents = [-1, 0, 0, 1, 1, 2, 5]
    rng = np.random.default_rng(3)
    rows = np.empty((20_000, 7), dtype=np.uint8)
    rows[:, 0] = rng.integers(3, size=20_000)
    for d in range(1, 7):
        noise = rng.random(20_000) < 0.3
        rows[:, d] = np.where(noise, rng.integers(3, size=20_000), (rows[:, true_parents[d]] + 1) % 3)
    tree = ChowLiuTree(rows, [3] * 7)
    assert tree.parents.tolist() == true_parents


def test_independent_variables_are_still_joined_to_one_tree():
    rows = np.zeros((5, 4), dtype=int)  # constant: every mutual information is exactly 0
    tree = ChowLiuTree(rows, [2] * 4)
    assert tree.parents[0] == -1
    assert (tree.parents[1:] >= 0).all()
    np.testing.assert_allclose(tree.log_prob(rows), tree.log_prob(rows)[0])


@BOTH
def test_blocks_of_rows_change_nothing(baseline, monkeypatch):
    classes = (2, 3, 2)
    rows = random_rows(101, classes)
    whole = baseline(rows, classes).log_prob(rows)
    monkeypatch.setattr(baselines, "_EVALUATION_ROWS", 10)
    np.testing.assert_array_equal(baseline(rows, classes).log_prob(rows), whole)


@BOTH
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_any_number_type_holds_codes(baseline, dtype):
    rows = random_rows(30, (2, 3))
    expected = baseline(rows, (2, 3)).log_prob(rows)
    np.testing.assert_array_equal(baseline(rows.astype(dtype), (2, 3)).log_prob(rows.astype(dtype)), expected)


@BOTH
@pytest.mark.parametrize(
    ("rows", "classes", "weights", "says"),
    [
        ([[0, 2]], (2, 2), None, "row 0 holds 2 for variable 1"),
        ([[0, 0], [-1, 0]], (2, 2), None, "row 1 holds -1 for variable 0"),
        ([[0.5, 0]], (2, 2), None, "holds 0.5"),
        ([[np.nan, 0]], (2, 2), None, "holds nan"),
        ([[0, 1, 1]], (2, 2), None, r"shape \(n, 2\)"),
        ([0, 1], (2, 2), None, r"shape \(n, 2\)"),
        ([["a", "b"]], (2, 2), None, "class codes"),
        (np.zeros((0, 2), dtype=int), (2, 2), None, "at least one training row"),
        ([[0, 0]], (2, 0), None, "variable 1 has 0 classes"),
        ([[0, 0]], (), None, "whole numbers"),
        ([[0, 0]], (2, 2), [1.0, 1.0], "one weight per row"),
        ([[0, 0]], (2, 2), [-1.0], "at least 0"),
        ([[0, 0]], (2, 2), [0.0], "sum above 0"),
    ],
)
def test_bad_input_is_named(baseline, rows, classes, weights, says):
    with pytest.raises(InputError, match=says):
        baseline(rows, classes, sample_weight=weights)


@BOTH
def test_log_prob_checks_codes_and_takes_no_rows(baseline):
    model = baseline([[0, 1], [1, 0]], (2, 2))
    assert model.log_prob(np.zeros((0, 2), dtype=int)).shape == (0,)
    with pytest.raises(InputError, match="holds 5"):
        model.log_prob([[0, 5]])


# --- the figures that are known ------------------------------------------------------------------------

DATA = Path(os.environ.get("MADE_DATA_DIR", Path(__file__).parents[2].parent / "shared" / "data"))


def train_and_test(name):
    if name == "nltcs":
        files = [DATA / f"nltcs.{split}.data" for split in ("train", "test")]
        if not all(file.exists() for file in files):
            pytest.skip(f"no nltcs in {DATA}; set MADE_DATA_DIR")
        return [np.loadtxt(file, delimiter=",", dtype=np.uint8) for file in files]
    if not (DATA / f"{name}.npz").exists():
        pytest.skip(f"no {name} in {DATA}; set MADE_DATA_DIR")
    with np.load(DATA / f"{name}.npz") as arrays:
        return arrays["train_data"], arrays["test_data"]


@pytest.mark.parametrize(
    ("name", "marginals", "tree"),
    [
        ("nltcs", 9.23, 6.76),
        ("dna", 100.4, 87.7),
        ("mushrooms", 34.2, 21.0),
        ("binarized_mnist", 205.8, 135.0),
    ],
)
def test_real_data_gives_the_known_nats(name, marginals, tree):
    train, test = train_and_test(name)
    classes = [2] * train.shape[1]
    for baseline, known in ((ProductOfMarginals, marginals), (ChowLiuTree, tree)):
        assert -baseline(train, classes).log_prob(test).mean() == pytest.approx(known, abs=0.1)
