"""Depth: one answer looked at: right, or one line on what is wrong.

The student's functions are asked the questions of a check, one after the other. The first answer that is
wrong is told: what was asked, where it differs, what came, what was needed. Then the known mistakes are
asked the same questions: the one whose answers are most like the student's is his, and its sentence is added.
"""

import copy
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import numpy as np

from tinyzip.learn.case import Case
from tinyzip.learn.course import FOLDER, LIMIT, Exercise, named


class Wrong(Exception):
    """One line on what is wrong with an answer."""


@cache
def loaded(path: Path) -> Mapping[str, Any]:
    """What a student's file defines, by name; it runs as a module, not as a script."""
    return run_text(path.read_text(encoding="utf-8"), str(path))


def run_text(text: str, where: str) -> Mapping[str, Any]:
    """What a text of Python defines."""
    module = ModuleType("exercise")
    module.__file__ = where
    exec(compile(text, where, "exec"), module.__dict__)
    return module.__dict__


@cache
def is_solved(path: Path, exercise: Exercise) -> bool:
    """Whether the file answers all questions of its exercise; what else it does is kept to itself."""

    def enough(line: str) -> NoReturn:
        raise Wrong(line)  # nobody asks which mistake it is

    before = os.environ.get(LIMIT)
    os.environ[LIMIT] = str(exercise.number)
    try:
        judge(path, exercise, enough)
        return True
    except BaseException:
        return False
    finally:
        os.environ.pop(LIMIT) if before is None else os.environ.update({LIMIT: before})


def judge(path: Path, exercise: Exercise, told: Callable[[str], object] = bool) -> None:
    """Ask a student's file all questions of an exercise; raises Wrong with what is wrong.

    told  gets the line before the mistake is looked for by its name, in which the student's code runs again
    """
    try:
        own = loaded(path)
    except BaseException as error:
        raise Wrong(as_it_is(error, path)) from error
    for name in exercise.functions:
        if not callable(own.get(name)):
            raise Wrong(f"{path.name}: there is no function {name}")
    for case in exercise.check.cases:
        try:
            found = answer(own, exercise, case)
        except Wrong as wrong:
            raise Wrong(f"{path.name}: {wrong}") from None
        except BaseException as error:
            line = f"{as_it_is(error, path)} (asked for {case.what})"
        else:
            line = difference(found, case.expected(*case.arguments()), case)
            line = line and f"{path.name}: {case.function}, asked for {case.what}: {line}"
        if line:
            told(line)
            raise Wrong(f"{line}{name_of(own, exercise, case)}")


def answer(own: Mapping[str, Any], exercise: Exercise, case: Case) -> Any:
    """What a student's function answers; raises Wrong where it changes what it was given."""
    given, before = asked(exercise, case), asked(exercise, case)
    with np.errstate(all="ignore"):  # what is infinite or no number is shown as the answer that it is
        found = own[case.function](*given)
    for k, (now, then) in enumerate(zip(given, before, strict=True)):
        if not is_unchanged(now, then):
            what = "an array" if isinstance(then, np.ndarray) else "or an array in it"
            raise Wrong(
                f"{case.function} changes its argument {k + 1}, {what}, in place; it must stay as it was"
            )
    return copy.deepcopy(found)


def asked(exercise: Exercise, case: Case) -> tuple[Any, ...]:
    """The arguments of a question, without the last that are the defaults: so these are asked for, too."""
    given = case.arguments()
    solution = import_module(f"tinyzip.learn.exercises.{exercise.name}")
    usual = [each.default for each in signature(getattr(solution, case.function)).parameters.values()]
    while given and type(given[-1]) is type(usual[len(given) - 1]) and given[-1] == usual[len(given) - 1]:
        given = given[:-1]
    return given


def is_unchanged(now: Any, then: Any) -> bool:
    """Whether all arrays in an argument are as they were."""
    if isinstance(then, np.ndarray):
        return np.array_equal(now, then, equal_nan=then.dtype.kind == "f")
    if isinstance(then, dict):
        return now.keys() == then.keys() and all(is_unchanged(now[key], then[key]) for key in then)
    if isinstance(then, list | tuple):
        return len(now) == len(then) and all(map(is_unchanged, now, then))
    return True


def difference(found: Any, expected: Any, case: Case, where: str = "") -> str:
    """What is wrong with an answer, "" if nothing is."""
    if found is None or found is Ellipsis:
        return f"{where}it gives {found}; is there a return?"
    if isinstance(expected, tuple):
        if isinstance(found, np.ndarray) and found.ndim and len(found) == len(expected):
            found = tuple(found)  # what unpacks in the same way is as good
        if not isinstance(found, tuple | list) or len(found) != len(expected):
            many = f"{len(found)} things" if isinstance(found, tuple | list) else f"a {type(found).__name__}"
            return f"{where}{many} came, {len(expected)} were needed"
        parts = enumerate(zip(found, expected, strict=True))
        return next(
            (line for k, (a, b) in parts if (line := difference(a, b, case, f"{where}answer {k + 1}: "))), ""
        )
    if isinstance(expected, dict):
        if not isinstance(found, dict) or found.keys() != expected.keys():
            came = sorted(map(str, found)) if isinstance(found, dict) else f"a {type(found).__name__}"
            return f"{where}{came} came, a dict of {sorted(map(str, expected))} was needed"
        return next(
            (line for key in expected if (line := difference(found[key], expected[key], case, f"{key}: "))),
            "",
        )
    return of_numbers(found, np.asarray(expected), case.within, where)


def of_numbers(found: Any, expected: np.ndarray[Any, Any], within: float, where: str) -> str:
    """What is wrong with an array, or with a number."""
    try:
        array = np.frombuffer(found, np.uint8) if isinstance(found, bytes) else np.asarray(found)
    except ValueError:
        return f"{where}a ragged {type(found).__name__} came, an array of shape {expected.shape} was needed"
    if array.dtype.kind not in "biuf":
        return f"{where}a {type(found).__name__} came, numbers were needed"
    if array.shape != expected.shape:
        return f"{where}the shape {array.shape} came, {expected.shape} was needed"
    if expected.dtype.kind in "biu" and array.dtype.kind == "f":
        return f"{where}floats came ({array.dtype}), whole numbers were needed"
    wanted = expected.astype(np.float64)
    with np.errstate(invalid="ignore"):  # inf − inf
        far = np.where(same_or_both_nan(array, wanted), 0.0, np.abs(array - wanted))
    allowed = within * float(np.abs(wanted).max(initial=1.0, where=np.isfinite(wanted)))
    if not array.size or (far <= allowed).all():
        return ""
    place = np.unravel_index(int(np.argmax(np.where(np.isnan(far), np.inf, far))), far.shape)
    at = f"at {[int(i) for i in place]} " if far.ndim else ""
    return f"{where}{at}{shown(array[place].item())} came, {shown(expected[place].item())} was needed"


def shown(number: float) -> str:
    """A number with as many digits as it takes: all those of a whole one, six of others."""
    return str(number) if isinstance(number, int) else f"{number:.6g}"


def same_or_both_nan(found: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Which numbers are equal, a NaN to a NaN: a mistake that makes them is known by them."""
    same: np.ndarray[Any, Any] = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    return same


def name_of(own: Mapping[str, Any], exercise: Exercise, failed: Case) -> str:
    """The sentence of the known mistake that is the student's, with a dash before it; or "".

    It gives the same answer to the question that failed, and of those that do, to the most questions.
    """
    cases, best, sentence = exercise.check.cases, 0, ""
    answers = [answer_or_error(own, exercise, case) for case in cases]
    for mistake, others in zip(exercise.mistakes, answers_of_mistakes(exercise), strict=True):
        same = [one == other for one, other in zip(answers, others, strict=True)]
        if same[cases.index(failed)] and sum(same) > best:
            best, sentence = sum(same), f" - {mistake.sentence}"
    return sentence


@cache
def answers_of_mistakes(exercise: Exercise) -> list[list["Alike"]]:
    """What each known mistake answers to each question."""
    texts = [mistake.made(exercise.solution) for mistake in exercise.mistakes]
    wrong = [run_text(text, f"a known mistake in {exercise.name}") for text in texts]
    return [[answer_or_error(one, exercise, case) for case in exercise.check.cases] for one in wrong]


def answer_or_error(own: Mapping[str, Any], exercise: Exercise, case: Case) -> "Alike":
    try:
        with np.errstate(all="ignore"):
            return Alike(own[case.function](*asked(exercise, case)), case)
    except BaseException as error:
        return Alike(type(error), case)


class Alike:
    """An answer that equals another where a check would see no difference."""

    def __init__(self, found: Any, case: Case) -> None:
        self.found, self.case = found, case

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Alike):
            return NotImplemented
        a, b = self.found, other.found
        if a is None or b is None or isinstance(a, type) or isinstance(b, type):
            return a is b
        with np.errstate(all="ignore"):
            return not difference(a, b, self.case)


def as_it_is(error: BaseException, path: Path) -> str:
    """An error of the student's code: the file and line first, then what Python says."""
    if isinstance(error, SyntaxError):
        return f"{path.name}:{error.lineno}: SyntaxError: {error.msg}"
    own = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).name == path.name
    ]
    place = f"{path.name}:{own[-1].lineno}" if own else path.name
    return f"{place}: {type(error).__name__}: {' '.join(str(error).split())}"


def main(words: list[str]) -> None:
    """In a process of its own: judge the exercises NAME… in FOLDER, up to the first that is wrong.

    What came of each is a line of REPORT as soon as it is known, a name and what is wrong; where a mistake
    is recognised, another line takes its place.
    """
    report, folder, *names = words
    os.environ[FOLDER] = folder
    for name in names:
        exercise = named(name)
        os.environ[LIMIT] = str(exercise.number)

        def tell(line: str, name: str = name) -> None:
            with open(report, "a", encoding="utf-8") as file:
                file.write(json.dumps([name, line]) + "\n")

        try:
            judge(Path(folder) / exercise.file, exercise, tell)
        except Wrong as wrong:
            tell(str(wrong))
            return
        tell("")


if __name__ == "__main__":
    main(sys.argv[1:])
