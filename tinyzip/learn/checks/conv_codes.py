"""Depth: what is known of the exercise about a convolution on codes."""

from typing import Any

import numpy as np

from tinyzip.base.windows import pad
from tinyzip.integer import ops
from tinyzip.integer.codes import Codes
from tinyzip.integer.operators import Conv2d
from tinyzip.learn.case import Case, Check, seeded

NONE = ((0, 0), (0, 0))
M0: Any = 2**30  # of a multiplier, which sums do not depend on
SHIFT: Any = 31


def expected_sums(x: Any, x_zero: int, w: Any, bias: Any, s: Any = 1, padding: Any = NONE) -> Any:
    operator = Conv2d(w, bias, M0, SHIFT, Codes(0, 255, 0), stride=s, padding=padding).checked("conv_codes")
    bordered = ops.centred(pad(x, padding, x_zero), x_zero)
    acc = ops.convolved(operator, bordered)
    return acc + ops.column(bias, acc)


def expected(
    x: Any, x_zero: int, w: Any, bias: Any, m0: Any, n: Any, zero: int, lo: int, hi: int, s: Any, padding: Any
) -> Any:
    y = Codes(lo, hi, zero)
    operator = Conv2d(w, bias, m0, n, y, stride=s, padding=padding).checked("conv_codes")
    least, most = (0, 255) if x.dtype == np.uint8 else (-128, 127)
    return ops.apply(operator, [x], [Codes(least, most, x_zero)], y)


def images(rng: np.random.Generator, shape: tuple[int, ...], signed: bool, w: tuple[int, ...]) -> Any:
    x = rng.integers(-128, 128, shape, np.int8) if signed else rng.integers(0, 256, shape, np.uint8)
    return x, rng.integers(-128, 128, w, np.int8), rng.integers(-5000, 5000, w[0], np.int32)


def sums(
    what: str, shape: tuple[int, ...], w: tuple[int, ...], zero: int, s: int = 1, padding: Any = NONE,
    signed: bool = False,
) -> Case:  # fmt: skip
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        x, weights, bias = images(rng, shape, signed, w)
        return x, zero, weights, bias, s, padding

    return Case("accumulate", what, seeded(36, make), expected_sums, 0)


def codes(
    what: str, shape: tuple[int, ...], w: tuple[int, ...], zero: int, y: tuple[int, int, int], s: int = 1,
    padding: Any = NONE, signed: bool = False, n: int = 40,
) -> Case:  # fmt: skip
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        x, weights, bias = images(rng, shape, signed, w)
        m0, shifts = rng.integers(2**30, 2**31, w[0]), n + np.arange(w[0]) % 3
        return x, zero, weights, bias, m0, shifts, *y, s, padding

    return Case("conv_codes", what, seeded(37, make), expected, 0)


def extremes() -> tuple[Any, ...]:
    x, w = np.full((2, 2, 2, 1), 255, np.uint8), np.full((1, 2, 2, 2), -128, np.int8)
    x[0], w[0, 0] = 0, 127
    return x, 255, w, np.array([-(2**30)], np.int32), 1, NONE


CHECK = Check(
    library="integer/ops.py, convolved and requantized",
    cases=(
        sums(
            "the sums of one image of 3×3, a kernel of 1×1, the zero point 0", (1, 3, 3, 1), (1, 1, 1, 1), 0
        ),
        sums("the sums with two channels, three outputs, kernels of 2×3", (2, 4, 5, 2), (3, 2, 2, 3), 0),
        sums("the sums with the zero point 130", (2, 4, 5, 2), (3, 2, 2, 3), 130),
        sums("the sums of codes below zero, the zero point −7", (2, 4, 5, 2), (3, 2, 2, 3), -7, signed=True),
        sums(
            "the sums with a border of 1, the zero point 130",
            (1, 4, 4, 2),
            (2, 1, 3, 3),
            130,
            1,
            ((1, 1), (1, 1)),
        ),
        sums(
            "the sums with a border on two sides only, in steps of 2, the zero point −100",
            (2, 5, 6, 3),
            (2, 2, 3, 2),
            -100,
            2,
            ((0, 1), (1, 0)),
            signed=True,
        ),
        sums("the sums where windows hang far over", (1, 3, 3, 2), (2, 1, 4, 4), 77, 3, ((3, 2), (1, 3))),
        Case("accumulate", "the sums of the most extreme codes", extremes, expected_sums, 0),
        codes(
            "the codes of an image of 4×4, the zero points 0", (1, 4, 4, 1), (1, 1, 2, 2), 0, (0, -128, 127)
        ),
        codes(
            "the codes of two images, the zero points 120 and 3",
            (2, 4, 5, 2),
            (3, 2, 2, 3),
            120,
            (3, -128, 127),
        ),
        codes("the codes with as many outputs as images", (1, 4, 4, 3), (3, 1, 3, 3), 9, (100, 0, 255)),
        codes("the codes after a ReLU", (3, 5, 5, 4), (4, 3, 3, 3), 128, (-30, -30, 127)),
        codes(
            "the codes with a border on two sides only, in steps of 2",
            (2, 6, 5, 3),
            (5, 2, 3, 3),
            -90,
            (40, 0, 255),
            2,
            ((1, 0), (0, 2)),
            signed=True,
        ),
        codes(
            "the codes with multipliers that are larger", (1, 5, 5, 3), (4, 1, 2, 2), 200, (128, 0, 255), n=38
        ),
    ),
    hints=(
        "Which code stands for a real 0, and what is left of it after z_x is taken off?",
        "It is the convolution that you know: pad, im2col, one matrix product, bias; in whole numbers.",
        "Make x wider, pad with x_zero, take it off, multiply patches by w, add the bias as a column.",
    ),
)
