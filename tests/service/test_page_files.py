"""The files of the page: those of the package and no others, open without a token."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from made.service.app import create_app
from made.service.models import Models
from made.service.page_files import PAGES, PageFiles


def test_files_have_their_types_and_a_policy(client):
    for address, kind in (
        ("/", "text/html"),
        ("/docs", "text/html"),
        ("/page/main.js", "text/javascript"),
        ("/page/style.css", "text/css"),
        ("/page/icon.svg", "image/svg+xml"),
        ("/page/table/view.js", "text/javascript"),
    ):
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert client.head(address).headers["content-type"].startswith(kind)


def test_what_has_not_changed_is_not_sent_again(client):
    tag = client.get("/page/main.js").headers["etag"]
    again = client.get("/page/main.js", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/page/main.js", headers={"if-none-match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/page/../app.py",
        "/page/%2e%2e/app.py",
        "/page/..%2fapp.py",
        "/page//etc/passwd",
        "/page/",
        "/page/none.js",
        "/page/main.js/",
        "/redoc",
    ],
)
def test_nothing_else_is_read(client, path):
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code in (404, 307)
    assert "import" not in answer.text


def test_the_page_is_open_and_what_it_asks_is_not():
    with TestClient(create_app(Models([]), tokens=["correct-horse"])) as client:
        for address in PageFiles().addresses:
            answer = client.get(address)
            assert answer.status_code == (401 if address in PAGES else 200)
            assert answer.headers.get("www-authenticate") == ("Bearer" if address in PAGES else None)
            known = client.get(address, headers={"authorization": "Bearer correct-horse"})
            assert (known.status_code, known.content) == (200, answer.content)
        for address in ("/models", "/openapi.json", "/metrics", "/page/none.js"):
            assert client.get(address).status_code == 401


def test_the_files_name_no_other_place(client):
    for address in PageFiles().addresses:
        text = client.get(address).text
        found = set(re.findall(r"https?://[^\s\"'`)]+", text)) - {"http://www.w3.org/2000/svg"}
        assert found == set(), address


def test_the_routes_of_the_page_are_no_part_of_the_description(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert not [path for path in paths if path in ("/", "/docs") or path.startswith("/page")]
