"""The fields of context: all columns and rows follow them, and the link and what is copied have them."""

from __future__ import annotations

import json
import re
import urllib.request
from urllib.parse import quote

import numpy as np
import polars
import pytest
from cards import bar, card, settled, shares

import made


@pytest.fixture(scope="module")
def run(browser, people, tmp_path_factory):
    """A run of job with gaps, pay, children and since, given age and town."""
    gaps = np.random.default_rng(0).random(len(people)) < 0.25
    with_gaps = polars.when(polars.Series(gaps)).then(None).otherwise(polars.col("job")).alias("job")
    frame = people.with_columns(with_gaps)
    schema = made.infer_schema(frame).with_context(["age", "town"])
    folder = tmp_path_factory.mktemp("browser") / "given"
    folder.mkdir()
    made.auto_fit(frame, schema=schema, max_time=2.0).save(folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def model(run):
    return made.load(run)


@pytest.fixture(scope="module")
def address(run, serve):
    with serve([run]) as own:
        yield own


def under(context, **others):
    """Return the end of a link under a context."""
    values = {"context": context, **others}
    return "#model=given&" + "&".join(f"{key}={quote(json.dumps(own))}" for key, own in values.items())


def field(page, name):
    """Return a field of the context."""
    return page.get_by_role("group", name="Context").get_by_label(name)


def change(page, name, value):
    field(page, name).fill(value)
    field(page, name).press("Enter")


def asked(address, variable, **held):
    """Return what the service answers about a column."""
    request = urllib.request.Request(
        f"{address}/models/given/conditionals",
        json.dumps({"variables": [variable], **held}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["columns"][variable]


def check_shares(found, expected):
    """Check that a card shows an answer."""
    of_label = dict(zip(expected["values"], expected["probabilities"], strict=True))
    of_label["missing"] = of_label.pop(None)
    of_label["not missing"] = 1 - of_label["missing"]
    for label, share in shares(found).items():
        assert share == pytest.approx(100 * of_label[label], abs=0.51)


def test_fields_begin_in_the_middle_and_all_cards_follow_them(opened, address):
    page = opened(f"{address}/#model=given")
    assert field(page, "age").input_value() == "53"
    assert json.loads(field(page, "town").input_value()) == "town A"
    assert field(page, "town").locator("option").count() == 10  # and none for unknown
    job = card(page, "job")
    check_shares(job, asked(address, "job", context={"age": 53, "town": "town A"}))
    assert page.locator(".card h3").all_text_contents() == [
        "job",
        "pay",
        "children",
        "since (week)",
        "since (weekday)",
    ]
    change(page, "age", "80")
    settled(job)
    check_shares(job, asked(address, "job", context={"age": 80, "town": "town A"}))
    assert job.locator(".before").count() == 0
    field(page, "town").focus()
    page.keyboard.press("ArrowDown")
    settled(job)
    check_shares(job, asked(address, "job", context={"age": 80, "town": "town B"}))
    again = opened(page.url)
    assert field(again, "age").input_value() == "80"
    check_shares(card(again, "job"), asked(address, "job", context={"age": 80, "town": "town B"}))


def test_what_is_held_and_context_go_together(opened, address):
    page = opened(f"{address}/#model=given")
    bar(card(page, "job"), "not missing").check()
    pay = card(page, "pay")
    change(page, "age", "25")
    settled(pay)
    context = {"age": 25, "town": "town A"}
    held = {"context": context, "where": [{"column": "job", "missing": False}]}
    median = asked(address, "pay", **held)["quantiles"][3]["value"]
    assert f"median {median:.4g}" in pay.get_by_role("img").get_attribute("aria-label")
    job = card(page, "job")
    check_shares(job, asked(address, "job", **held))
    # The outline is what the context alone leaves.
    before = job.locator(".bar", has_text="missing").first.locator(".hidden").text_content()
    free = asked(address, "job", context=context)["probabilities"][-1]
    assert float(re.search(r"[\d.]+", before)[0]) == pytest.approx(100 * free, abs=0.51)
    assert bar(job, "not missing").is_checked()


def test_an_answer_to_an_earlier_context_is_not_kept(opened, address):
    page = opened(f"{address}/#model=given")
    job = card(page, "job")
    for age in ("20", "40", "85"):
        change(page, "age", age)
        page.wait_for_timeout(160)  # a question is on its way
    settled(job)
    check_shares(job, asked(address, "job", context={"age": 85, "town": "town A"}))


def test_what_is_copied_has_the_context(opened, address, model, copied):
    page = opened(f"{address}/{under({'age': 80, 'town': 'town C'})}")
    bar(card(page, "pay"), "not missing").check()
    job = card(page, "job")
    bar(job, "clerk").focus()
    program, by_curl, by_python = copied(page)
    assert by_curl == by_python
    (call,) = re.findall(r"; (model\..*)\n", program)
    assert call == 'model.conditional("job", where={"pay": made.RECORDED}, context=[80, "town C"])'
    expected = eval(call, {"model": model, "made": made}).probabilities
    np.testing.assert_allclose(by_curl["probabilities"], expected, rtol=1e-6)
    page.get_by_role("button", name="Find job more exactly").click()
    job.locator(".sure").filter(has_text=re.compile("^exact|^integrated")).wait_for()
    check_shares(job, by_curl)


def test_rows_drawn_follow_the_context(opened, address, model):
    page = opened(f"{address}/#model=given")
    page.get_by_role("tab", name="Draw rows").click()
    page.get_by_role("button", name="Draw rows").click()
    panel = page.locator("#panel-draw")
    panel.get_by_text("Conditioned on age is 53, town is town A; given nothing").wait_for()
    assert panel.locator("th").all_text_contents()[:4] == ["job", "pay", "children", "since"]
    change(page, "age", "80")
    panel.get_by_text("Conditioned on age is 80").wait_for()
    # From another part as well, once this one is shown again.
    page.get_by_role("tab", name="Columns").click()
    change(page, "age", "30")
    page.get_by_role("tab", name="Draw rows").click()
    panel.get_by_text("Conditioned on age is 30").wait_for()
    assert page.locator("#last code").text_content() == 'model.sample(10, seed=0, context=[30, "town A"])'
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    found = polars.read_csv(download.value.path())
    expected = model.sample(10, seed=0, context=[30, "town A"], output="polars")
    assert found["pay"].to_list() == expected["pay"].to_list()
    assert found["children"].to_list() == expected["children"].to_list()


def test_context_has_to_be_known_and_a_value(opened, address):
    page = opened(f"{address}/{under({'age': 40, 'town': 'nowhere'})}", faults_expected=True)
    assert json.loads(field(page, "town").input_value()) == "town A"
    job = card(page, "job")
    change(page, "age", "")
    alert = page.get_by_role("group", name="Context").get_by_role("alert")
    assert alert.text_content() == "give age a value: context must be known"
    check_shares(job, asked(address, "job", context={"age": 40, "town": "town A"}))
    change(page, "age", "old")
    failure = page.locator("#panel-columns .failure").first
    failure.wait_for()
    assert "age holds 'old', which is not a number" in failure.text_content()
    assert alert.is_hidden()
    change(page, "age", "60")
    settled(job)
    assert failure.is_hidden()
    check_shares(job, asked(address, "job", context={"age": 60, "town": "town A"}))


def test_a_row_has_its_context_among_its_entries(opened, address):
    page = opened(f"{address}/{under({'age': 33, 'town': 'town D'}, part='row')}")
    assert page.get_by_role("group", name="Context").count() == 0
    page.get_by_role("button", name="Draw one instead").click()
    page.locator(".log-prob").wait_for()
    assert page.get_by_role("textbox", name="age").input_value() == "33"
    assert json.loads(page.get_by_role("combobox", name="town").input_value()) == "town D"
    page.get_by_role("tab", name="A file").click()
    assert page.get_by_role("group", name="Context").count() == 0
    page.get_by_role("tab", name="Columns").click()
    assert page.get_by_role("group", name="Context").count() == 1


def test_dates_and_images_have_fields_too(opened, serve, tmp_path):
    """Columns of context whose names are numbers stay in their order."""
    days = np.datetime64("2020-01-01T06:00", "us") + np.arange(300) * np.timedelta64(30, "h")
    frame = polars.DataFrame({"when": days, "x": np.arange(300) % 3, "y": np.arange(300) % 2})
    schema = made.infer_schema(frame).with_context(["when"])
    made.auto_fit(frame, schema=schema, max_time=0.5).save(tmp_path / "dated.safetensors")
    labels = [None] * 4 + [(7, 8, 9), None]
    schema = made.Schema.of_classes([2, 2, 2, 2, 3, 4], labels, names=["a", "b", "c", "d", "10", "2"])
    image = made.MADE(schema.with_context(["10", "2"]).with_image_shape((2, 2)), hidden=(4,))
    image.save(tmp_path / "image.safetensors")
    with serve([tmp_path / "dated.safetensors", tmp_path / "image.safetensors"]) as own:
        page = opened(f"{own}/#model=dated")
        assert re.fullmatch(r"2020-07-0\d \d\d:\d\d", field(page, "when").input_value())
        card(page, "x")
        assert page.locator("#last code").text_content() == "conditional"  # in Python a date is in its parts
        page = opened(f"{own}/#model=image&view=image")
        card(page, "a")
        call = 'model.conditional("a", context=[7, 0])'
        assert page.locator("#last code").text_content() == call
        assert page.get_by_role("group", name="View").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("part", ["columns", "draw"])
def test_fields_stand_in_nobodys_way(opened, address, part, scheme, serious_faults):
    link = under({"age": 40, "town": "town B"}, part=part, where={"job": {"missing": False}}, draw={"n": 5})
    page = opened(f"{address}/{link}", viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page.wait_for_load_state("networkidle")
    change(page, "age", "")
    assert serious_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
