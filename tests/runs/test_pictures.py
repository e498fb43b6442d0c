"""The pictures of a run: each is a PNG of a size that one can look at."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import made
from made import plots
from made.data import Raw
from made.data.dataset import build
from made.runs.pictures import (
    draw_loss,
    draw_model,
    draw_rows,
    draw_samples,
    draw_surprise,
    draw_worked_example,
)


def assert_picture(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert 200 <= image.width <= 4000
        assert 150 <= image.height <= 4000
        low, high = image.convert("L").getextrema()
        assert low < 128 < high  # something is drawn


def test_context_is_drawn_as_what_it_is(monkeypatch, tmp_path):
    """Features of context follow those of the variables, and lead straight to every output as well."""
    drawn, own = [], plots.network

    def network(*arguments, **options):
        drawn.append((arguments, options))
        return own(*arguments, **options)

    monkeypatch.setattr(plots, "network", network)
    context = [made.Categorical(3), made.Bernoulli(1)]
    for hidden in ((4,), ()):
        model = made.MADE([made.Bernoulli(1), made.Categorical(3)], hidden, context=context)
        paths = draw_model(tmp_path, model, None)
        assert [path.name for path in paths] == ["masks.png", "network.png"]
        (ranks, _, layers), options = drawn.pop()
        assert list(ranks) == [1, 2, 2, 2, 0, 0, 0, 0]
        names = [name.strip("${}").replace("_{", "") for name in options["input_names"]]
        assert names == ["x1", "x2", "x2", "x2", "c1", "c1", "c1", "c2"]
        assert options["direct"][:, 4:].all()
        assert not options["direct"][:, :4].any()
        assert layers[0][:, 4:].all() == bool(hidden)
    model = made.MADE(made.Bernoulli(2), (4,), context=2, direct=True)
    draw_model(tmp_path, model, None)
    options = drawn.pop()[1]
    assert options["input_names"][2:] == ["$c_{1}$", "$c_{2}$"]
    assert options["direct"].astype(int).tolist() == [[0, 0, 1, 1], [1, 0, 1, 1]]


@pytest.fixture(scope="module")
def images():
    """Images of 2 x 3 pixels, a model for them, and 20 samples."""
    rows = np.random.default_rng(0).integers(0, 2, (30, 6)).astype(np.uint8)
    dataset = build(Raw("images", {"all": rows}, image_shape=(2, 3)), "images")
    model = made.MADE(dataset.schema, hidden=(8,), direct=True)
    return dataset, model, model.sample(20, seed=0).numpy()


@pytest.fixture(scope="module")
def categories(table):
    """Rows with three kinds of columns, a model for them, and 20 samples."""
    dataset = build(Raw("table", {"all": table}, columns=("a", "b", "c")), "table")
    model = made.MADE(dataset.schema, hidden=(8,))
    return dataset, model, model.sample(20, seed=0).numpy()


@pytest.mark.parametrize("kind", ["images", "categories"])
def test_samples_and_rows(request, tmp_path, kind):
    dataset, model, samples = request.getfixturevalue(kind)
    assert draw_samples(tmp_path / "samples.png", model, dataset, seed=0) == tmp_path / "samples.png"
    assert_picture(tmp_path / "samples.png")
    draw_rows(tmp_path / "rows.png", samples, model)
    assert_picture(tmp_path / "rows.png")


def drawn_columns(monkeypatch, draw):
    """Draw a picture; return the names under its panels, those in its legend, and the values of the last."""
    figures = []
    monkeypatch.setattr("made.plots.save", lambda figure, path: figures.append(figure))
    draw()
    (figure,) = figures
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    ticks = [text.get_text() for text in figure.axes[-1].get_xticklabels()]
    return [axes.get_xlabel() for axes in figure.axes], named, ticks


def test_columns_of_classes_are_drawn_by_their_names_and_labels(tmp_path, monkeypatch):
    rows = np.array([["no", "Bern"], ["yes", "Oslo"], ["no", "Bern"]] * 10, dtype=object)
    dataset = build(Raw("table", {"all": rows}, columns=("sold", "city")), "table")
    model = made.MADE(dataset.schema, hidden=(8,))
    found = drawn_columns(monkeypatch, lambda: draw_samples(tmp_path / "x.png", model, dataset, seed=0))
    assert found[:2] == (["sold", "city"], ["table", "samples of the model"])
    assert sorted(found[2]) == ["Bern", "Oslo"]


def test_rows_alone_stand_beside_no_others(categories, tmp_path, monkeypatch):
    """Drawn rows are not shown a second time as held-out data."""
    _, model, samples = categories
    found = drawn_columns(monkeypatch, lambda: draw_rows(tmp_path / "rows.png", samples, model))
    assert found[:2] == (["a", "b", "c"], ["drawn by the model"])


def test_no_rows_no_picture(images, tmp_path, refused):
    _, model, samples = images
    with refused("at least one row", "-n 1"):
        draw_rows(tmp_path / "rows.png", samples[:0], model)
    assert not list(tmp_path.iterdir())


def test_loss(images, tmp_path):
    dataset, _, _ = images
    model = made.MADE(made.Bernoulli(6), hidden=(8,))
    history = made.fit(model, dataset.train, dataset.valid, epochs=3)
    draw_loss(tmp_path / "loss.png", history, {"product of marginals": 4.2, "Chow-Liu tree": 4.0}, "title")
    assert_picture(tmp_path / "loss.png")


def test_surprise_is_for_images(images, categories, tmp_path):
    dataset, model, _ = images
    assert draw_surprise(tmp_path / "surprise.png", model, dataset) == tmp_path / "surprise.png"
    assert_picture(tmp_path / "surprise.png")
    two = made.MADE(made.Bernoulli(6), hidden=(8,), orderings=2)
    assert_picture(draw_surprise(tmp_path / "two.png", two, dataset))
    assert draw_surprise(tmp_path / "rows.png", categories[1], categories[0]) is None
    assert not (tmp_path / "rows.png").exists()


def test_model(images, categories, tmp_path):
    drawn = draw_model(tmp_path, images[1], images[0])
    assert [path.name for path in drawn] == ["masks.png", "network.png", "predecessors.png"]
    for path in drawn:
        assert_picture(path)
    assert [path.name for path in draw_model(tmp_path, categories[1], None)] == ["masks.png", "network.png"]


def test_large_network_is_not_drawn(tmp_path):
    model = made.MADE(made.Bernoulli(64), hidden=(200, 200))
    assert [path.name for path in draw_model(tmp_path, model, None)] == ["masks.png"]


def test_worked_example(tmp_path):
    drawn = draw_worked_example(tmp_path)
    assert len(drawn) == 4
    for path in drawn:
        assert path.parent == tmp_path
        assert_picture(path)
