"""What may be asked in JSON: the bodies of requests, checked by pydantic at the door."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
)

from made.queries.query import N_PARTICLES
from made.support.errors import InputError
from made.variables.conditions import RECORDED, Condition, OneOf, Range
from made.variables.missing import MISSING
from made.variables.numeric import exact_number

__all__ = [
    "OBJECT",
    "TEXT",
    "ColumnsRequest",
    "CompleteRequest",
    "ConditionalRequest",
    "SampleRequest",
    "ScoreRequest",
    "Where",
]

#: What pydantic calls both kinds of conditions in the place of an error.
TEXT, OBJECT = "condition as text", "condition as object"
Value = StrictBool | StrictInt | StrictFloat | StrictStr | None
Row = dict[str, Value]
Number = StrictInt | StrictFloat | StrictStr
Seed = Annotated[int, Field(ge=0, lt=2**63, description="The same seed gives the same answer.")]
Particles = Annotated[
    int,
    Field(ge=2, le=N_PARTICLES, description="Of an estimate, per row and mask: fewer are faster."),
]
Mask = Annotated[int, Field(ge=0, lt=2**31, description="Number of a mask of the model, from 0.")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Where(_Request):
    """A condition on a column: a set of values (null is missing), a range, or missing or not."""

    column: str
    values: list[Value] | None = Field(None, min_length=1, alias="in")
    low: Number | None = None
    high: Number | None = None
    missing: bool | None = None

    @property
    def condition(self) -> Condition:
        """The same for a model."""
        has_range = self.low is not None or self.high is not None
        if has_range + (self.values is not None) + (self.missing is not None) != 1:
            raise InputError(f"where, of {self.column!r}: give one of in, low and high, or missing")
        if has_range:
            return Range(_end(self.low), _end(self.high))
        if self.values is not None:
            return OneOf(tuple(MISSING if value is None else value for value in self.values))
        return OneOf((MISSING,)) if self.missing else RECORDED


def _end(value: Value) -> Value:
    """Return the end of a range: a number that is written as text is one, other text is a date."""
    number = exact_number(value) if isinstance(value, str) else math.nan
    return value if math.isnan(number) else number


# Which of both is meant is seen before either is checked: what is wrong is then said of that one.
_TextOrWhere = Annotated[
    Annotated[str, Tag(TEXT)] | Annotated[Where, Tag(OBJECT)],
    Discriminator(lambda own: TEXT if isinstance(own, str) else OBJECT),
]
Context = Annotated[
    Row | None,
    Field(
        description="Of a model of p(x | c): the value of every context column, by name; of others nothing. "
        "The schema of the model says which columns these are.",
    ),
]
Conditions = Annotated[
    list[_TextOrWhere],
    Field(
        default_factory=list,
        description='Conditions, as text or as objects: "age >= 30", {"column": "age", "low": 30}, '
        '{"column": "job", "in": ["cook", null]}, {"column": "pay", "missing": false}.',
    ),
]


class ScoreRequest(_Request):
    """Rows to score; null is a missing value where the column may be missing, an absent column is unknown."""

    rows: list[Row] = Field(min_length=1)
    per_column: bool = Field(False, description="Also which entry of a row is odd, and what was expected.")
    in_ordering: Mask | None = Field(
        None, description="Also log p of each entry of complete rows given those before it, under this mask."
    )
    particles: Particles = N_PARTICLES

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"rows": [{"age": 39, "sex": "Male"}]}]}
    )


class SampleRequest(_Request):
    """Rows to draw."""

    n: int = Field(10, ge=0)
    seed: Seed | None = Field(None, description="Without one it is drawn, and said in the answer.")
    given: Row = Field(default_factory=dict, description="Observed values by column.")
    where: Conditions
    context: Context = None
    mask: Mask | None = Field(
        None, description="Draw under this mask alone, whose ordering is in the answer; else from all."
    )


class CompleteRequest(_Request):
    """Rows to fill in: null, or an absent column, is unknown."""

    rows: list[Row] = Field(min_length=1)
    kind: Literal["draw", "variable", "joint", "mean"] = "draw"
    number: int | None = Field(None, ge=1, description="With draw: completions of each row.")
    seed: Seed = 0
    level: float = Field(0.8, gt=0, lt=1, description="With mean: share between low and high.")
    method: Literal["auto", "exact", "given-first"] = Field(
        "auto", description="given-first: exact, under orderings that begin with what is known."
    )
    particles: Particles = N_PARTICLES


class ConditionalRequest(_Request):
    """A column whose distribution is asked for."""

    variable: str
    given: Row = Field(default_factory=dict, description="Observed values by column.")
    where: Conditions
    context: Context = None
    particles: int = Field(N_PARTICLES, ge=1, le=100_000, description="Of an estimate, for each mask.")


class ColumnsRequest(_Request):
    """Columns whose distributions are asked for together, estimated from the same weighted rows."""

    variables: list[str] = Field(default_factory=list, description="By default all.")
    given: Row = Field(default_factory=dict, description="Observed values by column.")
    where: Conditions
    context: Context = None
    number: int = Field(2_048, ge=64, le=16_384, description="Of weighted rows.")
