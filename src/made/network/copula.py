"""What the features before a variable say of it linearly, under any ordering, from one covariance matrix.

Features u have mean 0 and covariance S; u_< are those of the variables before variable d, and S_< is their
block of S. Were all normal, the body of a number of mean m, variance v and covariances c with u_< would have

    mean m + c S_<^-1 u_<,   variance v - c S_<^-1 c^T,

and the logit of a class k, of probability p_k and of rows whose u_< have the mean t_k, would be log p_k plus

    t_k W^-1 u_< - t_k W^-1 t_k^T / 2,   W = S_< - sum_k p_k t_k^T t_k

(Fisher 1936). With the features in the order of their ranks, the Cholesky factor of S begins with those of
all S_<: one factor has the copula of an ordering, and none is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from made.masks.ordering import IntArray
from made.support.errors import InputError
from made.variables.discrete import Bernoulli, Discrete
from made.variables.normal_mixture import N_COMPONENTS, N_PARAMETERS, outputs_of
from made.variables.numeric import N_BUMPS, Numeric
from made.variables.row_type import RowType

__all__ = [
    "LEAST_NOISE",
    "MOST_CLASSES",
    "Copula",
    "Linear",
    "features_of",
    "logits_within",
    "n_copula_features",
    "shapes_of",
]

#: A body that others determine is given this much noise all the same, in normal scores.
LEAST_NOISE = 1e-3
#: Of how many classes there are rows enough for a discriminant.
MOST_CLASSES = 50
# More features than this take too long: there is a factor for every ordering.
_MOST_FEATURES = 512
# Of the variance of features, what is left within classes at least. With less, where a feature is nearly the
# same for all rows of a class (husbands are married), rows that differ in it cost tens of nats.
_LEAST_WITHIN = 0.2


class Linear(NamedTuple):
    """What is added to the outputs of a network: a weight (n_outputs, n_inputs) and a bias (n_outputs,)."""

    weight: Tensor
    bias: Tensor


class _Body(NamedTuple):
    """The target that a body is, its variable, and the first of its outputs."""

    target: int
    variable: int
    first_output: int


class _Classes(NamedTuple):
    """The targets that classes are, their variable, its outputs: one logit of two classes, or of each."""

    targets: slice
    variable: int
    first_output: int
    is_one_logit: bool

    @property
    def of_targets(self) -> range:
        return range(self.targets.start, self.targets.stop)

    @property
    def outputs(self) -> list[tuple[int, int, int]]:
        """Each output, the target that it is of, and the one that is taken from it; -1 for none."""
        if self.is_one_logit:
            return [(self.first_output, self.targets.start + 1, self.targets.start)]
        return [(self.first_output + k, t, -1) for k, t in enumerate(self.of_targets)]


class Copula(nn.Module):
    """The regressions of numbers and the discriminants of classes, under any ordering.

    Parameters
    ----------
    variables : RowType
        What a row is.

    Attributes
    ----------
    inputs : (M,) int array
        Which inputs of a network its features are.
    bodies, groups : lists
        Which targets are bodies, and which are the classes of a variable.
    of_feature, of_target : (M,) and (T,) int arrays
        The variable of each feature, and of each target.
    mean, covariance : (M,) and (M, M) float64 tensors
        Of the features.
    targets : (T, M) float64 tensor
        Of a body its covariances with the features; of a class the mean of its rows less that of all. Zero
        before it is fitted, which says nothing.
    levels : (T,) float64 tensor
        The mean of a body, the probability of a class.
    spreads : (T,) float64 tensor
        The variance of a body; of a class how much of the discriminant counts.

    Raises
    ------
    InputError
        If there is nothing that others could say anything of, or too much.

    Examples
    --------
    Of two numbers with a correlation of 0.6, the second follows the first, whichever that is:

    >>> import made
    >>> copula = Copula(made.MADE(made.Numeric(2)).variables)
    >>> for own in (copula.covariance, copula.targets):
    ...     _ = own.copy_(torch.tensor([[1.0, 0.6], [0.6, 1.0]]))
    >>> for ranks in ([1, 2], [2, 1]):
    ...     weight = copula.under(np.array(ranks)).weight
    ...     [round(float(own), 3) for own in (weight[5, 9], weight[20, 0])]
    [0.0, 0.6]
    [0.6, 0.0]
    """

    mean: Tensor
    covariance: Tensor
    targets: Tensor
    levels: Tensor
    spreads: Tensor

    def __init__(self, variables: RowType) -> None:
        super().__init__()
        if not n_copula_features(variables):
            raise InputError(
                f"copula takes numbers and classes of at most {MOST_CLASSES} values, "
                f"{_MOST_FEATURES} features in all: leave copula out"
            )
        self.n_inputs, self.n_outputs = variables.n_inputs, variables.n_outputs
        self.inputs = np.flatnonzero(_taken(variables))
        self.of_feature = np.repeat(np.arange(variables.n_variables), variables.input_sizes)[self.inputs]
        self.bodies, self.groups, of_target = _targets_of(variables)
        self.of_target = np.array(of_target)
        self._inputs = torch.from_numpy(self.inputs)
        bodies = [(own.target, own.first_output) for own in self.bodies]
        self._bodies = torch.tensor(bodies, dtype=torch.int64).reshape(-1, 2).T
        outputs = [own for group in self.groups for own in group.outputs]
        self._classes = torch.tensor(outputs, dtype=torch.int64).reshape(-1, 3).T
        self._by_size = _by_size([own.of_targets for own in self.groups], len(of_target))
        for name, shape in shapes_of(variables).items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))
        self.covariance.fill_diagonal_(1.0)
        self.spreads.fill_(1.0)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Copula:
        """Follow a model to its device, and stay in float64: what others determine needs the digits."""
        before = dict(self.named_buffers())
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, own in before.items():
            now = getattr(self, name)
            if now.dtype != own.dtype:
                setattr(self, name, own.to(now.device))
        return self

    @property
    def class_outputs(self) -> Tensor:
        """The outputs that are logits of classes."""
        return self._classes[0]

    def check(self) -> None:
        """Raise an `InputError` if the covariance matrix is none."""
        if int(torch.linalg.cholesky_ex(self.covariance).info):
            raise InputError("the covariance matrix of its copula is not positive definite")

    def under(self, ranks: IntArray) -> Linear:
        """Return what the features before each variable say of it, under an ordering.

        Parameters
        ----------
        ranks : (D,) int array
            Of the variables.
        """
        # Tensors made in inference mode would be of no use in training.
        with torch.inference_mode(False), torch.no_grad():
            return self._under(ranks)

    def _under(self, ranks: IntArray) -> Linear:
        device = self.mean.device
        places = np.argsort(ranks[self.of_feature], kind="stable")
        is_before = ranks[self.of_feature[places]] < ranks[self.of_target][:, None]
        order, before = torch.from_numpy(places).to(device), torch.from_numpy(is_before).to(device).double()
        mean, targets = self.mean[order], self.targets[:, order] * before
        factor = torch.linalg.cholesky(self.covariance[order][:, order])
        white = torch.linalg.solve_triangular(factor.T, targets, upper=True, left=False) * before
        parts, levels = functional.pad(white, (0, 0, 0, 1)), functional.pad(self.levels, (0, 1))
        for own in self._by_size:
            t = own.to(device)
            parts[t] = logits_within(parts[t], levels[t])
        slopes = torch.linalg.solve_triangular(factor, parts[:-1], upper=False, left=False) * before
        weight = torch.zeros(self.n_outputs, self.n_inputs, device=device)
        bias = torch.zeros(self.n_outputs, device=device)
        inputs = self._inputs.to(device)[order]
        t, outputs = self._bodies.to(device)
        deviation = (self.spreads[t] - white[t].square().sum(dim=1)).clamp(min=LEAST_NOISE**2).sqrt()
        outputs = outputs[:, None] + torch.arange(N_PARAMETERS, device=device)
        bias[outputs] = outputs_of(self.levels[t] - slopes[t] @ mean, deviation) - outputs_of().to(device)
        weight[outputs[:, N_COMPONENTS : 2 * N_COMPONENTS, None], inputs] = slopes[t, None].float()
        outputs, t, other = self._classes.to(device)
        slopes = slopes * self.spreads[:, None]
        levels = -(slopes * (targets / 2 + mean)).sum(dim=1)
        is_one = (other >= 0).double()  # one logit of two classes: that of the second, less the first's
        weight[outputs[:, None], inputs] = (slopes[t] - slopes[other] * is_one[:, None]).float()
        bias[outputs] = (levels[t] - levels[other] * is_one).float()
        return Linear(weight, bias)


def _by_size(groups: Sequence[range], filling: int) -> list[Tensor]:
    """Return groups of targets as few tables, one for each power of two of their sizes, filled up."""
    tables: dict[int, list[Tensor]] = {}
    for own in groups:
        tables.setdefault((len(own) - 1).bit_length(), []).append(torch.tensor(own))
    return [pad_sequence(own, batch_first=True, padding_value=filling) for own in tables.values()]


def _targets_of(variables: RowType) -> tuple[list[_Body], list[_Classes], list[int]]:
    """Return the bodies and classes that are targets, and the variable of each target."""
    bodies: list[_Body] = []
    groups: list[_Classes] = []
    of_target: list[int] = []
    firsts = np.cumsum(variables.output_sizes) - variables.output_sizes
    for d, block in variables.columns():
        first, n_classes = int(firsts[d]), 0
        if isinstance(block, Numeric):
            n_classes = block.n_class_outputs
            bodies.append(_Body(len(of_target), d, first + n_classes))
            of_target.append(d)
        elif isinstance(block, Discrete) and block.output_map is None:
            n_classes = block.n_values
        if 2 <= n_classes <= MOST_CLASSES:
            own = slice(len(of_target), len(of_target) + n_classes)
            groups.append(_Classes(own, d, first, isinstance(block, Bernoulli)))
            of_target += [d] * n_classes
    return bodies, groups, of_target


def n_copula_features(variables: RowType) -> int:
    """Return M; 0 where nothing is a target, or a factor of every ordering would take too long."""
    n_features = int(_taken(variables).sum())
    return n_features if n_features <= _MOST_FEATURES and _targets_of(variables)[2] else 0


def shapes_of(variables: RowType) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors that a copula has, by their names."""
    n_features, n_targets = int(_taken(variables).sum()), len(_targets_of(variables)[2])
    return {
        "mean": (n_features,),
        "covariance": (n_features, n_features),
        "targets": (n_targets, n_features),
        "levels": (n_targets,),
        "spreads": (n_targets,),
    }


def _taken(variables: RowType) -> NDArray[np.bool_]:
    """Return which features a copula has: scores alone where there are too many others."""
    is_used, is_score = features_of(variables)
    return is_used if is_used.sum() <= _MOST_FEATURES else is_score


def features_of(variables: RowType) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which features of variables a linear function takes, and which are normal scores."""
    firsts = np.cumsum(variables.input_sizes) - variables.input_sizes
    is_used = np.ones(variables.n_inputs, dtype=bool)
    is_score = np.zeros(variables.n_inputs, dtype=bool)
    for d, block in variables.columns():
        if isinstance(block, Numeric):
            is_score[firsts[d]] = True
            # Its score says all of a spike; many columns of little say would shrink the others' part.
            is_used[firsts[d] + 1 : firsts[d] + N_BUMPS + block.n_classes] = False
    return is_used, is_score


def logits_within(means: Tensor, shares: Tensor) -> Tensor:
    """Return t_k W^-1 of classes, by Woodbury's identity: (..., C, M), as means are.

    Parameters
    ----------
    means : (..., C, M) tensor
        t_k in features that are white among all rows.
    shares : (..., C) tensor
        p_k.
    """
    between = shares.sqrt().unsqueeze(-1) * means
    one = torch.eye(means.shape[-2], dtype=means.dtype, device=means.device)
    values, vectors = torch.linalg.eigh(one - between @ between.mT)
    inverse = vectors / values.clamp(min=_LEAST_WITHIN).unsqueeze(-2) @ vectors.mT
    within: Tensor = means + means @ between.mT @ inverse @ between
    return within
