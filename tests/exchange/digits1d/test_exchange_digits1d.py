"""A network that has learned digits of one row, in every form: the codes of all 1,000 test examples."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_compiled import check_equal
from numpy.typing import NDArray
from onnx_sessions import traced as traced_by_onnx
from parts.browsers import CHROMIUM, bytes_of, opened
from parts.browsers import traced as traced_by_page

from tinyzip import archive
from tinyzip.exchange import page
from tinyzip.integer import Program, run
from tinyzip.nn.models import student_net
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.train.data import to_input
from tinyzip.train.digits1d import digits1d
from tinyzip.train.fit import fit
from tinyzip.train.optim import one_cycle

Array = NDArray[Any]


@pytest.fixture(scope="module")
def learned() -> tuple[Program, Array, Array]:
    """A program, the codes of the test examples, and their labels."""
    train, test = digits1d(0)
    rng = np.random.default_rng(0)
    start = student_net(rng, (1, 1, 40))
    how = {"epochs": 20, "batch": 32, "schedule": one_cycle(0.02), "threads": 1, "progress": False}
    model, _ = fit(start, train.images, train.labels, rng=rng, **how)
    grids = calibrate(model, train.images[:1000])
    return lower(model, grids), grids["input"].quantize(to_input(test.images)), test.labels


def test_it_has_learned_and_a_file_keeps_it(learned, tmp_path: Path) -> None:
    program, x, labels = learned
    assert x.shape == (1, 1, 40, 1000)
    assert (run(program, x).argmax(axis=0) == labels).mean() > 0.85
    archive.write(program, tmp_path / "row.tz")
    kept = archive.read(tmp_path / "row.tz")
    assert kept == program
    for code, again in zip(run(program, x, trace=True), run(kept, x, trace=True), strict=True):
        np.testing.assert_array_equal(code, again)


@pytest.mark.needs("gcc")
def test_in_c_no_code_differs(learned) -> None:
    program, x, _ = learned
    check_equal([program], [x], "gcc", "-O2")


@pytest.mark.needs("onnx", "onnxruntime")
def test_in_onnx_no_code_differs(learned) -> None:
    program, x, _ = learned
    for found, expected in zip(traced_by_onnx(program, x, True), run(program, x, trace=True), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.needs("playwright", CHROMIUM)
def test_on_a_page_no_code_differs(learned, tmp_path: Path) -> None:
    program, x, _ = learned
    (tmp_path / "page.html").write_text(page.source(), encoding="utf-8")
    with opened(tmp_path / "page.html") as seen:
        assert traced_by_page(seen, program, x) == bytes_of(run(program, x, trace=True))


@pytest.mark.needs("playwright", CHROMIUM)
def test_on_a_page_the_row_is_a_curve_to_draw_on_and_all_examples_are_read(learned, tmp_path) -> None:
    page.write(learned[0], tmp_path / "page.html")
    with opened(tmp_path / "page.html") as seen:
        says = seen.locator("#says")
        assert says.inner_text() == "I see nothing yet."
        for digit in "0123456789":
            seen.keyboard.press(digit)
            assert says.inner_text().startswith(f"I read {digit}:")
        seen.keyboard.press("Escape")
        assert says.inner_text() == "I see nothing yet."
        seen.locator("#bars button").nth(7).click()
        assert says.inner_text().startswith("I read 7:")
        before, box = shown(seen), seen.locator("#pad").bounding_box()
        assert len(before) == 40
        x, y = (box["x"] + box["width"] * np.array([0.999, 0.5])), box["y"] + 0.25 * box["height"]
        seen.mouse.move(x[0], y)
        seen.mouse.down()
        seen.mouse.move(x[1], y, steps=3)
        seen.mouse.up()
        after = shown(seen)
        assert after[:20] == before[:20]
        assert all(abs(code - 0.75 * 255) <= 3 for code in after[20:])
        seen.keyboard.press("7")
        assert shown(seen) == before


def shown(seen: Any) -> list[int]:
    """The row that the network sees, as ink from 0 to 255."""
    script = "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, 1).data]"
    return seen.locator("#layers canvas").first.evaluate(script)[3::4]
