"""Depth: the exercises of the course, in order, and each as its text and its check."""

import ast
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from importlib.resources import files

from tinyzip.base.refuse import refuse
from tinyzip.learn.case import Check, Mistake, read_mistakes

FOLDER, LIMIT = "TINYZIP_LEARN_FOLDER", "TINYZIP_LEARN_NUMBER"  # in the environment of a check
ORDER = (
    "windows",
    "im2col",
    "col2im",
    "linear",
    "relu",
    "conv",
    "conv_dw",
    "conv_dx",
    "max_pool",
    "avg_pool",
    "softmax",
    "cross_entropy",
    "batch_norm",
    "batch_norm_backward",
    "he",
    "sgd",
    "adamw",
    "loop",
    "differences",
    "temperature",
    "soft_labels",
    "hint",
    "half_teacher",
    "two_formulas",
    "scale_zero",
    "rounding",
    "round_trip",
    "per_channel",
    "least_squares",
    "fold",
    "straight_through",
    "lsq",
    "up_or_down",
    "multiplier",
    "two_roundings",
    "requantize",
    "conv_codes",
    "bounds",
    "avg_pool_codes",
    "entropy",
    "coder",
    "odds",
    "magnitude",
    "surgeon",
)


@dataclass(frozen=True)
class Exercise:
    """One exercise by its name and its place in the course, from 1."""

    name: str
    number: int

    @property
    def file(self) -> str:
        """What its file is called in a student's folder."""
        return f"{self.number:02d}_{self.name}.py"

    @cached_property
    def solution(self) -> str:
        """The text of the exercise, solved."""
        return (files("tinyzip.learn.exercises") / f"{self.name}.py").read_text(encoding="utf-8")

    @cached_property
    def functions(self) -> tuple[str, ...]:
        """The functions that the student writes."""
        body = ast.parse(self.solution).body
        return tuple(node.name for node in body if isinstance(node, ast.FunctionDef))

    @cached_property
    def asked(self) -> frozenset[str]:
        """The functions of earlier exercises that its solution is made of."""
        return frozenset(
            alias.name
            for node in ast.parse(self.solution).body
            if isinstance(node, ast.ImportFrom) and node.module == "tinyzip.learn.earlier"
            for alias in node.names
        )

    @cached_property
    def stub(self) -> str:
        """The text that a student gets: each function has its docstring, and `...` for its lines."""
        lines = self.solution.splitlines()
        for node in reversed(ast.parse(self.solution).body):
            if isinstance(node, ast.FunctionDef):
                _, *rest = node.body
                lines[rest[0].lineno - 1 : node.end_lineno] = ["    ...  # write this"]
        return "\n".join(lines) + "\n"

    @property
    def title(self) -> str:
        """The first line of its lecture."""
        return (ast.get_docstring(ast.parse(self.solution)) or "").splitlines()[0]

    @cached_property
    def check(self) -> Check:
        """Its questions and hints."""
        found: Check = import_module(f"tinyzip.learn.checks.{self.name}").CHECK
        return found

    @cached_property
    def mistakes(self) -> tuple[Mistake, ...]:
        """Its known mistakes, five or more."""
        file = files("tinyzip.learn") / "mistakes" / f"{self.name}.txt"
        return read_mistakes(file.read_text(encoding="utf-8"), str(file))


@cache
def course() -> tuple[Exercise, ...]:
    """All exercises, in order."""
    return tuple(Exercise(name, number) for number, name in enumerate(ORDER, 1))


def named(name: str) -> Exercise:
    """The exercise of this name, or of this file's name."""
    for exercise in course():
        if name in (exercise.name, exercise.file, exercise.file.removesuffix(".py"), str(exercise.number)):
            return exercise
    refuse("learn: NAME", name, f"one of {', '.join(ORDER)}")
