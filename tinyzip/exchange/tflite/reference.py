"""Depth: what LiteRT's reference kernels compute from scales before a run: multipliers, clamps, tables.

A file has scales, float32, and kernels want integers. What is computed between the two, in which order and in
which precision, decides codes: two multipliers that differ in the last of 31 bits write different codes for
some accumulators. So each formula is the runtime's own. fl(·) rounds to float32; all else is float64:

    convolution, fully connected                      M = s_x·s_w / s_y                       (TL1)
    product with a constant                           M = fl(fl(s_x·s_w) / s_y)               (TL2)
    addition                                          s_x/2s, s_o/2s, 2s/(2²⁰·s_y), s = max(s_x, s_o)   (TL3)
    mean of n codes, change of grid                   M = s_x / s_y                           (TL4)
    rectifiers                                        M = fl(s_x / s_y), below 0 fl(fl(s_x·α) / s_y)    (TL5)
    softmax                                           M = min(β·s_x·2²⁶, 2³¹ − 1)             (TL6)

Each M becomes a pair of integers by its binary fraction and exponent:

    M = q·2ᵉ, ½ ≤ q < 1:    m0 = ⌊q·2³¹ + ½⌋,  n = 31 − e                                     (TL7)

A fused activation is a clamp, and its ends are computed in float32:

    lo, hi = zero + round(fl(f / s_y)), halves away from zero                                 (TL8)

An activation by itself is a function of one code, and so a table.
[LiteRT, kernels/kernel_util.cc, add.cc, mul.cc, activations.cc, internal/quantization_util.cc]
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import exp, floor, tanh
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.integer.codes import Codes
from tinyzip.integer.fixedpoint import M0_LEAST, N_LEAST, N_MOST, divide, rescale
from tinyzip.integer.residuals import ADD_SHIFT

ACTIVATIONS: dict[str, tuple[float, float]] = {"NONE": (-np.inf, np.inf), "RELU": (0.0, np.inf),
                                               "RELU_N1_TO_1": (-1.0, 1.0), "RELU6": (0.0, 6.0)}  # fmt: skip
Numbers = dict[str, Any]  # m0, n and rounding of an operator, by the names of its fields
Shape = tuple[int, ...]
Every = NDArray[np.int64]  # all codes of a grid


@dataclass(frozen=True)
class Grid:
    """The codes of a tensor, and its scale as the file has it."""

    codes: Codes
    scale: np.float32

    def clamped(self, activation: str) -> Codes:
        """The codes that a fused activation lets through, by (TL8)."""
        if activation not in ACTIVATIONS:
            refuse("fused activation", activation, f"one of {', '.join(ACTIVATIONS)}")
        y = self.codes
        lo, hi = (y.zero + rounded(np.float32(f) / self.scale) for f in ACTIVATIONS[activation])
        lo, hi = max(y.lo, lo), min(y.hi, hi)
        if lo >= hi:
            refuse("fused activation", f"{activation} that leaves one code, {lo}", "two or more")
        return replace(y, lo=lo, hi=hi)


def rounded(value: Any) -> int:
    """To nearest, halves away from zero; what is far beyond all codes comes back as 2³¹ or −2³¹."""
    magnitude = floor(min(abs(float(value)), 2.0**31) + 0.5)
    return magnitude if value > 0 else -magnitude


def quantize_multiplier(real: Any, n_least: int = N_LEAST) -> tuple[int, int]:
    """(m0, n) of M ≥ 0 by (TL7). From n = 63 on every accumulator gives 0, and so does M = 0."""
    if not 0 <= real < 2 ** (31 - n_least):
        refuse("multiplier", real, f"a number from 0 up, below 2^{31 - n_least}")
    q, e = np.frexp(np.float64(real))
    m0, n = floor(float(q) * 2.0**31 + 0.5), 31 - int(e)
    if m0 == 2**31:
        m0, n = 2**30, n - 1
    return (M0_LEAST, N_MOST) if m0 == 0 else (m0, min(n, N_MOST))


def multipliers(reals: Any) -> Numbers:
    """m0 and n of one number, or (F,) int64 of F."""
    pairs = np.array([quantize_multiplier(real) for real in np.ravel(reals)]).T
    m0, n = pairs if np.ndim(reals) else pairs[:, 0]
    return {"m0": m0, "n": n}


def table_of(x: Codes, y: Codes, function: Callable[[Every], Any]) -> NDArray[np.int16]:
    """A `Table`'s array: what `function` makes of all 256 codes, clamped to y."""
    every = np.arange(256) - (128 if x.lo < 0 else 0)
    table = np.empty(256, np.int16)
    table[every % 256] = np.clip(function(every), y.lo, y.hi)
    return table


class Reference:
    """The numbers of each kind of operator; x, o are the grids that it reads, y the one that it writes."""

    def weighted(self, x: Grid, s_w: NDArray[np.float32], y: Grid, linear: bool) -> Numbers:
        """A convolution, or a fully connected layer, whose weights have one scale or (F,)."""
        real = np.float64(x.scale) * np.float64(s_w) / np.float64(y.scale)
        return multipliers(real) | {"rounding": "single" if linear else "double"}

    def product(self, x: Grid, o: Grid, y: Grid) -> Numbers:
        """x times a constant on the grid o."""
        return multipliers(np.float64(x.scale * o.scale / y.scale)) | {"rounding": "double"}

    def addition(self, x: Grid, o: Grid, y: Grid) -> Numbers:
        twice, s_y = 2 * np.float64(max(x.scale, o.scale)), np.float64(y.scale)
        reals = [np.float64(x.scale) / twice, np.float64(o.scale) / twice, twice / (2.0**ADD_SHIFT * s_y)]
        return multipliers(np.array(reals)) | {"rounding": "double"}

    def mean(self, x: Grid, y: Grid, count: int) -> Numbers:
        """The mean of `count` codes: 1 / count goes into m0, cut to a whole number.

        m0 is shifted up before, by ⌊log₂ count⌋ so that it keeps its bits, but no further than the kernel's
        shift allows.                                                            [LiteRT, kernels/reduce.cc]
        """
        m0, n = quantize_multiplier(np.float64(x.scale) / np.float64(y.scale))
        shift = min(count.bit_length() - 1, 62 - n)
        return {"m0": (m0 << shift) // count, "n": n + shift, "rounding": "double"}

    def softmax(self, x: Grid, beta: float) -> Numbers:
        """m0 and n of the exponent; β is a float32 in the file."""
        m0, n = quantize_multiplier(min(beta * np.float64(x.scale) * 2.0**26, 2.0**31 - 1), n_least=0)
        return {"m0": m0, "n": n}

    def change_of_grid(self, x: Grid, y: Grid, shape: Shape) -> NDArray[np.int16]:
        """The same numbers on another grid, of an example of this shape in the file."""
        return rescaled(x.codes, y.codes, np.float64(x.scale) / np.float64(y.scale))

    def rectifier(self, x: Grid, y: Grid) -> NDArray[np.int16]:
        """What is below y's codes becomes the least of them."""
        return rescaled(x.codes, y.codes, x.scale / y.scale)

    def leaky(self, x: Grid, y: Grid, alpha: float) -> NDArray[np.int16]:
        """What is negative is multiplied by α."""
        positive = rescaled(x.codes, y.codes, x.scale / y.scale)
        negative = rescaled(x.codes, y.codes, x.scale * np.float32(alpha) / y.scale)
        below = table_of(x.codes, Codes(0, 1, 0), lambda code: code < x.codes.zero)
        return np.where(below == 1, negative, positive)

    def logistic(self, x: Grid, y: Grid) -> NDArray[np.int16]:
        """1 / (1 + e⁻ˣ)."""
        one = np.float32(1)
        return sampled(x, y, lambda real: one / (one + np.float32(exp(min(-real, 88.0)))))

    def tanh(self, x: Grid, y: Grid) -> NDArray[np.int16]:
        return sampled(x, y, tanh)

    def hard_swish(self, x: Grid, y: Grid) -> NDArray[np.int16]:
        """x·min(max(x + 3, 0), 6) / 6, in fixed point of 16 bits.

        A code is lifted by 7 bits. It is scaled to y's grid, all but a last shift, and to a grid on which 3
        is 2¹⁵, where it saturates; half of that and of 2¹⁵ is min(max(x + 3, 0), 6) / 6. The two are
        multiplied. [LiteRT, internal/reference/hard_swish.h]
        """
        lifted = x.scale / np.float32(128)
        m_y, n_y = quantize_multiplier(lifted / y.scale)
        m_3, n_3 = quantize_multiplier(lifted / (np.float32(3) / np.float32(2**15)))
        if n_y < 31:
            refuse("scales", f"{x.scale} and {y.scale}", "an output's of a 128th of the input's or more")

        def function(code: Every) -> Any:
            lift = (code - x.codes.zero) << 7
            linear = high16(lift, to_16_bits(m_y))
            left, right = max(31 - n_3, 0), max(n_3 - 31, 0)
            gate = high16(saturated(lift << max(left - 1, 0)), to_16_bits(m_3))
            gate = (divide(saturated(gate << min(left, 1)), right) + 2**15) >> 1
            product = gate * linear
            return y.codes.zero + divide(np.sign(product) * (np.abs(product) >> 15), n_y - 31)

        return table_of(x.codes, y.codes, function)


def rescaled(x: Codes, y: Codes, real: Any) -> NDArray[np.int16]:
    """The table of y.zero + round((code − x.zero)·real)."""
    m0, n = quantize_multiplier(real)
    return table_of(x, y, lambda code: y.zero + rescale(code - x.zero, m0, n, "double"))


def sampled(x: Grid, y: Grid, function: Callable[[float], Any]) -> NDArray[np.int16]:
    """The table of y.zero + round(f(s_x·(code − x.zero)) · 1/s_y), each step in float32."""
    inverse = np.float32(1) / y.scale

    def codes(code: Every) -> list[int]:
        reals = x.scale * (code - x.codes.zero).astype(np.float32)
        return [y.codes.zero + rounded(np.float32(function(float(real))) * inverse) for real in reals]

    return table_of(x.codes, y.codes, codes)


def to_16_bits(m0: int) -> int:
    """A multiplier of 31 bits, to the nearest of 15."""
    return min((m0 + 2**15) >> 16, 2**15 - 1)


def high16(a: Any, b: int) -> Any:
    """⌊(a·b + 2¹⁴) / 2¹⁵⌋, the `high` of `fixedpoint` for int16."""
    return (a * b + 2**14) >> 15


def saturated(a: Any) -> Any:
    return np.clip(a, -(2**15), 2**15 - 1)
