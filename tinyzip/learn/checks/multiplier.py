"""Depth: what is known of the exercise about a real multiplier as two integers."""

from fractions import Fraction
from typing import Any

import numpy as np

from tinyzip.integer import fixedpoint
from tinyzip.learn.case import Case, Check, seeded

MOST = 2**31 - 1


def expected(real: float) -> Any:
    return fixedpoint.multiplier(Fraction(real))


def expected_once(acc: Any, m0: Any, n: Any) -> Any:
    return fixedpoint.rescale(acc, m0, n, "single")


def pair(what: str, real: float) -> Case:
    return Case("multiplier", what, lambda: (real,), expected, 0)


def once(what: str, acc: Any, m0: int, n: int, dtype: Any = np.int64) -> Case:
    return Case("rescale_once", what, lambda: (np.array(acc, dtype), m0, n), expected_once, 0)


def rows(rng: np.random.Generator) -> tuple[Any, ...]:
    """Sums of three outputs, each with a multiplier of its own."""
    acc = rng.integers(-(10**6), 10**6, (3, 2, 4), np.int32)
    m0 = rng.integers(2**30, 2**31, (3, 1, 1))
    return acc, m0, np.array([34, 38, 41]).reshape(3, 1, 1)


CHECK = Check(
    library="integer/fixedpoint.py, multiplier and rescale",
    cases=(
        pair("0.5, a power of two", 0.5),
        pair("0.3", 0.3),
        pair("0.0037", 0.0037),
        pair("a number just above 2⁻⁸", 2.0**-8 * (1 + 2.0**-20)),
        pair("1", 1.0),
        pair("2.7, above 1", 2.7),
        pair("5000.1, far above 1", 5000.1),
        pair("1 − 2⁻⁴⁰, whose m0 has no room in 31 bits", 1 - 2.0**-40),
        pair("2⁻⁵·(1 − 2⁻³⁵), whose m0 has no room in 31 bits", 2.0**-5 * (1 - 2.0**-35)),
        pair("(2³⁰ + ½)·2⁻³³, where m0 is halfway", (2**30 + 0.5) / 2**33),
        pair("(2³⁰ + 2½)·2⁻⁴⁰, where m0 is halfway", (2**30 + 2.5) / 2**40),
        pair("(2³⁰ + 3½)·2⁻²⁰, where m0 is halfway", (2**30 + 3.5) / 2**20),
        pair("10⁻⁹", 1e-9),
        once("100 and 1000 times ½", [100, 1000], 2**30, 31),
        once("0 … 9 times 0.3", range(10), 1288490189, 32),
        once("−4 … 4 times ½, where halves go up", range(-4, 5), 2**30, 31),
        once("−8 … 8 times ¼", range(-8, 9), 2**30, 32),
        once("sums of 32 bits in an int32, times 0.75", [MOST, -MOST - 1, 5, -5], 3 * 2**29, 31, np.int32),
        once("the largest sums, with 2³¹ − 1 and n = 31", [MOST, -MOST - 1, MOST - 1], MOST, 31),
        once("the largest sums, with n = 62", [MOST, -MOST - 1, 1, -1], MOST, 62),
        once("−1, 0 and 1 with n = 1", [-1, 0, 1], 2**30 + 1, 1),
        once(
            "sums just below a half, where a float64 is too coarse", [1073741819, -1073741829], 1288490189, 31
        ),
        once("sums with n = 28", [-3, -1, 0, 1, 3], MOST - 4, 28),
        once(
            "sums near 2³⁰ times 0.6, where a float32 is too coarse", [2**30 + 1, 2**30 + 3], 1288490189, 31
        ),
        Case(
            "rescale_once", "three outputs with multipliers of their own", seeded(31, rows), expected_once, 0
        ),
    ),
    hints=(
        "0.3 = 0.6 · 2⁻¹. Which whole number is 0.6 of 2³¹, and by how much has one to shift?",
        "math.frexp gives a number from ½ to 1 and an exponent; ⌊… + ½⌋ rounds a half up; mind 2³¹.",
        "The product in int64, plus a 1 shifted to the left by n − 1; and all of it to the right by n.",
    ),
)
