"""Variables of very many classes: an exact distribution over all of them, of a few hundred outputs."""

from __future__ import annotations

import copy
import itertools
import pickle

import numpy as np
import pytest
import torch

import made
from made.baselines import ProductOfMarginals
from made.variables.column import Column
from made.variables.fitting import is_fitted
from made.variables.many_classes import ManyClasses
from made.variables.row_type import RowType
from made.variables.rows import Rows
from made.variables.schema import Schema

GROUPING = {"frequent": 4, "groups": 3, "hashes": 2, "buckets": 5}
COUNTS = np.random.default_rng(0).integers(0, 9, 20).astype(float).tolist()


def grouped(n=1, **settings):
    return made.Categorical(
        20, n, coding="grouped", grouping={**GROUPING, "added": 0.5, "counts": COUNTS}, **settings
    )


def test_above_2_000_classes_they_are_grouped_unless_the_coding_is_given():
    assert type(made.Categorical(2_000)) is made.Categorical
    assert isinstance(made.Categorical(2_001), ManyClasses)
    assert isinstance(made.Categorical([str(k) for k in range(2_001)]), ManyClasses)
    assert made.Categorical(2_001, coding="one-hot").n_outcomes == 2_001


@pytest.mark.parametrize(
    "settings", [{}, {"missing": True}, {"unseen": 0.2}, {"missing": True, "unseen": 0.2}]
)
def test_all_codes_together_have_probability_1(settings, randomize):
    variables = [made.Bernoulli(1), grouped(2, **settings)]
    model = randomize(made.MADE(variables, (8,), ordering=[1, 0, 2]))
    sizes = model.variables.n_codes
    codes = torch.tensor(list(itertools.product(*map(range, sizes.tolist()))))
    p = model.log_prob(Rows(codes)).exp()
    assert p.sum() == pytest.approx(1, abs=1e-6)
    assert p.min() > 0
    if "unseen" in settings:
        assert p[codes[:, 1] == sizes[1] - 1].sum() == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize("unseen", [None, 0.1])
def test_features_of_codes_are_their_outcome_and_their_buckets(unseen):
    block = grouped(2, missing=True, unseen=unseen)
    codes = torch.arange(20 + 1 + (unseen is not None)).expand(2, -1).T
    features = block.features(codes).reshape(len(codes), 2, -1)
    assert torch.equal(features[:, 0], features[:, 1])
    own, groups = features[:, 0].numpy(), block.groups
    for code in range(20):
        expected = np.zeros(own.shape[1])
        expected[groups.outcomes[code]] = 1
        if groups.outcomes[code] >= 4:
            for h in range(2):
                expected[8 + 5 * h + groups.bucket_numbers[code, h]] = 1
        np.testing.assert_array_equal(own[code], expected)
    assert own[20].nonzero()[0].tolist() == [7]
    assert not own[21:].any()


@pytest.mark.parametrize("n", [1, 2])
def test_what_enters_as_codes_is_what_enters_as_features(n):
    variables = RowType(
        [made.Bernoulli(2), made.Categorical(5_000, n, missing=True, unseen=0.1), made.Categorical(200)]
    )
    rng = np.random.default_rng(0)
    columns = [rng.integers(0, 2, (50, 2)), rng.integers(0, 5_002, (50, n)), rng.integers(0, 200, (50, 1))]
    codes = torch.from_numpy(np.concatenate(columns, axis=1))
    codes[:2, 2] = torch.tensor([5_000, 5_001])
    inputs = variables.inputs(codes, torch.float32)
    assert variables.leaves_codes == (False, True, True)
    assert torch.equal(inputs.dense(), variables.features(codes))


def test_gradients_are_the_same_from_codes_and_from_features(randomize):
    model = randomize(made.MADE([made.Categorical(3), made.Categorical(3_000, unseen=0.1)], (8,)))
    codes = torch.tensor([[0, 2_999], [1, 3_000], [2, 5], [0, 5]])
    gradients = []
    for features in (model.variables.inputs(codes, torch.float32), model.variables.features(codes)):
        model.zero_grad()
        model.network(features, model.training_product(0)).square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    for own, other in zip(*gradients, strict=True):
        torch.testing.assert_close(own, other)


def test_quantiles_are_the_inverse_of_the_cumulated_probabilities():
    block = grouped(missing=True)
    logits = torch.randn(1, block.output_size, generator=torch.Generator().manual_seed(0))
    log_p = block.log_prob(logits.expand(21, 1, -1), torch.arange(21)[:, None])[:, 0]
    order = np.append(block.groups.members, 20)  # outcomes in turn, classes of a group in the order of codes
    edges = log_p.double().exp().numpy()[order].cumsum()
    u = (np.concatenate([[0], edges[:-1]]) + edges) / 2
    codes = block.quantile(logits.expand(21, -1), torch.from_numpy(u))
    np.testing.assert_array_equal(codes, order)
    u = u[:-1] / edges[-2]  # of the rest, given that the entry is not missing
    recorded = block.quantile_of_recorded(logits.expand(20, -1), torch.from_numpy(u))
    np.testing.assert_array_equal(recorded, order[:-1])


def test_the_most_probable_class_is_that_of_the_largest_log_prob():
    block = grouped(missing=True)
    logits = torch.randn(200, 1, block.output_size, generator=torch.Generator().manual_seed(0))
    best = block.most_probable(block.probabilities(logits))[:, 0]
    log_p = torch.stack([block.log_prob(logits, torch.full((200, 1), k))[:, 0] for k in range(21)], dim=1)
    torch.testing.assert_close(log_p.gather(1, best[:, None])[:, 0], log_p.max(dim=1).values)


def test_an_untrained_model_is_the_product_of_marginals():
    rng = np.random.default_rng(0)
    train = np.column_stack([rng.zipf(1.3, (3_000, 2)) % 20_000, rng.integers(0, 3, 3_000)])
    model = made.MADE([made.Categorical(20_000, n=2), made.Categorical(3)], hidden=(8,))
    assert len(model.variables.blocks) == 2
    model.set_marginals(train)
    assert is_fitted(model.variables)
    assert len(model.variables.blocks) == 3  # each column has counts of its own
    rows = np.column_stack([rng.integers(0, 20_000, (500, 2)), rng.integers(0, 3, 500)])
    expected = ProductOfMarginals(train, [20_000, 20_000, 3]).log_prob(rows)
    np.testing.assert_allclose(model.log_prob(rows), expected, rtol=1e-5)
    before = model.schema
    model.set_marginals(train[:10])  # counts are set once
    assert model.schema.same_columns(before)


def test_weights_of_rows_count():
    model = made.MADE(made.Categorical(3_000), hidden=())
    model.set_marginals([[5], [7]], sample_weight=[3.0, 1.0])
    p = model.log_prob([[5], [7], [0]]).exp()
    added = model.variables.blocks[0].groups.added
    np.testing.assert_allclose(p, np.array([3 + added, 1 + added, added]) / (4 + 3_000 * added), rtol=1e-5)


def test_copies_pickles_and_settings_make_the_same_variable():
    block = grouped(2, missing=True, unseen=0.1)
    for again in (
        copy.deepcopy(block),
        pickle.loads(pickle.dumps(block)),
        RowType.from_settings([block.settings()]).blocks[0],
    ):
        assert isinstance(again, ManyClasses)
        assert again.settings() == block.settings()
    assert repr(block) == "Categorical(20, n=2, coding='grouped', missing=True, unseen=0.1)"
    labels = [f"{k:05}" for k in range(50_000)]
    assert len(repr(made.Categorical(labels))) < 100


def test_a_file_holds_the_counts_and_labels_come_back(tmp_path):
    labels = [f"{k:05}" for k in range(3_000)]
    column = Column("code", "categorical", {"classes": labels, "unseen": 0.05})
    model = made.MADE(Schema((column, Column("sold", "bernoulli"))), hidden=(8,))
    rows = np.array([[labels[k * k % 3_000], k % 2] for k in range(200)], dtype=object)
    model.set_marginals(rows)
    model.save(tmp_path / "model.safetensors")
    again = made.load(tmp_path / "model.safetensors")
    assert torch.equal(again.log_prob(rows), model.log_prob(rows))
    assert set(again.sample(50, seed=0)[:, 0]) <= set(labels)
    assert "3,000 in all, others 5 %" in str(again.schema)


@pytest.mark.parametrize(
    "make",
    [
        lambda: made.Categorical(5_000, smooth=1.0),
        lambda: made.Categorical(20, grouping=GROUPING),
        lambda: made.Categorical(20, coding="raw", grouping=GROUPING),
    ],
)
def test_grouping_goes_with_its_coding_and_smoothing_with_others(make, refused):
    with refused("grouping", "smooth"):
        make()


@pytest.mark.parametrize("seed", range(5))
def test_what_a_set_of_classes_has_and_what_is_drawn_in_it(seed):
    block = grouped(missing=True)
    rng = np.random.default_rng(seed)
    allowed = rng.random(21) < 0.4
    allowed[rng.integers(21)] = True
    logits = torch.randn(1, block.output_size, generator=torch.Generator().manual_seed(seed))
    p = block.log_probabilities(logits)[0].exp().numpy() * allowed
    masses = block.log_masses(logits, allowed)[0].exp().numpy()
    outcomes = block.entries.outcomes.numpy()
    np.testing.assert_allclose(masses, np.bincount(outcomes, p, minlength=8), atol=1e-12)
    u = (np.arange(2_000) + 0.5) / 2_000
    for outcome in np.flatnonzero(masses > 0):
        codes = block.codes_within(torch.full((2_000,), int(outcome)), torch.from_numpy(u), allowed).numpy()
        assert allowed[codes].all()
        own = np.where(outcomes == outcome, p, 0)
        np.testing.assert_allclose(np.bincount(codes, minlength=21) / 2_000, own / own.sum(), atol=2e-3)
