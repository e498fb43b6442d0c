"""The autoencoder: every output sees every input, so there is no likelihood, only reconstruction."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import made

MIXED = [made.Bernoulli(4), made.Categorical(3, n=2)]
X = np.random.default_rng(0).integers([2, 2, 2, 2, 3, 3], size=(10, 6))


@pytest.fixture
def model(randomize):
    return randomize(made.Autoencoder(MIXED, (9, 5, 9), activation="tanh"))


def test_it_has_no_log_prob_and_says_why():
    assert not hasattr(made.Autoencoder, "log_prob")
    assert not hasattr(made.Autoencoder, "sample")
    text = made.Autoencoder.__doc__
    for words in ("no ``log_prob``", "Figure 3", "Figure 4", "does not sum to 1", "`MADE`"):
        assert words in text


def test_every_output_depends_on_every_input(model):
    x = torch.rand(model.variables.n_inputs, generator=torch.Generator().manual_seed(0))
    jacobian = torch.autograd.functional.jacobian(lambda x: model.network(x[None])[0], x)
    assert jacobian.shape == (10, 10)
    assert (jacobian != 0).all()


def test_shapes(model):
    assert model.encode(X).shape == (10, 5)
    assert model.decode(model.encode(X)).shape == (10, 10)
    assert model.reconstruct(X).shape == X.shape
    assert model.nll(X).shape == (10,)
    for n in (0, 1):
        assert model.reconstruct(X[:n]).shape == (n, 6)
        assert model.nll(X[:n]).shape == (n,)


@pytest.mark.parametrize(
    ("hidden", "code_layer", "size"), [((7,), None, 7), ((9, 5), None, 9), ((9, 5, 4), 2, 4)]
)
def test_which_layer_holds_the_code(hidden, code_layer, size):
    model = made.Autoencoder(MIXED, hidden, code_layer=code_layer)
    assert model.encode(X).shape == (10, size)
    assert model.decode(model.encode(X)).shape == (10, 10)


def test_encode_then_decode_is_the_network(model):
    with torch.no_grad():
        expected = model.variables.probabilities(model.outputs(model.rows(X).codes))
    torch.testing.assert_close(model.decode(model.encode(X)), expected)
    assert torch.equal(model.variables.most_probable(expected), model.reconstruct(X))
    bernoulli, classes = expected[:, :4], expected[:, 4:].reshape(10, 2, 3)
    assert torch.equal(model.reconstruct(X)[:, :4], (bernoulli >= 0.5).to(torch.uint8))
    torch.testing.assert_close(classes.sum(2), torch.ones(10, 2))


def test_it_learns_to_copy():
    model = made.Autoencoder(MIXED, (32, 16, 32))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    before = model.loss(X).item()
    for _ in range(300):
        optimizer.zero_grad()
        model.loss(X).backward()
        optimizer.step()
    assert model.reconstruct(X).tolist() == X.tolist()
    assert float(model.nll(X).mean()) == pytest.approx(model.loss(X).item(), abs=1e-4)
    assert model.loss(X).item() < 0.05 < before


def test_dropout_acts_in_the_loss_alone(randomize):
    model = randomize(made.Autoencoder(MIXED, (9, 5, 9), activation="tanh", dropout=0.5))
    plain = randomize(made.Autoencoder(MIXED, (9, 5, 9), activation="tanh"))
    assert torch.equal(model.encode(X), plain.encode(X))
    assert torch.equal(model.nll(X), plain.nll(X))
    losses = [model.loss(X, generator=torch.Generator().manual_seed(seed)).item() for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_file_and_back(randomize, tmp_path):
    settings = {"seed": 4, "code_layer": 2, "activation": "elu", "residual": True, "dropout": 0.25}
    model = randomize(made.Autoencoder(MIXED, (6, 6, 4), **settings))
    model.save(tmp_path / "model")
    again = made.load(tmp_path / "model")
    assert isinstance(again, made.Autoencoder)
    assert again.settings() == model.settings()
    assert again.settings().items() >= settings.items()
    assert torch.equal(again.encode(X), model.encode(X))
    assert torch.equal(again.nll(X), model.nll(X))


def test_with_marginals_set_it_scores_as_the_product_of_marginals():
    model = made.Autoencoder(MIXED, (8,))
    model.set_marginals(X)
    expected = made.baselines.ProductOfMarginals(X, [2, 2, 2, 2, 3, 3]).log_prob(X)
    np.testing.assert_allclose(-model.nll(X).numpy(), expected, atol=1e-4)


def test_summary_says_that_every_weight_is_active(model):
    summary = model.summary()
    assert "without masks" in str(summary)
    assert summary.active_fraction == 1
    assert summary.parameters == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hidden": ()}, ["at least one hidden layer"]),
        ({"hidden": (0,)}, ["hidden sizes", "0"]),
        ({"hidden": (4, 3), "code_layer": 2}, ["code_layer", "0..1", "2"]),
        ({"hidden": (4, 3), "code_layer": -1}, ["code_layer", "-1"]),
        ({"hidden": (4, 3), "code_layer": 0.5}, ["code_layer", "0.5"]),
    ],
)
def test_settings_that_make_no_sense_are_refused(refused, settings, words):
    with refused(*words):
        made.Autoencoder(MIXED, **settings)


def test_bad_rows_are_refused(refused, model):
    for door in (model.encode, model.reconstruct, model.nll, model.loss):
        with refused("row 0, column 4", "holds 3"):
            door([[0, 1, 0, 1, 3, 0]])


def test_it_takes_no_context(refused, model):
    assert not model.context
    assert model.network.context is None
    with pytest.raises(TypeError, match="context"):
        made.Autoencoder(MIXED, (4,), context=2)
    for door in (model.loss, model.nll, lambda x, **c: made.fit(model, x, epochs=1, **c)):
        with refused("takes no context"):
            door(X, context=[[1, 2]] * 10)


def test_incomplete_rows_are_refused(refused, model):
    incomplete = X.astype(float)
    incomplete[3, 1] = np.nan
    for door in (model.encode, model.reconstruct, model.nll, model.loss):
        with refused("row 3, column 1", "NaN"):
            door(incomplete)
