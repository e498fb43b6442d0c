"""Normal scores: G, the smooth CDF of each numeric column, and z = Phi^-1(G(x)), for many columns at once.

Between knots z is a monotone rational-quadratic spline (Gregory and Delbourgo 1982) of t, which is x or, for
skewed columns, asinh((x - centre) / scale). Beyond the knots the mass decays as a generalized Pareto tail in
t. All of it is float64, and everything that may be tiny is kept as a logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from made.support.devices import OnDevices
from made.support.errors import InputError
from made.support.following import is_followed, searched

__all__ = [
    "NARROW_CELL",
    "SKEWED_TAIL",
    "TAIL_SHAPE",
    "NormalScores",
    "Score",
    "Spline",
    "log_cell",
    "log_phi",
    "ndtri_exp",
]

#: Shape of the tails: a value far beyond all that were seen costs a finite number of nats, whatever its size.
#: The second is that of skewed columns, whose tails in t are nearly exponential: those in x are powers of x.
TAIL_SHAPE, SKEWED_TAIL = 0.1, 0.02
#: No marginal that rows set has more knots than a third of this.
MOST_KNOTS = 256
_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
#: A cell narrower than this in z is as good as a point times its width.
NARROW_CELL = 1e-5
_FARTHEST_CELL = 150.0
_LARGEST = torch.finfo(torch.float64).max
# Edges that rows set are at 37.5, all other knots far within.
_FARTHEST_SCORE = 100.0
# asinh((x - centre) / scale) of no number is larger.
_FARTHEST_SKEWED = 1_500.0
# Of the slope of the lines to the knots beside it; what rows set is a twentieth at least.
_LEAST_SLOPE = 1e-9


@dataclass(frozen=True)
class Spline:
    """The marginal CDF G of one column: at most 256 numbers.

    Attributes
    ----------
    knots : (m,) sequence of float, m >= 2
        t at the knots, increasing.
    scores : (m,) sequence of float
        z at the knots, increasing.
    slopes : (m,) sequence of float
        dz/dt at the knots, positive.
    centre, scale : float
        t = asinh((x - centre) / scale); a scale of 0 means t = x - centre.
    """

    knots: tuple[float, ...]
    scores: tuple[float, ...]
    slopes: tuple[float, ...]
    centre: float = 0.0
    scale: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            "knots": list(self.knots),
            "scores": list(self.scores),
            "slopes": list(self.slopes),
            "centre": self.centre,
            "scale": self.scale,
        }

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> Spline:
        """Read what `as_dict` wrote."""
        parts = [tuple(float(x) for x in entries[name]) for name in ("knots", "scores", "slopes")]
        knots, scores, slopes = parts
        if not len(knots) == len(scores) == len(slopes) >= 2:
            raise InputError("a marginal has as many scores and slopes as knots, two at least")
        centre, scale = float(entries["centre"]), float(entries["scale"])
        if len(knots) > MOST_KNOTS or not all(map(math.isfinite, (*knots, *scores, *slopes, centre, scale))):
            raise InputError(f"a marginal is of finite numbers, {MOST_KNOTS} knots at most")
        if (
            any(b <= a for part in (knots, scores) for a, b in pairwise(part))
            or min(slopes) <= 0
            or scale < 0
        ):
            raise InputError(
                "knots and scores of a marginal increase, its slopes are positive and its scale is at least 0"
            )
        _check_reach(knots, scores, slopes, scale)
        return cls(knots, scores, slopes, centre, scale)


def _check_reach(
    knots: Sequence[float], scores: Sequence[float], slopes: Sequence[float], scale: float
) -> None:
    """Raise an `InputError` where some value would have no log density that is a number."""
    if max(-scores[0], scores[-1]) > _FARTHEST_SCORE:
        raise InputError(f"scores of a marginal are at most {_FARTHEST_SCORE:.0f} from 0")
    if scale > 0 and max(-knots[0], knots[-1]) > _FARTHEST_SKEWED:
        raise InputError(f"knots of a skewed marginal are at most {_FARTHEST_SKEWED:.0f} from 0")
    secants = [(d - c) / (b - a) for (a, b), (c, d) in zip(pairwise(knots), pairwise(scores), strict=True)]
    beside = map(min, [secants[0], *secants], [*secants, secants[-1]])
    if any(slope < _LEAST_SLOPE * secant for slope, secant in zip(slopes, beside, strict=True)):
        raise InputError("a slope of a marginal is far less than those of the lines to the knots beside it")


class Score(NamedTuple):
    """Where values stand in the marginal of their column; tensors of one shape, float64.

    Attributes
    ----------
    z : Tensor
        Normal score: of the value; of a cell, of its middle in z.
    width : Tensor
        Width in z of the cell that a value on a grid stands for; 0 for a point.
    log_marginal : Tensor
        log g(x), a density in the column's own units; of a cell, the logarithm of its mass under G.
    """

    z: Tensor
    width: Tensor
    log_marginal: Tensor


class NormalScores(OnDevices):
    """The marginals of D numeric columns, evaluated together.

    Parameters
    ----------
    splines : sequence of D Spline
    steps : sequence of D float
        The step of the grid of each column; 0 where values are continuous.

    Examples
    --------
    >>> q = 0.6744897501960817  # the quartiles of a standard normal
    >>> scores = NormalScores([Spline((10.0, 20.0), (-q, q), (q / 5, q / 5))], steps=[0.0])
    >>> score = scores.of(torch.tensor([[15.0]], dtype=torch.float64))
    >>> score.z.item(), round(score.log_marginal.exp().item(), 4)
    (0.0, 0.0538)
    """

    def __init__(self, splines: Sequence[Spline], steps: Sequence[float]) -> None:
        size = max(len(spline.knots) for spline in splines)

        def padded(name: str, end: float) -> Tensor:
            rows = [[*getattr(own, name), *[end] * (size - len(own.knots))] for own in splines]
            return torch.tensor(rows, dtype=torch.float64)

        self.steps = torch.tensor(steps, dtype=torch.float64)[:, None]
        self.has_grid = bool((self.steps > 0).any())
        self.knots = padded("knots", math.inf)
        self.scores = padded("scores", math.inf)
        self.slopes = padded("slopes", 1.0)
        counts = torch.tensor([len(own.knots) for own in splines])[:, None]
        self.last = counts - 1
        self.centre = torch.tensor([own.centre for own in splines], dtype=torch.float64)[:, None]
        self.scale = torch.tensor([own.scale for own in splines], dtype=torch.float64)[:, None]
        self._has_skewed = any(own.scale > 0 for own in splines)
        shapes = [SKEWED_TAIL if own.scale > 0 else TAIL_SHAPE for own in splines]
        self.tail_shape = torch.tensor(shapes, dtype=torch.float64)[:, None]
        # The tails continue the density at the end knots: log of the mass beyond, and of the rate of decay.
        ends = torch.cat([torch.zeros_like(counts), self.last], dim=1)
        self._end_knots, self._end_scores = self.knots.gather(1, ends), self.scores.gather(1, ends)
        outwards = torch.tensor([1.0, -1.0], dtype=torch.float64)
        self.end_mass = log_ndtr(self._end_scores * outwards)
        self.end_rate = log_phi(self._end_scores) + self.slopes.gather(1, ends).log() - self.end_mass

    def of(self, values: Tensor) -> Score:
        """Return the scores of values (D, n): of the cells around them where a column is on a grid."""
        z, log_slope = self.point(values)
        point = Score(z, torch.zeros_like(z), log_slope + log_phi(z))
        if not self.has_grid:
            return point
        low, _ = self.point(values - self.steps / 2)
        high, _ = self.point(values + self.steps / 2)
        width = high - low
        # Of a narrow cell the difference has lost its digits.
        narrow = width < NARROW_CELL
        width = torch.where(narrow, (log_slope + self.steps.log()).exp(), width)
        middle = torch.where(narrow, z, (low + high) / 2)
        cell = Score(middle, width, width.log() + log_cell(middle, width))
        is_cell = self.steps > 0
        return Score(*(torch.where(is_cell, a, b) for a, b in zip(cell, point, strict=True)))

    def point(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and log dz/dx of values (D, n)."""
        t, log_t = self._to_t(values)
        t0, t1, z0, z1, d0, d1 = self._interval(self.knots, t)
        place = ((t - t0) / (t1 - t0)).clamp(0, 1)
        secant = (z1 - z0) / (t1 - t0)
        both = place * (1 - place)
        below = 1 + (d1 + d0 - 2) * both
        z = z0 + (z1 - z0) * (place**2 + d0 * both) / below
        log_slope = secant.log() + ((d1 * place**2 + 2 * both + d0 * (1 - place) ** 2) / below**2).log()
        for side, sign in ((0, -1.0), (1, 1.0)):
            beyond = sign * (t - self._end_knots[:, side : side + 1])
            mass, rate = self.end_mass[:, side : side + 1], self.end_rate[:, side : side + 1]
            if is_followed() or values.device.type != "cpu":
                tail, log_slope_there = _in_tail(beyond.clamp(min=0), mass, rate, self.tail_shape, sign)
                z = torch.where(beyond > 0, tail, z)
                log_slope = torch.where(beyond > 0, log_slope_there, log_slope)
                continue
            at = (beyond > 0).nonzero(as_tuple=True)  # few values: tails cost more than all the rest
            d = at[0]
            z[at], log_slope[at] = _in_tail(beyond[at], mass[d, 0], rate[d, 0], self.tail_shape[d, 0], sign)
        return z, log_slope + log_t

    def values(self, z: Tensor) -> Tensor:
        """Return the values (D, n) of normal scores: the inverse of `point`, on no grid."""
        t0, t1, z0, z1, d0, d1 = self._interval(self.scores, z)
        rise = (z - z0).clamp(min=0)
        rise = torch.minimum(rise, z1 - z0)
        bend = d1 + d0 - 2
        a = (z1 - z0) * (1 - d0) + rise * bend
        b = (z1 - z0) * d0 - rise * bend
        c = -rise
        place = 2 * c / (-b - (b * b - 4 * a * c).clamp(min=0).sqrt())
        t = t0 + place.clamp(0, 1) * (t1 - t0)
        for side, sign in ((0, -1.0), (1, 1.0)):
            end = self._end_scores[:, side : side + 1]
            log_mass = log_ndtr(-sign * torch.where(sign * (z - end) > 0, z, end))
            decay = self.tail_shape * (self.end_mass[:, side : side + 1] - log_mass)
            excess = torch.expm1(decay) / self.tail_shape / self.end_rate[:, side : side + 1].exp()
            tail = self._end_knots[:, side : side + 1] + sign * excess
            t = torch.where(sign * (z - end) > 0, tail, t)
        return self._from_t(t)

    def values_of_ends(self) -> Tensor:
        """Return the values (D, 2) beyond which tails begin."""
        return self._from_t(self._end_knots)

    def _interval(self, among: Tensor, at: Tensor) -> tuple[Tensor, ...]:
        """Return t, z and dz/dt over its mean at both ends of the interval that each of `at` (D, n) is in."""
        right = searched(among, at).clamp(min=1)
        right = torch.minimum(right, self.last)
        tables = (self.knots, self.scores, self.slopes)
        t0, z0, d0 = (table.gather(1, right - 1) for table in tables)
        t1, z1, d1 = (table.gather(1, right) for table in tables)
        secant = (z1 - z0) / (t1 - t0)
        return t0, t1, z0, z1, d0 / secant, d1 / secant

    def _to_t(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return t and log dt/dx."""
        offset = (values - self.centre).clamp(-_LARGEST, _LARGEST)
        if not self._has_skewed:
            return offset, torch.zeros_like(offset)
        is_skewed = self.scale > 0
        scale = torch.where(is_skewed, self.scale, 1.0)
        ratio = offset / scale
        # asinh of what overflows: log(2 |offset| / scale)
        far = offset.sign() * (offset.abs().log() - scale.log() + math.log(2))
        t = torch.where(ratio.abs() < 1e150, torch.asinh(ratio), far)
        log_t = -torch.hypot(scale, offset).clamp(max=_LARGEST).log()
        return torch.where(is_skewed, t, offset), torch.where(is_skewed, log_t, 0.0)

    def _from_t(self, t: Tensor) -> Tensor:
        is_skewed = self.scale > 0
        offset = torch.where(is_skewed, self.scale * torch.sinh(torch.where(is_skewed, t, 0.0)), t)
        return (self.centre + offset).clamp(-_LARGEST, _LARGEST)


def _in_tail(
    beyond: Tensor, end_mass: Tensor, end_rate: Tensor, shape: Tensor, sign: float
) -> tuple[Tensor, Tensor]:
    """Return z and log dz/dt at a distance from the last knot of a side."""
    excess = (beyond * end_rate.exp()).clamp(max=_LARGEST)
    decay = torch.log1p(shape * excess)
    log_mass = end_mass - decay / shape
    z = -sign * ndtri_exp(log_mass)
    return z, log_mass + end_rate - decay - log_phi(z)


def log_phi(z: Tensor) -> Tensor:
    """Return the logarithm of the standard normal density."""
    return -0.5 * z * z - _LOG_SQRT_2PI


def log_ndtr(z: Tensor) -> Tensor:
    """Return the logarithm of the standard normal CDF; ``torch.func`` has no rule for torch's own."""
    if not is_followed():
        plain: Tensor = torch.special.log_ndtr(z)
        return plain
    y = z * -math.sqrt(0.5)
    lower = torch.log(torch.special.erfcx(y.clamp(min=0)) / 2) - y.clamp(min=0).square()
    return torch.where(z < 0, lower, torch.log1p(-torch.erfc(-y.clamp(max=0)) / 2))


def ndtri_exp(log_p: Tensor) -> Tensor:
    """Return the z whose standard normal CDF is exp(log_p), also where that is too small for a float64."""
    z = torch.special.ndtri(log_p.exp().clamp(min=1e-300))
    low = log_p.clamp(max=-5.0)
    far = -(-2 * low - (-2 * low).log() - math.log(2 * math.pi)).clamp(min=1.0).sqrt()
    for _ in range(4):  # Newton on the logarithm, which is concave
        mass = log_ndtr(far)
        far = far - (mass - low) * (mass - log_phi(far)).exp()
    return torch.where(log_p < -5.0, far, z)


def log_cell(z: Tensor, width: Tensor) -> Tensor:
    """Return the logarithm of the mean standard normal density over [z - width / 2, z + width / 2].

    Exact in the limit of a width of 0, and in both tails: the difference of two CDFs is taken from the nearer
    one, in logarithms.
    """
    narrow = width < 0.03
    half = torch.where(narrow, 1.0, width) / 2
    # Cells that begin farther out than this have hardly any mass, and too few digits in float32.
    z = torch.minimum(z.abs(), half + _FARTHEST_CELL)
    near, far = log_ndtr(half - z), log_ndtr(-half - z)
    wide = near + torch.log(-torch.expm1(far - near)) - torch.log(2 * half)
    # The mean of exp(-z t) over the cell is sinh(bend) / bend; what is left of exp(-t^2 / 2) is close to 1.
    bend = torch.where(narrow, z * width, 0.0) / 2
    apart = bend.clamp(min=1e-3)
    log_sinhc = torch.where(
        bend < 1e-3, bend * bend / 6, bend + torch.log(-torch.expm1(-2 * apart) / (2 * apart))
    )
    point = log_phi(z) + log_sinhc - width * width / 24
    return torch.where(narrow, point, wide)
