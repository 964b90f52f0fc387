"""Per channel: a scale for each output.

Weights lie around 0 on both sides, so their grids are symmetric: zero = 0, and the codes are −n … n with
n = 2ᵇ⁻¹ − 1. (The code −2ᵇ⁻¹ is left out: then −w has the code of w with the other sign.) The largest |w|
gets the code n:

    scale = max |w| / n        q = clamp(round(w / scale), −n, n)        w̃ = scale · q

A layer's weights w (F, …) have F outputs, axis 0, and the sizes of their rows often differ tenfold, most of
all after a batch norm is folded in. With one scale for all, the largest row rules, and rows of small weights
are left with two or three codes. So each output gets a scale of its own [Krishnamoorthi 2018],

    scale[f] = max |w[f]| / n      1 where all of w[f] is 0, so that nothing is divided by 0

It costs one number an output, and no time: an output is a sum over one row, and a factor that all of the sum
shares is multiplied once, after it. A scale for each *input* would have to be inside of the sum.
"""

import numpy as np


def channel_scales(w: np.ndarray, bits: int) -> np.ndarray:
    """The scales (F,) of weights w (F, …), of 2 or more dimensions, in the unit of w."""
    top = np.abs(w).reshape(len(w), -1).max(axis=1)
    return np.where(top > 0, top / (2 ** (bits - 1) - 1), 1.0)


def quantize_channels(w: np.ndarray, scales: np.ndarray, bits: int) -> np.ndarray:
    """Codes −n … n of w (F, …) with scales (F,): whole numbers in the shape of w; a half goes to even."""
    n = 2 ** (bits - 1) - 1
    along = scales.reshape(-1, *[1] * (w.ndim - 1))
    q: np.ndarray = np.clip(np.rint(w / along), -n, n).astype(np.int64)
    return q


if __name__ == "__main__":
    from tinyzip.learn.earlier import he

    size = np.array([1.0, 0.3, 0.1, 0.03])
    w = size[:, None] * he(np.random.default_rng(0), (4, 50))
    for bits in (8, 4):
        scales = channel_scales(w, bits)
        for name, chosen in (("one for all", np.full(4, scales.max())), ("per channel", scales)):
            error = chosen[:, None] * quantize_channels(w, chosen, bits) - w
            lost = np.square(error).sum(axis=1) / np.square(w).sum(axis=1)
            print(f"{bits} bits, {name}: lost of each of four rows", *(f"{share:8.3%}" for share in lost))
