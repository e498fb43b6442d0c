"""Rows of requests as rows of a model: alone or together with others, they are the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from made.service.tables import as_csv, encode_objects, encode_together
from made.support.errors import InputError

VALUES = {
    "age": st.sampled_from([20, 20.0, "20", "x", None, True]),
    "job": st.sampled_from(["clerk", "diver", None, 3]),
    "pay": st.sampled_from([30.5, 30, "30.5", None]),
    "since": st.sampled_from(["2020-05-01", "never", None]),
    "id": st.sampled_from([1, "a"]),
}
ROWS = st.lists(st.fixed_dictionaries({}, optional=VALUES), min_size=1, max_size=2)


def same(one, other):
    if isinstance(one, InputError):
        return isinstance(other, InputError) and str(one) == str(other)
    bodies = [own.bodies is None or own.bodies[own.mask.all(dim=1)].tolist() for own in (one, other)]
    return (
        bool((one.mask == other.mask).all())
        and bool((one.codes[one.mask] == other.codes[other.mask]).all())
        and bodies[0] == bodies[1]
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(asked=st.lists(ROWS, min_size=1, max_size=6))
def test_requests_are_read_together_as_they_are_alone(model, asked):
    together = encode_together(model, asked)
    for own, found in zip(asked, together, strict=True):
        try:
            alone = encode_objects(model, own)
        except InputError as error:
            alone = error
        assert same(alone, found)


def test_rows_that_lack_columns_are_unknown_there(model):
    rows = encode_objects(model, [{"age": 30}, {"job": "cook", "pay": None}])
    names = [own.name for own in model.schema.modelled]
    known = [
        [name for name, is_known in zip(names, row, strict=True) if is_known] for row in rows.mask.tolist()
    ]
    assert known == [["age"], ["job", "pay"]]
    to_fill = encode_objects(model, [{"job": "cook", "pay": None}], to_fill=True)
    assert int(to_fill.mask.sum()) == 1


def test_columns_of_any_kind_are_written():
    text = as_csv({"a": [1, None, 2.5], "b": ["x", None, "y"], "c": [1, "x", True], "d": [None] * 3}).decode()
    assert text.splitlines()[0] == "a,b,c,d"
    assert text.splitlines()[2] == ",,x,"


def test_a_request_without_rows_is_refused(model):
    with pytest.raises(InputError, match="at least one row"):
        encode_objects(model, [])
    assert np.isfinite(model.log_prob(encode_objects(model, [{}])).numpy()).all()
