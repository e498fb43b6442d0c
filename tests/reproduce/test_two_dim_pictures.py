"""Joint tables: one scale for all, the right ratio in each cell, the right conditional in each slice."""

from __future__ import annotations

import numpy as np
import pytest

from made.reproduce.two_dim_pictures import joint_tables, log_ratios, slices
from made.support.errors import InputError


def tables(n, shape=(6, 9)):
    drawn = np.random.default_rng(0).random((n, *shape))
    return list(drawn / drawn.sum(axis=(1, 2), keepdims=True))


def shown(axes):
    return axes.images[0].get_array()


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6, 8])
def test_tables_stand_side_by_side_on_the_scale_of_the_first(n):
    given = {f"table {k}": table for k, table in enumerate(tables(n))}
    figure = joint_tables(given, title="T")
    *panels, bar = figure.axes[:n] + figure.axes[-1:]
    for axes, (name, table) in zip(panels, given.items(), strict=True):
        np.testing.assert_array_equal(shown(axes), table)
        assert axes.get_title() == name
        assert axes.images[0].get_clim() == (0, np.quantile(given["table 0"], 0.995))
        assert axes.images[0].get_cmap().name == "gray"
    assert bar.get_xlabel() == "probability"
    across = {axes.get_subplotspec().colspan.start for axes in panels}
    assert len(across) <= 3  # on a phone


def test_small_probabilities_are_numbered_in_powers_of_ten():
    figure = joint_tables({"flat": np.full((200, 200), 1 / 40000)})
    bar = figure.axes[-1]
    assert bar.get_xlabel() == "probability, in $10^{-5}$"
    figure.draw_without_rendering()
    assert "2" in [label.get_text() for label in bar.get_xticklabels()]


def test_x1_runs_downwards_and_is_named_once():
    one, other = joint_tables(dict(zip("ab", tables(2), strict=True)), columns=2).axes[:2]
    assert one.get_ylim()[0] > one.get_ylim()[1]
    assert [axes.get_ylabel() for axes in (one, other)] == ["x1", ""]
    assert [axes.get_xlabel() for axes in (one, other)] == ["x2", "x2"]


def test_a_histogram_with_few_rows_is_not_all_white():
    table = np.zeros((40, 40))
    table[3, 4] = 1
    low, high = joint_tables({"one row": table}).axes[0].images[0].get_clim()
    assert low < high == 1


def test_log_ratios_cell_by_cell_within_shared_limits():
    truth, one, other = tables(3)
    figure = log_ratios(truth, {"one": one, "other": other}, limit=0.4)
    for axes, table in zip(figure.axes[:2], (one, other), strict=True):
        np.testing.assert_allclose(shown(axes), np.clip(np.log(table / truth), -0.4, 0.4))
        assert axes.images[0].get_clim() == (-0.4, 0.4)
    assert "nats" in figure.axes[-1].get_xlabel()


def test_the_limit_is_symmetric_and_chosen_for_all_models():
    truth, one, other = tables(3)
    pictures = [axes.images[0] for axes in log_ratios(truth, {"a": one, "b": other}).axes[:2]]
    distances = np.abs(np.log(np.stack([one, other]) / truth))
    limit = np.quantile(distances, 0.99)
    np.testing.assert_allclose([picture.get_clim() for picture in pictures], [(-limit, limit)] * 2)


def test_the_sign_of_a_ratio_survives_grey_printing():
    truth, model = tables(2)
    colours = log_ratios(truth, {"a": model}).axes[0].images[0].get_cmap()(np.linspace(0, 1, 20))
    assert (np.diff(colours[:, :3] @ [0.3, 0.59, 0.11]) > 0).all()


def test_zeros_of_the_truth_are_left_out_and_zeros_of_a_model_lie_at_the_end():
    ratios = shown(log_ratios([[0.5, 0.5, 0]], {"a": [[0, 0.75, 0.25]]}, limit=2).axes[0])
    assert np.ma.getmaskarray(ratios).tolist() == [[False, False, True]]
    np.testing.assert_allclose(ratios[0, :2], [-2, np.log(1.5)])


def test_equal_tables_have_a_scale():
    (truth,) = tables(1)
    assert log_ratios(truth, {"same": truth}).axes[0].images[0].get_clim() == (-1, 1)


def test_slices_are_conditionals():
    truth, one, other = tables(3)
    figure = slices(truth, {"one": one, "other": other}, at=[2, 5], title="T")
    for axes, x1 in zip(figure.axes, [2, 5], strict=True):
        assert axes.get_title() == f"x1 = {x1}"
        assert [line.get_label() for line in axes.lines] == ["truth", "one", "other"]
        for line, table in zip(axes.lines, (truth, one, other), strict=True):
            np.testing.assert_array_equal(line.get_xdata(), np.arange(9))
            np.testing.assert_allclose(line.get_ydata(), table[x1] / table[x1].sum())
        assert axes.lines[0].get_linewidth() > 2 * axes.lines[1].get_linewidth()
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "x2"]
    assert len(figure.legends[0].get_texts()) == 3


def test_a_model_has_the_colour_that_it_is_given():
    truth, one, other = tables(3)
    usual = [line.get_color() for line in slices(truth, {"one": one, "other": other}, at=[2]).axes[0].lines]
    (axes,) = slices(truth, {"other": other}, at=[2], colours={"other": 1}).axes
    assert [line.get_color() for line in axes.lines] == [usual[0], usual[2]]


def test_ragged_lines_lie_under_the_truth_and_do_not_stretch_the_axis():
    truth = np.full((2, 50), 0.01)
    ragged = np.zeros((2, 50))
    ragged[:, ::10] = 0.1
    figure = slices(truth + np.linspace(0, 1e-6, 50), {"smooth": truth, "ragged": ragged}, at=[0])
    true, smooth, wild = figure.axes[0].lines
    assert wild.get_zorder() < true.get_zorder() < smooth.get_zorder()
    assert figure.axes[0].get_ylim()[1] < 0.05


GOOD = [[0.25, 0.25], [0.5, 0.0]]


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: joint_tables({}), "1 to 8 tables"),
        (lambda: joint_tables(dict.fromkeys("abcdefghi", GOOD)), "got 9"),
        (lambda: joint_tables({"a": GOOD}, columns=0), "columns must be at least 1"),
        (lambda: joint_tables({"a": [0.5, 0.5]}), "'a' must have shape"),
        (lambda: joint_tables({"a": GOOD, "b": [[0.5, 0.5]]}), "'b' has shape"),
        (lambda: joint_tables({"a": [[3, 4]]}), "'a' must hold probabilities: none below 0, sum 1"),
        (lambda: joint_tables({"a": [[1.5, -0.5]]}), "'a' must hold probabilities"),
        (lambda: joint_tables({"a": [[np.nan, 0.5]]}), "'a' must hold probabilities"),
        (lambda: log_ratios(GOOD, {"a": [[1.0]]}), "'a' has shape"),
        (lambda: log_ratios([[2.0]], {"a": [[1.0]]}), "'truth' must hold"),
        (lambda: log_ratios(GOOD, {"a": GOOD}, limit=0), "limit must be"),
        (lambda: slices(GOOD, {"a": GOOD}, at=[]), "each of 0..1"),
        (lambda: slices(GOOD, {"a": GOOD}, at=[2]), r"each of 0..1, got \[2\]"),
        (lambda: slices(GOOD, {"a": [[1, 0], [0, 0]]}, at=[1]), "'a' gives x1 = 1 no probability"),
    ],
)
def test_bad_input_is_named(draw, says):
    with pytest.raises(InputError, match=says) as caught:
        draw()
    assert "\n" not in str(caught.value)
