"""Depth: what is known of the exercise about dw and db of a convolution."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.nn import ops


def expected(dy: Any, x: Any, kh: int, kw: int, s: int = 1, p: int = 0) -> Any:
    w = np.zeros((len(dy), len(x), kh, kw))
    return ops.conv2d_backward(dy, x, w, s, p)[1:]


def case(what: str, F: int, x: tuple[int, ...], kh: int, kw: int, s: int = 1, p: int = 0) -> Case:
    OH, OW = ((length + 2 * p - k) // s + 1 for length, k in zip(x[1:3], (kh, kw), strict=True))
    dy = F, OH, OW, x[3]
    make = seeded(8, lambda rng: (rng.normal(size=dy), rng.normal(size=x), kh, kw, s, p))
    return Case("conv_dw", what, make, expected)


CHECK = Check(
    library="nn/ops/conv.py, conv2d_backward",
    cases=(
        case("one kernel of 2×2 on one image of 2×2: one window", 1, (1, 2, 2, 1), 2, 2),
        case("one kernel of 2×2 on one image of 3×4", 1, (1, 3, 4, 1), 2, 2),
        case("two kernels of 2×2 on three examples with two channels", 2, (2, 4, 3, 3), 2, 2),
        case("kernels of 3×2 in steps of 2", 3, (2, 8, 5, 2), 3, 2, 2),
        case("a border of 1", 2, (1, 4, 4, 2), 3, 3, 1, 1),
        case("steps of 2 and a border of 2", 2, (2, 6, 7, 2), 4, 3, 2, 2),
    ),
    hints=(
        "What are x, w and y of the fully connected layer if a window is an example?",
        "dw of that layer is a product of two matrices: dy with a row a map, and patchesᵀ.",
        "Make dy a matrix (F, OH·OW·N), multiply, and give the product the axes of w; db adds up three axes.",
    ),
)
