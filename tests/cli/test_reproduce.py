"""``made reproduce``: both experiments from the command line, and what they refuse."""

from __future__ import annotations

import json

import numpy as np
import pytest


@pytest.fixture
def tiny(monkeypatch):
    """Networks so small that an experiment takes a moment."""
    from made.reproduce import mnist

    variants = {
        name: mnist.Variant(name, variant.title, {**variant.model, "hidden": (8,)})
        for name, variant in mnist.VARIANTS.items()
        if name in ("seed", "shuffled")
    }
    monkeypatch.setattr(mnist, "VARIANTS", variants)


def test_mnist_quick(call, tiny, tmp_path):
    done = call("reproduce", "mnist", "--quick", "--epochs", "2", "-o", str(tmp_path / "report"))
    assert done.code == 0
    results = json.loads((tmp_path / "report" / "results.json").read_text())
    assert list(results["figures"]["recipes"]) == ["seed", "shuffled"]
    assert results["data"] == "digits"
    assert "report.html" in done.out
    assert (tmp_path / "report" / "report.html").exists()


def test_two_dim_on_a_table_of_ones_own(call, tmp_path):
    table = np.random.default_rng(0).random((6, 5))
    np.save(tmp_path / "table.npy", table / table.sum())
    words = ["--table", str(tmp_path / "table.npy"), "--points", "1000", "--epochs", "1"]
    done = call("reproduce", "two-dim", *words, "-o", str(tmp_path / "report"))
    assert done.code == 0
    results = json.loads((tmp_path / "report" / "results.json").read_text())
    assert list(results["figures"]["models"]) == ["a", "b", "c", "d", "e"]
    assert f"KL {results['figures']['models']['e']['kl']:.4f}" in done.out


@pytest.mark.parametrize(
    "words",
    [
        ["mnist", "--recipe", "none"],
        ["mnist", "--epochs", "0"],
        ["mnist", "--sample-every", "0"],
        ["two-dim", "--epochs", "0"],
        ["two-dim", "--points", "10"],
        ["two-dim", "--table", "missing.npy"],
        ["two-dim", "--table", "digits"],
        ["nothing"],
    ],
)
def test_bad_words_are_refused_in_one_line(call, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    done = call("reproduce", *words, code=2)
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert not list(tmp_path.rglob("report.html"))
