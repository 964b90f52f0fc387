"""Depth: what is known of the exercise about a real multiplier as two integers."""

from fractions import Fraction
from typing import Any

import numpy as np

from tinyzip.integer import fixedpoint
from tinyzip.learn.case import Case, Check, Mistake, seeded

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
    mistakes=(
        Mistake("share * 2**31 + 0.5)", "share * 2**31)", "this rounds down; m0 is the nearest whole number"),
        Mistake(
            "math.floor(share * 2**31 + 0.5)",
            "round(share * 2**31)",
            "Python's round takes a half to the even neighbour; here a half goes up",
        ),
        Mistake(
            "return (2**30, n - 1) if m0 == 2**31 else (m0, n)",
            "return m0, n",
            "rounding led to m0 = 2³¹, which has one bit too many: it is 2³⁰ with a smaller n",
        ),
        Mistake(
            "(2**30, n - 1) if", "(2**30, n + 1) if", "half the m0 needs a smaller n: m0·2⁻ⁿ stays as it is"
        ),
        Mistake(
            "(2**30, n - 1) if",
            "(2**31 - 1, n) if",
            "m0 is cut off at 2³¹ − 1; 2³⁰ with an n less by one is exact",
        ),
        Mistake(
            "31 - exponent",
            "31 + exponent",
            "the exponent has the other sign: M = share·2ᵉ = m0·2⁻ⁿ, n = 31 − e",
        ),
        Mistake("31 - exponent", "exponent - 31", "n is how far one shifts to the right: m0·2⁻ⁿ, not m0·2ⁿ"),
        Mistake(
            "share * 2**31 + 0.5), 31 - exponent",
            "share * 2**32 + 0.5), 32 - exponent",
            "m0 has 32 bits here; an int32 has 31 beside its sign",
        ),
        Mistake(
            "share * 2**31 + 0.5), 31 - exponent",
            "share * 2**30 + 0.5), 30 - exponent",
            "m0 has 30 bits here: it is to be 2³⁰ or more",
        ),
        Mistake("31 - exponent", "31 - min(exponent, 0)", "M may be above 1, too: then n is below 31"),
        Mistake(
            "math.frexp(real)", "math.frexp(float(np.float32(real)))", "a float32 has 24 bits only, and m0 31"
        ),
        Mistake(
            "product + (np.int64(1) << (n - 1))",
            "product",
            "this rounds down; half of 2ⁿ is to be added before the shift",
        ),
        Mistake(
            "np.int64(1) << (n - 1)",
            "np.int64(1) << n",
            "half of 2ⁿ is 2ⁿ⁻¹; with 2ⁿ all is too large by one half",
        ),
        Mistake(
            "(np.int64(1) << (n - 1))",
            "(np.int64(1) << (n - 1)) - (product < 0)",
            "a half goes up here, below zero, too; this takes it away from zero",
        ),
        Mistake(
            "(product + (np.int64(1) << (n - 1))) >> n",
            "np.trunc((product + (np.int64(1) << (n - 1))) / 2.0**n).astype(np.int64)",
            "this cuts towards zero; the division rounds down, below zero, too",
        ),
        Mistake(
            "(product + (np.int64(1) << (n - 1))) >> n",
            "np.rint(product / 2.0**n).astype(np.int64)",
            "this takes a half to the even neighbour; here a half goes up",
        ),
        Mistake(
            "acc.astype(np.int64) * m0",
            "(acc.astype(np.int64) * m0).astype(np.int32)",
            "the product has up to 62 bits, and is cut to 32 here",
        ),
        Mistake(
            "acc.astype(np.int64) * m0",
            "acc * m0",
            "in an int32 the product wraps around: make acc wider before",
        ),
    ),
    others=(
        """
import numpy as np

def multiplier(real):
    n = 0
    while real * 2.0**n >= 2**31:
        n -= 1
    while real * 2.0**n < 2**30:
        n += 1
    scaled = real * 2.0**n
    m0 = int(scaled)
    if scaled - m0 >= 0.5:
        m0 += 1
    if m0 == 1 << 31:
        m0, n = m0 >> 1, n - 1
    return [m0, n]

def rescale_once(acc, m0, n):
    out = np.empty(acc.shape, np.int64)
    m0, n = np.broadcast_to(m0, acc.shape), np.broadcast_to(n, acc.shape)
    for k in np.ndindex(acc.shape):
        product, divisor = int(acc[k]) * int(m0[k]), 2 ** int(n[k])
        out[k] = (product + divisor // 2) // divisor
    return out
""",
        """
import numpy as np
from fractions import Fraction

def multiplier(real):
    share, exponent = np.frexp(np.float64(real))
    m0 = int(Fraction(float(share)) * 2**31 + Fraction(1, 2))
    up = m0 >> 31
    return np.int64(m0 >> up), np.int64(31 - exponent - up)

def rescale_once(acc, m0, n):
    doubled = np.right_shift(np.multiply(acc, m0, dtype=np.int64), np.asarray(n) - 1)
    return np.right_shift(doubled + 1, 1)
""",
    ),
    hints=(
        "0.3 = 0.6 · 2⁻¹. Which whole number is 0.6 of 2³¹, and by how much has one to shift?",
        "math.frexp gives a number from ½ to 1 and an exponent; ⌊… + ½⌋ rounds a half up; mind 2³¹.",
        "The product in int64, plus a 1 shifted to the left by n − 1; and all of it to the right by n.",
    ),
)
