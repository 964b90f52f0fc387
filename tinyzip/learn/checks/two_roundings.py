"""Depth: what is known of the exercise about the two roundings of gemmlowp."""

from typing import Any

import numpy as np

from tinyzip.integer import fixedpoint
from tinyzip.learn.case import Case, Check, Mistake, seeded

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
    mistakes=(
        Mistake(
            "(product + 2**30) >> 31",
            "product >> 31",
            "high: this rounds down; 2³⁰ is added before the shift",
        ),
        Mistake(
            "(product + 2**30) >> 31",
            "(product + 2**31) >> 32",
            "high: the doubling is missing; the upper half of 2·a·b is a·b without 31 bits, not 32",
        ),
        Mistake(
            "np.minimum((product + 2**30) >> 31, 2**31 - 1)",
            "(product + 2**30) >> 31",
            "−2³¹·−2³¹ gives 2³¹ here, which no int32 holds: it saturates at 2³¹ − 1",
        ),
        Mistake(
            "np.minimum((product + 2**30) >> 31, 2**31 - 1)",
            "((product + 2**30) >> 31).astype(np.int32)",
            "−2³¹·−2³¹ wraps around to −2³¹ here: it saturates at 2³¹ − 1",
        ),
        Mistake(
            "np.minimum((product + 2**30) >> 31, 2**31 - 1)",
            "np.clip((product + 2**30) >> 31, -(2**31) + 1, 2**31 - 2)",
            "the ends are −2³¹ and 2³¹ − 1: all that an int32 holds",
        ),
        Mistake(
            "(product + 2**30) >> 31",
            "(product + 2**30 - (product < 0)) >> 31",
            "high takes a half up, below zero, too; away from zero is the other one",
        ),
        Mistake(
            "(product + 2**30) >> 31",
            "np.rint(product / 2**31).astype(np.int64)",
            "high: this takes a half to the even neighbour; here a half goes up",
        ),
        Mistake(
            "(product + 2**30) >> 31",
            "np.trunc((product + 2**30) / 2**31).astype(np.int64)",
            "high: this cuts towards zero after 2³⁰ was added; a shift rounds down, below zero, too",
        ),
        Mistake(
            "a.astype(np.int64) * b", "a * b", "the product of two int32 wraps around: make one wider before"
        ),
        Mistake(
            "(x.astype(np.int64) + half - down) >> e",
            "x.astype(np.int64) >> e",
            "divide: a shift rounds down; half of 2ᵉ is to be added before",
        ),
        Mistake(
            "+ half - down", "+ half", "divide: below zero a half goes down, away from zero; here it goes up"
        ),
        Mistake(
            "down = (x < 0) & (np.asarray(e) > 0)",
            "down = x < 0",
            "for e = 0 nothing is divided and there is no half: nothing is to be taken off",
        ),
        Mistake(
            "down = (x < 0) & (np.asarray(e) > 0)",
            "down = (np.asarray(e) > 0)",
            "divide: half less one is added for numbers above zero, too; there a half goes up",
        ),
        Mistake(
            "(x.astype(np.int64) + half - down) >> e",
            "np.rint(x / 2.0**e).astype(np.int64)",
            "divide: this takes a half to the even neighbour; here it goes away from zero",
        ),
        Mistake(
            "(x.astype(np.int64) + half - down) >> e",
            "np.trunc(x / 2.0**e).astype(np.int64)",
            "divide: this cuts towards zero; the nearest is asked for",
        ),
        Mistake(
            "half = (np.int64(1) << e) >> 1",
            "half = np.int64(1) << e",
            "divide: this is 2ᵉ; half of it is to be added",
        ),
        Mistake(
            "x.astype(np.int64) + half",
            "x.astype(np.int32) + half.astype(np.int32)",
            "divide: near 2³¹ the half that is added makes an int32 wrap around",
        ),
    ),
    others=(
        """
import numpy as np

def high(a, b):
    a, b = np.broadcast_arrays(a, b)
    out = np.empty(a.shape, np.int32)
    for k in np.ndindex(a.shape):
        product = int(a[k]) * int(b[k])
        nudge = 2**30 if product >= 0 else 1 - 2**30
        doubled = abs(product + nudge) // 2**31
        out[k] = min(doubled if product + nudge >= 0 else -doubled, 2**31 - 1)
    return out

def divide(x, e):
    x, e = np.broadcast_arrays(x, e)
    out = []
    for value, shift in zip(x.flat, e.flat):
        mask = (1 << int(shift)) - 1
        rest = int(value) & mask
        threshold = (mask >> 1) + (value < 0)
        out.append((int(value) >> int(shift)) + (rest > threshold))
    return np.array(out).reshape(x.shape)
""",
        """
import numpy as np

def high(a, b):
    upper, rest = np.divmod(np.multiply(a, b, dtype=np.int64), 2**31)
    return np.clip(upper + (rest >= 2**30), -(2**31), 2**31 - 1)

def divide(x, e):
    divisor = np.left_shift(1, e, dtype=np.int64)
    magnitude = np.abs(x.astype(np.int64))
    return np.sign(x) * ((2 * magnitude + divisor) // (2 * divisor))
""",
    ),
    hints=(
        "What does a shift to the right by 2 make of 6 and of −6, and what are 6/4 and −6/4 to the nearest?",
        "Add half of what is divided by, and shift. Only divide has to treat numbers below zero differently.",
        "high: minimum with 2³¹ − 1 comes last. divide: for x < 0 and e > 0, add one less than the half.",
    ),
)
