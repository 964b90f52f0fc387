"""The reading order: what is read in an evening, and what in a week. It is written once, here.

README's table and the list in `tinyzip/__init__.py` are made of it. `test_reading.py` holds the rule that
makes it a way: a file on it imports only what is read before, so no reader meets what is new. All other files
are depth, and their first lines say so.

    python tests/reading.py           each file on the way, its lines, and what it imports
    python tests/reading.py --write   write both lists anew
"""

import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from textwrap import fill

sys.path.insert(0, str(Path(__file__).parent.parent))

from sources import FILES, PACKAGE, TESTS, own_imports

README, DOOR = TESTS.parent / "README.md", PACKAGE / "__init__.py"
BEGIN, END = "<!-- from here on written by tests/reading.py -->\n", "<!-- end -->\n"
DEPTH = "Depth: "
IN_ORDER, ALL_ELSE = "in this order.\n\n", "All else is depth"

Part = tuple[str, str]  # a folder and files of it, "nn/ops/ conv dense", and what one learns from them

EVENING: list[Part] = [
    ("base/ refuse windows", "how a convolution becomes a matrix product"),
    ("nn/ops/ checks patches conv dense pool norm", "each operation and its gradient, as on a blackboard"),
    ("nn/ layer layers", "the same with names and sizes, and no hidden state"),
    ("nn/ chain network losses", "a network: a chain, and one flat dict of arrays; what is minimised"),
    ("train/ images optim loop", "the step downhill, and the loop: a training on one page"),
    ("distill/ temperature", "what a teacher says that labels do not"),
    ("quant/grids/ grid textbook", "the formula that holds, and two that fail"),
    ("quant/training/ lsq", "rounding to a grid, and its gradients"),
    ("integer/ codes fixedpoint", "a real multiplier without a real number"),
    ("integer/ operators maps residuals layout bounds", "a network of integers; why nothing overflows"),
    ("integer/ softmax ops", "the engine on a page: every operator on codes"),
    ("archive/ coder", "a message as one large number"),
]

WEEK: list[Part] = [
    ("nn/ residual probe inspected", "blocks that add to their input; a look between two layers"),
    ("nn/ops/ activations", "more functions of one number, and their slopes"),
    ("base/ table", "columns that are aligned"),
    ("nn/ activations model", "the same as layers; what training needs to know of a network"),
    ("nn/ fold", "a network without batch norms"),
    ("train/ data pixels", "images and labels; their range of numbers"),
    ("distill/ losses features", "other words of a teacher: scale, layers"),
    ("quant/grids/ blocks fold equalize", "what shares a grid; the same network, easier to quantize"),
    ("quant/grids/ histogram ranges calibrate", "where a grid should begin and end, from data"),
    ("quant/grids/ lowbit", "one bit, and three values"),
    ("quant/rounding/ quadratic surgeon", "rounding and pruning for the output"),
    ("integer/ shapes table program", "a network of integers as data, checked when it is built"),
    ("quant/door/ lower", "the one door from float to integer"),
    ("integer/proof/ intervals", "which codes each channel can write, whatever goes in"),
    ("archive/ numbers neighbours bitwise tables weights", "weights as decisions, whose odds are learned"),
    ("base/ kinds files", "what kind of file it is; the one atomic writer"),
    ("archive/ fields records format", "a program as one message, and the file"),
]

FIRST = "Each file opens with a short lecture, and imports only what stands above it here."
REST = (
    "All else is depth, and its first line says so: what makes it fast, law by law (`nn/fast/choose.py`, "
    "`integer/fast/choose.py`); proofs about programs (`integer/proof/`); runs never lost (`train/run/`); "
    "`exchange/`, `cli/`, `machine/`; the course, `learn/`. `tests/reference.py` has it all once more, as "
    "loops over single numbers: *loops = printed = fast* is what the tests prove."
)


def files_of(part: Part) -> list[str]:
    """A part's files, each with its folder."""
    folder, *names = part[0].split()
    return [f"{folder}{name}.py" for name in names]


def order(parts: Sequence[Part]) -> list[str]:
    """The files of all parts, as they are read."""
    return [file for part in parts for file in files_of(part)]


def imported(file: str) -> list[str]:
    """What a file imports of this package; a folder is its `__init__.py`."""
    found = ("/".join(parts) for parts, _ in own_imports(PACKAGE / file) if parts)
    return list(dict.fromkeys(name if name.endswith(".py") else f"{name}/__init__.py" for name in found))


def length(file: str) -> int:
    return len((PACKAGE / file).read_text(encoding="utf-8").splitlines())


def counted(parts: Sequence[Part], to: int = 100) -> str:
    """How many files and lines parts have; lines to the nearest hundred, which stays true for a while."""
    files = order(parts)
    lines = to * round(sum(map(length, files)) / to)
    return f"{len(files)} files and {'about ' if to > 1 else ''}{lines:,} lines"


def table() -> str:
    """What README says of the way."""
    evening = f"In an evening: {counted(EVENING)}, with all that they import. {FIRST}"
    folders = groupby(WEEK, lambda part: part[0].split()[0])
    week = "; ".join(
        f"{folder} {', '.join(name for part in own for name in named(part))}" for folder, own in folders
    )
    more = f"In a week: {counted([*EVENING, *WEEK])}. Go on with {week}."
    head = ["", "| read | to learn |", "| --- | --- |"]
    return "\n".join([wrapped(evening), *head, *map(row, EVENING), "", wrapped(more), "", wrapped(REST), ""])


def wrapped(text: str) -> str:
    return fill(text, 118, break_long_words=False, break_on_hyphens=False)


def named(part: Part) -> list[str]:
    return [f"`{name}`" for name in part[0].split()[1:]]


def row(part: Part) -> str:
    return f"| {part[0].split()[0]} {', '.join(named(part))} | {part[1]} |"


def listed() -> str:
    """What the package's docstring says of it."""
    lines = ["    In an evening:", "", *map(line, EVENING), "", "    In a week:", "", *map(line, WEEK)]
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def line(part: Part) -> str:
    folder, *names = part[0].split()
    words = f"    {folder} {', '.join(names)}"
    gap = "\n" + " " * 40 if len(words) > 38 else " " * (40 - len(words))
    return f"{words}{gap}{part[1]}"


def readme() -> str:
    """README.md as it should be."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


def door() -> str:
    """tinyzip/__init__.py as it should be."""
    text = DOOR.read_text(encoding="utf-8")
    before, _, rest = text.partition(IN_ORDER)
    return before + IN_ORDER + listed() + "\n" + rest[rest.index(ALL_ELSE) :]


def report() -> str:
    """A line for each file on the way: its lines, and what it imports."""
    rows = []
    for name, parts in (("evening", EVENING), ("week", WEEK)):
        for file in order(parts):
            rows.append(f"{name:8} {length(file):4} {file}: {', '.join(imported(file)) or 'nothing'}")
    rows.append(
        f"evening: {counted(EVENING, 1)}; week: {counted([*EVENING, *WEEK], 1)}; all: {len(FILES)} files"
    )
    return "\n".join(rows)


if __name__ == "__main__":
    if "--write" in sys.argv:
        README.write_text(readme(), encoding="utf-8")
        DOOR.write_text(door(), encoding="utf-8")
    else:
        print(report())
