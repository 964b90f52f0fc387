"""Depth: what is known of the exercise about the average pool of codes."""

from typing import Any

import numpy as np

from tinyzip.integer import ops
from tinyzip.integer.codes import Codes
from tinyzip.integer.operators import AvgPool2d
from tinyzip.learn.case import Case, Check, seeded

NONE = ((0, 0), (0, 0))


def expected(x: Any, k: int, s: int, padding: Any = NONE) -> Any:
    codes = Codes(0, 255, 0) if x.dtype == np.uint8 else Codes(-128, 127, 0)
    operator = AvgPool2d((k, k), (s, s), padding).checked("avg_pool_codes")
    return ops.apply(operator, [x], [codes], codes)


def mean(what: str, total: Any, count: Any) -> Case:
    make = lambda: (np.array(total), count if isinstance(count, int) else np.array(count))  # noqa: E731
    return Case("mean_away", what, make, ops.mean, 0)


def pool(
    what: str, shape: tuple[int, ...], k: int, s: int, padding: Any = NONE, dtype: Any = np.int8
) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        ends = np.iinfo(dtype)
        return rng.integers(ends.min, ends.max + 1, shape, dtype), k, s, padding

    return Case("avg_pool_codes", what, seeded(40, make), expected, 0)


def after_relu(rng: np.random.Generator) -> tuple[Any, ...]:
    """Codes of which about half are 0."""
    return np.maximum(rng.integers(-128, 128, (2, 6, 6, 2)), 0).astype(np.uint8), 3, 2, ((1, 0), (1, 0))


def flat(what: str, code: int, dtype: Any) -> Case:
    make = lambda: (np.full((1, 4, 4, 1), code, dtype), 3, 2, ((1, 1), (1, 1)))  # noqa: E731
    return Case("avg_pool_codes", what, make, expected, 0)


CHECK = Check(
    library="integer/ops.py, mean and counts",
    cases=(
        mean("means of four codes", [0, 4, 8, 9, 11], 4),
        mean("means of four codes, halfway", [2, 6, 10, 14], 4),
        mean("means of four codes below zero", range(-12, 1), 4),
        mean("means of nine codes", range(-14, 15), 9),
        mean("means of one code and of two", [[-3, -1, 0, 1, 3], [-3, -1, 0, 1, 3]], [[1], [2]]),
        mean("means of six codes", range(-20, 21), 6),
        pool("codes of 4×4, windows of 2 in steps of 2", (1, 4, 4, 1), 2, 2, NONE, np.uint8),
        pool("codes below zero, two channels and three examples", (2, 4, 6, 3), 2, 2),
        pool("windows of 3 that overlap, in steps of 1", (2, 5, 6, 2), 3, 1),
        pool("windows of 3 in steps of 2 on 5×7, a border of 1", (2, 5, 7, 3), 3, 2, ((1, 1), (1, 1))),
        pool("a border of 1 at the bottom and on the right", (2, 6, 6, 2), 3, 2, ((0, 1), (0, 1))),
        pool("a border of 2 on top, 1 on the left", (1, 5, 6, 3), 3, 1, ((2, 0), (1, 0)), np.uint8),
        pool("windows of 4 in a border of 3", (1, 3, 4, 2), 4, 3, ((3, 2), (3, 3))),
        pool("windows of 7 on 7×7", (3, 7, 7, 2), 7, 7, NONE, np.uint8),
        Case("avg_pool_codes", "codes of which half are 0", seeded(41, after_relu), expected, 0),
        flat("codes that are −128 everywhere, a border of 1", -128, np.int8),
        flat("codes that are 255 everywhere, a border of 1", 255, np.uint8),
    ),
    hints=(
        "What is −5 // 4 in Python, and what is −5/4 to the nearest?",
        "The magnitude, plus half of the count, divided; then the sign. An image of ones tells the counts.",
        "Sum the patches of x in a border of 0, and those of ones, over their k·k axis: total and count.",
    ),
)
