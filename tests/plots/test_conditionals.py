"""Pictures of one variable given others: what is drawn where, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

import made
from made.plots import class_probabilities, density_of_number, masses_of_number

X = np.linspace(0, 10, 501)
DENSITY = 0.6 * np.exp(-X)


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_a_density_alone_has_one_axis():
    figure = density_of_number(X, np.exp(-X), name="income, EUR", about="mean 1")
    assert len(figure.axes) == 1
    axes = figure.axes[0]
    assert axes.get_xlabel() == "income, EUR"
    assert axes.get_ylabel() == "density"
    assert axes.get_title(loc="left") == "mean 1"
    drawn = axes.lines[0]
    np.testing.assert_allclose(drawn.get_ydata(), np.exp(-drawn.get_xdata()))
    # The range ends where the density is below half a percent of its highest.
    assert 5.2 < drawn.get_xdata()[-1] < 5.4


def test_atoms_and_gaps_stand_on_an_axis_of_probabilities():
    figure = density_of_number(X, DENSITY, atoms={0.0: 0.3}, p_missing=0.1, interval=(0.0, 2.0))
    density, probability = figure.axes
    assert probability.get_ylabel() == "probability"
    assert texts(figure) == ["30%", "missing\n10%"]
    assert probability.patches[0].get_height() == 0.1
    missing_at = probability.patches[0].get_x()
    assert missing_at > density.lines[0].get_xdata().max()
    assert density.get_xlim()[1] > missing_at


def test_the_interval_is_shaded():
    figure = density_of_number(X, DENSITY, interval=(1.0, 2.0))
    light, dark = figure.axes[0].collections
    assert light.get_datalim(figure.axes[0].transData).x0 == 0
    extent = dark.get_datalim(figure.axes[0].transData)
    assert (extent.x0, extent.x1) == (1.0, 2.0)


def test_masses_of_a_grid_are_bars_and_atoms_are_added():
    figure = masses_of_number([0, 1, 2], [0.1, 0.3, 0.1], atoms={0.0: 0.4}, p_missing=0.1, name="children")
    axes = figure.axes[0]
    bars = {(round(p.get_x() + p.get_width() / 2, 6), p.get_y()): p.get_height() for p in axes.patches}
    assert bars[(0.0, 0.0)] == 0.1
    assert bars[(0.0, 0.1)] == 0.4
    assert bars[(1.0, 0.0)] == 0.3
    assert texts(figure) == ["50%", "30%", "10%", "missing\n10%"]
    assert axes.get_ylabel() == "probability"


def test_an_atom_on_a_grid_without_a_point_of_the_body():
    figure = masses_of_number([1, 2], [0.3, 0.2], atoms={0.0: 0.5})
    assert texts(figure) == ["50%", "30%", "20%"]


def test_many_points_of_a_grid_are_not_numbered():
    points = np.arange(200)
    masses = np.exp(-0.5 * ((points - 100) / 20) ** 2)
    figure = masses_of_number(points, masses / masses.sum(), atoms={100.0: 0.0})
    assert texts(figure) == ["2.0%"]


def test_classes_are_bars_from_the_top():
    figure = class_probabilities(["red", "blue", None], [0.6, 0.395, 0.005], [0.01, 0.02, 0.0], name="colour")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["red", "blue", "missing"]
    assert [bar.get_width() for bar in axes.patches] == [0.6, 0.395, 0.005]
    assert texts(figure) == ["60%", "40%", "0.5%"]
    assert axes.yaxis_inverted()
    assert axes.get_ylabel() == "colour"
    assert len(axes.containers) == 2  # bars and their errors


def test_exact_classes_have_no_error_bars():
    assert len(class_probabilities(["a", "b"], [0.5, 0.5], [0.0, 0.0]).axes[0].containers) == 1


def test_of_many_classes_the_most_probable_are_drawn():
    p = np.arange(1, 41) / np.arange(1, 41).sum()
    figure = class_probabilities([f"class {k}" for k in range(40)], p)
    axes = figure.axes[0]
    assert len(axes.patches) == 16
    assert axes.get_yticklabels()[0].get_text() == "class 24"
    assert axes.get_title(loc="left") == "24 others: 37%"


def test_axes_of_another_figure_are_drawn_on():
    host = Figure()
    left, right = host.subplots(1, 2)
    assert density_of_number(X, DENSITY, axes=left) is host
    assert class_probabilities(["a"], [1.0], axes=right) is host
    assert len(host.axes) == 2


@pytest.mark.parametrize("draw", [density_of_number, masses_of_number])
def test_lists_of_different_lengths_are_refused(draw, refused):
    with refused("one length"):
        draw([1, 2], [0.5])
    with refused("one length"):
        draw([], [])


def test_classes_without_values_are_refused(refused):
    with refused("as many"):
        class_probabilities(["a"], [0.5, 0.5])


@pytest.fixture(scope="module")
def model():
    draw = np.random.default_rng(0)
    n = 400
    age = draw.integers(18, 90, n)
    income = np.where(draw.random(n) < 0.2, 0.0, np.exp(draw.normal(7 + age / 100, 0.8)))
    income[draw.random(n) < 0.1] = np.nan
    colour = draw.choice(["red", "blue"], n)
    rows = np.stack([age.astype(object), income.astype(object), colour.astype(object)], axis=1)
    variables = [
        made.Numeric(step=1),
        made.Numeric(spikes=[0.0], missing=True),
        made.Categorical(["blue", "red"]),
    ]
    model = made.MADE(variables, hidden=(16,))
    made.fit(model, rows, False, epochs=2)
    return model


def test_conditionals_plot_themselves(model):
    income = model.conditional(1, {0: 40})
    figure = income.plot(name="income")
    assert figure.axes[0].get_xlabel() == "income"
    assert figure.axes[0].get_title(loc="left").startswith(f"mean {income.mean:.4g}; 80% between 0 and ")
    age = model.conditional(0).plot()
    assert age.axes[0].get_ylabel() == "probability"
    colour = model.conditional(2, {0: 40, 1: made.MISSING}).plot(name="colour")
    assert [text.get_text() for text in colour.axes[0].get_yticklabels()] == ["blue", "red"]
    assert colour.axes[0].get_title(loc="left") == ""


def test_an_estimated_conditional_says_so(model):
    assert "estimated" in model.conditional(2, {}, method="estimate").plot().axes[0].get_title(loc="left")
    host = Figure()
    axes = host.subplots()
    assert model.conditional(1, {2: "red"}, method="estimate").plot(axes) is host
    assert "estimated, to" in axes.get_title(loc="left")
