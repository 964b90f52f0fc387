"""Depth: requantizing a layer in few passes over memory, bit for bit as `fixedpoint.requantize`.

All roundings have one shape, and the constants can be worked out once for each output channel:

    ⌊((acc + bias)·m + half) / 2ˢ⌋ = ⌊(acc·m + (bias·m + half)) / 2ˢ⌋      (M1)

single   m = m0, half = 2ⁿ⁻¹, s = n
shift    m = 2ˡ, half = ⌊2ˢ⁻¹⌋, with s − l = n − 30 and the smaller of the two 0
double   m = m0·2ˡ, half = 2³⁰, s = 31, and then, where e > 0, a second time on the result h:

    ⌊(h + 2ᵉ⁻¹ + ⌊h / 2⁶³⌋) / 2ᵉ⌋                                   (M2)  the last floor is −1 for h < 0

(M2) differs from half up only where h < 0, and there the result is at most 0 in both. So if the codes are
clamped at the zero point (y.lo ≥ y.zero: a ReLU), rounding half up gives the same codes, and then the two
floors are one, since ⌊(⌊a / 2³¹⌋ + 2ᵉ⁻¹) / 2ᵉ⌋ = ⌊(a + 2³⁰⁺ᵉ) / 2³¹⁺ᵉ⌋ for whole a:

    double under a ReLU, e > 0:   half = 2³⁰ + 2ⁿ⁻¹, s = n             (M3)

`float32` rounds twice too, to 24 bits and to a whole number (the bits of acc itself come first, if it can
have more than 24). The second rounding alone would give (M1) with halves to even. The first one changes
nothing but this: it moves values that lie near a half onto it. Let q = acc·m with m = m0·2⁻⁷, s = n − 7,
and f = ⌊q / 2ˢ⌋. A float32 near f + ½ has 24 bits, so its last place is worth 2ᵇ⁻²⁴, where b is the number
of bits of f, or of −1 − f if it is negative; and whatever is no more than half of that away becomes f + ½:

    t = ⌊2ᵇ⁺ˢ⁻²⁵⌋,   θ = 2ˢ⁻¹ + t if f is odd, 2ˢ⁻¹ − 1 − t if it is even, 0 for s = 0      (M4)
    ⌊(q + θ) / 2ˢ⌋                                                                     (M5)

since then an odd f becomes f + 1 from t below the half on, and an even one stays until t above it. (At ±½ the
last place below is half as large; but there both sides of the half go to 0.) θ stands in a table over f.

From n = 63 on everything rounds to 0 (see `fixedpoint`), which m = 0 says without a shift too far. For n ≤ 62
no sum passes 2⁶² + 2⁶¹ + 2³⁰ < 2⁶³, neither (acc + bias)·m + half nor what is on the way to it. The scaled
values fit int32 again: the program has proved |acc|·2ᵐᵃˣ⁽³¹⁻ⁿ, ⁰⁾ < 2³¹, and m0·2⁻³¹ < 1.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.codes import Array, Codes
from tinyzip.integer.fast.memory import clip, take
from tinyzip.integer.fixedpoint import M0_STEP, POWERS, SIGNIFICANT, Rounding, significant
from tinyzip.machine.workspace import Workspace

Column = NDArray[np.int64]  # (F, 1)


@dataclass(frozen=True)
class Scaling:
    """The constants of (M1), and of (M2) or (M5) where one rounding is not enough; codes to clamp to.

    plus    bias·m + half, or without the half that θ holds
    second  half, sign mask and shift of (M2)
    ties    θ of (M4) for the f that are not clamped, rows of them for each shift, and where a channel's begin
    long    the channels whose sums can have more than 24 bits, and so are rounded to 24, and their biases
    """

    m: Column
    plus: Column
    shift: Column
    y: Codes
    second: tuple[Column, Column, Column] | None = None
    ties: tuple[NDArray[np.int64], Column] | None = None
    long: tuple[NDArray[np.int64], Column] | None = None

    @classmethod
    def of(cls, bias: Any, m0: Any, n: Any, y: Codes, rounding: Rounding, bounds: Any) -> "Scaling":
        """Work out the constants; all arguments one number or (F,), in the ranges of `fixedpoint`.

        bounds  the largest magnitude of acc + bias
        """
        one = np.int64(1)
        bias, m0, n = (np.array(value, np.int64).reshape(-1, 1) for value in (bias, m0, n))
        m0 = np.where(n > 62, 0, m0)
        n = np.minimum(n, 62)
        match rounding:
            case "single":
                return cls(m0, bias * m0 + (one << (n - 1)), n, y)
            case "shift":
                left, right = np.maximum(30 - n, 0), np.maximum(n - 30, 0)
                m = np.minimum(m0, 1) << left
                return cls(m, bias * m + ((one << right) >> 1), right, y)
            case "float32":
                m, shift = (m0 // M0_STEP) << np.maximum(7 - n, 0), np.maximum(n - 7, 0)
                far = np.flatnonzero(np.broadcast_to(bounds, m.size) >> SIGNIFICANT)
                long = (far, np.broadcast_to(bias, m.shape)[far]) if far.size else None
                return cls(m, bias * m, shift, y, ties=ties_of(shift, y), long=long)
        left, right = np.maximum(31 - n, 0), np.maximum(n - 31, 0)
        m, half = m0 << left, (one << right) >> 1
        plus = bias * m + (1 << 30)
        if y.lo >= y.zero:
            return cls(m, plus + (half << 31), 31 + right, y)
        second = (half, -np.minimum(right, 1), right) if right.any() else None
        return cls(m, plus, np.full_like(n, 31), y, second)

    def apply(self, acc: Array, out: Array, workspace: Workspace) -> None:
        """out = clamp(y.zero + round((acc + bias)·M)); acc (F, P) integers, out (F, P) of y's dtype."""
        least, most = self.y.lo - self.y.zero, self.y.hi - self.y.zero
        with workspace.scratch():
            wide = take(acc, acc.shape, np.int64, workspace)
            narrow = take(acc, acc.shape, np.int32, workspace)
            np.multiply(acc, self.m, out=wide)
            np.add(wide, self.plus, out=wide)
            if self.long is not None:
                far, bias = self.long
                wide[far] = significant(acc[far] + bias) * self.m[far]
            shift = self.shift
            if self.second is not None:
                half, mask, shift = self.second
                np.right_shift(wide, self.shift, out=wide)
                sign = take(acc, acc.shape, np.int64, workspace)
                np.right_shift(wide, 63, out=sign)
                np.bitwise_and(sign, mask, out=sign)
                np.add(wide, sign, out=wide)
                np.add(wide, half, out=wide)
            elif self.ties is not None:
                theta, start = self.ties
                f = take(acc, acc.shape, np.int64, workspace)
                np.right_shift(wide, shift, out=f)
                clip(f, least - 1, most)
                np.add(f, start, out=f)
                np.take(theta, f, out=f, mode="wrap")
                np.add(wide, f, out=wide)
            np.right_shift(wide, shift, out=narrow, casting="unsafe")
            clip(narrow, least, most)
            if self.y.zero:
                np.add(narrow, np.array(self.y.zero, np.int32), out=narrow)
            np.copyto(out, narrow, casting="unsafe")


def ties_of(shift: Column, y: Codes) -> tuple[NDArray[np.int64], Column]:
    """θ of (M4) for f = y.lo − y.zero − 1 … y.hi − y.zero, a row for each shift; where to look for f = 0."""
    shifts, row = np.unique(shift, return_inverse=True)
    f = np.arange(y.lo - y.zero - 1, y.hi - y.zero + 1)
    bits = np.searchsorted(POWERS, np.maximum(f, -1 - f), "right")
    s = shifts[:, None]
    half, place = (np.int64(1) << s) >> 1, bits + s - SIGNIFICANT - 1
    t = np.where(place < 0, 0, np.int64(1) << np.maximum(place, 0))
    theta = np.where(s == 0, 0, half + np.where(f % 2 == 1, t, -1 - t))
    return theta.ravel(), row.reshape(-1, 1) * f.size - f[0]
