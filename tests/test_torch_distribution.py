"""A model as a distribution of torch."""

import itertools

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily

import made
from made.support.errors import InputError

STATES = torch.tensor(list(itertools.product(range(2), range(2), range(3))))


@pytest.fixture(params=[1, 3], ids=["one mask", "mixture"])
def model(request, randomize):
    variables = [made.Bernoulli(2), made.Categorical(3)]
    return randomize(made.MADE(variables, hidden=(8,), orderings=request.param), seed=1)


@pytest.fixture
def conditional(randomize):
    return randomize(made.MADE([made.Bernoulli(2), made.Categorical(3)], hidden=(8,), context=2), seed=2)


def test_shapes_and_support(model):
    rows = model.distribution()
    assert rows.event_shape == (3,)
    assert rows.batch_shape == ()
    assert rows.sample().shape == (3,)
    assert rows.sample((4, 5)).shape == (4, 5, 3)
    assert rows.log_prob(rows.sample((4, 5))).shape == (4, 5)
    assert rows.sample().dtype == torch.int64
    inside = torch.tensor([[0, 1, 2], [0, 2, 1], [0, 0, 3], [-1, 0, 0]])
    assert rows.support.check(inside).tolist() == [True, False, False, False]
    with pytest.raises(ValueError, match="support"):
        rows.log_prob(torch.tensor([0, 2, 0]))


def test_log_prob_is_that_of_the_model_and_sums_to_one(model):
    log_prob = model.distribution().log_prob(STATES)
    assert torch.allclose(log_prob, model.log_prob(STATES), atol=1e-12)
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=1e-6)


def test_samples_follow_torchs_generator_and_the_density(model):
    rows = model.distribution()
    torch.manual_seed(0)
    once = rows.sample((20_000,))
    torch.manual_seed(0)
    assert torch.equal(once, rows.sample((20_000,)))
    assert not torch.equal(once, rows.sample((20_000,)))
    share = (once[:, None] == STATES).all(-1).double().mean(0)
    assert (share - rows.log_prob(STATES).exp()).abs().max() < 0.015


def test_log_prob_is_differentiable_with_respect_to_the_weights(model):
    rows = model.distribution()
    (-rows.log_prob(STATES).mean()).backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    assert all(torch.isfinite(g).all() for g in gradients)
    # Against a difference quotient along the gradient.
    step = 1e-3
    with torch.no_grad():
        norm = sum(float((g**2).sum()) for g in gradients)
        values = []
        for sign in (1, -1):
            for p, g in zip(model.parameters(), gradients, strict=True):
                p.add_(sign * step * g)
            values.append(float(-model.log_prob(STATES).mean()))
            for p, g in zip(model.parameters(), gradients, strict=True):
                p.sub_(sign * step * g)
    assert (values[0] - values[1]) / (2 * step) == pytest.approx(norm, rel=0.02)
    with torch.no_grad():
        assert not rows.log_prob(STATES).requires_grad


def test_a_chosen_mask():
    model = made.MADE(made.Bernoulli(3), hidden=(8,), orderings=2)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(generator=torch.Generator().manual_seed(0))
    states = torch.tensor(list(itertools.product(range(2), repeat=3)))
    alone = model.distribution(mask=1).log_prob(states)
    assert torch.allclose(alone, model.log_prob(states, mask=1))
    assert not torch.allclose(alone, model.distribution().log_prob(states), atol=1e-3)
    with pytest.raises(InputError, match="no mask 2"):
        model.distribution(mask=2)


def test_expand(model):
    rows = model.distribution().expand((4,))
    assert rows.batch_shape == (4,)
    assert rows.sample((2,)).shape == (2, 4, 3)
    assert rows.log_prob(STATES[:4]).shape == (4,)
    assert Independent(rows, 1).log_prob(STATES[:4]).item() == pytest.approx(
        model.log_prob(STATES[:4]).sum().item()
    )


def test_context_makes_a_batch(conditional):
    context = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    rows = conditional.distribution(context)
    assert rows.batch_shape == (5,)
    assert rows.sample((7,)).shape == (7, 5, 3)
    want = torch.stack([conditional.log_prob(STATES, context=row) for row in context], dim=1)
    assert torch.allclose(rows.log_prob(STATES[:, None]), want)
    assert (want[:, 0] - want[:, 1]).abs().max() > 0.1  # context matters
    assert rows.expand((6, 5)).log_prob(STATES[0]).shape == (6, 5)
    assert conditional.distribution(context[0]).batch_shape == ()


def test_it_fits_into_a_mixture_of_torch(conditional):
    context = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    mixture = MixtureSameFamily(Categorical(torch.tensor([0.25, 0.75])), conditional.distribution(context))
    parts = [conditional.log_prob(STATES, context=row).exp() for row in context]
    assert torch.allclose(mixture.log_prob(STATES).exp(), 0.25 * parts[0] + 0.75 * parts[1], atol=1e-6)


def test_what_is_wrong_with_a_context(model, conditional):
    with pytest.raises(InputError, match="takes no context"):
        model.distribution(context=[[0.0]])
    with pytest.raises(InputError, match="is conditional"):
        conditional.distribution()
    with pytest.raises(InputError, match="3 columns"):
        conditional.distribution(context=[0.0, 0.0, 0.0])
    with pytest.raises(InputError, match="one row for one distribution"):
        conditional.distribution(context=1.0)
