"""The range of least squared error.

With the scale max |w| / n nothing is clipped, but few weights are so large, and all are rounded with the step
that the largest needs. A smaller scale clips some and rounds all others better. What both cost together is

    E(scale) = Σ (w − w̃)²        w̃ = scale · clamp(round(w / scale), −n, n)        n = 2ᵇ⁻¹ − 1

At 8 bits it hardly matters where to cut. Each bit less makes rounding four times as costly, and from 4 bits
on the cut decides if a network works. E is no smooth function: as the scale moves, codes jump. So some
scales are tried out: the last code means i/100 of the largest |w|, for i = 1, 2, … 100,

    scaleᵢ = (i / 100) · max |w| / n

and the one with the least E is taken. i = 100 is among them, so it is never worse than without the search.
Where all weights are 0, no scale is better than another, and it is 1.
"""

import numpy as np


def squared_error(w: np.ndarray, scale: float, bits: int) -> float:
    """E(scale), one number, of weights w of any shape and codes −n … n."""
    n = 2 ** (bits - 1) - 1
    error = w - scale * np.clip(np.rint(w / scale), -n, n)
    return float(np.square(error).sum())


def best_scale(w: np.ndarray, bits: int) -> float:
    """The one of the hundred scales with the least E for weights w of any shape; 1 where all are 0."""
    most = np.abs(w).max() / (2 ** (bits - 1) - 1)
    if most == 0:
        return 1.0
    scales = [most * i / 100 for i in range(1, 101)]
    return float(min(scales, key=lambda scale: squared_error(w, scale, bits)))


if __name__ == "__main__":
    w = np.random.default_rng(0).laplace(size=1000)
    print("1000 weights, many small and few large: the largest has a size of", np.abs(w).max().round(2))
    for bits in (8, 4, 3, 2):
        most, best = np.abs(w).max() / (2 ** (bits - 1) - 1), best_scale(w, bits)
        before, after = squared_error(w, most, bits), squared_error(w, best, bits)
        print(
            f"{bits} bits: at the largest E is {before:7.2f}, at best {after:7.2f}, cut at {best / most:.0%}"
        )
