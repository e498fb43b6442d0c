"""NLL against the number of masks: both curves, doublings at equal distances, and what is wrong with one."""

from __future__ import annotations

import numpy as np
import pytest

from made.plots import masks_averaged
from made.support.errors import InputError

COUNTS, RIGHT, WRONG = [1, 2, 4, 16], [90.0, 89.0, 88.5, 88.3], [90.0, 87.0, 85.0, 84.0]


def test_two_curves_with_their_names():
    figure = masks_averaged(COUNTS, RIGHT, WRONG, title="T")
    axes = figure.axes[0]
    right, wrong = axes.lines
    assert right.get_xdata().tolist() == wrong.get_xdata().tolist() == COUNTS
    assert right.get_ydata().tolist() == RIGHT
    assert wrong.get_ydata().tolist() == WRONG
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "mixture of the masks",
        "logits averaged: not a distribution",
    ]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("masks averaged", "nats per row", "T")
    low, high = axes.get_ylim()
    assert low < 84 < 90 < high


def test_the_numbers_of_masks_are_the_ticks():
    figure = masks_averaged(COUNTS, RIGHT, WRONG)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "2", "4", "16"]
    places = [axes.transData.transform((count, 0))[0] for count in COUNTS]
    assert places[3] - places[2] == pytest.approx(2 * (places[1] - places[0]))
    many = np.arange(1, 101)
    ticks = masks_averaged(many, many, many).axes[0].get_xticks()
    assert len(ticks) <= 12
    assert ticks[0] == 1


def test_the_standard_error_is_a_band():
    figure = masks_averaged(COUNTS, RIGHT, WRONG, mixture_se=[0.5] * 4, logits_are="odd")
    (band,) = figure.axes[0].collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (87.8, 90.5)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["mixture of the masks, ± standard error", "logits averaged: odd"]


def test_a_single_row_has_no_band_and_a_single_number_a_place():
    figure = masks_averaged([3], [90.0], [89.0], mixture_se=[np.nan])
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert "error" not in axes.lines[0].get_label()
    low, high = axes.get_xlim()
    assert low < 3 < high
    assert np.isfinite(axes.get_ylim()).all()


@pytest.mark.parametrize(
    ("counts", "right", "wrong", "options", "says"),
    [
        ([], [], [], {}, "at least one"),
        ([0, 1], [1, 2], [1, 2], {}, "ascending numbers of masks"),
        ([2, 1], [1, 2], [1, 2], {}, "ascending numbers of masks"),
        ([1, 2], [1], [1, 2], {}, "mixture needs one number per count"),
        ([1, 2], [1, 2], [1], {}, "logits needs one number per count"),
        ([1, 2], [1, 2], [1, 2], {"mixture_se": [1]}, "mixture_se needs one number per count"),
    ],
)
def test_bad_input_is_named(counts, right, wrong, options, says):
    with pytest.raises(InputError, match=says) as caught:
        masks_averaged(counts, right, wrong, **options)
    assert "\n" not in str(caught.value)
