"""The training curve: everything at its own step, and no spike in charge of the vertical range."""

from __future__ import annotations

import numpy as np
import pytest

from made.plots import loss_curve
from made.support.errors import InputError


def line(figure, label):
    (found,) = [line for line in figure.axes[0].lines if str(line.get_label()).startswith(label)]
    return found


STEPS = np.arange(1, 801)
LOSSES = 90 + 100 * np.exp(-STEPS / 50)
EPOCHS = np.arange(100, 801, 100)
VALID = np.array([130.0, 110, 100, 96, 95, 94, 95, 97])


def test_batches_and_epochs_stand_at_their_steps():
    figure = loss_curve(STEPS, LOSSES, EPOCHS, VALID)
    raw = figure.axes[0].lines[0]
    np.testing.assert_array_equal(raw.get_xdata(), STEPS)
    np.testing.assert_array_equal(raw.get_ydata(), LOSSES)
    valid = line(figure, "validation NLL")
    np.testing.assert_array_equal(valid.get_xdata(), EPOCHS)
    np.testing.assert_array_equal(valid.get_ydata(), VALID)
    assert figure.axes[0].get_xlabel() == "optimizer steps"
    assert figure.axes[0].get_ylabel() == "nats per row"


def test_the_running_mean_is_centred():
    figure = loss_curve(STEPS, STEPS.astype(float), [], [])
    mean = line(figure, "mini-batch loss, running mean")
    np.testing.assert_array_equal(mean.get_xdata(), STEPS)
    np.testing.assert_allclose(mean.get_ydata()[:790], STEPS[:790])  # of a straight line, the line itself


def test_losses_that_are_not_finite_do_not_spread():
    losses = LOSSES.copy()
    losses[400] = np.inf
    mean = line(loss_curve(STEPS, losses, [], []), "mini-batch loss, running mean").get_ydata()
    assert np.isfinite(mean).all()


def test_the_best_epoch_is_marked():
    star = line(loss_curve(STEPS, LOSSES, EPOCHS, VALID), "best")
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (600, 94.0)
    assert star.get_label() == "best: 94.00 at step 600"
    star = line(loss_curve(STEPS, LOSSES, EPOCHS, VALID, best_step=300), "best")
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (300, 100.0)


def test_the_first_steps_do_not_stretch_the_axis():
    spiked = LOSSES.copy()
    spiked[:10] = 1e6
    low, high = loss_curve(STEPS, spiked, EPOCHS, VALID).axes[0].get_ylim()
    assert high < 250
    assert low < 90
    assert high > VALID.max()


def test_baselines_are_labelled_lines_inside_the_range():
    axes = loss_curve(STEPS, LOSSES, EPOCHS, VALID, baselines={"marginals": 205.8, "Chow-Liu": 135.0}).axes[0]
    dashed = [line for line in axes.lines if line.get_linestyle() != "-" and len(set(line.get_ydata())) == 1]
    heights = {line.get_ydata()[0] for line in dashed if line.get_xdata()[0] == 0}
    assert {205.8, 135.0} <= heights
    assert {text.get_text() for text in axes.texts} == {"marginals 205.8", "Chow-Liu 135"}
    low, high = axes.get_ylim()
    assert low < 135 < 205.8 < high


def test_without_validation_there_is_no_star():
    figure = loss_curve(STEPS, LOSSES, [], [])
    assert not [line for line in figure.axes[0].lines if str(line.get_label()).startswith(("best", "valid"))]


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        (([1, 2], [1.0], [], []), {}, "same length"),
        (([1], [1.0], [1], []), {}, "epoch_steps and valid_nll"),
        (([], [], [], []), {}, "at least one"),
        (([1], [1.0], [1], [1.0]), {"best_step": 7}, "none of epoch_steps"),
        (([1], [1.0], [], []), {"best_step": 7}, "no validation"),
        (([1], [1.0], [], []), {"baselines": {"tree": np.nan}}, "'tree' is nan"),
    ],
)
def test_bad_input_is_named(arguments, options, says):
    with pytest.raises(InputError, match=says):
        loss_curve(*arguments, **options)
