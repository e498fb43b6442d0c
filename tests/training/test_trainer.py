"""The training loop: what is minimized, what is kept, and that every step is a function of (seed, step)."""

from __future__ import annotations

import copy
import math
from itertools import chain

import numpy as np
import pytest
import torch

import made
from made.baselines import ProductOfMarginals
from made.training.divergence import TrainingDivergedError
from made.training.fit import fit
from made.training.trainer import mean_and_error


def nll(model, rows):
    return -model.log_prob(rows).mean().item()


# What a fit begins with


def test_first_record_is_the_product_of_marginals(tiny, rows, valid):
    history = fit(tiny(dropout=0.5), rows, valid, epochs=1)
    first = history.epochs[0]
    scores = -ProductOfMarginals(rows, [2] * 6).log_prob(valid)
    assert first.valid_nll == pytest.approx(scores.mean(), abs=1e-5)
    assert first.valid_se == pytest.approx(scores.std(ddof=1) / math.sqrt(len(valid)), rel=1e-4)
    assert (first.epoch, first.step, first.train_loss) == (0, 0, None)


def test_trained_model_keeps_its_biases(tiny, rows, valid):
    model = tiny()
    fit(model, rows, valid, epochs=3)
    before = nll(model, valid)
    biases = model.network.biases[-1].clone()
    history = fit(model, 1 - rows, valid, epochs=1, learning_rate=1.0)  # other marginals, and no progress
    assert history.epochs[0].valid_nll == pytest.approx(before, abs=1e-9)
    assert history.best_epoch == 0
    assert torch.equal(model.network.biases[-1], biases)


def test_loss_falls_below_the_marginals(tiny, rows, valid):
    model = tiny(hidden=(16,))
    history = fit(model, rows, valid, epochs=20, batch_size=16, learning_rate=0.03)
    losses = [record.train_loss for record in history.epochs[1:]]
    assert losses[-1] < losses[0] - 0.5
    assert history.best.valid_nll < history.epochs[0].valid_nll - 0.5
    assert history.ended == "finished"


# Which weights a fit ends with


OVERFIT = {"epochs": 25, "batch_size": 10, "learning_rate": 0.05, "schedule": "constant", "weight_decay": 0.0}


def test_best_epoch_is_kept(tiny, rows, valid):
    model = tiny(hidden=(64, 64))
    history = fit(model, rows[:20], valid, **OVERFIT)
    assert nll(model, valid) == pytest.approx(min(history.valid_nll), abs=1e-6)
    assert nll(model, valid) < history.epochs[-1].valid_nll - 0.1
    assert history.valid_nll[history.best_epoch] == min(history.valid_nll)
    assert history.best_epoch == history.best.epoch < 25


def test_patience_stops_early(tiny, rows, valid):
    model = tiny(hidden=(64, 64))
    history = fit(model, rows[:20], valid, patience=3, **OVERFIT)
    assert history.ended == "stopped early"
    assert history.epochs[-1].epoch == history.best_epoch + 3 < 25
    assert nll(model, valid) == pytest.approx(min(history.valid_nll), abs=1e-6)


def test_patience_without_validation_trains_to_the_end(tiny, rows):
    history = fit(tiny(), rows, False, epochs=4, patience=1)
    assert (history.ended, history.epochs[-1].epoch) == ("finished", 4)


def test_without_validation_the_last_epoch_is_kept(tiny, rows, valid, same_weights):
    plain, overfit = tiny(hidden=(64, 64)), tiny(hidden=(64, 64))
    history = fit(plain, rows[:20], **OVERFIT)
    watched = fit(overfit, rows[:20], valid, **OVERFIT)
    assert history.best_epoch is None
    assert history.valid_nll == []
    assert history.batch_losses == watched.batch_losses  # validation changes no step
    assert nll(plain, valid) == pytest.approx(watched.epochs[-1].valid_nll, abs=1e-6)
    assert not same_weights(plain, overfit)


# What is recorded


def test_counts_and_weighted_mean(tiny, rows, valid):
    history = fit(tiny(), rows, valid, epochs=3, batch_size=32)  # 32, 32, 32, 4
    assert history.epoch_steps == [0, 4, 8, 12]
    assert len(history.batch_losses) == 12
    for epoch in (1, 2, 3):
        own = history.batch_losses[4 * (epoch - 1) : 4 * epoch]
        expected = (32 * sum(own[:3]) + 4 * own[3]) / 100
        assert history.epochs[epoch].train_loss == pytest.approx(expected, rel=1e-12)
        assert history.epochs[epoch].train_loss != pytest.approx(np.mean(own), rel=1e-9)


def test_batch_larger_than_the_data(tiny, rows):
    history = fit(tiny(), rows, epochs=2, batch_size=1000)
    assert history.epoch_steps == [0, 1, 2]
    assert history.epochs[1].train_loss == history.batch_losses[0]


def test_every_row_is_seen_once_an_epoch(tiny, monkeypatch):
    model, seen = tiny(), []
    rows = np.array([[(i >> bit) & 1 for bit in range(6)] for i in range(50)])
    plain = model.loss

    def loss(x, *args, **kwargs):
        seen.append([int(row @ (1 << np.arange(6))) for row in x.codes.numpy()])
        return plain(x, *args, **kwargs)

    monkeypatch.setattr(model, "loss", loss)
    fit(model, rows, epochs=2, batch_size=16)
    epochs = [[*chain(*seen[:4])], [*chain(*seen[4:])]]
    assert [sorted(epoch) for epoch in epochs] == [list(range(50))] * 2
    assert epochs[0] != epochs[1]
    assert [len(batch) for batch in seen] == [16, 16, 16, 2] * 2


def test_learning_rate_is_recorded(tiny, rows):
    history = fit(tiny(), rows, epochs=4, batch_size=10, learning_rate=0.5, warmup=0.25)
    rates = [record.learning_rate for record in history.epochs[1:]]
    assert rates[0] == 0.5
    assert rates[1] > rates[2] > rates[3] > 0


def test_on_epoch_gets_every_record(tiny, rows, valid):
    records = []
    history = fit(tiny(), rows, valid, epochs=3, on_epoch=records.append)
    assert records == history.epochs


# Determinism


def test_same_seed_same_fit(tiny, rows, valid, same_weights):
    models = [tiny(dropout=0.2) for _ in range(3)]
    first, second, other = (
        fit(model, rows, valid, epochs=3, batch_size=16, seed=seed)
        for model, seed in zip(models, (7, 7, 8), strict=True)
    )
    assert first.batch_losses == second.batch_losses
    assert first.valid_nll == second.valid_nll
    assert same_weights(models[0], models[1])
    assert first.batch_losses != other.batch_losses
    assert not same_weights(models[0], models[2])


def test_global_generators_are_left_alone(tiny, rows, valid, same_weights):
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    one, two = tiny(dropout=0.3), tiny(dropout=0.3)
    fit(one, rows, valid, epochs=2)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    torch.manual_seed(12345)
    fit(two, rows, valid, epochs=2)
    assert same_weights(one, two)


# Precision


def test_only_training_is_in_bfloat16(tiny, rows, valid, monkeypatch):
    model, seen = tiny(), {"loss": set(), "nll": set()}
    for name, within in seen.items():
        plain = getattr(model, name)

        def spied(*args, plain=plain, within=within, **kwargs):
            within.add(torch.get_float32_matmul_precision())
            return plain(*args, **kwargs)

        monkeypatch.setattr(model, name, spied)
    fit(model, rows, valid, epochs=2, precision="bfloat16")
    assert seen == {"loss": {"medium"}, "nll": {"highest"}}
    assert torch.get_float32_matmul_precision() == "highest"
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


def test_bfloat16_learns_as_much(tiny, rows, valid):
    settings = {"epochs": 20, "batch_size": 16, "learning_rate": 0.03}
    exact, rounded = (
        fit(tiny(hidden=(16,)), rows, valid, precision=precision, **settings)
        for precision in ("float32", "bfloat16")
    )
    assert min(rounded.valid_nll) == pytest.approx(min(exact.valid_nll), abs=0.05)


# Sample weights


def test_weight_two_is_the_row_twice(tiny, rows):
    weight = np.ones(len(rows))
    weight[:30] = 2
    one, two = tiny(), tiny()
    one.set_marginals(rows, weight)
    two.set_marginals(np.concatenate([rows, rows[:30]]))
    torch.testing.assert_close(one.network.biases[-1], two.network.biases[-1], atol=1e-6, rtol=0)
    assert not torch.equal(one.network.biases[-1], tiny().network.biases[-1])


def test_weighted_gradient_is_that_of_repeated_rows(tiny, rows, randomize):
    weight = torch.tensor([1.0, 2.0, 3.0])
    one, two = randomize(tiny()), randomize(tiny())
    one.loss(rows[:3], weight=weight / weight.mean()).backward()
    two.loss(np.repeat(rows[:3], [1, 2, 3], axis=0)).backward()
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_rows_without_weight_teach_nothing(tiny, rows, valid, same_weights):
    weight = np.ones(len(rows))
    weight[::2] = 0
    poisoned = rows.copy()
    poisoned[::2] = 1 - poisoned[::2]
    models = [tiny(), tiny()]
    histories = [
        fit(model, x, valid, epochs=3, batch_size=16, sample_weight=weight)
        for model, x in zip(models, (rows, poisoned), strict=True)
    ]
    assert same_weights(*models)
    assert histories[0].batch_losses == histories[1].batch_losses


def test_weights_count_relative_to_their_mean(tiny, rows, valid):
    equal = fit(tiny(), rows, valid, epochs=2, sample_weight=np.ones(len(rows))[::-1])  # a view in reverse
    plain = fit(tiny(), rows, valid, epochs=2)
    assert equal.batch_losses == pytest.approx(plain.batch_losses, rel=1e-5)


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (np.ones(99), ["(99,)", "100"]),
        (np.ones((100, 1)), ["(100, 1)"]),
        (1.0, ["()"]),
        (-np.ones(100), ["at least 0"]),
        (np.full(100, np.nan), ["finite"]),
        (np.full(100, np.inf), ["finite"]),
        (np.zeros(100), ["above 0"]),
    ],
)
def test_bad_weights_are_refused(tiny, rows, refused, weight, words):
    model = tiny()
    with refused("sample_weight", *words):
        fit(model, rows, sample_weight=weight)
    assert model.at_initialization


# Masks


def spied_masks(model, monkeypatch, rows, **settings):
    plain, numbers = model._product, []

    def product(mask):
        numbers.append(mask)
        return plain(mask)

    monkeypatch.setattr(model, "_product", product)
    fit(model, rows, False, **settings)
    return numbers


@pytest.mark.parametrize("every", [1, 3])
def test_masks_are_cycled(tiny, rows, monkeypatch, every):
    model = tiny(orderings=2, connectivities=3)
    numbers = spied_masks(model, monkeypatch, rows, epochs=4, batch_size=16, resample_every=every)
    assert model.n_masks == 6
    assert numbers == [step // every % 6 for step in range(28)]


@pytest.mark.parametrize("fresh", [{"orderings": "fresh"}, {"connectivities": "fresh"}])
def test_fresh_draws_come_after_those_of_evaluation(tiny, rows, monkeypatch, fresh):
    model = tiny(fresh_masks=3, **fresh)
    numbers = spied_masks(model, monkeypatch, rows, epochs=2, batch_size=25, resample_every=2)
    assert numbers == [3, 3, 4, 4, 5, 5, 6, 6]


def test_validation_uses_so_many_masks(tiny, rows, valid):
    model = tiny(orderings=5)
    first = fit(model, rows, valid, epochs=1, valid_masks=2).epochs[1].valid_nll
    assert first == pytest.approx(-model.log_prob(valid, mask=[0, 1]).mean().item(), abs=1e-9)


def test_dead_weights_stay_zero(tiny, rows, valid):
    model = tiny(hidden=(8, 8), direct=True)
    fit(model, rows, valid, epochs=3)
    assert model.count_violations() == 0
    assert model.network.direct.any()


def test_autoencoder_is_trained_too(rows, valid):
    model = made.Autoencoder(made.Bernoulli(6), hidden=(16, 4, 16))
    history = fit(model, rows, valid, epochs=20, batch_size=16, learning_rate=0.02)
    assert history.epochs[0].valid_nll == pytest.approx(
        -ProductOfMarginals(rows, [2] * 6).log_prob(valid).mean(), abs=1e-5
    )
    assert history.best.valid_nll < history.epochs[0].valid_nll - 1
    assert model.nll(valid).mean().item() == pytest.approx(min(history.valid_nll), abs=1e-6)
    assert (model.reconstruct(valid).numpy() == valid).mean() > 0.85


def test_categorical_and_mixed_rows_are_learned():
    generator = np.random.default_rng(0)
    first = generator.integers(0, 3, 200)
    rows = np.stack([first, (first + (generator.random(200) < 0.1)) % 3, first == 2], axis=1)
    model = made.MADE([made.Categorical(3, n=2), made.Bernoulli(1)], hidden=(16,))
    history = fit(model, rows[:150], rows[150:], epochs=20, batch_size=16)
    assert history.best.valid_nll < history.epochs[0].valid_nll - 1


def test_one_variable_learns_its_marginal():
    rows = np.array([[1]] * 30 + [[0]] * 10)
    model = made.MADE(made.Bernoulli(1), hidden=(4,))
    fit(model, rows, rows, epochs=2)
    assert model.log_prob([[1]]).exp().item() == pytest.approx(31 / 42, abs=0.02)


# What is refused, and what goes wrong


def test_empty_data_are_refused(tiny, rows, refused):
    with refused("no training rows"):
        fit(tiny(), rows[:0])
    with refused("no validation rows"):
        fit(tiny(), rows, rows[:0])


def test_bad_rows_and_settings_leave_the_model_alone(tiny, rows, valid, refused, same_weights):
    model = tiny()
    with refused("row 1, column 2", "2"):
        fit(model, [[0] * 6, [0, 0, 2, 0, 0, 0]])
    with refused("5 columns"):
        fit(model, rows[:, :5])
    with refused("4 columns"):
        fit(model, rows, valid[:, :4])
    with refused("NaN"):
        fit(model, np.full((2, 6), np.nan))
    with refused("epochs"):
        fit(model, rows, epochs=0)
    assert same_weights(model, tiny())


def test_unknown_device_is_refused(tiny, rows, refused):
    with refused("banana"):
        fit(tiny(), rows, device="banana")


def poison(model, monkeypatch, step, value=math.nan):
    """Let the loss of one step be NaN, and its gradient with it."""
    plain, calls = model.loss, []

    def loss(*args, **kwargs):
        calls.append(1)
        return plain(*args, **kwargs) * (value if len(calls) == step else 1.0)

    monkeypatch.setattr(model, "loss", loss)


def is_finite(model):
    return all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_divergence_keeps_the_best_model(tiny, rows, valid, monkeypatch, value):
    model = tiny()
    poison(model, monkeypatch, step=20, value=value)
    with pytest.raises(TrainingDivergedError, match=r"diverged.* at step 20 .*lower the learning rate") as e:
        fit(model, rows, valid, epochs=9, batch_size=16)
    history = e.value.history
    assert history.ended == "diverged"
    assert len(history.batch_losses) == 20
    assert not math.isfinite(history.batch_losses[-1])
    assert history.best_epoch == 2
    assert is_finite(model)
    assert nll(model, valid) == pytest.approx(min(history.valid_nll), abs=1e-6)


def test_divergence_by_learning_rate(tiny, rows, valid):
    model = tiny()
    with pytest.raises(TrainingDivergedError) as e:
        fit(model, rows, valid, epochs=200, batch_size=4, learning_rate=1e6, schedule="constant")
    assert is_finite(model)
    assert nll(model, valid) == pytest.approx(min(e.value.history.valid_nll), abs=1e-6)


@pytest.mark.parametrize("watched", [True, False])
def test_a_loss_that_ends_high_and_finite_is_divergence_too(tiny, rows, valid, watched):
    model = tiny()
    settings = {"epochs": 3, "batch_size": 16, "learning_rate": 100.0, "schedule": "constant"}
    with pytest.raises(TrainingDivergedError, match=r"nats at the end.*lower the learning rate") as e:
        fit(model, rows, valid if watched else False, **settings)
    assert e.value.model is model
    assert e.value.history.ended == "diverged"
    plain = tiny()
    plain.set_marginals(plain.rows(rows))
    assert nll(model, valid) == pytest.approx(nll(plain, valid), abs=1e-6)


def test_a_fit_that_learns_nothing_is_no_divergence(tiny):
    noise = np.random.default_rng(0).integers(0, 2, (200, 6))
    history = fit(tiny(), noise[:100], noise[100:], epochs=3)
    assert history.ended == "finished"


def test_divergence_without_validation_leaves_a_finite_model(tiny, rows, monkeypatch):
    model = tiny()
    poison(model, monkeypatch, step=20)
    with pytest.raises(TrainingDivergedError):
        fit(model, rows, epochs=9, batch_size=16)
    assert is_finite(model)


def test_error_in_between_keeps_the_best_model(tiny, rows, valid):
    model, scores = tiny(), []

    def fail(record):
        scores.append(record.valid_nll)
        if record.epoch == 3:
            raise RuntimeError("from outside")

    with pytest.raises(RuntimeError, match="from outside"):
        fit(model, rows, valid, epochs=9, batch_size=16, on_epoch=fail)
    assert nll(model, valid) == pytest.approx(min(scores), abs=1e-6)


def test_copies_train_alike(tiny, rows, valid, same_weights):
    one = tiny()
    two = copy.deepcopy(one)
    fit(one, rows, valid, epochs=2)
    fit(two, rows, valid, epochs=2)
    assert same_weights(one, two)


def test_mean_and_error_of_one_value():
    mean, error = mean_and_error(torch.tensor([2.0], dtype=torch.float64))
    assert mean == 2.0
    assert math.isnan(error)


# Context


@pytest.fixture
def parted(rows, valid):
    """Context of the training and of the validation rows: which bit comes first, and noise."""
    rng = np.random.default_rng(0)
    return [np.stack([own[:, 0] * 2.0 - 1, rng.normal(size=len(own))], axis=1) for own in (rows, valid)]


def test_context_is_learned_from(tiny, rows, valid, parted):
    told, untold = tiny(hidden=(32,), context=2), tiny(hidden=(32,))
    settings = {"epochs": 15, "batch_size": 16, "learning_rate": 0.02}
    history = fit(told, rows, valid, context=parted[0], valid_context=parted[1], **settings)
    plain = fit(untold, rows, valid, **settings)
    first = history.epochs[0].valid_nll
    assert first == pytest.approx(plain.epochs[0].valid_nll, abs=1e-5)  # the product of marginals
    assert min(history.valid_nll) < min(plain.valid_nll) - 0.5
    kept = -told.log_prob(valid, context=parted[1]).mean().item()
    assert kept == pytest.approx(min(history.valid_nll), abs=1e-6)
    assert told.network.context.any()


def test_rows_and_their_context_stay_together(tiny, monkeypatch):
    rows = np.array([[(i >> bit) & 1 for bit in range(6)] for i in range(50)])
    model, seen = tiny(context=1), []
    plain = model.loss

    def loss(x, *args, **kwargs):
        numbers = x.codes.numpy() @ (1 << np.arange(6))
        assert numbers.tolist() == x.context[:, 0].tolist()
        seen.extend(numbers.tolist())
        return plain(x, *args, **kwargs)

    monkeypatch.setattr(model, "loss", loss)
    fit(model, rows, epochs=2, batch_size=16, context=np.arange(50))
    assert sorted(seen) == sorted([*range(50)] * 2)


def test_one_row_of_context_holds_for_all_rows(tiny, rows, valid, same_weights):
    one, other = tiny(context=2), tiny(context=2)
    fit(one, rows, valid, epochs=1, context=[1.0, 2.0], valid_context=[[1.0, 2.0]])
    fit(other, rows, valid, epochs=1, context=[[1.0, 2.0]] * 100, valid_context=[[1.0, 2.0]] * 50)
    assert same_weights(one, other)


def test_resumed_with_context_is_uninterrupted(
    tiny, rows, valid, parted, tmp_path, press_ctrl_c, same_weights
):
    options = {"epochs": 4, "batch_size": 16, "context": parted[0], "valid_context": parted[1]}
    whole, stopped, resumed = (tiny(context=2) for _ in range(3))
    fit(whole, rows, valid, **options)
    press_ctrl_c(stopped, 10)
    assert fit(stopped, rows, valid, checkpoint=tmp_path / "c", **options).ended == "interrupted"
    fit(resumed, rows, valid, checkpoint=tmp_path / "c", resume=True, **options)
    assert same_weights(resumed, whole)
    assert not same_weights(stopped, whole)


@pytest.mark.parametrize("which", ["context", "valid_context"])
def test_another_context_is_no_resumption(tiny, rows, valid, parted, tmp_path, refused, which):
    options = {"epochs": 2, "context": parted[0], "valid_context": parted[1], "checkpoint": tmp_path / "c"}
    fit(tiny(context=2), rows, valid, **options)
    options[which] = options[which] + 0.5
    with refused("data"):
        fit(tiny(context=2), rows, valid, resume=True, **options)


def test_context_that_makes_no_sense_is_refused(tiny, rows, valid, parted, refused):
    model = tiny(context=2)
    with refused("conditional", "(100, 2)"):
        fit(model, rows)
    with refused("conditional", "valid_context"):
        fit(model, rows, valid, context=parted[0])
    with refused("valid_context", "without validation rows"):
        fit(model, rows, context=parted[0], valid_context=parted[1])
    with refused("50 rows", "100 rows of data"):
        fit(model, rows, valid, context=parted[1], valid_context=parted[1])
    with refused("1 columns", "takes 2"):
        fit(model, rows, context=parted[0][:, :1])
    with refused("row 7, column 1", "finite"):
        fit(model, rows, context=np.where(np.arange(200).reshape(100, 2) == 15, np.nan, parted[0]))
    with refused("takes no context"):
        fit(tiny(), rows, context=parted[0])
    with refused("takes no context"):
        fit(tiny(), rows, valid, valid_context=parted[1])
    assert model.at_initialization


def test_a_resumed_fit_stays_with_its_kind_of_step(tiny, rows, valid, tmp_path, monkeypatch):
    whole, parted, file = tiny(), tiny(), tmp_path / "checkpoint.safetensors"
    history = fit(whole, rows, valid, epochs=4)
    fit(parted, rows, valid, epochs=4, pause_after=2, checkpoint=file)
    monkeypatch.setattr("made.training.make_step._MIN_MULTIPLICATIONS", 0)  # else, they would be compiled now
    resumed = fit(parted, rows, valid, epochs=4, checkpoint=file, resume=True)
    assert history.steps == resumed.steps == "plain"
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), parted.parameters(), strict=True))
