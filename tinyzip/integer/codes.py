"""What the small integers between two layers mean.

An activation is stored as a *code*, a whole number of at most eight bits. It stands for a real number
on an evenly spaced grid:

    real = scale · (code − zero)                                     (Z1)  [Jacob et al. 2018, eq. 1]

`zero` is the code of the real number 0. It has to be a code itself, because padding and ReLU both write
exact zeros. The scale is kept as the fraction m·2⁻ⁿ: every binary float is such a fraction, so nothing is
lost on the way in, and no float has to be kept. The engine never multiplies by it: it is there for those
who want to turn codes back into real numbers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse, whole

Array = NDArray[Any]
SCALE_M_MOST, SCALE_N_MOST = 2**63 - 1, 1100  # of a scale m·2⁻ⁿ: m, and n either way


@dataclass(frozen=True)
class Codes:
    """The codes lo … hi of a tensor and what they mean, by (Z1).

    lo, hi  the least and the greatest code, 0 ≤ lo < hi ≤ 255 or −128 ≤ lo < hi ≤ 127. A clamp such as
            ReLU is nothing but a narrower pair
    zero    the code that means 0, lo ≤ zero ≤ hi
    scale   (m, n): a step is worth m·2⁻ⁿ
    """

    lo: int
    hi: int
    zero: int
    scale: tuple[int, int] = (1, 0)

    def __post_init__(self) -> None:
        lo = whole(self.lo, "codes: lo", -128, 254)
        hi = whole(self.hi, "codes: hi", lo + 1, 127 if lo < 0 else 255)
        zero = whole(self.zero, "codes: zero", lo, hi)
        if not isinstance(self.scale, tuple | list) or len(self.scale) != 2:
            refuse("codes: scale", self.scale, "a pair (m, n) of whole numbers, worth m·2⁻ⁿ")
        m = whole(self.scale[0], "codes: scale m", 1, SCALE_M_MOST)
        n = whole(self.scale[1], "codes: scale n", -SCALE_N_MOST, SCALE_N_MOST)
        for name, value in (("lo", lo), ("hi", hi), ("zero", zero), ("scale", (m, n))):
            object.__setattr__(self, name, value)

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8 where no code is negative, else int8."""
        return np.dtype(np.uint8 if self.lo >= 0 else np.int8)

    @property
    def bits(self) -> int:
        """The bits that tell hi − lo + 1 codes apart, 1 to 8."""
        return (self.hi - self.lo).bit_length()

    @property
    def reach(self) -> int:
        """max |code − zero|, the largest magnitude that a product meets. Padding is 0 and never beyond it."""
        return max(self.zero - self.lo, self.hi - self.zero)
