"""The operators of an integer program: plain records.

A program is a chain: each operator reads what the one before it wrote. What residual blocks need beyond
that is in `residuals`, what maps codes one by one in `maps`, what only moves them in `layout`.

A record holds what its operator computes with, just as it is given: lists, one number for all outputs, None
for no bias. `checked` refuses what could never be right (a wrong dtype, too large a weight, a multiplier out
of range) and returns the record in full, its arrays copied and read-only, since a program is a value.
`Program` calls it, because only a program knows an operator's index and can say which one is wrong; and then
checks what depends on the neighbours: shapes, the codes that come in, the accumulator's bound. The codes that
an operator reads are those that another one writes; so a record carries only `y`, the codes it writes.

Two operators of programs are equal when all their fields are.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse, whole
from tinyzip.base.windows import Padding, Pair, padding_of, pair, reach_of, window_count
from tinyzip.integer.codes import Array, Codes
from tinyzip.integer.fixedpoint import M0_LEAST, M0_MOST, M0_STEP, N_LEAST, N_MOST, ROUNDINGS, Rounding

NO_PADDING: Padding = ((0, 0), (0, 0))


def frozen(value: Any, argument: str, dtype: Any, lo: int, hi: int) -> Array:
    """A read-only copy of `value` as `dtype`, all of it in [lo, hi]; refuses what is not integer."""
    try:
        array = np.asarray(value)
    except ValueError:
        refuse(argument, "lists of unequal lengths", "an array of integers")
    beyond = array.dtype == object and all(isinstance(v, int) for v in array.flat)  # more than 64 bits
    if array.dtype.kind not in "iu" and not beyond:
        refuse(argument, f"dtype {array.dtype}", "integers", TypeError)
    if array.size == 0:
        refuse(argument, f"shape {array.shape}", "at least one value")
    least, most = int(array.min()), int(array.max())
    if least < lo or most > hi:
        refuse(argument, f"values from {least} to {most}", f"values from {lo} to {hi}")
    array = np.array(array, dtype, order="C")
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class Operator:
    """What all operators share: a name for people to read, and equality by value."""

    name: str = field(default="", kw_only=True)

    @property
    def kind(self) -> str:
        """The class's name, as errors and the printed table say it."""
        return type(self).__name__

    def reads(self, i: int) -> tuple[int, ...]:
        """Whose outputs operator number i of a program reads; −1 is the program's input."""
        return (i - 1,)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        pairs = [(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)]
        return all(np.array_equal(a, b) if np.ndarray in (type(a), type(b)) else a == b for a, b in pairs)

    def __hash__(self) -> int:
        return hash((self.kind, self.name))

    def checked(self, where: str) -> Self:
        """This record in full; refuses, naming `where`, what could not be right in any program."""
        if not isinstance(self.name, str):
            refuse(f"{where}: name", repr(self.name), "a string", TypeError)
        return self


def bits_of(w: NDArray[np.int8]) -> int:
    """The fewest bits that hold these weights: 1 for two values out of −1, 0, 1, else 2 or more."""
    least, most = int(w.min()), int(w.max())
    if least >= -1 and most <= 1 and np.unique(w).size < 3:
        return 1
    return 1 + max(1, -1 - least, most).bit_length()


def check_codes(y: Any, where: str) -> None:
    """Refuse what is not Codes."""
    if not isinstance(y, Codes):
        refuse(f"{where}: y", type(y).__name__, "Codes", TypeError)


def check_rounding(rounding: Any, where: str, known: tuple[Rounding, ...] = ROUNDINGS) -> None:
    """Refuse a rounding that is none of those known."""
    if not isinstance(rounding, str) or rounding not in known:
        refuse(f"{where}: rounding", repr(rounding), f"one of {', '.join(known)}")


def check_multiplier(m0: Any, n: Any, rounding: Any, where: str, least: int = M0_LEAST) -> Pair:
    """(m0, n) as whole numbers in the ranges of `fixedpoint`; refuses those that its rounding cannot use."""
    check_rounding(rounding, where)
    m0, n = whole(m0, f"{where}: m0", least, M0_MOST), whole(n, f"{where}: n", N_LEAST, N_MOST)
    check_bits(np.array(m0), rounding, where)
    return m0, n


def check_bits(m0: NDArray[np.int64], rounding: Rounding, where: str) -> None:
    """Refuse multipliers with more bits than their rounding works with."""
    if rounding == "shift" and (m0 != M0_LEAST).any():
        refuse(f"{where}: m0", f"{int(m0.max())}", "2^30 for a rounding that only shifts")
    if rounding == "float32" and (m0 % M0_STEP).any():
        found = m0[m0 % M0_STEP > 0].min()
        refuse(f"{where}: m0", f"{found}", f"a multiple of {M0_STEP}, which a float32 has")


@dataclass(frozen=True, eq=False)
class Weighted(Operator):
    """y = clamp(y.zero + round(acc·m0·2⁻ⁿ)),  acc = Σ w·(x − x.zero) + bias       [Jacob et al. 2018, eq. 7]

    w            int8, F outputs first
    bias         (F,) int32 in the accumulator's unit s_x·s_w; None, going in, means zeros
    m0, n        (F,) int64, or one number for all outputs; ranges as in `fixedpoint`
    y            the codes written; a ReLU is y.lo = y.zero, a ReLU6 lowers y.hi as well
    rounding     as in `fixedpoint`; by default what LiteRT's reference kernels compute: "double" for a
                 convolution, "single" for a fully connected layer
    weight_bits  b from 1 to 8: all of w in [−2ᵇ⁻¹, 2ᵇ⁻¹ − 1]; with one bit, two values out of −1, 0, 1
    """

    w: NDArray[np.int8]
    bias: Any
    m0: NDArray[np.int64]
    n: NDArray[np.int64]
    y: Codes
    rounding: Rounding = field(kw_only=True)
    weight_bits: int = field(default=8, kw_only=True)
    axes: ClassVar[tuple[str, ...]]

    def checked(self, where: str) -> Self:
        super().checked(where)
        bits = whole(self.weight_bits, f"{where}: weight_bits", 1, 8)
        most = max(2 ** (bits - 1) - 1, 1)
        w = frozen(self.w, f"{where}: w", np.int8, -(2 ** (bits - 1)), most)
        if w.ndim != len(self.axes):
            refuse(f"{where}: w", f"shape {w.shape}", f"the axes ({', '.join(self.axes)})")
        if bits == 1 and np.unique(w).size > 2:
            refuse(f"{where}: w", "−1, 0 and 1", "no more than two values in one bit")
        F = w.shape[0]
        bias = np.zeros(F, np.int32) if self.bias is None else self.bias
        bias = frozen(bias, f"{where}: bias", np.int32, -(2**31), 2**31 - 1)
        m0 = frozen(self.m0, f"{where}: m0", np.int64, M0_LEAST, M0_MOST)
        n = frozen(self.n, f"{where}: n", np.int64, N_LEAST, N_MOST)
        if bias.shape != (F,):
            refuse(f"{where}: bias", f"shape {bias.shape}", f"({F},), one for each output")
        if m0.shape not in ((), (1,), (F,)) or n.shape not in ((), (1,), (F,)):
            refuse(f"{where}: m0, n", f"shapes {m0.shape}, {n.shape}", f"({F},), or one number")
        check_rounding(self.rounding, where)
        check_bits(m0, self.rounding, where)
        check_codes(self.y, where)
        m0, n = (frozen(np.broadcast_to(a, F), where, np.int64, 0, M0_MOST) for a in (m0, n))
        return replace(self, w=w, bias=bias, m0=m0, n=n, weight_bits=bits)


@dataclass(frozen=True, eq=False)
class Conv2d(Weighted):
    """Convolution (C, H, W) → (F, OH, OW); the padding holds x.zero, so it adds nothing to the sum.

    w        (F, C/groups, kh, kw); output f reads the channels of group ⌊f·groups / F⌋. With groups = C
             this is a depthwise convolution, F / C outputs a channel
    stride   one number or (rows, columns); padding: p, (rows, columns) or ((top, bottom), (left, right))
    dilation  one number or (rows, columns): from one weight of a window to the next
    """

    rounding: Rounding = field(default="double", kw_only=True)
    stride: Pair = (1, 1)
    padding: Padding = NO_PADDING
    groups: int = 1
    dilation: Pair = (1, 1)
    axes: ClassVar[tuple[str, ...]] = ("F", "C/groups", "kh", "kw")

    def checked(self, where: str) -> Self:
        full = super().checked(where)
        groups, F = whole(self.groups, f"{where}: groups", 1, 2**31), len(full.w)
        if F % groups:
            refuse(f"{where}: groups", groups, f"a divisor of the {F} outputs")
        stride, padding = pair(self.stride, f"{where}: stride"), padding_of(self.padding, f"{where}: padding")
        dilation = pair(self.dilation, f"{where}: dilation")
        return replace(full, groups=groups, stride=stride, padding=padding, dilation=dilation)

    @property
    def kernel(self) -> Pair:
        """(kh, kw)."""
        return self.w.shape[2], self.w.shape[3]

    @property
    def window(self) -> Pair:
        """The rows and columns of the image that a window lies over, dilation included."""
        return reach_of(self.kernel, self.dilation)

    def outputs(self, size: Pair, where: str = "Conv2d") -> Pair:
        """(OH, OW) of images of this size, by (W1)."""
        return window_count(size, self.window, self.stride, self.padding, where)


@dataclass(frozen=True, eq=False)
class Linear(Weighted):
    """Fully connected (C,) → (F,); w (F, C)."""

    rounding: Rounding = field(default="single", kw_only=True)
    axes: ClassVar[tuple[str, ...]] = ("F", "C")


@dataclass(frozen=True, eq=False)
class Pool(Operator):
    """A window of `kernel` moved by `stride` (default: the kernel) over each channel.

    Padding takes no part: no code of it is ever the greatest, and none is counted in a mean.
    y  None, or the input's codes with lo and hi narrowed: a fused clamp
    """

    kernel: Pair
    stride: Pair | None = None
    padding: Padding = NO_PADDING
    y: Codes | None = None

    def checked(self, where: str) -> Self:
        super().checked(where)
        kernel = pair(self.kernel, f"{where}: kernel")
        stride = kernel if self.stride is None else pair(self.stride, f"{where}: stride")
        padding = padding_of(self.padding, f"{where}: padding")
        for k, ends in zip(kernel, padding, strict=True):
            if max(ends) >= k:
                refuse(f"{where}: padding", ends, f"less than the window's {k}, or a window sees nothing")
        if self.y is not None:
            check_codes(self.y, where)
        return replace(self, kernel=kernel, stride=stride, padding=padding)

    @property
    def steps(self) -> Pair:
        """The stride, default filled in."""
        return self.kernel if self.stride is None else self.stride


@dataclass(frozen=True, eq=False)
class MaxPool2d(Pool):
    """The greatest code of each window."""


@dataclass(frozen=True, eq=False)
class AvgPool2d(Pool):
    """The mean of the codes of each window, to nearest, half away from zero (code 0, not the zero point)."""


@dataclass(frozen=True, eq=False)
class GlobalAvgPool(Operator):
    """The mean of each channel, (C, H, W) → (C, 1, 1), in one of two ways.

    without m0, n, y  the mean of the codes, half away from zero, on the input's grid: an `AvgPool2d` as
                      large as the image
    with all three    y = clamp(y.zero + round(acc·m0·2⁻ⁿ)) with acc = Σ (x − x.zero), onto any grid, as
                      LiteRT's MEAN does; 1 / (H·W) is part of the multiplier. LiteRT divides m0 by H·W
                      without normalising it again, so here m0 may be as small as 2²⁹
    with "float32"    XNNPACK adds up the codes and puts both zero points into one number. With the names of
                      `fixedpoint`, M = m0·2⁻⁷, k = n − 7 from 0 to 53, and S = Σ x over H·W places:

                          z = sig(y.zero·2ᵏ − sig(sig(H·W·x.zero)·M))                      (GA1)
                          y = clamp(even(sig(sig(sig(S)·M) + z)·2⁻ᵏ))                      (GA2)
    """

    m0: int | None = None
    n: int | None = None
    y: Codes | None = None
    rounding: Rounding = "double"

    def checked(self, where: str) -> Self:
        super().checked(where)
        check_rounding(self.rounding, where)
        given = [value is not None for value in (self.m0, self.n, self.y)]
        if any(given) != all(given):
            refuse(f"{where}: m0, n, y", f"{sum(given)} of the three", "all of them or none")
        if self.y is None:
            return self
        check_codes(self.y, where)
        m0, n = check_multiplier(self.m0, self.n, self.rounding, where, M0_LEAST // 2)
        if self.rounding == "float32":
            whole(n, f"{where}: n", 7, 60)
        return replace(self, m0=m0, n=n)

    def sums_codes(self) -> bool:
        """Whether the sum is that of the codes, and not of codes minus their zero point."""
        return self.y is None or self.rounding == "float32"


@dataclass(frozen=True, eq=False)
class Argmax(Operator):
    """(K,) codes → the class with the greatest one; the first among equals. The last of its program."""
