"""Rows on the page: drawn, looked at, and as files, scored and completed; and what is copied works."""

from __future__ import annotations

import json
import re

import polars
import pytest


def test_rows_are_drawn_under_what_is_held_and_downloaded(opened, address, model):
    page = opened(f"{address}/#model=people&where=" + json.dumps({"job": {"in": ["cook"]}}))
    page.get_by_role("tab", name="Draw rows").click()
    page.get_by_role("spinbutton", name="Rows").fill("25")
    page.get_by_role("spinbutton", name="Seed").fill("7")
    page.get_by_role("button", name="Draw rows").click()
    rows = page.locator("#panel-draw tbody tr")
    rows.first.wait_for()
    assert rows.count() == 25
    assert {row.locator("td").nth(1).text_content() for row in rows.all()} == {"cook"}
    assert re.search(
        r"Given job is cook.*: (exact|integrated|estimated)",
        page.locator("#panel-draw .note").nth(1).text_content(),
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    found = polars.read_csv(download.value.path())
    expected = model.sample(25, seed=7, given={"job": "cook"}, output="polars")
    assert found["age"].to_list() == expected["age"].to_list()
    assert found["pay"].to_list() == expected["pay"].to_list()
    again = opened(page.url)
    again.locator("#panel-draw tbody tr").first.wait_for()
    assert (
        again.locator("#panel-draw tbody").text_content() == page.locator("#panel-draw tbody").text_content()
    )


NAMES = ["age", "job", "town", "pay", "children", "since"]
ROW = [18, "retired", "town A", 31.5, 1, "2020-05-05"]
_VALUES = [str(value) for value in ROW]
ROWS = {
    "a header": ",".join(NAMES) + "\n" + ",".join(_VALUES),
    "values in order": ",".join(_VALUES),
    "tabs": "\t".join(NAMES) + "\n" + "\t".join(_VALUES),
    "JSON": json.dumps(dict(zip(NAMES, ROW, strict=True))),
}


@pytest.mark.parametrize("kind", ROWS)
def test_a_pasted_row_is_looked_at(opened, address, model, kind):
    page = opened(f"{address}/#model=people&part=row")
    page.get_by_label("Paste a row").fill(ROWS[kind])
    page.get_by_role("button", name="Look at it").click()
    said = page.locator(".log-prob").text_content()
    log_prob = model.log_prob(polars.DataFrame([ROW], schema=NAMES, orient="row")).item()
    assert f"log p = {log_prob:.6g}"[:12] in said
    assert "held-out rows" in said
    assert "(exact)" in said
    odd = page.locator("p.odd").text_content()
    assert re.match(r"Odd: (age is 18|job is retired), expected", odd)
    assert page.locator("tr.odd").count() == 1


def test_an_incomplete_row_is_scored_and_another_is_drawn(opened, address):
    page = opened(f"{address}/#model=people&part=row")
    page.get_by_role("textbox", name="age").fill("40")
    page.get_by_role("combobox", name="job").select_option("vet")
    page.get_by_role("button", name="Score the row").click()
    assert "held-out" not in page.locator(".log-prob").text_content()
    page.get_by_role("button", name="Draw one instead").click()
    page.get_by_text("held-out rows").wait_for()
    again = opened(page.url)
    assert again.locator(".log-prob").text_content() == page.locator(".log-prob").text_content()


def test_what_is_no_row_is_said_in_a_line(opened, address):
    page = opened(f"{address}/#model=people&part=row", faults_expected=True)
    for text, word in (
        ("", "nothing is pasted"),
        ("1,2", "6 columns"),
        ("{", "JSON"),
        ('{"hat": 1}', "no column"),
        ("old,cook,town A,1,1,2020-01-01", "age"),
    ):
        page.get_by_label("Paste a row").fill(text)
        page.get_by_role("button", name="Look at it").click()
        failure = page.locator("#panel-row .failure:visible").first
        failure.get_by_text(word).or_(failure.filter(has_text=word)).first.wait_for()
        assert len(failure.text_content().splitlines()) == 1


FILE = "age,job,town,pay,children,since,id\n30,cook,town A,31.5,1,2020-05-05,a\n,retired,,,2,2020-06-05,b\n"


def sent(page, content, kind):
    """Send a file, and return what is offered again."""
    page.get_by_label("CSV file").set_input_files(
        {"name": "some.csv", "mimeType": "text/csv", "buffer": content.encode()}
    )
    page.get_by_label("What to do").select_option(kind)
    page.get_by_role("button", name="Send it").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download some").click()
    return download.value.suggested_filename, polars.read_csv(download.value.path())


def test_a_file_is_scored(opened, address):
    page = opened(f"{address}/#model=people&part=file")
    name, found = sent(page, FILE, "score")
    assert name == "some-scored.csv"
    assert found["id"].to_list() == ["a", "b"]
    assert found["log_prob"].is_finite().all()
    assert found["method"][0] == "exact"
    assert page.locator("#panel-file tbody tr").count() == 2
    assert "Scores: 1 exact" in page.locator("#panel-file").text_content()


def test_a_file_is_completed(opened, address):
    page = opened(f"{address}/#model=people&part=file")
    name, found = sent(page, FILE, "draw")
    assert name == "some-completed.csv"
    assert found.select("age", "job", "town", "pay").null_count().sum_horizontal().item() == 0
    assert found["job"].to_list() == ["cook", "retired"]
    refused = opened(f"{address}/#model=people&part=file", faults_expected=True)
    refused.get_by_label("CSV file").set_input_files(
        {"name": "wrong.csv", "mimeType": "text/csv", "buffer": b"hat\n1\n"}
    )
    refused.get_by_role("button", name="Send it").click()
    refused.locator("#panel-file .failure").filter(has_text="hat").wait_for()


def test_a_question_about_a_column_is_copied(opened, address, copied):
    page = opened(f"{address}/#model=people&where=" + json.dumps({"job": {"in": ["vet", "cook"]}}))
    page.locator('.card[data-variable="age"]').get_by_label("age from").focus()
    program, by_curl, by_python = copied(page)
    assert by_curl == by_python
    assert by_curl["variable"] == "age"
    assert 'model.conditional("age", where={"job": ["vet", "cook"]})' in program


def test_rows_drawn_are_copied(opened, address, copied):
    page = opened(f"{address}/#model=people&part=draw&draw=" + json.dumps({"n": 3, "seed": 5}))
    page.locator("#panel-draw tbody tr").first.wait_for()
    program, by_curl, by_python = copied(page)
    assert by_curl == by_python
    shown = page.locator("#panel-draw tbody tr").first.locator("td").first.text_content()
    assert shown == str(by_curl["rows"][0]["age"])
    assert "model.sample(3, seed=5)" in program


def test_a_file_is_asked_about_again(opened, address, copied, tmp_path):
    (tmp_path / "some.csv").write_text(FILE)
    page = opened(f"{address}/#model=people&part=file")
    sent(page, FILE, "variable")
    _, by_curl, by_python = copied(page)
    assert by_curl == by_python
    assert by_curl["rows"][1]["job"] == "retired"
