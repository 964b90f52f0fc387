"""How LiteRT turns scales into integers, before anything runs: multipliers, clamps and tables.

An operator of LiteRT has scales, float32, in the file, and its kernels want integers. What is computed in
between, in which precision and with which rounding, decides codes: two multipliers that differ in the last of
31 bits write different codes for some accumulators. So each formula stands here once, as the runtime has it.

A multiplier is kept as in (F1), from the binary fraction and exponent of a double:

    M = q·2ᵉ, ½ ≤ q < 1:   m0 = ⌊q·2³¹ + ½⌋,  n = 31 − e                           (TL1)

M is a double for the reference kernels, and for the default ones, those of XNNPACK, a float32; how the two
round is `fixedpoint`'s "double", "single" and "float32". The order in which M is computed:

    convolution            double(s_x)·double(s_w) / double(s_y)                   (TL2)
    fully connected        double(float32(s_x·s_w)) / double(s_y), one s_w         (TL3)  with many, as (TL2)
    product                float32(float32(s_x·s_w) / s_y)                         (TL4)
    default kernels        float32(float32(s_x·s_w) / s_y)                         (TL5)
    rectifier              float32(s_x / s_y)                                      (TL6)

A fused activation is a clamp, whose ends are computed in float32:

    lo, hi = zero + round(f / s), halves away from zero, within −128 … 127         (TL7)

and an activation by itself is a table of the 256 codes. [LiteRT, kernels/kernel_util.cc, activations.cc]
"""

from collections.abc import Callable
from math import exp, floor
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.integer.codes import Codes
from tinyzip.integer.fixedpoint import M0_LEAST, N_MOST, divide, rescale
from tinyzip.integer.residuals import ADD_SHIFT

Kernels = Literal["reference", "xnnpack"]
KERNELS: tuple[Kernels, ...] = ("reference", "xnnpack")
ACTIVATIONS: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU6": (0.0, 6.0),
}


def quantize_multiplier(real: Any) -> tuple[int, int]:
    """(m0, n) of M ≥ 0 by (TL1). From n = 63 on every accumulator gives 0, and so does M = 0."""
    if not np.isfinite(real) or real < 0:
        refuse("multiplier", real, "a positive number")
    q, e = np.frexp(np.float64(real))
    m0, n = floor(float(q) * 2.0**31 + 0.5), 31 - int(e)
    if m0 == 2**31:
        m0, n = 2**30, n - 1
    return (M0_LEAST, N_MOST) if m0 == 0 else (m0, min(n, N_MOST))


def multipliers(reals: Any) -> dict[str, Any]:
    """m0 and n, (F,) int64 each, of F doubles; one number each of one."""
    pairs = np.array([quantize_multiplier(real) for real in np.ravel(reals)]).T
    m0, n = pairs if np.ndim(reals) else pairs[:, 0]
    return {"m0": m0, "n": n}


def rounded(value: Any) -> int:
    """To nearest, halves away from zero; what is beyond all codes may come back smaller than it is."""
    magnitude = floor(min(abs(float(value)), 2.0**31) + 0.5)
    return magnitude if value > 0 else -magnitude


def clamped(y: Codes, activation: str, s: np.float32) -> Codes:
    """y narrowed to what a fused activation lets through, by (TL7)."""
    if activation not in ACTIVATIONS:
        refuse("fused activation", activation, f"one of {', '.join(ACTIVATIONS)}")
    least, most = ACTIVATIONS[activation]
    lo = y.lo if least is None else max(y.lo, y.zero + rounded(np.float32(least) / s))
    hi = y.hi if most is None else min(y.hi, y.zero + rounded(np.float32(most) / s))
    if lo >= hi:
        refuse("fused activation", f"{activation} that leaves one code, {lo}", "two or more")
    return Codes(lo, hi, y.zero, y.scale)


def weighted(
    kernels: Kernels, s_x: np.float32, s_w: NDArray[np.float32], s_y: np.float32, linear: bool
) -> dict[str, Any]:
    """m0, n and rounding of a convolution, or of a fully connected layer; s_w of one value or (F,)."""
    if kernels == "xnnpack":
        return in_float(s_x * s_w / s_y)
    wide = np.float64(s_x * s_w) if linear and s_w.size == 1 else np.float64(s_x) * np.float64(s_w)
    return multipliers(wide / np.float64(s_y)) | {"rounding": "single" if linear else "double"}


def in_float(reals: Any) -> dict[str, Any]:
    """m0, n and rounding of multipliers that the default kernels keep as float32."""
    return multipliers(np.float64(reals)) | {"rounding": "float32"}


def product(kernels: Kernels, s_x: np.float32, s_w: np.float32, s_y: np.float32) -> dict[str, Any]:
    """m0, n and rounding of a product with constants, by (TL4)."""
    real = s_x * s_w / s_y
    return in_float(real) if kernels == "xnnpack" else multipliers(np.float64(real))


def addition(kernels: Kernels, s_x: np.float32, s_o: np.float32, s_y: np.float32) -> dict[str, Any]:
    """m0, n and rounding of an `Add`, in the order x, o and sum.

    The reference kernel scales both to twice the greater scale, in doubles; the default one keeps the two
    ratios to s_y, float32, as whole numbers of which the greater has 21 bits. [LiteRT, add.cc; XNNPACK,
    qs8-vadd]
    """
    if kernels == "xnnpack":
        ratios = np.array([s_x / s_y, s_o / s_y], np.float64)
        n = 21 - int(np.frexp(ratios.max())[1])
        return {"m0": np.rint(np.ldexp(ratios, n)).astype(np.int64), "n": n, "rounding": "single"}
    twice = 2 * np.float64(max(s_x, s_o))
    total = twice / (2.0**ADD_SHIFT * np.float64(s_y))
    return multipliers(np.array([np.float64(s_x) / twice, np.float64(s_o) / twice, total]))


def mean(kernels: Kernels, s_x: np.float32, s_y: np.float32, count: int) -> dict[str, Any]:
    """m0, n of the mean of `count` codes: 1 / count goes into m0, cut to a whole number.

    So that it keeps its bits, m0 is shifted up first, by ⌊log₂ count⌋, but no further than the kernel's shift
    allows.                                                                  [LiteRT, kernels/reduce.cc]
    """
    if kernels == "xnnpack":
        return in_float(s_x / (s_y * np.float32(count)))
    m0, n = quantize_multiplier(np.float64(s_x) / np.float64(s_y))
    shift = min(count.bit_length() - 1, 32, 62 - n)
    return {"m0": (m0 << shift) // count, "n": n + shift}


def table_of(x: Codes, y: Codes, function: Callable[[NDArray[np.int64]], Any]) -> NDArray[np.int16]:
    """A `Table`'s array: what `function` makes of all codes of x's dtype, clamped to y."""
    every = np.arange(256) - (128 if x.lo < 0 else 0)
    table = np.empty(256, np.int16)
    table[every % 256] = np.clip(function(every), y.lo, y.hi)
    return table


def change_of_grid(x: Codes, y: Codes, real: Any, below: Any | None = None) -> NDArray[np.int16]:
    """The table of y.zero + round((code − x.zero)·real), where negative with `below` in place of real."""

    def function(code: NDArray[np.int64]) -> Any:
        centred = code - x.zero
        answers = rescale(centred, *quantize_multiplier(real), "double")
        if below is not None:
            negative = rescale(centred, *quantize_multiplier(below), "double")
            answers = np.where(centred < 0, negative, answers)
        return y.zero + answers

    return table_of(x, y, function)


def sampled(x: Codes, s_x: np.float32, y: Codes, s_y: np.float32, function: Callable[[float], float]) -> Any:
    """The table of a function of reals: round(function(s·(code − zero)) / s_y), in float32 at each step."""
    inverse = np.float32(1) / s_y

    def codes(code: NDArray[np.int64]) -> list[int]:
        reals = s_x * (code - x.zero).astype(np.float32)
        values = [np.float32(function(float(real))) for real in reals]
        return [y.zero + rounded(value * inverse) for value in values]

    return table_of(x, y, codes)


def logistic(real: float) -> float:
    """1 / (1 + e⁻ˣ), each step in float32."""
    return float(np.float32(1) / (np.float32(1) + np.float32(exp(min(-real, 88.0)))))


def hard_swish(x: Codes, s_x: np.float32, y: Codes, s_y: np.float32) -> NDArray[np.int16]:
    """The table of v·min(max(v + 3, 0), 6) / 6 in fixed point of 16 bits.

    A code is lifted by 7 bits. It is scaled once to the output's grid, all but a last shift, and once to a
    grid on which 3 is 2¹⁵, saturating, which gives (v + 3) / 6. The two are multiplied. [LiteRT,
    hard_swish.h]
    """
    lifted = s_x / np.float32(128)
    (m_out, n_out), (m_relu, n_relu) = (
        quantize_multiplier(np.float64(lifted / s)) for s in (s_y, np.float32(3) / np.float32(32768))
    )
    if n_out < 31:
        refuse("scales", f"{s_x} and {s_y}", "an output's scale of at least a 128th of the input's")

    def function(code: NDArray[np.int64]) -> Any:
        hires = (code - x.zero) << 7
        scaled = high16(hires, narrow(m_out))
        left, right = max(31 - n_relu, 0), max(n_relu - 31, 0)
        relu = saturated(hires << max(left - 1, 0))
        relu = saturated(high16(relu, narrow(m_relu)) << min(left, 1))
        relu = (divide(relu, right) + 2**15) >> 1
        both = relu * scaled
        toward_zero = np.where(both < 0, -(-both >> 15), both >> 15)
        return divide(toward_zero, n_out - 31) + y.zero

    return table_of(x, y, function)


def narrow(m0: int) -> int:
    """A multiplier of 31 bits to nearest in 15."""
    return min((m0 + 2**15) >> 16, 2**15 - 1)


def high16(a: Any, b: int) -> Any:
    """⌊(a·b + 2¹⁴) / 2¹⁵⌋."""
    return (a * b + 2**14) >> 15


def saturated(a: Any) -> Any:
    """Within int16."""
    return np.clip(a, -(2**15), 2**15 - 1)
