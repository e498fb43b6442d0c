"""Sampling: rows are a function of uniforms, keyed by (seed, row), whatever the batch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import made
from made.sampling import sample_rows
from made.variables.row_type import RowType
from made.variables.rows import Rows

MIXED = [made.Bernoulli(3), made.Categorical(3, n=2), made.Categorical(1)]


@pytest.fixture(
    params=[{}, {"ordering": "random"}, {"orderings": 3, "connectivities": 2}, {"orderings": "fresh"}]
)
def model(request, randomize):
    return randomize(made.MADE(MIXED, (12, 12), **request.param))


def test_row_i_is_a_function_of_seed_and_i(model):
    rows = model.sample(50, seed=4)
    assert rows.shape == (50, 6)
    assert rows.dtype == torch.uint8
    for n in (1, 20, 49):
        assert torch.equal(model.sample(n, seed=4), rows[:n])
    assert not torch.equal(model.sample(50, seed=5), rows)
    assert len(torch.unique(rows, dim=0)) > 5


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_batch_size_never_matters(model, monkeypatch, size):
    rows = model.sample(100, seed=4)
    monkeypatch.setattr(type(model), "rows_per_batch", size)
    assert torch.equal(model.sample(100, seed=4), rows)


def test_without_a_seed_rows_differ_at_every_call(model):
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    first = model.sample(30)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    assert not torch.equal(model.sample(30), first)


def test_drawing_moves_no_random_state(model):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    model.sample(5, seed=1)
    model.sample(5)
    assert torch.equal(torch.get_rng_state(), before)


def test_no_rows(model):
    rows = model.sample(0)
    assert rows.shape == (0, 6)
    assert model.log_prob(rows).shape == (0,)
    assert model.log_prob(rows, per_variable=True, mask=0).shape == (0, 6)


@pytest.mark.parametrize(("n", "seed"), [(-1, 0), (2.5, 0), ("many", 0), (3, -1), (3, 0.5), (3, "a")])
def test_numbers_that_make_no_sense_are_refused(refused, n, seed):
    with refused(str(seed) if n == 3 else str(n)):
        made.MADE(MIXED, (4,)).sample(n, seed=seed)


def test_one_mask_of_a_mixture(randomize):
    model = randomize(made.MADE(MIXED, (12,), orderings=3), scale=2.0)
    alone = model.sample(2000, seed=0, mask=1)
    mean = model.log_prob(alone, mask=1).mean() - model.log_prob(alone, mask=2).mean()
    assert mean > 0.05  # the rows are likelier under the mask they were drawn from
    assert torch.equal(model.sample(2000, seed=0, mask=[1]), alone)
    assert not torch.equal(model.sample(2000, seed=0, mask=[1, 2]), alone)


def test_variables_are_drawn_in_order_each_given_those_before():
    """A chain written by hand: the first is a coin, each next one repeats the one before it."""
    variables, ordering = RowType(made.Bernoulli(4)), np.array([2, 0, 3, 1])
    seen = []

    def pick(rows, variable, uniforms):
        seen.append(rows.codes.clone())
        outputs = torch.zeros(rows.codes.shape)
        for before, after in itertools.pairwise(ordering):
            outputs[:, after] = torch.where(rows.codes[:, before] == 1, torch.inf, -torch.inf)
        return variables.quantile(outputs, variable, uniforms)

    u = torch.rand((64, 4), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    nothing = torch.zeros((64, 4), dtype=torch.uint8)
    rows = sample_rows(pick, ordering, u, Rows(nothing, nothing.bool())).codes
    assert torch.equal(rows, (u[:, [2]] >= 0.5).to(torch.uint8).expand(64, 4))
    for place, codes in enumerate(seen):
        assert torch.equal(codes[:, ordering[:place]], rows[:, ordering[:place]])


def test_many_classes_are_drawn_as_wide_codes(randomize):
    model = randomize(made.MADE(made.Categorical(1000, n=2, coding="scaled"), (8,)))
    rows = model.sample(50, seed=0)
    assert rows.dtype == torch.int64
    assert rows.max() > 255
    assert torch.isfinite(model.log_prob(rows)).all()


def test_a_single_class_costs_nothing(model):
    rows = model.sample(20, seed=0)
    assert (rows[:, 5] == 0).all()
    assert (model.log_prob(rows, per_variable=True, mask=0)[:, 5] == 0).all()


def test_codes_that_are_given_stay_and_the_others_are_drawn_after_them(randomize):
    """As if the given values had been drawn: a variable sees those before it, given or not."""
    model = randomize(made.MADE(MIXED, (12, 12), ordering=[4, 1, 0, 5, 3, 2]), scale=2.0)
    u = torch.rand((200, 6), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ordering = model.mask().ordering

    def pick(rows, variable, uniforms):
        return model.variables.quantile(model.outputs(rows.codes).detach(), variable, uniforms)

    def draw(codes):
        return sample_rows(pick, ordering, u, Rows(codes.clamp(min=0).to(torch.uint8), codes >= 0)).codes

    free = draw(torch.full((200, 6), -1))
    assert torch.equal(model._sample_under(0, u.numpy(), method="plain").codes, free)
    some = torch.where(torch.arange(200)[:, None] % 3 == torch.arange(6) % 3, free.long(), -1)
    assert torch.equal(draw(some), free)  # given what would have been drawn, the rest is what it was
    other = torch.full((200, 6), -1)
    other[:, 1] = 1 - free[:, 1]
    changed = draw(other)
    assert torch.equal(changed[:, 4], free[:, 4])  # comes before variable 1
    assert torch.equal(changed[:, 1], 1 - free[:, 1])
    assert (changed != free)[:, [0, 3, 2]].any()
    assert torch.equal(draw(free.long()), free)


# Given values


def given_and_drawn(model, n, seed=0, **options):
    """Rows drawn with values given, and the table's cell of each."""
    return np.ravel_multi_index(model.sample(n, seed=seed, **options).numpy().T, model.variables.n_values)


def test_given_values_are_in_every_row_and_the_rest_follows_them(small):
    for row in ([-1, 2, -1, 1], [1, -1, -1, -1], [-1, -1, 0, 2]):
        given = {d: value for d, value in enumerate(row) if value >= 0}
        cells = given_and_drawn(small.model, 3000, given=given, **small.context)
        frequency = np.bincount(cells, minlength=36) / 3000
        np.testing.assert_allclose(frequency, small.table.posterior(np.array(row)), atol=0.04)


def test_given_in_many_forms(small_one, with_labels):
    model = small_one("both").model
    expected = model.sample(20, seed=1, given={1: 2, 3: 1})
    assert expected.dtype == torch.uint8
    nan = float("nan")
    for given in ([None, 2, None, 1], [nan, 2, nan, 1], torch.tensor([nan, 2, nan, 1])):
        assert torch.equal(model.sample(20, seed=1, given=given), expected)
    of_each = model.sample(20, seed=1, given=[[None, 2, None, 1]] * 20)
    for given in (torch.tensor([[nan, 2, nan, 1]] * 20), [[None, 2, None, 1]]):
        assert torch.equal(model.sample(20, seed=1, given=given), of_each)
    labelled = with_labels(model)
    for given, codes in (({1: "blue", 3: 1}, expected), ([[None, "blue", None, 1]] * 20, of_each)):
        drawn = labelled.sample(20, seed=1, given=given)
        np.testing.assert_array_equal(drawn, labelled.schema.decode(codes))
        assert (drawn[:, 1] == "blue").all()


def test_nothing_given_is_a_plain_sample_in_distribution(small):
    cells = given_and_drawn(small.model, 3000, given={}, **small.context)
    np.testing.assert_allclose(np.bincount(cells, minlength=36) / 3000, small.table.p, atol=0.04)


def test_everything_given_comes_back(small):
    row = small.table.states[17].tolist()
    assert small.model.sample(4, given=row, **small.context).tolist() == [row] * 4
    rows = small.table.states[::9]
    assert small.model.sample(4, given=rows, **small.context).tolist() == rows.tolist()


def test_one_row_of_givens_for_each(small, patterns):
    rows = np.repeat(patterns(np.array([1, 2, 0, 1])), 200, axis=0)
    drawn = small.model.sample(
        len(rows), seed=2, given=np.where(rows < 0, np.nan, rows), **small.context
    ).numpy()
    assert (drawn == rows)[rows >= 0].all()
    for own, row in zip(drawn.reshape(16, 200, 4), rows[::200], strict=True):
        frequency = np.bincount(small.table.cells(own), minlength=36) / 200
        np.testing.assert_allclose(frequency, small.table.posterior(row), atol=0.15)


def test_given_and_context_row_by_row(small_one, table):
    model = small_one("context").model
    contexts = np.array([[0.5, -1.0], [-2.0, 0.3]])
    drawn = model.sample(4000, seed=0, given={1: 2}, context=np.repeat(contexts, 2000, axis=0)).numpy()
    for context, own in zip(contexts, drawn.reshape(2, 2000, 4), strict=True):
        there = table(model, context=context)
        frequency = np.bincount(there.cells(own), minlength=36) / 2000
        np.testing.assert_allclose(frequency, there.posterior(np.array([-1, 2, -1, -1])), atol=0.05)


def in_portions(sample, n, sizes):
    starts = np.cumsum([0, *sizes])
    return torch.cat([sample(size, int(first)) for size, first in zip(sizes, starts, strict=False)])[:n]


@pytest.mark.parametrize("sizes", [(30,), (1, 29), (10, 10, 10), (29, 1)])
def test_row_i_with_givens_is_a_function_of_seed_and_i(small, sizes):
    def sample(n, first):
        return small.model.sample(n, seed=4, first=first, given={3: 1}, **small.context)

    assert torch.equal(in_portions(sample, 30, sizes), sample(30, 0))
    assert len(torch.unique(sample(30, 0), dim=0)) > 3


@pytest.mark.parametrize("sizes", [(1, 29), (10, 10, 10), (29, 1)])
def test_row_i_with_givens_of_its_own_is_too(small_one, patterns, sizes):
    small = small_one("both")
    rows = np.tile(patterns(np.array([1, 2, 0, 1])), (2, 1))[:30]
    rows = np.where(rows < 0, np.nan, rows)

    def sample(n, first):
        return small.model.sample(n, seed=4, first=first, given=rows[first : first + n])

    assert torch.equal(in_portions(sample, 30, sizes), sample(30, 0))


def test_the_context_of_other_rows_changes_no_row(small_one):
    model = small_one("context").model
    alike = np.tile([0.5, -1.0], (30, 1))
    mixed = alike.copy()
    mixed[20:] = [2.0, 1.0]
    one, other = (model.sample(30, seed=4, given={3: 1}, context=context) for context in (alike, mixed))
    assert torch.equal(one[:20], other[:20])
    assert not torch.equal(one[20:], other[20:])


@pytest.mark.parametrize("seed", range(4))
def test_as_many_rows_as_context_has_columns_are_drawn_as_any_number_is(small_one, seed):
    model = small_one("context").model
    few, many = (model.sample(n, seed=seed, given={3: 1}, context=[0.5, -1.0]) for n in (2, 30))
    assert torch.equal(many[:2], few)


def test_how_many_rows_are_drawn_changes_none_that_is_estimated(randomize):
    """13 unknown bits come before the one that is given: too many states to sum over."""
    model = randomize(made.MADE(made.Bernoulli(14), (10,)))
    few, many = (model.sample(n, seed=0, given={13: 1}) for n in (20, 300))
    assert torch.equal(many[:20], few)


def test_given_with_one_mask_of_a_mixture(small_one, table):
    model = small_one("both").model
    own = table(model, 4)
    cells = given_and_drawn(model, 3000, mask=4, given={0: 1})
    expected = own.posterior(np.array([1, -1, -1, -1]))
    np.testing.assert_allclose(np.bincount(cells, minlength=36) / 3000, expected, atol=0.04)


def test_no_rows_with_givens(small):
    drawn = small.model.sample(0, seed=0, given={0: 1}, **small.context)
    assert drawn.shape == (0, 4)
    assert drawn.dtype == torch.uint8


def test_a_flat_column_of_context_is_one_row_for_each(randomize, table):
    """Two bits that context all but decides, whose rows have contexts of their own."""
    model = randomize(made.MADE(made.Bernoulli(2), (8,), context=1), scale=3.0)
    contexts = np.repeat([-3.0, 3.0], 500)
    drawn = model.sample(1000, seed=0, given={0: 1}, context=contexts).numpy()
    assert np.array_equal(drawn, model.sample(1000, seed=0, given={0: 1}, context=contexts[:, None]))
    for context, own in ((-3.0, drawn[:500]), (3.0, drawn[500:])):
        expected = table(model, context=[context]).conditional(np.array([1, -1]), 1)
        assert own[:, 1].mean() == pytest.approx(expected[1], abs=0.07)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([[1, None, None, None], [1, None]], ["rows differ"]),
        ([[1, None, None, None]] * 2, ["2 rows", "3 rows to draw"]),
        ([[1, None, None, None]] * 4, ["4 rows"]),
        (np.zeros((0, 4)), ["0 rows"]),
        ({4: 0}, ["no variable 4"]),
        ({1: 3}, ["column 1", "holds 3"]),
        ([1, None, None], ["3 columns"]),
        ("red", []),
    ],
)
def test_givens_that_make_no_sense_are_refused(refused, small_one, given, words):
    with refused(*words):
        small_one("both").model.sample(3, given=given)
