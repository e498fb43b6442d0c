"""A mixture of fitted models: the mean of their densities, used as any one of them is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any, NoReturn, cast

import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from made.kernels.scores.compiled_scores import CompiledScores
from made.masks.degrees import Mask
from made.masks.mask_set import MaskSet
from made.masks.ordering import IntArray
from made.model import MADE
from made.network.summary import Summary
from made.queries.density import MaskDensity
from made.support.errors import InputError
from made.variables.rows import Rows, RowsLike

__all__ = ["NOT_TRAINED", "Mixture", "MixtureMasks"]

NOT_TRAINED = "a mixture is not trained: fit its members"


@dataclass(frozen=True)
class MixtureMasks:
    """The masks of several models, numbered so that every model has as many numbers as any other.

    Mask k belongs to model k mod M, and is its mask (k div M) mod its number of masks. Models of unequal
    numbers of masks have theirs repeated, up to the least common multiple.

    Parameters
    ----------
    members : tuple of MaskSet
        The masks of each model.

    Examples
    --------
    >>> import made
    >>> one, two = (made.MADE(made.Bernoulli(3), hidden=(4,), orderings=n).mask_set for n in (1, 2))
    >>> masks = MixtureMasks((one, two))
    >>> [masks.find(k) for k in range(masks.n_masks)]
    [(0, 0), (1, 0), (0, 0), (1, 1)]
    """

    members: tuple[MaskSet, ...]

    #: There are as many masks as there are numbers.
    is_fresh = False

    @cached_property
    def n_masks(self) -> int:
        """How many numbers there are."""
        return len(self.members) * math.lcm(*(own.n_masks for own in self.members))

    @cached_property
    def orderings(self) -> int:
        """How many different orderings there are."""
        return len({tuple(self.mask(k).ordering.tolist()) for k in range(self.n_masks)})

    def find(self, k: int) -> tuple[int, int]:
        """Return the model that mask k belongs to, and its number there."""
        turn, member = divmod(self.check(k), len(self.members))
        return member, turn % self.members[member].n_masks

    def mask(self, k: int) -> Mask:
        """Make mask k."""
        member, own = self.find(k)
        return self.members[member].mask(own)

    def check(self, k: int) -> int:
        """Return k, or raise an `InputError` if there is no mask of that number."""
        if not 0 <= k < self.n_masks:
            raise InputError(f"there is no mask {k}: this mixture has masks 0..{self.n_masks - 1}")
        return k

    def training_mask(self, draw: int) -> NoReturn:
        """Raise an `InputError`: there is nothing to train."""
        raise InputError(NOT_TRAINED)

    def describe(self) -> str:
        """Say in words what is mixed; members that are alike are named once."""
        own = "; ".join(dict.fromkeys(member.describe() for member in self.members))
        return f"mixture of {len(self.members)} models: {own}"


class Mixture(MADE):
    """The mixture, with equal weights, of several fitted models of the same columns.

    p(x) = mean over m of p_m(x), where each p_m is itself the mean over the masks of member m. It scores,
    samples and answers questions as any `MADE` does, at the cost of its members together. It is not trained.

    Parameters
    ----------
    members : sequence of MADE
        Two or more, on one device. The mixture holds the models themselves: ``.to(device)`` moves them too.
        Names, notes and the image shape of the schema are those of the first.

    Attributes
    ----------
    members : sequence of MADE
    mask_set : MixtureMasks
        Numbers the masks of all members; ``mask=k`` means these numbers. A member that has fewer masks than
        others has each under several numbers: `log_prob` computes it once, questions once per number.

    Raises
    ------
    InputError
        If the members have different columns, are on different devices, or draw fresh masks.

    Examples
    --------
    >>> import made
    >>> rows = [[0, 0, 1], [1, 1, 1], [1, 1, 0]] * 40
    >>> members = [made.MADE(made.Bernoulli(3), hidden=(8,), seed=seed) for seed in (0, 1)]
    >>> for member in members:
    ...     _ = made.fit(member, rows, epochs=2)
    >>> mixture = made.Mixture(members)
    >>> p = [member.log_prob([[1, 1, 0]]).exp() for member in members]
    >>> bool(mixture.log_prob([[1, 1, 0]]).exp().isclose((p[0] + p[1]) / 2))
    True
    >>> mixture.sample(2, seed=0).shape
    torch.Size([2, 3])
    """

    kind = "mixture"
    mask_set: MixtureMasks  # type: ignore[assignment]
    members: Sequence[MADE]

    def __init__(self, members: Sequence[MADE]) -> None:
        nn.Module.__init__(self)  # network, sizes of layers and seed are those of the members
        members = list(members)
        _check_members(members)
        self.members = cast("Sequence[MADE]", nn.ModuleList(members))
        first = members[0]
        self._schema, self.variables, self.context = first.schema, first.variables, first.context
        self.mask_set = MixtureMasks(tuple(member.mask_set for member in members))
        self.n_masks, self.has_one_mask = self.mask_set.n_masks, False
        self._scores = CompiledScores()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.members[0].device

    @property
    def rows_per_batch(self) -> int:
        """Number of rows in a batch, which bounds memory: that of the widest member."""
        return min(member.rows_per_batch for member in self.members)

    @property
    def at_initialization(self) -> bool:
        """Whether no member has been trained."""
        return all(member.at_initialization for member in self.members)

    def loss(self, *arguments: Any, **options: Any) -> NoReturn:
        """Raise an `InputError`: a mixture is not trained."""
        raise InputError(NOT_TRAINED)

    def set_marginals_in_slices(self, *arguments: Any) -> NoReturn:
        """Raise an `InputError`: a mixture is not trained."""
        raise InputError(NOT_TRAINED)

    def outputs(self, x: RowsLike, mask: int | Mask = 0, *, context: ArrayLike | None = None) -> Tensor:
        """Return the outputs (n, n_outputs) of one member under one of its masks; see `MADE.outputs`."""
        member, own = self._find(mask)
        return member.outputs(self.rows(x, context), own)

    def summary(self, mask: int = 0) -> Summary:
        """Return the layer table of the member that has this mask, and what the mask costs. Print it."""
        number, own = self.mask_set.find(mask)
        summary = self.members[number].summary(own)
        return replace(summary, title=f"member {number} of a {self.mask_set.describe()}\n\n{summary.title}")

    def settings(self) -> dict[str, Any]:
        """Return the JSON-ready settings of the members, which share one schema."""
        settings = [member.settings() for member in self.members]
        for own in settings:
            del own["schema"]
        return {"schema": self.schema.as_dict(), "members": settings}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Mixture:
        """Build the mixture that `settings` describes."""
        schema = settings["schema"]
        return cls([MADE.from_settings({**own, "schema": schema}) for own in settings["members"]])

    def count_violations(self) -> int:
        """Count the weights of members that should be zero and are not; see `MADE.count_violations`."""
        return sum(member.count_violations() for member in self.members)

    def mask_counts(self) -> Mapping[int, int]:
        """Return the masks that differ, one number of each, and how many numbers it has."""
        numbers = [self.mask_set.find(k) for k in range(self.n_masks)]
        return {numbers.index(own): count for own, count in Counter(numbers).items()}

    def density(self, k: int, groups: IntArray | None = None) -> MaskDensity:
        """Return mask k as queries see it; see `MADE.density`."""
        member, own = self._find(k)
        # By its number here: the particles of two members must not share random numbers.
        return replace(member.density(own, groups), number=k)

    def reordered(self, k: int, groups: IntArray) -> MaskDensity:
        """Return mask k with its ordering changed; see `MADE.reordered`."""
        member, own = self._find(k)
        return replace(member.reordered(own, groups), number=k)

    def _described(self) -> list[str]:
        return [f"{len(self.members)} models", f"{self.n_masks} masks"]

    # The mathematics, on checked rows

    def _log_prob(self, masks: Sequence[int], rows: Rows) -> Tensor:
        counts = Counter(map(self.mask_set.find, masks))  # what has several numbers is computed once
        rows, _ = self._scoring(rows, len(counts))  # all members have the same marginals
        terms = [
            self.members[member]._log_prob([own], rows) + math.log(count)
            for (member, own), count in counts.items()
        ]
        return reduce(torch.logaddexp, terms) - math.log(len(masks))

    def _log_prob_under(self, mask: int | Mask, rows: Rows) -> Tensor:
        member, own = self._find(mask)
        return member._log_prob_under(own, rows)

    def _log_prob_plainly(self, mask: int, rows: Rows) -> Tensor:
        member, own = self._find(mask)
        return member._log_prob_plainly(own, rows)

    def _sample_under(
        self, mask: int | Mask, u: NDArray[Any], rows: Rows | None = None, method: str = "one-pass"
    ) -> Rows:
        member, own = self._find(mask)
        return member._sample_under(own, u, rows, method)

    def _find(self, mask: int | Mask) -> tuple[MADE, int]:
        """Return the member that has a mask, and the number of the mask there."""
        if isinstance(mask, Mask):
            raise InputError("a mask of a mixture is given by its number: other masks belong to a member")
        member, own = self.mask_set.find(mask)
        return self.members[member], own


def _check_members(members: Sequence[MADE]) -> None:
    """Raise an `InputError` where these models make no mixture."""
    for i, member in enumerate(members):
        if not isinstance(member, MADE) or isinstance(member, Mixture):
            raise InputError(f"a mixture is of MADE models: member {i} is of type {type(member).__name__}")
        if not member.schema.same_columns(members[0].schema):
            raise InputError(
                f"members of a mixture have the same columns: those of member {i} differ from those of "
                "member 0, in their kinds, values, coding or context"
            )
        if member.device != members[0].device:
            raise InputError(
                f"members of a mixture are on one device: member {i} is on {member.device}, "
                f"member 0 on {members[0].device}"
            )
        if member.mask_set.is_fresh:
            raise InputError(f"member {i} draws fresh masks: a mixture needs members with fixed masks")
    if len(set(map(id, members))) < max(len(members), 2):
        raise InputError("a mixture needs two members or more, and no model twice")
