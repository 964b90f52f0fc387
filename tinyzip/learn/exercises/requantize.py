"""Requantize: from a sum back to a code.

All is there to leave a layer. A sum acc, in steps of s_x·s_w, becomes a code of the grid that comes next, in
steps of s_y, with the zero point z_y:

    y = clamp(z_y + round(acc·m0·2⁻ⁿ), lo, hi)        [Jacob et al. 2018, eq. 4-6]

The zero point is added after the multiplication, since it counts in steps of s_y; and the clamp comes last,
while the numbers are still wide: stored as a byte first, 300 would become 44. A ReLU is nothing but a clamp
with lo = z_y, and costs nothing.

`round` is that of gemmlowp, in two steps. high takes off 31 bits, divide the other n − 31. Where n < 31 (M is
above 1), there is nothing left to take off, but too much was taken: then acc is shifted to the left before.

    round(acc·m0·2⁻ⁿ) = divide(high(acc·2ˡ, m0), e)        l = max(31 − n, 0),  e = max(n − 31, 0)

Each output of a layer may have an M of its own, so m0 and n may be arrays.
"""

import numpy as np

from tinyzip.learn.earlier import divide, high


def requantize(
    acc: np.ndarray, m0: int | np.ndarray, n: int | np.ndarray, zero: int, lo: int, hi: int
) -> np.ndarray:
    """The codes, lo … hi, of sums acc, whole numbers of acc's shape.

    acc is int32 or int64, with |acc|·2ˡ < 2³¹; m0 and 1 ≤ n ≤ 62 are numbers, or int64 that broadcast to acc.
    """
    left, right = np.maximum(31 - n, 0), np.maximum(n - 31, 0)
    scaled = divide(high(acc << left, m0), right)
    codes: np.ndarray = np.clip(scaled + zero, lo, hi)
    return codes


if __name__ == "__main__":
    from tinyzip.learn.earlier import multiplier

    s_x, s_w, s_y, zero = 0.02, 0.005, 0.03, -10
    m0, n = multiplier(s_x * s_w / s_y)
    acc = np.array([-90_000, -1500, -150, 0, 150, 1500, 90_000])
    codes = requantize(acc, m0, n, zero, -128, 127)
    print("sums           ", acc)
    print("codes          ", codes)
    print("real, from sums ", (acc * (s_x * s_w)).round(3))
    print("real, from codes", ((codes - zero) * s_y).round(3), "clamped at both ends")
