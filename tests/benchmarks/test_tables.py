"""The bench on real tables: masses of cells are what densities integrate to, and a run ends in figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal, norm

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def rows():
    """Rows of three columns that depend on each other, rounded to 0.5, 0.1 and 0.01."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 1))
    values = np.hstack([x, x + draw.normal(size=(400, 1)), draw.exponential(size=(400, 1))])
    return np.round(values / (steps := np.array([0.5, 0.1, 0.01]))) * steps, steps


def test_boxes_have_the_mass_of_their_normal_distribution(bench):
    cells = bench("cells")
    draw = np.random.default_rng(1)
    root = draw.normal(size=(3, 3))
    covariance, mean = root @ root.T + np.eye(3), draw.normal(size=3)
    low = draw.normal(size=(20, 3)) * 2
    high = low + draw.uniform(0.1, 3, size=(20, 3))
    factor = np.linalg.cholesky(covariance)
    found = cells.by_doubling(lambda n, generator: cells.log_box(low, high, mean, factor, n, generator))
    normal = multivariate_normal(mean, covariance)
    exact = [normal.cdf(b, lower_limit=a) for a, b in zip(low, high, strict=True)]
    assert np.allclose(np.exp(found.log_mass), exact, rtol=0.05)
    assert found.moved < 0.01
    assert found.n_draws >= 2_000


def test_boxes_far_out_and_narrow_ones_keep_their_digits(bench):
    cells = bench("cells")
    low = np.array([[40.0, -1.0], [0.3, 0.0]])
    high = low + np.array([[1.0, 1.0], [1e-9, 1e-7]])
    found = cells.log_box(low, high, np.zeros(2), np.eye(2), 10, np.random.default_rng(0)) - np.log(10)
    far = norm.logsf(40) + np.log(norm.cdf(0) - norm.cdf(-1))
    narrow = norm.logpdf(0.3) + norm.logpdf(0.0) + np.log(1e-9 * 1e-7)
    assert np.allclose(found, [far, narrow], atol=1e-6)


@pytest.mark.parametrize(
    ("system", "setting"),
    [
        ("GaussianMixture", {"covariance_type": "full", "n_components": 3, "reg_covar": 1e-6}),
        ("GaussianMixture", {"covariance_type": "tied", "n_components": 3, "reg_covar": 1e-6}),
        ("GaussianMixture", {"covariance_type": "diag", "n_components": 3, "reg_covar": 1e-6}),
        ("KernelDensity", {"bandwidth": 0.2}),
    ],
)
def test_cells_have_the_mean_density_at_even_draws(bench, rows, system, setting):
    values, steps = rows
    peer = bench("table_peers").PEERS[system](values, steps, setting)
    found = peer.log_mass(values[:20]).log_mass
    draw = np.random.default_rng(3)
    for value, own in zip(values[:20], found, strict=True):
        points = value + (draw.random((4_000, 3)) - 0.5) * steps
        density = np.exp(peer._log_density((points - peer.mean) / peer.scale))
        assert np.log(density.mean() * np.prod(steps / peer.scale)) == pytest.approx(own, abs=0.1)


def test_kernels_are_those_of_scikit_learn(bench, rows):
    from sklearn.neighbors import KernelDensity

    values, steps = rows
    peer = bench("table_peers").Kernels(values, steps, {"bandwidth": 0.2})
    theirs = KernelDensity(bandwidth=0.2).fit(peer.centres).score_samples(peer.centres[:50])
    assert np.allclose(peer._log_density(peer.centres[:50]), theirs, atol=1e-6)


def test_the_masses_of_a_copula_sum_to_1(bench):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(300, 1))
    values = np.round(np.hstack([x, x + draw.normal(size=(300, 1))]) * 1.5)
    values[:100, 0] = 0  # a spike
    peer = bench("table_peers").Copula(values, np.ones(2), {})
    grid = np.stack(np.meshgrid(np.arange(-30.0, 31), np.arange(-30.0, 31)), axis=-1).reshape(-1, 2)
    assert np.exp(peer.log_mass(grid).log_mass).sum() == pytest.approx(1, abs=0.02)


def test_folds_are_disjoint_and_hold_their_training_rows_apart(bench):
    data = bench("table_data")
    frame = pd.DataFrame({"x": np.arange(30_000.0)})
    folds = [data.fold_of(frame, number, 500) for number in range(data.FOLDS)]
    assert len(np.unique(np.concatenate([own.numbers for own in folds]))) == 2_500
    for own in folds:
        assert len(own.train) == 20_000
        assert not set(own.train["x"]) & set(own.numbers.tolist())


def test_steps_are_those_of_the_decimals(bench):
    data = bench("table_data")
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [0.25, 3.0], "c": [0.0006918, 0.1]})
    assert data.steps_of(frame).tolist() == [1.0, 0.01, 1e-7]
    with pytest.raises(ValueError, match="'d' is on no decimal grid"):
        data.steps_of(pd.DataFrame({"d": [np.pi, 1.0]}))


def test_a_difference_beyond_two_errors_has_a_verdict(bench):
    difference = bench("table_report").difference
    noise = np.random.default_rng(0).normal(size=1_000)
    assert difference(noise, noise - 0.1 + 1e-3 * noise)["verdict"] == "ahead"
    assert difference(noise - 0.1 + 1e-3 * noise, noise)["verdict"] == "behind"
    assert difference(noise, noise[::-1])["verdict"] == "level"


def test_jobs_that_are_done_are_not_done_again_and_failures_are_named(bench, tmp_path, capfd):
    jobs = bench("jobs")
    todo = [
        jobs.Job("a/first", {"x": 4.0}, 1.0),
        jobs.Job("a/second", {"x": 9.0}, 9.0, needs=("a/first",)),
        jobs.Job("a/bad", {"x": "no"}, 5.0),
        jobs.Job("a/never", {"x": 1.0}, 5.0, needs=("a/bad",)),
    ]
    failed = jobs.run_jobs(todo, _root, tmp_path, 2)
    assert sorted(failed) == ["a/bad", "a/never"]
    assert jobs.read(tmp_path, "a/second")["root"] == 3.0
    assert "FAILED a/bad" in capfd.readouterr().out
    (tmp_path / "a" / "second.npz").unlink()
    assert jobs.run_jobs(todo[:2], _root, tmp_path, 1) == []
    assert "1 of 2 jobs to do" in capfd.readouterr().out


def _root(x):
    return {"root": np.sqrt(float(x))}


def test_a_run_ends_in_a_table(bench, tmp_path, monkeypatch, capsys):
    tables, data = bench("tables"), bench("table_data")
    names = ["iris"]
    data.export(tmp_path, names)
    arguments = ["--data", tmp_path, "--jobs", tmp_path / "jobs", "-o", tmp_path / "tables.json"]
    monkeypatch.setattr("sys.argv", list(map(str, ["tables.py", *arguments, "--report", "--tables", *names])))
    for fold in range(2):
        for system in ("made", "KernelDensity"):
            folder = tmp_path / "jobs" / "iris"
            folder.mkdir(parents=True, exist_ok=True)
            if system == "made":
                own = {"log_prob": np.full(30, -1.0), "numbers": np.arange(30)}
                own |= {"n_train": 120, "n_columns": 4}
            else:
                found = tables.work("iris", system, fold, tmp_path, tmp_path / "jobs", choice=0)
                np.savez(folder / f"{system}-choice-0.npz", seconds=1.0, **found)
                own = tables.work("iris", system, fold, tmp_path, tmp_path / "jobs")
                own["numbers"] = np.arange(30)
            np.savez(folder / f"{system}-{fold}.npz", seconds=1.0, **own)
    with pytest.raises(SystemExit) as ended:
        tables.main()
    assert not ended.value.code
    found = json.loads((tmp_path / "tables.json").read_text())["tables"]["iris"]["systems"]
    assert found["KernelDensity"]["verdict"] == "ahead"
    assert 5 < found["KernelDensity"]["nll"] < 20
    assert "| iris | 120 x 4 | 60 |" in capsys.readouterr().out
