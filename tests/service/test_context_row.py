"""Models of p(x | c): what is asked under context is what Python answers, and bad context is one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
import pytest

import made
from made.service.columns import columns_given
from made.service.context_row import context_names, context_of, some_context
from made.service.models import Served
from made.support.errors import InputError

CONTEXT = {"age": 40, "job": "cook", "since": "2020-03-01"}
#: The same as Python takes it: a date in its parts.
ROW = [40, "cook", 2616, "Sunday"]
ASKED = {"sample": {"n": 3}, "conditional": {"variable": "pay"}, "conditionals": {}}


@pytest.fixture(scope="module")
def run(people: polars.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of pay and children, which depends on age, given age, job and day."""
    rng = np.random.default_rng(0)
    children = rng.binomial(4, np.where(people["age"] > 50, 0.7, 0.2))
    frame = people.with_columns(polars.Series("children", children))
    schema = made.infer_schema(frame).with_context(["age", "job", "since"])
    folder = tmp_path_factory.mktemp("service") / "given"
    folder.mkdir()
    made.auto_fit(frame, schema=schema, max_time=1.0).save(folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def model(run: Path) -> made.MADE:
    """Its model."""
    return made.load(run)


def post(client, what, **body):
    answer = client.post(f"/models/given/{what}", json=ASKED[what] | body)
    return answer.status_code, answer.json()


def test_context_by_column_is_a_row_of_values(model):
    assert context_names(model) == ["age", "job", "since"]
    row = context_of(model, dict(reversed(CONTEXT.items())))
    assert row is not None
    assert row.tolist() == ROW
    free = made.MADE(made.Bernoulli(2), hidden=(4,))
    assert context_of(free, None) is None
    assert context_of(free, {}) is None
    with pytest.raises(InputError, match="not conditioned on anything: leave it out"):
        context_of(free, {"age": 3})


def test_context_may_be_numbers_as_they_are():
    model = made.MADE(made.Bernoulli(2), hidden=(4,), context=2)
    assert context_of(model, {"c1": 2, "c0": 0.5}).tolist() == [0.5, 2.0]
    assert some_context(model).tolist() == [0, 0]
    for wrong in ("old", float("inf"), 10**400, 1e300):
        with pytest.raises(InputError, match=r"^context: c1 cannot be .*: it takes numbers$"):
            context_of(model, {"c0": 1, "c1": wrong})


@pytest.mark.parametrize(
    "context",
    [3, [made.Bernoulli(2), made.Categorical(["a", "b"])], [made.Categorical(2_000), made.Numeric(step=1)]],
)
def test_some_context_is_one_that_the_model_takes(context):
    model = made.MADE(made.Bernoulli(2), hidden=(4,), context=context)
    assert model.draw(2, seed=0, context=some_context(model)).codes.shape == (2, 2)
    assert some_context(made.MADE(made.Bernoulli(2), hidden=(4,))) is None


def test_rows_drawn_are_those_of_the_model(client, model):
    for held in ({}, {"given": {"children": 2}}, {"where": ["children >= 2", "pay is not missing"]}):
        status, found = post(client, "sample", n=50, seed=3, context=CONTEXT, **held)
        assert status == 200
        expected = model.sample(50, seed=3, context=ROW, output="polars", **held)
        assert polars.DataFrame(found["rows"])["pay"].to_list() == expected["pay"].to_list()
        assert [row["children"] for row in found["rows"]] == expected["children"].to_list()
    # Rows that are filled in are recorded: that is part of what is given.
    of_two = model.conditional("children", where="pay is not missing", context=ROW).probabilities[2]
    recorded = 1 - model.conditional("pay", context=ROW).p_missing
    _, found = post(client, "sample", context=CONTEXT, given={"children": 2})
    assert found["log_prob"] == pytest.approx(np.log(of_two * recorded), abs=0.01 + 5 * found["error"])


def test_a_column_alone_is_that_of_the_model_whatever_was_asked_before(client, model):
    for age in (20, 80):
        row = [age, *ROW[1:]]
        _, found = post(client, "conditional", variable="children", context=CONTEXT | {"age": age})
        np.testing.assert_allclose(
            found["probabilities"], model.conditional("children", context=row).probabilities, rtol=1e-6
        )
        _, found = post(client, "conditional", context=CONTEXT | {"age": age}, given={"children": 1})
        expected = model.conditional("pay", {"children": 1}, context=row)
        assert found["mean"] == pytest.approx(expected.mean, rel=1e-6)


def test_columns_together_follow_the_context_and_what_is_held(client, model):
    for age in (20, 80, 20):
        for given in ({}, {"pay": 35.0}):
            context = CONTEXT | {"age": age}
            status, found = post(client, "conditionals", context=context, given=given)
            assert status == 200
            expected = model.conditional("children", given, context=[age, *ROW[1:]]).probabilities
            own = found["columns"]["children"]
            off = np.abs(np.array(own["probabilities"]) - expected)
            assert (off < 5 * np.array(own["error"]) + 0.01).all()


def test_marginals_are_kept_for_a_few_contexts(run, model):
    served = Served("given", run, model, None, ())
    for age in (20, 30, 40, 50, 60, 20):
        columns_given(served, ["children"], {}, None, 64, np.array([age, *ROW[1:]], dtype=object))
    assert [key[1] for key in served.derived] == [40, 50, 60, 20]
    (found, again) = (
        columns_given(served, ["pay"], {}, None, 64, np.array([age, *ROW[1:]], dtype=object))
        for age in (40, 40)
    )
    assert found == again
    assert [key[1] for key in served.derived] == [50, 60, 20, 40]


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize(
    ("context", "words"),
    [
        (None, ["context lacks age, job, since", "give each of age, job, since a value"]),
        ({"age": 40}, ["context lacks job, since", "give each of"]),
        (CONTEXT | {"age": None}, ["age is null", "give it a value"]),
        (CONTEXT | {"age": "old"}, ["age holds 'old'", "takes finite numbers"]),
        (CONTEXT | {"since": "soon"}, ["since holds 'soon'", "no date such as"]),
        (CONTEXT | {"hat": 1}, ["'hat'", "leave it out", "age, job, since"]),
        (CONTEXT | {"pay": 1}, ["'pay'", "leave it out"]),
        (CONTEXT | {"age": [40]}, ["context.age"]),
        ([40], ["context"]),
    ],
)
def test_bad_context_is_one_line_that_names_the_column(client, what, context, words):
    status, answer = post(client, what, context=context)
    assert status == 422
    assert all(word in answer["detail"] for word in words)
    assert len(answer["detail"].splitlines()) == 1


def test_not_a_number_is_refused(client):
    body = b'{"context": {"age": NaN, "job": "cook", "since": "2020-03-01"}}'
    answer = client.post("/models/given/sample", content=body)
    assert answer.status_code == 422
    assert answer.json()["detail"] == "context: age is NaN: context must be known, give it a value"


def test_labels_that_are_none_are_refused():
    schema = made.Schema.of_classes([2, 2], [("a", "b"), ("f", "m")], names=["x", "sex"])
    model = made.MADE(schema.with_context(["sex"]), hidden=(4,))
    with pytest.raises(InputError, match=r"context: sex holds 'z', which is none of its 2 labels"):
        context_of(model, {"sex": "z"})


def test_a_column_of_context_is_not_given(client):
    status, answer = post(client, "sample", context=CONTEXT, given={"age": 3})
    assert status == 422
    assert answer["detail"] == "given names 'age', on which this model is conditioned: put it in context"


def test_the_schema_says_what_a_form_of_the_context_needs(client):
    found = client.get("/models/given/schema").json()
    assert found["context"] == ["age", "job", "since"]
    columns = {own["name"]: own for own in found["columns"]}
    age, job, since = (columns[name] for name in found["context"])
    assert (age["kind"], age["low"], age["high"], age["step"]) == ("numeric", 17, 89, 1)
    assert job["values"] == ["clerk", "cook", "retired", "vet"]
    assert since["kind"] == "date"
    assert "2020-01-01" <= since["low"] < since["high"] <= "2021-12-31"


def test_the_description_of_the_service_has_context(client):
    paths = client.get("/openapi.json").json()["paths"]
    for what in ASKED:
        content = paths[f"/models/{{name}}/{what}"]["post"]["requestBody"]["content"]
        about = content["application/json"]["schema"]["properties"]["context"]
        assert "every context column" in about["description"]
