"""Numeric variables: what their values are, how they become codes and bodies, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.support.checks import LARGEST_EXACT, check_bool, check_int, is_single
from made.support.errors import InputError
from made.variables.base import Variable
from made.variables.bounded_spline import uniform_spline
from made.variables.normal_mixture import N_PARAMETERS
from made.variables.normal_score import Spline

__all__ = [
    "INSIDE",
    "LARGEST_BODY",
    "LARGEST_FEATURE",
    "N_BUMPS",
    "WAVE_SIZE",
    "Numbers",
    "Numeric",
    "as_number",
    "exact_number",
]

#: Radial basis functions of G that a value enters the network as, beside its normal score.
N_BUMPS = 8
#: Normal scores enter the network up to here: a linear unit is not to follow an outlier.
LARGEST_FEATURE = 4.0
#: A spike of a normal score below this lies inside the body, which has at least 2 % on either side: it is as
#: probable as the body is dense there. One at an end, such as 0 among amounts, is a thing of its own.
INSIDE = 2.0
_STANDARD_NORMAL = Spline((-1.0, 1.0), (-1.0, 1.0), (1.0, 1.0))
#: Sine and cosine enter the network times this: their variance is 1 then.
WAVE_SIZE = 2**0.5
# A value this close to a point of the grid, in units of its own rounding, is on it.
_ULPS = 4
# The reciprocal of a smaller step is infinite.
_LEAST_STEP = 1e-307
# Numbers of points of a grid are int64.
_LARGEST = 2**63 - 1
#: The float64 next to 2^63; with either sign the farthest point of a grid.
LARGEST_BODY = 2.0**63 - 1024


class Numbers(NamedTuple):
    """Values of one numeric column, encoded.

    Attributes
    ----------
    codes : (n,) int64 array
        0 for the body, else the number of the atom.
    bodies : (n,) int64 array
        The number of the point of the grid; of a continuous variable the bits of the float64.
    wrong : (n,) bool array
        True where a value is no number, infinite, or not on the grid.
    n_rounded : int
        How many values were not on the grid, and are rounded.
    """

    codes: NDArray[np.int64]
    bodies: NDArray[np.int64]
    wrong: NDArray[np.bool_]
    n_rounded: int = 0


class Numeric(Variable):
    """`n` numbers: amounts, measurements, counts. Scored in their own units.

    A value is an atom (missing, or a spike: a value that recurs) or belongs to the body, which is continuous
    or on a grid. An atom and a point of the grid have a mass, everything else has a density.

    Parameters
    ----------
    n : int
        How many.
    step : float, optional
        Values are multiples of this: 1 for whole numbers, 0.01 for cents. By default they are continuous.
    missing : bool
        Whether an entry may be missing, which is then a value like any other.
    spikes : sequence of float
        Values that recur, each with a mass of its own.
    rounds : bool
        Round a value to the nearest multiple of the step, where it would be refused.
    bounds : (low, high), optional
        With a step: the smallest and the largest value there is; values beyond are refused.
    periods : sequence of float
        In units of the column: sine and cosine of these periods enter the network too, so that what recurs
        with them (the hour of a day, a season of several years) can be learned.
    marginal : mapping, optional
        The marginal CDF of the body, as model files hold it; training rows set it.

    Examples
    --------
    >>> Numeric(step=0.01, missing=True)
    Numeric(step=0.01, missing=True)
    >>> Numeric(spikes=[0.0]).encode(np.array([0.0, 1.5])).codes.tolist()
    [1, 0]
    """

    kind = "numeric"
    kernel_kind = "numeric"

    def __init__(
        self,
        n: int = 1,
        step: float | None = None,
        missing: bool = False,
        *,
        spikes: Sequence[float] = (),
        rounds: bool = False,
        bounds: Sequence[float] | None = None,
        periods: Sequence[float] = (),
        marginal: Mapping[str, Any] | None = None,
    ) -> None:
        self.n = check_int("Numeric: n", n, least=1)
        self.step = _check_step(step)
        self.missing = check_bool("Numeric: missing", missing)
        inverse = 0 if self.step is None or self.step < _LEAST_STEP else round(1 / self.step)
        #: The reciprocal of 0.1, 0.01, ... is a whole number: dividing by it rounds as decimals are read.
        self.inverse = inverse if self.step is not None and inverse * self.step == 1 else 0
        self.spikes = tuple(float(value) for value in spikes)
        if len(set(self.spikes)) < len(self.spikes) or not np.isfinite(self.spikes).all():
            raise InputError(f"Numeric: spikes are finite numbers that differ, got {list(spikes)}")
        self.rounds = check_bool("Numeric: rounds", rounds)
        self.bounds = _check_bounds(bounds, self.step)
        self.periods = _check_periods(periods)
        self.spline = _STANDARD_NORMAL if marginal is None else Spline.from_dict(marginal)
        if marginal is None and self.bounds is not None:
            self.spline = uniform_spline(*self.edges)
        self.is_fitted = marginal is not None
        self.n_values = 1 + len(self.spikes) + self.missing
        #: The place of the first feature of a period among those of a value: sine, cosine, and so on.
        self.first_wave = 1 + N_BUMPS + self.n_values - 1
        self.input_size = self.first_wave + 2 * len(self.periods)
        self.n_class_outputs = self.n_values if self.n_values > 1 else 0
        self.output_size = self.n_class_outputs + N_PARAMETERS
        self.input_power = 2.0
        #: The bodies of the spikes.
        self.spike_bodies, wrong, _ = self._numbers(np.array(self.spikes))
        if wrong.any():
            raise InputError(f"Numeric: the spikes {list(spikes)} are not multiples of the step {self.step}")

    @property
    def edges(self) -> tuple[float, float]:
        """Where the cells of the smallest and of the largest value end; infinite without bounds."""
        if self.bounds is None or self.step is None:
            return -np.inf, np.inf
        return self.bounds[0] - self.step / 2, self.bounds[1] + self.step / 2

    def encode(self, values: NDArray[Any]) -> Numbers:
        """Turn values, none of them missing, into codes and bodies."""
        bodies, wrong, n_rounded = self._numbers(values)
        return Numbers(self.codes_of(bodies), bodies, wrong, n_rounded)

    def codes_of(self, bodies: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the code of each body: that of its spike, or 0."""
        if not len(self.spike_bodies):
            return np.zeros(bodies.shape, dtype=np.int64)
        order = np.argsort(self.spike_bodies)
        ascending = self.spike_bodies[order]
        near = np.searchsorted(ascending, bodies).clip(max=len(order) - 1)
        return np.where(ascending[near] == bodies, order[near] + 1, 0)

    def values_of(self, bodies: NDArray[np.int64]) -> NDArray[Any]:
        """Return the values that bodies stand for: int64 for whole numbers, else float64."""
        if self.step is None:
            return bodies.view(np.float64)
        if self.inverse:
            return bodies if self.inverse == 1 else bodies / self.inverse
        return bodies * self.step

    def bodies_near(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the body of each value: of the nearest point of the grid, where there is one."""
        if self.step is None:
            return (values + 0.0).view(np.int64)
        with np.errstate(over="ignore"):  # what is too large is clipped
            scaled = values * self.inverse if self.inverse else values / self.step
        near: NDArray[np.int64] = np.rint(np.clip(scaled, -LARGEST_BODY, LARGEST_BODY)).astype(np.int64)
        return near if self.bounds is None else np.clip(near, *self.ends)

    @property
    def ends(self) -> tuple[int, int]:
        """The numbers of the first and the last point of the grid; without bounds the least and the most."""
        if self.bounds is None or self.step is None:
            return -_LARGEST - 1, _LARGEST
        return round(self.bounds[0] / self.step), round(self.bounds[1] / self.step)

    def bodies_of_codes(self, codes: NDArray[np.int64], bodies: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the bodies that go with codes: a spike has its own, a missing entry 0."""
        atoms = np.append(self.spike_bodies, 0)
        own: NDArray[np.int64] = np.where(codes == 0, bodies, atoms[np.maximum(codes, 1) - 1])
        return own

    def floats_of(self, bodies: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the values that bodies stand for as float64."""
        return self.values_of(bodies).astype(np.float64)

    def settings(self) -> dict[str, Any]:
        """Return kind and n, and what differs from the defaults."""
        settings: dict[str, Any] = {"kind": self.kind, "n": self.n}
        if self.step is not None:
            settings["step"] = self.step
        if self.missing:
            settings["missing"] = True
        if self.spikes:
            settings["spikes"] = list(self.spikes)
        if self.rounds:
            settings["rounds"] = True
        if self.bounds is not None:
            settings["bounds"] = list(self.bounds)
        if self.periods:
            settings["periods"] = list(self.periods)
        if self.is_fitted:
            settings["marginal"] = self.spline.as_dict()
        return settings

    def with_marginal(self, spline: Spline) -> Numeric:
        """Return the variable with the marginal of its body."""
        own = self.settings() | {"marginal": spline.as_dict()}
        own.pop("kind")
        return Numeric(**own)

    def __repr__(self) -> str:
        """Show the call that makes this, its marginal apart."""
        parts = [str(self.n)] if self.n > 1 else []
        parts += [] if self.step is None else [f"step={self.step:g}"]
        parts += ["missing=True"] if self.missing else []
        parts += [f"spikes={list(self.spikes)}"] if self.spikes else []
        parts += [f"periods=[{', '.join(f'{own:g}' for own in self.periods)}]"] if self.periods else []
        return f"Numeric({', '.join(parts)})"

    def _numbers(self, values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_], int]:
        """Return bodies, where there is none for a value, and how many values were rounded."""
        bodies, wrong, n_rounded = self._numbers_anywhere(values)
        if self.bounds is not None:
            low, high = self.ends
            wrong = wrong | (bodies < low) | (bodies > high)
        return bodies, wrong, n_rounded

    def _numbers_of_two(
        self, values: NDArray[Any], is_whole: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], int]:
        """Return the same of objects of which some are whole numbers, which a float64 would round."""
        bodies, wrong, n_rounded = np.zeros(len(values), np.int64), np.zeros(len(values), bool), 0
        for own in (is_whole, ~is_whole):
            entries = np.array([exact_number(value) for value in values[own].tolist()], dtype=object)
            if own is is_whole:
                entries = np.array([int(value) for value in entries], dtype=object)
            bodies[own], wrong[own], n = self._numbers_anywhere(entries)
            n_rounded += n
        return bodies, wrong, n_rounded

    def _numbers_anywhere(self, values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_], int]:
        """Return the same without bounds."""
        were_floats = values.dtype.kind == "f"
        if values.dtype.kind not in "biuf":
            apart = None if self.step is None else _apart(values)
            if apart is not None:
                return self._numbers_of_two(values, apart)
            values = _as_numbers(values)
        if self.step is None:
            floats = values.astype(np.float64) + 0.0  # no negative zero
            wrong = ~np.isfinite(floats)
            return np.where(wrong, 0.0, floats).view(np.int64), wrong, 0
        if values.dtype.kind in "biu" and self.inverse:
            too_large = values > np.iinfo(np.int64).max if values.dtype.kind == "u" else False
            whole = values.astype(np.int64)
            wrong = (whole > _LARGEST // self.inverse) | (whole < -((_LARGEST + 1) // self.inverse))
            wrong |= too_large
            return np.where(wrong, 0, whole) * self.inverse, wrong, 0
        single = is_single(values.dtype)
        eps = np.finfo(values.dtype if single else np.float64).eps
        floats = values.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = floats * self.inverse if self.inverse else floats / self.step
            near = np.rint(scaled)
            # An array of floats means the least body by -2^63; an object may have been rounded to it.
            wrong = ~((np.abs(near) < 2.0**63) | ((near == -(2.0**63)) & were_floats))
            is_off = np.abs(scaled - near) > _ULPS * eps * np.abs(scaled)
        if not self.rounds:
            wrong |= is_off
        return np.where(wrong, 0, near).astype(np.int64), wrong, int((is_off & ~wrong).sum())


def _apart(values: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Return which of some objects are whole numbers; None where one array holds all of them exactly."""
    try:
        if not (np.abs(values.astype(np.float64)) >= LARGEST_EXACT).any():
            return None
    except (TypeError, ValueError, OverflowError):
        pass
    entries = [exact_number(value) for value in values.tolist()]
    if not any(isinstance(entry, int) for entry in entries):
        return None
    is_whole = [isinstance(own, int) or float(own).is_integer() for own in entries]
    return None if all(is_whole) else np.array(is_whole)


def _check_step(step: Any) -> float | None:
    if step is None:
        return None
    if isinstance(step, bool) or not isinstance(step, int | float | np.number) or not 0 < step < np.inf:
        raise InputError(f"Numeric: step is the distance of neighbouring values, above 0; got {step!r}")
    return float(step)


def _check_periods(periods: Any) -> tuple[float, ...]:
    own = tuple(float(period) for period in periods)
    if len(set(own)) < len(own) or not all(0 < period < np.inf for period in own):
        raise InputError(f"Numeric: periods are numbers above 0 that differ, got {list(periods)}")
    return own


def _check_bounds(bounds: Any, step: float | None) -> tuple[float, float] | None:
    if bounds is None:
        return None
    low, high = (float(end) for end in bounds)
    if step is None or not np.isfinite([low, high]).all() or low >= high:
        raise InputError(f"Numeric: bounds are two numbers on a grid, the lower first, got {bounds!r}")
    return low, high


def _as_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Return objects or text as numbers: whole ones as int64 where all are; NaN where one is none."""
    entries = values.tolist()
    kinds = set(map(type, entries))
    if kinds == {float} or (kinds == {int} and max(map(abs, entries)) <= LARGEST_EXACT):
        return np.array(entries, dtype=np.int64 if kinds == {int} else np.float64)
    if str in kinds:
        entries = [exact_number(value) if isinstance(value, str) else value for value in entries]
    if any(isinstance(entry, int) and abs(entry) > LARGEST_EXACT for entry in entries):
        entries = [int(own) if isinstance(own, float) and own.is_integer() else own for own in entries]
    if all(isinstance(value, int | np.integer) for value in entries) and entries:
        try:
            return np.array(entries, dtype=np.int64)
        except OverflowError:
            pass
    return np.array([as_number(value) for value in entries], dtype=np.float64)


def exact_number(value: Any) -> float:
    """Return a value as a number: an int where it is a whole one that a float64 may round, else a float.

    NaN where it is no number.

    Examples
    --------
    >>> exact_number("9007199254740993"), exact_number(30), exact_number("0.5")
    (9007199254740993, 30.0, 0.5)
    """
    if isinstance(value, str):
        word = value.strip()
        digits = word.lstrip("+-")
        whole = int(word) if digits.isascii() and digits.isdecimal() and _is_whole_word(word) else 0
    else:
        is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)
        whole = int(value) if is_whole else 0
    return whole if abs(whole) > LARGEST_EXACT else as_number(value)


def _is_whole_word(word: str) -> bool:
    return len(word) < 400 and word.lstrip("+-") in (word, word[1:])


def as_number(value: Any) -> float:
    """Return a value as a float; NaN where it is no number."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")
