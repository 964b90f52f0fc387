"""Scale and zero point.

To quantize is to choose a grid, evenly spaced real numbers, and to write down only which of them is nearest:

    x ≈ scale · (k − zero)                         k = 0, 1, … 2ᵇ − 1, the code
    k = clamp(round(x / scale) + zero, 0, 2ᵇ − 1)                                   [Jacob et al. 2018, eq. 1]

`scale` is the distance of two neighbours, and the code `zero` means 0 exactly. What lies beyond the grid gets
the code of its nearest end. `round` is to the nearest whole number, a half to the even one (np.rint). Zero is
added after it: a half then goes to the same real number, whatever zero is.

A grid for numbers from low to high is made in three steps:

    widen    low ← min(low, 0), high ← max(high, 0), since 0 has to lie on the grid
    scale    (high − low) / (2ᵇ − 1); 1 where low = high = 0
    zero     round(−low / scale), a half to the even one

Rounding zero moves both ends of the grid by half a scale at most, and buys that 0 comes back as 0.
"""

import numpy as np


def scale_and_zero(low: float, high: float, bits: int) -> tuple[float, int]:
    """The scale, in the unit of low ≤ high, and the zero point, a whole number 0 … 2ᵇ − 1."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / (2**bits - 1) if high > low else 1.0
    return scale, round(-low / scale)


def quantize(x: np.ndarray, scale: float, zero: int, bits: int) -> np.ndarray:
    """Codes 0 … 2ᵇ − 1 of x, whole numbers in its shape."""
    codes: np.ndarray = np.clip(np.rint(x / scale) + zero, 0, 2**bits - 1).astype(np.int64)
    return codes


def dequantize(codes: np.ndarray, scale: float, zero: int) -> np.ndarray:
    """The real numbers that codes, of any dtype of whole numbers and any shape, mean."""
    x: np.ndarray = scale * (codes.astype(np.int64) - zero)
    return x


if __name__ == "__main__":
    x = np.array([-0.4, -0.1, 0.0, 0.2, 1.0, 7.0])
    for bits in (8, 3):
        scale, zero = scale_and_zero(-0.4, 1.0, bits)
        codes = quantize(x, scale, zero, bits)
        print(f"{bits} bits on -0.4 .. 1: scale {scale:.4f}, zero {zero}")
        print("   numbers:       ", x)
        print("   codes:         ", codes)
        print("   what they mean:", dequantize(codes, scale, zero).round(4))
