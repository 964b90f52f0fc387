"""A convolution on codes with a zero point.

A code x of an image means s_x·(x − z_x), a code w of a kernel s_w·w: weights have the zero point 0. So a real
sum of products is

    Σ s_w·w · s_x·(x − z_x) = s_x·s_w · Σ w·(x − z_x)        [Jacob et al. 2018, eq. 7]

and the sum on the right is one of whole numbers. Three things are easily overlooked. A byte cannot hold
x − z_x, which has nine bits: make it wider before. The border stands for real zeros, and the code of a real 0
is z_x, not 0. And the bias belongs to the sum, in its steps of s_x·s_w; it is added before the sum becomes a
code:

    acc[f, oh, ow, n] = bias[f] + Σ w[f, c, i, j]·(x̄[c, oh·s + i, ow·s + j, n] − z_x)
    y = requantize(acc) with the m0[f] and n[f] of each output f, and y's zero point and ends

The codes are those that LiteRT writes, all of them.
"""

import numpy as np

from tinyzip.learn.earlier import im2col, requantize, window_count

Padding = tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right))


def accumulate(
    x: np.ndarray,
    x_zero: int,
    w: np.ndarray,
    bias: np.ndarray,
    s: int = 1,
    padding: Padding = ((0, 0), (0, 0)),
) -> np.ndarray:
    """The sums acc (F, OH, OW, N), bias and all, int64.

    x (C, H, W, N) uint8 or int8 of zero point x_zero, w (F, C, kh, kw) int8, bias (F,) int32.
    """
    F, C, kh, kw = w.shape
    padded = np.pad(x.astype(np.int64), ((0, 0), *padding, (0, 0)), constant_values=x_zero)
    C, H, W, N = padded.shape
    products = w.reshape(F, C * kh * kw).astype(np.int64) @ im2col(padded - x_zero, kh, kw, s)
    sums: np.ndarray = products + bias[:, None]
    return sums.reshape(F, window_count(H, kh, s), window_count(W, kw, s), N)


def conv_codes(
    x: np.ndarray,
    x_zero: int,
    w: np.ndarray,
    bias: np.ndarray,
    m0: np.ndarray,
    n: np.ndarray,
    zero: int,
    lo: int,
    hi: int,
    s: int = 1,
    padding: Padding = ((0, 0), (0, 0)),
) -> np.ndarray:
    """The codes y (F, OH, OW, N) in lo … hi, of zero point `zero`; m0, n (F,) int64, one for each output."""
    acc = accumulate(x, x_zero, w, bias, s, padding)
    codes: np.ndarray = requantize(acc, m0[:, None, None, None], n[:, None, None, None], zero, lo, hi)
    return codes


if __name__ == "__main__":
    from tinyzip.learn.earlier import conv, multiplier

    rng = np.random.default_rng(0)
    s_x, x_zero, s_w, s_y, zero = 0.02, 30, 0.01, 0.05, 100
    x, w = rng.integers(0, 256, (3, 6, 6, 4), np.uint8), rng.integers(-127, 128, (1, 3, 3, 3), np.int8)
    m0, n = np.array([multiplier(s_x * s_w / s_y)]).T
    codes = conv_codes(x, x_zero, w, np.zeros(1, int), m0, n, zero, 0, 255, 1, ((1, 1), (1, 1)))
    real = conv(s_x * (x.astype(float) - x_zero), s_w * w, np.zeros(1), 1, 1)
    print("codes of the first image:", codes[0, :, :, 0], sep="\n")
    inside = (codes > 0) & (codes < 255)
    error = np.abs(s_y * (codes - zero) - real)[inside].max() / s_y
    print(f"from the same convolution in real numbers they differ by {error:.2f} steps at most")
