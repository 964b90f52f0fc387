"""Depth: what is asked of a student's function, and what else is known of an exercise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


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


@dataclass(frozen=True)
class Check:
    """All that is known of an exercise besides its solution.

    library   where the library has it: "nn/ops/conv.py, conv2d"
    cases     the questions, from plain to hard
    mistakes  known mistakes, five or more
    others    right answers that are written in another way: whole bodies of functions, as Python text
    hints     three, from a question to the line, none of which is the solution
    """

    library: str
    cases: Sequence[Case]
    mistakes: Sequence[Mistake]
    others: Sequence[str]
    hints: tuple[str, str, str]


def seeded(
    seed: int, make: Callable[[np.random.Generator], tuple[Any, ...]]
) -> Callable[[], tuple[Any, ...]]:
    """Arguments that are drawn, and the same whenever they are asked for."""
    return lambda: make(np.random.default_rng(seed))
