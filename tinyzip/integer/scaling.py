"""Requantizing a layer in few passes over memory, bit for bit as `fixedpoint.requantize`.

All of (F2) to (F6) have one shape, and the constants can be worked out once for each output channel:

    ⌊((acc + bias)·m + half) / 2ˢ⌋ = ⌊(acc·m + (bias·m + half)) / 2ˢ⌋      (M1)

single   m = m0, half = 2ⁿ⁻¹, s = n
shift    m = 2ˡ, half = ⌊2ˢ⁻¹⌋, with s − l = n − 30 and the smaller of the two 0
double   m = m0·2ˡ, half = 2³⁰, s = 31, and then, where e > 0, a second time on the result h:

    ⌊(h + 2ᵉ⁻¹ + ⌊h / 2⁶³⌋) / 2ᵉ⌋                                   (M2)  the last floor is −1 for h < 0

(M2) differs from half up only where h < 0, and there the result is at most 0 in both. So if the codes are
clamped at the zero point (y.lo ≥ y.zero: a ReLU), rounding half up gives the same codes, and then the two
floors are one, since ⌊(⌊a / 2³¹⌋ + 2ᵉ⁻¹) / 2ᵉ⌋ = ⌊(a + 2³⁰⁺ᵉ) / 2³¹⁺ᵉ⌋ for whole a:

    double under a ReLU, e > 0:   half = 2³⁰ + 2ⁿ⁻¹, s = n             (M3)

From n = 63 on everything rounds to 0 (see `fixedpoint`), which m = 0 says without a shift too far. For n ≤ 62
no sum passes 2⁶² + 2⁶¹ + 2³⁰ < 2⁶³, neither (acc + bias)·m + half nor what is on the way to it. The scaled
values fit int32 again: the program has proved |acc|·2ᵐᵃˣ⁽³¹⁻ⁿ, ⁰⁾ < 2³¹, and m0·2⁻³¹ < 1.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.codes import Codes
from tinyzip.integer.fixedpoint import Rounding
from tinyzip.machine.workspace import Workspace

Column = NDArray[np.int64]  # (F, 1)


def take(like: NDArray[Any], shape: tuple[int, ...], dtype: Any, workspace: Workspace) -> NDArray[Any]:
    """Scratch memory as the same kind of array as `like`: a subclass that watches sees all that runs."""
    array = workspace.empty(shape, dtype)
    return array if type(like) is np.ndarray else array.view(type(like))


@dataclass(frozen=True)
class Scaling:
    """The constants of (M1), and of (M2) where there is a second rounding; codes to clamp to.

    plus  bias·m + half
    """

    m: Column
    plus: Column
    shift: Column
    second: tuple[Column, Column, Column] | None  # half, sign mask, shift
    y: Codes

    @classmethod
    def of(cls, bias: Any, m0: Any, n: Any, y: Codes, rounding: Rounding) -> "Scaling":
        """Work out the constants; bias, m0 and n one number or (F,), in the ranges of `fixedpoint`."""
        one = np.int64(1)
        bias, m0, n = (np.array(value, np.int64).reshape(-1, 1) for value in (bias, m0, n))
        m0 = np.where(n > 62, 0, m0)
        n = np.minimum(n, 62)
        if rounding == "single":
            return cls(m0, bias * m0 + (one << (n - 1)), n, None, y)
        if rounding == "shift":
            left, right = np.maximum(30 - n, 0), np.maximum(n - 30, 0)
            m = np.minimum(m0, 1) << left
            return cls(m, bias * m + ((one << right) >> 1), right, None, y)
        left, right = np.maximum(31 - n, 0), np.maximum(n - 31, 0)
        m, half = m0 << left, (one << right) >> 1
        plus = bias * m + (1 << 30)
        if y.lo >= y.zero:
            return cls(m, plus + (half << 31), 31 + right, None, y)
        second = (half, -np.minimum(right, 1), right) if right.any() else None
        return cls(m, plus, np.full_like(n, 31), second, y)

    def apply(self, acc: NDArray[Any], out: NDArray[Any], workspace: Workspace) -> None:
        """out = clamp(y.zero + round((acc + bias)·M)); acc (F, P) integers, out (F, P) of y's dtype."""
        with workspace.scratch():
            wide = take(acc, acc.shape, np.int64, workspace)
            np.multiply(acc, self.m, out=wide)
            np.add(wide, self.plus, out=wide)
            narrow = take(acc, acc.shape, np.int32, workspace)
            if self.second is None:
                np.right_shift(wide, self.shift, out=narrow, casting="unsafe")
            else:
                half, mask, shift = self.second
                np.right_shift(wide, self.shift, out=wide)
                sign = take(acc, acc.shape, np.int64, workspace)
                np.right_shift(wide, 63, out=sign)
                np.bitwise_and(sign, mask, out=sign)
                np.add(wide, sign, out=wide)
                np.add(wide, half, out=wide)
                np.right_shift(wide, shift, out=narrow, casting="unsafe")
            np.clip(narrow, self.y.lo - self.y.zero, self.y.hi - self.y.zero, out=narrow)
            if self.y.zero:
                np.add(narrow, self.y.zero, out=narrow)
            np.copyto(out, narrow, casting="unsafe")
