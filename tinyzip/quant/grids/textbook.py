"""Two formulas that everyone writes first, and why nobody ships them.

y = round((x − min) / (max − min) · (2^b − 1) + 1)                                         (T1)
y = round(255 · x / max), stored in a byte                                                 (T2)

Both look like quantization, and T1 even keeps its promise of half a step. They are kept here exactly as
they are printed, with their decoders, since each defect is the reason for one rule of `grid`:

- T1's codes run from 1 to 2^b. There are 2^b of them, but the last one needs b + 1 bits: at b = 8 the code
  of the maximum is 256, and in a byte it becomes 0. Counting from lo to hi is not pedantry.
- T1 has no code for zero unless −min happens to be a multiple of the step. Padding, ReLU and pruned weights
  are all zeros; each comes back as the same small wrong number, and as they all lean to one side the
  errors of a sum do not average out. A `Grid` moves its ends a little so that zero is exact.
- T1 divides by max − min, which is zero for a constant tensor. (Refused here; a `Grid` has an answer.)
- T2 forgets that weights are negative. −x is stored as 256 − y and read back as a large positive number:
  about half of all weights change their sign *and* their size, and the network only guesses. It is one
  row of the main table, since seeing it fail is the lesson.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyzip.base.refuse import is_number, refuse
from tinyzip.nn.network import AnyNetwork
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.grids.grid import check_bits, check_finite


def min_max_encode(x: ArrayLike, bits: int) -> NDArray[np.int64]:
    """T1 as printed: codes 1 … 2^bits, in int64 because the last one does not fit into `bits` bits.

    x        real and finite, any shape
    returns  codes of x's shape, without unit
    raises   ValueError where max = min: T1 divides by zero there
    """
    bits, x = check_bits(bits), check_finite(x, "min_max_encode: x").astype(np.float64)
    least, most = x.min(), x.max()
    if least == most:
        refuse("min_max_encode: x", f"max = min = {most}, a division by zero", "two different numbers")
    return np.asarray(np.rint((x - least) / (most - least) * (2**bits - 1) + 1), np.int64)


def min_max_decode(y: NDArray[np.integer[Any]], bits: int, least: float, most: float) -> NDArray[np.float32]:
    """T1 solved for x: min + (y − 1)·(max − min)/(2^bits − 1).

    y            codes 1 … 2^bits, integers, any shape
    least, most  the min and the max of the array that was encoded
    returns      float32 of y's shape; off by at most (max − min)/(2^bits − 1)/2 and float32 rounding
    """
    for name, end in (("least", least), ("most", most)):
        _check_end(end, f"min_max_decode: {name}")
    step = (most - least) / (2 ** check_bits(bits) - 1)
    offsets = _codes(y, "min_max_decode: y").astype(np.float64) - 1
    return np.asarray(least + offsets * step, np.float32)


def byte_encode(x: ArrayLike) -> NDArray[np.uint8]:
    """T2 as printed. What does not fit into the byte wraps around: −1 becomes 255.

    x        real and finite, any shape
    returns  codes of x's shape, uint8
    raises   ValueError where max = 0: T2 divides by zero there
    """
    x = check_finite(x, "byte_encode: x").astype(np.float64)
    if x.max() == 0:
        refuse("byte_encode: x", "max = 0, a division by zero", "a maximum that is not zero")
    return np.asarray(np.rint(255 * x / x.max()) % 256, np.uint8)


def byte_decode(y: NDArray[np.uint8], most: float) -> NDArray[np.float32]:
    """T2 solved for x: y·max/255, float32 of y's shape. Right for 0 ≤ x ≤ max only.

    y     uint8, any shape
    most  the max of the array that was encoded
    """
    _check_end(most, "byte_decode: most")
    return np.asarray(_codes(y, "byte_decode: y") * (float(most) / 255), np.float32)


def through_bytes(model: AnyNetwork) -> AnyNetwork:
    """The model with every weight encoded by T2 and decoded again; biases are left as they are.

    raises  ValueError that names the weight whose maximum is zero
    """
    params = dict(model.params)
    for name, value in params.items():
        if value.ndim >= 2:
            if value.max() == 0:
                refuse(name, "max = 0, a division by zero", "a maximum that is not zero")
            params[name] = byte_decode(byte_encode(value), float(value.max())).astype(value.dtype)
    return model.with_params(params)


def _codes(y: Array, argument: str) -> Array:
    array = check_finite(y, argument)
    if array.dtype.kind not in "iu":
        refuse(argument, f"dtype {array.dtype}", "integers", TypeError)
    return array


def _check_end(end: float, argument: str) -> None:
    if not is_number(end) or not np.isfinite(end):
        refuse(argument, end, "a finite number")
