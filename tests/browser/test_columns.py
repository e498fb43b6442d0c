"""The cards of columns: what is held moves the others, by mouse and by keyboard, and the link keeps it."""

from __future__ import annotations

import json
import re
import urllib.request
from urllib.parse import quote

import pytest
from cards import bar, card, settled, shares

CERTAINTY = re.compile(r"^(exact|integrated, error up to .*|estimated ± .*)$")


def asked(address, variable, what="conditionals", **held):
    """Return what the service answers about a column."""
    body = {"variables": [variable]} if what == "conditionals" else {"variable": variable}
    request = urllib.request.Request(
        f"{address}/models/people/{what}",
        json.dumps(body | held).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.load(answer)
    return found["columns"][variable] if what == "conditionals" else found


def test_there_is_a_card_for_each_column_with_its_marginal(opened, address):
    page = opened(f"{address}/#model=people")
    job = card(page, "job")
    found = asked(address, "job")
    expected = dict(zip(found["values"], found["probabilities"], strict=True))
    for label, share in shares(job).items():
        assert share == pytest.approx(100 * expected[label], abs=0.51)
    names = page.locator(".card h3").all_text_contents()
    assert names == ["age", "job", "town", "pay", "children", "since (week)", "since (weekday)"]
    for name in names:
        assert CERTAINTY.match(card(page, name).locator(".sure").text_content())
    assert "median" in card(page, "age").get_by_role("img").get_attribute("aria-label")


def test_fixing_a_value_moves_the_other_cards(opened, address):
    page = opened(f"{address}/#model=people")
    age = card(page, "age")
    before = age.get_by_role("img").get_attribute("aria-label")
    assert age.locator(".figure .before").count() == 0
    bar(card(page, "job"), "retired").check()
    settled(age)
    median = asked(address, "age", given={"job": "retired"})["quantiles"][3]["value"]
    now = age.get_by_role("img").get_attribute("aria-label")
    assert now != before
    assert f"median {median:.4g}" in now
    assert age.locator(".figure .before").count() == 1
    assert page.locator(".chip").text_content().startswith("job is retired")
    # A second value makes a set; without both, nothing is held.
    bar(card(page, "job"), "vet").check()
    settled(age)
    assert page.locator(".chip").text_content().startswith("job in retired, vet")
    card(page, "job").get_by_role("button", name="Release job").click()
    settled(age)
    assert age.get_by_role("img").get_attribute("aria-label") == before
    assert page.locator(".chip").count() == 0


def test_a_column_is_found_more_exactly(opened, address):
    page = opened(f"{address}/#model=people&where=" + quote(json.dumps({"age": {"low": 40, "high": 40}})))
    job = card(page, "job")
    assert job.locator(".sure").text_content().startswith("estimated")
    job.get_by_role("button", name="Find job more exactly").click()
    found = asked(address, "job", "conditional", given={"age": 40})
    word = {"exact": "exact", "quadrature": "integrated", "estimated": "estimated"}[found["method"]]
    job.locator(".sure").filter(has_text=word).wait_for()
    expected = dict(zip(found["values"], found["probabilities"], strict=True))
    for label, share in shares(job).items():
        assert share == pytest.approx(100 * expected[label], abs=0.51)


def test_a_range_moves_the_other_cards(opened, address):
    page = opened(f"{address}/#model=people")
    age, job = card(page, "age"), card(page, "job")
    age.get_by_label("age from").fill("70")
    age.get_by_label("age from").press("Enter")
    settled(job)
    found = asked(address, "job", where=["age >= 70"])
    expected = dict(zip(found["values"], found["probabilities"], strict=True))
    assert shares(job)["retired"] == pytest.approx(100 * expected["retired"], abs=0.51)
    assert shares(job)["retired"] > 80
    assert age.locator("rect.band").count() == 1


def test_a_range_is_drawn_with_the_pointer(opened, address):
    page = opened(f"{address}/#model=people")
    age = card(page, "age")
    box = age.locator(".figure svg").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    page.mouse.up()
    settled(age)
    low, high = (float(age.get_by_label(f"age {end}").input_value()) for end in ("from", "to"))
    assert 17 <= low < high <= 90
    assert page.locator(".chip").text_content().startswith(f"age {low:g} to {high:g}")


def test_missing_and_dates_are_held(opened, address):
    page = opened(f"{address}/#model=people")
    bar(card(page, "pay"), "missing").check()
    week = card(page, "since (week)")
    week.get_by_label("since (week) from").fill("2020-06-01")
    week.get_by_label("since (week) from").press("Enter")
    settled(card(page, "age"))
    chips = page.locator(".chip").all_text_contents()
    assert chips[0].startswith("pay is missing")
    assert chips[1].startswith("since (week) from 2020-06-01")
    assert page.locator(".card .failure:visible").count() == 0


def test_not_missing_is_held_alone(opened, address):
    page = opened(f"{address}/#model=people")
    pay, job = card(page, "pay"), card(page, "job")
    bar(pay, "not missing").check()
    settled(job)
    held = {"where": [{"column": "pay", "missing": False}]}
    expected = asked(address, "job", **held)
    of_label = dict(zip(expected["values"], expected["probabilities"], strict=True))
    for label, share in shares(job).items():
        assert share == pytest.approx(100 * of_label[label], abs=0.51)
    assert page.locator(".chip").text_content().startswith("pay is not missing")
    settled(pay)
    assert shares(pay)["missing"] == 0
    assert shares(pay)["not missing"] == 100
    assert pay.locator(".band").count() == 0
    again = opened(page.url)
    assert bar(card(again, "pay"), "not missing").is_checked()
    # A value, or a range, takes its place; and it takes theirs.
    bar(card(page, "pay"), "missing").check()
    settled(pay)
    assert not bar(pay, "not missing").is_checked()
    assert page.locator(".chip").text_content().startswith("pay is missing")
    bar(pay, "not missing").check()
    settled(pay)
    assert not bar(pay, "missing").is_checked()
    pay.get_by_label("pay from").fill("30")
    pay.get_by_label("pay from").press("Enter")
    settled(pay)
    assert not bar(pay, "not missing").is_checked()
    bar(pay, "not missing").focus()
    page.keyboard.press("Space")
    settled(pay)
    assert pay.get_by_label("pay from").input_value() == ""
    assert json.loads(page.evaluate("document.activeElement.dataset.key")) == {"missing": False}
    page.keyboard.press("Escape")
    settled(pay)
    assert page.locator(".chip").count() == 0
    assert bar(card(page, "age"), "not missing").count() == 0


def test_values_beyond_the_first_are_behind_a_button(opened, address):
    page = opened(f"{address}/#model=people")
    town = card(page, "town")
    assert town.locator(".bar").count() == 6
    town.get_by_role("button", name="4 more").click()
    assert town.locator(".bar").count() == 10
    assert sum(shares(town).values()) == pytest.approx(100, abs=3)


def test_the_link_restores_what_is_held(opened, address):
    page = opened(f"{address}/#model=people")
    bar(card(page, "job"), "cook").check()
    settled(card(page, "age"))
    summary = card(page, "age").get_by_role("img").get_attribute("aria-label")
    again = opened(page.url)
    assert bar(card(again, "job"), "cook").is_checked()
    assert card(again, "age").get_by_role("img").get_attribute("aria-label") == summary
    assert again.locator(".chip").text_content().startswith("job is cook")


def test_only_what_is_in_view_is_asked(opened, address):
    page = opened(f"{address}/#model=digits&view=table", viewport={"width": 800, "height": 500})
    settled(page.locator(".card").first)
    page.wait_for_timeout(500)
    answered = page.locator(".card .sure:not(:empty)").count()
    assert 0 < answered < 32
    last = page.locator(".card").last
    last.scroll_into_view_if_needed()
    settled(last)


def test_the_keyboard_alone_holds_and_releases(opened, address):
    page = opened(f"{address}/#model=people")
    job = card(page, "job")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.key") == '"cook"':
            break
    else:
        pytest.fail("no tick is reached")
    page.keyboard.press("Space")
    settled(job)
    assert page.locator(".chip").text_content().startswith("job is cook")
    assert re.search(r"columns follow: estimated", page.locator("[aria-live]").text_content())
    # The tick keeps the focus although its row was drawn again; Escape releases the column.
    assert page.evaluate("document.activeElement.dataset.key") == '"cook"'
    page.keyboard.press("Escape")
    settled(job)
    assert page.locator(".chip").count() == 0
    assert page.evaluate("document.activeElement.closest('.card').dataset.variable") == "job"


def test_what_cannot_be_is_said_in_a_line(opened, address):
    page = opened(
        f"{address}/#model=people&where={quote(json.dumps({'age': {'low': 60, 'high': 30}}))}",
        faults_expected=True,
    )
    failure = page.locator("#panel-columns .failure").first
    failure.wait_for()
    assert "from the lower end to the higher" in failure.text_content()
    assert len(failure.text_content().splitlines()) == 1
    assert card(page, "job").locator(".sure").text_content() == "without conditions"
    page.get_by_role("button", name=re.compile("^Release age")).first.click()
    settled(card(page, "job"))
    assert failure.is_hidden()


def test_another_model_is_chosen_and_one_that_is_not_there_is_named(opened, address):
    page = opened(f"{address}/#model=nobody&view=table")
    page.get_by_text("there is no model nobody: there are people, digits").wait_for()
    page.get_by_label("Model").select_option("digits")
    page.get_by_role("heading", name="digits", level=1).wait_for()
    assert page.get_by_role("button", name="Table").get_attribute("aria-pressed") == "true"
    assert page.locator(".failure:visible").count() == 0
    page.go_back()
    page.get_by_role("heading", name="people", level=1).wait_for()


def test_arrows_go_from_part_to_part(opened, address):
    page = opened(f"{address}/#model=people")
    page.get_by_role("tab", name="Columns").focus()
    for key, title in (
        ("ArrowRight", "Draw rows"),
        ("End", "A file"),
        ("ArrowRight", "Columns"),
        ("ArrowLeft", "A file"),
    ):
        page.keyboard.press(key)
        assert page.get_by_role("tab", selected=True).text_content() == title
        assert page.evaluate("document.activeElement.textContent") == title
    assert page.get_by_role("tabpanel").count() == 1
    assert "part=file" in page.url


def test_markup_in_names_and_values_is_text(opened, address):
    page = opened(f"{address}/#model=<img src=x onerror=document.title='run'>")
    page.get_by_text("there is no model <img").wait_for()
    assert page.locator("#failure img").count() == 0
    assert page.title() != "run"
