"""Depth: what is known of the exercise about rounding."""

from typing import Any

import numpy as np

from tinyzip.integer.fixedpoint import divide, even, rescale
from tinyzip.learn.case import Case, Check

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
    hints=(
        "Where do 2.5, −2.5, 0.49 and −0.5 go by each rule? Which of them does ⌊x + ½⌋ get right?",
        "Away from zero is half up of |x|, with the sign put back. Of integers, half of 2ᵉ is (1 << e) >> 1.",
        "To even: NumPy has it. Shifts: make x int64, add the half, shift; for away, of |x|, then the sign.",
    ),
)
