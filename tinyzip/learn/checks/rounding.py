"""Depth: what is known of the exercise about rounding."""

from typing import Any

import numpy as np

from tinyzip.integer.fixedpoint import divide, even, rescale
from tinyzip.learn.case import Case, Check, Mistake

EIGHTHS = np.arange(-44, 45) / 8
HALVES = np.arange(-15, 16, 2).reshape(2, 2, 4) / 2
LARGE = np.array([-1000.5, -999.5, 127.5, 128.5, 65535.5, 65536.5, -65536.5])
NEAR = np.array([0.4999, -0.4999, 0.5001, -0.5001, 2.4999, 3.4999, -2.5001, -3.5001, 1.5001])
ENDS = np.array([2**31 - 1, 2**31 - 2, -(2**31), -(2**31) + 1, 2**30, -(2**30), 0, 1, -1], np.int32)
NUMBERS = np.arange(-41, 42, dtype=np.int32)
PARTS = 2**14  # what the float cases are counted in for the library's roundings, which divide by 2ᵉ


def expected_even(x: Any) -> Any:
    return even(np.rint(x * PARTS).astype(np.int64), 14).astype(float)


def expected_away(x: Any) -> Any:
    return divide(np.rint(x * PARTS).astype(np.int64), 14).astype(float)


def expected_up(x: Any, e: int) -> Any:
    return rescale(x, 2**30, 30 + e, "shift") if e else x.astype(np.int64)


def floats(function: str, what: str, x: Any, dtype: Any = np.float64) -> Case:
    ask = expected_even if function == "half_to_even" else expected_away
    return Case(function, what, lambda: (x.astype(dtype),), ask, 0)


def whole(function: str, what: str, x: Any, e: int) -> Case:
    ask = expected_up if function == "shift_half_up" else divide
    return Case(function, what, lambda: (x.copy(), e), ask, 0)


CHECK = Check(
    library="integer/fixedpoint.py, divide and rescale",
    cases=(
        *(
            case
            for function in ("half_to_even", "half_away")
            for case in (
                floats(function, "eighths from −5.5 to 5.5", EIGHTHS),
                floats(function, "halves in two blocks of 2×4", HALVES),
                floats(function, "numbers near a half", NEAR),
                floats(function, "halves of some thousands", LARGE),
                floats(function, "halves in float32", HALVES, np.float32),
            )
        ),
        *(
            case
            for function in ("shift_half_up", "shift_half_away")
            for case in (
                whole(function, "numbers from −41 to 41 divided by 2", NUMBERS, 1),
                whole(function, "numbers from −41 to 41 divided by 8", NUMBERS, 3),
                whole(function, "two rows divided by 4", NUMBERS[:80].reshape(2, 40), 2),
                whole(function, "numbers divided by 1, which e = 0 means", NUMBERS, 0),
                whole(function, "the largest and the smallest int32 divided by 2", ENDS, 1),
                whole(function, "the largest and the smallest int32 divided by 2³¹", ENDS, 31),
            )
        ),
    ),
    mistakes=(
        Mistake("np.rint(x)", "np.floor(x + 0.5)", "this rounds a half up; it has to go to the even number"),
        Mistake("np.rint(x)", "np.floor(x)", "this floors; the nearest whole number was asked for"),
        Mistake("np.rint(x)", "np.trunc(x)", "this cuts towards 0; the nearest whole number was asked for"),
        Mistake(
            "np.rint(x)",
            "np.sign(x) * np.floor(np.abs(x) + 0.5)",
            "this rounds a half away from zero; it has to go to the even number",
        ),
        Mistake("np.rint(x)", "2 * np.rint(x / 2)", "only a half goes to the even number; 0.9 goes to 1"),
        Mistake("np.rint(x)", "np.ceil(x - 0.5)", "this rounds a half down; it has to go to the even number"),
        Mistake(
            "np.sign(x) * np.floor(np.abs(x) + 0.5)",
            "np.rint(x)",
            "this rounds a half to even; it has to go away from zero",
        ),
        Mistake(
            "np.sign(x) * np.floor(np.abs(x) + 0.5)",
            "np.floor(x + 0.5)",
            "−2.5 goes to −2 here: a half goes away from zero on both sides",
        ),
        Mistake(
            "np.sign(x) * np.floor(np.abs(x) + 0.5)",
            "np.trunc(x + 0.5)",
            "below 0 the half has to be taken off: −2.6 becomes −2 here",
        ),
        Mistake(
            "np.sign(x) * np.floor(np.abs(x) + 0.5)",
            "np.trunc(x)",
            "this cuts towards 0; add a half with the sign of x before",
        ),
        Mistake(
            "np.sign(x) * np.floor(np.abs(x) + 0.5)",
            "np.sign(x) * np.ceil(np.abs(x))",
            "every fraction goes away from zero here; only a half does",
        ),
        Mistake(
            "np.sign(x) * np.floor(np.abs(x) + 0.5)",
            "np.floor(np.abs(x) + 0.5)",
            "the sign is lost: it has to come back after rounding",
        ),
        Mistake(
            "np.sign(x) * np.floor(np.abs(x) + 0.5)",
            "np.sign(x) * np.ceil(np.abs(x) - 0.5)",
            "this rounds a half towards 0; it has to go away from it",
        ),
        Mistake("y: np.ndarray = (x.astype(np.int64) + half) >> e", "y = x >> e", "this floors: add a half"),
        Mistake(
            "y: np.ndarray = (x.astype(np.int64) + half) >> e",
            "y = (x + np.int32(half)) >> e",
            "the sum with the half does not fit into int32",
        ),
        Mistake(
            "(x.astype(np.int64) + half) >> e",
            "(x.astype(np.int64) + half - (x < 0) * (e > 0)) >> e",
            "a half goes up, also below 0: −2.5 becomes −2",
        ),
        Mistake(
            "(x.astype(np.int64) + half) >> e",
            "(x.astype(np.int64) + (1 << e)) >> e",
            "this adds 2ᵉ, which is one and not a half: every number is one too large",
        ),
        Mistake(
            "(x.astype(np.int64) + half) >> e",
            "np.trunc((x.astype(np.int64) + half) / 2**e).astype(np.int64)",
            "a division that cuts towards 0 is not a shift: ⌊…⌋ goes down below 0",
        ),
        Mistake(
            "(x.astype(np.int64) + half) >> e",
            "(x.astype(np.int64) + max(half, 1)) >> e",
            "at e = 0 there is no half to add: x stays as it is",
        ),
        Mistake(
            "(x.astype(np.int64) + half) >> e",
            "np.rint(x / 2**e).astype(np.int64)",
            "this rounds a half to even; a half goes up",
        ),
        Mistake(
            "np.sign(x) * ((np.abs(x.astype(np.int64)) + half) >> e)",
            "(x.astype(np.int64) + half) >> e",
            "below 0 a half goes up here; it has to go away from zero: −2.5 becomes −3",
        ),
        Mistake(
            "np.sign(x) * ((np.abs(x.astype(np.int64)) + half) >> e)",
            "(x.astype(np.int64) + np.sign(x) * half) >> e",
            "a shift floors below 0: shift |x|, and put the sign before what comes",
        ),
        Mistake(
            "np.abs(x.astype(np.int64))",
            "np.abs(x)",
            "−2³¹ has no |x| in int32, and a sum may not fit: make x int64 first",
        ),
        Mistake(
            "np.sign(x) * ((np.abs(x.astype(np.int64)) + half) >> e)",
            "np.sign(x) * (np.abs(x.astype(np.int64)) >> e)",
            "this cuts towards 0: the half is missing",
        ),
        Mistake(
            "np.sign(x) * ((np.abs(x.astype(np.int64)) + half) >> e)",
            "(x.astype(np.int64) + half - (x < 0)) >> e",
            "at e = 0 there is no half, and nothing may be taken off numbers below 0",
        ),
        Mistake(
            "np.sign(x) * ((np.abs(x.astype(np.int64)) + half) >> e)",
            "np.rint(x / 2**e).astype(np.int64)",
            "this rounds a half to even; it goes away from zero",
        ),
    ),
    others=(
        """
import math
import numpy as np

def half_to_even(x):
    return np.array([float(round(float(value))) for value in x.ravel()]).reshape(x.shape)

def half_away(x):
    return np.trunc(x + np.copysign(0.5, x))

def shift_half_up(x, e):
    y = [math.floor((int(value) + (2 ** (e - 1) if e else 0)) / 2**e) for value in x.ravel()]
    return np.array(y).reshape(x.shape)

def shift_half_away(x, e):
    x = x.astype(np.int64)
    half = (1 << e) >> 1
    return (x + half - ((x < 0) & (e > 0))) >> e
""",
        """
import numpy as np

def half_to_even(x):
    below = np.floor(x)
    fraction = x - below
    return below + ((fraction > 0.5) | ((fraction == 0.5) & (below % 2 == 1)))

def half_away(x):
    whole = np.trunc(x)
    return (whole + np.sign(x) * (np.abs(x - whole) >= 0.5)).astype(np.int64)

def shift_half_up(x, e):
    return np.floor(x / 2.0**e + 0.5).astype(np.int32)

def shift_half_away(x, e):
    size = np.floor(np.abs(x / 2.0**e) + 0.5)
    return np.where(x < 0, -size, size).astype(np.int64)
""",
    ),
    hints=(
        "Where do 2.5, −2.5, 0.49 and −0.5 go by each rule? Which of them does ⌊x + ½⌋ get right?",
        "Away from zero is half up of |x|, with the sign put back. Of integers, half of 2ᵉ is (1 << e) >> 1.",
        "To even: NumPy has it. Shifts: make x int64, add the half, shift; for away, of |x|, then the sign.",
    ),
)
