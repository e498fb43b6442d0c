"""A report as one HTML page that needs nothing else: no network, no scripts, pictures inside."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from made.support.errors import InputError
from made.support.files import write_aside

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Report"]

_CSS_PIXELS = 96  # to the inch

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 48rem; background: #fff; color: #1a1a1a;
  font: 1.0625rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  overflow-wrap: break-word; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 .75rem; text-wrap: balance; }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 3rem 0 .75rem; text-wrap: balance; }
p { margin: 0 0 1rem; }
.lead { font-size: 1.15rem; line-height: 1.5; color: #404040; }
a { color: #1f4e8c; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: .9em; background: #f1f1ef; border-radius: 3px; padding: .1em .3em; }
nav { border-top: 1px solid #d0d0d0; border-bottom: 1px solid #d0d0d0; margin: 1.5rem 0; padding: .75rem 0; }
nav h2 { font-size: 1rem; margin: 0 0 .25rem; }
nav ol { margin: 0; padding-left: 1.5rem; }
figure { margin: 1.75rem 0; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { font-size: .95rem; line-height: 1.45; color: #404040; margin-top: .6rem; }
.table figcaption { margin: 0 0 .5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; line-height: 1.35;
  font-variant-numeric: tabular-nums; border-bottom: 2px solid #1a1a1a; }
th, td { padding: .4rem .6rem; text-align: left; vertical-align: top; }
thead th { border-top: 2px solid #1a1a1a; border-bottom: 1px solid #1a1a1a; vertical-align: bottom; }
tbody tr + tr > * { border-top: 1px solid #e2e2e2; }
tbody th { font-weight: 400; min-width: 7rem; }
.number { text-align: right; }
td.number { white-space: nowrap; }
td:not(.number) { min-width: 8rem; }
.best > * { font-weight: 700; background: #eef3e6; }
.best > :first-child { box-shadow: inset 4px 0 #4d7c0f; }
.note { margin: 1.5rem 0; padding: .8rem 1rem; border: 1px solid #c9c9c9; border-left: 5px solid #b5400a;
  border-radius: 3px; background: #faf7f2; }
.note p { margin: 0; }
details { margin: 1rem 0; border: 1px solid #d0d0d0; border-radius: 3px; }
summary { padding: .6rem .8rem; cursor: pointer; font-weight: 600; }
pre { margin: 0; padding: .8rem;
  overflow-x: auto; background: #f7f7f5; font-size: .85rem; line-height: 1.45; }
@media (min-width: 66rem) {
  figure { margin-left: -8rem; margin-right: -8rem; }
  figcaption { margin-left: 8rem; margin-right: 8rem; }
  .table figcaption { margin: 0 8rem .5rem; }
  table { width: auto; min-width: 46rem; margin: 0 auto; }
}
@media (max-width: 30rem) {
  body { font-size: 1rem; padding-left: .9rem; padding-right: .9rem; }
  figure:not(.table) { margin-left: -.7rem; margin-right: -.7rem; }
  figure:not(.table) figcaption { margin-left: .7rem; margin-right: .7rem; }
  table { font-size: .9rem; }
  th, td { padding: .35rem .45rem; }
  thead th:first-child, tbody th { position: sticky; left: 0; background: #fff; max-width: 9rem; }
  .best > :first-child { background: #eef3e6; }
}
@page { size: A4; margin: 18mm 16mm; }
@media print {
  body { max-width: none; padding: 0; font-size: 10.5pt; line-height: 1.45; }
  h2 { break-after: avoid; margin-top: 2rem; }
  p, li { orphans: 3; widows: 3; }
  figure, .note, tr { break-inside: avoid; }
  .table figcaption, summary { break-after: avoid; }
  figure, figcaption, .table figcaption { margin-left: 0; margin-right: 0; }
  figure { margin-top: 1.2rem; margin-bottom: 1.2rem; }
  figure img { max-width: 15cm; max-height: 21cm; width: auto; }
  figcaption { font-size: 9.5pt; }
  .scroll, pre { overflow: visible; }
  pre { white-space: pre-wrap; font-size: 8.5pt; }
  table { font-size: 8.5pt; width: 100%; min-width: 0; }
  th, td { padding: .25rem .4rem; }
  tbody th, td:not(.number) { min-width: 0; }
  a { color: inherit; text-decoration: none; }
  .best > *, .note, pre, code { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  details::details-content { content-visibility: visible; display: block; }
}
""".strip()

# What a page may load: its own style and the pictures inside it. A browser holds the page to it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

_NUMBER = re.compile(
    r"[<>≤≥~≈]?\s?[+\-−]?\d[\d,.]*(e[+\-−]?\d+)?"  # 12,345.6e-7
    r"(\s?(±|to|–|/)\s?\d[\d,.]*)?"  # a second one: an error, an end, a whole
    r"(\s?(%|[^\W\d]+)(\s\d+\s?[^\W\d]+)?)?"  # a unit, or 2 min 10 s
)
_EMPTY = ("", "-", "–", "—")
_MARKED = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*")


class Report:
    """One page, filled from top to bottom, then saved.

    Every text may hold ``code`` in backticks and words between two ** for bold; all else appears as given.

    Parameters
    ----------
    title : str
        Of the page.
    lead : str
        The paragraph under the title: what the reader will know at the end.

    Examples
    --------
    >>> report = Report("Two dimensions", "Five models of one table.")
    >>> report.section("What came out")
    >>> report.table(["model", "KL (nats)"], [["raw", "0.035"], ["ours", "0.005"]], caption="KL", emphasize=1)
    >>> '<h2 id="what-came-out">' in report.html()
    True
    """

    def __init__(self, title: str, lead: str) -> None:
        self._title, self._lead = title, lead
        self._anchors: dict[str, str] = {}  # anchor -> title of its section
        self._parts: list[str] = []

    def section(self, title: str) -> None:
        """Begin a section; it is listed in the contents at the top."""
        slug = re.sub(r"[\W_]+", "-", title.lower()).strip("-") or "section"
        anchor, again = slug, 1
        while anchor in self._anchors:
            again += 1
            anchor = f"{slug}-{again}"
        if self._anchors:
            self._parts.append("</section>")
        self._anchors[anchor] = title
        self._parts.append(f'<section>\n<h2 id="{anchor}">{_inline(title)}</h2>')

    def text(self, paragraph: str) -> None:
        """Add a paragraph."""
        self._parts.append(f"<p>{_inline(paragraph)}</p>")

    def table(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        caption: str,
        emphasize: int | None = None,
    ) -> None:
        """Add a table whose first column names the rows; columns of numbers are set to the right.

        Parameters
        ----------
        header : sequence of str
            Names of the columns, with units.
        rows : sequence of sequence of str
            Cells, as many in each row as in the header.
        caption : str
            Over the table.
        emphasize : int, optional
            The row that is set in bold.

        Raises
        ------
        InputError
            If a row does not fit the header, or the row to emphasize is none.
        """
        for place, row in enumerate(rows):
            if len(row) != len(header):
                raise InputError(f"row {place} of a table has {len(row)} cells, its header has {len(header)}")
        if emphasize is not None and not 0 <= emphasize < len(rows):
            raise InputError(f"emphasize must be one of the rows 0..{len(rows) - 1}, got {emphasize}")
        # The first column names the rows, even if by a number.
        kinds = [' class="number"' if d and _is_numeric(rows, d) else "" for d in range(len(header))]
        head = "".join(
            f'<th scope="col"{kind}>{_inline(name)}</th>' for name, kind in zip(header, kinds, strict=True)
        )
        lines = [
            f'<figure class="table">\n<figcaption>{_inline(caption)}</figcaption>',
            f'<div class="scroll" role="region" tabindex="0" aria-label="{_plain(caption)}">',
            f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>",
        ]
        for place, row in enumerate(rows):
            cells = [f'<th scope="row"{kinds[0]}>{_inline(row[0])}</th>'] if row else []
            cells += [
                f"<td{kind}>{_inline(cell)}</td>" for cell, kind in zip(row[1:], kinds[1:], strict=True)
            ]
            best = ' class="best"' if place == emphasize else ""
            lines.append(f"<tr{best}>{''.join(cells)}</tr>")
        self._parts.append("\n".join([*lines, "</tbody>\n</table>\n</div>\n</figure>"]))

    def figure(self, figure: Figure, caption: str) -> None:
        """Add a picture; the caption also stands in for it where it cannot be seen."""
        drawn = io.BytesIO()
        # Nothing of the day or the machine inside: the same figure gives the same page.
        figure.savefig(drawn, format="png", dpi="figure", metadata={"Software": None})
        inlined = base64.b64encode(drawn.getvalue()).decode("ascii")
        width, height = (round(_CSS_PIXELS * inches) for inches in figure.get_size_inches())
        self._parts.append(
            f'<figure>\n<img src="data:image/png;base64,{inlined}" width="{width}" height="{height}" '
            f'alt="{_plain(caption)}">\n<figcaption>{_inline(caption)}</figcaption>\n</figure>'
        )

    def note(self, paragraph: str) -> None:
        """Add a remark in a box."""
        self._parts.append(f'<aside class="note"><p>{_inline(paragraph)}</p></aside>')

    def details(self, summary: str, content: str) -> None:
        """Add something folded away, such as settings; it is printed unfolded, spaces and lines as given."""
        self._parts.append(
            f"<details>\n<summary>{_inline(summary)}</summary>\n<pre>{escape(content)}</pre>\n</details>"
        )

    def html(self) -> str:
        """Return the whole page."""
        contents = "".join(
            f'<li><a href="#{anchor}">{_inline(title)}</a></li>\n' for anchor, title in self._anchors.items()
        )
        nav = f'<nav aria-label="Contents">\n<ol>\n{contents}</ol>\n</nav>\n' if contents else ""
        body = "\n".join([*self._parts, *(["</section>"] if self._anchors else [])])
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{_plain(self._title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
            f"<header>\n<h1>{_inline(self._title)}</h1>\n"
            f'<p class="lead">{_inline(self._lead)}</p>\n</header>\n'
            f"{nav}<main>\n{body}\n</main>\n</body>\n</html>\n"
        )

    def save(self, path: str | Path) -> None:
        """Write the page to a file; a file of that name is replaced whole or not at all.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        write_aside(path, self.html().encode("utf-8"))


def _inline(text: str) -> str:
    """Text as HTML, with backticks and double asterisks turned into elements."""

    def element(found: re.Match[str]) -> str:
        code, bold = found.groups()
        return f"<code>{code}</code>" if code else f"<strong>{_MARKED.sub(element, bold)}</strong>"

    return _MARKED.sub(element, escape(text))


def _plain(text: str) -> str:
    """Text as it may stand in an attribute, without the marks."""
    return escape(_MARKED.sub(lambda found: _MARKED.sub(r"\1", found[1] or found[2]), text))


def _is_numeric(rows: Sequence[Sequence[str]], column: int) -> bool:
    cells = [_MARKED.sub(lambda found: found[1] or found[2], row[column]).strip() for row in rows]
    filled = [cell for cell in cells if cell not in _EMPTY]
    return bool(filled) and all(_NUMBER.fullmatch(cell) for cell in filled)
