"""``made fit``: every kind of data, what is reported, and runs that go on."""

from __future__ import annotations

import json
import shlex
import signal

import numpy as np
import pytest

import made
from made.data import download


def settings_of(folder):
    return json.loads((folder / "settings.json").read_text())


def write(path, rows):
    match path.suffix:
        case ".npy":
            np.save(path, rows)
        case ".npz":
            np.savez(path, train_data=rows[:80], valid_data=rows[80:90], test_data=rows[90:])
        case ".amat":
            np.savetxt(path, rows, fmt="%d")
        case _:
            np.savetxt(path, rows, fmt="%d", delimiter=",")


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("ending", [".csv", ".npy", ".npz", ".data", ".amat"])
def test_every_kind_of_file(here, call, tiny, ending):
    rows = np.random.default_rng(1).integers(0, 3, (100, 4))
    rows[:3] = [[0], [1], [2]]
    write(here / f"mine{ending}", rows)
    result = call("fit", f"mine{ending}", "-o", "new", *tiny)
    assert "mine: 4 variables" in result.out
    assert ("split 80/10/10 with seed 0" in result.out) == (ending != ".npz")
    model = made.load(here / "new" / "model.safetensors")
    assert model.variables.n_values.tolist() == [3] * 4
    assert model.hidden == (8,)


@pytest.mark.usefixtures("no_pictures")
def test_two_dim(here, call, tiny):
    result = call("fit", "two_dim", "-o", "new", "--batch-size", "8192", *tiny)
    assert "100,000 points drawn from the joint table" in result.out
    scores = json.loads(call("evaluate", "new", "--json").out)
    assert scores["n"] == 10_000
    assert 8 < scores["nll"] < 2 * np.log(200)


def test_report(here, call, tiny):
    result = call("fit", "rows.csv", "-o", "new", *tiny)
    results = json.loads((here / "new" / "results.json").read_text())
    for name, figures in (("this model", results["model"]), *results["baselines"].items()):
        line = next(line for line in result.out.splitlines() if line.startswith(name))
        test = figures["test"]
        assert f"{test['nll']:.3f} ± {test['nll_se']:.3f}" in line
        assert line.endswith(f"{test['bits_per_dim']:.4f}")
    for named in ("model.safetensors", "loss.png", "samples.png", "made sample new", "made score new"):
        assert named in result.out
    assert result.err == ""


def test_next_commands_work(here, call, tiny):
    out = call("fit", "images.npy", "-o", "new", *tiny).out
    commands = [shlex.split(line)[1:] for line in out.splitlines() if line.startswith("  made ")]
    assert {own[0] for own in commands} == {"sample", "complete", "score", "report", "show", "summary"}
    for command in commands:
        call(*command)


# --context


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(
    ("context", "places", "names"),
    [
        ("kind", [1], ["kind"]),
        ("1", [1], ["kind"]),
        ("size, sex", [2, 0], ["size", "sex"]),
        ("2,sex", [2, 0], ["size", "sex"]),
    ],
)
def test_context(here, call, tiny, context, places, names):
    result = call("fit", "rows.csv", "-o", "new", "--context", context, *tiny)
    assert f"  conditional on {', '.join(names)}, which the baselines do not see" in result.out
    settings = settings_of(here / "new")
    assert settings["data"]["context"] == places
    model = made.load(here / "new" / "model.safetensors")
    assert [column.name for column in model.schema.context_columns] == names
    others = [name for name in ("sex", "kind", "size") if name not in names]
    assert [column.name for column in model.schema.modelled] == others
    assert (model.n_variables, model.context.n_columns) == (3 - len(places), len(places))
    own = made.data.load("rows.csv").with_context(places)
    nll = -model.log_prob(own.test, context=own.context["test"]).mean().item()
    assert f"{nll:.3f}" in result.out


@pytest.mark.usefixtures("no_pictures")
def test_context_without_names(here, call, tiny):
    """Columns are called by their place in the file, those of the model too."""
    rows = np.loadtxt("rows.csv", delimiter=",", skiprows=1, dtype=int)
    np.save("bare.npy", rows)
    out = call("fit", "bare.npy", "-o", "new", "--context", "x1,0", *tiny).out
    assert "conditional on x1, x0" in out
    lines = call("sample", "new", "-n", "2", "--context", "x0=1,x1=2").out.splitlines()
    assert (lines[0], len(lines)) == ("x2", 3)


@pytest.mark.usefixtures("no_pictures")
def test_context_is_kept_by_resume(here, call, tiny):
    call(
        "fit", "rows.csv", "-o", "straight", "--context", "kind", "--hidden", "8", "--epochs", "3", "--quiet"
    )
    call("fit", "rows.csv", "-o", "new", "--context", "kind", *tiny)
    call("fit", "-o", "new", "--resume", "--epochs", "3", "--quiet")
    assert settings_of(here / "new")["data"]["context"] == [1]
    resumed, straight = (made.load(here / run / "model.safetensors") for run in ("new", "straight"))
    assert resumed.context.n_columns == straight.context.n_columns == 1
    assert len((here / "new" / "metrics.csv").read_text().splitlines()) == 1 + 4
    result = call("fit", "-o", "new", "--resume", "--context", "kind", code=2)
    assert "--context" in result.err


@pytest.mark.usefixtures("no_pictures")
def test_next_commands_of_a_conditional_run_work(here, call, tiny):
    out = call("fit", "rows.csv", "-o", "new", "--context", "kind,size", *tiny).out
    commands = [shlex.split(line)[1:] for line in out.splitlines() if line.startswith("  made ")]
    (sample,) = [command for command in commands if command[0] == "sample"]
    own = made.data.load("rows.csv")
    kind, size = own.test[0, 1], own.test[0, 2]
    assert sample[sample.index("--context") + 1] == f"kind={kind},size={size}"
    (here / "ROWS_WITH_GAPS.csv").write_text("sex,kind,size\n,1,20\n")
    for command in commands:
        call(*command)
    for name in ("more.csv", "completed.csv", "scores.csv"):
        assert len((here / "new" / name).read_text().splitlines()) > 1


OPTIONS = {
    "--hidden 7,5": ("model", "hidden", [7, 5]),
    "--ordering random": ("model", "ordering", "random"),
    "--ordering 2,0,1": ("model", "ordering", [2, 0, 1]),
    "--orderings 2": ("model", "orderings", 2),
    "--orderings fresh": ("model", "orderings", "fresh"),
    "--connectivity uniform": ("model", "connectivity", "uniform"),
    "--connectivities 3": ("model", "connectivities", 3),
    "--activation tanh": ("model", "activation", "tanh"),
    "--no-residual": ("model", "residual", False),
    "--no-direct": ("model", "direct", False),
    "--dropout 0.5": ("model", "dropout", 0.5),
    "--input-dropout 0.3": ("model", "input_dropout", 0.3),
    "--seed 3": ("training", "seed", 3),
    "--epochs 1": ("training", "epochs", 1),
    "--batch-size 7": ("training", "batch_size", 7),
    "--learning-rate 0.01": ("training", "learning_rate", 0.01),
    "--weight-decay 0": ("training", "weight_decay", 0.0),
    "--schedule constant": ("training", "schedule", "constant"),
    "--patience 4": ("training", "patience", 4),
    "--resample-every 5": ("training", "resample_every", 5),
    "--optimizer adam": ("training", "optimizer", "adam"),
    "--ema 0.5": ("training", "ema", 0.5),
    "--precision bfloat16": ("training", "precision", "bfloat16"),
}


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("option", OPTIONS)
def test_option_reaches_the_fit(here, call, tiny, option):
    part, name, value = OPTIONS[option]
    call("fit", "rows.csv", "-o", "new", *tiny, *option.split())
    assert settings_of(here / "new")["full"][part][name] == value
    if part == "model":
        assert made.load(here / "new" / "model.safetensors").settings()[name] == value


@pytest.mark.usefixtures("no_pictures")
def test_adam_is_the_seeds(here, call, tiny):
    """``--optimizer adam`` alone brings the rate, the decay and the schedule that the help names."""
    call("fit", "rows.csv", "-o", "new", "--optimizer", "adam", *tiny)
    lines = (here / "new" / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("learning_rate")
    assert {float(line.split(",")[column]) for line in lines[1:]} == {1e-3}


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(("coding", "n_inputs"), [("one-hot", 1 + 3 + 3), ("scaled", 3), ("raw", 3)])
def test_coding(here, call, tiny, coding, n_inputs):
    call("fit", "rows.csv", "-o", "new", "--coding", coding, *tiny)
    assert made.load(here / "new" / "model.safetensors").variables.n_inputs == n_inputs


@pytest.mark.parametrize("by_option", [True, False])
def test_named_set_that_is_nowhere(here, call, tiny, monkeypatch, by_option):
    """Without a network the error says where the set was looked for, and where to get it."""

    def fetch(*args, **kwargs):
        raise download.DownloadError("no network")

    monkeypatch.setattr(download, "fetch", fetch)
    (here / "bare").mkdir()
    if not by_option:
        monkeypatch.setenv("MADE_DATA_DIR", "bare")
    result = call("fit", "dna", "-o", "new", *(["--data-dir", "bare"] if by_option else []), *tiny, code=2)
    assert result.err.startswith("error: dna is not in bare")
    assert "MADE_DATA_DIR" in result.err
    assert "https://" in result.err
    assert result.err.count("\n") == 1
    assert not (here / "new").exists()


@pytest.mark.usefixtures("no_pictures")
def test_one_variable(here, call, tiny):
    np.save(here / "coin.npy", np.array([[0], [1], [1]] * 20, dtype=np.uint8))
    call("fit", "coin.npy", "-o", "new", *tiny)
    scores = json.loads(call("evaluate", "new", "--split", "all", "--json").out)
    assert scores["nll"] == pytest.approx(-np.log([1, 2, 2]).mean() + np.log(3), abs=0.02)


def test_progress_is_on_standard_error(here, call):
    result = call("fit", "rows.csv", "-o", "new", "--hidden", "8", "--epochs", "2")
    assert "epoch 2/2" in result.err
    assert "left" in result.err
    assert "epoch 2/2" not in result.out


@pytest.mark.usefixtures("no_pictures")
def test_force(here, call, tiny):
    call("fit", "rows.csv", "-o", "run", "--seed", "9", *tiny, code=2)
    assert settings_of(here / "run")["data"]["seed"] == 0
    call("fit", "rows.csv", "-o", "run", "--seed", "9", "--force", *tiny)
    assert settings_of(here / "run")["data"]["seed"] == 9


@pytest.mark.usefixtures("no_pictures")
def test_resume_extends(here, call):
    call("fit", "-o", "run", "--resume", "--epochs", "4", "--quiet")
    assert len((here / "run" / "metrics.csv").read_text().splitlines()) == 1 + 5
    call("fit", "-o", "run", "--resume", "--quiet")  # nothing is left to do, and the 4 epochs are known
    assert len((here / "run" / "metrics.csv").read_text().splitlines()) == 1 + 5


@pytest.mark.usefixtures("no_pictures")
def test_resume_may_name_the_data(here, call, tiny):
    call("fit", "rows.csv", "-o", "new", *tiny)
    call("fit", "rows.csv", "-o", "new", "--resume", "--quiet")
    call("fit", here / "rows.csv", "-o", "new", "--resume", "--quiet")


@pytest.mark.usefixtures("no_pictures")
def test_ctrl_c_and_resume(here, call, tiny, monkeypatch):
    call("fit", "rows.csv", "-o", "whole", *tiny)
    plain, calls = made.MADE.loss, []

    def loss(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(made.MADE, "loss", loss)
    result = call("fit", "rows.csv", "-o", "new", "--batch-size", "16", *tiny, code=130)
    assert "new/model.safetensors is usable" in result.out
    assert "made fit -o new --resume" in result.out
    call("sample", "new", "-n", "2")
    call("evaluate", "new", "--json")
    assert "Exact NLL" in call("fit", "-o", "new", "--resume", "--quiet").out
    call("fit", "rows.csv", "-o", "straight", "--batch-size", "16", *tiny)
    assert (here / "new/model.safetensors").read_bytes() == (here / "straight/model.safetensors").read_bytes()


def test_when_the_time_is_over_there_is_a_model_with_its_scores(here, call, tiny):
    """Then the run goes on to what it would have been."""
    result = call("fit", "rows.csv", "-o", "short", "--minutes", "0.0001", *tiny)
    assert "out of time after" in result.out
    assert "made fit -o short --resume" in result.out
    assert "Exact NLL" in result.out
    call("fit", "-o", "short", "--resume", "--quiet")
    call("fit", "rows.csv", "-o", "whole", *tiny)
    assert (here / "short/model.safetensors").read_bytes() == (here / "whole/model.safetensors").read_bytes()


@pytest.mark.usefixtures("no_pictures")
def test_a_model_goes_on_with_new_rows(here, call, tiny, snapshot):
    call("fit", "rows.csv", "-o", "first", *tiny)
    before = snapshot(here / "first")
    result = call("fit", "rows.csv", "-o", "second", "--update", "first", "--epochs", "2")
    assert "gone on from first: the rows it was fitted on were not seen again" in result.out
    assert snapshot(here / "first") == before
    assert made.load(here / "second").hidden == (8,)
    for option in (["--recipe", "nltcs"], ["--coding", "raw"], ["--refit"]):
        result = call("fit", "rows.csv", "-o", "third", "--update", "first", *option, code=2)
        assert f"leave {option[0]} out" in result.err
    result = call("fit", "rows.csv", "-o", "third", "--update", "nowhere", code=2)
    assert "there is no run folder nowhere" in result.err
    assert not (here / "third").exists()


@pytest.mark.usefixtures("no_pictures")
def test_a_fit_on_all_rows_in_the_end_is_said(here, call, tiny):
    result = call("fit", "rows.csv", "-o", "new", "--refit", *tiny)
    assert "fitted anew on training and validation rows together" in result.out
    assert settings_of(here / "new")["refit"] is True
    result = call("fit", "-o", "new", "--resume", "--refit", code=2)
    assert "--resume takes the settings of the run: leave --refit out" in result.err


@pytest.mark.usefixtures("no_pictures")
def test_a_model_for_questions(here, call, tiny):
    write(here / "rows.csv", np.random.default_rng(0).integers(0, 3, (200, 4)))
    call("fit", "rows.csv", "-o", "new", "--for", "questions", *tiny)
    settings = settings_of(here / "new")
    assert settings["for_questions"] is True
    assert settings["full"]["model"]["orderings"] == "fresh"
    call("fit", "-o", "new", "--resume", "--epochs", "3")
    assert settings_of(here / "new")["for_questions"] is True
    for options, words in (
        (["rows.csv", "-o", "other", "--for", "everything"], "--for takes questions"),
        (["-o", "new", "--resume", "--for", "questions"], "leave --for out"),
        (["rows.csv", "-o", "other", "--for", "questions", "--update", "new"], "leave --for out"),
        (["rows.csv", "-o", "other", "--for", "questions", "--recipe", "dna"], "leave one of them out"),
    ):
        assert words in call("fit", *options, code=2).err
    assert not (here / "other").exists()


@pytest.mark.usefixtures("no_pictures")
def test_images_for_questions_have_orderings_by_regions(here, call):
    call("fit", "digits", "-o", "new", "--for", "questions", "--minutes", "0.02", "--quiet")
    assert settings_of(here / "new")["full"]["model"]["ordering"] == "regions 8x8"
