"""What the page looks like: narrow, dark, and for those who do not see it; and it asks for a token."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

HELD = quote(json.dumps({"job": {"in": ["cook"]}, "age": {"low": 30, "high": 60}}))
VIEWS = {
    "columns": f"#model=people&where={HELD}",
    "draw": "#model=people&part=draw&draw=" + quote('{"n": 5, "seed": 0}'),
    "row": "#model=people&part=row&row=" + quote('{"age": 18, "job": "retired"}'),
    "file": "#model=people&part=file",
    "pixels": "#model=digits&view=table",
}


def shown(opened, address, view, **options):
    page = opened(f"{address}/{VIEWS[view]}", **options)
    page.locator("h1").wait_for()
    page.wait_for_load_state("networkidle")
    return page


@pytest.mark.parametrize("view", VIEWS)
def test_a_narrow_screen_needs_no_scrolling_to_the_side(opened, address, view):
    page = shown(opened, address, view, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_docs_are_of_the_service_itself(opened, address, serious_faults):
    page = opened(f"{address}/docs", viewport={"width": 390, "height": 844})
    page.get_by_role("heading", name="POST /models/NAME/conditional", exact=True).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.get_by_text("Observed values by column.").count() >= 1
    assert serious_faults(page) == []


def test_dark_is_dark(opened, address):
    colours = {}
    for scheme in ("light", "dark"):
        page = shown(opened, address, "columns", color_scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        colours[scheme] = sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(",")))
    assert colours["light"] > 600
    assert colours["dark"] < 150


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_nothing_stands_in_the_way_of_assistive_technology(opened, address, view, scheme, serious_faults):
    page = shown(opened, address, view, color_scheme=scheme)
    assert serious_faults(page) == []


def test_a_token_is_asked_for_and_forgotten_with_the_tab(opened, serving, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("correct-horse")
    with serving("--token-file", str(tokens)) as address:
        page = opened(f"{address}/#model=people", faults_expected=True)
        for token in ("wrong-horse", "correct-horse"):
            field = page.get_by_role("textbox", name="Token")
            field.fill(token)
            field.press("Enter")
            if token == "wrong-horse":
                page.get_by_text("does not know that token").wait_for()
        page.get_by_role("heading", name="people", level=1).wait_for()
        assert page.evaluate("localStorage.length") == 0
        assert page.evaluate("document.cookie") == ""
        page.reload()
        page.get_by_role("heading", name="people", level=1).wait_for()
        page.get_by_role("button", name="Copy as curl").wait_for(state="attached")
        other = opened(f"{address}/docs", faults_expected=True)
        other.get_by_role("button", name="Cancel").click()
        other.get_by_text("a token is needed").wait_for()
