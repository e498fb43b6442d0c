"""All numeric columns of a row together: scores, input features, the distribution of their bodies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from made.masks.ordering import IntArray
from made.variables import normal_mixture
from made.variables.normal_mixture import N_PARAMETERS
from made.variables.normal_score import NormalScores
from made.variables.numeric import N_BUMPS, Numeric

__all__ = ["NumericColumns"]

# Normal scores enter the network up to here: a linear unit is not to follow an outlier.
_LARGEST_FEATURE = 4.0


class NumericColumns:
    """The numeric columns of a row.

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
        self._places = torch.from_numpy(places)
        dense = first_inputs[:, None] + np.arange(1 + N_BUMPS)
        classes = np.array([own.n_class_outputs for own in columns])
        bodies = first_outputs[:, None] + classes[:, None] + np.arange(N_PARAMETERS)
        self._dense = torch.from_numpy(dense.flatten())
        self._atoms = torch.from_numpy(first_inputs + N_BUMPS)  # an atom's feature is this plus its code
        self.outputs = torch.from_numpy(bodies.flatten())
        missing = [-1 if own.missing_code is None else own.missing_code for own in columns]
        self._missing = torch.tensor(missing)
        self._has_atoms = any(own.n_values > 1 for own in columns)
        #: Whether a value may have come from the body although it is a spike: on a grid.
        self.has_grid_spikes = any(own.step and own.spikes for own in columns)
        self._is_grid = torch.tensor([own.step is not None for own in columns])
        self._centres = (torch.arange(N_BUMPS) + 0.5) / N_BUMPS
        grid = (torch.arange(1000) + 0.5) / 1000
        bumps = self._bumps(grid)
        self._mean, self._deviation = bumps.mean(dim=0), bumps.std(dim=0)

    @property
    def is_fitted(self) -> bool:
        """Whether every column has its marginal."""
        return all(own.is_fitted for own in self.columns)

    def number_of(self, variable: int) -> int:
        """Return the number of a variable among the numeric ones."""
        return int(np.flatnonzero(self.places == variable)[0])

    def scores_of(self, bodies: Tensor) -> Tensor:
        """Return where bodies (n, B) stand in their marginals, (n, B, 3) float64; see `Score`."""
        table = bodies.cpu().numpy()
        values = np.empty(table.shape[::-1], dtype=np.float64)
        for i, column in enumerate(self.columns):
            values[i] = column.floats_of(np.ascontiguousarray(table[:, i]))
        score = self.scores.of(torch.from_numpy(values))
        return torch.stack([part.t() for part in score], dim=2).to(bodies.device)

    def add_features(self, features: Tensor, codes: Tensor, scores: Tensor) -> None:
        """Write the input features of codes (n, D) and scores (n, B, 3) into features (n, n_inputs)."""
        device, own = features.device, codes[:, self._places.to(codes.device)].long()
        z = scores[:, :, 0].float()
        bumps = (self._bumps(torch.special.ndtr(z)) - self._mean.to(device)) / self._deviation.to(device)
        z = z.clamp(-_LARGEST_FEATURE, _LARGEST_FEATURE)
        dense = torch.cat([z.unsqueeze(2), bumps], dim=2)
        if self._has_atoms:
            dense = dense * (own != self._missing.to(device)).unsqueeze(2)
            # The feature of code 0, which is none of an atom, is overwritten below.
            features.scatter_(1, self._atoms.to(device) + own, 1.0)
        features[:, self._dense.to(device)] = dense.flatten(1).to(features.dtype)

    def log_ratio(self, outputs: Tensor, scores: Tensor) -> Tensor:
        """Return log of the density of each body relative to its marginal, (n, B), from outputs of rows."""
        own = outputs[:, self.outputs.to(outputs.device)].view(-1, len(self.columns), N_PARAMETERS)
        z, width = scores[:, :, 0].to(own.dtype), scores[:, :, 1].to(own.dtype)
        return normal_mixture.log_ratio(own, z, width if self.scores.has_grid else None)

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
        places = self._places.to(log_prob.device)
        own, codes = log_prob[:, places], codes[:, places].long()
        total = torch.where(codes == 0, own + bodies, own)
        if log_body is not None:
            # A spike on a grid is a point of that grid, which the body has a mass for as well.
            is_both = (codes > 0) & (codes != self._missing.to(codes.device)) & self._is_grid.to(codes.device)
            both = torch.logaddexp(own, log_body[:, places] + bodies)
            total = torch.where(is_both, both, total)
        return log_prob.index_copy(1, places, total)

    def as_bodies(self, codes: Tensor) -> Tensor:
        """Return codes (n, D) with those of all numeric columns 0: as if every entry were of the body."""
        return codes.index_fill(1, self._places.to(codes.device), 0)

    def quantile(
        self, number: int, outputs: Tensor, uniforms: Tensor, *, recorded: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Return codes and bodies (n,) of one numeric column at uniforms (n,), from its own outputs.

        The uniform picks the body or an atom and, scaled up to what that has of [0, 1), the value. With
        `recorded`, missing is none of the atoms.
        """
        column = self.columns[number]
        uniforms = (uniforms + 2.0**-54).clamp(max=1 - 2.0**-53)
        n_classes = column.n_class_outputs
        logits = outputs[:, :n_classes].double()
        if recorded and column.missing:
            logits = logits[:, :-1]
        mass = torch.softmax(logits, dim=1)
        body = mass[:, 0] if n_classes else torch.ones_like(uniforms)
        cumulated = mass.cumsum(1)
        code = (uniforms[:, None] >= cumulated[:, :-1]).sum(dim=1) if n_classes else uniforms.long() * 0
        inner = (uniforms / body).clamp(2.0**-54, 1 - 2.0**-53)
        z = normal_mixture.quantile(outputs[:, n_classes:], inner).cpu()
        # Of the inverse of all columns the row of this one.
        values = self.alone(number).values(z[None])[0].numpy()
        bodies = column.bodies_near(values)
        codes = np.where(code.cpu().numpy() == 0, column.codes_of(bodies), code.cpu().numpy())
        bodies = column.bodies_of_codes(codes, bodies)
        return torch.from_numpy(codes).to(outputs.device), torch.from_numpy(bodies).to(outputs.device)

    def alone(self, number: int) -> NormalScores:
        """Return the marginal of one column."""
        column = self.columns[number]
        return NormalScores([column.spline], [column.step or 0.0])

    def _bumps(self, shares: Tensor) -> Tensor:
        distance = (shares.unsqueeze(-1) - self._centres.to(shares.device)) * N_BUMPS
        return torch.exp(-0.5 * distance * distance)
