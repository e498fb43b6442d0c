"""Variables with finitely many values: Bernoulli and categorical.

A row holds one code per variable: 0 or 1 for a Bernoulli variable, 0..K-1 for a categorical one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from made.support.checks import check_bool, check_int
from made.support.errors import InputError
from made.variables import cross_entropy
from made.variables.base import Label, Variable

__all__ = ["Bernoulli", "Categorical", "Discrete"]


# Largest number of radial basis functions, and their standard deviation in distances between centres.
_MAX_CENTRES = 40
_RELATIVE_WIDTH = 2.0


class Discrete(Variable):
    """`n` variables with finitely many values each: Bernoulli or categorical.

    Attributes
    ----------
    feature_table : (n_values, input_size) tensor or None
        The input features of every code, for kernel_kind "table".
    """

    feature_table: Tensor | None = None

    @abstractmethod
    def features(self, codes: Tensor) -> Tensor:
        """Turn codes (rows, n) into input features (rows, n * input_size), float32."""

    @abstractmethod
    def log_prob(self, outputs: Tensor, codes: Tensor) -> Tensor:
        """Return log p of codes (rows, n) in nats under outputs (rows, n, output_size): (rows, n)."""

    @abstractmethod
    def quantile(self, outputs: Tensor, uniforms: Tensor) -> Tensor:
        """Return the codes at which the CDF passes the uniforms.

        Parameters
        ----------
        outputs : (rows, output_size) tensor
            Of one variable.
        uniforms : (rows,) float64 tensor
            In [0, 1).

        Returns
        -------
        (rows,) tensor of codes
        """

    @abstractmethod
    def log_probabilities(self, outputs: Tensor) -> Tensor:
        """Return log p of every code of one variable, (rows, n_values) float64, from outputs of rows."""

    @abstractmethod
    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return what outputs (..., output_size) mean as probabilities, same shape."""

    @abstractmethod
    def most_probable(self, probabilities: Tensor) -> Tensor:
        """Return the code of the largest probability: (..., output_size) to (...)."""

    @abstractmethod
    def counts(self, codes: Tensor, weight: Tensor) -> Tensor:
        """Return how often each value occurs in codes (rows, n), weighted by row: (n, n_values) float64."""

    @abstractmethod
    def marginals(self, counts: Tensor) -> Tensor:
        """Return the outputs (n, output_size) of the smoothed marginals for these counts.

        Smoothing is Laplace's: one count is added to every value, so that none seen in held-out data alone
        has probability zero.
        """


class Bernoulli(Discrete):
    """`n` variables that are 0 or 1; one input feature and one logit each.

    Parameters
    ----------
    n : int
        How many.
    missing : bool
        Whether an entry may be missing: this is then ``Categorical(2, n, missing=True)``.

    Examples
    --------
    >>> Bernoulli(784)
    Bernoulli(784)
    >>> Bernoulli(missing=True)
    Categorical(2, n=1, coding='one-hot', missing=True)
    """

    kind = "bernoulli"
    kernel_kind = "bernoulli"
    n_values = 2
    input_size = 1
    output_size = 1

    def __new__(cls, n: int = 1, missing: bool = False) -> Any:
        """Return a categorical variable where entries may be missing: a third value."""
        if check_bool("Bernoulli: missing", missing):
            return Categorical(2, n, missing=True)
        return super().__new__(cls)

    def __init__(self, n: int = 1, missing: bool = False) -> None:
        self.n = check_int("Bernoulli: n", n, least=1)

    def features(self, codes: Tensor) -> Tensor:
        """Return the codes as they are, in float32."""
        return codes.float()

    def log_prob(self, outputs: Tensor, codes: Tensor) -> Tensor:
        """Return minus the binary cross entropy of each code, in nats (Germain et al. 2015, eq. 3)."""
        return -functional.binary_cross_entropy_with_logits(
            outputs.squeeze(-1), codes.to(outputs.dtype), reduction="none"
        )

    def log_probabilities(self, outputs: Tensor) -> Tensor:
        """Return log p of 0 and of 1, (rows, 2) float64."""
        return functional.logsigmoid(torch.cat([-outputs, outputs], dim=1).double())

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the probability of a 1."""
        return torch.sigmoid(outputs)

    def most_probable(self, probabilities: Tensor) -> Tensor:
        """Return 1 where that is at least as probable as 0."""
        return (probabilities[..., 0] >= 0.5).long()

    def quantile(self, outputs: Tensor, uniforms: Tensor) -> Tensor:
        """Return 1 where the uniform has passed the probability of a 0."""
        return (uniforms >= torch.sigmoid(-outputs[:, 0].double())).long()

    def counts(self, codes: Tensor, weight: Tensor) -> Tensor:
        """Return the weighted numbers of zeros and of ones."""
        ones = weight @ codes.double()
        return torch.stack([weight.sum() - ones, ones], dim=1)

    def marginals(self, counts: Tensor) -> Tensor:
        """Return the logits of (ones + 1) / (rows + 2)."""
        return torch.log(counts[:, 1:] + 1) - torch.log(counts[:, :1] + 1)

    def settings(self) -> dict[str, Any]:
        """Return kind and n."""
        return {"kind": self.kind, "n": self.n}

    def __repr__(self) -> str:
        """Show the call that makes this."""
        return f"Bernoulli({self.n})"


class Categorical(Discrete):
    """`n` variables with K classes each; K logits leave the network for each of them.

    Parameters
    ----------
    classes : int or sequence of labels
        K, or the K labels (strings or numbers) that the codes 0..K-1 stand for. Rows then
        hold labels, in every call.
    n : int
        How many.
    coding : "one-hot", "scaled", "raw" or "radial-basis"
        How a code enters the network: as K features of which one is 1, as code / (K - 1) in [0, 1], as the
        integer itself; or, for classes in an order, as up to 40 Gaussian radial basis functions along
        0..K-1, each standardized over the classes, so that near classes look alike and far ones do not.
    missing : bool
        Whether an entry may be missing: a further class, of code K, marked by None or NaN.
    smooth : float
        For classes in an order: the logits are averaged along the classes with a Gaussian of this standard
        deviation, in classes. What the model can say about near classes is then alike, which few rows per
        class need. The starting point, too, are marginals that are smooth along the classes. 0: not at all.

    Examples
    --------
    >>> Categorical(200, n=2, coding="scaled")
    Categorical(200, n=2, coding='scaled')
    >>> Categorical(["red", "green", "blue"]).n_values
    3
    """

    kind = "categorical"
    codings: ClassVar[tuple[str, ...]] = ("one-hot", "scaled", "raw", "radial-basis")

    def __init__(
        self,
        classes: int | Sequence[Label],
        n: int = 1,
        coding: str = "one-hot",
        missing: bool = False,
        smooth: float = 0.0,
    ) -> None:
        if isinstance(classes, int | np.integer):
            n_classes = check_int("Categorical: the number of classes", classes, least=1)
        else:
            self.labels = _check_labels(classes)
            n_classes = len(self.labels)
        self.missing = check_bool("Categorical: missing", missing)
        self.n_values = n_classes + self.missing
        self.n = check_int("Categorical: n", n, least=1)
        if coding not in self.codings:
            raise InputError(f"coding is one of {', '.join(map(repr, self.codings))}, got {coding!r}")
        if not isinstance(smooth, int | float | np.number) or not 0 <= smooth < np.inf:
            raise InputError(f"smooth is a width in classes, at least 0; got {smooth!r}")
        self.coding = coding
        self.smooth = float(smooth)
        self.kernel_kind = "one-hot" if coding == "one-hot" else "table"
        if coding != "one-hot":
            self.feature_table = _features(self.n_classes, coding, missing=self.missing)
        self.output_map = _kernel(self.n_classes, self.smooth, missing=self.missing)
        self.input_size = self.n_values if self.feature_table is None else self.feature_table.shape[1]
        self.output_size = self.n_values
        if self.feature_table is not None and coding != "scaled":
            self.input_power = max(float((self.feature_table**2).sum(dim=1).mean()), 1.0)

    def features(self, codes: Tensor) -> Tensor:
        """Return the features of each code, after `coding`."""
        if self.feature_table is None:
            # Not torch's one_hot, which makes integers of eight bytes on the way.
            features = torch.zeros(*codes.shape, self.n_values, device=codes.device)
            return features.scatter_(2, codes.long()[:, :, None], 1.0).flatten(1)
        return self.feature_table.to(codes.device)[codes.long()].flatten(1)

    def log_prob(self, outputs: Tensor, codes: Tensor) -> Tensor:
        """Return minus the cross entropy of each code, in nats."""
        return cross_entropy.log_prob(self._logits(outputs), codes.long())

    def log_probabilities(self, outputs: Tensor) -> Tensor:
        """Return log p of every class, (rows, n_values) float64."""
        return torch.log_softmax(self._logits(outputs).double(), dim=-1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the probability of every class."""
        return torch.softmax(self._logits(outputs), dim=-1)

    def most_probable(self, probabilities: Tensor) -> Tensor:
        """Return the class of the largest probability."""
        return probabilities.argmax(dim=-1)

    def quantile(self, outputs: Tensor, uniforms: Tensor) -> Tensor:
        """Return the first class whose cumulated probability exceeds the uniform.

        The last class that has any mass absorbs rounding; a class of zero mass is never drawn.
        """
        return self._quantile(self._logits(outputs), uniforms)

    def quantile_of_recorded(self, outputs: Tensor, uniforms: Tensor) -> Tensor:
        """Return the same of the distribution given that the entry is not missing."""
        return self._quantile(self._logits(outputs)[:, : self.n_classes], uniforms)

    def _quantile(self, logits: Tensor, uniforms: Tensor) -> Tensor:
        mass = torch.softmax(logits.double(), dim=-1)
        cumulated = mass.cumsum(-1)
        drawn = torch.searchsorted(cumulated, uniforms[:, None].contiguous(), right=True)[:, 0]
        places = torch.arange(mass.shape[1], device=logits.device)
        last = torch.where(mass > 0, places, 0).max(dim=-1).values
        return torch.minimum(drawn, last)

    def counts(self, codes: Tensor, weight: Tensor) -> Tensor:
        """Return the weighted number of every class."""
        counts = torch.zeros(self.n, self.n_values, dtype=torch.float64)
        for i in range(self.n):
            counts[i].index_add_(0, codes[:, i].long(), weight)
        return counts

    def marginals(self, counts: Tensor) -> Tensor:
        """Return the logarithms of (count + 1) / (rows + K)."""
        return torch.log_softmax(torch.log(counts + 1), dim=1)

    def settings(self) -> dict[str, Any]:
        """Return kind, classes (or labels), n, coding and, where there is any, smoothing, and missing."""
        classes = self.n_classes if self.labels is None else list(self.labels)
        more: dict[str, Any] = {"smooth": self.smooth} if self.smooth else {}
        more |= {"missing": True} if self.missing else {}
        return {"kind": self.kind, "classes": classes, "n": self.n, "coding": self.coding, **more}

    def __repr__(self) -> str:
        """Show the call that makes this."""
        classes = self.n_classes if self.labels is None else list(self.labels)
        more = f", smooth={self.smooth:g}" if self.smooth else ""
        more += ", missing=True" if self.missing else ""
        return f"Categorical({classes}, n={self.n}, coding={self.coding!r}{more})"

    def _logits(self, outputs: Tensor) -> Tensor:
        if self.output_map is None:
            return outputs
        return outputs @ self.output_map.to(outputs.device, outputs.dtype)


def _features(n_classes: int, coding: str, *, missing: bool) -> Tensor:
    """Return what each code enters the network as where that is not one-hot, (n_values, input_size)."""
    table = _features_of_classes(n_classes, coding)
    if not missing:
        return table
    # One more feature says whether the entry is missing; the others are 0 then.
    features = torch.zeros(n_classes + 1, table.shape[1] + 1)
    features[:-1, :-1], features[-1, -1] = table, 1.0
    return features


def _features_of_classes(n_values: int, coding: str) -> Tensor:
    codes = torch.arange(n_values, dtype=torch.float64)
    if coding == "radial-basis":
        centres = torch.linspace(0, n_values - 1, min(n_values, _MAX_CENTRES), dtype=torch.float64)
        width = _RELATIVE_WIDTH * max(n_values - 1, 1) / max(len(centres) - 1, 1)
        basis = torch.exp(-0.5 * ((codes[:, None] - centres) / width) ** 2)
        spread = basis.std(dim=0, correction=0).clamp(min=1e-12)
        return ((basis - basis.mean(dim=0)) / spread).float()
    return (codes / max(n_values - 1, 1) if coding == "scaled" else codes).float()[:, None]


def _kernel(n_classes: int, smooth: float, *, missing: bool) -> Tensor | None:
    """Return the matrix that averages logits along the classes, (K, K) with columns summing to 1."""
    if smooth == 0:
        return None
    codes = torch.arange(n_classes, dtype=torch.float64)
    weights = torch.exp(-0.5 * ((codes[:, None] - codes) / smooth) ** 2)
    weights /= weights.sum(dim=0)
    if missing:  # which is beside the classes
        weights = torch.nn.functional.pad(weights, (0, 1, 0, 1))
        weights[-1, -1] = 1
    return weights.float()


def _check_labels(labels: Sequence[Label]) -> tuple[Label, ...]:
    if isinstance(labels, str) or not isinstance(labels, Sequence | np.ndarray) or len(labels) == 0:
        raise InputError(f"classes is a whole number or a list of labels, got {labels!r}")
    plain = tuple(label.item() if isinstance(label, np.generic) else label for label in labels)
    for label in plain:
        if not isinstance(label, str | int | float):
            raise InputError(f"a label is a string or a number, got {label!r}")
    if len(set(plain)) < len(plain):
        raise InputError("the labels of a categorical variable must differ from each other")
    return plain
