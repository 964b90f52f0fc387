"""Depth: what is known of the exercise about convolution."""

from typing import Any

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.nn import ops


def expected(x: Any, w: Any, b: Any, s: int = 1, p: int = 0) -> Any:
    return ops.conv2d(x, w, b, s, p)


def case(what: str, x: tuple[int, ...], w: tuple[int, ...], s: int = 1, p: int = 0) -> Case:
    make = seeded(7, lambda rng: (rng.normal(size=x), rng.normal(size=w), rng.normal(size=w[0]), s, p))
    return Case("conv", what, make, expected)


CHECK = Check(
    library="nn/ops/conv.py, conv2d",
    cases=(
        case("one kernel of 2×2 on one image of 3×4", (1, 3, 4, 1), (1, 1, 2, 2)),
        case("three kernels of 2×2 on two channels of 4×5", (2, 4, 5, 1), (3, 2, 2, 2)),
        case("two kernels of 3×2 on four images", (2, 5, 5, 4), (2, 2, 3, 2)),
        case("steps of 2 on 8×5", (1, 8, 5, 2), (2, 1, 3, 2), 2),
        case("a border of 1 around 4×4", (2, 4, 4, 2), (2, 2, 3, 3), 1, 1),
        case("steps of 2 and a border of 2", (2, 6, 7, 2), (3, 2, 4, 3), 2, 2),
    ),
    hints=(
        "What one output number adds up is a row of one matrix times a column of another. Which are they?",
        "Put the zeros around the image first; from then on there is no padding, only a larger image.",
        "Kernels as rows, (F, C·kh·kw), times im2col of the padded image; then four axes, and b for each f.",
    ),
)
