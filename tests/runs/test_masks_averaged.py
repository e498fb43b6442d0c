"""Averaging masks: the mixture is a distribution and the mean of the logits is not, and no mask is kept."""

from __future__ import annotations

import gc
import json
import math
import weakref

import numpy as np
import pytest
import torch
from PIL import Image

import made
from made.runs.masks_averaged import (
    average_masks,
    check_counts,
    draw_masks_averaged,
    log_probs_averaged,
)

CASES = {
    "orderings": {"orderings": 4},
    "connectivities": {"connectivities": 4},
    "both": {"orderings": 2, "connectivities": 4},
    "fresh": {"orderings": "fresh", "connectivities": "fresh", "fresh_masks": 2},
}


@pytest.fixture
def build(randomize):
    """A function that makes a model of five variables with random weights."""

    def make(**settings):
        variables = [made.Bernoulli(4), made.Categorical(3)]
        return randomize(made.MADE(variables, (12, 12), seed=1, **settings), seed=2, scale=2.0)

    return make


@pytest.mark.parametrize("case", CASES)
def test_the_mixture_is_that_of_log_prob(build, states, case):
    model = build(**CASES[case])
    rows = states(model)[::2]
    result = average_masks(model, rows, [4, 1, 3])
    assert result.counts == (1, 3, 4)
    for count, score in zip(result.counts, result.mixture, strict=True):
        log_prob = model.log_prob(rows, mask=range(count)).numpy()
        assert score.nll == pytest.approx(-log_prob.mean(), abs=1e-9)
        assert score.nll_se == pytest.approx(log_prob.std(ddof=1) / math.sqrt(len(rows)), abs=1e-9)
        assert score.bits_per_dim == pytest.approx(score.nll / (5 * math.log(2)))
        assert score.n == len(rows)


@pytest.mark.parametrize("case", ["connectivities", "fresh"])
def test_averaged_logits_are_the_mean_of_the_outputs(build, states, case):
    model = build(**CASES[case])
    rows = model.rows(states(model))
    result = average_masks(model, rows, [1, 2, 3])
    for count, score in zip(result.counts, result.logits, strict=True):
        with torch.no_grad():
            mean = torch.stack([model.outputs(rows, k).double() for k in range(count)]).mean(0)
        expected = -model.variables.log_prob(mean, rows.codes).sum(1).mean()
        assert score.nll == pytest.approx(float(expected), abs=1e-6)


def test_one_mask_is_its_own_average(build, states):
    model = build(**CASES["orderings"])
    rows = model.rows(states(model))
    ((count, mixture, logits),) = log_probs_averaged(model, rows, [1])
    assert count == 1
    assert torch.equal(mixture, logits)
    assert torch.equal(mixture, model.log_prob(rows, mask=0))


def sums(model, rows, count):
    """Over all states, of exp of the mixture and of averaged logits."""
    ((_, mixture, logits),) = log_probs_averaged(model, model.rows(rows), [count])
    return float(mixture.exp().sum()), float(logits.exp().sum())


@pytest.mark.parametrize("case", ["orderings", "both", "fresh"])
def test_across_orderings_the_mixture_sums_to_one_and_averaged_logits_do_not(states, case):
    """Four variables that are always equal: under averaged logits, each peeks at those before and after."""
    model = made.MADE(made.Bernoulli(4), (16,), seed=1, direct=True, **CASES[case])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for step in range(100):
        optimizer.zero_grad()
        model.loss([[0] * 4, [1] * 4], mask=step % 4).backward()
        optimizer.step()
    right, wrong = sums(model, states(model), 4)
    assert right == pytest.approx(1, abs=1e-5)
    assert wrong > 1.7
    assert average_masks(model, states(model), [4]).logits_are == "not a distribution"


def test_under_one_ordering_averaged_logits_sum_to_one_and_are_not_the_mixture(build, states):
    model = build(**CASES["connectivities"])
    rows = model.rows(states(model))
    right, other = sums(model, rows, 4)
    assert right == pytest.approx(1, abs=1e-5)
    assert other == pytest.approx(1, abs=1e-5)
    ((_, mixture, logits),) = log_probs_averaged(model, rows, [4])
    assert float((mixture - logits).abs().max()) > 0.1
    result = average_masks(model, rows, [1, 4])
    assert result.one_ordering
    assert result.logits_are == "a distribution, not the mixture"


@pytest.mark.parametrize(
    ("settings", "shared"),
    [
        ({"ordering": [[1, 0, 2], [1, 0, 2]]}, True),
        ({"ordering": [[1, 0, 2], [1, 0, 2], [0, 1, 2]]}, False),
        ({"connectivities": "fresh", "ordering": "random"}, True),
        ({"orderings": "fresh"}, False),
    ],
)
def test_whether_orderings_are_shared_is_looked_up(settings, shared):
    model = made.MADE(made.Bernoulli(3), (4,), **settings)
    n_masks = 3 if model.mask_set.is_fresh else model.n_masks
    assert average_masks(model, [[0, 1, 1]], [n_masks]).one_ordering == shared
    alone = average_masks(model, [[0, 1, 1]], [1])
    assert alone.one_ordering
    assert alone.logits_are == "of one mask, the same"


def test_rows_in_batches_give_the_same(build, states, monkeypatch):
    model = build(**CASES["both"])
    rows = states(model)
    whole = average_masks(model, rows, [1, 2, 4])
    monkeypatch.setattr(type(model), "rows_per_batch", 7)
    done = []
    cut = average_masks(model, rows, [1, 2, 4], done.append)
    assert sum(done) == len(rows) * 4
    assert max(done) == 7
    for one, other in zip(whole.mixture + whole.logits, cut.mixture + cut.logits, strict=True):
        assert one.as_dict() == pytest.approx(other.as_dict(), abs=1e-6)


def test_rows_with_context(build, monkeypatch):
    model = build(**CASES["both"], context=2)
    generator = np.random.default_rng(0)
    rows, context = generator.integers(0, 2, (20, 5)), generator.normal(size=(20, 2))
    monkeypatch.setattr(type(model), "rows_per_batch", 7)
    result = average_masks(model, rows, [1, 4], context=context)
    for count, score in zip(result.counts, result.mixture, strict=True):
        log_prob = model.log_prob(rows, mask=range(count), context=context)
        assert score.nll == pytest.approx(-float(log_prob.mean()), abs=1e-9)
    assert average_masks(model, rows, [4], context=context[::-1]).mixture[0].nll != result.mixture[1].nll


def test_more_rows_than_a_pass_keep_their_context(build):
    """With the batch sizes as they are: 1,025 rows are one more than a pass takes."""
    model = build(**CASES["both"], context=2)
    assert model.rows_per_pass < 1025 < model.rows_per_batch
    generator = np.random.default_rng(0)
    rows, context = generator.integers(0, 2, (1025, 5)), generator.normal(size=(1025, 2))
    result = average_masks(model, rows, [4], context=context)
    log_prob = model.log_prob(rows, mask=range(4), context=context)
    assert result.mixture[0].nll == pytest.approx(-float(log_prob.mean()), abs=1e-9)


def test_no_mask_is_kept(monkeypatch):
    """What is alive while masks are averaged is the same after 3 of them and after 30."""
    monkeypatch.setattr("made.network.product_cache._BYTES_KEPT", 0)  # none of them fits
    model = made.MADE(made.Bernoulli(16), (64,), orderings="fresh", connectivities="fresh")
    own, made_anew, alive, numbers = model.mask_set.mask, [], [], []

    def mask(k):
        one = own(k)
        made_anew.append((k, weakref.ref(one)))
        return one

    def outputs(codes, k, **others):
        result = type(model).outputs(model, codes, k, **others)
        if k in (3, 30):
            gc.collect()
            alive.append(sum(reference() is not None for _, reference in made_anew))
            tensors = (item for item in gc.get_objects() if issubclass(type(item), torch.Tensor))
            numbers.append(sum(tensor.numel() for tensor in tensors))
        return result

    object.__setattr__(model.mask_set, "mask", mask)
    monkeypatch.setattr(model, "outputs", outputs)
    average_masks(model, np.eye(16, dtype=np.uint8), [1, 32])
    assert {k for k, _ in made_anew} == set(range(32))  # each was asked for
    assert len(numbers) == 2
    assert numbers[0] == numbers[1]
    assert max(alive) <= 1


@pytest.mark.parametrize("counts", [[0], [1, -2], [1.5], [True], ["2"]])
def test_numbers_of_masks_are_whole_and_positive(refused, counts):
    with refused("number of masks", "at least 1", repr(counts[-1])):
        check_counts(made.MADE(made.Bernoulli(3), (4,), orderings="fresh"), counts)


def test_no_number_of_masks(refused):
    with refused("no number of masks", "at least one"):
        average_masks(made.MADE(made.Bernoulli(3), (4,)), [[0, 0, 0]], [])


def test_as_many_masks_as_there_are(refused):
    one = made.MADE(made.Bernoulli(3), (4,))
    assert check_counts(one, [1]) == (1,)
    with refused("cannot average 2 masks", "this model has one", "ask for 1", "fresh"):
        check_counts(one, [1, 2])
    six = made.MADE(made.Bernoulli(3), (4,), orderings=2, connectivities=3)
    assert check_counts(six, [6, 1]) == (1, 6)
    with refused("cannot average 7 masks", "mixture of 6 masks", "at most 6"):
        check_counts(six, [7])
    endless = made.MADE(made.Bernoulli(3), (4,), connectivities="fresh", fresh_masks=1)
    assert check_counts(endless, [10**6]) == (10**6,)


def test_figures_are_json_ready(build, states):
    model = build(**CASES["orderings"])
    result = average_masks(model, states(model)[:1], [1, 2])
    content = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert content["n"] == 1
    assert not content["one_ordering"]
    assert content["logits_averaged_is"] == "not a distribution"
    assert [entry["masks"] for entry in content["masks_averaged"]] == [1, 2]
    second = content["masks_averaged"][1]
    assert second["mixture"] == {
        "nll": result.mixture[1].nll,
        "nll_se": None,  # of a single row there is none
        "bits_per_dim": result.mixture[1].bits_per_dim,
    }
    assert second["logits_averaged"]["nll"] == result.logits[1].nll


def test_picture(build, states, tmp_path):
    model = build(**CASES["orderings"])
    result = average_masks(model, states(model), [1, 2, 4])
    assert draw_masks_averaged(tmp_path / "a.png", result, "title") == tmp_path / "a.png"
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"
        assert image.width > 500
