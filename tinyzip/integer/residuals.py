"""Operators that name an earlier output: how a chain holds a residual block.

A residual block [He et al. 2016] computes x + f(x). A program stays a chain all the same, because an operator
may name another by its number, counted from 0; −1 names the program's input:

    0  Conv2d                          x
    1  Conv2d                          f begins
    2  Conv2d                          f(x)
    3  Add(other=0)                    f(x) + x

and if the way around f has layers of its own, `Recall` starts it where f started:

    1, 2  Conv2d, Conv2d               f(x)
    3  Recall(source=0)                x once more
    4  Conv2d                          g(x)
    5  Add(other=2)                    g(x) + f(x)

An operator may name only what was written before it, so every program is in an order in which it can run; and
since every operator can be named, every network without loops can be written so.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse, whole
from tinyzip.integer.codes import Codes
from tinyzip.integer.fixedpoint import INT32, M0_LEAST, M0_MOST, N_MOST, Rounding
from tinyzip.integer.operators import Operator, check_codes, check_multiplier, check_rounding, frozen

MOST_OPERATORS = 2**31  # no program has as many
ADD_SHIFT = 20  # bits that both addends are lifted by before they are rounded


@dataclass(frozen=True, eq=False)
class Recall(Operator):
    """The output of operator `source` once more, −1 for the program's input; the chain goes on from there."""

    source: int

    def reads(self, i: int) -> tuple[int, ...]:
        return (self.source,)

    def checked(self, where: str) -> Self:
        super().checked(where)
        return replace(self, source=whole(self.source, f"{where}: source", -1, MOST_OPERATORS))


@dataclass(frozen=True, eq=False)
class Binary(Operator):
    """Of the chain's value x and the output o of operator `other`, −1 for the program's input."""

    other: int

    def reads(self, i: int) -> tuple[int, ...]:
        return i - 1, self.other


@dataclass(frozen=True, eq=False)
class Add(Binary):
    """x plus o, of equal shapes.

    m0, n     int64, in the order x, o, and their sum:
    rounding  "double", three multipliers: each addend is scaled to a common unit and rounded, then the sum,
              with R the `double` of `fixedpoint`:

                  y = clamp(y.zero + R(R(2²⁰·(x − x.zero), m0₀, n₀) + R(2²⁰·(o − o.zero), m0₁, n₁), m0₂, n₂))
                                                                (AD1)  [LiteRT, reference kernel of ADD]

              2³⁰ ≤ m0 < 2³¹ and n ≥ 31, so no multiplier passes 1 and the sum stays below 2³⁰. LiteRT takes
              s_x/2s, s_o/2s and 2s/(2²⁰·s_y) with s the greater of s_x and s_o

              "single", two multipliers, whole numbers from 1 up, and one n from 1 to 31:

                  y = clamp(y.zero + ⌊(m0₀·(x − x.zero) + m0₁·(o − o.zero) + 2ⁿ⁻¹) / 2ⁿ⌋)
                                                                (AD2)  [XNNPACK, qs8-vadd]

              the sum is exact in int32 and rounded once, half up
    y         the codes written
    """

    m0: NDArray[np.int64]
    n: NDArray[np.int64]
    y: Codes
    rounding: Rounding = field(default="double", kw_only=True)

    @property
    def of_sum(self) -> tuple[Any, Any, Rounding]:
        """m0, n and rounding by which the sum of both terms becomes a code; (F6) shifts by n − 30."""
        if self.rounding == "double":
            return self.m0[2], self.n[2], "double"
        return M0_LEAST, self.n[0] + 30, "shift"

    def checked(self, where: str) -> Self:
        super().checked(where)
        other = whole(self.other, f"{where}: other", -1, MOST_OPERATORS)
        check_rounding(self.rounding, where, ("double", "single"))
        check_codes(self.y, where)
        if self.rounding == "double":
            count, limits = 3, ((M0_LEAST, M0_MOST), (31, N_MOST))
        else:
            count, limits = 2, ((1, INT32[1]), (1, 31))
        m0, n = (
            frozen(value, f"{where}: {name}", np.int64, *between)
            for name, value, between in zip(("m0", "n"), (self.m0, self.n), limits, strict=True)
        )
        if m0.shape != (count,) or n.shape not in ((), (1,), (count,)):
            refuse(f"{where}: m0, n", f"shapes {m0.shape}, {n.shape}", f"({count},) for {self.rounding!r}")
        if self.rounding == "single" and np.unique(n).size > 1:
            refuse(f"{where}: n", n.tolist(), "one number for both addends of a sum that is rounded once")
        n = frozen(np.broadcast_to(n, count), where, np.int64, 1, N_MOST)
        return replace(self, other=other, m0=m0, n=n)


@dataclass(frozen=True, eq=False)
class Product(Binary):
    """x times o, of equal shapes, or o of a single pixel, (C, 1, 1) beside (C, H, W).

        y = clamp(y.zero + round((x − x.zero)·(o − o.zero)·m0·2⁻ⁿ))  (PD1)  [LiteRT, reference kernel of MUL]

    m0, n  s_x·s_o/s_y; ranges and rounding as in `fixedpoint`
    """

    m0: int
    n: int
    y: Codes
    rounding: Rounding = field(default="double", kw_only=True)

    @property
    def of_sum(self) -> tuple[int, int, Rounding]:
        """m0, n and rounding, as of an Add."""
        return self.m0, self.n, self.rounding

    def checked(self, where: str) -> Self:
        super().checked(where)
        other = whole(self.other, f"{where}: other", -1, MOST_OPERATORS)
        m0, n = check_multiplier(self.m0, self.n, self.rounding, where)
        check_codes(self.y, where)
        return replace(self, other=other, m0=m0, n=n)


@dataclass(frozen=True, eq=False)
class Concat(Operator):
    """The channels of several outputs, one after the other: (C₀, H, W), (C₁, H, W), … → (C₀ + C₁ + …, H, W).

    sources  the operators whose outputs are joined, in their order, −1 for the program's input. The chain's
             own value takes part where its number, that of the operator before, is among them

    All must write codes of one zero and one scale; where scales differ, a `Table` in front requantizes.
    """

    sources: tuple[int, ...]

    def reads(self, i: int) -> tuple[int, ...]:
        return self.sources

    def checked(self, where: str) -> Self:
        super().checked(where)
        sources: Any = self.sources
        if not isinstance(sources, tuple | list) or not sources:
            refuse(f"{where}: sources", sources, "the numbers of one operator or more")
        sources = tuple(whole(source, f"{where}: sources", -1, MOST_OPERATORS) for source in sources)
        return replace(self, sources=sources)
