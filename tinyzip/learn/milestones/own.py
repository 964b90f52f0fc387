"""Depth: the functions that a milestone runs on: the student's where they are solved, else the library's.

    own = Own()
    own.conv(x, w, b)

What the student wrote is what runs, and it is watched. A check has asked each function some small questions;
a milestone asks thousands of large ones. So the answers to some of them are compared with the library's: the
first for each shape of arrays, or for other numbers where there are no arrays, and those number 1, 2, 4, 8, …
Where two differ, the function is named: it is this one, and not one that was given wrong numbers by another.
"""

import copy
import os
import traceback
from collections.abc import Callable, Sequence
from functools import cached_property, wraps
from pathlib import Path
from typing import Any

import numpy as np

from tinyzip.learn import earlier
from tinyzip.learn.case import Case
from tinyzip.learn.course import FOLDER, LIMIT, Exercise, course, named
from tinyzip.learn.judge import Wrong, difference, is_solved

WITHIN = 1e-6  # of the largest number, or of 1: float64 in another order differs by much less


class Own:
    """The functions of a course's folder by their names.

    folder  the student's
    uses    the exercises that the milestone calls; it may call no others
    """

    def __init__(self, folder: Path, uses: Sequence[str]) -> None:
        os.environ[FOLDER], os.environ[LIMIT] = str(folder), str(len(course()) + 1)
        self.folder, self.exercises = folder, needed(uses)
        self.watching = False
        earlier.seen = self.watched

    @cached_property
    def students(self) -> dict[Exercise, bool]:
        """Whether each of the exercises is solved by the student."""
        found = {}
        for exercise in self.exercises:
            path = self.folder / exercise.file
            found[exercise] = path.is_file() and is_solved(path, exercise)
        return found

    def __str__(self) -> str:
        """Which functions are whose."""
        names = {True: list[str](), False: list[str]()}
        for exercise, solved in self.students.items():
            names[solved] += exercise.functions
        told = (", ".join(names[solved]) or "none" for solved in (True, False))
        return "yours: {}; the library's: {}".format(*told)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not any(name in exercise.functions for exercise in self.exercises):
            raise AttributeError(name)
        self.students  # noqa: B018  all are judged before any is watched
        self.watching = True
        function = getattr(earlier, name)
        setattr(self, name, function)
        return function

    def watched(self, exercise: Exercise, function: str, own: Callable[..., Any]) -> Callable[..., Any]:
        """A student's function that is compared with the library's now and then."""
        case = next((case for case in exercise.check.cases if case.function == function), None)
        calls, kinds, like = 0, set[int](), None

        @wraps(own)
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal calls, like
            if not self.watching or case is None or named or any(map(callable, arguments)):
                return own(*arguments, **named)
            calls += 1
            kind = kind_of(arguments)
            if kind in kinds and calls & (calls - 1):
                return shaped(own(*arguments), like)
            kinds.add(kind)
            before = copy.deepcopy(arguments)
            found = own(*arguments)
            like = self.compare(exercise, case, before, found, calls)
            return shaped(found, like)

        return call

    def compare(
        self, exercise: Exercise, case: Case, arguments: tuple[Any, ...], found: Any, calls: int
    ) -> Any:
        """The library's answer to the same arguments; raises Wrong where it is another."""
        self.watching = False  # what the library asks of the student's functions is not looked at
        try:
            expected = case.expected(*map(exact, arguments))
        finally:
            self.watching = True
        within = case.within and max(case.within, WITHIN)  # 0 asks for equality
        if line := difference(found, expected, case._replace(within=within)):
            raise Wrong(f"{exercise.file}: {case.function} differs from the library's, call {calls}: {line}")
        return expected


def shaped(found: Any, like: Any) -> Any:
    """An answer with arrays and tuples where another has them; it may have lists there."""
    if isinstance(like, tuple):
        return tuple(map(shaped, found, like))
    return np.asarray(found) if isinstance(like, np.ndarray) else found


def kind_of(arguments: tuple[Any, ...]) -> int:
    """A number for the shapes of arguments; where no array is among them, for what they are."""
    if any(isinstance(argument, np.ndarray) for argument in arguments):
        return hash(tuple(np.shape(argument) for argument in arguments))
    return hash(repr(arguments))


def exact(argument: Any) -> Any:
    """An array of floats as float64, all else as it is."""
    is_float = isinstance(argument, np.ndarray) and argument.dtype.kind == "f"
    return argument.astype(np.float64) if is_float else argument


def needed(uses: Sequence[str]) -> list[Exercise]:
    """These exercises, and those before them that they are made of, in order."""
    found = {named(name) for name in uses}
    for exercise in reversed(course()):
        if exercise in found:
            found |= {before for before in course() if set(before.functions) & exercise.asked}
    return sorted(found, key=lambda exercise: exercise.number)


def place_of(error: BaseException, folder: Path) -> str:
    """The student's file and line where an error arose, with a colon; "" where he has no part in it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).parent == folder]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}: " if own else ""
