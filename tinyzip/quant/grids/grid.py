"""A grid: the few real numbers that a small integer can stand for.

Quantizing means choosing, once and for all, a set of evenly spaced real numbers, and then writing down
for each weight or activation only *which* of them is nearest. A `Grid` is that choice:

dq(k) = scale · (k − zero)                                          lo ≤ k ≤ hi            (G1)
q(x)  = clamp(rint(x / scale) + zero, lo, hi)                                              (G2)

after Jacob et al. 2018, eq. 1. `zero` is the code that means 0 exactly. It must lie on the grid: zeros
are what images are padded with, what ReLU makes, and what half of the weights nearly are, and an error
there would be made everywhere at once. `scale` is the distance of neighbours, so inside the range nothing
is off by more than half of it, and outside the nearest end is taken ("saturation").

How wrong is that on average? Where the density of x is smooth across a step, the error is spread evenly
over ±scale/2, and its mean square is

noise = ∫ e² de / scale over ±scale/2 = scale² / 12                                        (G3)

One bit more halves the scale, quarters the noise, and so gives 10·log10(4) ≈ 6.02 decibels.

Ties go to the even neighbour (np.rint). The grid then treats x and −x alike, which matters for weights;
the integer engine rounds as `integer.fixedpoint` names it: `float32` to even as here, `double` half away from
zero, `single` and `shift` half up. On exact ties only do they differ.

What the arithmetic adds: x / scale and the product of G1 are computed in float64 and only the result is
rounded to float32, by a factor within 1 ± 2⁻²⁴. As |k − zero| ≤ 255, for x inside the range

|x − dq(q(x))| ≤ scale/2 + 2⁻²⁴·(|x| + scale)                                              (G4)

and the same smallness makes q(dq(k)) = k for every code. For that the scale is at least the smallest
normal float32, 2⁻¹²⁶, and no value of the grid overflows float32; other grids are refused.

Ranges of a whole tensor are ruled by its largest channel. With one scale for each output channel
("per channel", Krishnamoorthi 2018) every channel is rounded at its own size.

A grid of weights remembers which weights it was made for. Ranges do not tell: those that training on the
grids has learned are often further from the best for its weights than those from before the training, which
ruin it all the same. So not ranges are compared, but a checksum of the weights.
"""

from copy import copy
from dataclasses import dataclass
from typing import Any, Self
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyzip.base.refuse import flag, is_masked, refuse, whole
from tinyzip.nn.ops.checks import Array

Real = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]
SMALLEST_SCALE = float(np.finfo(np.float32).tiny)
LARGEST = float(np.finfo(np.float32).max) * (1 + 2**-30)  # still rounds to the largest float32


def check_bits(bits: object, argument: str = "bits", least: int = 2) -> int:
    """`bits` as an int; refuses what is not a whole number from `least` to 8."""
    return whole(bits, argument, least, 8)


def check_finite(x: ArrayLike, argument: str) -> Array:
    """x as an array; refuses one that is not of real numbers, is empty, or has a NaN or an infinity."""
    if is_masked(x):
        refuse(argument, "a masked array", "a full one: x.filled(0)", TypeError)
    array = np.asarray(x)
    if array.dtype.kind not in "fiu":
        refuse(argument, f"dtype {array.dtype}", "real numbers", TypeError)
    if array.size == 0:
        refuse(argument, f"an empty array of shape {array.shape}", "at least one number")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = array.size - int(np.isfinite(array).sum())
        refuse(argument, f"{bad} NaN or infinite of {array.size}", "finite numbers")
    return array


def by_channel(values: Array, x: Array) -> Array:
    """`values`, () or one for each channel (C,), in a shape that broadcasts along axis 0 of x (C, …)."""
    return values.reshape(-1, *[1] * (x.ndim - 1)) if values.ndim else values


def checksum(w: Array) -> int:
    """The CRC-32 of weights in float32, whatever dtype they are kept in."""
    return crc32(np.ascontiguousarray(w, "<f4").data)


@dataclass(frozen=True, eq=False, init=False)
class Grid:
    """Evenly spaced real numbers scale·(k − zero), lo ≤ k ≤ hi (G1), of a tensor or of each channel.

    scale     () or (C,) float64, positive; real distance of two neighbouring codes
    zero      () or (C,) int64 in [lo, hi], the code of 0; of the same shape as scale
    lo, hi    the first and the last code: 0 ≤ lo < hi ≤ 255 or −128 ≤ lo < hi ≤ 127
    made_for  a checksum of the weights that it was made for; None for activations and what is made by hand

    With (C,) the channels are axis 0 of the array that is quantized. Arrays are kept read-only.
    """

    scale: Real
    zero: NDArray[np.int64]
    lo: int
    hi: int
    made_for: int | None

    def __init__(
        self, scale: ArrayLike, zero: ArrayLike, lo: int, hi: int, made_for: int | None = None
    ) -> None:
        for name, code in (("lo", lo), ("hi", hi)):
            if not isinstance(code, int | np.integer) or isinstance(code, bool):
                refuse(f"Grid: {name}", repr(code), "a whole number", TypeError)
        if not (0 <= lo < hi <= 255 or -128 <= lo < hi <= 127):
            refuse("Grid: lo, hi", f"{lo} … {hi}", "a part of 0 … 255 or of −128 … 127, two codes or more")
        steps = check_finite(scale, "Grid: scale").astype(np.float64)
        if steps.ndim > 1:
            refuse("Grid: scale", f"shape {steps.shape}", "one number, or one for each channel")
        origin = check_finite(zero, "Grid: zero")
        if (origin != np.floor(origin)).any():
            refuse("Grid: zero", zero, "whole numbers")
        if origin.shape not in ((), steps.shape):
            refuse("Grid: zero", f"shape {origin.shape}", f"the shape of scale, {steps.shape}")
        if origin.min() < lo or origin.max() > hi:
            refuse("Grid: zero", f"{origin.min()} … {origin.max()}", f"a code of the grid, {lo} … {hi}")
        origin = np.broadcast_to(origin, steps.shape).astype(np.int64)
        with np.errstate(over="ignore"):  # an infinity is refused like any that is too large
            extent = steps * np.maximum(hi - origin, origin - lo)
        if steps.min() < SMALLEST_SCALE or extent.max() > LARGEST:
            refuse("Grid: scale", f"{steps.min()} … {steps.max()}", "a step whose multiples float32 can hold")
        steps.setflags(write=False)
        origin.setflags(write=False)
        object.__setattr__(self, "scale", steps)
        object.__setattr__(self, "zero", origin)
        object.__setattr__(self, "lo", int(lo))
        object.__setattr__(self, "hi", int(hi))
        object.__setattr__(self, "made_for", None if made_for is None else int(made_for))

    @classmethod
    def symmetric(cls, max_abs: ArrayLike, bits: int, narrow: bool = True) -> Self:
        """The grid with zero = 0 whose last code means max_abs: what weights use.

        max_abs  () or (C,) real, ≥ 0. Where it is 0 any scale serves; it is 1, and all codes are 0.
        bits     2 … 8
        narrow   leave out the lowest code, so that the grid is its own mirror image: ±127, not −128 … 127
        """
        bits = check_bits(bits)
        flag(narrow, "Grid.symmetric: narrow")
        top = check_finite(max_abs, "Grid.symmetric: max_abs").astype(np.float64)
        if top.min() < 0:
            refuse("Grid.symmetric: max_abs", top.min(), "0 or more")
        hi = 2 ** (bits - 1) - 1
        return cls(_step(top, hi), 0, -hi if narrow else -hi - 1, hi)

    @classmethod
    def affine(cls, low: ArrayLike, high: ArrayLike, bits: int) -> Self:
        """The grid of codes 0 … 2^bits − 1 over [low, high]: what activations use.

        low, high  () or (C,) real, low ≤ high. The range is first widened to hold 0. Then the code that
                   comes nearest to meaning 0 is made to mean it, which moves both ends by at most scale/2
                   ("nudging"). Where low = high = 0 any scale serves; it is 1, and all codes are 0.
        bits       2 … 8
        """
        bits = check_bits(bits)
        bottom = check_finite(low, "Grid.affine: low").astype(np.float64)
        top = check_finite(high, "Grid.affine: high").astype(np.float64)
        if bottom.shape != top.shape:
            refuse("Grid.affine: low, high", f"shapes {bottom.shape}, {top.shape}", "two of one shape")
        if (bottom > top).any():
            refuse("Grid.affine: low", f"{bottom}, with a high of {top}", "low ≤ high")
        bottom, top = np.minimum(bottom, 0), np.maximum(top, 0)
        hi = 2**bits - 1
        with np.errstate(over="ignore"):  # as in __init__
            scale = _step(top - bottom, hi)
        return cls(scale, np.clip(np.rint(-bottom / scale), 0, hi), 0, hi)

    def with_scale(self, scale: ArrayLike) -> Self:
        """The same codes at another scale, of the same shape."""
        if np.shape(scale) != self.scale.shape:
            refuse("Grid.with_scale: scale", f"shape {np.shape(scale)}", f"{self.scale.shape}")
        grid = copy(self)
        Grid.__init__(grid, scale, self.zero, self.lo, self.hi, self.made_for)
        return grid

    def for_weights(self, w: Array) -> Self:
        """The same grid, made for these weights."""
        grid = copy(self)
        Grid.__init__(grid, self.scale, self.zero, self.lo, self.hi, checksum(w))
        return grid

    def fits(self, w: Array) -> bool:
        """Was it made for these weights, or by hand, or do they lie on it, as AdaRound leaves them?"""
        return (
            self.made_for is None
            or self.made_for == checksum(w)
            or bool((self.round_trip(w) == w.astype(np.float32)).all())
        )

    @property
    def bits(self) -> int:
        """How many bits a code takes."""
        return (self.hi - self.lo).bit_length()

    @property
    def dtype(self) -> np.dtype[np.int8] | np.dtype[np.uint8]:
        """The dtype of codes: uint8 where no code is negative, int8 otherwise."""
        return np.dtype(np.uint8) if self.lo >= 0 else np.dtype(np.int8)

    @property
    def low(self) -> Real:
        """The smallest real number on the grid, () or (C,)."""
        return np.asarray(self.scale * (self.lo - self.zero))

    @property
    def high(self) -> Real:
        """The largest real number on the grid, () or (C,)."""
        return np.asarray(self.scale * (self.hi - self.zero))

    def quantize(self, x: ArrayLike) -> Codes:
        """q(x) by (G2): the code of the grid's number nearest to each x; the nearest end for those outside.

        x  real and finite, any shape; (C, …) where the grid is per channel
        returns  codes of x's shape, uint8 or int8 (`dtype`); off by at most G4 inside the range
        raises  ValueError for NaN, infinities, no numbers at all, or another count of channels
        """
        array = check_finite(x, "Grid.quantize: x")
        with np.errstate(over="ignore", under="ignore"):  # what overflows saturates, as it should
            steps = np.rint(array / self._along(self.scale, array, "Grid.quantize: x"))
        codes = np.clip(steps + self._along(self.zero, array, "Grid.quantize: x"), self.lo, self.hi)
        return np.asarray(codes, self.dtype)

    def dequantize(self, codes: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """dq(k) by (G1), float32: the exact product, rounded once.

        codes  integers in [lo, hi], any shape; (C, …) where the grid is per channel
        raises  TypeError for codes that are not integers, ValueError for codes outside [lo, hi]
        """
        array = check_finite(codes, "Grid.dequantize: codes")
        if array.dtype.kind not in "iu":
            refuse("Grid.dequantize: codes", f"dtype {array.dtype}", "integers", TypeError)
        if array.min() < self.lo or array.max() > self.hi:
            found = f"{array.min()} … {array.max()}"
            refuse("Grid.dequantize: codes", found, f"codes of the grid, {self.lo} … {self.hi}")
        offsets = array.astype(np.int64) - self._along(self.zero, array, "Grid.dequantize: codes")
        values = offsets * self._along(self.scale, array, "Grid.dequantize: codes")
        return np.asarray(values, np.float32)

    def round_trip(self, x: ArrayLike) -> NDArray[np.float32]:
        """dq(q(x)): x rounded to the grid, float32. Idempotent."""
        return self.dequantize(self.quantize(x))

    def __repr__(self) -> str:
        def span(values: Array) -> str:
            low, high = values.min(), values.max()
            return f"{low:.6g}" if low == high else f"{low:.4g} … {high:.4g}"

        channels = f", channels={self.scale.size}" if self.scale.ndim else ""
        meaning = f"scale={span(self.scale)}, zero={span(self.zero)}"
        return f"{type(self).__name__}({meaning}, lo={self.lo}, hi={self.hi}{channels})"

    def _along(self, values: Array, array: Array, argument: str) -> Array:
        """`by_channel`, after a check that `array` has as many channels as the grid."""
        if values.ndim and (array.ndim == 0 or array.shape[0] != values.size):
            refuse(argument, f"shape {array.shape}", f"({values.size}, …), as the grid is per channel")
        return by_channel(values, array)


def _step(extent: Real, count: int) -> Real:
    """extent / count, kept large enough for float32, and 1 where there is no extent."""
    return np.where(extent > 0, np.maximum(extent / count, SMALLEST_SCALE), 1.0)
