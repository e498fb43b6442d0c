"""Variables with finitely many values: Bernoulli and categorical.

A row holds one code per variable: 0 or 1 for a Bernoulli variable, 0..K-1 for a categorical one.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from made.support.checks import check_bool, check_int
from made.support.devices import Constant
from made.support.errors import InputError
from made.support.following import scattered
from made.variables import cross_entropy
from made.variables.base import Label, Variable
from made.variables.class_features import class_features, smoothing_map
from made.variables.class_groups import default_coding
from made.variables.code_table import CodeTable, Entries
from made.variables.sparse_one_hot import OneHots
from made.variables.unseen import check_unseen

__all__ = ["Bernoulli", "Categorical", "Discrete"]


class Discrete(Variable):
    """`n` variables with finitely many values each: Bernoulli or categorical.

    Attributes
    ----------
    feature_table : (n_values, input_size) tensor or None
        The input features of every code, for kernel_kind "table".
    """

    feature_table: Tensor | None = None

    @property
    def entries(self) -> Entries | None:
        """What log p adds for each code; None where codes are outcomes, and nothing is added."""
        return None

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
    coding : "one-hot", "scaled", "raw", "radial-basis" or "grouped"
        How a code enters the network: as K features of which one is 1, as code / (K - 1) in [0, 1], as the
        integer itself; or, for classes in an order, as up to 40 Gaussian radial basis functions along
        0..K-1, each standardized over the classes, so that near classes look alike and far ones do not.
        "grouped" is for thousands of classes: see `made.variables.many_classes.ManyClasses`. By default it
        is "one-hot", and "grouped" above 2,000 classes.
    missing : bool
        Whether an entry may be missing: a further class, of code K, marked by None or NaN.
    smooth : float
        For classes in an order: the logits are averaged along the classes with a Gaussian of this standard
        deviation, in classes. What the model can say about near classes is then alike, which few rows per
        class need. The starting point, too, are marginals that are smooth along the classes. 0: not at all.
    unseen : float, optional
        The probability of a label that is no class, in (0, 1). All such labels are one event; what follows
        such an entry sees zero features. By default such a label is refused.
    ordered : bool
        Whether classes are numbers of something, 0 to 6 children, and not its names: they then have a mean.
        Nothing else depends on it.
    grouping : mapping, optional
        Of coding "grouped": sizes, and the counts of the classes as training rows set them.

    Examples
    --------
    >>> Categorical(200, n=2, coding="scaled")
    Categorical(200, n=2, coding='scaled')
    >>> Categorical(["red", "green", "blue"]).n_values
    3
    """

    kind = "categorical"
    codings: ClassVar[tuple[str, ...]] = ("one-hot", "scaled", "raw", "radial-basis", "grouped")
    # Of `many_classes`, which whoever imports made.Categorical or builds a row imports.
    _grouped: ClassVar[type[Categorical] | None] = None

    def __new__(
        cls, classes: int | Sequence[Label] = 2, n: int = 1, coding: str | None = None, *_: Any, **__: Any
    ) -> Any:
        """Return the variable that the coding asks for."""
        if coding is None and isinstance(classes, int | np.integer | Sequence | np.ndarray):
            coding = default_coding(int(classes) if isinstance(classes, int | np.integer) else len(classes))
        if cls is Categorical and coding == "grouped" and cls._grouped is not None:
            return super().__new__(cls._grouped)
        return super().__new__(cls)

    def __init_subclass__(cls) -> None:
        """Note the one subclass: what `coding="grouped"` makes."""
        Categorical._grouped = cls

    def __init__(
        self,
        classes: int | Sequence[Label],
        n: int = 1,
        coding: str | None = None,
        missing: bool = False,
        smooth: float = 0.0,
        *,
        unseen: float | None = None,
        ordered: bool = False,
        grouping: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(classes, int | np.integer):
            n_classes = check_int("Categorical: the number of classes", classes, least=1)
        else:
            self.labels = _check_labels(classes)
            n_classes = len(self.labels)
        coding = default_coding(n_classes) if coding is None else coding
        self.unseen = check_unseen(unseen)
        self.ordered = check_bool("Categorical: ordered", ordered)
        if self.ordered and any(isinstance(label, str) for label in self.labels or ()):
            raise InputError("ordered classes are numbers: classes of text have no mean")
        self.missing = check_bool("Categorical: missing", missing)
        self.n_values = n_classes + self.missing
        self.n = check_int("Categorical: n", n, least=1)
        if coding not in self.codings:
            raise InputError(f"coding is one of {', '.join(map(repr, self.codings))}, got {coding!r}")
        if not isinstance(smooth, int | float | np.number) or not 0 <= smooth < np.inf:
            raise InputError(f"smooth is a width in classes, at least 0; got {smooth!r}")
        self.coding = coding
        self.smooth = float(smooth)
        if (smooth and coding == "grouped") or (grouping is not None and coding != "grouped"):
            raise InputError("grouping belongs to coding='grouped', and smooth to the other codings")
        self._code(grouping)
        entries = self.entries
        self._table = None if entries is None else CodeTable([entries])

    def _code(self, grouping: Mapping[str, Any] | None) -> None:
        """Decide what enters the network and what leaves it."""
        self.kernel_kind = "one-hot" if self.coding == "one-hot" else "table"
        if self.coding != "one-hot":
            table = class_features(self.n_classes, self.coding, missing=self.missing)
            # The features of a label that is no class are zero.
            self.feature_table = functional.pad(table, (0, 0, 0, self.n_codes - self.n_values))
            self._features = Constant(self.feature_table)
        self.output_map = smoothing_map(self.n_classes, self.smooth, missing=self.missing)
        if self.output_map is not None:
            self._output_map = Constant(self.output_map)
        self.input_size = self.n_values if self.feature_table is None else self.feature_table.shape[1]
        self.output_size = self.n_values
        if self.feature_table is not None and self.coding != "scaled":
            self.input_power = max(float((self.feature_table[: self.n_values] ** 2).sum(dim=1).mean()), 1.0)

    @property
    def entries(self) -> Entries | None:
        """What log p adds for each code: that a label is one of the classes, or that it is none."""
        return None if self.unseen is None else self._with_unseen(Entries.plain(self.n_values))

    def features(self, codes: Tensor) -> Tensor:
        """Return the features of each code, after `coding`; all zero of a label that is no class."""
        if self.feature_table is None:
            # Not torch's one_hot, which makes integers of eight bytes on the way.
            features = codes.new_zeros((*codes.shape, self.n_codes), dtype=torch.float32)
            features = scattered(features, 2, codes.long()[:, :, None], 1.0)
            return features[:, :, : self.n_values].flatten(1)
        return self._features.on(codes.device).tensor[codes.long()].flatten(1)

    def one_hots(self, codes: Tensor) -> OneHots:
        """Return codes (rows, n) as one-hot variables, where `features` are one-hot."""
        firsts = tuple(range(0, self.n * self.n_values, self.n_values))
        own, seen = codes.t().long(), None
        if self.unseen is not None:
            seen = own < self.n_values
            own = own * seen
        return OneHots(own, firsts, (self.n_values,) * self.n, seen)

    def log_prob(self, outputs: Tensor, codes: Tensor) -> Tensor:
        """Return log p of each code, in nats: minus the cross entropy, and what `entries` adds."""
        if self._table is None:
            return cross_entropy.log_prob(self._logits(outputs), codes.long())
        entries = self._table(codes.long())
        return entries.log_prob(cross_entropy.log_prob(self._logits(outputs), entries.outcomes))

    def log_probabilities(self, outputs: Tensor) -> Tensor:
        """Return log p of every class, (rows, n_values) float64."""
        log_p = torch.log_softmax(self._logits(outputs).double(), dim=-1)
        return log_p if self.unseen is None else log_p + math.log1p(-self.unseen)

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
        return self._quantile(self._logits(outputs)[:, : self.n_outcomes - self.missing], uniforms)

    def _quantile(self, logits: Tensor, uniforms: Tensor) -> Tensor:
        mass = torch.softmax(logits.double(), dim=-1)
        cumulated = mass.cumsum(-1)
        drawn = torch.searchsorted(cumulated, uniforms[:, None].contiguous(), right=True)[:, 0]
        places = torch.arange(mass.shape[1], device=logits.device)
        last = torch.where(mass > 0, places, 0).max(dim=-1).values
        return torch.minimum(drawn, last)

    def counts(self, codes: Tensor, weight: Tensor) -> Tensor:
        """Return the weighted number of every class; labels that are none do not count."""
        counts = torch.zeros(self.n, self.n_codes, dtype=torch.float64)
        for i in range(self.n):
            counts[i].index_add_(0, codes[:, i].long(), weight)
        return counts[:, : self.n_values]

    def marginals(self, counts: Tensor) -> Tensor:
        """Return the logarithms of (count + 1) / (rows + K)."""
        return torch.log_softmax(torch.log(counts + 1), dim=1)

    def settings(self) -> dict[str, Any]:
        """Return kind, classes (or labels), n, coding and, where it is not the default, all else."""
        classes = self.n_classes if self.labels is None else list(self.labels)
        more: dict[str, Any] = {"smooth": self.smooth} if self.smooth else {}
        more |= {"missing": True} if self.missing else {}
        more |= {} if self.unseen is None else {"unseen": self.unseen}
        more |= {"ordered": True} if self.ordered else {}
        return {"kind": self.kind, "classes": classes, "n": self.n, "coding": self.coding, **more}

    def __repr__(self) -> str:
        """Show the call that makes this, but for the labels of many classes and their grouping."""
        classes: Any = self.n_classes if self.labels is None else list(self.labels)
        if self.labels is not None and self.coding == "grouped":
            classes = f"[{self.labels[0]!r}, ..., {self.labels[-1]!r}]"
        more = f", smooth={self.smooth:g}" if self.smooth else ""
        more += ", missing=True" if self.missing else ""
        more += "" if self.unseen is None else f", unseen={self.unseen:.3g}"
        more += ", ordered=True" if self.ordered else ""
        return f"Categorical({classes}, n={self.n}, coding={self.coding!r}{more})"

    def _with_unseen(self, entries: Entries) -> Entries:
        """Return the entries of all codes, given those of values: with those of labels that are no class."""
        if self.unseen is None:
            return entries
        one = torch.ones(1, dtype=torch.float64)
        own = Entries(torch.zeros(1, dtype=torch.int64), one * math.log(self.unseen), one.bool())
        return Entries.cat([entries._replace(added=entries.added + math.log1p(-self.unseen)), own])

    def _logits(self, outputs: Tensor) -> Tensor:
        if self.output_map is None:
            return outputs
        return outputs @ self._output_map.on(outputs.device).tensor.to(outputs.dtype)


def _check_labels(labels: Sequence[Label]) -> tuple[Label, ...]:
    if isinstance(labels, str) or not isinstance(labels, Sequence | np.ndarray) or len(labels) == 0:
        raise InputError(f"classes is a whole number or a list of labels, got {labels!r}")
    plain = tuple(label.item() if isinstance(label, np.generic) else label for label in labels)
    for label in plain:
        if not isinstance(label, str | int | float):
            raise InputError(f"a label is a string or a number, got {label!r}")
        if label != label:
            raise InputError("NaN is no label: it marks an entry that is missing")
    if len(set(plain)) < len(plain):
        raise InputError("the labels of a categorical variable must differ from each other")
    return plain
