"""The round trip: at most half a scale, and what clipping costs.

Quantize x and read it back: what comes is x̃, the nearest number of the grid. How far can it be from x? The
grid reaches from its code 0 to its code 2ᵇ − 1, that is

    first = scale·(0 − zero)        last = scale·(2ᵇ − 1 − zero)

    |x − x̃| ≤ scale / 2             where first ≤ x ≤ last: x is rounded
    |x − x̃| = first − x             where x < first: x is clipped
    |x − x̃| = x − last              where x > last

The two costs pull in opposite ways. A wide grid of 2ᵇ codes has a large scale, and each number is rounded by
much; a narrow one clips. For numbers spread evenly across many codes, the mean of (x − x̃)² is scale² / 12, so
one bit more, which halves the scale, makes a quarter of it. Where the sum of both costs is least is a later
exercise; here they are told apart.
"""

import numpy as np

from tinyzip.learn.earlier import dequantize, quantize


def round_trip(x: np.ndarray, scale: float, zero: int, bits: int) -> np.ndarray:
    """x̃: x after the grid of codes 0 … 2ᵇ − 1, any shape."""
    x_tilde: np.ndarray = dequantize(quantize(x, scale, zero, bits), scale, zero)
    return x_tilde


def error_bound(x: np.ndarray, scale: float, zero: int, bits: int) -> np.ndarray:
    """What |x − x̃| is at most, for each x.

    scale / 2 from the first to the last number of the grid, both included; outside, how far x is from the end
    """
    first, last = scale * (0 - zero), scale * (2**bits - 1 - zero)
    outside = np.maximum(first - x, x - last)
    return np.where(outside > 0, outside, scale / 2)


def costs(x: np.ndarray, scale: float, zero: int, bits: int) -> tuple[float, float]:
    """Σ (x − x̃)² over the x that are rounded, both ends included, and over those that are clipped."""
    first, last = scale * (0 - zero), scale * (2**bits - 1 - zero)
    square = (x - round_trip(x, scale, zero, bits)) ** 2
    inside = (first <= x) & (x <= last)
    return square[inside].sum(), square[~inside].sum()


if __name__ == "__main__":
    x = np.random.default_rng(0).normal(size=10000)
    print("10000 numbers of deviation 1, and 16 codes from about -r to r:")
    for r in (1.0, 2.0, 2.5, 3.0, 4.0):
        scale = 2 * r / 15
        rounded, clipped = costs(x, scale, 8, 4)
        print(f"r = {r}: rounding costs {rounded:6.1f}, clipping {clipped:6.1f}", end=", ")
        print(f"both {rounded + clipped:6.1f}; scale^2 / 12 for each would be {len(x) * scale**2 / 12:6.1f}")
