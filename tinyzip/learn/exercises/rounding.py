"""Rounding: where a half goes.

To the nearest whole number is not yet a rule: 2.5 has two. Three answers are in use:

    half to even           2.5 → 2    3.5 → 4    −2.5 → −2      IEEE 754, np.rint, and our grids
    half up                2.5 → 3    3.5 → 4    −2.5 → −2      ⌊x + ½⌋, the cheapest
    half away from zero    2.5 → 3    3.5 → 4    −2.5 → −3      school, C's round, gemmlowp's division

To even, as many halves go up as down, and −x is rounded like x. Half up shifts the mean; away from zero does
not, but makes numbers larger. Two programs that are to agree code for code have to agree in this.

Integer kernels divide by 2ᵉ. A shift to the right does it in one instruction, x >> e = ⌊x / 2ᵉ⌋, and floors:
−1 >> 1 is −1. So something is added before the shift, and e = 0 has to leave x as it is:

    half up                ⌊(x + 2ᵉ⁻¹) / 2ᵉ⌋
    half away from zero    the same for x ≥ 0; −(that of −x) for x < 0

The sum may need more bits than x has: 2³¹ − 1 is the largest int32, and int32 would make −2³¹ of one more.
"""

import numpy as np


def half_to_even(x: np.ndarray) -> np.ndarray:
    """The whole numbers nearest to x, floats of any shape; a half goes to the even one."""
    y: np.ndarray = np.rint(x)
    return y


def half_away(x: np.ndarray) -> np.ndarray:
    """The whole numbers nearest to x, floats of any shape; a half goes away from zero."""
    y: np.ndarray = np.sign(x) * np.floor(np.abs(x) + 0.5)
    return y


def shift_half_up(x: np.ndarray, e: int) -> np.ndarray:
    """x / 2ᵉ of int32 numbers x, any shape, 0 ≤ e ≤ 31, as whole numbers; a half goes up."""
    half = (1 << e) >> 1
    y: np.ndarray = (x.astype(np.int64) + half) >> e
    return y


def shift_half_away(x: np.ndarray, e: int) -> np.ndarray:
    """x / 2ᵉ of int32 numbers x, any shape, 0 ≤ e ≤ 31, as whole numbers; a half goes away from zero."""
    half = (1 << e) >> 1
    y: np.ndarray = np.sign(x) * ((np.abs(x.astype(np.int64)) + half) >> e)
    return y


if __name__ == "__main__":
    odd = np.arange(-7, 8, 2)
    print(f"{'numbers:':20}", odd / 2)
    for name, rounded in (
        ("half to even", half_to_even(odd / 2)),
        ("half away from zero", half_away(odd / 2)),
        ("half up", shift_half_up(odd, 1)),
        ("floored", odd >> 1),
    ):
        print(f"{name + ':':20}", rounded, "mean", np.mean(rounded))
