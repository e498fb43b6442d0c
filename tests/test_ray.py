"""Rows scored, completed and drawn with Ray: as on one machine, also where workers are lost."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import sys
from pathlib import Path

import numpy as np
import polars
import pytest

import made
from made.runs.batches import BatchCompleter
from made.runs.unit_work import Packed, ScoreUnits
from made.runs.units import UnitFolder, find_units

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="Ray is not installed: pip install 'made[ray]'",
)
N = 4000


@pytest.fixture(scope="module")
def model(build_sales):
    return build_sales()


@pytest.fixture(scope="module")
def frame():
    generator = np.random.default_rng(0)
    return polars.DataFrame(
        {
            "note": [f"n{i}" for i in range(N)],
            "city": generator.choice(["Bern", "Oslo", "Rome"], N).tolist(),
            "size": generator.integers(1, 4, N),
            "sold": generator.random(N) < 0.5,
            "id": np.arange(N),
        }
    )


@pytest.fixture
def gaps(frame):
    hidden = polars.Series(np.random.default_rng(1).random(N) < 0.1)
    return frame.with_columns(size=frame["size"].set(hidden, None))


@pytest.fixture
def place(tmp_path, monkeypatch, model, frame):
    monkeypatch.chdir(tmp_path)
    model.save("model.safetensors")
    (tmp_path / "rows").mkdir()
    for number in range(2):
        frame[number * 2000 : (number + 1) * 2000].write_parquet(f"rows/{number}.parquet", row_group_size=300)
    return tmp_path


@pytest.fixture(scope="module")
def ray():
    """Ray, connected to a cluster of two workers on this machine."""
    import ray

    ray.init("local", num_cpus=2, include_dashboard=False, object_store_memory=10**8, log_to_driver=False)
    yield ray
    ray.shutdown()


def test_without_ray_one_line_names_the_extra(place, monkeypatch, refused, model):
    from made.cli import main

    monkeypatch.setitem(sys.modules, "ray", None)
    with refused("this needs Ray", "pip install 'made[ray]'"):
        made.ray.score(None, model)
    with pytest.raises(SystemExit) as end:
        main(["score", "model.safetensors", "rows", "-o", "scores", "--ray"])
    assert end.value.code == 2
    assert not list(place.glob("scores/*"))


@needs_ray
def test_an_address_where_nobody_answers_is_one_line(place, refused):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with refused(f"--ray 127.0.0.1:{port}: nobody answers there"), made.ray.connected(f"127.0.0.1:{port}"):
        pass


@needs_ray
def test_the_command_writes_what_it_writes_on_one_machine(place, ray, monkeypatch, capsys):
    from made.cli import main

    for name in ("ROWS", "ROWS_OF_SLOW"):
        monkeypatch.setattr(f"made.runs.units.{name}", 300)
    commands = (
        ["score", "model.safetensors", "rows"],
        ["complete", "model.safetensors", "rows"],
        ["sample", "model.safetensors", "-n", "500"],
    )
    for number, command in enumerate(commands):
        for more in (["-o", f"there{number}", "--ray"], ["-o", f"here{number}/"]):
            with pytest.raises(SystemExit) as end:
                main([*command, *more])
            assert end.value.code == 0, capsys.readouterr().err
        there, here = (polars.read_parquet(f"{name}{number}") for name in ("there", "here"))
        assert there.equals(here)
        assert len(here)
    assert sorted(p.name for p in Path("there0").iterdir()) == sorted(p.name for p in Path("here0").iterdir())
    # What one worker finds is said as it is on one machine.
    path = Path("rows/1.parquet")
    content = bytearray(path.read_bytes())
    content[500:700] = b"\xff" * 200
    path.write_bytes(bytes(content))
    with pytest.raises(SystemExit) as end:
        main(["score", "model.safetensors", "rows", "-o", "bad", "--ray"])
    assert end.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "1.parquet: row group 0" in lines[-1]


@needs_ray
def test_a_dataset_keeps_its_columns_and_gets_scores(ray, frame, gaps, model, refused):
    table = ray.data.from_arrow(frame.to_arrow())
    with refused("id: there is no column 'key'; there are note, city, size"):
        made.ray.score(table, model, id="key")
    with refused("there is a column 'note'"):
        made.ray.score(table, model, column="note")
    with refused("the header has 'a'"):
        made.ray.score(ray.data.from_items([{"a": 1}]), model)
    dataset = table.repartition(7)
    found = polars.from_pandas(made.ray.score(dataset, model, batch_size=130).to_pandas()).sort("id")
    assert found.columns == [*frame.columns, "log_prob"]
    assert found.drop("log_prob").rows() == frame.rows()
    # To the last bit, however rows came together.
    assert found["log_prob"].to_list() == model.log_prob(frame.drop("note", "id")).tolist()
    bad = gaps.with_columns(size=gaps["size"].set(polars.Series(np.arange(N) == 9), 7))
    found = made.ray.score(ray.data.from_arrow(bad.to_arrow()), model, column="score", id="id").to_pandas()
    assert np.flatnonzero(found["score"].isna()).tolist() == [9]


@needs_ray
def test_completions_are_a_function_of_the_row(ray, gaps, model):
    dataset = ray.data.from_arrow(gaps.to_arrow()).repartition(5)
    found = polars.from_pandas(made.ray.complete(dataset, model, seed=3, id="id", batch_size=333).to_pandas())
    assert found.columns == gaps.columns
    expected = model.complete(model.rows(gaps.drop("note", "id"), to_fill=True), seed=3)
    assert found.sort("id")["size"].to_list() == (expected.codes[:, 0] + 1).tolist()
    found = polars.from_pandas(made.ray.complete(dataset, model, number=2, batch_size=700).to_pandas())
    alone = BatchCompleter(Packed.of(model), number=2).complete(gaps)
    assert sorted(found.rows()) == sorted(alone.rows())


@needs_ray
def test_samples_are_those_of_one_draw(ray, model, monkeypatch):
    monkeypatch.setattr("made.ray.rows_per_portion", lambda model: 300)
    found = polars.from_pandas(made.ray.sample(1000, model, seed=4).to_pandas())
    drawn = polars.DataFrame(model.sample(1000, 4, output="polars"))
    assert sorted(found.rows()) == sorted(drawn.rows())
    assert len(made.ray.sample(5, model, where=["size == 2"]).to_pandas()) == 5


@needs_ray
@pytest.mark.long
def test_lost_workers_lose_and_double_no_row(place, model, ray):
    """A worker is killed, then a whole node: every row comes out once, with the same score."""
    from ray.cluster_utils import Cluster

    ray.shutdown()
    packed = Packed.of(model)
    units = find_units([Path("rows/0.parquet"), Path("rows/1.parquet")], "0", most=100)
    UnitFolder(place / "scores", units)
    UnitFolder(place / "alone", units)
    alone = ScoreUnits(packed, place / "alone")
    assert not any(alone(unit).error for unit in units)
    nothing = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": 10**8}
    cluster = Cluster(initialize_head=True, head_node_args=nothing)
    try:
        nodes = [cluster.add_node(num_cpus=1, object_store_memory=10**8) for _ in range(2)]
        ray.init(address=cluster.address, log_to_driver=False)
        done = []
        for number, own in made.ray.spread(ScoreUnits(packed, place / "scores"), units):
            assert not own.error
            done.append(number)
            if len(done) == 5:
                killed = [kill for node in nodes for kill in workers_of(node)]
                assert killed
                os.kill(killed[0], signal.SIGKILL)
            if len(done) == 12:
                cluster.remove_node(nodes[1], allow_graceful=False)
        assert sorted(done) == list(range(len(units)))
        assert polars.read_parquet("scores").equals(polars.read_parquet("alone"))
    finally:
        ray.shutdown()
        cluster.shutdown()


def workers_of(node):
    """The processes of Ray's workers on a node that hold a model."""
    raylet = node.all_processes["raylet"][0].process.pid
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rsplit(")", 1)[1].split()[1])
            is_worker = b"MapWorker" in (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == raylet and is_worker:
            found.append(int(status.parent.name))
    return found
