"""Other distributions of the body of a numeric variable, in the place of made's mixture of normals.

Each is a density of u = G(x) on [0, 1], of which its share eps is the uniform one: the ratio of the density
of x to that of its marginal. Outputs of 0 are the marginal.

- bins: B of equal width, log-softmax of B outputs.
- spline: the derivative of a monotone rational-quadratic spline of K bins (Durkan et al. 2019), from
  widths, heights and slopes, 3 K + 1 outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from made.variables import normal_mixture, numeric, numeric_columns
from made.variables.numeric import INSIDE

__all__ = ["Kind", "bins", "in_place", "mixture", "spline"]

# Cells of less mass under the marginal are as good as points: their ends share most of their digits.
_NARROW = 1e-9
_LEAST_SIZE, _LEAST_SLOPE = 1e-3, 1e-3
# softplus of this is 1 - _LEAST_SLOPE: a slope of 1.
_UNIT_SLOPE = math.log(math.expm1(1 - _LEAST_SLOPE))

_LogDensity = Callable[[Tensor, Tensor, Tensor], Tensor]


class Kind(NamedTuple):
    """A distribution of bodies.

    Attributes
    ----------
    n_outputs
        Of the network, for a variable.
    log_mean
        Returns from outputs (..., n_outputs) the log of the mean density between two points (...,) of [0, 1];
        its derivative where they are closer than `_NARROW`. None: made's own.
    share
        eps.
    """

    n_outputs: int
    log_mean: _LogDensity | None
    share: float


def mixture() -> Kind:
    """Return made's own."""
    return Kind(normal_mixture.N_PARAMETERS, None, normal_mixture.SHARE)


def bins(n: int, share: float) -> Kind:
    """Return n bins."""
    return Kind(n, _log_mean_of_bins, share)


def spline(n: int, share: float = normal_mixture.SHARE) -> Kind:
    """Return a spline of n bins."""
    return Kind(3 * n + 1, partial(_log_mean_of_spline, n), share)


@contextmanager
def in_place(kind: Kind) -> Iterator[None]:
    """Have numeric variables made in the block use a kind of distribution; their models live no longer."""
    if kind.log_mean is None:
        yield
        return
    modules = (normal_mixture, numeric, numeric_columns)
    before = normal_mixture.N_PARAMETERS, normal_mixture.log_ratio, normal_mixture.outputs_of
    of_columns = numeric_columns.NumericColumns.log_ratio
    try:
        for module in modules:
            module.N_PARAMETERS = kind.n_outputs  # type: ignore[attr-defined]
        normal_mixture.log_ratio = partial(_log_ratio, kind)  # type: ignore[assignment]
        normal_mixture.outputs_of = lambda: torch.zeros(kind.n_outputs)  # type: ignore[assignment, misc]
        numeric_columns.NumericColumns.log_ratio = _of_columns  # type: ignore[method-assign]
        yield
    finally:
        for module in modules:
            module.N_PARAMETERS = before[0]  # type: ignore[attr-defined]
        _, normal_mixture.log_ratio, normal_mixture.outputs_of = before
        numeric_columns.NumericColumns.log_ratio = of_columns  # type: ignore[method-assign]


def _of_columns(
    columns: numeric_columns.NumericColumns, outputs: Tensor, scores: Tensor, **_how: bool
) -> tuple[Tensor, Tensor]:
    """Return what `NumericColumns.log_ratio` does, which has the gradient of the mixture by hand."""
    own = outputs.t()[:, columns.outputs].unflatten(1, (len(columns.columns), -1))
    z, width = scores[:, :, 0].to(own.dtype), scores[:, :, 1].to(own.dtype)
    ratio = normal_mixture.log_ratio(own, z, width if columns.scores.has_grid else None).t()
    if len(columns.inside) > 0:
        inside = [(i, z) for i, spikes in enumerate(columns.spike_scores) for z in spikes if abs(z) < INSIDE]
        owners, at = zip(*inside, strict=True)
        at_spikes = torch.tensor(at, dtype=own.dtype).expand(len(own), -1)
        of_spikes = normal_mixture.log_ratio(own[:, list(owners)], at_spikes, None)
        outputs = outputs.index_add(0, columns.inside, of_spikes.t())
    return ratio, outputs


def _log_ratio(kind: Kind, outputs: Tensor, z: Tensor, width: Tensor | None) -> Tensor:
    """Return what `normal_mixture.log_ratio` does, of another kind."""
    assert kind.log_mean is not None
    z = z.double()
    half = torch.zeros_like(z) if width is None else width.double() / 2
    low, high = torch.special.ndtr(z - half), torch.special.ndtr(z + half)
    own = kind.log_mean(outputs.double(), low, high)
    share = own.new_tensor(math.log(kind.share))
    return torch.logaddexp(own + math.log1p(-kind.share), share).to(outputs.dtype)


def _log_mean_of_bins(outputs: Tensor, low: Tensor, high: Tensor) -> Tensor:
    n = outputs.shape[-1]
    edges = torch.arange(n, dtype=outputs.dtype) / n
    low, high = low.unsqueeze(-1), high.unsqueeze(-1)
    overlap = torch.minimum(high, edges + 1 / n) - torch.maximum(low, edges)
    inside = ((low + high) / 2 * n).long().clamp(max=n - 1) == torch.arange(n)
    narrow = high - low < _NARROW
    share = torch.where(
        narrow, inside.to(outputs.dtype), overlap.clamp(min=0) / (high - low).clamp(min=_NARROW)
    )
    return torch.logsumexp(torch.log_softmax(outputs, -1) + share.log(), dim=-1) + math.log(n)


def _log_mean_of_spline(n: int, outputs: Tensor, low: Tensor, high: Tensor) -> Tensor:
    sizes = torch.softmax(outputs[..., : 2 * n].unflatten(-1, (2, n)), -1)
    sizes = _LEAST_SIZE + (1 - n * _LEAST_SIZE) * sizes
    knots = torch.nn.functional.pad(sizes.cumsum(-1), (1, 0))
    knots = torch.cat([knots[..., :-1], torch.ones_like(knots[..., :1])], dim=-1)
    x, y = knots.unbind(-2)
    slopes = _LEAST_SLOPE + torch.nn.functional.softplus(outputs[..., 2 * n :] + _UNIT_SLOPE)
    at_low, _ = _spline_at(x, y, slopes, low)
    at_high, _ = _spline_at(x, y, slopes, high)
    _, log_slope = _spline_at(x, y, slopes, (low + high) / 2)
    narrow = high - low < _NARROW
    apart = torch.where(narrow, 1.0, high - low)
    rise = torch.where(narrow, 1.0, (at_high - at_low).clamp(min=1e-300))
    return torch.where(narrow, log_slope, rise.log() - apart.log())


def _spline_at(x: Tensor, y: Tensor, slopes: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Return the value and the log derivative at points (...,) of splines with knots (..., K + 1)."""
    inner = x[..., 1:-1].contiguous()
    left = torch.searchsorted(inner, at.unsqueeze(-1).contiguous(), right=True)
    (x0, y0, d0), (x1, y1, d1) = (
        [part.gather(-1, left + side).squeeze(-1) for part in (x, y, slopes)] for side in (0, 1)
    )
    secant, place = (y1 - y0) / (x1 - x0), (at - x0) / (x1 - x0)
    both = place * (1 - place)
    below = secant + (d1 + d0 - 2 * secant) * both
    value = y0 + (y1 - y0) * (secant * place**2 + d0 * both) / below
    slope = secant**2 * (d1 * place**2 + 2 * secant * both + d0 * (1 - place) ** 2) / below**2
    return value, slope.log()
