"""What one-pass sampling supports, by name, and the numbers by which compiled loops know it."""

from __future__ import annotations

from enum import IntEnum

from made.network.network import Network
from made.variables.row_type import RowType

__all__ = ["ACTIVATIONS", "KERNEL_KINDS", "Activation", "KernelKind", "unsupported"]


class KernelKind(IntEnum):
    """How a variable enters the network, and which distribution its outputs stand for."""

    BERNOULLI = 0
    ONE_HOT = 1
    TABLE = 2
    NUMERIC = 3


class Activation(IntEnum):
    """The activations that the kernels compute."""

    RELU = 0
    LEAKY_RELU = 1
    ELU = 2
    GELU = 3
    SILU = 4
    SOFTPLUS = 5
    TANH = 6
    SIGMOID = 7

    @property
    def label(self) -> str:
        """Its name in `network.ACTIVATIONS`."""
        return self.name.lower()


#: By `Variable.kernel_kind`.
KERNEL_KINDS = {kind.name.lower().replace("_", "-"): kind for kind in KernelKind}
#: By the name in `network.ACTIVATIONS`.
ACTIVATIONS = {activation.label: activation for activation in Activation}


def unsupported(network: Network, variables: RowType) -> str | None:
    """Return what keeps a model from being sampled in one pass; None if nothing does.

    Examples
    --------
    >>> import made
    >>> model = made.MADE([made.Bernoulli(2), made.Categorical(3)], hidden=(4,))
    >>> unsupported(model.network, model.variables) is None
    True
    """
    if network.activation not in ACTIVATIONS:
        return f"the activation {network.activation!r}"
    for block in variables.blocks:
        if block.kernel_kind not in KERNEL_KINDS:
            return f"variables of the kind {block.kind!r}"
    return None
