"""Depth: what is known of the exercise about why nothing overflows."""

from typing import Any

import numpy as np

from tinyzip.integer.bounds import accumulator_of, channel_bounds, product_ends
from tinyzip.integer.codes import Codes
from tinyzip.integer.operators import Conv2d, Linear
from tinyzip.learn.case import Case, Check, seeded

M0: Any = 2**30  # of a multiplier, which bounds do not depend on
SHIFT: Any = 31


def operator_of(w: Any, bias: Any) -> Any:
    kind = Linear if w.ndim == 2 else Conv2d
    return kind(w, bias, M0, SHIFT, Codes(0, 255, 0)).checked("bounds")


def expected_bounds(w: Any, bias: Any, lo: int, hi: int, zero: int) -> Any:
    return channel_bounds(operator_of(w, bias), Codes(lo, hi, zero))


def expected_ends(w: Any, bias: Any, lo: int, hi: int, zero: int) -> Any:
    least, greatest = product_ends(operator_of(w, bias), Codes(lo, hi, zero))
    return least + bias, greatest + bias


def expected_bits(bound: int) -> int:
    """The fewest bits; where the library would take 16 or 32, that is no fewer."""
    bits = next(b for b in range(1, 80) if -(2 ** (b - 1)) <= -bound and bound <= 2 ** (b - 1) - 1)
    assert bound >= 2**31 or bits <= 8 * accumulator_of(bound).itemsize
    return bits


def cases(
    what: str, shape: tuple[int, ...], lo: int, hi: int, zero: int, most: int = 3000
) -> tuple[Case, Case]:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        w = rng.integers(-128, 128, shape, np.int8)
        w.ravel()[:2] = -128, 127
        return w, rng.integers(-most, most, shape[0], np.int32), lo, hi, zero

    return (
        Case("sum_bounds", f"the bounds of {what}", seeded(38, make), expected_bounds, 0),
        Case("sum_ends", f"the ends of {what}", seeded(39, make), expected_ends, 0),
    )


def fixed(function: str, what: str, w: Any, bias: Any, lo: int, hi: int, zero: int) -> Case:
    wanted = expected_bounds if function == "sum_bounds" else expected_ends
    make = lambda: (np.array(w, np.int8), np.array(bias, np.int32), lo, hi, zero)  # noqa: E731
    return Case(function, what, make, wanted, 0)


def bits(bound: int) -> Case:
    return Case("accumulator_bits", f"the bits for a bound of {bound:,}", lambda: (bound,), expected_bits, 0)


ALL = -(2**31)
CHECK = Check(
    library="integer/bounds.py, channel_bounds and product_ends and accumulator_of",
    cases=(
        fixed(
            "sum_bounds", "the bound of weights 1, −2 and a bias of 5, codes 0 … 10", [[1, -2]], [5], 0, 10, 0
        ),
        fixed("sum_bounds", "the bound of weights −128, codes −128 … 127", [[-128, -128]], [0], -128, 127, 0),
        *(case for case in cases("four outputs of six numbers, codes 0 … 255", (4, 6), 0, 255, 0)[:1]),
        *(case for case in cases("four outputs, the zero point 200", (4, 6), 0, 255, 200)[:1]),
        *(case for case in cases("four outputs, the zero point −100", (4, 6), -128, 127, -100)[:1]),
        *(
            case
            for case in cases("kernels of 3×3 on two channels, codes −20 … 40", (3, 2, 3, 3), -20, 40, 7)[:1]
        ),
        *(case for case in cases("long rows of 3000 numbers", (2, 3000), 0, 255, 0)[:1]),
        fixed("sum_bounds", "the bound with a bias of −2³¹", [[1], [0]], [ALL, ALL + 1], 0, 15, 3),
        bits(1),
        bits(127),
        bits(128),
        bits(0),
        bits(32767),
        bits(32768),
        bits(2**24 - 1),
        bits(2**31 - 1),
        bits(2**31),
        bits(2**53 - 1),
        bits(2**53 + 1),
        fixed(
            "sum_ends", "the ends of weights 1, −2 and a bias of 5, codes 0 … 10", [[1, -2]], [5], 0, 10, 0
        ),
        fixed("sum_ends", "the ends with a bias that decides both", [[3, 0], [3, 0]], [999, -999], 0, 15, 7),
        fixed(
            "sum_ends",
            "the ends of weights −128 and 127, codes −128 … 127",
            [[-128, 127]],
            [-9],
            -128,
            127,
            1,
        ),
        *(case for case in cases("four outputs of six numbers, codes 0 … 255", (4, 6), 0, 255, 0)[1:]),
        *(case for case in cases("four outputs, the zero point 200", (4, 6), 0, 255, 200)[1:]),
        *(case for case in cases("four outputs, the zero point −100", (4, 6), -128, 127, -100)[1:]),
        *(
            case
            for case in cases("kernels of 3×3 on two channels, codes −20 … 40", (3, 2, 3, 3), -20, 40, 7)[1:]
        ),
        *(case for case in cases("long rows of 3000 numbers", (2, 3000), 0, 255, 0)[1:]),
    ),
    hints=(
        "Which image makes the sum of 3·x₁ − 2·x₂ as large as it can be, if codes are 0 … 10 and z is 4?",
        "A bound needs magnitudes only; ends need each product at lo and at hi, and one of the two.",
        "127 has seven bits, and fits into eight with the sign; 128 does not. An int knows its bit_length.",
    ),
)
