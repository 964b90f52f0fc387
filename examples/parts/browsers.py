"""Pages in a real browser, without a network: Chromium, driven by Playwright."""

import shutil
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.archive import pack
from tinyzip.integer import Program

CHROMIUM = "chromium|chromium-browser|google-chrome"
LOAD = "tz => tinyzip.load(Uint8Array.from(atob(tz), letter => letter.charCodeAt(0)))"
TRACE = """
([codes, size, last]) => {
  const bytes = Uint8Array.from(atob(codes), letter => letter.charCodeAt(0));
  const images = tinyzip.program().input.lo < 0 ? new Int8Array(bytes.buffer) : bytes;
  const found = [];
  for (let at = 0; at < images.length; at += size) {
    const outputs = tinyzip.trace(images.subarray(at, at + size));
    for (const y of last ? outputs.slice(-1) : outputs) for (const code of y) found.push(code & 255);
  }
  let letters = "";
  for (const code of found) letters += String.fromCharCode(code);
  return btoa(letters);
}
"""


def found() -> str:
    """Where Chromium is."""
    for name in CHROMIUM.split("|"):
        if path := shutil.which(name):
            return path
    raise FileNotFoundError(f"found none of {CHROMIUM.replace('|', ', ')}, needed one of these browsers")


@contextmanager
def launched() -> Iterator[Any]:
    """A browser that runs."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found(), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(file: Path, **options: Any) -> Iterator[Any]:
    """The page in this file, in a browser of its own; options are those of a browser's context."""
    with launched() as browser, visited(browser, file, **options) as page:
        yield page


@contextmanager
def visited(browser: Any, file: Path, **options: Any) -> Iterator[Any]:
    """The same in a browser that runs; fails at the end where anything went wrong, or a network was asked."""
    wrong: list[str] = []
    context = browser.new_context(offline=True, **options)
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: wrong.append(request.url) if request.url != file.as_uri() else None)
    page.goto(file.as_uri())
    yield page
    context.close()
    assert not wrong, wrong


def load(page: Any, program: Program | bytes) -> None:
    page.evaluate(LOAD, b64encode(pack(program) if isinstance(program, Program) else program).decode())


def bytes_of(outputs: list[NDArray[Any]]) -> bytes:
    """The codes of all outputs (…, N), example by example, each as a byte; of a class the lowest."""
    rows = [y.reshape(-1, y.shape[-1]).astype(np.int64).astype(np.uint8) for y in outputs]
    return np.concatenate(rows).T.tobytes()


def traced(page: Any, program: Program, x: NDArray[Any], last: bool = False) -> bytes:
    """What `bytes_of` gives of all outputs, or the last, of codes (…, N): but computed in the page."""
    load(page, program)
    codes = np.ascontiguousarray(np.moveaxis(x, -1, 0)).tobytes()
    size = int(np.prod(program.shape))
    return b64decode(page.evaluate(TRACE, [b64encode(codes).decode(), size, last]))
