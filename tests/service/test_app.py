"""Answers over HTTP are those of the model, and what is wrong is one line with a status of its own."""

from __future__ import annotations

import io

import numpy as np
import polars
import pytest

import made

ARROW = "application/vnd.apache.arrow.stream"


def test_health_models_and_schema(client):
    assert client.get("/healthz").json()["status"] == "ok"
    (own,) = client.get("/models").json()["models"]
    assert own["name"] == "people"
    found = client.get("/models/people/schema").json()
    assert [column["name"] for column in found["columns"]] == ["age", "job", "pay", "since"]
    kinds = {column["name"]: column["kind"] for column in found["columns"]}
    assert kinds == {"age": "numeric", "job": "categorical", "pay": "numeric", "since": "date"}
    assert found["columns"][1]["values"] == ["clerk", "cook", "retired", "vet"]
    assert found["columns"][2]["missing"]
    variables = {own["name"]: own for own in found["variables"]}
    assert list(variables) == ["age", "job", "pay", "since (week)", "since (weekday)"]
    assert variables["age"]["step"] == 1
    assert (variables["job"]["values"], variables["job"]["ordered"]) == (found["columns"][1]["values"], False)
    assert variables["since (week)"]["column"] == "since"
    assert all(sorted(own) == list(range(5)) for own in found["orderings"])
    assert "/models/{name}/score" in client.get("/openapi.json").json()["paths"]


def test_scores_are_those_of_the_model(client, model, people, rows):
    found = client.post("/models/people/score", json={"rows": rows}).json()
    expected = model.log_prob(people.drop_nulls().head(6)).numpy()
    np.testing.assert_allclose(found["log_prob"], expected, rtol=1e-6)
    assert found["method"] == ["exact"] * 6
    assert found["error"] == [0] * 6
    assert all(0 <= own <= 100 for own in found["percentile"])


def test_what_is_absent_is_unknown_and_null_is_missing_where_it_may_be(client, model, rows):
    row = dict(rows[0])
    absent = {name: value for name, value in row.items() if name != "pay"}
    found = client.post("/models/people/score", json={"rows": [row | {"pay": None}, absent]}).json()
    values = list(row.values())
    missing = model.marginal([[*values[:2], made.MISSING, values[3]]]).log_prob
    unknown = model.marginal([[*values[:2], 30.0, values[3]]], unknown=_unknown(model, "pay")).log_prob
    np.testing.assert_allclose(found["log_prob"], [missing[0], unknown[0]], rtol=1e-6)
    assert found["percentile"][0] is not None  # a row beside one with unknown entries keeps its own
    assert found["percentile"][1] is None


def _unknown(model, name):
    return [own.name == name for own in model.schema.modelled]


def test_columns_come_in_any_order_and_others_are_passed_over(client, rows):
    turned = [{"id": 7, **dict(reversed(row.items()))} for row in rows]
    found, other = (
        client.post("/models/people/score", json={"rows": own}).json()["log_prob"] for own in (rows, turned)
    )
    np.testing.assert_allclose(found, other, rtol=1e-6)


def test_odd_entries_are_named(client, rows):
    wrong = rows[0] | {"age": 18, "job": "retired"}
    found = client.post("/models/people/score", json={"rows": [wrong], "per_column": True}).json()
    assert found["odd_column"][0] in ("age", "job")
    assert {"log_prob", "odd_value", "expected", "odd_surprise", "pay_log_prob"} <= set(found)


def test_rows_drawn_are_those_of_the_model_in_any_number_of_portions(client, model):
    found = client.post("/models/people/sample", json={"n": 4_500, "seed": 3}).json()
    expected = model.sample(4_500, seed=3, output="polars")
    assert found["seed"] == 3
    got = polars.DataFrame(found["rows"]).with_columns(polars.col("since").str.to_date())
    assert got["age"].to_list() == expected["age"].to_list()
    assert got["job"].to_list() == expected["job"].to_list()
    assert got["since"].to_list() == expected["since"].cast(polars.Date).to_list()
    assert got["pay"].to_list() == expected["pay"].to_list()


def test_rows_are_drawn_given_values_and_conditions(client):
    asked = {"n": 50, "seed": 1, "given": {"job": "cook"}, "where": ["age >= 50"]}
    found = client.post("/models/people/sample", json=asked).json()["rows"]
    assert {row["job"] for row in found} == {"cook"}
    assert min(row["age"] for row in found) >= 50
    assert client.post("/models/people/sample", json=asked).json()["rows"] == found


def test_conditions_may_be_objects(client):
    for where, same in (
        ({"column": "age", "low": 50}, "age >= 50"),
        ({"column": "age", "low": 20, "high": "30"}, "20 <= age <= 30"),
        ({"column": "since", "low": "2020-06-01"}, "since >= 2020-06-01"),
        ({"column": "job", "in": ["cook", "vet"]}, "job in {cook, vet}"),
        ({"column": "pay", "missing": True}, "pay is missing"),
        ({"column": "pay", "missing": False}, "pay is not missing"),
        ({"column": "pay", "in": [None]}, "pay is missing"),
    ):
        for path, asked in (("sample", {"n": 20, "seed": 0}), ("conditionals", {"variables": ["job"]})):
            found, expected = (
                client.post(f"/models/people/{path}", json=asked | {"where": [own]}).json()
                for own in (where, same)
            )
            assert "detail" not in found
            assert found == expected


@pytest.mark.parametrize(
    ("where", "word"),
    [
        ({"column": "age"}, "give one of"),
        ({"column": "age", "low": 1, "in": [2]}, "give one of"),
        ({"column": "age", "in": []}, "in"),
        ({"column": "hat", "in": [1]}, "hat"),
        ({"column": "age", "low": 3, "high": 1}, "lower end"),
        ({"column": "age", "low": "3", "high": 1}, "lower end"),
        ({"column": "age", "low": "old"}, "old"),
        ({"low": 3}, "column"),
    ],
)
def test_conditions_that_are_none_are_one_line(client, where, word):
    answer = client.post("/models/people/conditional", json={"variable": "job", "where": [where]})
    assert answer.status_code == 422
    assert word in answer.json()["detail"]
    assert len(answer.json()["detail"].splitlines()) == 1


def test_rows_drawn_say_how_sure_they_are(client, model):
    free = client.post("/models/people/sample", json={"n": 1, "seed": 0}).json()
    assert (free["method"], free["error"], free["log_prob"]) == ("exact", 0, 0)
    asked = {"n": 1, "seed": 0, "where": ["age >= 50"]}
    found = client.post("/models/people/sample", json=asked).json()
    expected = model.marginal([[None] * 4], unknown=[True] * 5, where="age >= 50")
    assert found["method"] in ("exact", "estimated")
    assert found["log_prob"] == pytest.approx(expected.log_prob[0], abs=0.01 + 5 * found["error"])


def test_marginals_are_found_once(client, monkeypatch):
    first = client.post("/models/people/conditional", json={"variable": "pay"}).json()
    monkeypatch.setattr("made.model.MADE.conditional", None)
    assert client.post("/models/people/conditional", json={"variable": "pay"}).json() == first


def test_without_a_seed_one_is_drawn_and_said(client):
    first, second = (client.post("/models/people/sample", json={"n": 20}).json() for _ in range(2))
    assert first["rows"] != second["rows"]
    again = client.post("/models/people/sample", json={"n": 20, "seed": first["seed"]}).json()
    assert again == first
    assert client.post("/models/people/sample", json={"n": 0, "seed": 0}).json()["rows"] == []


def test_completions_are_those_of_the_model(client, model):
    asked = [{"age": 40, "job": None}, {"age": 70, "pay": 40.5}] * 20
    found = client.post("/models/people/complete", json={"rows": asked, "seed": 2}).json()
    values = [[own.get(name) for name in ("age", "job", "pay", "since")] for own in asked]
    expected = model.complete(values, seed=2)
    assert [row["job"] for row in found["rows"]] == expected.values[:, 1].tolist()
    assert [row["pay"] for row in found["rows"]] == expected.values[:, 2].tolist()
    np.testing.assert_allclose(found["log_prob"], expected.log_prob, rtol=1e-6)
    assert found["method"] == [str(method) for method in expected.method]
    assert None not in [value for row in found["rows"] for value in row.values()]


def test_several_completions_of_a_row_follow_one_another(client):
    asked = {"rows": [{"age": 40}, {"age": 70}], "number": 3}
    found = client.post("/models/people/complete", json=asked).json()
    assert [row["age"] for row in found["rows"]] == [40] * 3 + [70] * 3
    refused = client.post("/models/people/complete", json=asked | {"kind": "mean"})
    assert refused.status_code == 422


def test_means_have_intervals(client):
    found = client.post("/models/people/complete", json={"rows": [{"age": 40}], "kind": "mean"}).json()
    row = found["rows"][0]
    assert row["pay_low"] < row["pay"] < row["pay_high"]


def test_conditionals_of_classes_and_of_numbers(client, model):
    found = client.post("/models/people/conditional", json={"variable": "job", "given": {"age": 80}}).json()
    assert found["kind"] == "classes"
    expected = model.conditional("job", {"age": 80})
    np.testing.assert_allclose(found["probabilities"], expected.probabilities, rtol=1e-6)
    found = client.post(
        "/models/people/conditional", json={"variable": "age", "given": {"job": "vet"}}
    ).json()
    assert found["kind"] == "number"
    atoms = sum(own["probability"] for own in found["atoms"])
    assert sum(found["masses"]) + atoms == pytest.approx(1.0, abs=1e-6)
    assert found["quantiles"][0]["value"] <= found["mean"] <= found["quantiles"][-1]["value"]


def test_tables_go_in_and_come_out(client, people, rows):
    expected = client.post("/models/people/score", json={"rows": rows}).json()["log_prob"]
    frame = people.drop_nulls().head(6)
    arrow = io.BytesIO()
    frame.write_ipc_stream(arrow)
    for kind, body in (("text/csv", frame.write_csv().encode()), (ARROW, arrow.getvalue())):
        headers = {"content-type": kind, "accept": kind}
        answer = client.post("/models/people/score", content=body, headers=headers)
        assert answer.headers["content-type"].startswith(kind)
        read = polars.read_csv if kind == "text/csv" else polars.read_ipc_stream
        np.testing.assert_allclose(read(io.BytesIO(answer.content))["log_prob"], expected, rtol=1e-6)


def test_a_table_with_gaps_comes_back_filled(client):
    body = "age,job,pay,since\n40,,31.5,2020-03-01\n,cook,,\n"
    for accept in ("text/csv", ARROW):
        answer = client.post(
            "/models/people/complete?seed=4&kind=variable",
            content=body,
            headers={"content-type": "text/csv", "accept": accept},
        )
        read = polars.read_csv if accept == "text/csv" else polars.read_ipc_stream
        frame = read(io.BytesIO(answer.content))
        assert frame.null_count().sum_horizontal().item() == 0
        assert frame["age"][0] == 40
        assert frame["job"][1] == "cook"


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("people/score", {"rows": []}, 422, "rows"),
        ("people/score", {"rows": [{"age": "old"}]}, 422, "age"),
        ("people/score", {"rows": [{"height": 3}]}, 422, "height"),
        ("people/score", {"rows": [{"age": [3]}]}, 422, "rows.0.age"),
        ("people/score", {"row": [{"age": 3}]}, 422, "rows"),
        ("people/score", {"rows": [{"age": 3}], "more": 1}, 422, "more"),
        ("nobody/score", {"rows": [{"age": 3}]}, 404, "people"),
        ("people/sample", {"n": -1}, 422, "n"),
        ("people/sample", {"n": 200_000}, 413, "200,000"),
        ("people/sample", {"n": 2, "given": {"hat": 1}}, 422, "hat"),
        ("people/sample", {"n": 2, "where": ["age >"]}, 422, "age"),
        ("people/sample", {"n": 2, "where": ["age <= pay"]}, 422, "between columns"),
        ("people/complete", {"rows": [{"age": 3}], "kind": "best"}, 422, "kind"),
        ("people/complete", {"rows": [{"age": 3}], "number": 200_000}, 413, "200,000"),
        ("people/conditional", {"variable": "hat"}, 422, "hat"),
        ("people/conditional", {"variable": "age", "given": {"age": 3}}, 422, "age"),
    ],
)
def test_what_is_wrong_is_one_line(client, path, body, status, word):
    answer = client.post(f"/models/{path}", json=body)
    assert answer.status_code == status
    line = answer.json()["detail"]
    assert word in line
    assert len(line.splitlines()) == 1
    assert "Traceback" not in line


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{", 422),
        ("application/json", b"\xff\xfe", 422),
        ("text/csv", b"", 422),
        ("text/csv", b"age,job\n1,2,3\n", 422),
        ("text/csv", b"hat\n1\n", 422),
        (ARROW, b"not arrow", 422),
        ("application/xml", b"<a/>", 415),
    ],
)
def test_damaged_bodies_are_refused(client, kind, body, status):
    answer = client.post("/models/people/score", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert len(answer.json()["detail"].splitlines()) == 1


def test_labels_that_no_training_row_had_are_scored(client, rows):
    found = client.post("/models/people/score", json={"rows": [rows[0] | {"job": "diver"}]}).json()
    assert np.isfinite(found["log_prob"][0])


def test_requests_are_counted(client, rows):
    client.post("/models/people/score", json={"rows": rows})
    client.get("/nowhere")
    text = client.get("/metrics").text
    assert 'made_requests_total{route="/models/{name}/score",status="200"} 1.0' in text
    assert 'made_rows_total{what="scored"} 6.0' in text


def test_columns_are_answered_together(client, model):
    held = {"given": {"job": "cook"}, "where": [{"column": "age", "low": 30}]}
    found = client.post("/models/people/conditionals", json=held).json()
    assert list(found["columns"]) == ["age", "job", "pay", "since (week)", "since (weekday)"]
    assert found["method"] == "estimated"
    assert 64 < found["ess"] <= 2_048
    expected = model.conditional("since (weekday)", {"job": "cook"}, where="age >= 30")
    weekday = found["columns"]["since (weekday)"]
    np.testing.assert_array_less(
        np.abs(weekday["probabilities"] - expected.probabilities), 5 * np.array(weekday["error"]) + 0.01
    )
    np.testing.assert_allclose(found["columns"]["job"]["probabilities"], [0, 1, 0, 0], atol=1e-9)
    age, alone = found["columns"]["age"], model.conditional("age", {"job": "cook"}, where="age >= 30")
    assert age["mean"] == pytest.approx(alone.mean, abs=2)
    assert age["quantiles"][0]["value"] >= 30
    pay = found["columns"]["pay"]
    within = sum(pay["masses"]) + pay["p_missing"] + sum(own["probability"] for own in pay["atoms"])
    assert 0.97 < within <= 1 + 1e-9
    assert pay["p_missing"] == pytest.approx(model.conditional("pay", {"job": "cook"}).p_missing, abs=0.05)


def test_columns_given_nothing_have_bars_that_stay(client):
    free = client.post("/models/people/conditionals", json={"variables": ["pay"]}).json()
    held = client.post(
        "/models/people/conditionals", json={"variables": ["pay"], "given": {"age": 80}}
    ).json()
    assert list(held["columns"]) == ["pay"]
    assert free["columns"]["pay"]["edges"] == held["columns"]["pay"]["edges"]
    assert (np.diff(free["columns"]["pay"]["edges"]) > 0).all()
    for asked, word in (
        ({"variables": ["hat"]}, "hat"),
        ({"given": {"hat": 1}}, "hat"),
        ({"number": 1}, "number"),
    ):
        answer = client.post("/models/people/conditionals", json=asked)
        assert answer.status_code == 422
        assert word in answer.json()["detail"]
