"""Depth: what is known of the exercise about the two roundings of gemmlowp."""

from typing import Any

import numpy as np

from tinyzip.integer import fixedpoint
from tinyzip.learn.case import Case, Check, seeded

MOST, LEAST = 2**31 - 1, -(2**31)


def high(what: str, a: Any, b: Any, dtype: Any = np.int64) -> Case:
    make = lambda: (np.array(a, dtype), b if isinstance(b, int) else np.array(b, dtype))  # noqa: E731
    return Case("high", what, make, fixedpoint.high, 0)


def divide(what: str, x: Any, e: Any, dtype: Any = np.int64) -> Case:
    make = lambda: (np.array(x, dtype), e if isinstance(e, int) else np.array(e))  # noqa: E731
    return Case("divide", what, make, fixedpoint.divide, 0)


def drawn_high(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.integers(LEAST, MOST, (4, 3, 5), np.int32), rng.integers(2**30, MOST, (4, 1, 1))


def drawn_divide(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.integers(-1000, 1000, (4, 3, 5), np.int32), np.array([1, 2, 3, 5]).reshape(4, 1, 1)


EDGES = [LEAST, LEAST + 1, -(2**30) - 1, -(2**30), -1, 0, 1, 2**30 - 1, 2**30, MOST]

CHECK = Check(
    library="integer/fixedpoint.py, high and divide",
    cases=(
        high("1000 and 3000 with 2³⁰, which stands for ½", [1000, 3000], 2**30),
        high("numbers with 0.6·2³¹", [10, 11, 12, 13, 1001], 1288490189),
        high("−5 … 5 with 2³⁰, where halves go up", range(-5, 6), 2**30),
        high("−9 … 9 with 2²⁹", range(-9, 10), 2**29),
        high("numbers with −2³⁰", range(-5, 6), -(2**30)),
        high("large numbers in an int32", [2**30, -(2**30), 123456789, -123456789], 2**30, np.int32),
        high("2³¹ − 1 by itself, and by −2³¹", [MOST, MOST, LEAST], [MOST, LEAST, MOST]),
        high("−2³¹ by itself, which does not fit", [LEAST, 7], [LEAST, LEAST]),
        high(
            "products just below a half, where a float64 is too coarse", [1073741819, -1073741829], 1288490189
        ),
        high("numbers below zero by themselves", [-46341, -70000, -(2**30)], [-46341, -70000, -(2**30)]),
        high("the ends of int32 with 2³¹ − 1", EDGES, MOST, np.int32),
        Case("high", "four outputs with factors of their own", seeded(32, drawn_high), fixedpoint.high, 0),
        divide("8, 16 and 24 by 2³", [8, 16, 24], 3),
        divide("0 … 12 by 2²", range(13), 2),
        divide("−12 … 0 by 2², where a half goes down", range(-12, 1), 2),
        divide("−5 … 5 by 2", range(-5, 6), 1),
        divide("−3 … 3 by 2⁰", range(-3, 4), 0),
        divide("the ends of int32 by 2⁰", EDGES, 0, np.int32),
        divide("the ends of int32 by 2⁴", EDGES, 4, np.int32),
        divide("the ends of int32 by 2³¹", EDGES, 31, np.int32),
        divide("the ends of int32 by 2³⁰", EDGES, 30),
        divide("−6 twice, by 2⁰ … 2⁴", [[-6] * 5, [6] * 5], [0, 1, 2, 3, 4]),
        Case(
            "divide", "four outputs with shifts of their own", seeded(33, drawn_divide), fixedpoint.divide, 0
        ),
    ),
    hints=(
        "What does a shift to the right by 2 make of 6 and of −6, and what are 6/4 and −6/4 to the nearest?",
        "Add half of what is divided by, and shift. Only divide has to treat numbers below zero differently.",
        "high: minimum with 2³¹ − 1 comes last. divide: for x < 0 and e > 0, add one less than the half.",
    ),
)
