"""A report as one self-contained HTML page: no network, no scripts, pictures inside.

This module collects its content; `page.html.jinja` is its layout.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from made.support.errors import InputError
from made.support.writing import write_aside

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

__all__ = ["Report"]

_CSS_PIXELS = 96  # to the inch

_NUMBER = re.compile(
    r"[<>≤≥~≈]?\s?[+\-−]?\d[\d,.]*(e[+\-−]?\d+)?"  # 12,345.6e-7
    r"(\s?(±|to|–|/)\s?\d[\d,.]*)?"  # a second one: an error, an end, a whole
    r"(\s?(%|[^\W\d]+)(\s\d+\s?[^\W\d]+)?)?"  # a unit, or 2 min 10 s
)
_EMPTY = ("", "-", "–", "—")
_MARKED = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*")


@dataclass
class _Section:
    title: str
    anchor: str
    blocks: list[dict[str, Any]] = field(default_factory=list)


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
        self._opening: list[dict[str, Any]] = []  # what comes before the first section
        self._sections: list[_Section] = []

    def section(self, title: str) -> None:
        """Begin a section; it is listed in the contents at the top."""
        slug = re.sub(r"[\W_]+", "-", title.lower()).strip("-") or "section"
        taken = {section.anchor for section in self._sections}
        anchor, again = slug, 1
        while anchor in taken:
            again += 1
            anchor = f"{slug}-{again}"
        self._sections.append(_Section(title, anchor))

    def text(self, paragraph: str) -> None:
        """Add a paragraph."""
        self._add("text", text=paragraph)

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
        numeric = [d > 0 and _is_numeric(rows, d) for d in range(len(header))]
        self._add("table", header=header, rows=rows, caption=caption, numeric=numeric, emphasize=emphasize)

    def figure(self, figure: Figure, caption: str) -> None:
        """Add a picture; the caption also stands in for it where it cannot be seen."""
        drawn = io.BytesIO()
        # Nothing of the day or the machine inside: the same figure gives the same page.
        figure.savefig(drawn, format="png", dpi="figure", metadata={"Software": None})
        png = base64.b64encode(drawn.getvalue()).decode("ascii")
        width, height = (round(_CSS_PIXELS * inches) for inches in figure.get_size_inches())
        self._add("figure", png=png, width=width, height=height, caption=caption)

    def note(self, paragraph: str) -> None:
        """Add a remark in a box."""
        self._add("note", text=paragraph)

    def details(self, summary: str, content: str) -> None:
        """Add something folded away, such as settings; it is printed unfolded, spaces and lines as given."""
        self._add("details", summary=summary, content=content)

    def html(self) -> str:
        """Return the whole page."""
        import jinja2

        pages = jinja2.Environment(
            loader=jinja2.PackageLoader("made.report", ""),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            keep_trailing_newline=True,
        )
        pages.filters |= {"inline": _inline, "plain": _plain}
        return pages.get_template("page.html.jinja").render(
            title=self._title, lead=self._lead, opening=self._opening, sections=self._sections
        )

    def save(self, path: str | Path) -> None:
        """Write the page to a file; a file of that name is replaced whole or not at all.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        write_aside(path, self.html().encode("utf-8"))

    def _add(self, kind: str, **content: Any) -> None:
        blocks = self._sections[-1].blocks if self._sections else self._opening
        blocks.append({"kind": kind, **content})


def _inline(text: str) -> Markup:
    """Text as HTML, with backticks and double asterisks turned into elements."""
    from markupsafe import Markup, escape

    def element(found: re.Match[str]) -> str:
        code, bold = found.groups()
        return f"<code>{code}</code>" if code else f"<strong>{_MARKED.sub(element, bold)}</strong>"

    return Markup(_MARKED.sub(element, str(escape(text))))


def _plain(text: str) -> str:
    """Text without the marks, as it may stand in an attribute."""
    return _MARKED.sub(lambda found: _plain(found[1] or found[2]), text)


def _is_numeric(rows: Sequence[Sequence[str]], column: int) -> bool:
    cells = [_plain(row[column]).strip() for row in rows]
    filled = [cell for cell in cells if cell not in _EMPTY]
    return bool(filled) and all(_NUMBER.fullmatch(cell) for cell in filled)
