"""A program as a page: does every code agree, and how large is it?

    python examples/engines/export_page.py               the digits' reader of examples/models
    python examples/engines/export_page.py FILE.tz ...   programs from files, for images of MNIST

Each page is opened in a real browser without a network. All 10,000 test images go through it and through
the engine, and the codes that differ are counted: those of every operator for the first thousand, those of
the last for all. Needs Playwright and Chromium.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from drawn import codes_of
from numpy.typing import NDArray
from parts import browsers

from tinyzip import archive
from tinyzip.base.table import aligned
from tinyzip.exchange import page
from tinyzip.integer import Program, run
from tinyzip.train.data import mnist

DATA = Path(__file__).parents[1] / "data" / "mnist"
MODEL = Path(__file__).parents[1] / "models" / "drawn.tz"
TRACED = 1000
WINDOW = {"width": 760, "height": 900}


def compared(opened: Any, program: Program, codes: NDArray[Any], last: bool) -> tuple[str, str, str]:
    """How many images and codes were compared, and how many codes differ."""
    outputs = run(program, codes, trace=True)
    expected = np.frombuffer(browsers.bytes_of(outputs[-1:] if last else outputs), np.uint8)
    found = np.frombuffer(browsers.traced(opened, program, codes, last), np.uint8)
    return f"{codes.shape[-1]:,}", f"{expected.size:,}", f"{(found != expected).sum():,}"


def draw_three(opened: Any) -> None:
    """A 3 of two arcs, with the mouse."""
    box = opened.locator("#pad").bounding_box()
    turns = np.linspace(-0.85, 0.5, 20) * np.pi
    x = np.concatenate([0.48 + 0.17 * np.cos(turns), 0.46 + 0.21 * np.cos(-turns[::-1])])
    y = np.concatenate([0.3 + 0.17 * np.sin(turns), 0.68 + 0.21 * np.sin(-turns[::-1])])
    opened.mouse.move(box["x"] + x[0] * box["width"], box["y"] + y[0] * box["height"])
    opened.mouse.down()
    for right, down in zip(x[1:], y[1:], strict=True):
        opened.mouse.move(box["x"] + right * box["width"], box["y"] + down * box["height"])
    opened.mouse.up()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", default=[MODEL], type=Path, metavar="FILE", help="programs")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with four IDX files")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="where to put a picture of the last page")
    args = parser.parse_args()
    test = mnist(args.data)[1]
    rows = [("page of", "bytes", "without the model", "operators", "images", "codes", "differ")]
    with tempfile.TemporaryDirectory() as folder:
        for file in args.files:
            program, path = archive.read(file), Path(folder) / "page.html"
            sizes = f"{page.write(file, path):,}", f"{len(page.source().encode()):,}"
            codes = codes_of(program, test.images)
            with browsers.opened(path, viewport=WINDOW) as opened:
                for name, part, last in (("all", codes[..., :TRACED], False), ("the last", codes, True)):
                    rows.append((file.name, *sizes, name, *compared(opened, program, part, last)))
                if args.picture:
                    draw_three(opened)
                    opened.screenshot(path=args.picture, full_page=True)
    print(aligned(rows, words=(0, 3)))


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"export_page: {error}")
