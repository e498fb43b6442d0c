"""The bench of synthetic rows: parts of an AUC sum to it, real rows look real, and a run ends in figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def frame():
    """Rows of a label, two numbers that depend on it, and a target, one number in ten missing."""
    draw = np.random.default_rng(0)
    kind = draw.integers(3, size=500)
    size = (kind + draw.normal(size=500)).round(1)
    size[draw.random(500) < 0.1] = np.nan
    target = np.where(kind + draw.normal(size=500) > 1, "yes", "no").astype(object)
    label = np.array(["a", "b", "c"], dtype=object)[kind]
    return pd.DataFrame({"kind": label, "size": size, "age": 20 + 9 * kind, "target": target})


def test_parts_of_a_fold_are_disjoint_and_cover_the_table(bench):
    data = bench("synthetic_data")
    frame = pd.DataFrame({"row": np.arange(103)})
    parts = data.parts_of(frame, 4)
    assert len(parts.test) == len(parts.other) == 20
    rows = np.concatenate([part["row"] for part in parts])
    assert len(np.unique(rows)) == len(rows) >= 101


def test_rows_are_codes_and_points_of_their_grid(bench, frame):
    code = bench("synthetic_data").Code(frame)
    assert code.is_class == [True, False, False, True]
    rows = code.encode(
        pd.DataFrame(
            {"kind": ["b", "z"], "size": [1.26, None], "age": ["29", "31.4"], "target": ["no", None]}
        )
    )
    assert rows[:, 1:3].tolist() == [[1.3, 29.0], pytest.approx([np.nan, 31.0], nan_ok=True)]
    assert code.labels[0][int(rows[0, 0])] == "b"
    assert rows[1, 0] == -1
    assert np.isnan(rows[1, 3])


def test_parts_of_rows_have_the_auc_as_their_mean(bench):
    measures = bench("synthetic_measures")
    draw = np.random.default_rng(2)
    is_higher = draw.random(300) < 0.3
    scores = (draw.normal(size=300) + is_higher).round(1)
    parts = measures._placements(scores, is_higher)
    auc = roc_auc_score(is_higher, scores)
    assert parts[is_higher].mean() == pytest.approx(auc)
    assert parts[~is_higher].mean() == pytest.approx(auc)


def test_shuffled_columns_are_found_out_and_real_rows_are_not(bench, frame):
    data, measures = bench("synthetic_data"), bench("synthetic_measures")
    code, parts = data.Code(frame), data.parts_of(frame, 0)
    train, test, other = (code.encode(part) for part in parts)
    draw = np.random.default_rng(3)
    shuffled = np.stack([draw.permutation(column) for column in train.T], axis=1)
    real = measures.measured(code, "target", other, (train, test), train)
    bad = measures.measured(code, "target", shuffled, (train, test), shuffled)
    assert real["two test"].mean() < 0.65 < 0.75 < bad["two test"].mean()
    assert real["association"] < 0.15 < bad["association"]
    assert real["utility higher"].mean() > 0.7 > bad["utility higher"].mean()
    same = measures.measured(code, "target", train[: len(test)], (train, test), train)
    assert (same["copies"], same["closest"]) == (1, 0)


def test_completed_entries_are_counted_by_row(bench, frame):
    data, measures = bench("synthetic_data"), bench("synthetic_measures")
    code = data.Code(frame)
    rows = code.encode(frame)
    hidden = measures.hidden_cells(rows, 30, 0)
    assert abs(hidden[:, 2].mean() - 0.3) < 0.07
    assert not (hidden & np.isnan(rows)).any()
    scale = np.nanstd(rows, axis=0)
    found = measures.completed(code, np.where(hidden, rows + 2 * scale, rows), rows, hidden, scale)
    assert found["squares"].sum() == pytest.approx(4 * found["numbers"].sum())
    assert found["right"].sum() == 0
    with pytest.raises(ValueError, match="empty"):
        measures.completed(code, np.where(hidden, np.nan, rows), rows, hidden, scale)


def test_a_run_ends_in_figures_and_names_what_failed(bench, frame, monkeypatch, tmp_path, capsys):
    synthetic, data, jobs = bench("synthetic"), bench("synthetic_data"), bench("jobs")
    monkeypatch.setitem(data.SETS, "own", data.Set(lambda _folder: frame, "target"))

    def run_here(own, work, folder, _processes):
        for job in own:
            file = folder / f"{job.name}.npz"
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(file, seconds=1.0, **work(**job.arguments))
        return []

    monkeypatch.setattr(synthetic, "run_jobs", run_here)
    assert jobs.read(tmp_path, "none") is None
    systems = ["CTGAN", "other real rows", "SimpleImputer", "KNNImputer", "IterativeImputer"]
    out = tmp_path / "synthetic.json"
    command = [
        "synthetic.py",
        "--tables",
        "own",
        "--folds",
        "0",
        "1",
        "--jobs",
        str(tmp_path / "jobs"),
        "-o",
        str(out),
    ]
    monkeypatch.setattr("sys.argv", [*command, "--environments", str(tmp_path), "--systems", *systems])
    with pytest.raises(SystemExit) as ended:
        synthetic.main()
    assert ended.value.code == 0
    own = json.loads(out.read_text())["tables"]["own"]
    assert "not installed" in own["failed"]["CTGAN"]
    assert [part["folds"] for part in own["systems"]["other real rows"]] == [[0], [1]]
    guess, learned = (
        bench("synthetic_join").joined(own["systems"][name])["completed 30 %"]
        for name in ("SimpleImputer", "IterativeImputer")
    )
    assert guess["accuracy"]["value"] < learned["accuracy"]["value"]
    assert guess["RMSE"]["value"] > learned["RMSE"]["value"]
    assert "| own | 30 % | 200 | KNNImputer (2 folds) |" in capsys.readouterr().out


def test_folds_of_several_runs_are_joined(bench):
    join = bench("synthetic_join")
    figure = {"value": 0.6, "error": 0.03, "difference": 0.1, "difference error": 0.04}
    parts = [{"folds": [fold], "version": "1", "RMSE": {**figure, "value": 0.6 + fold}} for fold in (0, 1)]
    own = join.joined(parts)
    assert own["folds"] == [0, 1]
    assert own["RMSE"]["value"] == pytest.approx(1.1)
    assert own["RMSE"]["difference error"] == pytest.approx(0.04 / 2**0.5)
    assert own["RMSE"]["ours is"] == "ahead"


def test_figures_that_were_not_measured_again_stay(bench):
    join = bench("synthetic_join")
    now = {"systems": {"ours": [{"folds": [0], "fit": 2.0}], "peer": [{"folds": [1]}]}, "failed": {}}
    parts = [{"folds": [0], "fit": 1.0, "audit": {"close": 0.1}}]
    earlier = {"systems": {"ours": parts}, "failed": {"peer": "no", "other": "no"}}
    found = join.with_earlier(now, earlier, "ours")
    assert found["systems"] == {
        "ours": [{"folds": [0], "fit": 2.0, "audit": {"close": 0.1}}],
        "peer": [{"folds": [1]}],
    }
    assert found["failed"] == {"other": "no"}


def test_a_difference_from_an_earlier_figure_of_ours_is_that_from_the_new_one(bench):
    join = bench("synthetic_join")

    def figure(value, difference=None):
        found = {"value": value, "error": 0.3}
        return found if difference is None else found | {"difference": difference, "difference error": 0.1}

    of_peer = {"folds": [0], "log mass": figure(-2.0, 1.0), "completed 10 %": {"RMSE": figure(0.5, 0.2)}}
    other = {**of_peer, "folds": [1]}
    earlier = {"systems": {"peer": [of_peer, other]}, "failed": {}}
    ours = {"folds": [0], "log mass": figure(-1.5), "completed 10 %": {"RMSE": figure(0.4), "rows": 9}}
    now = {"systems": {"ours": [ours]}, "failed": {}}
    own, same = join.with_earlier(now, earlier, "ours")["systems"]["peer"]
    for key, found, expected in (("log mass", own, 0.5), ("RMSE", own["completed 10 %"], 0.1)):
        assert found[key]["difference"] == pytest.approx(expected)
        assert found[key]["difference error"] == pytest.approx(0.3 * 2**0.5)
    assert same == other
    now["systems"]["peer"] = [of_peer]  # measured beside ours: by row
    assert join.with_earlier(now, earlier, "ours")["systems"]["peer"][0] == of_peer


def test_the_bins_of_a_network_hold_each_cell_once(bench):
    network = bench("synthetic_network")
    draw = np.random.default_rng(4)
    values = np.concatenate([np.full(300, 7.5), draw.normal(20, 1, size=700).round(1)])
    bins = network.bins_of(values, 0.1, 10)
    grid = np.round(np.arange(75, round(10 * values.max()) + 1) / 10, 1)
    numbers = bins.number_of(grid)
    n_bins = len(bins.edges) - 1
    assert sorted(set(numbers)) == list(range(n_bins))
    shares = np.bincount(numbers, weights=np.exp(bins.log_share(grid)))
    assert shares == pytest.approx(np.ones(n_bins))
    assert grid[numbers == 0].tolist() == [7.5]  # the value that three rows in ten have
    drawn = bins.draw(np.repeat(np.arange(n_bins), 50), draw)
    assert set(drawn.round(1)) <= set(grid)
    assert set(drawn[:50].round(1)) == {7.5}


def test_a_network_of_pgmpy_scores_and_draws_what_it_was_fitted_to(bench, frame):
    pytest.importorskip("pgmpy", reason="pgmpy is installed in an environment of its own, if at all")
    network = bench("synthetic_network")
    own = network.Network(frame, {"size": 0.1, "age": 9.0}, 5)
    drawn = own.sample(400, 0)
    assert set(drawn["age"].dropna()) == {20.0, 29.0, 38.0}
    assert drawn["size"].isna().mean() == pytest.approx(0.1, abs=0.06)
    odd = frame.assign(kind=frame["kind"].map({"a": "b", "b": "c", "c": "a"}))
    assert own.log_mass(frame).mean() > own.log_mass(odd).mean() + 1
    assert np.isfinite(own.log_mass(frame.assign(kind="none of these"))).all()


def test_what_is_measured_now_is_held_against_earlier_figures_of_ours(bench):
    join = bench("synthetic_join")
    ours = [{"folds": [0], "log mass": {"value": -3.0, "error": 0.3, "rows": 9}}]
    now = {"systems": {"new": [{"folds": [0], "log mass": {"value": -5.0, "error": 0.4, "rows": 9}}]}}
    found = join.with_earlier({**now, "failed": {}}, {"systems": {"ours": ours}, "failed": {}}, "ours")
    (own,) = found["systems"]["new"]
    assert own["log mass"]["difference"] == pytest.approx(2.0)
    assert own["log mass"]["difference error"] == pytest.approx(0.5)
