"""What the choice of settings depends on: sizes of the data, and how much columns depend on each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from made.baselines import ChowLiuTree, ProductOfMarginals
from made.tuning.chow_liu_init import can_be_tree
from made.tuning.copula_init import can_be_copula, least_noise
from made.tuning.copula_of_rows import n_features_of_copula
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["FEWEST_VALID", "FEW_ROWS", "Facts"]

#: Largest number of training rows for which a model may start as a Chow-Liu tree.
FEW_ROWS = 10_000
#: With fewer validation rows nothing is compared.
FEWEST_VALID = 10

# Numeric columns are computed together, and take as many calls as this many blocks.
_BLOCKS_OF_NUMBERS = 6
# With more features than this, a Chow-Liu tree, which needs a table for every pair, is not tried.
_FEATURES_FOR_TREES = 4_096


@dataclass(frozen=True)
class Facts:
    """Facts about some rows.

    Attributes
    ----------
    n_rows, n_valid : int
        Numbers of training and validation rows.
    n_features, n_outputs : int
        Inputs and outputs of a network for such rows.
    n_blocks : int
        Runs of neighbouring columns of one kind, each of which takes calls of its own.
    entropy : float
        NLL of a validation row under the product of the marginals, in nats; NaN where it is unknown.
    tree_gain : float
        What the Chow-Liu tree gains on that, in nats; NaN where a model cannot start as a tree.
    n_numbers : int
        How many of the columns are numeric.
    least_noise : float
        How far the numeric column that others determine best is from them, see `copula_init.least_noise`; NaN
        where it is unknown.
    image : (rows, columns), optional
        Shape of the images that the rows are, if they are.
    for_questions : bool
        Whether a model is wanted that answers in any ordering.
    n_copula : int
        Features that a copula of any ordering has; 0 where a model of several cannot start as one.
    """

    n_rows: int
    n_valid: int = 1_000
    n_features: int = 100
    n_outputs: int = 100
    n_blocks: int = 1
    entropy: float = math.nan
    tree_gain: float = math.nan
    n_numbers: int = 0
    least_noise: float = math.nan
    image: tuple[int, int] | None = None
    for_questions: bool = False
    n_copula: int = 0

    @property
    def can_be_tree(self) -> bool:
        """Whether a model can start as the Chow-Liu tree of the rows."""
        return not math.isnan(self.tree_gain)

    def as_dict(self) -> dict[str, Any]:
        """Return the facts, JSON-ready."""
        return {name: None if value != value else value for name, value in asdict(self).items()}

    @classmethod
    def of(
        cls,
        schema: Schema,
        train: Rows,
        valid: Rows | None,
        tree: Callable[[], ChowLiuTree] | None = None,
        image: tuple[int, int] | None = None,
        *,
        for_questions: bool = False,
    ) -> Facts:
        """Return the facts about encoded rows.

        Parameters
        ----------
        schema : Schema
            Of the rows.
        train, valid : Rows
            Training and validation rows; valid is None where there are none.
        tree : callable, optional
            Returns the Chow-Liu tree of the training rows; is called where it can be of use. Without it only
            sizes are found.
        image : (rows, columns), optional
            Their shape, if they are images.
        for_questions : bool
            Whether a model is wanted that answers in any ordering.
        """
        row_type, entropy, gain = schema.row_type, math.nan, math.nan
        is_discrete = row_type.numbers is None
        if tree is not None and is_discrete and valid is not None and len(valid) >= FEWEST_VALID:
            codes = valid.codes.numpy()
            marginals = ProductOfMarginals(train.codes.numpy(), schema.classes, unseen=schema.unseen_masses)
            entropy = -float(marginals.log_prob(codes).mean())
            is_small = len(train) <= FEW_ROWS and row_type.n_inputs <= _FEATURES_FOR_TREES
            if is_small and can_be_tree(schema):
                gain = entropy + float(tree().log_prob(codes).mean())
        noise = math.nan
        if tree is not None and can_be_copula(schema) and row_type.numbers is not None:
            noise = least_noise(row_type, train) if row_type.numbers.is_fitted else math.nan
        return cls(
            n_rows=len(train),
            n_valid=0 if valid is None else len(valid),
            n_features=row_type.n_inputs,
            n_outputs=row_type.n_outputs,
            n_blocks=len(row_type.blocks) if is_discrete else _BLOCKS_OF_NUMBERS,
            n_numbers=0 if row_type.numbers is None else len(row_type.numbers.columns),
            least_noise=round(noise, 6),
            entropy=round(entropy, 6),
            tree_gain=round(gain, 6),
            image=image,
            for_questions=for_questions,
            n_copula=n_features_of_copula(schema),
        )
