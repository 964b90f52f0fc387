"""Two formulas that fail.

Quantizing keeps a whole number of few bits, a code, in place of each x. Two formulas come to mind first:

    y = round((x − min) / (max − min) · (2ᵇ − 1) + 1)         x ≈ min + (y − 1)·(max − min) / (2ᵇ − 1)
    y = round(255·x / max), kept in a byte                    x ≈ y·max / 255

On the right each is solved for x. Write them as they are printed; `round` is to the nearest whole number. A
byte keeps y mod 256, so that −1 becomes 255 and 256 becomes 0. Then run this file, and see them fail:

The first counts from 1, so the code of max is 2ᵇ. It needs b + 1 bits: at b = 8 it is 256, and in a byte 0.
And no code means 0, unless −min happens to be a multiple of the step. Padding, ReLU and pruned weights are
all zeros; each would come back as the same small wrong number, and such errors add up. The second forgets
that weights may be negative: −x is kept as 256 − y, and comes back as a large positive number.

So a range must have its codes from 0 to 2ᵇ − 1, negative numbers must be in it, and one code must mean 0.
"""

import numpy as np


def min_max_encode(x: np.ndarray, bits: int) -> np.ndarray:
    """Codes 1 … 2ᵇ of the first formula, whole numbers in the shape of x, where max > min."""
    least, most = x.min(), x.max()
    y: np.ndarray = np.rint((x - least) / (most - least) * (2**bits - 1) + 1).astype(np.int64)
    return y


def min_max_decode(y: np.ndarray, bits: int, least: float, most: float) -> np.ndarray:
    """The numbers that codes y, whole numbers of any shape, mean by the first formula; min and max of x."""
    x: np.ndarray = least + (y - 1) * (most - least) / (2**bits - 1)
    return x


def byte_encode(x: np.ndarray) -> np.ndarray:
    """Codes 0 … 255 of the second formula, whole numbers in the shape of x, where max > 0."""
    y: np.ndarray = (np.rint(255 * x / x.max()) % 256).astype(np.uint8)
    return y


def byte_decode(y: np.ndarray, most: float) -> np.ndarray:
    """The numbers that codes y (uint8, any shape) mean by the second formula; the max of x."""
    x: np.ndarray = y * (most / 255)
    return x


if __name__ == "__main__":
    x = np.array([-0.4, -0.1, 0.0, 0.2, 1.0])
    print("numbers:                  ", x)
    y = min_max_encode(x, 8)
    print("codes by the first:       ", y, "and in a byte", y % 256)
    print("what they mean:           ", min_max_decode(y, 8, x.min(), x.max()).round(4), "- no 0")
    print("codes by the second:      ", byte_encode(x))
    print("what they mean:           ", byte_decode(byte_encode(x), x.max()).round(4))
