"""Depth: what is known of the exercise about scale and zero point."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
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
    hints=(
        "Which code means 0 on a grid from −1 to 3 with the codes 0 … 4? And on one from 2 to 6?",
        "Widen first, so that 0 lies in the range; how many scales from low up to 0 is the zero point.",
        "Code: divide, round, add zero, clamp, make whole. Back: in int64, less zero, times scale.",
    ),
)
