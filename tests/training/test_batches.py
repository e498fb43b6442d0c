"""Where batches come from: rows of a file come each once an epoch, shuffled, and in little memory."""

from __future__ import annotations

import subprocess
import sys
from itertools import chain

import numpy as np
import pytest
import torch

import made
from made.data import open_rows
from made.training import batches
from made.training.batches import Streamed, batches_from
from made.training.settings import TrainingSettings


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 7 rows (of 6 bits), 3 at a time: 100 rows are 15 blocks, the last of 2 rows, in 5 buffers."""
    monkeypatch.setattr(batches, "_BYTES_PER_BLOCK", 7 * (6 + 8))
    monkeypatch.setattr(batches, "_BLOCKS_PER_BUFFER", 3)


@pytest.fixture
def file(rows, tmp_path):
    """The training rows in a file."""
    np.save(tmp_path / "rows.npy", rows)
    return open_rows(tmp_path / "rows.npy")


@pytest.fixture
def numbered(tmp_path):
    """A file of 100 rows that differ from each other: row i holds i."""
    np.save(tmp_path / "numbered.npy", np.arange(100)[:, None])
    return open_rows(tmp_path / "numbered.npy")


def epochs(file, n=1, **settings):
    """The numbers of the rows in the order of their batches, epoch by epoch."""
    model = made.MADE(made.Categorical(100), hidden=())
    stream = Streamed(model, file, TrainingSettings(batch_size=9, **settings))
    taken = [stream.batch(step).rows[:, 0].tolist() for step in range(n * stream.steps_per_epoch)]
    assert [len(batch) for batch in taken] == ([9] * 11 + [1]) * n
    together = [*chain(*taken)]
    return [together[100 * epoch :][:100] for epoch in range(n)]


# The order


@pytest.mark.parametrize(
    "bytes_per_block", [9, 7 * 9, 50 * 9, 2**20]
)  # rows have 1 byte, and 8 for the order
@pytest.mark.parametrize("blocks", [1, 3, 64])
def test_every_row_comes_once_an_epoch(numbered, monkeypatch, bytes_per_block, blocks):
    monkeypatch.setattr(batches, "_BYTES_PER_BLOCK", bytes_per_block)
    monkeypatch.setattr(batches, "_BLOCKS_PER_BUFFER", blocks)
    first, second = epochs(numbered, 2)
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second
    assert first != list(range(100))


def test_the_order_is_that_of_the_seed(numbered, small_blocks):
    assert epochs(numbered, 2, seed=1) == epochs(numbered, 2, seed=1)
    assert epochs(numbered, seed=1) != epochs(numbered, seed=2)
    assert epochs(numbered, 2, seed=0)[1] != epochs(numbered, 2, seed=1)[0]


def test_a_buffer_mixes_blocks_from_everywhere(numbered, monkeypatch):
    monkeypatch.setattr(batches, "_BYTES_PER_BLOCK", 5 * 9)
    monkeypatch.setattr(batches, "_BLOCKS_PER_BUFFER", 5)
    (order,) = epochs(numbered)
    for buffer in np.reshape(order, (4, 25)):
        blocks = buffer // 5
        assert len(set(blocks)) == 5
        assert max(blocks) - min(blocks) > 4
        assert list(blocks) != sorted(blocks)  # and within the buffer rows are mixed as well


def test_a_file_of_one_buffer_is_shuffled_as_a_whole(numbered):
    order = np.concatenate(epochs(numbered, 200))
    place = np.argsort(order.reshape(200, 100), axis=1)
    # The mean place of a row over 200 epochs is 49.5, with a standard deviation of 2.04.
    assert np.abs(place.mean(axis=0) - 49.5).max() < 10


def test_steps_come_in_any_order(file, tiny, small_blocks):
    settings = TrainingSettings(batch_size=9)
    stream, other = (Streamed(tiny(), file, settings) for _ in range(2))
    taken = [stream.batch(step).rows for step in range(24)]
    for step in (23, 5, 6, 17, 0):
        assert torch.equal(other.batch(step).rows, taken[step])


# A fit


def test_a_small_file_is_learned_as_rows_in_memory_are(tiny, rows, valid, file, small_blocks):
    settings = {"epochs": 20, "batch_size": 16, "learning_rate": 0.03}
    streamed = made.fit(tiny(hidden=(16,)), file, valid, **settings)
    in_memory = made.fit(tiny(hidden=(16,)), rows, valid, **settings)
    assert streamed.epochs[0].valid_nll == pytest.approx(in_memory.epochs[0].valid_nll, abs=1e-6)
    assert streamed.epochs[0].valid_nll - streamed.best.valid_nll > 0.5
    assert streamed.best.valid_nll == pytest.approx(in_memory.best.valid_nll, abs=0.1)
    assert streamed.epoch_steps == in_memory.epoch_steps


def test_sorted_rows_are_learned(tmp_path, monkeypatch):
    """Of rows sorted by value, in 64 blocks of which 8 are mixed at a time."""
    monkeypatch.setattr(batches, "_BYTES_PER_BLOCK", 32 * (6 + 8))
    monkeypatch.setattr(batches, "_BLOCKS_PER_BUFFER", 8)
    rng = np.random.default_rng(0)
    coins = rng.random((2048, 3)) < 0.5
    rows = np.concatenate([coins, coins ^ (rng.random((2048, 3)) < 0.1)], axis=1).astype(np.uint8)
    rows = rows[np.lexsort(rows.T)]
    np.save(tmp_path / "sorted.npy", rows)
    scores = []
    for train in (open_rows(tmp_path / "sorted.npy"), rows):
        model = made.MADE(made.Bernoulli(6), hidden=(16,))
        made.fit(model, train, False, epochs=10, learning_rate=0.02)
        scores.append(model.log_prob(rows).mean().item())
    assert scores[0] == pytest.approx(scores[1], abs=0.02)


@pytest.mark.parametrize("stop", [2, 10, 13, 14, 20])
def test_resumed_is_uninterrupted(
    tiny, file, valid, tmp_path, small_blocks, press_ctrl_c, same_weights, stop
):
    settings = {"epochs": 4, "batch_size": 16}  # 7 steps an epoch
    whole, stopped, resumed = (tiny(dropout=0.1) for _ in range(3))
    history = made.fit(whole, file, valid, **settings)
    press_ctrl_c(stopped, stop)
    assert made.fit(stopped, file, valid, checkpoint=tmp_path / "c", **settings).ended == "interrupted"
    last = made.fit(resumed, file, valid, checkpoint=tmp_path / "c", resume=True, **settings)
    assert last.batch_losses == history.batch_losses
    assert same_weights(resumed, whole)


def test_another_file_is_no_resumption(tiny, rows, valid, file, tmp_path, refused):
    settings = {"epochs": 1, "checkpoint": tmp_path / "c"}
    made.fit(tiny(), file, valid, **settings)
    made.fit(tiny(), file, valid, resume=True, **settings)
    with refused("other rows"):
        made.fit(tiny(), file.part(1), valid, resume=True, **settings)
    with refused("other rows"):
        made.fit(tiny(), rows, valid, resume=True, **settings)
    np.save(file.path, 1 - rows)
    with refused("other rows"):
        made.fit(tiny(), open_rows(file.path), valid, resume=True, **settings)


def test_validation_rows_may_be_in_a_file(tiny, file, rows, small_blocks):
    one = made.fit(tiny(), file.part(0, 70), file.part(70), epochs=2)
    other = made.fit(tiny(), file.part(0, 70), rows[70:], epochs=2)
    assert one.valid_nll == other.valid_nll


def test_labels_and_many_classes(tmp_path):
    rows = np.random.default_rng(0).integers(0, 300, (500, 2))
    np.save(tmp_path / "rows.npy", np.asfortranarray(rows))
    model = made.MADE([made.Categorical(300), made.Categorical(list(range(300))[::-1])], hidden=(4,))
    plain = made.MADE([made.Categorical(300), made.Categorical(list(range(300))[::-1])], hidden=(4,))
    made.fit(model, open_rows(tmp_path / "rows.npy"), epochs=1)
    plain.set_marginals(rows)
    settings = TrainingSettings(epochs=1)
    streamed = Streamed(model, open_rows(tmp_path / "rows.npy"), settings)
    marginals = model.network.biases[-1].clone()
    streamed.set_marginals(model)
    assert not torch.equal(model.network.biases[-1], marginals)
    torch.testing.assert_close(model.network.biases[-1], plain.network.biases[-1])


def test_parquet_is_the_same_fit(tiny, rows, valid, file, tmp_path, small_blocks, same_weights):
    polars = pytest.importorskip("polars")
    path = tmp_path / "rows.parquet"
    polars.DataFrame(rows, schema=[f"v{d}" for d in range(6)]).write_parquet(path, row_group_size=13)
    one, other = tiny(), tiny()
    made.fit(one, file, valid, epochs=2)
    made.fit(other, open_rows(path), valid, epochs=2)
    assert same_weights(one, other)


@pytest.fixture
def numbers():
    """Rows of a number, one on a grid, and one that is often 0 or missing."""
    draw = np.random.default_rng(0)
    a = draw.normal(size=600)
    c = np.where(draw.random(600) < 0.3, 0.0, np.exp(a))
    c[draw.random(600) < 0.2] = np.nan
    return np.stack([a, np.rint(3 * a + draw.normal(size=600)), c], axis=1)


def of_numbers():
    variables = [made.Numeric(), made.Numeric(step=1), made.Numeric(spikes=[0.0], missing=True)]
    return made.MADE(variables, hidden=(16,), direct=True)


def test_numbers_and_gaps_are_streamed(numbers, tmp_path, small_blocks):
    np.save(tmp_path / "numbers.npy", numbers)
    settings = {"epochs": 8, "batch_size": 32, "learning_rate": 5e-3}
    streamed, in_memory = of_numbers(), of_numbers()
    valid = numbers[:100]
    own = made.fit(streamed, open_rows(tmp_path / "numbers.npy"), valid, **settings)
    other = made.fit(in_memory, numbers, valid, **settings)
    # The marginals are those of all rows, in whatever slices they come.
    assert streamed.schema.as_dict() == in_memory.schema.as_dict()
    assert own.epochs[0].valid_nll == pytest.approx(other.epochs[0].valid_nll, abs=1e-6)
    assert own.epochs[0].valid_nll - own.best.valid_nll > 0.5
    assert own.best.valid_nll == pytest.approx(other.best.valid_nll, abs=0.1)


def test_numbers_and_gaps_of_parquet_are_the_same_fit(numbers, tmp_path, small_blocks, same_weights):
    import polars

    np.save(tmp_path / "numbers.npy", numbers)
    frame = polars.DataFrame(numbers, schema=["a", "b", "c"]).with_columns(polars.col("c").fill_nan(None))
    frame.write_parquet(tmp_path / "numbers.parquet")
    models = []
    for name in ("numbers.npy", "numbers.parquet"):
        models.append(of_numbers())
        made.fit(models[-1], open_rows(tmp_path / name), numbers[:100], epochs=2, batch_size=32)
    assert same_weights(*models)


def test_gaps_in_a_file_where_none_may_be_are_named(numbers, tmp_path, refused):
    np.save(tmp_path / "numbers.npy", numbers)
    with refused("numbers.npy: row", "column 2", "missing=True"):
        made.fit(made.MADE(made.Numeric(3), hidden=(4,)), open_rows(tmp_path / "numbers.npy"), epochs=1)


def test_progress_is_shown(tiny, file, capsys):
    made.fit(tiny(), file, epochs=1, progress=True)
    assert "about 0 s left" in capsys.readouterr().err


# What is refused


@pytest.mark.parametrize(("value", "words"), [(2, "holds 2"), (0.5, "holds 0.5"), (np.nan, "NaN")])
def test_bad_values_are_named(tiny, rows, tmp_path, refused, same_weights, small_blocks, value, words):
    rows = rows.astype(np.float32)
    rows[93, 4] = value
    np.save(tmp_path / "bad.npy", rows)
    model, file = tiny(), open_rows(tmp_path / "bad.npy")
    with refused("bad.npy", "row 93, column 4", words):
        made.fit(model, file)
    with refused("bad.npy", "row 93, column 4", words):
        made.fit(model, file.part(50), rows[:5])
    with refused("bad.npy", "row 93, column 4", words):
        made.fit(model, rows[:50], file.part(50))
    assert same_weights(model, tiny())


def test_a_trained_model_meets_bad_values_as_they_are_read(
    tiny, rows, valid, tmp_path, refused, small_blocks
):
    model = tiny()
    made.fit(model, rows, epochs=1)
    rows = rows.copy()
    rows[93, 4] = 7
    np.save(tmp_path / "bad.npy", rows)
    with refused("bad.npy", "row 93, column 4"):
        made.fit(model, open_rows(tmp_path / "bad.npy"), valid, epochs=1)
    assert torch.isfinite(model.log_prob(valid)).all()


def test_wrong_width(tiny, rows, tmp_path, refused):
    np.save(tmp_path / "narrow.npy", rows[:, :5])
    with refused("narrow.npy", "5 columns", "6 variables"):
        made.fit(tiny(), open_rows(tmp_path / "narrow.npy"))
    with refused("narrow.npy", "5 columns", "6 variables"):
        made.fit(tiny(), rows, open_rows(tmp_path / "narrow.npy"))
    made.fit(made.MADE(made.Bernoulli(5)), open_rows(tmp_path / "narrow.npy"), epochs=1)


def test_weights_and_context_are_for_rows_in_memory(tiny, file, refused):
    with refused("sample_weight", "in memory"):
        made.fit(tiny(), file, sample_weight=np.ones(100))
    with refused("conditional", "in memory"):
        made.fit(tiny(context=1), file)
    with refused("takes no context"):
        made.fit(tiny(), file, context=np.ones(100))


def test_rows_in_memory_stay_where_they_were(tiny, rows):
    settings = TrainingSettings(batch_size=32, seed=5)
    source = batches_from(tiny(), rows, settings)
    for step in (0, 3, 4, 2):
        order = np.random.default_rng([5, step // 4]).permutation(100)
        chosen = order[step % 4 * 32 :][:32]
        assert np.array_equal(source.batch(step).rows.numpy(), rows[chosen])


# Memory

FIT = """
import resource, sys
import numpy as np
import made
from made.training import batches

batches._BYTES_PER_BLOCK = 2**15  # 2 MiB a buffer
def fit(path):
    model = made.MADE(made.Bernoulli(100), hidden=(16,))
    made.fit(model, made.data.open_rows(path), epochs=1, batch_size=4096)

fit(sys.argv[1])
used = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData"))
resource.setrlimit(resource.RLIMIT_DATA, (used * 2**10 + 40 * 2**20,) * 2)
try:
    np.load(sys.argv[2])
except MemoryError:
    print("as a whole it does not fit")
fit(sys.argv[2])
print("fitted")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited otherwise")
def test_memory_does_not_grow_with_the_file(tmp_path):
    """A file of 76 MiB, where 40 are allowed on top of what a fit on a file of 4 takes."""
    rows = np.random.default_rng(0).integers(0, 2, (40_000, 100), dtype=np.uint8)
    np.save(tmp_path / "small.npy", rows)
    np.save(tmp_path / "large.npy", np.tile(rows, (20, 1)))
    command = [sys.executable, "-c", FIT, tmp_path / "small.npy", tmp_path / "large.npy"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["as a whole it does not fit", "fitted"]
