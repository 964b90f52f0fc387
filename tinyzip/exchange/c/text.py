"""Depth: C as text: names that C can hold, indices, loops, functions, arrays.

A program's names are data from anywhere, and what is written here is compiled. So nothing of a name reaches
the C but ASCII letters, digits and underscores: no quote, no end of a comment, no backslash, no `??/` that an
old compiler reads as one, no letter that only looks like another.

Text is a list of lines. What a person would leave out is left out: a loop over one thing, a sum with 0, a
product with 1, a variable that nobody uses.
"""

import re
from collections.abc import Iterable, Sequence
from importlib.resources import files

from tinyzip.integer.codes import Array
from tinyzip.integer.program import Program

Lines = list[str]
Axis = tuple[str, int]  # a variable, or what stands for one, and how many values it takes
WIDTH = 100
LONGEST_NAME = 40


def identifiers(program: Program) -> list[str]:
    """A name in C for each operator, no two alike: its own as far as C can hold it, else its kind and number.

    In the file each stands before a suffix with one underscore, as in conv1_w, and no name of the file's own
    ends in such a suffix. So none is a keyword or meets another.
    """
    names: list[str] = []
    for i, operator in enumerate(program.operators):
        name = re.sub(r"[^a-z0-9]+", "_", operator.name, flags=re.IGNORECASE | re.ASCII)
        name = name[:LONGEST_NAME].strip("_")
        if not name or name[0].isdigit():
            name = f"{operator.kind.lower()}{i}_{name}".rstrip("_")
        while name in names:
            name += f"_{i}"
        names.append(name)
    return names


def text_of(name: str, **words: object) -> str:
    """What is the same for all programs: the C file of this name beside this one, words in it replaced.

    All at once, since a prefix may itself be such a word.
    """
    text = (files("tinyzip.exchange.c") / name).read_text(encoding="utf-8")
    longest_first = "|".join(sorted(words, key=len, reverse=True)) or "$^"
    return re.sub(longest_first, lambda found: str(words[found[0]]), text)


def comment(*paragraphs: str) -> Lines:
    """A comment, its lines broken where they are too long; a paragraph that is indented stays as it is."""
    lines: Lines = []
    for paragraph in paragraphs:
        words = [paragraph] if paragraph.startswith(" ") else paragraph.split()
        line = ""
        for word in words:
            if line and len(line) + len(word) + 4 > WIDTH:
                lines.append(line)
                line = ""
            line = f"{line} {word}" if line else word
        lines.append(line)
    lines = [re.sub(r"[^ -~]|\\", "_", line).replace("*/", "*_").replace("/*", "/_") for line in lines]
    lines = [line.replace("??", "?_") for line in lines]
    if len(lines) == 1:
        return [f"/* {lines[0]} */"]
    return [f"/* {lines[0]}", *(f" * {line}".rstrip() for line in lines[1:]), " */"]


def index(*axes: Axis) -> str:
    """The place of (a, b, c) in an array of shape (A, B, C): (a * B + b) * C + c."""
    text = ""
    for term, length in axes:
        if length == 1:
            continue
        if text:
            text = f"({text}) * {length}" if " + " in text else f"{text} * {length}"
        if term != "0":
            term = f"({term})" if " % " in term and text == "" else term
            text = f"{text} + {term}" if text else term
    return text or "0"


def affine(*terms: tuple[str, int, int], plus: int = 0) -> str:
    """Σ factor·variable + plus; terms: variable, factor, and how many values the variable takes."""
    parts = [name if factor == 1 else f"{factor} * {name}" for name, factor, length in terms if length > 1]
    text = " + ".join(parts)
    if plus and text:
        return f"{text} {'+' if plus > 0 else '-'} {abs(plus)}"
    return text or str(plus)


def indented(lines: Iterable[str]) -> Lines:
    return [f"    {line}" if line else line for line in lines]


def block(head: str, *parts: Sequence[str]) -> Lines:
    """`head` and what it governs; braces where that is more than a line."""
    lines = [line for part in parts for line in part]
    return [head, *indented(lines)] if len(lines) == 1 else [f"{head} {{", *indented(lines), "}"]


def loops(axes: Sequence[Axis], *parts: Sequence[str]) -> Lines:
    """Loops inside each other around the parts; none over an axis of length 1, whose variable is not used."""
    lines = [line for part in parts for line in part]
    for variable, length in reversed(axes):
        if length > 1:
            lines = block(f"for (int {variable} = 0; {variable} < {length}; {variable}++)", lines)
    return lines


def uses(lines: Sequence[str], name: str) -> bool:
    """Whether the name stands in the lines."""
    return any(re.search(rf"\b{name}\b", line) for line in lines)


def let(name: str, value: str, *parts: Sequence[str]) -> Lines:
    """The parts below a constant, an int; without it where none of them uses it."""
    lines = [line for part in parts for line in part]
    return [f"const int {name} = {value};", *lines] if uses(lines, name) else lines


def function(head: str, parameters: Sequence[str], *parts: Sequence[str]) -> tuple[Lines, str]:
    """A function, and its call: `head` ends in its name, and it takes of the whole numbers what it uses."""
    lines = [line for part in parts for line in part]
    taken = [name for name in parameters if uses(lines, name)]
    declared = ", ".join(f"int {name}" for name in taken) or "void"
    text = [f"static {head}({declared})", "{", *indented(lines), "}"]
    return text, f"{head.split()[-1]}({', '.join(taken)})"


def with_row(call: str, row: str) -> str:
    """A call with another row in the place of oh."""
    return re.sub(r"\boh\b", row, call)


def array(ctype: str, name: str, values: Array, flash: str) -> Lines:
    """A constant array with its numbers."""
    lines, line = [], "   "
    for word in (f" {value}," for value in values.ravel().tolist()):
        if len(line) + len(word) > WIDTH:
            lines.append(line)
            line = "   "
        line += word
    return [" ".join(f"static const {ctype} {name}[{values.size}] {flash} = {{".split()), *lines, line, "};"]
