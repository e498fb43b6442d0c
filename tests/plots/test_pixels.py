"""Predecessors and surprise: the right pixels in the right colour, the right nats under the right image."""

from __future__ import annotations

import numpy as np
import pytest

from made.plots import predecessors, surprise
from made.support.errors import InputError


def test_only_predecessors_are_blue_and_all_later_pixels_hatched():
    rng = np.random.default_rng(0)
    ordering, variable = rng.permutation(12), 7
    rank = int(np.flatnonzero(ordering == variable)[0])
    figure = predecessors(rng.integers(2, size=12), ordering, variable, (3, 4))
    axes = figure.axes[0]
    red, _, blue = np.moveaxis(np.asarray(axes.images[0].get_array()), -1, 0).reshape(3, 12)
    assert set(np.flatnonzero(blue > red + 0.1)) == set(ordering[:rank])
    assert np.flatnonzero(red > blue + 0.5).tolist() == [variable]
    (hatching,) = [artist for artist in axes.collections if artist.get_gid() == "hidden"]
    corners = [path.vertices.min(axis=0) + 0.5 for path in hatching.get_paths()]
    assert {int(4 * y + x) for x, y in corners} == set(ordering[rank + 1 :])
    assert hatching.get_hatch()


def test_the_image_shows_through_the_blue():
    image = np.array([0, 1, 1, 0])
    shown = predecessors(image, [0, 1, 2, 3], 3, (2, 2)).axes[0].images[0].get_array().sum(axis=-1).ravel()
    assert shown[1] == shown[2] > shown[0]


@pytest.mark.parametrize(
    ("rank", "word"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (21, "21st")]
)
def test_the_title_names_the_rank(rank, word):
    figure = predecessors(np.zeros(25), np.arange(25), rank - 1, (5, 5))
    assert f"the {word} of 25" in figure.axes[0].get_title()


@pytest.mark.parametrize(
    ("ordering", "variable", "says"),
    [
        ([0, 1, 2, 2], 0, "permutation"),
        ([0, 1, 2], 0, "permutation"),
        ([0, 1, 2, 3], 4, "variable must be one of"),
    ],
)
def test_bad_orderings_are_named(ordering, variable, says):
    with pytest.raises(InputError, match=says):
        predecessors(np.zeros(4), ordering, variable, (2, 2))


@pytest.mark.parametrize("n", [1, 3, 10, 13])
def test_each_map_lies_under_its_image(n):
    rng = np.random.default_rng(n)
    images, nll = rng.integers(2, size=(n, 6)), rng.random((n, 6))
    figure = surprise(images, nll, (2, 3))
    across = min(n, 10)
    panels = figure.axes[:-1]
    for place in range(n):
        line, column = divmod(place, across)
        above, below = panels[2 * line * across + column], panels[(2 * line + 1) * across + column]
        np.testing.assert_array_equal(above.images[0].get_array().ravel(), images[place])
        np.testing.assert_array_equal(below.images[0].get_array().ravel(), nll[place])
        assert above.get_title() == f"{nll[place].sum():.1f} nats"
    assert figure.axes[-1].get_ylabel() == "nats per pixel"
    assert len({below.images[0].get_clim() for below in panels[across : across + min(n, across)]}) == 1


def test_images_and_nats_must_match():
    with pytest.raises(InputError, match="2 rows need as many"):
        surprise(np.zeros((2, 4)), np.zeros((1, 4)), (2, 2))
