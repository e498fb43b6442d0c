"""The drawn network: active connections only, coloured by what the masks let through."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from made.plots import network
from made.plots.style import degree_colours
from made.support.errors import InputError

# The worked example of the seed, M^W as corrected in its errata.
RANKS, DEGREES = [1, 2, 3], [[1, 2, 1, 2]]
INTO_HIDDEN = [[1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 1, 0]]
INTO_OUTPUTS = [[0, 0, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1]]


def by_gid(figure, kind):
    patches = (patch for patch in figure.axes[0].patches if (patch.get_gid() or "").startswith(kind))
    return {patch.get_gid(): patch for patch in patches}


def degree_of(patch, highest, edge=False):
    """Which degree's colour the patch carries."""
    colour = to_rgb(patch.get_edgecolor() if edge else patch.get_facecolor())
    return degree_colours(highest).index(colour)


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_exactly_the_active_weights_are_drawn():
    figure = network(RANKS, DEGREES, [INTO_HIDDEN, INTO_OUTPUTS])
    expected = {
        f"connection {layer} {source} {to}"
        for layer, mask in enumerate([INTO_HIDDEN, INTO_OUTPUTS])
        for to, source in np.argwhere(mask).tolist()
    }
    assert set(by_gid(figure, "connection")) == expected
    assert len(expected) == 6 + 6


def test_a_connection_runs_from_unit_to_unit_and_layers_rise():
    figure = network(RANKS, DEGREES, [INTO_HIDDEN, INTO_OUTPUTS])
    units = by_gid(figure, "unit")
    assert len(units) == 3 + 4 + 3
    ends = by_gid(figure, "connection 0 1 3")["connection 0 1 3"].get_path().vertices
    np.testing.assert_allclose(ends, [units["unit 0 1"].center, units["unit 1 3"].center])
    heights = [units[f"unit {layer} 0"].center[1] for layer in range(3)]
    assert heights == sorted(set(heights))


def test_the_worked_example_is_coloured_by_dependence():
    figure = network(RANKS, DEGREES, [INTO_HIDDEN, INTO_OUTPUTS])
    units = by_gid(figure, "unit")
    assert [degree_of(units[f"unit 1 {k}"], 3) for k in range(4)] == [1, 2, 1, 2]
    assert [degree_of(units[f"unit 2 {d}"], 3) for d in range(3)] == [0, 1, 2]
    assert degree_of(by_gid(figure, "connection 1 1 2")["connection 1 1 2"], 3, edge=True) == 2
    unused = units["unit 0 2"]
    assert to_rgb(unused.get_facecolor()) == (1.0, 1.0, 1.0)
    assert unused.get_linestyle() != "-"
    assert legend(figure) == [
        "depends on no input", "depends on $x_{1}$", "depends on $x_{1}$, $x_{2}$", "input nobody uses",
    ]  # fmt: skip


def test_degrees_are_written_inside_and_names_outside():
    texts = [t.get_text() for t in network(RANKS, DEGREES, [INTO_HIDDEN, INTO_OUTPUTS]).axes[0].texts]
    assert texts[:4] == ["1", "2", "1", "2"]
    assert texts[4:7] == ["$x_{1}$", "$x_{2}$", "$x_{3}$"]
    assert texts[7:] == [r"$\hat{x}_{1}$", r"$\hat{x}_{2}$", r"$\hat{x}_{3}$"]
    named = network(
        RANKS, None, [INTO_HIDDEN, INTO_OUTPUTS], input_names=list("abc"), output_names=list("ABC")
    )
    assert [t.get_text() for t in named.axes[0].texts] == list("abcABC")


def test_masks_of_ones_draw_the_plain_autoencoder():
    figure = network(RANKS, None, [np.ones((4, 3)), np.ones((3, 4))])
    assert len(by_gid(figure, "connection")) == 24
    units = by_gid(figure, "unit")
    assert {degree_of(units[f"unit {layer} {k}"], 3) for layer in (1, 2) for k in range(3)} == {3}
    assert legend(figure) == ["depends on $x_{1}$, $x_{2}$, $x_{3}$"]


def test_colour_comes_from_the_masks_and_not_from_the_degrees():
    """A mask may be sparser than the rules allow: the second unit says 2 but sees only rank 1."""
    units = by_gid(network([1, 2], [[1, 2]], [[[1, 0], [1, 0]], [[0, 0], [1, 1]]]), "unit")
    assert degree_of(units["unit 1 1"], 2) == 1


def test_dependence_follows_active_paths_through_layers():
    first, second, last = [[1, 0], [0, 1]], [[0, 1], [0, 0]], [[1, 0], [0, 1]]
    units = by_gid(network([1, 2], None, [first, second, last]), "unit")
    assert [degree_of(units[f"unit 3 {d}"], 2) for d in range(2)] == [2, 0]
    assert to_rgb(units["unit 0 0"].get_facecolor()) == (1.0, 1.0, 1.0)  # its path ends in hidden layer 2


def test_direct_connections_count_as_paths():
    nothing = [np.zeros((2, 3)), np.zeros((3, 2))]
    figure = network([2, 1, 3], [[1, 2]], nothing, direct=[[0, 1, 0], [0, 0, 0], [1, 1, 0]])
    assert set(by_gid(figure, "connection")) == {
        "connection direct 1 0", "connection direct 0 2", "connection direct 1 2",
    }  # fmt: skip
    units = by_gid(figure, "unit")
    assert [degree_of(units[f"unit 2 {d}"], 3) for d in range(3)] == [1, 0, 2]


def test_one_hot_features_share_their_variable():
    ranks = [2, 2, 1, 1]
    texts = [t.get_text() for t in network(ranks, None, [np.ones((4, 4))]).axes[0].texts]
    assert texts[:4] == ["$x_{1}$", "$x_{1}$", "$x_{2}$", "$x_{2}$"]


# A row of x1 and x2 with one hidden unit of each degree, and two context features.
WITH_CONTEXT = [[0, 0, 1, 1], [1, 0, 1, 1]], [[1, 0], [1, 1]]


def test_context_is_no_variable():
    figure = network([1, 2, 0, 0], [[0, 1]], WITH_CONTEXT)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[:2] == ["0", "1"]
    assert texts[2:6] == ["$x_{1}$", "$x_{2}$", "$c_{1}$", "$c_{2}$"]
    assert texts[6:] == [r"$\hat{x}_{1}$", r"$\hat{x}_{2}$"]
    units = by_gid(figure, "unit")
    assert [degree_of(units[f"unit 1 {k}"], 2) for k in range(2)] == [0, 1]
    assert [degree_of(units[f"unit 2 {d}"], 2) for d in range(2)] == [0, 1]
    for place in (2, 3):
        assert units[f"unit 0 {place}"].get_linestyle() == "-"  # context is used
    assert units["unit 0 1"].get_linestyle() != "-"
    assert legend(figure) == [
        "depends on the context alone", "depends on $x_{1}$ + context", "input nobody uses",
    ]  # fmt: skip


def test_context_may_go_straight_to_the_outputs():
    nothing = [np.zeros((1, 3)), np.zeros((2, 1))]
    figure = network([1, 2, 0], [[1]], nothing, direct=[[0, 0, 1], [1, 0, 1]])
    assert set(by_gid(figure, "connection")) == {
        "connection direct 2 0", "connection direct 0 1", "connection direct 2 1",
    }  # fmt: skip
    assert legend(figure)[:2] == ["depends on the context alone", "depends on $x_{1}$ + context"]


def test_unused_context_is_not_depended_on():
    figure = network([1, 2, 0], None, [[[0, 0, 0], [1, 0, 0]]])
    assert legend(figure) == ["depends on no input", "depends on $x_{1}$", "input nobody uses"]
    assert by_gid(figure, "unit")["unit 0 2"].get_linestyle() != "-"


def test_the_colour_bar_says_what_0_means():
    ranks = [*range(1, 11), 0]
    figure = network(ranks, None, [np.hstack([np.tril(np.ones((10, 10)), -1), np.ones((10, 1))])])
    assert "0: context alone" in figure.axes[1].get_ylabel()


def test_many_variables_get_a_colour_bar():
    figure = network(np.arange(1, 11), None, [np.tril(np.ones((10, 10)), -1)])
    assert not figure.legends
    assert "highest rank it depends on (0: none)" in figure.axes[1].get_ylabel()


def test_colours_darken_with_the_degree():
    luminance = np.array(degree_colours(12)) @ [0.30, 0.59, 0.11]
    assert (np.diff(luminance) < 0).all()


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        ((RANKS, None, [np.ones((25, 3)), np.ones((3, 25))]), {}, "mask_matrices"),
        (([-1, 1], None, [np.ones((2, 2))]), {}, "input_ranks"),
        (([0, 0], None, [np.ones((2, 2))]), {}, "at least one variable"),
        ((RANKS, None, []), {}, "at least one mask"),
        ((RANKS, None, [np.ones((3, 4))]), {}, "mask 0 must have shape"),
        ((RANKS, [[1, 2]], [INTO_HIDDEN, INTO_OUTPUTS]), {}, "one number per hidden unit"),
        ((RANKS, None, [np.ones((3, 3))]), {"direct": np.ones((2, 3))}, "direct must have shape"),
        ((RANKS, None, [np.ones((3, 3))]), {"input_names": ["a"]}, "3 inputs need 3 names"),
    ],
)
def test_bad_input_is_named(arguments, options, says):
    with pytest.raises(InputError, match=says):
        network(*arguments, **options)
