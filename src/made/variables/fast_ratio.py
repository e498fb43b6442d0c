"""The density of bodies relative to their marginal, of all numeric columns at once; its gradient by hand.

Torch would keep what forty operations make, and go back through each of them. Here rows lie side by side, as
in `joint_softmax`, nothing is a logarithm but the result, and the gradient is made along with the value. The
plain twin is `normal_mixture.log_ratio`, which is exact for values beyond `FARTHEST` too.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from made.support.devices import OnDevices
from made.variables import normal_mixture
from made.variables.joint_softmax import as_slice
from made.variables.normal_mixture import BEND, LINEAR, N_COMPONENTS, NARROWEST, SHARE, WIDEST

__all__ = ["FARTHEST", "WIDE", "FastRatio"]

#: Normal scores up to here: densities relative to the marginal are then floats, in single precision too, and
#: what ends at `_LEAST` counts for nothing in the narrowest component. Spikes often lie beyond 6.
FARTHEST = 8.0
#: The mean over a cell less wide than this, in widths of a component, follows from derivatives in its middle.
WIDE = 0.05
_DENSITY = 1 / math.sqrt(2 * math.pi)
_SQRT_HALF = math.sqrt(0.5)
_RANGE = WIDEST - NARROWEST
# Logarithms of densities, and arguments of erfc, end here: what is smaller counts for nothing beside the
# share of the marginal, and numbers that are nearly 0 (subnormal) take a hundred times as long.
_LEAST, _FAR = -60.0, 8.0


class FastRatio(OnDevices):
    """The ratio of B columns, the first `n_points` of points and the others of cells, and at S spikes.

    Parameters
    ----------
    order : (3 K B,) int tensor
        Where the parameters of the columns are among the outputs, column by column.
    n_points : int
    owners, spikes : (S,) int tensor, (S,) float64 tensor
        The number of the column of each spike, in `order`, and its normal score.
    """

    def __init__(self, order: Tensor, n_points: int, owners: Tensor, spikes: Tensor) -> None:
        self.n_points = n_points
        self.owners, self.spikes = owners, spikes
        self._order, self._slice = order, as_slice(order)

    def log_ratio(
        self, outputs: Tensor, z: Tensor, width: Tensor, log_mean: Tensor, rest: Tensor | None = None
    ) -> Tensor:
        """Return what `normal_mixture.log_ratio` does, (B + S, n), twice differentiable.

        Parameters
        ----------
        outputs : (n_outputs, n) tensor
            Of the network: a column for each row.
        z : (B, n) tensor
            At most `FARTHEST` from 0.
        width, log_mean : (B - n_points, n) tensors
            Of the cells: their widths, and the logarithm of the mean standard normal density over each.
        rest : (B, n) tensor, optional
            What rounding took from z.
        """
        ratio: Tensor = _LogRatio.apply(outputs, z, width, log_mean, rest, self)  # type: ignore[no-untyped-call]
        return ratio

    def plain(self, outputs: Tensor, z: Tensor, width: Tensor, rest: Tensor | None = None) -> Tensor:
        """Return the same by way of its plain twin, for any z."""
        own = self.parameters(outputs).permute(0, 3, 1, 2).flatten(2)
        n = self.n_points
        of_points, of_cells = (None, None) if rest is None else (rest[:n], rest[n:])
        points = normal_mixture.log_ratio(own[:n], z[:n], None, of_points)
        cells = normal_mixture.log_ratio(own[n:], z[n:], width, of_cells)
        at, left = (part[:, None].expand(-1, z.shape[1]) for part in self.spikes_in(z.dtype))
        return torch.cat([points, cells, normal_mixture.log_ratio(own[self.owners], at, None, left)])

    def plain_at(
        self, columns: Tensor, rows: Tensor, outputs: Tensor, z: Tensor, width: Tensor, rest: Tensor
    ) -> Tensor:
        """Return the ratio of single entries, (m,), by the plain twin.

        Parameters
        ----------
        columns, rows : (m,) int tensors
            Where the entries are; columns ascend.
        outputs, z, width, rest : tensors
            Of all entries, as for `plain`.
        """
        own = self.parameters(outputs)[columns, :, :, rows].flatten(1)
        z, rest = z[columns, rows], rest[columns, rows]
        n = int((columns < self.n_points).sum())
        width = width[columns[n:] - self.n_points, rows[n:]]
        points = normal_mixture.log_ratio(own[:n], z[:n], None, rest[:n])
        return torch.cat([points, normal_mixture.log_ratio(own[n:], z[n:], width, rest[n:])])

    def spikes_in(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return the normal scores of the spikes (S,), and what rounding took from them."""
        at = self.spikes.to(dtype)
        return at, (self.spikes - at).to(dtype)

    def parameters(self, outputs: Tensor) -> Tensor:
        """Return the outputs (n_outputs, n) that are parameters, (B, 3, K, n)."""
        own = outputs.index_select(0, self._order) if self._slice is None else outputs[self._slice]
        return own.view(-1, 3, N_COMPONENTS, outputs.shape[1])

    def with_spikes(self, own: Tensor) -> Tensor:
        """Return what is of each column, (B, ...), with that of the column of each spike, (B + S, ...)."""
        return own if len(self.owners) == 0 else torch.cat([own, own.index_select(0, self.owners)])

    def add_spikes(self, part: Tensor, rate: Tensor, out: Tensor) -> None:
        """Write part * rate (B + S, ...) to `out` (B, ...), those of spikes added to their columns'."""
        n = len(out)
        torch.mul(part[:n], rate[:n], out=out)
        if n < len(part):
            out.index_add_(0, self.owners, part[n:] * rate[n:])

    def spread(self, slopes: Tensor, outputs: Tensor) -> Tensor:
        """Return what belongs to parameters, (B, 3, K, n), among zeros, like outputs (n_outputs, n)."""
        own = slopes.flatten(0, 2)
        if len(own) == len(outputs) and self._slice is not None:
            return own
        spread = torch.zeros_like(outputs)
        if self._slice is None:
            return spread.index_copy_(0, self._order, own)
        spread[self._slice] = own
        return spread


class _LogRatio(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        outputs: Tensor,
        z: Tensor,
        width: Tensor,
        log_mean: Tensor,
        rest: Tensor | None,
        columns: FastRatio,
    ) -> Tensor:
        n, owners = columns.n_points, columns.owners
        logits, positions, sharpness = columns.parameters(outputs).unbind(1)
        weights = torch.softmax(logits, 1)
        widths = torch.sigmoid(sharpness - math.log(2)).mul_(_RANGE).add_(NARROWEST)
        place, bend = positions, None
        if bool(positions.abs().amax() > LINEAR):  # few outputs are so large: mostly it is not worth the work
            inner = positions.clamp(-LINEAR, LINEAR)
            bend = torch.tanh((positions - inner).div_(BEND))
            place = torch.add(inner, bend, alpha=BEND)
        distance = z.unsqueeze(1) - place
        if rest is not None:  # which counts where a component is narrow
            distance.add_(rest.unsqueeze(1))
        distance.div_(widths)
        parts = []
        if n > 0:
            parts.append(_at_points(distance[:n], z[:n].unsqueeze(1)))
        if n < len(z):
            half = width.unsqueeze(1) / (2 * widths[n:])
            parts.append(_over_cells(distance[n:], half, torch.exp(-log_mean).unsqueeze(1)))
        if len(owners) > 0:
            at, left = (part[:, None, None] for part in columns.spikes_in(z.dtype))
            parts.append(_at_points((at - place[owners]).add_(left).div_(widths[owners]), at))
        means = parts[0] if len(parts) == 1 else [torch.cat(both) for both in zip(*parts, strict=True)]
        share = (weights / widths).mul_(1 - SHARE)
        each = means[0].mul_(columns.with_spikes(share))
        total = each.sum(1).add_(SHARE)
        if ctx.needs_input_grad[0]:
            share.div_(widths)
            slope = share if bend is None else share * (bend * bend).neg_().add_(1)
            of_position = means[1].mul_(columns.with_spikes(slope))
            slope = (widths - NARROWEST).mul_(WIDEST - widths).div_(_RANGE)
            of_sharpness = means[2].mul_(columns.with_spikes(share.mul_(slope)))
            ctx.columns = columns
            ctx.save_for_backward(outputs, z, width, rest, weights, each, of_position, of_sharpness, total)
        return total.log()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        outputs, z, width, rest, weights, each, of_position, of_sharpness, total = ctx.saved_tensors
        (gradient,), columns = gradients, ctx.columns
        if torch.is_grad_enabled():  # a derivative of this derivative is wanted
            ratio = columns.plain(outputs, z, width, rest)
            (slopes,) = torch.autograd.grad(ratio, outputs, gradient, create_graph=True)
            return slopes, None, None, None, None, None
        rate = (gradient / total).unsqueeze(1)
        own = each.new_empty((len(weights), 3, *each.shape[1:]))
        for slope, part in zip(own.unbind(1), (each, of_position, of_sharpness), strict=True):
            columns.add_spikes(part, rate, out=slope)
        own[:, 0].sub_(weights * own[:, 0].sum(1, keepdim=True))
        return columns.spread(own, outputs), None, None, None, None, None


def _at_points(y: Tensor, z: Tensor) -> list[Tensor]:
    """Return the normal density phi(y), y phi(y) and (y^2 - 1) phi(y), each divided by phi(z)."""
    square = y * y
    density = torch.exp(((z * z - square) / 2).clamp_(min=_LEAST))
    first = y * density
    return [density, first, y * first - density]


def _over_cells(y: Tensor, half: Tensor, factor: Tensor) -> list[Tensor]:
    """Return the means of phi, y phi and (y^2 - 1) phi over cells [y - half, y + half], times factors."""
    is_wide = half > WIDE / 2
    if bool(is_wide.all()):
        return [mean.mul_(factor) for mean in _over_wide_cells(y, half)]
    # Weights, for `where` takes ten times as long.
    of_wide = is_wide.to(y.dtype)
    of_narrow = (1 - of_wide).mul_(factor)
    of_wide.mul_(factor)
    wide = _over_wide_cells(y, half.clamp(min=WIDE / 2))
    narrow = _over_narrow_cells(y, half)
    return [a.mul_(of_wide).addcmul_(b, of_narrow) for a, b in zip(wide, narrow, strict=True)]


def _over_wide_cells(y: Tensor, half: Tensor) -> list[Tensor]:
    # The difference of two CDFs is taken from the nearer tail, where they keep their digits.
    apart, reach = (y * _SQRT_HALF).abs_(), half * _SQRT_HALF
    mass = torch.erfc((apart - reach).clamp_(max=_FAR)).sub_(torch.erfc((apart + reach).clamp_(max=_FAR)))
    below, above = _phi(y - half), _phi(y + half)
    first = below - above
    second = torch.addcmul(y * first, half, below.add_(above), value=-1)
    scale = 0.5 / half
    return [mass.mul_(scale).mul_(0.5), first.mul_(scale), second.mul_(scale)]


def _over_narrow_cells(y: Tensor, half: Tensor) -> list[Tensor]:
    """Return the means from the density in the middle and its second derivative."""
    density, square, bend = _phi(y), y * y, half * half / 6
    first = y * density
    second = torch.addcmul(-density, y, first)
    zeroth = torch.addcmul(density, bend, second)
    fourth = torch.addcmul(density * 3, square - 6, square * density)
    return [zeroth, torch.addcmul(first, bend, first * (square - 3)), second.addcmul_(bend, fourth)]


def _phi(y: Tensor) -> Tensor:
    """Return the standard normal density."""
    return torch.exp((y * y).mul_(-0.5).clamp_(min=_LEAST)).mul_(_DENSITY)
