"""What a fit will cost, estimated from its settings: seconds on one core, and memory. No clock is read.

The constants are those of one core of a server with AVX-512 at 2.8 GHz, the other of which is busy too;
elsewhere an estimate is off by the factor by which a core is quicker or slower.
"""

from __future__ import annotations

import math

from made.masks.mask_set import FRESH
from made.network.network import n_weights_of
from made.training.memory import fit_bytes
from made.training.settings import TrainingSettings
from made.training.shrinkage import N_VALIDATIONS
from made.tuning.candidates import Candidate
from made.tuning.facts import Facts

__all__ = ["bytes_of", "seconds_of"]

# Seconds of a step: what torch takes to call its operations, and for each block; then a multiplication and
# addition, a weight (optimizer, average, mask), an activation (activation function, dropout).
_STEP, _BLOCK, _PRODUCT, _WEIGHT, _UNIT = 2e-3, 3e-4, 2.5e-11, 6e-9, 1.2e-8
# Of the copula of an ordering: at least, and for each product of its factor.
_COPULA, _COPULA_PRODUCT = 2e-3, 1e-9
# Of a validation: for each mask and block, and an output of a row beside its products.
_MASK, _MASK_OF_BLOCK, _OUTPUT = 1e-3, 1e-4, 2e-8
_FLOAT = 4


def seconds_of(candidate: Candidate, facts: Facts) -> float:
    """Return how long the whole fit of a candidate takes on one core, in seconds.

    Examples
    --------
    >>> from made.tuning.candidates import candidates
    >>> facts = Facts(n_rows=5_000)
    >>> 10 < seconds_of(candidates(facts)[0], facts) < 60
    True
    """
    batch_size, epochs = candidate.training["batch_size"], candidate.training["epochs"]
    n_steps = epochs * math.ceil(facts.n_rows / batch_size)
    batch = min(batch_size, facts.n_rows)
    n_units = batch * (facts.n_outputs + sum(candidate.model["hidden"]))
    in_use = _n_weights(candidate, facts, in_use=True)
    step = _STEP + _BLOCK * facts.n_blocks
    step += 3 * _PRODUCT * in_use * batch + _WEIGHT * in_use + _UNIT * n_units
    orderings = candidate.model.get("orderings", 1)
    if orderings == FRESH and candidate.model.get("copula"):
        step += _COPULA + _COPULA_PRODUCT * facts.n_copula**3
    n_masks = (
        TrainingSettings.valid_masks if orderings == FRESH else min(orderings, TrainingSettings.valid_masks)
    )
    mask = _MASK + _MASK_OF_BLOCK * facts.n_blocks
    n_times = N_VALIDATIONS if candidate.training.get("shrink") else 1
    valid = n_times * n_masks * (mask + facts.n_valid * (_PRODUCT * in_use + _OUTPUT * facts.n_outputs))
    return float(n_steps * step + (epochs + 1) * valid)


def bytes_of(candidate: Candidate, facts: Facts) -> int:
    """Return about how much memory the fit of a candidate takes beside the rows, in bytes."""
    batch = min(candidate.training["batch_size"], facts.n_rows)
    n_units = batch * (facts.n_features + facts.n_outputs + sum(candidate.model["hidden"]))
    n_weights = _n_weights(candidate, facts)
    tree = (facts.n_features**2 if facts.can_be_tree else 0) * 2
    return fit_bytes(n_weights, n_units) + _FLOAT * tree


def _n_weights(candidate: Candidate, facts: Facts, *, in_use: bool = False) -> float:
    """Return the number of weights, those that masks set to zero included, or of those that are multiplied.

    Units that see a neighbourhood have few that are; direct connections have all.
    """
    layers: tuple[int, ...] = (facts.n_features, *candidate.model["hidden"], facts.n_outputs)
    direct = facts.n_features * facts.n_outputs if candidate.model.get("direct", True) else 0
    share, field = 1.0, candidate.model.get("field")
    if in_use and field is not None:
        height, width = field["grid"]
        share = min(1.0, (2 * field["reach"] + 1) ** 2 / (height * width))
    return share * n_weights_of(layers) + direct
