"""All numeric columns of a row together: scores, input features, the distribution of their bodies."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from made.masks.ordering import IntArray
from made.support.devices import OnDevices
from made.support.following import scattered
from made.variables import normal_mixture
from made.variables.fast_ratio import FARTHEST, FastRatio
from made.variables.joint_softmax import as_slice
from made.variables.normal_mixture import N_PARAMETERS
from made.variables.normal_score import NormalScores
from made.variables.numeric import INSIDE, LARGEST_BODY, LARGEST_FEATURE, N_BUMPS, WAVE_SIZE, Numeric

__all__ = ["NumericColumns"]

# Less than the mean log-density over any cell within `FARTHEST`.
_LEAST_LOG_MEAN = -(FARTHEST**2) / 2 - 2


class NumericColumns(OnDevices):
    """The numeric columns of a row; it takes tensors of the device that it is on.

    Parameters
    ----------
    columns : sequence of B Numeric
        Each of one variable.
    places : (B,) int array
        Which of the variables of a row they are.
    first_inputs, first_outputs : (B,) int arrays
        Where the input features and the outputs of each begin.

    Attributes
    ----------
    columns, places
        As given.
    """

    def __init__(
        self, columns: Sequence[Numeric], places: IntArray, first_inputs: IntArray, first_outputs: IntArray
    ) -> None:
        self.columns = tuple(columns)
        self.places = places
        self.scores = NormalScores([own.spline for own in columns], [own.step or 0.0 for own in columns])
        #: The same as a tensor.
        self.variables = torch.from_numpy(places)
        dense = first_inputs[:, None] + np.arange(1 + N_BUMPS)
        classes = np.array([own.n_class_outputs for own in columns])
        bodies = first_outputs[:, None] + classes[:, None] + np.arange(N_PARAMETERS)
        self._dense = torch.from_numpy(dense.flatten())
        self._slice = as_slice(self._dense)
        self._atoms = torch.from_numpy(first_inputs + N_BUMPS)  # an atom's feature is this plus its code
        self.outputs = torch.from_numpy(bodies.flatten())
        # For each period: the number of its column, how long it is, and where its sine and its cosine go.
        waves = [
            (i, period, first + own.first_wave + 2 * p)
            for i, (own, first) in enumerate(zip(columns, first_inputs.tolist(), strict=True))
            for p, period in enumerate(own.periods)
        ]
        self._has_periods = len(waves) > 0
        self._wave_owners = torch.tensor([i for i, _, _ in waves], dtype=torch.int64)
        self._periods = torch.tensor([period for _, period, _ in waves], dtype=torch.float64)
        sines = torch.tensor([place for _, _, place in waves], dtype=torch.int64)
        self._waves = torch.cat([sines, sines + 1])
        # Points first, then cells, as `FastRatio` takes them; and back.
        is_grid = np.array([own.step is not None for own in columns])
        self._n_points, order = int((~is_grid).sum()), np.argsort(is_grid, kind="stable")
        self._is_sorted = bool((np.diff(order) > 0).all())
        self._sorted, self._unsorted = torch.from_numpy(order), torch.from_numpy(np.argsort(order))
        missing = [-1 if own.missing_code is None else own.missing_code for own in columns]
        self._missing = torch.tensor(missing)
        self._has_atoms = any(own.n_values > 1 for own in columns)
        #: Whether a value may have come from the body although it is a spike: on a grid.
        self.has_grid_spikes = any(own.step and own.spikes for own in columns)
        self._is_grid = torch.tensor([own.step is not None for own in columns])
        self._steps = torch.tensor([own.step or 1.0 for own in columns], dtype=torch.float64)
        ends = [own.ends for own in columns]
        self._ends = torch.tensor(ends, dtype=torch.int64).t() if any(own.bounds for own in columns) else None
        self._inverses = torch.tensor([float(own.inverse) for own in columns], dtype=torch.float64)
        # A row for each number of a spike; 0 beyond those that a column has, of code 0.
        most = max(len(own.spikes) for own in columns)
        spikes = [[*own.spike_bodies.tolist(), *[0] * (most - len(own.spikes))] for own in columns]
        self.spikes = torch.tensor(spikes, dtype=torch.int64).reshape(len(spikes), most).t()
        n_spikes = torch.tensor([len(own.spikes) for own in columns])
        codes = torch.arange(1, most + 1)[:, None]
        self._codes = torch.where(codes <= n_spikes, codes, 0).int()
        #: The normal scores of the spikes of each column.
        self.spike_scores = self._scores_of_spikes()
        inside = [
            (i, s) for i, own in enumerate(self.spike_scores) for s in np.flatnonzero(abs(own) < INSIDE)
        ]
        logits = [first_outputs[i] + 1 + s for i, s in inside]
        #: Which outputs are the logits of spikes that are inside the body.
        self.inside = torch.tensor(logits, dtype=torch.int64)
        z = torch.tensor([self.spike_scores[i][s] for i, s in inside], dtype=torch.float64)
        owners = self._unsorted[[i for i, _ in inside]]
        self._ratio = FastRatio(torch.from_numpy(bodies[order].flatten()), self._n_points, owners, z)
        self._centres = torch.arange(N_BUMPS) + 0.5
        grid = (torch.arange(1000) + 0.5) / 1000
        bumps = self._bumps(grid)
        self.bump_mean, self.bump_deviation = bumps.mean(dim=0), bumps.std(dim=0)
        self._alone: dict[int, NumericColumns] = {}

    @property
    def is_fitted(self) -> bool:
        """Whether every column has its marginal."""
        return all(own.is_fitted for own in self.columns)

    def number_of(self, variable: int) -> int:
        """Return the number of a variable among the numeric ones."""
        return int(np.flatnonzero(self.places == variable)[0])

    def alone(self, number: int) -> NumericColumns:
        """Return one column, as if it were all of a row: its inputs and outputs begin at 0. On the CPU."""
        if number not in self._alone:
            first = np.zeros(1, dtype=np.int64)
            self._alone[number] = NumericColumns([self.columns[number]], first, first, first)
        return self._alone[number]

    def scores_of(self, bodies: Tensor) -> Tensor:
        """Return where bodies (n, B) stand in their marginals, (n, B, 3) float64; see `Score`.

        Where a column has periods, (n, B, 4): the value itself is the last.
        """
        score = [part.t() for part in self.scores.of(self.floats_of(bodies).t().contiguous())]
        return self.with_values(torch.stack(score, dim=2), bodies)

    def with_values(self, scores: Tensor, bodies: Tensor) -> Tensor:
        """Return scores (n, B, 3); where columns have periods, with values of bodies (n, B) as a fourth."""
        if not self._has_periods:
            return scores
        return torch.cat([scores, self.floats_of(bodies).unsqueeze(2)], dim=2)

    def floats_of(self, bodies: Tensor) -> Tensor:
        """Return the values of bodies (n, B) as float64; as `Numeric.floats_of`."""
        whole = bodies.double()
        points = torch.where(self._inverses > 0, whole / self._inverses, whole * self._steps)
        return torch.where(self._is_grid, points, bodies.view(torch.float64))

    def bodies_near(self, values: Tensor) -> Tensor:
        """Return the bodies of values (n, B), of the nearest points of grids; as `Numeric.bodies_near`."""
        scaled = torch.where(self._inverses > 0, values * self._inverses, values / self._steps)
        points = scaled.clamp(-LARGEST_BODY, LARGEST_BODY).round().long()
        return self.within_bounds(torch.where(self._is_grid, points, (values + 0.0).view(torch.int64)))

    def within_bounds(self, bodies: Tensor) -> Tensor:
        """Return bodies (n, B) with those beyond the bounds of their column at them."""
        if self._ends is None:
            return bodies
        return torch.minimum(torch.maximum(bodies, self._ends[0]), self._ends[1])

    def codes_of(self, bodies: Tensor) -> Tensor:
        """Return the codes of bodies (n, B): those of their spikes, or 0; as `Numeric.codes_of`."""
        if len(self.spikes) == 0:
            return torch.zeros_like(bodies)
        # `searchsorted` would warn under vmap.
        return ((bodies[:, None] == self.spikes) * self._codes).amax(dim=1).long()

    def add_features(self, features: Tensor, codes: Tensor, scores: Tensor) -> Tensor:
        """Return features (n, n_inputs) with those of codes (n, D) and scores (n, B, 3 or 4) written in."""
        z = scores[:, :, 0].float()
        dense = z.new_empty((*z.shape, 1 + N_BUMPS))
        dense[:, :, 0] = z.clamp(-LARGEST_FEATURE, LARGEST_FEATURE)
        shares = torch.erfc(z * -math.sqrt(0.5)) / 2
        dense[:, :, 1:] = self._bumps(shares).sub_(self.bump_mean).div_(self.bump_deviation)
        if self._has_atoms:
            own = codes[:, self.variables].long()
            dense.mul_((own != self._missing).unsqueeze(2))
            # The feature of code 0, which is none of an atom, is overwritten below.
            features = scattered(features, 1, self._atoms + own, 1.0)
        where = self._dense if self._slice is None else self._slice
        features[:, where] = dense.flatten(1).to(features.dtype)
        if self._has_periods:
            features[:, self._waves] = self._waves_of(codes, scores[:, :, 3]).to(features.dtype)
        return features

    def log_ratio(self, outputs: Tensor, scores: Tensor, *, plainly: bool = False) -> tuple[Tensor, Tensor]:
        """Return log of the density of each body relative to its marginal, and outputs with that of spikes.

        Parameters
        ----------
        outputs : (n_outputs, n) tensor
            Of the network: a column for each row.
        scores : (n, B, 3 or 4) float64 tensor
            Of the entries.
        plainly : bool
            Without looking at them.

        Returns
        -------
        ratio : (B, n) tensor
        outputs : (n_outputs, n) tensor
            With the ratio at each spike that is inside the body added to its logit.
        """
        own = scores.permute(2, 1, 0)
        own = own if self._is_sorted else own.index_select(1, self._sorted)
        z, cells = own[0].to(outputs.dtype), own[:, self._n_points :]
        width = cells[1].to(outputs.dtype)
        rest = (own[0] - z).to(outputs.dtype)
        # Off the CPU nothing waits to see the numbers.
        if plainly or z.device.type != "cpu":
            ratio = self._ratio.plain(outputs, z, width, rest)
        else:
            log_mean = (cells[2] - cells[1].log()).to(outputs.dtype)
            ratio = self._fast_ratio(outputs, z, width, log_mean, rest)
        if len(self.inside) > 0:
            outputs = outputs.index_add(0, self.inside, ratio[own.shape[1] :])
            ratio = ratio[: own.shape[1]]
        return ratio if self._is_sorted else ratio.index_select(0, self._unsorted), outputs

    def _fast_ratio(
        self, outputs: Tensor, z: Tensor, width: Tensor, log_mean: Tensor, rest: Tensor
    ) -> Tensor:
        """Return the ratio of all entries: fast, but for values far out, as many spikes are."""
        is_far = z.abs() > FARTHEST
        if not bool(is_far.any()):
            return self._ratio.log_ratio(outputs, z, width, log_mean, rest)
        near = z.clamp(-FARTHEST, FARTHEST)
        ratio = self._ratio.log_ratio(outputs, near, width, log_mean.clamp(min=_LEAST_LOG_MEAN), rest)
        columns, rows = is_far.nonzero(as_tuple=True)
        return ratio.index_put((columns, rows), self._ratio.plain_at(columns, rows, outputs, z, width, rest))

    def class_logits(self, outputs: Tensor) -> Tensor:
        """Return the logits of the codes of a column that is `alone`, (n, n_classes) float64."""
        (column,) = self.columns
        logits = outputs[:, : column.n_class_outputs].double()
        if len(self.inside) == 0:
            return logits
        own = outputs[:, None, column.n_class_outputs :].double()
        z = self._ratio.spikes
        ratio = normal_mixture.log_ratio(own.expand(-1, len(z), -1), z.expand(len(own), -1), None)
        return logits.index_add(1, self.inside, ratio)

    def add_bodies(self, log_prob: Tensor, log_body: Tensor | None, codes: Tensor, bodies: Tensor) -> Tensor:
        """Return log p of all columns, (n, D), out of that of their codes and of their bodies.

        Parameters
        ----------
        log_prob : (n, D) float64 tensor
            Of the codes.
        log_body : (n, D) tensor or None
            Log-probability that an entry is of the body; needed where `has_grid_spikes`.
        codes : (n, D) tensor
            Of the entries.
        bodies : (n, B) float64 tensor
            Log-density, or log mass, of what is of the body.
        """
        codes = codes.index_select(1, self.variables).long()
        if log_body is None:
            return log_prob.index_add(1, self.variables, bodies.masked_fill(codes > 0, 0.0))
        own = log_prob.index_select(1, self.variables)
        total = torch.where(codes == 0, own + bodies, own)
        # A spike on a grid is a point of that grid, which the body has a mass for as well.
        is_both = (codes > 0) & (codes != self._missing) & self._is_grid
        both = torch.logaddexp(own, log_body.index_select(1, self.variables) + bodies)
        total = torch.where(is_both, both, total)
        return log_prob.index_copy(1, self.variables, total)

    def as_bodies(self, codes: Tensor) -> Tensor:
        """Return codes (n, D) with those of all numeric columns 0: as if every entry were of the body."""
        return codes.index_fill(1, self.variables, 0)

    def quantile(self, outputs: Tensor, uniforms: Tensor, *, recorded: bool = False) -> tuple[Tensor, Tensor]:
        """Return codes and bodies (n,) of a column that is `alone` at uniforms (n,), from its outputs.

        The uniform picks the body or an atom and, scaled up to what that has of [0, 1), the value. With
        `recorded`, missing is none of the atoms. The kernels' twin is `made.kernels.one_pass.numbers`.
        """
        (column,) = self.columns
        uniforms = (uniforms + 2.0**-54).clamp(max=1 - 2.0**-53)
        n_classes = column.n_class_outputs
        logits = self.class_logits(outputs)[:, : n_classes - (recorded and column.missing)]
        share, code = uniforms, torch.zeros_like(uniforms, dtype=torch.int64)
        if n_classes:
            cumulated = torch.softmax(logits, dim=1).cumsum(1)
            code = (uniforms[:, None] >= cumulated[:, :-1]).sum(dim=1)
            share = (uniforms / cumulated[:, 0]).clamp(2.0**-54, 1 - 2.0**-53)
        z = normal_mixture.quantile(outputs[:, n_classes:], share)
        bodies = self.bodies_near(self.scores.values(z[None]).t())
        codes = torch.where(code[:, None] == 0, self.codes_of(bodies), code[:, None])
        atoms = torch.nn.functional.pad(self.spikes, (0, 0, 0, 1))  # of a missing entry: 0
        return codes[:, 0], torch.where(codes == 0, bodies, atoms[codes[:, 0] - 1])[:, 0]

    def _scores_of_spikes(self) -> list[NDArray[np.float64]]:
        # The last row is of what is no spike, so that there is always one.
        bodies = torch.nn.functional.pad(self.spikes, (0, 0, 0, 1))
        z = self.scores_of(bodies)[:, :, 0].t().numpy()
        return [own[: len(column.spikes)] for own, column in zip(z, self.columns, strict=True)]

    def _waves_of(self, codes: Tensor, values: Tensor) -> Tensor:
        """Return all sines, then all cosines of codes (n, D) and values (n, B); 0 where they are missing."""
        turns = torch.fmod(values.index_select(1, self._wave_owners), self._periods) / self._periods
        angles = turns * (2 * math.pi)
        waves = torch.cat([angles.sin(), angles.cos()], dim=1) * WAVE_SIZE
        if not self._has_atoms:
            return waves
        own = codes[:, self.variables].long() != self._missing
        return waves * own.index_select(1, self._wave_owners).repeat(1, 2)

    def _bumps(self, shares: Tensor) -> Tensor:
        distance = (shares * N_BUMPS).unsqueeze(-1) - self._centres
        return distance.mul_(distance).mul_(-0.5).exp_()
