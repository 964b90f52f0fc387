"""Requantizing in floats, where it is proved to write the same codes.

After a product in floats the sums are floats, and the shortest way to codes is to stay there: one
multiplication, one addition, a clamp, and the conversion to integers, which cuts off what is behind the
point. For a rounding of the shape (M1) that is, of each sum acc in float64,

    code − y.lo = ⌊min(max(acc·a + b, 0), y.hi − y.lo + ½)⌋                        (RQ1)
    a = m·2⁻ˢ,  b = plus·2⁻ˢ + y.zero − y.lo

Each operation rounds, so a code may come out wrong where acc·a + b is next to a whole number. Whether that
happens to any sum at all can be decided without trying them all. Both sides of (RQ1) grow with acc: the
exact code by (M1), and the float one because rounding keeps order. Two such functions of whole numbers are
equal if they pass each code at the same place, and by (M1) the first sum that reaches code c is

    T = ⌈((c − y.zero)·2ˢ − plus) / m⌉                                             (RQ2)

So it is enough to look at the sums T and T − 1 for each of the at most 255 codes above y.lo: T must give c
or more and T − 1 less than c. This is checked when a program is prepared, for each channel, and where it
does not hold, or the rounding has another shape, `Scaling` does the work in integers.

`float32` needs no proof where the sums are short enough for its first rounding to change nothing. It is
defined by what a processor computes in float32, and that is what is called here.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.codes import Codes
from tinyzip.integer.memory import take
from tinyzip.integer.scaling import Scaling
from tinyzip.machine.workspace import Workspace

MOST_SHIFT = 52  # with more, (c − y.zero)·2ˢ − plus might not be within int64


@dataclass(frozen=True)
class FloatScaling:
    """The constants of (RQ1), in float64; or of `float32`: the multiplier a and the bias b, in float32."""

    a: NDArray[Any]
    b: NDArray[Any]
    y: Codes

    @classmethod
    def of(cls, exact: Scaling, bounds: NDArray[np.int64]) -> "FloatScaling | None":
        """What writes the codes of `exact`; None if nothing does. bounds (F,): of the sums without bias."""
        y, m, shift = exact.y, exact.m, exact.shift
        if exact.second or exact.long or shift.max() > MOST_SHIFT or not m.all():
            return None
        a = np.ldexp(m.astype(np.float64), -shift)
        if exact.ties:
            return cls(a.astype(np.float32), (exact.plus // m).astype(np.float32), y)
        b = np.ldexp(exact.plus.astype(np.float64), -shift) + (y.zero - y.lo)
        made = cls(a, b, y)
        c, most = np.arange(y.lo + 1, y.hi + 1), bounds.reshape(-1, 1)
        T = -((exact.plus - ((c - y.zero) << shift)) // m)
        reached = made.above(np.clip(T, -most, most)) >= c - y.lo
        before = made.above(np.clip(T - 1, -most, most)) < c - y.lo
        proved = (reached | (most < T)) & (before | (-most > T - 1))
        return made if proved.all() else None

    def above(self, acc: NDArray[Any]) -> NDArray[np.int64]:
        """code − y.lo of sums acc (F, P) by (RQ1)."""
        value = np.clip(acc * self.a + self.b, 0, self.y.hi - self.y.lo + 0.5)
        steps: NDArray[np.int64] = value.astype(np.int64)
        return steps

    def apply(self, acc: NDArray[Any], out: NDArray[Any], workspace: Workspace) -> None:
        """out = the codes of sums acc (F, P) in float32, without their bias; out (F, P) of y's dtype."""
        y = self.y
        with workspace.scratch():
            value = take(acc, acc.shape, self.a.dtype, workspace)
            if self.a.dtype == np.float32:
                np.add(acc, self.b, out=value)
                np.multiply(value, self.a, out=value)
                np.rint(value, out=value)
                np.clip(value, y.lo - y.zero, y.hi - y.zero, out=value)
                np.add(value, y.zero, out=value)
                np.copyto(out, value, casting="unsafe")
                return
            np.copyto(value, acc)
            np.multiply(value, self.a, out=value)
            np.add(value, self.b, out=value)
            np.clip(value, 0, y.hi - y.lo + 0.5, out=value)
            codes = out.view(np.uint8)
            np.copyto(codes, value, casting="unsafe")
            np.add(codes, np.uint8(y.lo % 256), out=codes)  # modulo 256, as bytes are
