"""Depth: a page for a browser: a program that runs wherever somebody opens a file.

    page.write("student.tz", "digits.html")
    page.write(["eight.tz", "four.tz", "one.tz"], "digits.html")

The page is one file, which asks for no other and works offline. What it holds of a model are the bytes of its
.tz file. They are decoded in the page, by a second reader of the format that was written from its description
alone, and run by integer arithmetic in JavaScript. One draws a digit there and sees the maps and the answer.

JavaScript has no int64: all numbers are float64 and hold whole numbers up to 2⁵³, while acc·m0 may have 62
bits. So products are split in two halves of 16 bits of m0:

    acc·m0 = 2¹⁶·h + l,   h = acc·⌊m0/2¹⁶⌋ + ⌊acc·(m0 mod 2¹⁶)/2¹⁶⌋,   0 ≤ l < 2¹⁶               (PG1)

with |acc| ≤ 2³¹ no part passes 2⁴⁸, and ⌊(acc·m0 + 2ⁿ⁻¹)/2ⁿ⌋ needs h alone where n > 16, else a shifted h and
l. From this follow all roundings of `fixedpoint` but `float32`, for which Math.fround is (F10) itself.

The sources are beside this file, and are put together as they are: page.html is the frame and style.css how
it looks; coder.js, weights.js, program.js and archive.js make a program of a file; arithmetic.js and
integer.js are the engine; prepare.js makes of a drawing what MNIST's digits are; app.js is what people see.

A Content-Security-Policy in the page allows its own script and style, by their hashes, and nothing else. A
site with a strict policy of its own has to allow the same hashes.
"""

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from math import prod
from os import PathLike, fspath
from pathlib import PurePath
from typing import Any

from tinyzip.archive.format import pack, read_bytes, unpack
from tinyzip.base.files import check_path, write_atomically
from tinyzip.base.refuse import refuse, said
from tinyzip.integer.operators import GlobalAvgPool, Operator, Pool, Weighted
from tinyzip.integer.program import Program

Model = Program | str | PathLike[str]
SCRIPTS = ("coder", "weights", "program", "archive", "arithmetic", "integer", "prepare", "app")
LARGEST, MOST_WORK = 1 << 24, 1 << 31  # as in program.js


def write(models: Model | Sequence[Model], path: str | PathLike[str]) -> int:
    """Write the page of one model or several to a file, whole or not at all; the number of bytes written.

    models  programs, or .tz files; of several, the page has a slider, from those of many bits to those of few
    Raises TypeError for what is no model or no path; ValueError for a file that `archive.read` refuses, and
    for a program that is too large for a page; OSError where a file cannot be read or written.
    """
    check_path(path, "page: path")
    if isinstance(models, Sequence) and not models:
        refuse("page: models", "none", "a program, the path of a .tz file, or a list of these")
    data = source(models).encode()
    write_atomically(path, [data])
    return len(data)


def source(models: Model | Sequence[Model] = ()) -> str:
    """The page's source, of no model if none is given: then a file has to be opened in it."""
    several = [models] if isinstance(models, Program | str | PathLike) else models
    if not isinstance(several, Sequence):
        needed = "a program, the path of a .tz file, or a list of these"
        refuse("page: models", said(models), needed, TypeError)
    inlined = sorted(map(inline, several), key=lambda model: -model["bits"])
    folder = files("tinyzip.exchange.page")
    names = "page.html", "style.css", *(f"{script}.js" for script in SCRIPTS)
    frame, style, *scripts = ((folder / name).read_text(encoding="utf-8") for name in names)
    data = json.dumps(inlined).replace("<", "\\u003c")  # a name could end the script
    page = frame.replace("/* style.css */\n", style).replace("// scripts\n", "\n".join(scripts))
    for kind, element in (("style", "style"), ("script", 'script type="module"')):
        (text,) = re.findall(f"<{element}>(.*?)</{kind}>", page, re.DOTALL)
        allowed = b64encode(sha256(text.encode()).digest()).decode()
        page = page.replace(f"{kind}-src {kind}", f"{kind}-src 'sha256-{allowed}'", 1)
    return page.replace(">[]</script>", f">{data}</script>")


def inline(model: Model) -> dict[str, Any]:
    """A model as the page holds it: a name, the most bits of its weights, and its file in base64."""
    if isinstance(model, Program):
        name, data, program = "", pack(model), model
    elif isinstance(model, str | PathLike):
        name = PurePath(fspath(model)).name
        data = read_bytes(model)
        program = unpack(data, fspath(model))
    else:
        refuse("page: models", type(model).__name__, "programs, or paths of .tz files", TypeError)
    check_size(program, name or "page: models")
    bits = [operator.weight_bits for operator in program.operators if isinstance(operator, Weighted)]
    return {"name": name, "bits": max(bits, default=1), "tz": b64encode(data).decode()}


def check_size(program: Program, argument: str) -> None:
    """Refuse what the page would refuse: tensors and work that are too large for a browser."""
    largest = max(map(prod, program.shapes))
    if largest > LARGEST:
        refuse(argument, f"a tensor of {largest:,} values", f"{LARGEST:,} or fewer in a page")
    work = sum(map(work_of, program.operators, program.shapes, program.shapes[1:]))
    if work > MOST_WORK:
        refuse(argument, f"{work:,} products and comparisons", f"{MOST_WORK:,} or fewer in a page")


def work_of(operator: Operator, before: tuple[int, ...], after: tuple[int, ...]) -> int:
    """Products, comparisons and sums of one operator."""
    match operator:
        case Weighted():
            each = operator.w[0].size
        case Pool():
            each = prod(operator.kernel)
        case GlobalAvgPool():
            each = prod(before[1:])
        case _:
            each = 1
    return int(each) * prod(after)
