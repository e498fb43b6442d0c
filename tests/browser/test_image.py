"""The view of images in a browser: painting, completions, surprise, samples, generation, the link."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from sklearn.datasets import load_digits

import made
from made.runs.folder import RunFolder
from made.runs.held_out import HeldOut

SIDE = 8
N_PIXELS = SIDE * SIDE


@pytest.fixture(scope="module")
def pictures(browser, tmp_path_factory):
    """The folders of runs whose rows are images: of two grey values, of seventeen, and of two masks."""
    digits = made.data.load("digits")
    root = tmp_path_factory.mktemp("pictures")
    return {
        name: _saved(root / name, variables, rows, **settings)
        for name, variables, rows, settings in (
            ("digits", made.Bernoulli(N_PIXELS), digits.train, {}),
            ("grey", made.Categorical(17, N_PIXELS), load_digits().data.astype(int), {}),
            ("depths", made.Numeric(N_PIXELS), load_digits().data + np.random.default_rng(0).random(), {}),
            ("orders", made.Bernoulli(N_PIXELS), digits.train, {"ordering": "random", "orderings": 4}),
        )
    }


def _saved(folder, variables, rows, **settings):
    model = made.MADE(variables, hidden=(128,), direct=True, **settings)
    made.fit(model, rows, epochs=8, seed=0)
    model.schema = model.schema.with_image_shape((SIDE, SIDE))
    folder.mkdir()
    model.save(folder / "model.safetensors")
    held_out = HeldOut.of(model.log_prob(rows[:200]).numpy())
    assert held_out is not None
    held_out.write(RunFolder(folder))
    return folder


@pytest.fixture(scope="module")
def address(pictures, serve):
    """Where these are served."""
    with serve(pictures.values()) as own:
        yield own


@pytest.fixture
def view(opened, address):
    """The view of the digits, once it has answered."""
    return shown(opened, address)


def shown(opened, address, model="digits", **options):
    page = opened(f"{address}/#model={model}", **options)
    settled(page)
    return page


def settled(page):
    """Wait until the six completions, or what is said in their place, belong to what is drawn."""
    page.locator(".completions .image-tiles.waits:visible").wait_for(state="detached")
    page.locator(".image-odd li").first.wait_for()
    page.locator(".surprise canvas[aria-busy]").wait_for(state="detached")


def reads(page, selector, text):
    """Wait until an element says something."""
    page.locator(selector, has_text=text).first.wait_for()


def canvas_of(page):
    return page.get_by_role("application")


def n_known(page):
    return int(re.search(r"(\d+) of \d+ known", canvas_of(page).get_attribute("aria-label"))[1])


def at(page, row, column, side=SIDE):
    """The point of the screen in the middle of a pixel, counted from 0."""
    box = canvas_of(page).bounding_box()
    return (
        box["x"] + (column + 0.5) * box["width"] / side,
        box["y"] + (row + 0.5) * box["height"] / side,
    )


def drag(page, *places):
    page.mouse.move(*at(page, *places[0]))
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*at(page, *place), steps=6)
    page.mouse.up()


def kept(page, key):
    return parse_qs(urlsplit(page.url).fragment).get(key, [None])[0]


def captions(page, panel="completions"):
    return page.locator(f".{panel} figcaption").all_inner_texts()


def is_ink(page, locator, row, column, side=SIDE):
    """Whether a pixel of a canvas is nearer to ink than to paper, by the colours of the page."""
    return page.evaluate(
        """([canvas, row, column, side]) => {
          const style = getComputedStyle(canvas);
          const of = (name) => [1, 3, 5].map((at) =>
            parseInt(style.getPropertyValue(`--image-${name}`).trim().slice(at, at + 2), 16));
          const cell = canvas.width / side;
          const seen = canvas.getContext("2d")
            .getImageData((column + 0.5) * cell, (row + 0.5) * cell, 1, 1).data;
          const far = (own) => own.reduce((sum, value, i) => sum + (value - seen[i]) ** 2, 0);
          return far(of("ink")) < far(of("paper"));
        }""",
        [locator.element_handle(), row, column, side],
    )


def test_what_is_not_drawn_is_completed_six_times(view):
    assert n_known(view) == 0
    assert len(captions(view)) == 6
    for number, caption in enumerate(captions(view), 1):
        assert f"seed 0, no. {number}, exact" in caption
        assert re.search(r"log p −[\d.]+ nats, −[\d.]+ bits, exact", caption)
    assert "nothing yet): 0.00 nats" in view.locator(".image-log-p").inner_text()


def test_painting_by_mouse_is_a_line_and_changes_what_follows(view):
    before = captions(view)
    drag(view, (0, 1), (0, 6))
    settled(view)
    assert n_known(view) == 6
    assert captions(view) != before
    assert "the 6 known pixels" in view.locator(".image-log-p").inner_text()
    assert "pixels changed" in captions(view)[0]
    for tile in view.locator(".completions canvas").all():
        assert all(is_ink(view, tile, 0, column) for column in range(1, 7))
    view.get_by_role("button", name="Background").click()
    drag(view, (7, 0), (7, 7))
    settled(view)
    assert n_known(view) == 14
    assert not any(is_ink(view, tile, 7, 3) for tile in view.locator(".completions canvas").all())


def test_completions_follow_the_brush_before_it_is_lifted(view):
    view.mouse.move(*at(view, 0, 0))
    view.mouse.down()
    for end in (3, 7):
        view.mouse.move(*at(view, 0, end), steps=6)
        settled(view)
        assert f"the {end + 1} known pixels" in view.locator(".image-log-p").inner_text()
        assert all(is_ink(view, tile, 0, end) for tile in view.locator(".completions canvas").all())
    view.mouse.up()


def test_answers_are_those_of_python(view, pictures):
    drag(view, (0, 0), (0, 7))
    settled(view)
    model = made.load(pictures["digits"])
    row = [[1] * SIDE + [None] * (N_PIXELS - SIDE)]
    answer = model.complete(row, number=6, seed=0)
    scores = model.log_prob(answer.values[0].astype(int)).numpy()
    for caption, expected in zip(captions(view), scores, strict=True):
        shown = re.search(r"log p (−[\d.]+) nats", caption)[1].replace("−", "-")
        assert float(shown) == pytest.approx(expected, abs=0.006)
    shown = re.search(r": (−[\d.]+) nats", view.locator(".image-log-p").inner_text())[1].replace("−", "-")
    assert float(shown) == pytest.approx(answer.log_prob[0], abs=0.006)
    assert "Exact" in view.locator(".image-log-p + .note").inner_text()


def test_an_estimate_says_its_error_and_how_much_it_rests_on(view):
    drag(view, (6, 2), (6, 5))
    settled(view)
    assert re.search(r"± [\d.]+ nats", view.locator(".image-log-p").inner_text())
    said = view.locator(".image-log-p + .note").inner_text()
    assert re.search(r"Estimated: standard error [\d.]+ nats, effective sample size [\d.]+", said)
    assert "no. 1, estimated" in captions(view)[0]


def test_painting_by_touch(opened, address):
    page = shown(opened, address, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    canvas_of(page).scroll_into_view_if_needed()
    page.touchscreen.tap(*at(page, 2, 3))
    page.touchscreen.tap(*at(page, 5, 5))
    settled(page)
    assert n_known(page) == 2
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_painting_by_keys_alone(view):
    view.keyboard.press("Tab")
    for _ in range(30):
        if view.evaluate("document.activeElement.getAttribute('role')") == "application":
            break
        view.keyboard.press("Tab")
    for key in ("ArrowDown", "ArrowRight", "Space", "Shift+ArrowRight", "Shift+ArrowRight"):
        view.keyboard.press(key)
    assert n_known(view) == 3
    assert view.locator(".drawing .image-where").inner_text() == "row 2, column 4: ink"
    assert view.locator("[aria-live]").inner_text() == "row 2, column 4: unknown"
    view.keyboard.press("b")
    view.keyboard.press("Space")
    assert view.locator(".drawing .image-where").inner_text() == "row 2, column 4: background"
    view.keyboard.press("u")
    view.keyboard.press("Space")
    assert n_known(view) == 2
    view.keyboard.press("z")
    view.keyboard.press("z")
    assert view.locator(".drawing .image-where").inner_text() == "row 2, column 4: ink"
    view.keyboard.press("+")
    view.keyboard.press("End")
    view.keyboard.press("i")
    view.keyboard.press("Space")
    assert n_known(view) == 5  # the edge cuts the brush of two by two
    settled(view)
    assert "the 5 known pixels" in view.locator(".image-log-p").inner_text()


def test_undo_and_clear(view):
    drag(view, (1, 1), (1, 4))
    drag(view, (3, 1), (3, 4))
    view.get_by_role("button", name="Undo").click()
    assert n_known(view) == 4
    view.get_by_role("button", name="Clear").click()
    assert n_known(view) == 0
    settled(view)
    assert kept(view, "pixels") is None
    view.get_by_role("button", name="Undo").click()
    assert n_known(view) == 4


def test_the_link_brings_all_back(view, opened, address):
    drag(view, (0, 0), (0, 7))
    view.get_by_label("Seed", exact=True).first.fill("5")
    view.get_by_label("Seed", exact=True).first.press("Enter")
    settled(view)
    assert len(kept(view, "pixels")) < 40
    other = opened(view.url)
    settled(other)
    assert n_known(other) == SIDE
    shown = [re.sub(r"\n\d+ pixels? changed", "", own) for own in captions(view)]
    assert captions(other) == shown
    assert "seed 5, no. 1" in shown[0]
    damaged = opened(f"{address}/#model=digits&pixels=nonsense")
    settled(damaged)
    assert n_known(damaged) == 0


def test_surprise_is_that_of_the_model_and_named(view, pictures):
    drag(view, (0, 0), (0, 7))
    settled(view)
    model = made.load(pictures["digits"])
    row = [[1] * SIDE + [None] * (N_PIXELS - SIDE)]
    six = model.complete(row, number=6, seed=0).values[0].astype(int)
    found = -made.odd_entries(model, six).log_prob
    mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(6)
    named = view.locator(".image-odd li").all_inner_texts()
    assert len(named) == 5
    for text, d in zip(named, np.argsort(-mean[:SIDE], kind="stable"), strict=False):
        assert text == f"row 1, column {d + 1}: ink, {mean[d]:.2f} ± {error[d]:.2f} nats"
    assert "Estimated" in view.locator(".surprise").inner_text()
    view.locator("select[name=surprise-of]").select_option("Completion 1")
    reads(view, ".surprise", "Exact")
    named = view.locator(".image-odd li").all_inner_texts()
    for text, d in zip(named, np.argsort(-found[0], kind="stable"), strict=False):
        assert text.startswith(f"row {d // SIDE + 1}, column {d % SIDE + 1}: ")
        assert f"{found[0, d]:.2f} nats" in text
    assert f"{max(found[0].max(), 1):.2f} nats" in view.locator(".image-ends").inner_text()
    view.locator("select[name=surprise-given]").select_option("before")
    reads(view, ".surprise", "add up to")
    steps = -model.log_prob(six[:1], per_variable=True)[0].numpy()
    assert f"{steps.max():.2f} nats" in view.locator(".image-odd li").first.inner_text()
    assert kept(view, "surprise") == "before"


def test_a_whole_picture_has_an_exact_probability(view, pictures):
    view.get_by_role("button", name="Draw on sample 1", exact=True).click()
    reads(view, ".completions", "nothing is left")
    settled(view)
    assert n_known(view) == N_PIXELS
    expected = made.load(pictures["digits"]).log_prob(made.load(pictures["digits"]).sample(1, seed=0))
    shown = re.search(r": (−[\d.]+) nats", view.locator(".image-log-p").inner_text())[1].replace("−", "-")
    assert float(shown) == pytest.approx(float(expected), abs=0.006)
    assert view.locator("select[name=surprise-of]").inner_text() == "Drawing"
    said = view.locator(".image-log-p + .note").inner_text()
    assert re.fullmatch(r"Exact; more probable than \d+ % of held-out pictures\.", said)


def test_samples_on_demand(view, pictures):
    view.locator("input[name=samples]").fill("5")
    view.locator("input[name=seed]").fill("7")
    view.locator(".samples button[type=submit]").click()
    reads(view, ".samples figcaption", "seed 7, no. 5")
    reads(view, ".samples figcaption", "exact")
    assert view.locator(".samples figure").count() == 5
    expected = made.load(pictures["digits"]).sample(5, seed=7).numpy().reshape(5, SIDE, SIDE)
    for tile, picture in zip(view.locator(".samples canvas").all(), expected, strict=True):
        row, column = np.argwhere(picture == 1)[0].tolist()
        assert is_ink(view, tile, row, column)
    assert json.loads(kept(view, "samples")) == {"n": 5, "seed": 7}
    assert "model.sample(5, seed=7)" in view.locator("#last").inner_text()
    view.get_by_role("button", name="Next seed").click()
    reads(view, ".samples figcaption", "seed 8, no. 1")


def test_a_picture_is_drawn_pixel_by_pixel_in_the_ordering(opened, address, pictures):
    page = shown(opened, address, "orders")
    page.locator("input[name=generation-seed]").fill("3")
    page.locator("input[name=generation-mask]").fill("2")
    page.get_by_role("button", name="Draw one").click()
    page.get_by_role("button", name="Pause").click()
    slider = page.get_by_label("Pixels drawn")
    slider.fill("0")
    page.get_by_role("button", name="Step").click()
    model = made.load(pictures["orders"])
    sample = model.sample(1, seed=3, mask=2)
    steps = model.log_prob(sample, per_variable=True, mask=2)[0]
    d = int(model.mask(2).ordering[0])
    word = "ink" if int(sample[0, d]) else "background"
    said = page.locator(".image-now").inner_text()
    assert said.startswith(f"1 of 64 pixels: row {d // SIDE + 1}, column {d % SIDE + 1} is {word}")
    assert f"{abs(float(steps[d])):.2f} nats" in said
    assert "from mask 2 of the 4" in page.locator(".generation").inner_text()
    page.get_by_role("button", name="Play").click()
    reads(page, ".image-now", "64 of 64")
    assert f"{abs(float(steps.sum())):.2f} nats" in page.locator(".image-now").inner_text()
    drawn = sample[0].numpy().reshape(SIDE, SIDE)
    film = page.locator(".image-film canvas")
    page.wait_for_timeout(100)
    assert all(is_ink(page, film, r, c) == bool(drawn[r, c]) for r in range(SIDE) for c in range(SIDE))


def test_nothing_moves_by_itself_where_that_is_not_wanted(opened, address):
    page = shown(opened, address, reduced_motion="reduce")
    page.get_by_role("button", name="Draw one").click()
    page.wait_for_selector(".image-player:not([hidden])")
    page.wait_for_timeout(500)
    assert page.locator(".image-now").inner_text().startswith("0 of 64 pixels")


def test_seventeen_levels_have_a_slider(opened, address):
    page = shown(opened, address, "grey")
    page.get_by_label("Level of ink").fill("8")
    page.mouse.click(*at(page, 0, 0))
    settled(page)
    assert page.locator(".drawing .image-where").inner_text() == "row 1, column 1: level 8"
    again = opened(page.url)
    settled(again)
    assert n_known(again) == 1
    assert again.locator(".drawing .image-where").inner_text() == "row 1, column 1: level 8"


def test_pixels_that_are_numbers_are_left_to_the_table(opened, address):
    page = opened(f"{address}/#model=depths")
    reads(page, "main", "its table answers for them")


def test_orderings_that_begin_with_what_is_drawn(opened, address):
    page = shown(opened, address, "orders")
    drag(page, (6, 1), (6, 6))
    settled(page)
    assert "Estimated" in page.locator(".image-log-p + .note").inner_text()
    page.get_by_label("under orderings that begin").check()
    settled(page)
    assert page.locator(".image-log-p + .note").inner_text().startswith("Exact")
    assert "which are not the model's own mixture" in page.locator(".completions").inner_text()
    assert kept(page, "first") == "true"


def test_what_the_service_refuses_is_one_line(opened, address):
    view = shown(opened, address, faults_expected=True)
    refused = {"status": 422, "json": {"detail": "row 0: the model gives what is known there probability 0"}}
    view.route("**/complete", lambda route: route.fulfill(**refused))
    drag(view, (0, 0), (0, 3))
    line = view.locator(".completions [role=alert]")
    line.wait_for(state="visible")
    assert line.inner_text() == "row 0: the model gives what is known there probability 0"
    view.unroute("**/complete")
    drag(view, (1, 0), (1, 3))
    line.wait_for(state="hidden")


def test_the_last_question_works_as_it_stands(opened, address, pictures):
    page = shown(opened, address, permissions=["clipboard-read", "clipboard-write"])
    drag(page, (0, 0), (0, 1))
    settled(page)
    found = {}
    for kind in ("Python", "curl"):
        page.get_by_role("button", name=f"Copy as {kind}").click()
        reads(page, "#last", f"copied as {kind}")
        program = page.evaluate("navigator.clipboard.readText()")
        command = [sys.executable, "-c", program] if kind == "Python" else ["sh", "-c", program]
        if kind == "Python" or shutil.which("curl"):
            found[kind] = json.loads(
                subprocess.run(command, check=True, capture_output=True, text=True).stdout
            )
    call = page.locator("#last code").inner_text()
    assert call.startswith("model.complete([[{0: 1, 1: 1}.get(d) for d in range(64)]], number=6")
    answer = eval(call, {"model": made.load(pictures["digits"])})
    for own in found.values():
        assert [list(row.values()) for row in own["rows"]] == answer.values[0].tolist()
        assert own["log_prob"] == pytest.approx(answer.log_prob)


def test_the_map_is_read_by_keys_in_the_drawing(view):
    canvas_of(view).focus()
    view.keyboard.press("ArrowDown")
    view.keyboard.press("ArrowRight")
    read = view.locator(".surprise .image-where").inner_text()
    assert re.fullmatch(r"row 2, column 2: (ink|background), [\d.]+ nats, p .*%", read)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_is_accessible_and_fits(opened, address, scheme, width, serious_faults):
    page = shown(opened, address, color_scheme=scheme, viewport={"width": width, "height": 900})
    drag(page, (0, 1), (0, 6))
    settled(page)
    page.get_by_role("button", name="Draw one").click()
    page.get_by_role("button", name="Pause").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious_faults(page) == []
