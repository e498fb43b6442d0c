"""The main job: what a run leaves in its folder, how it goes on, and what it never touches."""

from __future__ import annotations

import json
import signal
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import made
from made.runs.config import RunConfig
from made.runs.folder import RunFolder
from made.runs.run import run
from made.runs.scores import score_model
from made.support.errors import CannotWriteError, InputError
from made.training.divergence import TrainingDivergedError
from made.tuning.candidates import Candidate

ALL = {
    "settings.json",
    "metrics.csv",
    "batches.csv",
    "results.json",
    "model.safetensors",
    "checkpoint.safetensors",
    "held_out.json",
    "loss.png",
    "samples.png",
}


def content(folder):
    """All files in a folder by name, byte by byte."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def mark(folder):
    """Change the settings without changing what they say, so that it shows if they are written again."""
    (folder / "settings.json").write_text((folder / "settings.json").read_text() + "\n")


def read(folder, name):
    return json.loads((folder / name).read_text(), parse_constant=pytest.fail)


def test_every_file_is_there(finished):
    job, outcome = finished
    assert set(content(job.folder)) == ALL
    assert all(path.parent == job.folder and path.exists() for path in outcome.files)
    for name in ("loss.png", "samples.png"):
        with Image.open(job.folder / name) as image:
            assert image.format == "PNG"
            assert min(image.size) > 150
    assert len((job.folder / "metrics.csv").read_text().splitlines()) == 5  # header, epochs 0..3
    assert len((job.folder / "batches.csv").read_text().splitlines()) == 1 + 3 * 3


def test_results_are_those_of_the_saved_model(finished):
    job, outcome = finished
    results = read(job.folder, "results.json")
    model = made.load(job.folder / "model.safetensors")
    for split in ("valid", "test"):
        log_prob = model.log_prob(outcome.dataset.splits[split])
        assert results["model"][split]["nll"] == pytest.approx(-log_prob.mean().item(), abs=1e-9)
        assert results["model"][split]["n"] == len(log_prob) == 10
        assert outcome.scores[split].as_dict() == results["model"][split]
    assert set(results["baselines"]) == {"product of marginals", "Chow-Liu tree"}
    assert results["best_epoch"] == outcome.history.best_epoch
    assert (results["ended"], results["epochs"]) == ("finished", 3)
    assert "one mask" in results["masks"]
    assert results["model"]["valid"]["nll"] == pytest.approx(min(outcome.history.valid_nll), abs=1e-9)


def test_settings_say_it_all(finished):
    job, outcome = finished
    settings = read(job.folder, "settings.json")
    assert settings["data"] == {"name": job.data, "data_dir": None, "seed": 1}
    schema = made.load(job.folder / "model.safetensors").schema
    assert schema.names == ("a", "b", "c")
    assert schema.is_named
    assert schema.image_shape is None
    assert settings["full"]["model"] == json.loads(json.dumps(outcome.model.settings()))
    assert settings["full"]["training"]["batch_size"] == 32
    assert settings["full"]["training"]["seed"] == 1
    assert settings["versions"]["made"] == made.__version__
    assert RunConfig.of(job.folder, "cpu") == job


@pytest.mark.usefixtures("no_pictures")
def test_same_job_same_run(finished, tmp_path, job_for):
    job, outcome = finished
    again = run(job_for(job.data, tmp_path / "again", seed=1))
    assert again.scores == outcome.scores
    assert content(tmp_path / "again")["model.safetensors"] == content(job.folder)["model.safetensors"]
    other = run(job_for(job.data, tmp_path / "other", seed=2))
    assert other.scores != outcome.scores


def test_run_in_place_needs_force(finished, tmp_path, job_for, refused):
    data, folder = finished[0].data, tmp_path / "run"
    run(job_for(data, folder))
    before = content(folder)
    with refused("already holds a run"):
        run(job_for(data, folder, seed=5))
    assert content(folder) == before
    run(job_for(data, folder, seed=5), force=True)
    assert read(folder, "settings.json")["data"]["seed"] == 5
    assert set(content(folder)) == ALL


BAD_JOBS = {
    "data": {"data": "nowhere.csv"},
    "model": {"model": {"hidden": [0]}},
    "ordering": {"model": {"ordering": [0, 0, 1]}},
    "setting": {"model": {"depth": 3}},
    "coding": {"coding": "two-hot"},
    "epochs": {"training": {"epochs": 0}},
    "rate": {"training": {"learning_rate": -1.0}},
    "optimizer": {"training": {"optimizer": "sgd"}},
    "seed": {"seed": -1},
    "device": {"device": "banana"},
}


@pytest.mark.parametrize("changes", BAD_JOBS.values(), ids=BAD_JOBS)
def test_nothing_is_written_when_something_is_wrong(finished, tmp_path, job_for, refused, changes):
    settings = {"data": finished[0].data, **changes}
    with refused():
        run(job_for(settings.pop("data"), tmp_path / "run", **settings))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("changes", BAD_JOBS.values(), ids=BAD_JOBS)
def test_force_replaces_nothing_when_something_is_wrong(finished, tmp_path, job_for, refused, changes):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "model.safetensors").write_text("earlier")
    settings = {"data": finished[0].data, **changes}
    with refused():
        run(job_for(settings.pop("data"), folder, **settings), force=True)
    assert content(folder) == {"model.safetensors": b"earlier"}


def test_bad_rows_write_nothing(tmp_path, job_for, refused):
    (tmp_path / "bad.csv").write_text("a,b\n1,0\n1,inf\n0,1\n0,0\n")
    with refused("inf"):
        run(job_for(tmp_path / "bad.csv", tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.fixture
def press(monkeypatch):
    """A function that has Ctrl-C pressed during the given step of the next fit."""

    def arrange(step):
        plain, calls = made.MADE.loss, []

        def loss(self, *args, **kwargs):
            calls.append(1)
            if len(calls) == step:
                signal.raise_signal(signal.SIGINT)
            return plain(self, *args, **kwargs)

        monkeypatch.setattr(made.MADE, "loss", loss)

    return arrange


def test_interrupted_run_goes_on(finished, tmp_path, job_for, press):
    whole, expected = finished
    job = job_for(whole.data, tmp_path / "run", seed=1)
    press(step=5)
    outcome = run(job)
    assert outcome.history.ended == "interrupted"
    assert outcome.scores == {}
    assert not (job.folder / "results.json").exists()
    half = made.load(job.folder / "model.safetensors")
    assert -half.log_prob(outcome.dataset.valid).mean().item() == pytest.approx(
        min(outcome.history.valid_nll), abs=1e-9
    )
    assert all(path.exists() for path in outcome.files)

    resumed = run(RunConfig.of(job.folder, "cpu"), resume=True)
    assert resumed.scores == expected.scores
    assert resumed.history.batch_losses == expected.history.batch_losses
    assert set(content(job.folder)) == ALL
    assert content(job.folder)["model.safetensors"] == content(whole.folder)["model.safetensors"]


@pytest.mark.usefixtures("no_pictures")
def test_a_run_that_chose_nothing_yet_goes_on(tmp_path, table, write_csv, job_for, monkeypatch):
    """Interrupted while settings are compared, it leaves the best model, and ends as if it had not been."""

    def candidates(_facts):
        return [
            Candidate(str(width), {"hidden": (width,)}, {"epochs": 4, "batch_size": 32}) for width in (4, 8)
        ]

    monkeypatch.setattr("made.tuning.plan.candidates", candidates)
    job = job_for(write_csv(tmp_path / "rows.csv", table), tmp_path / "run", model={}, training={})
    with monkeypatch.context() as patch:
        plain = made.MADE.loss

        def loss(self, *args, **kwargs):
            signal.raise_signal(signal.SIGINT)
            return plain(self, *args, **kwargs)

        patch.setattr(made.MADE, "loss", loss)
        interrupted = run(job)
    assert interrupted.history.ended == "interrupted"
    assert interrupted.scores == {}
    own = RunConfig.of(job.folder, "cpu")
    assert own.chosen is None
    assert [candidate.about for candidate in own.plan.candidates] == ["4", "8"]
    half = made.load(job.folder)
    assert -half.log_prob(interrupted.dataset.valid).mean().item() == pytest.approx(
        min(interrupted.history.valid_nll), abs=1e-9
    )

    outcome = run(RunConfig.of(job.folder, "cpu"), resume=True)
    chosen = RunConfig.of(job.folder, "cpu").chosen
    assert outcome.history.ended == "finished"
    assert outcome.model.hidden == (int(chosen),)
    assert (job.folder / "results.json").exists()
    assert not (job.folder / "comparison").exists()
    whole = replace(job, folder=tmp_path / "whole")
    run(whole)
    assert content(job.folder)["model.safetensors"] == content(whole.folder)["model.safetensors"]


@pytest.mark.usefixtures("no_pictures")
def test_a_comparison_that_runs_out_of_time_goes_on(tmp_path, table, write_csv, job_for, monkeypatch):
    """It has a model and its scores; resumed, it ends as if it had had all the time."""

    def candidates(_facts):
        return [
            Candidate(str(width), {"hidden": (width,)}, {"epochs": 4, "batch_size": 32}) for width in (4, 8)
        ]

    monkeypatch.setattr("made.tuning.plan.candidates", candidates)
    job = job_for(write_csv(tmp_path / "rows.csv", table), tmp_path / "run", model={}, training={})
    stopped = run(replace(job, max_time=1e-3))
    assert stopped.history.ended == "out of time"
    assert stopped.scores["test"].nll > 0
    assert RunConfig.of(job.folder, "cpu").chosen is None
    resumed = run(RunConfig.of(job.folder, "cpu"), resume=True)
    whole = run(replace(job, folder=tmp_path / "whole"))
    assert resumed.history.batch_losses == whole.history.batch_losses
    assert resumed.scores == whole.scores


@pytest.mark.usefixtures("no_pictures")
def test_what_was_chosen_for_images_is_found_again(tmp_path, job_for, monkeypatch):
    """It depends on the shape of the images, when a run goes on as well."""

    def candidates(facts):
        image = facts.image
        field = {"hidden": (32, 32), "field": {"grid": image, "reach": 2}}
        return [
            Candidate("lazy", {"hidden": (4,)}, {"epochs": 3, "batch_size": 100, "learning_rate": 1e-9}),
            Candidate(f"images of {image}", field, {"epochs": 8, "batch_size": 32}),
        ]

    monkeypatch.setattr("made.tuning.plan.candidates", candidates)
    job = job_for("digits", tmp_path / "run", model={}, training={})
    run(job)
    own = RunConfig.of(job.folder, "cpu")
    assert own.chosen == "images of (8, 8)"
    longer = replace(own, training={**own.training, "epochs": 9})
    outcome = run(longer, resume=True)
    assert outcome.model.mask_set.field.grid == (8, 8)
    assert outcome.history.epochs[-1].epoch == 9


@pytest.mark.usefixtures("no_pictures")
def test_figures_in_the_folder_are_those_of_its_model(finished, tmp_path, job_for, press):
    """An extension that is interrupted leaves no results of the earlier model behind."""
    job = job_for(finished[0].data, tmp_path / "run", seed=1)
    run(job)
    press(step=5)
    longer = job_for(job.data, job.folder, seed=1, training={**job.training, "epochs": 6})
    outcome = run(longer, resume=True)
    assert outcome.history.ended == "interrupted"
    model = made.load(job.folder / "model.safetensors")
    if (job.folder / "results.json").exists():
        noted = read(job.folder, "results.json")["model"]["valid"]["nll"]
        assert noted == pytest.approx(-model.log_prob(outcome.dataset.valid).mean().item(), abs=1e-9)


@pytest.mark.usefixtures("no_pictures")
def test_resume_extends(finished, tmp_path, job_for):
    job = job_for(finished[0].data, tmp_path / "run", seed=1)
    run(job)
    outcome = run(job_for(job.data, job.folder, seed=1, training={**job.training, "epochs": 5}), resume=True)
    assert outcome.history.epochs[-1].epoch == 5
    assert read(job.folder, "results.json")["epochs"] == 5
    assert RunConfig.of(job.folder).training["epochs"] == 5


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 2},
        {"model": {"hidden": [9]}},
        {"training": {"epochs": 3, "batch_size": 16}},
        {"training": {"epochs": 0, "batch_size": 32}},
    ],
    ids=["seed", "model", "training", "epochs"],
)
def test_refused_resume_changes_nothing(finished, tmp_path, job_for, refused, changes):
    job = job_for(finished[0].data, tmp_path / "run")
    run(job)
    mark(job.folder)
    before = content(job.folder)
    with refused():
        run(job_for(job.data, job.folder, **changes), resume=True)
    assert content(job.folder) == before


@pytest.mark.usefixtures("no_pictures")
def test_resume_with_changed_rows_changes_nothing(tmp_path, table, write_csv, job_for, refused):
    path = write_csv(tmp_path / "table.csv", table)
    job = job_for(path, tmp_path / "run")
    run(job)
    mark(job.folder)
    before = content(job.folder)
    write_csv(path, table[::-1])
    with refused("the same data"):
        run(job, resume=True)
    assert content(job.folder) == before


def test_resume_of_nothing(finished, tmp_path, job_for, refused):
    with refused("holds no run"):
        RunConfig.of(tmp_path)
    with refused(str(tmp_path / "run")):
        run(job_for(finished[0].data, tmp_path / "run"), resume=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("no_pictures")
def test_divergence_leaves_the_best_model_and_the_record(finished, tmp_path, job_for):
    training = {"epochs": 300, "batch_size": 8, "learning_rate": 1e9, "schedule": "constant", "patience": 300}
    job = job_for(finished[0].data, tmp_path / "run", training=training)
    with pytest.raises(TrainingDivergedError) as caught:
        run(job)
    model = made.load(job.folder / "model.safetensors")
    assert all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())
    lines = (job.folder / "batches.csv").read_text().splitlines()
    assert len(lines) == 1 + len(caught.value.history.batch_losses)
    assert not (job.folder / "results.json").exists()


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(
    ("model", "n_masks"),
    [({"orderings": 2}, 2), ({"orderings": "fresh"}, 16), ({"ordering": "random"}, 1)],
)
def test_other_masks(tmp_path, table, write_csv, job_for, model, n_masks):
    job = job_for(write_csv(tmp_path / "t.csv", table), tmp_path / "run", model={"hidden": [8], **model})
    outcome = run(job)
    again = RunFolder(job.folder).load_model()
    assert again.n_masks == n_masks
    assert -again.log_prob(outcome.dataset.test).mean().item() == pytest.approx(outcome.scores["test"].nll)


def test_images_run(tmp_path, job_for):
    images = (np.random.default_rng(0).random((40, 3, 4)) < 0.3).astype(np.uint8)
    np.save(tmp_path / "images.npy", images)
    outcome = run(job_for(tmp_path / "images.npy", tmp_path / "run"))
    schema = RunFolder(tmp_path / "run").load_model().schema
    assert schema.image_shape == (3, 4)
    assert outcome.dataset.n_variables == 12
    assert not schema.is_named


@pytest.mark.usefixtures("no_pictures")
def test_few_rows(tmp_path, job_for):
    """Test sets of one row have no standard error; the files stay valid JSON."""
    np.save(tmp_path / "few.npy", np.eye(5, dtype=np.uint8))
    run(job_for(tmp_path / "few.npy", tmp_path / "run"))
    assert read(tmp_path / "run", "results.json")["model"]["test"]["nll_se"] is None
    assert run(RunConfig.of(tmp_path / "run", "cpu"), resume=True).history.ended == "finished"


# context


def test_a_conditional_run_keeps_its_context_by_number(conditional):
    job, outcome = conditional
    settings = read(job.folder, "settings.json")
    assert settings["data"]["context"] == [1]  # it was asked for by name
    assert RunConfig.of(job.folder, "cpu").context == (1,)
    folder = RunFolder(job.folder)
    schema = folder.load_model().schema
    assert (schema.context_places, schema.names) == ((1,), ("a", "b", "c"))
    assert [column.name for column in schema.modelled] == ["a", "c"]
    assert [column.name for column in schema.context_columns] == ["b"]
    own = folder.load_data()
    np.testing.assert_array_equal(own.test, outcome.dataset.test)
    np.testing.assert_array_equal(own.context["test"], outcome.dataset.context["test"])
    assert set(content(job.folder)) == ALL


def test_results_of_a_conditional_run_are_given_the_context(conditional):
    job, outcome = conditional
    results = read(job.folder, "results.json")["model"]
    model, own = made.load(job.folder / "model.safetensors"), outcome.dataset
    for split in ("valid", "test"):
        log_prob = score_model(model, model.rows(own.splits[split], own.context_of(split)))
        assert results[split]["nll"] == pytest.approx(-log_prob.mean().item(), abs=1e-9)
    wrong = (own.context["test"].astype(int) + 1) % 3
    assert -model.log_prob(own.test, context=wrong).mean().item() > results["test"]["nll"] + 1


@pytest.mark.usefixtures("no_pictures")
def test_context_that_matters_helps(conditional, tmp_path, job_for):
    """Column b decides column c: what is left to learn is one bit."""
    job, outcome = conditional
    plain = tmp_path / "plain.csv"
    np.savetxt(
        plain, np.loadtxt(job.data, delimiter=",", skiprows=1)[:, [0, 2]], fmt="%d", delimiter=",",
        header="a,c", comments="",
    )  # fmt: skip
    without = run(job_for(plain, tmp_path / "run", seed=1, training=job.training))
    np.testing.assert_array_equal(without.dataset.test, outcome.dataset.test)
    assert outcome.scores["test"].nll < without.scores["test"].nll - 0.8
    assert outcome.scores["test"].nll < np.log(2) + 0.2
    # The baselines see no context.
    assert outcome.baselines["product of marginals"] == without.baselines["product of marginals"]


@pytest.mark.usefixtures("no_pictures")
def test_a_conditional_run_goes_on(conditional, tmp_path, job_for, press):
    whole, _ = conditional
    short = {"epochs": 4, "batch_size": 16}
    straight = run(job_for(whole.data, tmp_path / "straight", seed=1, context=("b",), training=short))
    press(step=7)
    job = job_for(whole.data, tmp_path / "run", seed=1, context=("b",), training=short)
    assert run(job).history.ended == "interrupted"
    resumed = run(RunConfig.of(job.folder, "cpu"), resume=True)
    assert resumed.scores == straight.scores
    assert resumed.history.batch_losses == straight.history.batch_losses


@pytest.mark.usefixtures("no_pictures")
def test_resume_with_other_context_changes_nothing(conditional, tmp_path, job_for, refused):
    job = job_for(conditional[0].data, tmp_path / "run", context=("b",))
    run(job)
    mark(job.folder)
    before = content(job.folder)
    for context in ((), ("a",), ("b", "a")):
        with refused():
            run(replace(job, context=context), resume=True)
    assert content(job.folder) == before


@pytest.mark.parametrize("context", [("d",), (3,), ("b", 1), ("a", "b", "c")])
def test_context_that_makes_no_sense_writes_nothing(finished, tmp_path, job_for, refused, context):
    with refused():
        run(job_for(finished[0].data, tmp_path / "run", context=context))
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("no_pictures")
def test_a_kill_in_the_final_fit_leaves_its_best_model(tmp_path, table, write_csv, job_for, monkeypatch):
    monkeypatch.setattr("made.training.trainer._SECONDS_BETWEEN_BEST", 0.0)
    job = job_for(
        write_csv(tmp_path / "rows.csv", table), tmp_path / "run", training={"epochs": 30, "batch_size": 32}
    )
    plain, done = made.MADE.loss, []

    def loss(self, *args, **kwargs):
        done.append(None)
        if len(done) == 60:
            raise MemoryError
        return plain(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(made.MADE, "loss", loss)
        with pytest.raises(MemoryError):
            run(job)
    left = made.load(job.folder)
    whole = run(replace(job, folder=tmp_path / "whole"))
    best = min(whole.history.valid_nll[:20])
    assert -left.log_prob(whole.dataset.valid).mean().item() == pytest.approx(best, abs=1e-9)
    assert read(job.folder, "best.json")["valid_nll"] == pytest.approx(best)
    assert "best.json" not in content(whole.files[0].parent)


@pytest.fixture
def two(monkeypatch):
    """Two candidates that end side by side, and are mixed."""

    def candidates(_facts):
        return [
            Candidate(
                str(width), {"hidden": (width,)}, {"epochs": 8, "batch_size": 32, "learning_rate": 0.01}
            )
            for width in (8, 16)
        ]

    monkeypatch.setattr("made.tuning.plan.candidates", candidates)
    monkeypatch.setattr("made.tuning.comparison.mixes", lambda *_: True)


@pytest.mark.usefixtures("no_pictures", "two")
@pytest.mark.parametrize("refit", [False, True])
def test_a_run_may_end_with_a_mixture(tmp_path, table, write_csv, job_for, refit):
    data = write_csv(tmp_path / "rows.csv", table)
    job = job_for(data, tmp_path / "run", model={}, training={}, refit=refit)
    outcome = run(job)
    model = made.load(job.folder)
    assert isinstance(model, made.Mixture)
    assert {member.hidden for member in model.members} == {(8,), (16,)}
    assert outcome.scores["test"].nll == pytest.approx(-model.log_prob(outcome.dataset.test).mean().item())
    settings = read(job.folder, "settings.json")
    assert {settings["chosen"], settings["partner"]} == {"8", "16"}
    assert not (job.folder / "comparison").exists()
    again = run(RunConfig.of(job.folder, "cpu"), resume=True)
    assert again.scores == outcome.scores
    dataset = outcome.dataset
    same = made.auto_fit(dataset.train, dataset.valid, schema=dataset.schema, refit=refit)
    assert torch.equal(same.log_prob(dataset.test), model.log_prob(dataset.test))


@pytest.mark.usefixtures("no_pictures", "two")
def test_a_mixture_is_stopped_and_goes_on(tmp_path, table, write_csv, job_for):
    data = write_csv(tmp_path / "rows.csv", table)
    job = job_for(data, tmp_path / "run", model={}, training={}, refit=True)
    stopped = run(replace(job, max_time=1e-3))
    assert stopped.history.ended == "out of time"
    resumed = run(RunConfig.of(job.folder, "cpu"), resume=True)
    whole = run(replace(job, folder=tmp_path / "whole"))
    assert resumed.scores == whole.scores


@pytest.mark.usefixtures("no_pictures")
def test_a_run_is_fitted_anew_on_all_rows(finished, tmp_path, job_for):
    job = job_for(finished[0].data, tmp_path / "run", seed=1, refit=True)
    outcome = run(job)
    assert outcome.history.batch_losses == finished[1].history.batch_losses
    assert not torch.equal(
        outcome.model.log_prob(outcome.dataset.test), finished[1].model.log_prob(outcome.dataset.test)
    )
    again = run(RunConfig.of(job.folder, "cpu"), resume=True)
    assert again.scores == outcome.scores


@pytest.mark.usefixtures("no_pictures")
def test_a_model_goes_on_with_new_rows(finished, tmp_path, table, write_csv, job_for, refused):
    start = finished[0].folder
    data = write_csv(tmp_path / "new.csv", np.repeat(table[:3], 40, axis=0))
    job = job_for(data, tmp_path / "run", model={}, training={"epochs": 40}, update=str(start))
    before = content(start)
    outcome = run(job)
    assert content(start) == before
    assert outcome.model.schema.names == ("a", "b", "c")
    assert outcome.history.valid_nll[0] > min(outcome.history.valid_nll) + 0.1
    resumed = run(RunConfig.of(job.folder, "cpu"), resume=True)
    assert resumed.scores == outcome.scores
    with refused("keeps its network", "leave hidden out"):
        run(replace(job, folder=tmp_path / "other", model={"hidden": (4,)}))
    other_order = np.repeat(table[:3], 40, axis=0)[:, [0, 2, 1]]
    shuffled = write_csv(tmp_path / "shuffled.csv", other_order, header="a,c,b")
    again = run(replace(job, data=str(shuffled), folder=tmp_path / "shuffled"))
    assert again.scores == outcome.scores
    other = write_csv(tmp_path / "other.csv", table, header="a,c,d")
    with refused("other columns", "a, c, d"):
        run(replace(job, data=str(other), folder=tmp_path / "other"))
    assert not (tmp_path / "other").exists()


@pytest.mark.usefixtures("no_pictures")
def test_a_run_of_0_1_whose_settings_were_compared_goes_on(tmp_path, table, write_csv, job_for, press):
    """It has no plan, and its settings may be no candidate's any more: they are in its folder."""
    job = job_for(write_csv(tmp_path / "rows.csv", table), tmp_path / "run")
    press(step=5)
    run(job)
    settings = read(job.folder, "settings.json")
    settings |= {"chosen": "4 orderings, half of the units", "model": {}, "training": {}}
    (job.folder / "settings.json").write_text(json.dumps(settings))
    resumed = run(RunConfig.of(job.folder, "cpu"), resume=True)
    whole = run(replace(job, folder=tmp_path / "whole"))
    assert resumed.history.batch_losses == whole.history.batch_losses
    assert resumed.scores == whole.scores


@pytest.mark.usefixtures("no_pictures", "two")
def test_a_mixture_stopped_in_its_refit_is_fitted_anew_when_it_goes_on(
    tmp_path, table, write_csv, job_for, monkeypatch
):
    data = write_csv(tmp_path / "rows.csv", table)
    job = job_for(data, tmp_path / "run", model={}, training={}, refit=True)
    with monkeypatch.context() as patch:
        patch.setattr("made.runs.fits.refit", lambda *_, **__: (None, "interrupted"))
        stopped = run(job)
    assert stopped.history.ended == "interrupted"
    resumed = run(RunConfig.of(job.folder, "cpu"), resume=True)
    assert isinstance(made.load(job.folder), made.Mixture)
    whole = run(replace(job, folder=tmp_path / "whole"))
    assert resumed.scores == whole.scores


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("dies_in", ["nll", "loss"])
def test_a_run_killed_around_its_first_checkpoint_goes_on(
    tmp_path, table, write_csv, job_for, monkeypatch, dies_in
):
    job = job_for(write_csv(tmp_path / "rows.csv", table), tmp_path / "run")

    def killed(self, *args, **kwargs):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(made.MADE, dies_in, killed)
        with pytest.raises(MemoryError):
            run(job)
    # There is one before the first step.
    assert ("checkpoint.safetensors" in content(job.folder)) == (dies_in == "loss")
    resumed = run(RunConfig.of(job.folder, "cpu"), resume=True)
    assert resumed.scores == run(replace(job, folder=tmp_path / "whole")).scores


@pytest.mark.usefixtures("no_pictures", "two")
def test_how_good_the_model_on_disk_is_is_known_after_a_stop(tmp_path, table, write_csv, job_for):
    data = write_csv(tmp_path / "rows.csv", table)
    job = job_for(data, tmp_path / "run", model={}, training={})
    stopped = run(replace(job, max_time=1e-3))
    known = read(job.folder, "best.json")["valid_nll"]
    assert known == pytest.approx(-stopped.model.log_prob(stopped.dataset.valid).mean().item())
    run(RunConfig.of(job.folder, "cpu"), resume=True)
    assert "best.json" not in content(job.folder)


@pytest.mark.usefixtures("no_pictures")
def test_a_model_cannot_go_on_in_its_own_folder(finished, job_for, refused):
    job = job_for(finished[0].data, finished[0].folder, model={}, training={}, update=str(finished[0].folder))
    with refused("another folder"):
        run(job, force=True)


@pytest.mark.usefixtures("no_pictures")
def test_a_model_that_cannot_be_saved_in_its_folder_is_kept_elsewhere(
    tmp_path, table, write_csv, job_for, monkeypatch
):
    job = job_for(write_csv(tmp_path / "rows.csv", table), tmp_path / "run")
    save = made.MADE.save

    def full(self, path):
        if job.folder in Path(path).parents:
            raise CannotWriteError(f"cannot write {path}: No space left on device")
        save(self, path)

    monkeypatch.setattr(made.MADE, "save", full)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(InputError, match=r"No space left on device; the model is in") as error:
        run(job)
    assert f"made fit -o {job.folder} --resume" in str(error.value)
    file = str(error.value).partition("the model is in ")[2].partition(".safetensors")[0]
    kept = made.load(f"{file}.safetensors", device="cpu")
    monkeypatch.undo()
    assert run(replace(job, folder=tmp_path / "whole")).model.log_prob(table).equal(kept.log_prob(table))
