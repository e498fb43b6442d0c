"""What every kind of variable must do: codes to input features, network outputs to a distribution.

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
    input_size : int
        Input features per variable.
    input_power : float
        Mean square of what a variable brings in over all its features, were its values equally probable.
    output_size : int
        Network outputs per variable: the parameters of its distribution.
    """

    kind: ClassVar[str]
    n: int
    input_size: int
    input_power: float = 1.0
    output_size: int

    @abstractmethod
    def features(self, codes: Tensor) -> Tensor:
        """Turn codes (rows, n) into input features (rows, n * input_size), float32."""

    @abstractmethod
    def log_prob(self, outputs: Tensor, codes: Tensor) -> Tensor:
        """Return log p of codes (rows, n) in nats under outputs (rows, n, output_size): (rows, n)."""

    @abstractmethod
    def quantile(self, outputs: Tensor, uniforms: Tensor) -> Tensor:
        """Return the values at which the CDF passes the uniforms.

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
    def settings(self) -> dict[str, Any]:
        """Return the JSON-ready arguments that build this again (`RowType.from_settings`)."""
