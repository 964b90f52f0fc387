"""Depth: what is known of the exercise about requantizing."""

from typing import Any

import numpy as np

from tinyzip.integer import fixedpoint
from tinyzip.integer.codes import Codes
from tinyzip.learn.case import Case, Check, seeded

MOST = 2**31 - 1


def expected(acc: Any, m0: Any, n: Any, zero: int, lo: int, hi: int) -> Any:
    return fixedpoint.requantize(acc, m0, n, Codes(lo, hi, zero), "double")


def case(
    what: str, acc: Any, m0: int, n: int, zero: int = 0, lo: int = -128, hi: int = 127, dtype: Any = np.int64
) -> Case:
    return Case("requantize", what, lambda: (np.array(acc, dtype), m0, n, zero, lo, hi), expected, 0)


def drawn(seed: int, F: int, most: int, n: list[int], *codes: int) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        acc = rng.integers(-most, most, (F, 4, 5, F), np.int32)
        m0 = rng.integers(2**30, 2**31, (F, 1, 1, 1))
        return acc, m0, np.array(n).reshape(F, 1, 1, 1), *codes

    return seeded(seed, make)


TWICE = 2**30 + 2**22  # of high's results, some are halves only by its own rounding
CHECK = Check(
    library="integer/fixedpoint.py, requantize and rescale",
    cases=(
        case("sums times ½, the zero point 0", [-200, -100, 0, 100, 200], 2**30, 31),
        case("sums times 1/16, the zero point −10", [-1000, -100, 0, 100, 1000], 2**30, 34, -10),
        case("sums that are clamped at both ends", [-90000, -9000, 0, 9000, 90000], 2**30, 34, 3),
        case("bytes above zero, the zero point 128", range(-4000, 4001, 250), 1288490189, 35, 128, 0, 255),
        case("a ReLU: lo is the zero point", range(-900, 901, 100), 1288490189, 34, -20, -20, 127),
        case("a clamp to 0 … 15", range(-900, 901, 100), 1288490189, 36, 4, 0, 15),
        case("sums times 1/8, where halves go away from zero", range(-36, 37, 4), 2**30, 33, 5),
        case("sums that only both roundings together take up", range(-40, 41), TWICE, 34),
        case("sums where one rounding differs from two", range(-400, 401, 3), 1717986918, 37),
        case(
            "a sum just below a half in both steps, where a float64 is too coarse", [12830591], 1327236993, 48
        ),
        case("n = 31: no second step", range(-11, 12), 1610612737, 31, 7),
        case("n = 30, M above 1", range(-11, 12), 1610612737, 30, 7),
        case("n = 24, M about 100", [-3, -2, -1, 0, 1, 2, 3], 1717986918, 24, -1, -128, 127, np.int32),
        case("n = 1, M = 2²⁹", [-1, 0, 1], 2**30, 1, 1, 0, 255),
        case("n = 62", [MOST, -MOST - 1, 2**30, -(2**30), 0], MOST, 62, 9),
        case(
            "the ends of int32 in an int32, n = 55", [MOST, -MOST - 1, 0, 9], MOST, 55, 0, -128, 127, np.int32
        ),
        case("the ends of int32, clamped to 0 … 255", [MOST, -MOST - 1], MOST, 40, 100, 0, 255, np.int32),
        Case(
            "requantize",
            "two outputs with multipliers of their own",
            drawn(34, 2, 20000, [37, 39], 5, -128, 127),
            expected,
            0,
        ),
        Case(
            "requantize",
            "four outputs with multipliers above and below 1",
            drawn(35, 4, 60, [29, 31, 33, 30], 100, 0, 255),
            expected,
            0,
        ),
    ),
    hints=(
        "high takes off 31 bits. How many of the n are left, and what if n is less than 31?",
        "Four steps, in this order: the two of round, then what the code of 0 is, then what keeps it a code.",
        "Shift acc to the left by max(31 − n, 0), go through high and through divide, add zero, clip.",
    ),
)
