"""What every kind of variable has: a number of variables, input features, network outputs, settings.

To add a kind, write a subclass of `Variable` and add it to `VARIABLE_KINDS` in `made.variables.row_type`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor

__all__ = ["Label", "Variable"]

Label = str | int | float


class Variable(ABC):
    """`n` variables of one kind, side by side in a row.

    Attributes
    ----------
    n : int
        How many variables.
    n_values : int
        Number of codes of each variable: of all its values, or of its atoms and its body.
    labels : tuple or None
        What the codes 0, 1, ... stand for, where they stand for something else.
    missing : bool
        Whether an entry may be missing, which is then a value like any other: the last code.
    unseen : float or None
        The probability of a label that is none of `labels`; None where such a label is refused.
    ordered : bool
        Whether classes are numbers, which have a mean, and not names.
    input_size : int
        Input features per variable.
    input_power : float
        Mean square of what a variable brings in over all its features, were its values equally probable.
    output_size : int
        Network outputs per variable: the parameters of its distribution.
    output_map : (n_values, n_values) tensor or None
        A matrix that the outputs are multiplied with, outputs @ map, to become logits.
    kernel_kind : str
        How compiled sampling feeds a value to the network: "bernoulli", "one-hot", "table" or "numeric".
    """

    kind: ClassVar[str]
    kernel_kind: str
    n: int
    n_values: int
    labels: tuple[Label, ...] | None = None
    missing: bool = False
    unseen: float | None = None
    ordered: bool = False
    input_size: int
    input_power: float = 1.0
    output_size: int
    output_map: Tensor | None = None

    @property
    def missing_code(self) -> int | None:
        """The code of a missing entry; None where none may be missing."""
        return self.n_values - 1 if self.missing else None

    @property
    def unseen_code(self) -> int | None:
        """The code of a label that is no class: beyond all others. None where such a label is refused."""
        return None if self.unseen is None else self.n_values

    @property
    def n_codes(self) -> int:
        """Number of codes, that of a label that is no class among them."""
        return self.n_values + (self.unseen is not None)

    @property
    def n_outcomes(self) -> int:
        """Number of outcomes of the softmax among the outputs: fewer, where values share some."""
        return self.n_values

    @property
    def n_classes(self) -> int:
        """Number of codes that are not that of a missing entry."""
        return self.n_values - self.missing

    @property
    def values(self) -> tuple[Any, ...]:
        """What the codes stand for: labels, or the codes themselves; None for what is missing."""
        own = tuple(range(self.n_classes)) if self.labels is None else self.labels
        return (*own, None) if self.missing else own

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return the JSON-ready arguments that build this again (`RowType.from_settings`)."""
