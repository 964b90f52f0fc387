"""Depth: what is asked of a student's function, and what else is known of an exercise."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinyzip.base.refuse import refuse

BLANK, RIGHT, WRONG, SENTENCE = "a blank line", "- and the right text", "+ and the wrong text", "a sentence"
KINDS = {BLANK: r"", RIGHT: r"-( .*\S)?", WRONG: r"\+( .*\S)?", SENTENCE: r"[^-+\s](.*\S)?"}
AFTER = {BLANK: [RIGHT], RIGHT: [RIGHT, WRONG], WRONG: [WRONG, SENTENCE], SENTENCE: [BLANK]}


class Case(NamedTuple):
    """One question.

    function   the name of the student's function
    what       in words, what it is asked for: "a window of 3 on 7 rows, stride 2"
    arguments  makes the arguments anew, each time the same
    expected   the library's function of the same arguments
    within     how far numbers may be off, relative to the largest of what is expected; 0 asks for equality
    """

    function: str
    what: str
    arguments: Callable[[], tuple[Any, ...]]
    expected: Callable[..., Any]
    within: float = 1e-6


class Mistake(NamedTuple):
    """A known mistake: the solution with one text in place of another, and the sentence that names it."""

    right: str
    wrong: str
    sentence: str

    def made(self, solution: str) -> str:
        """The solution with the mistake in it."""
        return solution.replace(self.right, self.wrong)


def read_mistakes(text: str, file: str) -> tuple[Mistake, ...]:
    """The mistakes of a text, in blocks with a blank line between two:

        - the right text, which may have
        -     several lines
        + the wrong text
        the sentence that names it

    A line of a text stands after its sign and one blank, with its own blanks before it; an empty line is the
    sign alone. So "+" alone takes the right text out, and a last line "-" stands for a line end before it.
    """
    found: list[Mistake] = []
    parts: dict[str, list[str]] = {RIGHT: [], WRONG: []}
    before = BLANK
    for number, line in enumerate([*text.removesuffix("\n").split("\n"), ""], 1):
        kind = next((kind for kind in AFTER[before] if re.fullmatch(KINDS[kind], line)), None)
        if kind is None:
            needed = f"{' or '.join(AFTER[before])}, with no blank at the end"
            refuse(f"{file}, line {number}", line or BLANK, needed)
        if kind == SENTENCE:
            found.append(Mistake("\n".join(parts[RIGHT]), "\n".join(parts[WRONG]), line))
            parts = {RIGHT: [], WRONG: []}
        elif kind != BLANK:
            parts[kind].append(line[2:])
        before = kind
    return tuple(found)


@dataclass(frozen=True)
class Check:
    """What an exercise asks, and where the library has it.

    library   where the library has it: "nn/ops/conv.py, conv2d"
    cases     the questions, from plain to hard
    hints     three, from a question to the line, none of which is the solution
    """

    library: str
    cases: Sequence[Case]
    hints: tuple[str, str, str]


def seeded(
    seed: int, make: Callable[[np.random.Generator], tuple[Any, ...]]
) -> Callable[[], tuple[Any, ...]]:
    """Arguments that are drawn, and the same whenever they are asked for."""
    return lambda: make(np.random.default_rng(seed))
