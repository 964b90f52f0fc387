"""The page on a phone on its side, under other keys and buttons, strict policies, and without scripts."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parts.browsers import CHROMIUM, opened, visited

from tinyzip.archive import write
from tinyzip.exchange import page as pages
from tinyzip.nn.models import student_net
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import calibrate

MODEL = Path(__file__).parents[3] / "examples" / "models" / "drawn.tz"
needs_browser = pytest.mark.needs("playwright", CHROMIUM)
NOTHING = "I see nothing yet."
INK = """() => {
  const pad = document.getElementById("pad");
  return pad.getContext("2d").getImageData(0, 0, pad.width, pad.height).data.reduce((sum, v) => sum + v, 0);
}"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "page.html"
    pages.write(MODEL, file)
    return file


@pytest.fixture(scope="module")
def lying(file: Path) -> Iterator[Any]:
    """The page on a phone in landscape."""
    with opened(file, has_touch=True, viewport={"width": 667, "height": 375}) as page:
        yield page


@pytest.fixture
def clean(lying: Any) -> Any:
    lying.keyboard.press("Escape")
    lying.evaluate("() => scrollTo(0, 0)")
    return lying


def says(page: Any) -> str:
    return page.locator("#says").inner_text()


def stroke(page: Any, *points: tuple[float, float], button: str = "left", lift: bool = True) -> None:
    """A line through points of the unit square."""
    box = page.locator("#pad").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down(button=button)
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    if lift:
        page.mouse.up(button=button)


@needs_browser
@pytest.mark.parametrize("width, height", [(667, 375), (568, 320), (844, 390), (915, 412)])
def test_in_landscape_the_answer_is_beside_the_board_and_all_is_seen_without_scrolling(
    lying, file, width, height
) -> None:
    with visited(lying.context.browser, file, viewport={"width": width, "height": height}) as page:
        page.keyboard.press("3")
        board, *others = (page.locator(name).bounding_box() for name in ("#pad", "#says", "#bars", "#clear"))
        for box in (board, *others):
            assert box["x"] >= 0 and box["x"] + box["width"] <= width
            assert box["y"] >= 0 and box["y"] + box["height"] <= height
        assert others[0]["x"] >= board["x"] + board["width"]
        assert abs(board["width"] - board["height"]) < 1 and board["height"] > 0.55 * height


@needs_browser
def test_a_swipe_scrolls_beside_the_board_and_draws_on_it(clean) -> None:
    touch = clean.context.new_cdp_session(clean)
    for name in ("#pad", "#bars"):
        box = clean.locator(name).bounding_box()
        x, bottom = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.9
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": bottom}]})
        for y in np.linspace(bottom, bottom - 150, 15).tolist():
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y}]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        if name == "#pad":
            assert clean.evaluate("() => scrollY") == 0
            assert clean.evaluate(INK) > 0
    clean.wait_for_function("() => scrollY > 0")
    assert says(clean).startswith("I read ")


@needs_browser
@pytest.mark.parametrize("held", ["Control", "Meta", "Alt"])
def test_keys_of_the_browser_draw_nothing(clean, held) -> None:
    before = clean.evaluate(INK)
    for key in ("0", "2"):
        clean.keyboard.press(f"{held}+{key}")
        assert says(clean) == NOTHING and clean.evaluate(INK) == before
    clean.keyboard.press("2")
    assert says(clean).startswith("I read 2")


@needs_browser
def test_only_the_primary_button_draws(clean) -> None:
    for button in ("right", "middle"):
        stroke(clean, (0.5, 0.1), (0.5, 0.9), button=button)
        assert says(clean) == NOTHING and clean.evaluate(INK) == 0
    stroke(clean, (0.5, 0.1), (0.5, 0.9))
    assert says(clean).startswith("I read ") and clean.evaluate(INK) > 0


@needs_browser
def test_undo_takes_back_a_stroke_an_example_and_a_cleared_board(clean) -> None:
    boards = [clean.evaluate(INK)]
    steps = (
        lambda: stroke(clean, (0.3, 0.1), (0.3, 0.9)),
        lambda: stroke(clean, (0.3, 0.5), (0.7, 0.5)),
        lambda: clean.keyboard.press("5"),
        lambda: clean.locator("#clear").click(),
        lambda: stroke(clean, (0.5, 0.1), (0.5, 0.9)),
    )
    sentences = [says(clean)]
    for step in steps:
        step()
        boards.append(clean.evaluate(INK))
        sentences.append(says(clean))
    assert len(set(boards)) == len(boards) - 1
    for k, ink in enumerate(boards[-2::-1]):
        clean.keyboard.press("Control+z") if k % 2 else clean.locator("#undo").click()
        assert (clean.evaluate(INK), says(clean)) == (ink, sentences[-2 - k])


@needs_browser
def test_a_row_of_numbers_can_be_taken_back(lying, file, tmp_path) -> None:
    model = student_net(np.random.default_rng(0), (1, 1, 40))
    rows = np.random.default_rng(1).random((50, 1, 1, 40), np.float32)
    write(lower(model, calibrate(model, rows)), tmp_path / "row.tz")
    pages.write(tmp_path / "row.tz", tmp_path / "row.html")
    with visited(lying.context.browser, tmp_path / "row.html") as page:
        page.keyboard.press("3")
        three, said = page.evaluate(INK), says(page)
        page.keyboard.press("4")
        assert page.evaluate(INK) != three
        page.locator("#undo").click()
        assert (page.evaluate(INK), says(page)) == (three, said)
        page.locator("#undo").click()
        page.locator("#undo").click()  # nothing is left
        assert says(page) == NOTHING


@needs_browser
def test_the_answer_follows_the_pen_before_it_is_lifted(clean) -> None:
    stroke(clean, (0.5, 0.1), (0.5, 0.9), lift=False)
    clean.wait_for_function("() => document.getElementById('says').textContent.startsWith('I read 1')")
    clean.mouse.up()
    assert says(clean).startswith("I read 1")


@needs_browser
def test_a_slow_program_says_that_it_waits_for_the_pen(lying, file) -> None:
    with visited(lying.context.browser, file) as page:
        page.evaluate("() => { let t = 0; performance.now = () => (t += 1000); }")
        page.keyboard.press("Escape")
        stroke(page, (0.5, 0.1), (0.5, 0.9), lift=False)
        assert says(page) == "I read it when the pen is lifted."
        page.mouse.up()
        assert says(page).startswith("I read 1")


def served(browser: Any, file: Path, policy: str) -> Any:
    """The page as a site with this policy sends it."""
    page = browser.new_context(offline=True).new_page()
    headers = {"Content-Security-Policy": policy, "Content-Type": "text/html; charset=utf-8"}
    page.route("**/*", lambda route: route.fulfill(body=file.read_bytes(), headers=headers))
    page.goto("http://digits.test/")
    return page


@needs_browser
def test_under_a_strict_policy_with_its_hashes_the_page_works(lying, file) -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', file.read_text(encoding="utf-8"))
    assert "unsafe" not in policy and policy.startswith("default-src 'none'")
    page = served(lying.context.browser, file, policy)
    page.keyboard.press("3")
    assert says(page).startswith("I read 3")
    assert page.locator(".best i").evaluate("bar => bar.offsetWidth") > 20  # widths are set by the script
    assert page.locator("main").evaluate("main => getComputedStyle(main).display") == "grid"
    page.context.close()


@needs_browser
def test_under_a_policy_without_them_it_says_so(lying, file) -> None:
    page = served(lying.context.browser, file, "default-src 'self'")
    assert "Content-Security-Policy forbids" in says(page)
    assert page.locator("#says").is_visible()
    page.context.close()


@needs_browser
def test_no_script_but_the_page_s_own_runs_in_it(lying, file) -> None:
    page = lying.context.browser.new_context(offline=True).new_page()
    page.goto(file.as_uri())
    add = """() => document.body.append(
        Object.assign(document.createElement("script"), { textContent: "window.foreign = 1" }))"""
    page.evaluate(add)
    assert page.evaluate("() => window.foreign") is None
    page.context.close()


@needs_browser
def test_without_scripts_it_says_so(lying, file) -> None:
    with visited(lying.context.browser, file, java_script_enabled=False) as page:
        assert "JavaScript, which is switched off" in page.locator("noscript").inner_text()
        assert page.locator("noscript").is_visible()
