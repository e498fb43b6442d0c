"""The report: valid HTML that loads nothing, shows what it was given, and nothing it was not."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from made import plots
from made.report.page import Report
from made.support.errors import InputError

VOID = {"meta", "img", "br", "hr", "link", "input"}
NASTY = """1 < 2 & "a" > 'b' </p><script>alert(1)</script>"""


class Page(HTMLParser):
    """Elements as (tag, attributes, text), and a stack that must come out empty."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.elements = [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs)  # no attribute twice
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self.open.append(len(self.elements) - 1)

    def handle_endtag(self, tag):
        assert self.elements[self.open.pop()][0] == tag

    def handle_data(self, data):
        for place in self.open:
            self.elements[place][2].append(data)

    def all(self, tag, **wanted):
        return [
            (attrs, "".join(text))
            for name, attrs, text in self.elements
            if name == tag and wanted.items() <= attrs.items()
        ]


def filled():
    report = Report("Two & one", "Lead with `code`.")
    report.section("What came out")
    report.text(NASTY)
    report.text("**Bold with `code` in it** and `**stars**`.")
    report.table(
        ["model", "KL (nats)", "time", "remark"],
        [["raw", "0.035 ± 0.001", "12 s", NASTY], ["`ours`", "**0.005**", "2 min 10 s", "–"]],
        caption="Five models",
        emphasize=1,
    )
    report.figure(plots.image_grid(np.eye(4), (2, 2)), 'Images, "drawn" <by> `made`')
    report.note(NASTY)
    report.section("What came out")
    report.details("Settings", '{\n  "seed": 0, "mark": "<`a`>"\n}')
    return report


def test_the_page_is_balanced_and_loads_nothing():
    source = filled().html()
    page = Page(source)
    assert source.startswith("<!DOCTYPE html>")
    assert page.all("html")[0][0]["lang"] == "en"
    assert page.all("meta", name="viewport")
    assert page.all("title")[0][1] == "Two & one"
    assert not page.all("script")
    assert not page.all("link")
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs, _ in page.elements:
        assert attrs.get("src", "data:").startswith("data:image/png;base64,") or "src" not in attrs
        assert "href" not in attrs or attrs["href"].removeprefix("#") in ids
        assert not any(name.startswith("on") for name in attrs)
    (style,) = (text for _, text in page.all("style"))
    assert "url(" not in style
    assert "@import" not in style


def test_the_contents_lead_to_each_section():
    page = Page(filled().html())
    assert [attrs["href"] for attrs, _ in page.all("a")] == ["#what-came-out", "#what-came-out-2"]
    assert [attrs["id"] for attrs, _ in page.all("h2")] == ["what-came-out", "what-came-out-2"]
    assert len(page.all("section")) == 2


def test_a_page_without_sections_has_no_contents():
    report = Report("T", "L")
    report.text("Only this.")
    page = Page(report.html())
    assert not page.all("nav")
    assert page.all("main")[0][1].strip() == "Only this."


def test_text_appears_as_given():
    page = Page(filled().html())
    paragraphs = [text for _, text in page.all("p")]
    assert paragraphs.count(NASTY) == 2  # a paragraph and a note
    assert page.all("aside")[0][1] == NASTY
    assert page.all("pre")[0][1] == '{\n  "seed": 0, "mark": "<`a`>"\n}'


def test_backticks_and_stars_become_elements():
    page = Page(filled().html())
    assert [text for _, text in page.all("strong")] == ["Bold with code in it", "0.005"]
    assert {"code", "**stars**", "ours", "made"} <= {text for _, text in page.all("code")}


def test_numbers_stand_right_and_the_best_row_is_marked():
    page = Page(filled().html())
    columns = [(text, attrs.get("class")) for attrs, text in page.all("th", scope="col")]
    assert columns == [("model", None), ("KL (nats)", "number"), ("time", "number"), ("remark", None)]
    assert [text for _, text in page.all("th", scope="row")] == ["raw", "ours"]
    assert [attrs.get("class") for attrs, _ in page.all("tr")] == [None, None, "best"]
    assert ({}, NASTY) in page.all("td")


@pytest.mark.parametrize(
    ("cell", "numeric"),
    [
        ("12,345", True),
        ("−0.5", True),
        ("1e-3", True),
        ("88.6 nats", True),
        ("10.5 ± 0.01", True),
        ("75 %", True),
        ("1 x 500", False),
        ("natural", False),
        ("–", False),
    ],
)
def test_what_counts_as_a_number(cell, numeric):
    report = Report("T", "L")
    report.table(["a", "b"], [["x", cell], ["y", ""]], caption="C")
    assert bool(Page(report.html()).all("td", **{"class": "number"})) == numeric


def test_pictures_are_inside_with_their_size_and_words():
    figure = plots.image_grid(np.eye(4), (2, 2))
    ((attrs, _),) = Page(filled().html()).all("img")
    picture = Image.open(io.BytesIO(base64.b64decode(attrs["src"].partition(",")[2])))
    inches = figure.get_size_inches()
    assert (int(attrs["width"]), int(attrs["height"])) == tuple(round(96 * side) for side in inches)
    assert picture.width / picture.height == pytest.approx(inches[0] / inches[1], rel=0.01)
    assert attrs["alt"] == 'Images, "drawn" <by> made'


def test_the_same_content_gives_the_same_page(tmp_path):
    filled().save(tmp_path / "a.html")
    filled().save(tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert (tmp_path / "a.html").read_text("utf-8") == filled().html()


def test_what_cannot_be_set_or_saved(tmp_path):
    report = Report("T", "L")
    with pytest.raises(InputError, match="row 1 of a table has 1 cells, its header has 2"):
        report.table(["a", "b"], [["1", "2"], ["3"]], caption="C")
    with pytest.raises(InputError, match=r"emphasize must be one of the rows 0..0, got 1"):
        report.table(["a"], [["1"]], caption="C", emphasize=1)
    with pytest.raises(InputError, match="cannot write"):
        report.save(tmp_path / "missing" / "report.html")
