"""A real multiplier as two integers.

A layer on codes adds up products in steps of s_x·s_w, and writes codes in steps of s_y. So each sum has to be
multiplied by M = s_x·s_w / s_y, a real number; and where there are only integers, there is none. M is kept as
two of them [Jacob et al. 2018, eq. 5-6]:

    M ≈ m0·2⁻ⁿ        2³⁰ ≤ m0 < 2³¹

For each M > 0 one n takes M·2ⁿ into this range; m0 is the nearest whole number, a half goes up. Rounding may
lead to 2³¹, one bit too many: that is 2³⁰ with an n which is smaller by one. m0 is off by ½ at most, and is
2³⁰ or more, so M is met to a relative error of 2⁻³¹.

To multiply a sum is then a product of whole numbers and a shift to the right. A shift rounds down, so half of
2ⁿ is added before:

    round(acc·M) = ⌊(acc·m0 + 2ⁿ⁻¹) / 2ⁿ⌋        to the nearest, a half goes up

A sum of 32 bits times m0 of 31 needs 64 bits. LiteRT's fully connected layers compute just this.
"""

import math

import numpy as np


def multiplier(real: float) -> tuple[int, int]:
    """m0 and n of a real number, 2⁻³⁰ < real < 2³⁰: m0·2⁻ⁿ is the nearest, a half goes up."""
    share, exponent = math.frexp(real)
    m0, n = math.floor(share * 2**31 + 0.5), 31 - exponent
    return (2**30, n - 1) if m0 == 2**31 else (m0, n)


def rescale_once(acc: np.ndarray, m0: int | np.ndarray, n: int | np.ndarray) -> np.ndarray:
    """acc·m0·2⁻ⁿ to the nearest whole number, a half goes up, in acc's shape.

    acc is int32 or int64 with |acc| ≤ 2³¹; m0 and 1 ≤ n ≤ 62 are numbers, or int64 that broadcast to acc.
    """
    product = acc.astype(np.int64) * m0
    return (product + (np.int64(1) << (n - 1))) >> n


if __name__ == "__main__":
    for real in (0.3, 0.004, 1.75, 1 - 2.0**-40):
        m0, n = multiplier(real)
        print(f"{real:<6.4g} is {m0} / 2^{n}, off by {abs(m0 / 2**n / real - 1):.1e} of it")
    acc = np.array([-1000, -5, 0, 5, 1000])
    print(acc, "times 0.3:", rescale_once(acc, *multiplier(0.3)))
