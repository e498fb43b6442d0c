"""Variables side by side: neighbours of one kind are one block, and what is no variable is refused."""

from __future__ import annotations

import pytest

from made.variables.discrete import Bernoulli, Categorical
from made.variables.row_type import RowType


def test_neighbours_of_one_kind_are_joined():
    blocks = [Bernoulli(1), Bernoulli(2), Categorical(2), Categorical(2, coding="raw"), Categorical([1, 2])]
    variables = RowType(blocks)
    assert [block.n for block in variables.blocks] == [3, 1, 1, 1]
    again = RowType.from_settings(variables.settings())
    assert repr(again) == repr(variables)


@pytest.mark.parametrize(
    ("blocks", "words"),
    [([], ["at least one variable"]), ([3], ["Bernoulli", "3"]), (["a"], ["'a'"]), ([Bernoulli], ["list"])],
)
def test_what_is_no_variable_is_refused(refused, blocks, words):
    with refused(*words):
        RowType(blocks)
