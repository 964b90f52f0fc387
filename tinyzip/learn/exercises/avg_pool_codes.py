"""The average pool that LiteRT computes.

The mean of codes is the code of the mean, as long as the grid stays: with real = s·(code − z), the mean of
the reals is s·(mean code − z). So an average pool needs no multiplier and no zero point. It adds up codes,
divides by how many pixels the window sees, and rounds to the nearest whole number.

A half goes away from zero, the code 0. Whole division in Python and NumPy rounds down, also below zero. So
divide the magnitude, and put the sign back:

    mean(total, count) = ± ⌊(|total| + ⌊count / 2⌋) / count⌋        + or − as the total

For an even count, half of it is the half that is to go up; for an odd one there is none, and ⌊count / 2⌋ is
just too little to lift anything below.

At the border only pixels count, as in the average pool on real numbers. What stands in the border must add
nothing to the total: that is the number 0, not the zero point, since the codes are summed as they are. Sums
of bytes do not fit into a byte.
"""

import numpy as np

from tinyzip.learn.earlier import im2col, window_count

Padding = tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right))


def mean_away(total: np.ndarray, count: int | np.ndarray) -> np.ndarray:
    """total / count to the nearest, half away from zero. total int64; count > 0, a number or int64."""
    mean: np.ndarray = np.sign(total) * ((np.abs(total) + count // 2) // count)
    return mean


def avg_pool_codes(x: np.ndarray, k: int, s: int, padding: Padding = ((0, 0), (0, 0))) -> np.ndarray:
    """The mean codes (C, OH, OW, N) of x (C, H, W, N), uint8 or int8, over windows of k × k.

    The padding is less than k at each end, and is not counted.
    """
    C, H, W, N = x.shape
    border = (0, 0), *padding, (0, 0)
    total = im2col(np.pad(x.astype(np.int64), border), k, k, s).reshape(C, k * k, -1).sum(axis=1)
    count = im2col(np.pad(np.ones((1, H, W, N), np.int64), border), k, k, s).sum(axis=0)
    OH, OW = window_count(H, k, s, *padding[0]), window_count(W, k, s, *padding[1])
    return mean_away(total, count).reshape(C, OH, OW, N)


if __name__ == "__main__":
    total = np.array([-7, -6, -5, -2, -1, 0, 1, 2, 5, 6, 7])
    print("totals of four codes   ", total)
    print("rounded down           ", total // 4)
    print("as LiteRT rounds       ", mean_away(total, 4))
    flat = np.full((1, 5, 5, 1), -9, np.int8)
    print("codes that are -9 everywhere stay -9, at the border, too:")
    print(avg_pool_codes(flat, 3, 2, ((1, 1), (1, 1)))[0, :, :, 0])
