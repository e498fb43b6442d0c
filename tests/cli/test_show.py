"""``made show``, ``summary`` and ``data``: what they say and draw of runs and of data sets."""

from __future__ import annotations

from PIL import Image

import made


def test_show_of_a_conditional_model(here, call):
    listed = call("show", "conditional").out.split()
    names = {path.rsplit("/")[-1] for path in listed}
    assert names == {"masks.png", "network.png", "samples.png"}


def test_summary_of_a_conditional_model(here, call):
    assert "hidden 1" in call("summary", "conditional").out


def test_show(here, call):
    listed = call("show", "pictures").out.split()
    assert {path.rsplit("/")[-1] for path in listed} == {
        "masks.png",
        "network.png",
        "predecessors.png",
        "samples.png",
        "surprise.png",
    }
    for path in listed:
        with Image.open(path) as image:
            assert image.format == "PNG"
    listed = call("show", "run", "-o", "elsewhere").out.split()
    assert {str(path.relative_to(here)) for path in (here / "elsewhere").iterdir()} == set(listed)


def test_show_worked_example(here, call):
    listed = call("show", "--worked-example", "-o", "figures").out.split()
    assert len(listed) == 4
    assert all((here / path).stat().st_size > 1000 for path in listed)


def test_summary(here, call):
    out = call("summary", "run").out
    assert out.strip() == str(made.load("run/model.safetensors").summary()).strip()
    assert "hidden 1" in out
    assert "active" in out


def test_data_lists_names(here, call):
    out = call("data").out
    for name in ("digits", "binarized_mnist", "dna", "mushrooms", "nltcs", "two_dim"):
        assert any(line.startswith(name) for line in out.splitlines())
    assert "not" not in next(line for line in out.splitlines() if line.startswith("digits"))


def test_data_describes(here, call):
    out = call("data", "digits").out
    assert "64 variables of 2 classes" in out
    assert "1,437 train, 180 valid, 180 test rows" in out
    assert "images of 8 x 8 pixels" in out
    out = call("data", "rows.csv").out
    assert "3 variables of 2 to 3 classes" in out
    assert "column 2 (size)" in out
