"""Networks drawn as circles and lines, coloured by what each unit depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.plots.style import LETTERS, TITLE, degree_colours, new_figure
from made.support.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["network"]

_Bools = NDArray[np.bool_]
_Ints = NDArray[np.int_]
_Colour = tuple[float, float, float]

_MOST_UNITS = 24  # in a layer; more circles than that cannot be told apart
_MOST_LABELS = 6  # variables that a legend still names; above, a colour bar
_RADIUS = 0.3
_STYLES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))


def network(
    input_ranks: ArrayLike,
    degrees: Sequence[ArrayLike] | None,
    masks: Sequence[ArrayLike],
    *,
    direct: ArrayLike | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    """The network: inputs at the bottom, outputs on top, and only the active connections between.

    Units and connections carry the colour of the highest rank that they depend on through active paths, read
    from the masks themselves and not from the degrees: the darker, the later. White depends on no variable.
    An input from which no active path leads to an output is hollow and dashed. Masks of ones draw the
    autoencoder without masks. Context features, of rank 0, are inputs that are no variables.

    Parameters
    ----------
    input_ranks : array_like of int, shape (D_in,)
        Rank, counted from 1, of the variable that each input feature belongs to; 0 for a context feature.
    degrees : sequence of array_like of int, or None
        m(k) of the units of each hidden layer, written inside the circles; None leaves them blank.
    masks : sequence of array_like of 0 and 1, shapes (outputs, inputs)
        One for each layer of weights, from the inputs upwards.
    direct : array_like of 0 and 1, shape (outputs, D_in), optional
        Mask of connections from the inputs straight to the outputs.
    input_names, output_names : sequence of str, optional
        What stands under the inputs and over the outputs; x and x-hat with a number by default, and c with
        one for context.
    title : str, optional
        Over the drawing.

    Returns
    -------
    Figure
        Each connection is a patch whose ``gid`` is ``"connection <layer> <from> <to>"``, each unit one whose
        ``gid`` is ``"unit <layer> <place>"``, all counted from 0; direct ones have the layer ``direct``.

    Raises
    ------
    InputError
        If the shapes do not fit each other, or a layer has more than 24 units.

    References
    ----------
    M. Germain, K. Gregor, I. Murray, H. Larochelle, "MADE: Masked Autoencoder for Distribution Estimation",
    ICML 2015, arXiv 1502.03509, figure 1.

    Examples
    --------
    >>> into_hidden, into_outputs = [[1, 0], [1, 0]], [[0, 0], [1, 1]]
    >>> figure = network([1, 2], [[1, 1]], [into_hidden, into_outputs])
    >>> sum((patch.get_gid() or "").startswith("connection") for patch in figure.axes[0].patches)
    4
    """
    net = _checked_network(input_ranks, degrees, masks, direct)
    inputs = _names(input_names, net.sizes[0], _input_names(net.ranks), "input")
    of_variables = [name for name, rank in zip(inputs, net.ranks.tolist(), strict=True) if rank > 0]
    hats = [name.replace("$x_", r"$\hat{x}_") for name in of_variables]
    numbered = [rf"$\hat{{x}}_{{{unit + 1}}}$" for unit in range(net.sizes[-1])]
    outputs = _names(output_names, net.sizes[-1], hats if len(hats) == net.sizes[-1] else numbered, "output")

    widest = max(net.sizes)
    figure = new_figure(max(5.2, 0.62 * widest + 0.8), 1.5 + 1.45 * len(net.sizes))
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_aspect("equal")
    sheet = _Sheet(axes, net, degree_colours(int(net.ranks.max())))
    sheet.draw_connections()
    sheet.draw_units()
    sheet.write_names(inputs, outputs)
    axes.set_title(title or "", fontsize=TITLE)
    if net.ranks.max() <= _MOST_LABELS:
        _legend(figure, net, sheet.colours, inputs)
    else:
        _colour_bar(figure, sheet.colours, "context alone" if (net.ranks == 0).any() else "none")
    return figure


@dataclass(frozen=True)
class _Net:
    """A checked network and what follows from its masks."""

    ranks: _Ints
    degrees: list[_Ints] | None
    masks: list[_Bools]
    direct: _Bools | None
    sees: list[_Bools]  # per layer, (units, D_in): which inputs a unit depends on through active paths
    used: _Bools  # (D_in,): whether an active path leads from the input to some output

    @property
    def sizes(self) -> list[int]:
        return [len(self.ranks), *(len(mask) for mask in self.masks)]

    def highest(self, layer: int) -> _Ints:
        """Highest rank that each unit of the layer depends on, 0 for none."""
        highest: _Ints = (self.sees[layer] * self.ranks).max(axis=1)
        return highest


def _checked_network(
    input_ranks: ArrayLike, degrees: Sequence[ArrayLike] | None, masks: Sequence[ArrayLike], direct: object
) -> _Net:
    ranks = np.asarray(input_ranks)
    if ranks.ndim != 1 or ranks.size == 0 or ranks.dtype.kind not in "iu" or ranks.min() < 0:
        raise InputError(
            "input_ranks must be a list of whole numbers, one per input: counted from 1, or 0 for context"
        )
    if ranks.max() == 0:
        raise InputError("input_ranks are all 0, which is context: a network needs at least one variable")
    active = [np.asarray(mask) != 0 for mask in masks]
    if not active:
        raise InputError("a network needs at least one mask, got none")
    below = len(ranks)
    for layer, mask in enumerate(active):
        if mask.ndim != 2 or mask.shape[1] != below or mask.shape[0] == 0:
            raise InputError(f"mask {layer} must have shape (outputs, {below}), got {mask.shape}")
        below = len(mask)
    if max(len(ranks), *(len(mask) for mask in active)) > _MOST_UNITS:
        raise InputError(
            f"a layer has more than {_MOST_UNITS} units, too many circles to read: "
            "draw mask_matrices(masks) instead"
        )
    numbers = None if degrees is None else [np.asarray(degree) for degree in degrees]
    if numbers is not None and [d.shape for d in numbers] != [(len(mask),) for mask in active[:-1]]:
        raise InputError(
            f"degrees must hold one number per hidden unit: {[len(mask) for mask in active[:-1]]}"
        )
    straight = None if direct is None else np.asarray(direct) != 0
    if straight is not None and straight.shape != (below, len(ranks)):
        raise InputError(f"direct must have shape ({below}, {len(ranks)}), got {straight.shape}")
    sees: list[_Bools] = [np.eye(len(ranks), dtype=bool)]
    for mask in active:
        sees.append(mask @ sees[-1])  # a product of truth values: or of ands
    if straight is not None:
        sees[-1] = sees[-1] | straight
    used: _Bools = np.any(sees[-1], axis=0, keepdims=True)[0]
    return _Net(ranks.astype(np.int_), numbers, active, straight, sees, used)


def _input_names(ranks: _Ints) -> list[str]:
    """Return the names of variables, and c1, c2, ... by place for context."""
    of_variables, of_context = iter(_variable_names(ranks[ranks > 0])), count(1)
    return [next(of_variables) if rank > 0 else f"$c_{{{next(of_context)}}}$" for rank in ranks.tolist()]


def _variable_names(ranks: _Ints) -> list[str]:
    """x1, x2, ... by place; features that repeat a rank, as one-hot ones do, share one variable's number."""
    if len(set(ranks.tolist())) == len(ranks):
        numbers = list(range(1, len(ranks) + 1))
    else:
        first_seen = {rank: number + 1 for number, rank in enumerate(dict.fromkeys(ranks.tolist()))}
        numbers = [first_seen[rank] for rank in ranks.tolist()]
    return [f"$x_{{{number}}}$" for number in numbers]


def _names(given: Sequence[str] | None, size: int, default: list[str], what: str) -> list[str]:
    if given is None:
        return default
    if len(given) != size:
        raise InputError(f"{size} {what}s need {size} names, got {len(given)}")
    return list(given)


class _Sheet:
    """Where everything goes on the axes: layer l at height l, units one apart and centred."""

    def __init__(self, axes: Axes, net: _Net, colours: list[_Colour]) -> None:
        self.axes = axes
        self.net = net
        self.colours = colours
        # Wide layers stand further apart, or their connections would run nearly level.
        self.rise = max(1.8, 0.18 * max(net.sizes))
        self.last = len(net.sizes) - 1
        half_width = (max(net.sizes) - 1) / 2 + (0.9 if net.direct is None else 1.6)
        axes.set_xlim(-half_width, half_width)
        axes.set_ylim(-0.9, self.last * self.rise + 0.9)

    def place(self, layer: int, unit: int) -> tuple[float, float]:
        return unit - (self.net.sizes[layer] - 1) / 2, layer * self.rise

    def draw_connections(self) -> None:
        for layer, mask in enumerate(self.net.masks):
            highest = self.net.highest(layer)
            for to, source in np.argwhere(mask).tolist():
                ends = [self.place(layer, source), self.place(layer + 1, to)]
                self._line(ends, int(highest[source]), f"connection {layer} {source} {to}")
        if self.net.direct is None:
            return
        side = (max(self.net.sizes) - 1) / 2 + 1.2
        for to, source in np.argwhere(self.net.direct).tolist():
            (x0, y0), (x1, y1) = self.place(0, source), self.place(self.last, to)
            # Around the hidden units rather than through them.
            edge = side if x0 + x1 >= 0 else -side
            ends = [(x0, y0), (edge, y0 + 0.3 * (y1 - y0)), (edge, y1 - 0.3 * (y1 - y0)), (x1, y1)]
            self._line(ends, int(self.net.ranks[source]), f"connection direct {source} {to}")

    def _line(self, points: list[tuple[float, float]], rank: int, gid: str) -> None:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        codes = [Path.MOVETO, Path.LINETO] if len(points) == 2 else [Path.MOVETO] + [Path.CURVE4] * 3
        crowd = max(self.net.sizes)
        line = PathPatch(
            Path(points, codes),
            facecolor="none",
            edgecolor=self.colours[rank] if rank else "0.7",
            linestyle=_STYLES[(rank - 1) % len(_STYLES)] if rank else "-",
            linewidth=2.0 if crowd <= 8 else 1.1,
            zorder=1,
        )
        line.set_gid(gid)
        self.axes.add_patch(line)

    def draw_units(self) -> None:
        from matplotlib.patches import Circle

        for layer, size in enumerate(self.net.sizes):
            for unit, rank in zip(range(size), self.net.highest(layer).tolist(), strict=True):
                hollow = layer == 0 and not self.net.used[unit]
                colour = self.colours[rank]
                circle = Circle(
                    self.place(layer, unit),
                    _RADIUS,
                    facecolor="white" if hollow else colour,
                    edgecolor=colour if hollow else ("0.35" if rank == 0 else "black"),
                    linestyle=(0, (3, 2)) if hollow else "-",
                    linewidth=2.2 if hollow else 1.2,
                    zorder=2,
                )
                circle.set_gid(f"unit {layer} {unit}")
                self.axes.add_patch(circle)
                if self.net.degrees is not None and 0 < layer < self.last:
                    dark = float(np.dot(colour, (0.30, 0.59, 0.11))) < 0.5  # as the eye weighs them
                    self._write(
                        self.place(layer, unit),
                        str(self.net.degrees[layer - 1][unit]),
                        "white" if dark else "black",
                    )

    def write_names(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        for unit, name in enumerate(inputs):
            x, y = self.place(0, unit)
            self._write((x, y - 0.6), name, "black")
        for unit, name in enumerate(outputs):
            x, y = self.place(self.last, unit)
            self._write((x, y + 0.6), name, "black")

    def _write(self, place: tuple[float, float], text: str, colour: str) -> None:
        self.axes.text(
            *place,
            text,
            ha="center",
            va="center",
            fontsize=LETTERS + 1,
            color=colour,
            zorder=3,
            clip_on=False,
        )


def _legend(figure: Figure, net: _Net, colours: list[_Colour], names: Sequence[str]) -> None:
    """One entry for each degree that occurs above the inputs, and one for hollow inputs."""
    from matplotlib.lines import Line2D

    dot = {"marker": "o", "markersize": 13, "markeredgecolor": "black", "linewidth": 2}
    handles = []
    for rank, label in _dependences(net, names).items():
        style = _STYLES[(rank - 1) % len(_STYLES)] if rank else "none"
        look: dict[str, Any] = {**dot, "color": colours[rank], "linestyle": style}
        handles.append(Line2D([], [], label=label, **look))
    if not net.used.all():
        look = {**dot, "markerfacecolor": "white", "markeredgecolor": "0.4", "linestyle": "none"}
        look |= {"marker": "$\u25cc$", "markersize": 16}
        handles.append(Line2D([], [], label="input nobody uses", **look))
    figure.legend(
        handles=handles, loc="outside lower center", fontsize=LETTERS, frameon=False, handlelength=3.2
    )


def _dependences(net: _Net, names: Sequence[str]) -> dict[int, str]:
    """What the units of each colour depend on, in words: highest rank -> text."""
    seen: dict[int, set[tuple[bool, ...]]] = {}
    for layer in range(1, len(net.sizes)):
        for rank, row in zip(net.highest(layer).tolist(), net.sees[layer].tolist(), strict=True):
            seen.setdefault(rank, set()).add(tuple(row))
    of_rank = dict(zip(net.ranks.tolist(), names, strict=True))
    words = {}
    for rank in sorted(seen):
        shared = sorted(set(net.ranks[list(next(iter(seen[rank])))].tolist()) - {0})
        on_context = any(np.array(row)[net.ranks == 0].any() for row in seen[rank])
        if rank == 0:
            words[rank] = "depends on the context alone" if on_context else "depends on no input"
        elif len({tuple(np.array(row)[net.ranks > 0]) for row in seen[rank]}) == 1:
            words[rank] = "depends on " + ", ".join(of_rank[r] for r in shared) + " + context" * on_context
        else:
            words[rank] = f"depends on {of_rank[rank]} and some before it" + " + context" * on_context
    return words


def _colour_bar(figure: Figure, colours: list[_Colour], zero: str) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.ticker import MaxNLocator

    highest = len(colours) - 1
    norm = BoundaryNorm(np.arange(-0.5, highest + 1), len(colours))
    bar = figure.colorbar(
        ScalarMappable(norm, ListedColormap(colours)), ax=figure.axes[0], shrink=0.75, aspect=25, pad=0.02
    )
    bar.ax.yaxis.set_major_locator(MaxNLocator(min(10, highest + 1), integer=True))
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=LETTERS - 2)
    bar.set_label(f"highest rank it depends on (0: {zero})", fontsize=LETTERS)
