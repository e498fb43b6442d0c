"""The page that browsers are given: files of the package, read once, under fixed addresses."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response

__all__ = ["PAGES", "PageFiles"]

_FOLDER = Path(__file__).parent / "page"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: Pages with an address of their own; all other files are below /page/.
PAGES = {"/": "index.html", "/docs": "docs.html"}
# Nothing is loaded from elsewhere, nothing in the text of a page is run, and no other page shows this one.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


@dataclass(frozen=True)
class _File:
    content: bytes
    headers: dict[str, str]


class PageFiles:
    """The files of the page by address. They are found when this is made: nothing else is ever read.

    Examples
    --------
    >>> files = PageFiles()
    >>> "/" in files.addresses, "/page/main.js" in files.addresses, "/page/../app.py" in files.addresses
    (True, True, False)
    """

    def __init__(self) -> None:
        found = {
            path.relative_to(_FOLDER).as_posix(): _read(path, _KINDS[path.suffix])
            for path in sorted(_FOLDER.rglob("*"))
            if path.suffix in _KINDS
        }
        self._files = {address: found.pop(name) for address, name in PAGES.items()}
        self._files |= {f"/page/{name}": own for name, own in found.items()}

    @property
    def addresses(self) -> frozenset[str]:
        """All addresses."""
        return frozenset(self._files)

    def add_routes(self, app: FastAPI) -> None:
        """Add a route for each file to an application; the description of the service leaves them out."""
        for route in (*PAGES, "/page/{file:path}"):
            app.add_api_route(route, self._answer, methods=["GET", "HEAD"], include_in_schema=False)

    async def _answer(self, request: Request) -> Response:
        own = self._files.get(request.scope["path"])
        if own is None:
            raise HTTPException(404, "the page has no such file")
        if request.headers.get("if-none-match") == own.headers["etag"]:
            return Response(status_code=304, headers=own.headers)
        return Response(own.content, headers=own.headers)


def _read(path: Path, kind: str) -> _File:
    content = path.read_bytes()
    return _File(
        content,
        {
            "content-type": kind,
            "content-security-policy": _POLICY,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-cache",
            "etag": f'"{hashlib.sha256(content).hexdigest()[:16]}"',
        },
    )
