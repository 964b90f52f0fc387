"""Operators that map codes to codes, each by itself, and the softmax at a network's end.

A function of one code is a list of at most 256 answers, whatever the function is. So one operator, `Table`,
is every activation there is: leaky ReLU, sigmoid, tanh, hard swish, GELU, and the change of one grid for
another. It is exact by construction: who fills the table rounds the true function once, and the engine does
nothing but look it up.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse, whole
from tinyzip.integer.codes import Codes
from tinyzip.integer.fixedpoint import M0_LEAST, M0_MOST, Rounding
from tinyzip.integer.operators import Operator, check_codes, check_multiplier, frozen


@dataclass(frozen=True, eq=False)
class Table(Operator):
    """y = table[x mod 256], or table[c][x mod 256] in channel c                            (TB1)

    table  (256,) codes of y, or (C, 256) for a function of its own in each channel (a PReLU). A code from
           0 up is its own place; −128 … −1 stand at 128 … 255, as their bytes read without a sign. Places of
           codes that never come hold any code of y
    y      the codes written
    """

    table: NDArray[np.int16]
    y: Codes

    def checked(self, where: str) -> Self:
        super().checked(where)
        check_codes(self.y, where)
        table = frozen(self.table, f"{where}: table", np.int16, self.y.lo, self.y.hi)
        if table.ndim not in (1, 2) or table.shape[-1] != 256:
            refuse(f"{where}: table", f"shape {table.shape}", "(256,), or (C, 256)")
        return replace(self, table=table)


@dataclass(frozen=True, eq=False)
class Multiply(Operator):
    """y = clamp(y.zero + round(w·(x − x.zero)·m0·2⁻ⁿ)), one w a channel or one for all         (TB2)

    w         (C,) or (1,) int16 in [−255, 255]: a constant's code minus its zero point, signs allowed
    m0, n     one multiplier, ranges and rounding as in `fixedpoint`
    y         the codes written
    [LiteRT, reference kernel of MUL, one of whose inputs is a constant: "double"]
    """

    w: NDArray[np.int16]
    m0: int
    n: int
    y: Codes
    rounding: Rounding = "double"

    def checked(self, where: str) -> Self:
        super().checked(where)
        w = frozen(self.w, f"{where}: w", np.int16, -255, 255)
        if w.ndim > 1:
            refuse(f"{where}: w", f"shape {w.shape}", "(C,), or one number")
        m0, n = check_multiplier(self.m0, self.n, self.rounding, where)
        check_codes(self.y, where)
        return replace(self, w=w.reshape(-1), m0=m0, n=n)


@dataclass(frozen=True, eq=False)
class Softmax(Operator):
    """The softmax over the channels, at each place: e^(β·s·(x − max)) / Σ e^(β·s·(x − max)), in integers.

    m0, n  β·s·2²⁶ ≈ m0·2⁻ⁿ, with 2³⁰ ≤ m0 < 2³¹ and 0 ≤ n ≤ 31: how much a code adds to the exponent, s
           being the input's scale. `softmax` has the arithmetic
    y      always −128 … 127 with zero −128, in steps of 2⁻⁸
    """

    m0: int
    n: int
    y: ClassVar[Codes] = Codes(-128, 127, -128, (1, 8))

    def checked(self, where: str) -> Self:
        super().checked(where)
        m0, n = whole(self.m0, f"{where}: m0", M0_LEAST, M0_MOST), whole(self.n, f"{where}: n", 0, 31)
        return replace(self, m0=m0, n=n)
