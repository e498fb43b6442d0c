"""Files of version 0.1 load: models, an autoencoder, and a run with its context, labels and checkpoint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import made
from made.cli import main
from made.runs.folder import RunFolder

FIXTURES = Path(__file__).parent / "fixtures" / "0.1.0"
EXPECTED = json.loads((FIXTURES / "expected.json").read_text())


@pytest.mark.parametrize("name", ["table", "image", "conditional"])
def test_models_score_and_sample_as_they_did(name):
    """Labels mean labels now, where 0.1 took codes: the same rows, in other words."""
    model, expected = made.load(FIXTURES / f"{name}.safetensors"), EXPECTED[name]
    rows, context = model.schema.decode(expected["rows"]), expected["context"]
    log_prob = model.log_prob(rows, context=context)
    np.testing.assert_allclose(log_prob, expected["log_prob"], rtol=1e-6)
    own = None if context is None else context[:5]
    sample = model.rows(model.sample(5, seed=0, context=own), own)
    assert sample.codes.tolist() == expected["sample"]
    assert not model.schema.is_named


def test_an_old_coding_has_its_new_name():
    assert made.load(FIXTURES / "table.safetensors").schema.columns[2].arguments["coding"] == "radial-basis"


def test_an_autoencoder_encodes_as_it_did():
    model, expected = made.load(FIXTURES / "autoencoder.safetensors"), EXPECTED["autoencoder"]
    np.testing.assert_allclose(model.encode(expected["rows"]), expected["encode"], atol=1e-5)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A copy of a run of 0.1 on a table whose column sex is context."""
    shutil.copytree(FIXTURES, tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    settings = json.loads(Path("run/settings.json").read_text())
    settings["data"]["name"] = str(Path("people.csv").resolve())
    Path("run/settings.json").write_text(json.dumps(settings))
    return Path("run")


def test_a_run_knows_its_columns(run):
    schema = RunFolder(run).load_model().schema
    assert schema.names == ("age", "kind", "size", "sex")
    assert [column.name for column in schema.context_columns] == ["sex"]
    assert schema.labels == (None, (10, 30, 70), None)


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_a_run_is_evaluated_as_it_was(run, capsys):
    assert call("evaluate", str(run), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["nll"] == pytest.approx(EXPECTED["run"]["test_nll"], rel=1e-6)


def test_a_run_samples_and_scores(run, capsys):
    assert call("sample", str(run), "-n", "3", "--context", "sex=1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "age,kind,size"
    assert {line.split(",")[1] for line in lines[1:]} <= {"10", "30", "70"}
    assert call("score", str(run), "people.csv") == 0
    assert len(capsys.readouterr().out.splitlines()) == 121


def test_a_run_goes_on(run, capsys):
    assert call("fit", "-o", str(run), "--resume", "--epochs", "6", "--quiet") == 0
    assert "6 epochs" in capsys.readouterr().out
    assert made.load(run).schema.names == ("age", "kind", "size", "sex")
