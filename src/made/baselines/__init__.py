"""What a figure is compared with: the product of the marginals, and the Chow-Liu tree.

Both are fitted to counts in one look at the data, have nothing to tune, and give an exact log-probability:
two honest lines for a trained model to stay below. A name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from made.baselines.discrete import ChowLiuTree as ChowLiuTree
    from made.baselines.discrete import ProductOfMarginals as ProductOfMarginals
    from made.baselines.mixed import MixedMarginals as MixedMarginals
    from made.baselines.mixed import MixedTree as MixedTree

_HOMES = {
    "ChowLiuTree": "discrete",
    "MixedMarginals": "mixed",
    "MixedTree": "mixed",
    "ProductOfMarginals": "discrete",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"made.baselines.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'made.baselines' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
