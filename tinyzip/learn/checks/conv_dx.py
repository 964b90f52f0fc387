"""Depth: what is known of the exercise about dx of a convolution."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.nn import ops


def expected(dy: Any, w: Any, shape: tuple[int, ...], s: int = 1, p: int = 0) -> Any:
    return ops.conv2d_backward(dy, np.zeros(shape), w, s, p)[0]


def case(what: str, x: tuple[int, ...], w: tuple[int, ...], s: int = 1, p: int = 0) -> Case:
    OH, OW = ((length + 2 * p - k) // s + 1 for length, k in zip(x[1:3], w[2:], strict=True))
    dy = w[0], OH, OW, x[3]
    make = seeded(9, lambda rng: (rng.normal(size=dy), rng.normal(size=w), x, s, p))
    return Case("conv_dx", what, make, expected)


CHECK = Check(
    library="nn/ops/conv.py, conv2d_backward",
    cases=(
        case("one window of 2×2 on an image of 2×2", (1, 2, 2, 1), (1, 1, 2, 2)),
        case("windows of 2×2 that overlap on 3×4", (1, 3, 4, 1), (1, 1, 2, 2)),
        case("three kernels of 2×3 on two channels and two examples", (2, 4, 5, 2), (3, 2, 2, 3)),
        case("steps of 2 on 8×5, where a row is not seen", (2, 8, 5, 2), (2, 2, 3, 2), 2),
        case("a border of 1 around three channels of 4×4", (3, 4, 4, 2), (2, 3, 3, 3), 1, 1),
        case("steps of 2 and a border of 2", (1, 6, 7, 2), (2, 1, 4, 3), 2, 2),
    ),
    hints=(
        "Which two steps led from the image to y? What is the way back through each of them?",
        "Through the product: wᵀ times dy, as matrices. Through the patches: col2im, of which shape?",
        "col2im gives the image with its border, H + 2p rows; keep H from row p on, and columns likewise.",
    ),
)
