"""The peers of `tables.py` on tables of numbers: fitted to rows, asked for the masses of cells.

Rows that were rounded are spread evenly over their cells before a peer is fitted: its density would else grow
without bound about the values that recur. Columns are standardized. A setting is scored by the mean log
density of validation rows that were spread likewise.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from itertools import product
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr, ndtri

from cells import Masses, by_doubling, log_box, log_interval
from made.data.grid import find_spikes
from made.tuning.moments import shrunk_correlation
from made.variables.marginal_fit import fit_marginal
from made.variables.normal_score import NormalScores

__all__ = ["PEERS", "Copula", "Kernels", "Mixture", "Peer", "SplineFlow", "is_large"]

Floats = NDArray[np.float64]
Setting = Mapping[str, Any]
_LARGE_ROWS, _LARGE_COLUMNS = 1_000, 20


class Peer(ABC):
    """A density of rows of numbers.

    Parameters
    ----------
    values : (n, D) array
        Training rows.
    steps : (D,) array
        Of the grids of the columns.
    setting : mapping
        One of `settings`.
    seed : int
        Of everything that is drawn.
    """

    #: What is tried on the first fold. Jobs that choose take one of these lists each.
    settings: Sequence[Sequence[Setting]] = ()

    def __init__(self, values: Floats, steps: Floats, setting: Setting, seed: int = 0) -> None:
        self.steps, self.setting = steps, setting
        self._generator = np.random.default_rng(seed)
        self.mean = values.mean(axis=0)
        self.scale = np.maximum(values.std(axis=0), steps)
        self._seed = seed
        self._fit(values)

    @abstractmethod
    def _fit(self, values: Floats) -> None: ...

    @abstractmethod
    def _log_density(self, t: Floats) -> Floats:
        """Return the log density of standardized points (n, D)."""

    @abstractmethod
    def log_mass(self, values: Floats) -> Masses:
        """Return the log mass of the cells of rows (n, D)."""

    def validation_score(self, values: Floats) -> float:
        """Return the mean log density of rows that are spread over their cells."""
        return float(np.mean(self._log_density(self._spread(values, np.random.default_rng(0)))))

    def _spread(self, values: Floats, generator: np.random.Generator | None = None) -> Floats:
        """Return standardized points, drawn evenly within the cells of rows."""
        draw = self._generator if generator is None else generator
        spread: Floats = (values + (draw.random(values.shape) - 0.5) * self.steps - self.mean) / self.scale
        return spread

    def _cells(self, values: Floats) -> tuple[Floats, Floats]:
        """Return both ends of the standardized cells of rows, (n, D) each."""
        middle, half = (values - self.mean) / self.scale, self.steps / self.scale / 2
        return middle - half, middle + half


class Mixture(Peer):
    """scikit-learn's GaussianMixture; its cells by formula where covariances are diagonal, else drawn."""

    settings = tuple(
        [
            {"covariance_type": kind, "n_components": n, "reg_covar": reg}
            for n, reg in product((1, 2, 3, 5, 8, 12, 20, 30), (1e-6, 1e-4, 1e-2))
        ]
        for kind in ("full", "tied", "diag")
    )
    # Components whose density at a row is below that of the best by more than this, in nats, are left out.
    _NEGLIGIBLE = 20.0

    def _fit(self, values: Floats) -> None:
        from sklearn.mixture import GaussianMixture

        self.model = GaussianMixture(**self.setting, random_state=self._seed, max_iter=200)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # not converged: its validation score tells
            self.model.fit(self._spread(values))

    def _log_density(self, t: Floats) -> Floats:
        scores: Floats = self.model.score_samples(t)
        return scores

    def log_mass(self, values: Floats) -> Masses:
        """Return the log mass of the cells of rows (n, D)."""
        low, high = self._cells(values)
        if self.setting["covariance_type"] == "diag":
            deviations = np.sqrt(self.model.covariances_)
            each = [
                log_interval((low - mean) / own, (high - mean) / own).sum(axis=1)
                for mean, own in zip(self.model.means_, deviations, strict=True)
            ]
            return Masses(logsumexp(np.stack(each) + np.log(self.model.weights_)[:, None], axis=0))
        return by_doubling(lambda n, generator: self._log_sum(low, high, n, generator))

    def _log_sum(self, low: Floats, high: Floats, n: int, generator: np.random.Generator) -> Floats:
        """Return log of the sum of n estimates of the mass of cells."""
        counts = len(self.model.means_)
        covariances = self.model.covariances_
        if self.setting["covariance_type"] == "tied":
            covariances = np.broadcast_to(covariances, (counts, *covariances.shape))
        factors = np.linalg.cholesky(covariances)
        weights = np.log(np.maximum(self.model.weights_, 1e-300))
        pilot = np.stack([
            weights[k] + log_box(low, high, self.model.means_[k], factors[k], 20, generator)
            for k in range(counts)
        ])  # fmt: skip
        total = np.full(len(low), -np.inf)
        for k in range(counts):
            own = pilot[k] > pilot.max(axis=0) - self._NEGLIGIBLE
            if own.any():
                found = log_box(low[own], high[own], self.model.means_[k], factors[k], n, generator)
                total[own] = np.logaddexp(total[own], weights[k] + found)
        return total


class Kernels(Peer):
    """scikit-learn's KernelDensity, a normal kernel at every training row; its cells have a formula."""

    settings = ([{"bandwidth": float(h)} for h in np.geomspace(0.02, 2.0, 12).round(4)],)
    _PAIRS = 500_000

    def _fit(self, values: Floats) -> None:
        self.centres = self._spread(values)

    def _log_density(self, t: Floats) -> Floats:
        h, D = self.setting["bandwidth"], t.shape[1]
        found = np.empty(len(t))
        for some in self._blocks(len(t)):
            distance = -2 * t[some] @ self.centres.T
            distance += (t[some] ** 2).sum(axis=1)[:, None] + (self.centres**2).sum(axis=1)
            found[some] = logsumexp(-0.5 / h**2 * distance, axis=1)
        log_density: Floats = found - D * math.log(h * math.sqrt(2 * math.pi)) - math.log(len(self.centres))
        return log_density

    def log_mass(self, values: Floats) -> Masses:
        """Return the log mass of the cells of rows (n, D)."""
        h = self.setting["bandwidth"]
        low, high = (end / h for end in self._cells(values))
        found = np.empty(len(values))
        for some in self._blocks(len(values)):
            each = np.zeros((len(values[some]), len(self.centres)))
            for d, centre in enumerate(self.centres.T / h):
                each += log_interval(low[some, d, None] - centre, high[some, d, None] - centre)
            found[some] = logsumexp(each, axis=1)
        return Masses(found - math.log(len(self.centres)))

    def _blocks(self, n: int) -> list[slice]:
        size = max(self._PAIRS // len(self.centres), 1)
        return [slice(first, first + size) for first in range(0, n, size)]


class Copula(Peer):
    """A Gaussian copula: made's smooth marginals with their spikes, and a shrunk correlation of scores."""

    settings = ()

    def _fit(self, values: Floats) -> None:
        self.spikes, splines = [], []
        for column, step in zip(values.T, self.steps.tolist(), strict=True):
            spikes = np.array(find_spikes(column, step))
            body = column[~np.isin(column, spikes)]
            counts = [np.sum(column == spike) for spike in spikes]
            self.spikes.append((spikes, np.array([*counts, len(body)]) / len(column)))
            splines.append(fit_marginal(body if len(body) else spikes, step))
        self.marginals = NormalScores(splines, [0.0] * len(splines))
        low, high = self._ends(values)
        inner = ndtr(low) + self._generator.random(low.shape) * (ndtr(high) - ndtr(low))
        z = ndtri(np.clip(inner, 1e-12, 1 - 1e-12))
        self.factor = np.linalg.cholesky(shrunk_correlation((z - z.mean(axis=0)) / z.std(axis=0)))

    def _ends(self, values: Floats) -> tuple[Floats, Floats]:
        """Return both ends of the cells of rows as normal scores, those of a spike apart by its mass."""
        below, above = (
            self.marginals.point(torch.from_numpy((values + side * self.steps / 2).T.copy()))[0].numpy().T
            for side in (-1, 1)
        )
        low, high = np.empty_like(values), np.empty_like(values)
        for d, (spikes, masses) in enumerate(self.spikes):
            body = max(masses[-1], 1e-4)
            masses = masses[:-1] * (1 - body) / max(masses[:-1].sum(), 1e-300)
            value = values[:, d, None]
            low[:, d] = _score(body, below[:, d], ((value > spikes) * masses).sum(axis=1))
            high[:, d] = _score(body, above[:, d], ((value >= spikes) * masses).sum(axis=1))
        return low, high

    def _log_density(self, t: Floats) -> Floats:
        raise NotImplementedError("a copula has no setting to choose")

    def log_mass(self, values: Floats) -> Masses:
        """Return the log mass of the cells of rows (n, D)."""
        low, high = self._ends(values)
        zero = np.zeros(values.shape[1])
        return by_doubling(lambda n, generator: log_box(low, high, zero, self.factor, n, generator))


def _score(body: float, z: Floats, atoms: Floats) -> Floats:
    """Return the normal score of atoms + body Phi(z), computed from the nearer tail."""
    if body == 1.0:
        return z
    lower, upper = atoms + body * ndtr(z), 1 - body - atoms + body * ndtr(-z)
    score: Floats = np.where(lower < upper, ndtri(lower), -ndtri(np.maximum(upper, 0.0)))
    return np.clip(score, -37.0, 37.0)


class SplineFlow(Peer):
    """zuko's autoregressive neural spline flow, trained until validation rows no longer gain from it."""

    settings = tuple([{"transforms": n, "hidden": hidden}] for n, hidden in product((1, 3, 5), (64, 128)))
    _RATE, _LEAST_RATE = 1e-3, 1e-5
    _MOST_EPOCHS, _MOST_STEPS, _PATIENCE, _PATIENCE_OF_RATE = 400, 5_000, 15, 5
    _POINTS_AT_ONCE: ClassVar = {"cpu": 8_000, "cuda": 40_000}

    def _fit(self, values: Floats) -> None:
        import zuko

        self.device = "cuda" if is_large(*values.shape) and torch.cuda.is_available() else "cpu"
        torch.manual_seed(self._seed)
        n_valid = len(values) // 10
        order = self._generator.permutation(len(values))
        train, self._valid = values[order[n_valid:]], values[order[:n_valid]]
        hidden = (self.setting["hidden"],) * 2
        self.flow = zuko.flows.NSF(
            values.shape[1], transforms=self.setting["transforms"], hidden_features=hidden
        ).to(self.device)
        self._train(train, self._tensor(self._spread(self._valid, np.random.default_rng(0))))

    def _train(self, train: Floats, valid: torch.Tensor) -> None:
        """Train with new points within the cells in every epoch, and keep the weights of the best one.

        The learning rate is halved whenever five epochs bring nothing.
        """
        batch = 256 if len(train) > 2_000 else 128 if len(train) > 500 else 32
        optimizer = torch.optim.Adam(self.flow.parameters(), lr=self._RATE)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=0.5, patience=self._PATIENCE_OF_RATE, threshold=0.0, min_lr=self._LEAST_RATE
        )
        self.best, since, steps, best = -math.inf, 0, 0, deepcopy(self.flow.state_dict())
        for _ in range(self._MOST_EPOCHS):
            points = self._tensor(self._spread(train))[torch.randperm(len(train), device=self.device)]
            for own in points.split(batch):
                loss = -self.flow().log_prob(own).mean()
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.flow.parameters(), 5.0)
                optimizer.step()
                steps += 1
            with torch.no_grad():
                score = float(self.flow().log_prob(valid).mean())
            schedule.step(-score)
            since += 1
            if score > self.best:
                self.best, since, best = score, 0, deepcopy(self.flow.state_dict())
            if since >= self._PATIENCE or steps >= self._MOST_STEPS or math.isnan(score):
                break
        self.flow.load_state_dict(best)

    def _tensor(self, points: Floats) -> torch.Tensor:
        return torch.from_numpy(points).float().to(self.device)

    @torch.no_grad()
    def _log_density(self, t: Floats) -> Floats:
        parts = self._tensor(t).split(self._POINTS_AT_ONCE[self.device])
        found: Floats = torch.cat([self.flow().log_prob(part) for part in parts]).double().cpu().numpy()
        return np.nan_to_num(found, nan=-np.inf)

    def log_mass(self, values: Floats) -> Masses:
        """Return the log mass of the cells of rows (n, D)."""
        low, high = self._cells(values)
        log_volume = float(np.log(high[0] - low[0]).sum())

        def log_sum(n: int, generator: np.random.Generator) -> Floats:
            found = np.empty(len(low))
            for i in range(len(low)):
                points = low[i] + generator.random((n, low.shape[1])) * (high[i] - low[i])
                found[i] = logsumexp(self._log_density(points))
            return found + log_volume

        return by_doubling(log_sum)


def is_large(n_rows: int, n_columns: int) -> bool:
    """Return whether a flow of such rows is worth a GPU, where there is one."""
    return n_rows > _LARGE_ROWS or n_columns > _LARGE_COLUMNS


#: By the name they have in the tables.
PEERS: dict[str, type[Peer]] = {
    "GaussianMixture": Mixture,
    "KernelDensity": Kernels,
    "Gaussian copula": Copula,
    "neural spline flow": SplineFlow,
}
