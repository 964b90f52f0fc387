"""Depth: what is known of the exercise about scale and zero point."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
from tinyzip.quant.grids.grid import Grid


def expected_scale_and_zero(low: float, high: float, bits: int) -> Any:
    grid = Grid.affine(low, high, bits)
    return grid.scale, grid.zero


def expected_quantize(x: Any, scale: float, zero: int, bits: int) -> Any:
    return Grid(scale, zero, 0, 2**bits - 1).quantize(x)


def expected_dequantize(codes: Any, scale: float, zero: int) -> Any:
    return Grid(scale, zero, 0, 255).dequantize(codes)


def made(what: str, low: float, high: float, bits: int) -> Case:
    return Case("scale_and_zero", what, lambda: (low, high, bits), expected_scale_and_zero)


def drawn(what: str, scale: float, zero: int, bits: int, *shape: int, dtype: Any = np.float64) -> Case:
    """Numbers on the grid and beyond, each nearer to its code than to the halfway to the next."""

    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        codes = rng.integers(-4, 2**bits + 4, shape) + rng.uniform(-0.45, 0.45, shape)
        return (scale * (codes - zero)).astype(dtype), scale, zero, bits

    return Case("quantize", what, seeded(31, make), expected_quantize, 0)


def given(what: str, scale: float, zero: int, bits: int, *x: float) -> Case:
    return Case("quantize", what, lambda: (np.array(x), scale, zero, bits), expected_quantize, 0)


def back(what: str, scale: float, zero: int, codes: Any, dtype: Any) -> Case:
    return Case("dequantize", what, lambda: (np.array(codes, dtype), scale, zero), expected_dequantize)


CHECK = Check(
    library="quant/grids/grid.py, Grid",
    cases=(
        made("a grid of 8 bits on 0 … 510", 0.0, 510.0, 8),
        made("a grid of 4 bits on −2 … 5.5, where zero is 4 exactly", -2.0, 5.5, 4),
        made("a grid of 8 bits on −3 … 6.7, where zero is rounded up", -3.0, 6.7, 8),
        made("a grid of 8 bits on −3 … 6.72, where zero is rounded down", -3.0, 6.72, 8),
        made("a grid of 3 bits on 2 … 6, where 0 is not in the range", 2.0, 6.0, 3),
        made("a grid of 3 bits on −6 … −2, where 0 is not in the range", -6.0, -2.0, 3),
        made("a grid of 2 bits on −0.5 … 2.5, where zero is halfway from 0 to 1", -0.5, 2.5, 2),
        made("a grid of 2 bits on −1.5 … 1.5, where zero is halfway from 1 to 2", -1.5, 1.5, 2),
        made("a grid of 2 bits on −2.5 … 0.5, where zero is halfway from 2 to 3", -2.5, 0.5, 2),
        made("a grid of 8 bits on 3 … 3", 3.0, 3.0, 8),
        made("a grid of 8 bits on 0 … 0", 0.0, 0.0, 8),
        made("a grid of 4 bits on a thousandth of 3 … 9", 0.003, 0.009, 4),
        drawn("12 numbers of 8 bits, zero = 0", 0.3, 0, 8, 12),
        drawn("numbers of 4 bits in three rows, zero = 5", 0.07, 5, 4, 3, 8),
        drawn("numbers of 3 bits in float32, zero = 7", 3.0, 7, 3, 4, 2, 5, dtype=np.float32),
        given("halves, zero = 6", 0.5, 6, 4, *np.arange(-15, 16, 2) / 4),
        given("halves, zero = 7", 0.5, 7, 4, *np.arange(-15, 16, 2) / 4),
        given("numbers far beyond the grid, zero = 100", 0.5, 100, 8, -1e6, -200.0, 77.0, 77.5, 78.0, 1e6),
        back("three codes, zero = 0", 0.25, 0, [0, 3, 255], np.int64),
        back("codes in bytes, zero = 100", 0.3, 100, [[0, 99, 100], [101, 200, 255]], np.uint8),
        back("codes in int8, zero = 128", 0.5, 128, [[0, 1, 127]], np.int8),
    ),
    mistakes=(
        Mistake(
            "low, high = min(low, 0.0), max(high, 0.0)",
            "pass",
            "the range has to be widened to hold 0 at both ends",
        ),
        Mistake("min(low, 0.0), max", "low, max", "where low is above 0, the range has to be widened to 0"),
        Mistake(
            "max(high, 0.0)\n",
            "high\n    high = high + (high == low)\n",
            "where high is below 0, the range has to be widened to 0",
        ),
        Mistake(
            "(high - low) / (2**bits - 1)",
            "(high - low) / 2**bits",
            "2ᵇ codes have 2ᵇ − 1 steps between the first and the last",
        ),
        Mistake(
            "round(-low / scale)",
            "int(-low / scale)",
            "the zero point is rounded to the nearest; this cuts off",
        ),
        Mistake(
            "round(-low / scale)",
            "int(np.floor(-low / scale + 0.5))",
            "a zero point halfway goes to the even code; this goes up",
        ),
        Mistake("round(-low / scale)", "round(low / scale)", "the sign: zero is round(−low / scale)"),
        Mistake("round(-low / scale)", "-low / scale", "the zero point is a code, so it has to be rounded"),
        Mistake(
            "round(-low / scale)",
            "2 ** (bits - 1)",
            "the zero point is where 0 lies in this range, not the middle of the codes",
        ),
        Mistake("if high > low else 1.0", "+ 1e-8", "where low = high = 0 the scale is 1"),
        Mistake(
            "(high - low) / (2**bits - 1)",
            "2 * max(-low, high) / (2**bits - 1)",
            "the range is from low to high; here it is made as long on both sides of 0",
        ),
        Mistake(
            "np.rint(x / scale) + zero,",
            "np.rint(x / scale + zero),",
            "zero is added after rounding; a half goes elsewhere where zero is odd",
        ),
        Mistake("np.rint(x / scale)", "np.floor(x / scale)", "this floors; codes are rounded to the nearest"),
        Mistake(
            "np.rint(x / scale)", "np.floor(x / scale + 0.5)", "a half goes to the even number; this goes up"
        ),
        Mistake("np.rint(x / scale)", "np.rint(x * scale)", "x is divided by the scale, not multiplied"),
        Mistake(") + zero, 0,", ") - zero, 0,", "zero is added to make a code; it is taken off to read one"),
        Mistake(
            "np.clip(np.rint(x / scale) + zero, 0, 2**bits - 1)",
            "(np.rint(x / scale) + zero)",
            "what lies beyond the grid has to get the code of its end: clamp",
        ),
        Mistake(
            "np.clip(np.rint(x / scale) + zero, 0, 2**bits - 1)",
            "(np.clip(np.rint(x / scale), 0, 2**bits - 1) + zero)",
            "clamp after zero was added; before it, negative numbers are lost",
        ),
        Mistake(
            "np.clip(np.rint(x / scale) + zero, 0, 2**bits - 1)",
            "((np.rint(x / scale) + zero) % 2**bits)",
            "a code beyond the ends wraps around here; it has to be clamped",
        ),
        Mistake("0, 2**bits - 1).astype", "0, 2**bits).astype", "the last code is 2ᵇ − 1"),
        Mistake(
            "codes.astype(np.int64) - zero",
            "codes - zero",
            "codes in bytes wrap around below 0: make them int64 or floats before zero is taken off",
        ),
        Mistake(
            "scale * (codes.astype(np.int64) - zero)",
            "scale * codes.astype(np.int64) - zero",
            "zero is a code: it is taken off before the scale multiplies",
        ),
        Mistake("(codes.astype(np.int64) - zero)", "codes.astype(np.int64)", "zero has to be taken off"),
        Mistake("astype(np.int64) - zero)", "astype(np.int64) + zero)", "zero is taken off, not added, here"),
        Mistake(
            "scale * (codes.astype(np.int64) - zero)",
            "(codes.astype(np.int64) - zero) / scale",
            "a code is multiplied by the scale to give a number",
        ),
    ),
    others=(
        """
import math
import numpy as np

def scale_and_zero(low, high, bits):
    if low > 0:
        low = 0
    if high < 0:
        high = 0
    if low == high:
        return 1, 0
    scale = (high - low) / (2**bits - 1)
    place = -low / scale
    zero = math.floor(place)
    if place - zero > 0.5 or (place - zero == 0.5 and zero % 2 == 1):
        zero += 1
    return scale, zero

def quantize(x, scale, zero, bits):
    codes = np.empty(x.shape, np.uint8)
    for place in np.ndindex(x.shape):
        codes[place] = min(max(round(float(x[place]) / scale) + zero, 0), 2**bits - 1)
    return codes

def dequantize(codes, scale, zero):
    return scale * codes.astype(np.float32) - scale * zero
""",
        """
import numpy as np

def scale_and_zero(low, high, bits):
    ends = np.array([low, 0.0, high])
    scale = np.ptp(ends) / (2**bits - 1) or 1.0
    return np.float64(scale), np.rint(-ends.min() / scale).astype(np.int32)

def quantize(x, scale, zero, bits):
    steps = np.clip(np.round(x / scale), -zero, 2**bits - 1 - zero)
    return (steps + zero).astype(np.uint8)

def dequantize(codes, scale, zero):
    return np.subtract(codes, zero, dtype=np.float64) * scale
""",
    ),
    hints=(
        "Which code means 0 on a grid from −1 to 3 with the codes 0 … 4? And on one from 2 to 6?",
        "Widen first, so that 0 lies in the range; how many scales from low up to 0 is the zero point.",
        "Code: divide, round, add zero, clamp, make whole. Back: in int64, less zero, times scale.",
    ),
)
