"""What can be chosen about the network and the masks of a `MADE`, beside what a row is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from made.support.settings import check_settings, documented, setting

__all__ = ["ACTIVATION_NAMES", "NETWORK_SETTINGS", "NetworkSettings"]

#: The activations that a network knows; `made.network.network.ACTIVATIONS` says what they compute.
ACTIVATION_NAMES = ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "tanh", "sigmoid")


@documented
@dataclass(frozen=True)
class NetworkSettings:
    """The arguments of `MADE` that shape its network and its masks: what a recipe and `made fit` may set."""

    hidden: int | Sequence[int] = setting((500,), help="Sizes of the hidden layers, e.g. 512,512,512.")
    ordering: str | Sequence[int] | Sequence[Sequence[int]] = setting(
        "natural", help="Order of the variables: natural, random, or their numbers with commas."
    )
    orderings: int | str = setting(1, help="How many orderings are cycled, or fresh.")
    connectivity: Any = setting("uniform", help="Degrees of the hidden units: uniform or even.")
    connectivities: int | str = setting(1, help="How many connectivities are cycled, or fresh.")
    activation: str = setting(
        "relu", choices=ACTIVATION_NAMES, help=f"Of the hidden units: {', '.join(ACTIVATION_NAMES)}."
    )
    residual: bool = setting(False, help="Layers add the one before, where both are of the same size.")
    direct: bool = setting(False, help="Connect the inputs to the outputs as well.")
    dropout: float = setting(0.0, least=0, below=1, help="Fraction of hidden units dropped in training.")
    input_dropout: float = setting(
        0.0, least=0, below=1, help="Fraction of input features dropped in training."
    )
    fresh_masks: int = setting(
        16, least=1, is_option=False, help="How many masks make up the density where masks are fresh."
    )
    field: Any = setting(
        None,
        is_option=False,
        help="For images: what a unit sees, a neighbourhood on the grid; see `ReceptiveField`.",
    )
    copula: bool = setting(
        False, is_option=False, help="Of several masks: outputs start from what is linear, see `Copula`."
    )

    def __post_init__(self) -> None:
        """Check what can be checked without knowing the variables."""
        check_settings(self)


#: Their names.
NETWORK_SETTINGS = tuple(own.name for own in fields(NetworkSettings))
