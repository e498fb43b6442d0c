"""How training went: the loss of each mini-batch and the validation NLL of each epoch on one axis."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.plots.lines import draw_horizontals
from made.plots.style import LETTERS, grow_letters, new_figure
from made.support.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["loss_curve"]

_Floats = NDArray[np.float64]

_TRAIN = "#8fb8de"
_TRAIN_MEAN = "#1f5a94"
_VALID = "#b5400a"


def loss_curve(
    batch_steps: ArrayLike,
    batch_losses: ArrayLike,
    epoch_steps: ArrayLike,
    valid_nll: ArrayLike,
    *,
    baselines: Mapping[str, float] = MappingProxyType({}),
    best_step: int | None = None,
    title: str = "Training",
    axes: Axes | None = None,
) -> Figure:
    """Training loss per mini-batch and validation NLL per epoch, over optimizer steps.

    The vertical range fits the validation points, the baselines and the bulk of the losses; the steep
    fall of the first steps may leave it at the top.

    Parameters
    ----------
    batch_steps : array_like of int, shape (b,)
        The optimizer step of each loss.
    batch_losses : array_like of float, shape (b,)
        Loss of each mini-batch, in nats per row. Drawn thin, with a running mean on top.
    epoch_steps : array_like of int, shape (e,)
        The optimizer step at which each validation took place.
    valid_nll : array_like of float, shape (e,)
        Validation NLL in nats per row; may be empty.
    baselines : mapping of str to float, optional
        Name and NLL, in nats per row, of what the figure is held against: dashed horizontal lines.
    best_step : int, optional
        Which of ``epoch_steps`` is marked as best; the one of the lowest NLL by default.
    title : str, optional
        Over the axes.
    axes : Axes, optional
        Where to draw, with what the lines are inside; by default on a figure of its own.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If steps and values differ in length, nothing is given, or ``best_step`` is none of ``epoch_steps``.

    Examples
    --------
    >>> figure = loss_curve([1, 2, 3], [9.0, 7.0, 6.0], [2, 3], [6.5, 6.0], baselines={"marginals": 9.2})
    >>> figure.axes[0].get_ylabel()
    'nats per row'
    """
    steps, losses = _checked("batch_steps", batch_steps, "batch_losses", batch_losses)
    valid_steps, nll = _checked("epoch_steps", epoch_steps, "valid_nll", valid_nll)
    if not steps.size and not valid_steps.size:
        raise InputError("a loss curve needs at least one mini-batch loss or one validation NLL, got none")
    is_own = axes is None
    axes = new_figure(7.5, 5.4).subplots() if axes is None else axes
    half = min(steps.size // 80, 250)
    if half:
        axes.plot(steps, losses, color=_TRAIN, linewidth=0.7, alpha=0.8, label="mini-batch loss")
        mean = _running_mean(losses, half)
        axes.plot(steps, mean, color=_TRAIN_MEAN, linewidth=1.8, label="mini-batch loss, running mean")
    elif steps.size:
        axes.plot(steps, losses, color=_TRAIN_MEAN, linewidth=1.2, label="mini-batch loss")
    if nll.size:
        axes.plot(valid_steps, nll, "o-", color=_VALID, markersize=5, linewidth=1.2, label="validation NLL")
        _mark_best(axes, valid_steps, nll, best_step)
    elif best_step is not None:
        raise InputError(f"best_step is {best_step}, but there is no validation NLL to mark")
    axes.set_ylim(*_vertical_range(losses, nll, baselines))
    axes.margins(x=0.02)
    draw_horizontals(axes, baselines)
    grow_letters(axes, x="optimizer steps", y="nats per row", title=title)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure = axes.get_figure(root=True)
    assert figure is not None
    if is_own:
        legend = figure.legend(loc="outside lower center", ncols=2, fontsize=LETTERS - 1, frameon=False)
    else:
        legend = axes.legend(loc="upper right", fontsize=LETTERS - 3)
    for line in legend.get_lines():
        line.set_linewidth(2.0)
    return figure


def _checked(name: str, steps: ArrayLike, values_name: str, values: ArrayLike) -> tuple[_Floats, _Floats]:
    x, y = np.asarray(steps, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise InputError(
            f"{name} and {values_name} must be lists of the same length, got {x.shape} and {y.shape}"
        )
    return x, y


def _running_mean(values: _Floats, half: int) -> _Floats:
    """Mean over a centred window of 2 half + 1 steps; a trailing one would lag behind the steps."""
    finite = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    places = np.arange(len(values))
    # At the start the window shrinks on both sides alike, or the steep fall would be drawn too low. At the
    # end only its right side does, or the curve would end as noisy as a single mini-batch.
    half_window = np.minimum(half, places)
    begin, end = places - half_window, np.minimum(places + half_window + 1, len(values))
    taken = counts[end] - counts[begin]
    mean: _Floats = (sums[end] - sums[begin]) / np.where(taken, taken, np.nan)
    return mean


def _mark_best(axes: Axes, steps: _Floats, nll: _Floats, best_step: int | None) -> None:
    if best_step is None:
        if not np.isfinite(nll).any():
            return
        place = int(np.nanargmin(np.where(np.isfinite(nll), nll, np.nan)))
    else:
        found = np.flatnonzero(steps == best_step)
        if not found.size:
            raise InputError(f"best_step is {best_step}, which is none of epoch_steps")
        place = int(found[0])
    axes.axvline(steps[place], color=_VALID, linewidth=1.0, linestyle=":", zorder=1)
    axes.plot(
        steps[place : place + 1],
        nll[place : place + 1],
        "*",
        color="#ffcf3f",
        markeredgecolor="black",
        markersize=17,
        zorder=5,
        label=f"best: {nll[place]:.2f} at step {steps[place]:,.0f}",
    )


def _vertical_range(losses: _Floats, nll: _Floats, baselines: Mapping[str, float]) -> tuple[float, float]:
    """Limits that a spike, or the fall of the first steps, cannot stretch."""
    losses = losses[np.isfinite(losses)]
    settled = losses[len(losses) // 50 :]  # the first fiftieth is the fall
    held = [value for value in baselines.values() if np.isfinite(value)]
    low = [*np.quantile(settled, [0.002]), *held] if settled.size else held
    high = [*np.quantile(settled, [0.99]), *held] if settled.size else held
    finite = nll[np.isfinite(nll)]
    if finite.size:
        low = [*low, finite.min()]
        # One wild epoch among many is a spike as well; a handful of epochs are all shown.
        high = [*high, np.quantile(finite, 0.95) if finite.size >= 20 else finite.max()]
        high = [*high, finite[-1]] if finite.size < 20 else high
    if not low:
        return 0.0, 1.0
    bottom, top = float(min(low)), float(max(high))
    margin = 0.06 * (top - bottom) or 0.05 * abs(top) or 1.0
    return bottom - margin, top + 1.5 * margin
