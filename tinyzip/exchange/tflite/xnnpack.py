"""Depth: what LiteRT's default kernels compute instead: those of XNNPACK, which phones and laptops run.

XNNPACK takes the nodes that it has an int8 kernel for. All others fall back on LiteRT's own, which write what
the reference kernels write; and so here, where what is not overridden is inherited:

    by XNNPACK    CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, MUL, ADD, MEAN, QUANTIZE, LEAKY_RELU; the
                  same codes in any case: MAX_POOL_2D, PAD, RESHAPE, TRANSPOSE, CONCATENATION, LOGISTIC, TANH
    fall back     AVERAGE_POOL_2D, RELU, RELU6, HARD_SWISH, SOFTMAX, with the same codes but for SOFTMAX

With fl(·) for rounding to float32:

    weights, products    rounding "float32" with M = fl(fl(s_x·s_w) / s_y)                     (XN1)
    addition             (AD2) with M = fl(s_x / s_y), fl(s_o / s_y), the greater in 21 bits   (XN2)
    change of grid       ⌊(256·M rounded to even)·(code − x.zero)/256 + ½⌋, M = fl(s_x / s_y)  (XN3)
    leaky ReLU           as (XN3), with fl(M·α) where negative
    mean of n            rounding "float32" with M = fl(fl(s_x / s_y)·fl(1/n))                 (XN4)

From bytes to int8 or back a change of grid falls back on a kernel that takes 16 codes at a time: those are
rounded half up after 31 bits, and once more half up. What is left at the end is as in the reference,

    high = ⌊(code − x.zero)·m0/2³¹ + ½⌋,   ⌊high/2ⁿ⁻³¹ + ½⌋ for the first 16·⌊size/16⌋ codes   (XN5)

The default SOFTMAX adds up exponentials in float32. No integer arithmetic is that; the reference kernel's,
which is taken instead, differs from it by 1, in about one of 10⁵ codes.
[XNNPACK, qs8-requantization, qs8-vadd, qs8-vcvt, qs8-vlrelu, qs8-rsum; LiteRT, xnnpack_delegate.cc]
"""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.exchange.tflite import reference
from tinyzip.exchange.tflite.reference import Grid, Numbers, Reference
from tinyzip.integer.fixedpoint import high

MOST = 2.0**8  # multipliers from here on make the runtime overflow
LEAST_SUM = 2.0**-10  # below it an addition falls back
LEAST_STEP, MOST_STEP = 2.0**-8, 2.0**7  # beyond these a change of grid falls back


def in_float(reals: Any) -> Numbers:
    """m0, n and rounding of float32 multipliers."""
    if np.max(reals) >= MOST:
        refuse("multiplier", f"{np.max(reals)}", f"less than {MOST:.0f}, which XNNPACK can scale by")
    return reference.multipliers(np.asarray(reals, np.float64)) | {"rounding": "float32"}


class Xnnpack(Reference):
    """The numbers of the kinds that XNNPACK computes in its own way."""

    def weighted(self, x: Grid, s_w: NDArray[np.float32], y: Grid, linear: bool) -> Numbers:
        return in_float(x.scale * s_w / y.scale)

    def product(self, x: Grid, o: Grid, y: Grid) -> Numbers:
        return in_float(x.scale * o.scale / y.scale)

    def addition(self, x: Grid, o: Grid, y: Grid) -> Numbers:
        reals = np.array([x.scale / y.scale, o.scale / y.scale], np.float64)
        if reals.max() >= MOST:
            refuse("multiplier", reals.max(), f"less than {MOST:.0f}, which XNNPACK can scale by")
        if reals.min() < LEAST_SUM:
            return super().addition(x, o, y)
        n = 21 - int(np.frexp(reals.max())[1])
        return {"m0": np.rint(np.ldexp(reals, n)).astype(np.int64), "n": n, "rounding": "single"}

    def change_of_grid(self, x: Grid, y: Grid, shape: reference.Shape) -> NDArray[np.int16]:
        real = x.scale / y.scale
        if x.codes.lo != y.codes.lo:
            return self.change_of_type(x, y, shape)
        return stepped(x, y, real, real) if steps(real) else super().change_of_grid(x, y, shape)

    def change_of_type(self, x: Grid, y: Grid, shape: reference.Shape) -> NDArray[np.int16]:
        """The table of (XN5), of each channel by itself where some are rounded in another way."""
        usual, size = super().change_of_grid(x, y, shape), prod(shape)
        m0, n = reference.quantize_multiplier(np.float64(x.scale) / np.float64(y.scale))

        def function(code: reference.Every) -> Any:
            once = high((code - x.codes.zero) << max(31 - n, 0), m0)
            return y.codes.zero + (once if n <= 31 else (once + (1 << (n - 32))) >> (n - 31))

        blocks, whole = reference.table_of(x.codes, y.codes, function), size // 16 * 16
        if whole in (0, size) or np.array_equal(blocks, usual):
            return blocks if whole else usual
        if len(shape) > 1:
            found = f"{size} codes, bytes to int8 or back, the last {size - whole} rounded otherwise"
            refuse("shape", found, "a multiple of 16, or kernels='reference'")
        return np.where(np.arange(size)[:, None] < whole, blocks, usual)

    def leaky(self, x: Grid, y: Grid, alpha: float) -> NDArray[np.int16]:
        real = x.scale / y.scale
        below = real * np.float32(alpha)
        return stepped(x, y, real, below) if steps(real, below) else super().leaky(x, y, alpha)

    def mean(self, x: Grid, y: Grid, count: int) -> Numbers:
        return in_float(x.scale / y.scale * (np.float32(1) / np.float32(count)))


def steps(*reals: Any) -> bool:
    """Whether XNNPACK has a kernel for these changes of grid."""
    return all(LEAST_STEP <= abs(real) <= MOST_STEP for real in reals)


def stepped(x: Grid, y: Grid, real: Any, below: Any) -> NDArray[np.int16]:
    """The table of (XN3), with `below` in place of `real` where negative."""
    positive, negative = (int(np.rint(np.float32(256) * factor)) for factor in (real, below))

    def function(code: NDArray[np.int64]) -> Any:
        centred = code - x.codes.zero
        return y.codes.zero + ((centred * np.where(centred < 0, negative, positive) + 128) >> 8)

    return reference.table_of(x.codes, y.codes, function)
