"""What somebody sees who draws on the page, drops files on it, or only has a keyboard."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import prepare
from hypothesis import given, settings
from hypothesis import strategies as st
from known_programs import DATA
from parts.browsers import CHROMIUM, load, opened, visited

from tinyzip.archive import pack, read, write
from tinyzip.exchange import page as pages
from tinyzip.nn.models import student_net
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import calibrate

EXAMPLES = Path(__file__).parents[3] / "examples"

MODEL = EXAMPLES / "models" / "drawn.tz"
needs_browser = pytest.mark.needs("playwright", CHROMIUM)
# Strokes through points of the unit square, not those of the page's own examples.
STROKES = {
    "0": [
        [(0.5, 0.1), (0.3, 0.25), (0.25, 0.5), (0.35, 0.8), (0.5, 0.9), (0.7, 0.75), (0.72, 0.4), (0.5, 0.1)]
    ],
    "1": [[(0.52, 0.1), (0.48, 0.9)]],
    "2": [[(0.3, 0.3), (0.4, 0.12), (0.6, 0.12), (0.68, 0.3), (0.3, 0.85), (0.75, 0.85)]],
    "3": [[(0.3, 0.15), (0.6, 0.12), (0.65, 0.3), (0.45, 0.48), (0.68, 0.65), (0.6, 0.85), (0.3, 0.85)]],
    "4": [[(0.35, 0.1), (0.25, 0.5), (0.75, 0.5)], [(0.62, 0.1), (0.6, 0.9)]],
    "5": [[(0.7, 0.12), (0.35, 0.12), (0.32, 0.45), (0.6, 0.45), (0.68, 0.65), (0.55, 0.88), (0.28, 0.85)]],
    "6": [[(0.6, 0.1), (0.35, 0.4), (0.32, 0.75), (0.5, 0.9), (0.66, 0.75), (0.6, 0.58), (0.36, 0.66)]],
    "7": [[(0.25, 0.15), (0.72, 0.15), (0.45, 0.9)]],
    "8": [
        [
            (0.6, 0.2),
            (0.42, 0.12),
            (0.36, 0.3),
            (0.64, 0.65),
            (0.5, 0.88),
            (0.36, 0.7),
            (0.62, 0.32),
            (0.6, 0.2),
        ]
    ],
    "9": [[(0.66, 0.2), (0.42, 0.15), (0.36, 0.38), (0.5, 0.48), (0.66, 0.25), (0.62, 0.9)]],
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    file = tmp_path_factory.mktemp("page") / "page.html"
    pages.write(MODEL, file)
    with opened(file, has_touch=True, viewport={"width": 390, "height": 844}) as page:
        yield page


@pytest.fixture
def clean(page: Any) -> Any:
    """The page with its model, nothing drawn, scrolled to the top."""
    load(page, MODEL.read_bytes())
    page.keyboard.press("Escape")
    page.evaluate("() => scrollTo(0, 0)")
    return page


def says(page: Any) -> str:
    return page.locator("#says").inner_text()


def draw(page: Any, digit: str) -> None:
    box = page.locator("#pad").bounding_box()
    for stroke in STROKES[digit]:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=5)
        page.mouse.up()


@needs_browser
@pytest.mark.parametrize("digit", STROKES)
def test_a_digit_drawn_with_the_mouse_is_read(clean, digit) -> None:
    draw(clean, digit)
    size = f"{MODEL.stat().st_size:,} bytes"
    assert re.fullmatch(rf"I read {digit}: \d+ % sure, with {size}\.", says(clean))
    percents = [int(text.split()[-2]) for text in clean.locator("#bars button").all_inner_texts()]
    assert len(percents) == 10 and 90 <= sum(percents) <= 100
    assert percents.index(max(percents)) == int(digit)
    assert clean.locator(".best b").inner_text() == digit


@needs_browser
def test_every_layer_is_shown_and_what_the_network_sees(clean) -> None:
    draw(clean, "3")
    names = clean.locator("#layers small").all_inner_texts()
    assert names == [
        "What the network sees, 1 × 28 × 28",
        *(
            f"{operator.name} {operator.kind}, {' × '.join(map(str, shape))}"
            for operator, shape in zip(read(MODEL).operators, read(MODEL).shapes[1:], strict=True)
            if operator.kind not in ("Flatten", "Argmax")
        ),
    ]
    inked = (
        "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(v => v)"
    )
    assert clean.locator("#layers canvas").first.evaluate(inked)


@needs_browser
def test_an_empty_board_says_so_and_escape_and_the_button_clear_it(clean) -> None:
    nothing = "I see nothing yet."
    assert says(clean) == nothing
    for clear in (lambda: clean.keyboard.press("Escape"), lambda: clean.locator("#clear").click()):
        draw(clean, "7")
        assert says(clean).startswith("I read 7")
        clear()
        assert says(clean) == nothing
        assert {text.split()[-2] for text in clean.locator("#bars button").all_inner_texts()} == {"0"}


@needs_browser
@pytest.mark.parametrize("digit", STROKES)
def test_a_key_or_a_button_draws_an_example_that_is_read(clean, digit) -> None:
    clean.keyboard.press(digit)
    assert says(clean).startswith(f"I read {digit}:")
    clean.keyboard.press("Escape")
    clean.locator("#bars button").nth(int(digit)).press("Enter")
    assert says(clean).startswith(f"I read {digit}:")


@needs_browser
def test_a_finger_draws_and_the_page_stays_where_it_is(clean) -> None:
    touch = clean.context.new_cdp_session(clean)
    box = clean.locator("#pad").bounding_box()
    for stroke in STROKES["7"]:
        points = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in stroke]
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points[:1]})
        for start, end in pairwise(points):
            for t in np.linspace(0, 1, 6)[1:].tolist():
                point = {axis: start[axis] * (1 - t) + end[axis] * t for axis in "xy"}
                touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert says(clean).startswith("I read 7")
    assert clean.evaluate("() => document.documentElement.scrollHeight > innerHeight && scrollY") == 0


@needs_browser
def test_everything_has_a_name_and_a_keyboard_reaches_all_that_can_be_done(clean) -> None:
    clean.keyboard.press("3")
    unnamed = """() => [...document.querySelectorAll("canvas")].filter(canvas =>
        !canvas.ariaLabel && !canvas.closest("[role=img][aria-label]")).length"""
    assert clean.evaluate(unnamed) == 0
    assert clean.locator("[aria-live=polite]").inner_text().startswith("I read")
    clean.evaluate("() => document.activeElement.blur()")
    reached = set()
    for _ in range(20):
        clean.keyboard.press("Tab")
        reached.add(clean.evaluate("() => document.activeElement.id || document.activeElement.title"))
    assert reached >= {"pad", "clear", "file", *(f"draw a {digit}" for digit in range(10))}


DROP = """([name, codes]) => {
  const files = new DataTransfer();
  files.items.add(new File([Uint8Array.from(codes)], name));
  for (const type of ["dragover", "drop"]) {
    const options = { dataTransfer: files, bubbles: true, cancelable: true };
    document.body.dispatchEvent(new DragEvent(type, options));
  }
}"""


@needs_browser
def test_a_dropped_file_replaces_the_model_and_a_wrong_one_gives_a_sentence(clean) -> None:
    clean.keyboard.press("3")
    other = pack(lower_of(4))
    clean.evaluate(DROP, ["other.tz", list(other)])
    clean.wait_for_function(f"() => document.getElementById('says').textContent.includes('{len(other):,}')")
    wrong = "<b>&picture.png"
    clean.evaluate(DROP, [wrong, list(b"\x89PNG\r\n\x1a\n")])
    clean.wait_for_function("() => document.getElementById('says').textContent.includes('is not read')")
    assert says(clean) == f"{wrong} is not read: found another start, needed the mark of a .tz file."
    clean.keyboard.press("3")
    assert f"{len(other):,} bytes" in says(clean)


@needs_browser
def test_a_file_can_be_opened_without_a_mouse(clean, tmp_path) -> None:
    write(lower_of(2), tmp_path / "two.tz")
    clean.locator("#file").set_input_files(tmp_path / "two.tz")
    clean.keyboard.press("3")
    told = f"{(tmp_path / 'two.tz').stat().st_size:,} bytes"
    clean.wait_for_function(f"() => document.getElementById('says').textContent.includes('{told}')")
    assert told in says(clean)


@needs_browser
def test_a_program_that_reads_no_digits_says_so_and_runs_all_the_same(clean) -> None:
    load(clean, (DATA / "version2-kinds.tz").read_bytes())
    assert says(clean) == "This program reads no drawings: tinyzip.run(codes) runs it, on 2 × 7 × 6 codes."
    assert len(clean.evaluate("() => tinyzip.run(new Uint8Array(84))")) == 1
    clean.keyboard.press("3")
    assert "no drawings" in says(clean)


def lower_of(bits: int) -> Any:
    """A student that has learned nothing, with weights of so many bits."""
    model = student_net(np.random.default_rng(0))
    images = np.random.default_rng(1).integers(0, 256, (50, 28, 28), dtype=np.uint8)
    return lower(model, calibrate(model, images, weights=bits, activations=8))


@needs_browser
def test_a_slider_goes_from_many_bits_to_few_and_names_are_only_text(page, tmp_path) -> None:
    models = []
    for bits in (2, 8, 4):
        models.append(tmp_path / f"{bits}<img src=x onerror=alert(1)><!--<script>.tz")
        write(lower_of(bits), models[-1])
    pages.write(models, tmp_path / "page.html")
    with visited(page.context.browser, tmp_path / "page.html") as page:
        page.locator("#slider").focus()
        for bits in (8, 4, 2):
            model = next(model for model in models if model.name.startswith(str(bits)))
            assert page.locator("#bits").inner_text() == (
                f"{bits} bits, {model.stat().st_size:,} bytes {model.name}"
            )
            page.keyboard.press("ArrowRight")
        assert page.locator("img, script").count() == 2


@needs_browser
@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_a_drawing_is_prepared_as_the_example_prepares_its_test_digits(page, seed) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 60, 2)
    ink = np.zeros((height, width), np.uint8)
    top, left = rng.integers(0, height), rng.integers(0, width)
    part = ink[top : rng.integers(top, height) + 1, left : rng.integers(left, width) + 1]
    part[...] = rng.integers(0, 256, part.shape) * (rng.random(part.shape) < rng.random())
    pixels = page.evaluate(
        "([ink, width]) => [...tinyzip.prepare(ink, width)]", [ink.ravel().tolist(), int(width)]
    )
    assert pixels == prepare(ink).ravel().tolist()


def test_where_a_drawing_lies_and_how_large_it_is_makes_no_difference() -> None:
    ink = np.zeros((30, 30), np.uint8)
    ink[5:25, 8:12] = 255
    ink[22:25, 8:20] = 255
    small = prepare(ink)
    assert (prepare(np.pad(ink, ((3, 40), (17, 2)))) == small).all()
    assert (prepare(np.kron(ink, np.ones((7, 7), np.uint8))) == small).all()
    assert np.ptp(np.flatnonzero(small.any(1))) == 19
    assert not prepare(np.zeros((5, 5), np.uint8)).any()
    rows, columns = (np.arange(28) @ small.sum(axis) / small.sum() for axis in (1, 0))
    assert abs(rows - 14) <= 0.5 and abs(columns - 14) <= 0.5
