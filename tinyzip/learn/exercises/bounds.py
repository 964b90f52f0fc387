"""Why nothing overflows.

A sum that becomes too large for its integer wraps around, and nobody says so: 32,767 + 1 is −32,768 in 16
bits. So one has to know beforehand how large a sum can become. Weights and bias are known, and codes lie in
lo … hi: that is enough. Each term w·(x − z) is at most |w|·R in magnitude, and sums of some of the terms are
no larger than the magnitudes of all together:

    bound[f] = Σ |w[f]|·R + |bias[f]|        R = max(z − lo, hi − z)

That holds for every image and for every order in which the terms are added, halfway through the sum, too.
The sums at the end are known more exactly. A product is least at lo where its weight is positive, and at hi
where it is negative:

    least[f] = Σ min(w·(lo − z), w·(hi − z)) + bias[f]        and greatest[f] with max

and some image attains each of the two. An integer of b bits holds −2ᵇ⁻¹ … 2ᵇ⁻¹ − 1, one bit being that of
the sign. Most layers of small networks need fewer than 24, and then float32, which holds all whole numbers
up to 2²⁴, adds them without an error, too.
"""

import numpy as np


def sum_bounds(w: np.ndarray, bias: np.ndarray, lo: int, hi: int, zero: int) -> np.ndarray:
    """The bound of each output, (F,) int64. w (F, …) int8, bias (F,) int32; codes lo ≤ zero ≤ hi."""
    magnitudes = np.abs(w.astype(np.int64)).reshape(len(w), -1).sum(axis=1)
    bounds: np.ndarray = magnitudes * max(zero - lo, hi - zero) + np.abs(bias.astype(np.int64))
    return bounds


def sum_ends(w: np.ndarray, bias: np.ndarray, lo: int, hi: int, zero: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest sum of each output, (F,) int64 both."""
    rows = w.reshape(len(w), -1).astype(np.int64)
    at_lo, at_hi = rows * (lo - zero), rows * (hi - zero)
    return np.minimum(at_lo, at_hi).sum(axis=1) + bias, np.maximum(at_lo, at_hi).sum(axis=1) + bias


def accumulator_bits(bound: int) -> int:
    """The fewest bits, the sign's among them, of an integer that holds −bound … bound."""
    return int(bound).bit_length() + 1


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    for name, shape in (("3x3 on one channel", (8, 1, 3, 3)), ("fully connected, 784", (8, 784))):
        w, bias = rng.integers(-127, 128, shape, np.int8), np.zeros(8, np.int32)
        for lo, hi, zero in ((0, 255, 0), (0, 255, 128)):
            bound = int(sum_bounds(w, bias, lo, hi, zero).max())
            least, greatest = (int(end[0]) for end in sum_ends(w, bias, lo, hi, zero))
            print(f"{name}, zero point {zero}: |sum| <= {bound}, {accumulator_bits(bound)} bits;", end=" ")
            print(f"output 0 from {least} to {greatest}")
