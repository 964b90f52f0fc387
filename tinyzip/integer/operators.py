"""The operators of an integer program: plain records, no behaviour.

Each record holds what its operator computes with, and refuses what could never be right on its own: a wrong
dtype, a weight outside its bits, a multiplier out of range. What depends on the neighbours (shapes, the codes
that come in, the accumulator's bound) is for `Program` to check. The codes that an operator reads are those
that the operator before it writes; so a record carries only `y`, the codes it writes.

Arrays are copied and made read-only, since a program is a value. Two operators are equal when all their
fields are.
"""

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.codes import Codes, whole
from tinyzip.integer.fixedpoint import M0_LEAST, M0_MOST, N_LEAST, N_MOST, ROUNDINGS, Rounding
from tinyzip.refuse import refuse
from tinyzip.windows import Padding, Pair, padding_of, pair

NO_PADDING: Padding = ((0, 0), (0, 0))


def frozen(value: Any, argument: str, dtype: Any, lo: int, hi: int) -> NDArray[Any]:
    """A read-only copy of `value` as `dtype`, all of it in [lo, hi]; refuses what is not integer."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
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

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        pairs = [(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)]
        return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)

    def __hash__(self) -> int:
        return hash((self.kind, self.name))

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _check_codes(self, y: Any) -> None:
        if not isinstance(y, Codes):
            refuse(f"{self.kind}: y", type(y).__name__, "Codes", TypeError)

    def _check_rounding(self, rounding: Any) -> None:
        if rounding not in ROUNDINGS:
            refuse(f"{self.kind}: rounding", repr(rounding), f"one of {', '.join(ROUNDINGS)}")


@dataclass(frozen=True, eq=False)
class Weighted(Operator):
    """y = clamp(y.zero + round(acc·m0·2⁻ⁿ)),  acc = Σ w·(x − x.zero) + bias       [Jacob et al. 2018, eq. 7]

    w            int8, F outputs first
    bias         (F,) int32 in the accumulator's unit s_x·s_w; None, going in, means zeros
    m0, n        (F,) int64, or one number for all outputs; ranges as in `fixedpoint`
    y            the codes written; a ReLU is y.lo = y.zero, a ReLU6 lowers y.hi as well
    rounding     "double", "single" or "shift"
    weight_bits  b from 1 to 8: all of w in [−2ᵇ⁻¹, 2ᵇ⁻¹ − 1]; with one bit, two values out of −1, 0, 1
    """

    w: NDArray[np.int8]
    bias: Any
    m0: NDArray[np.int64]
    n: NDArray[np.int64]
    y: Codes
    rounding: Rounding = field(default="double", kw_only=True)
    weight_bits: int = field(default=8, kw_only=True)
    axes: ClassVar[tuple[str, ...]]

    def __post_init__(self) -> None:
        bits = whole(self.weight_bits, f"{self.kind}: weight_bits", 1, 8)
        most = max(2 ** (bits - 1) - 1, 1)
        w = frozen(self.w, f"{self.kind}: w", np.int8, -(2 ** (bits - 1)), most)
        if w.ndim != len(self.axes):
            refuse(f"{self.kind}: w", f"shape {w.shape}", f"the axes ({', '.join(self.axes)})")
        if bits == 1 and np.unique(w).size > 2:
            refuse(f"{self.kind}: w", "−1, 0 and 1", "no more than two values in one bit")
        F = w.shape[0]
        bias = np.zeros(F, np.int32) if self.bias is None else self.bias
        bias = frozen(bias, f"{self.kind}: bias", np.int32, -(2**31), 2**31 - 1)
        m0 = frozen(self.m0, f"{self.kind}: m0", np.int64, M0_LEAST, M0_MOST)
        n = frozen(self.n, f"{self.kind}: n", np.int64, N_LEAST, N_MOST)
        if bias.shape != (F,):
            refuse(f"{self.kind}: bias", f"shape {bias.shape}", f"({F},), one for each output")
        if m0.shape not in ((), (1,), (F,)) or n.shape not in ((), (1,), (F,)):
            refuse(f"{self.kind}: m0, n", f"shapes {m0.shape}, {n.shape}", f"({F},), or one number")
        self._check_rounding(self.rounding)
        if self.rounding == "shift" and (m0 != M0_LEAST).any():
            refuse(f"{self.kind}: m0", f"{int(m0.max())}", "2^30 for a rounding that only shifts")
        self._check_codes(self.y)
        m0, n = (frozen(np.broadcast_to(a, F), self.kind, np.int64, 0, M0_MOST) for a in (m0, n))
        self._set(w=w, bias=bias, m0=m0, n=n, weight_bits=bits)


@dataclass(frozen=True, eq=False)
class Conv2d(Weighted):
    """Convolution (C, H, W) → (F, OH, OW); the padding holds x.zero, so it adds nothing to the sum.

    w        (F, C/groups, kh, kw); output f reads the channels of group ⌊f·groups / F⌋. With groups = C
             this is a depthwise convolution, F / C outputs a channel
    stride   one number or (rows, columns); padding: p, (rows, columns) or ((top, bottom), (left, right))
    """

    stride: Pair = (1, 1)
    padding: Padding = NO_PADDING
    groups: int = 1
    axes: ClassVar[tuple[str, ...]] = ("F", "C/groups", "kh", "kw")

    def __post_init__(self) -> None:
        super().__post_init__()
        groups = whole(self.groups, "Conv2d: groups", 1, 2**31)
        if self.w.shape[0] % groups:
            refuse("Conv2d: groups", groups, f"a divisor of the {self.w.shape[0]} outputs")
        stride, padding = pair(self.stride, "Conv2d: stride"), padding_of(self.padding, "Conv2d: padding")
        self._set(groups=groups, stride=stride, padding=padding)

    @property
    def kernel(self) -> Pair:
        """(kh, kw)."""
        return self.w.shape[2], self.w.shape[3]


@dataclass(frozen=True, eq=False)
class Linear(Weighted):
    """Fully connected (C,) → (F,); w (F, C)."""

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

    def __post_init__(self) -> None:
        kernel = pair(self.kernel, f"{self.kind}: kernel")
        stride = kernel if self.stride is None else pair(self.stride, f"{self.kind}: stride")
        padding = padding_of(self.padding, f"{self.kind}: padding")
        for k, ends in zip(kernel, padding, strict=True):
            if max(ends) >= k:
                refuse(f"{self.kind}: padding", ends, f"less than the window's {k}, or a window sees nothing")
        if self.y is not None:
            self._check_codes(self.y)
        self._set(kernel=kernel, stride=stride, padding=padding)

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
    """

    m0: int | None = None
    n: int | None = None
    y: Codes | None = None
    rounding: Rounding = "double"

    def __post_init__(self) -> None:
        self._check_rounding(self.rounding)
        given = [value is not None for value in (self.m0, self.n, self.y)]
        if any(given) != all(given):
            refuse("GlobalAvgPool: m0, n, y", f"{sum(given)} of the three", "all of them or none")
        if self.y is not None:
            least = M0_LEAST if self.rounding == "shift" else M0_LEAST // 2
            most = M0_LEAST if self.rounding == "shift" else M0_MOST
            self._set(m0=whole(self.m0, "GlobalAvgPool: m0", least, most))
            self._set(n=whole(self.n, "GlobalAvgPool: n", N_LEAST, N_MOST))
            self._check_codes(self.y)


@dataclass(frozen=True, eq=False)
class Flatten(Operator):
    """(C, H, W) → (C·H·W,), channel by channel, row by row."""


@dataclass(frozen=True, eq=False)
class Argmax(Operator):
    """(K,) codes → the class with the greatest one; the first among equals. The last of its program."""
