"""What may be asked in JSON: the bodies of requests, checked by pydantic at the door."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

__all__ = ["CompleteRequest", "ConditionalRequest", "SampleRequest", "ScoreRequest"]

Value = StrictBool | StrictInt | StrictFloat | StrictStr | None
Row = dict[str, Value]
Seed = Annotated[int, Field(ge=0, lt=2**63, description="The same seed gives the same answer.")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ScoreRequest(_Request):
    """Rows to score; null is a missing value where the column may be missing, an absent column is unknown."""

    rows: list[Row] = Field(min_length=1)
    per_column: bool = Field(False, description="Also which entry of a row is odd, and what was expected.")

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"rows": [{"age": 39, "sex": "Male"}]}]}
    )


class SampleRequest(_Request):
    """Rows to draw."""

    n: int = Field(10, ge=0)
    seed: Seed | None = Field(None, description="Without one it is drawn, and said in the answer.")
    given: Row = Field(default_factory=dict, description="Observed values by column.")
    where: list[str] = Field(default_factory=list, description='Conditions: "age >= 30".')


class CompleteRequest(_Request):
    """Rows to fill in: null, or an absent column, is unknown."""

    rows: list[Row] = Field(min_length=1)
    kind: Literal["draw", "variable", "joint", "mean"] = "draw"
    number: int | None = Field(None, ge=1, description="With draw: completions of each row.")
    seed: Seed = 0
    level: float = Field(0.8, gt=0, lt=1, description="With mean: share between low and high.")


class ConditionalRequest(_Request):
    """A column whose distribution is asked for."""

    variable: str
    given: Row = Field(default_factory=dict)
    where: list[str] = Field(default_factory=list)
