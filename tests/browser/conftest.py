"""A service as a process of its own, and Chromium that looks at its page."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

import made
from made.runs.folder import RunFolder
from made.runs.held_out import HeldOut

sys.path.insert(0, str(Path(__file__).parent))

SECONDS = 60


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium: one that is installed, else that of Playwright."""
    pytest.importorskip("fastapi", reason="needs made[service]")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs made[browser]: make test-browser")
    with playwright.sync_playwright() as own:
        try:
            # Without a sandbox, since in containers there is no other user to run as.
            found = own.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"there is no Chromium here: {str(error).splitlines()[0]}; make test-browser")
        yield found
        found.close()


@pytest.fixture(scope="session")
def people() -> polars.DataFrame:
    """A table of text, numbers, ordered classes, dates and gaps."""
    rng = np.random.default_rng(0)
    n = 600
    age = rng.integers(17, 90, n)
    job = np.where(age > 60, "retired", rng.choice(["clerk", "cook", "vet"], n, p=[0.5, 0.3, 0.2]))
    town = rng.choice([f"town {letter}" for letter in "ABCDEFGHIJ"], n, p=np.arange(10, 0, -1) / 55)
    pay = np.where(rng.random(n) < 0.2, np.nan, (rng.normal(30, 5, n) + age / 10).round(2))
    children = rng.binomial(4, 0.4, n)
    since = np.datetime64("2020-01-01") + rng.integers(0, 700, n)
    columns = {"age": age, "job": job, "town": town, "pay": pay, "children": children, "since": since}
    return polars.DataFrame(columns).with_columns(polars.col("pay").fill_nan(None))


@pytest.fixture(scope="session")
def runs(browser: Any, people: polars.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs as far as a service reads them, of the table and of images; none without a browser."""
    folder = tmp_path_factory.mktemp("browser")
    table = made.auto_fit(people, max_time=2.0)
    digits = made.data.load("digits")
    images = made.MADE(digits.schema, hidden=(32,), seed=0)
    made.fit(images, digits.train, digits.valid, epochs=3, seed=0)
    for name, model, rows in (("people", table, people), ("digits", images, digits.valid)):
        (folder / name).mkdir()
        model.save(folder / name / "model.safetensors")
        held_out = HeldOut.of(model.log_prob(rows).numpy())
        assert held_out is not None
        held_out.write(RunFolder(folder / name))
    return {name: folder / name for name in ("people", "digits")}


@pytest.fixture(scope="session")
def model(runs: dict[str, Path]) -> made.MADE:
    """The model of the table."""
    return made.load(runs["people"])


@pytest.fixture(scope="session")
def serve(serve_process: Callable[..., Any]) -> Callable[..., AbstractContextManager[str]]:
    """A function that serves runs until the block ends, and gives the address."""

    @contextmanager
    def serve(runs: Iterable[Path], *options: str) -> Iterator[str]:
        with serve_process(runs, *options) as (port, _, _):
            yield f"http://127.0.0.1:{port}"

    return serve


@pytest.fixture(scope="session")
def serving(
    runs: dict[str, Path], serve: Callable[..., AbstractContextManager[str]]
) -> Callable[..., AbstractContextManager[str]]:
    """A function that serves the table and the images, with options of ``made serve``."""
    return lambda *options: serve(runs.values(), *options)


@pytest.fixture(scope="session")
def address(serving: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    """Where both models are served."""
    with serving() as own:
        yield own


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """A function that opens a page in a window of its own; errors in it fail the test unless expected."""
    contexts, faults = [], []

    def opens(url: str, *, faults_expected: bool = False, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SECONDS * 1000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        if not faults_expected:
            page.on("console", lambda own: faults.append(own.text) if own.type == "error" else None)
        page.goto(url)
        return page

    yield opens
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def copied(tmp_path: Path) -> Callable[..., Any]:
    """A function that runs what a page has copied, as it stands, and gives the program and both answers."""

    def run(page: Any) -> tuple[str, Any, Any]:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        texts = {}
        for kind in ("curl", "Python"):
            page.get_by_role("button", name=f"Copy as {kind}").click()
            page.get_by_text(f"copied as {kind}", exact=True).wait_for()
            texts[kind] = page.evaluate("navigator.clipboard.readText()")
        (tmp_path / "asked.py").write_text(texts["Python"])
        by_curl, by_python = (
            json.loads(subprocess.run(command, capture_output=True, check=True, cwd=tmp_path).stdout)
            for command in (["bash", "-c", f"{texts['curl'].strip()} -s"], [sys.executable, "asked.py"])
        )
        return texts["Python"], by_curl, by_python

    return run


@pytest.fixture(scope="session")
def serious_faults() -> Callable[[Any], list[tuple[str, list[str]]]]:
    """A function that returns the serious faults of accessibility that axe finds in a page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs made[browser]")

    def found(page: Any) -> list[tuple[str, list[str]]]:
        violations = axe.Axe().run(page).response["violations"]
        return [
            (own["id"], [node["html"] for node in own["nodes"][:3]])
            for own in violations
            if own["impact"] in ("serious", "critical")
        ]

    return found
