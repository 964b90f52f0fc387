"""Depth: what is known of the exercise about the adjoint of patches."""

from typing import Any

import numpy as np

from tinyzip.base import windows
from tinyzip.learn.case import Case, Check, seeded


def expected(dpatches: Any, shape: tuple[int, ...], kh: int, kw: int, s: int = 1) -> Any:
    dx = np.zeros(shape, dpatches.dtype)
    windows.col2im(dpatches, (kh, kw), (s, s), dx)
    return dx


def case(what: str, shape: tuple[int, ...], kh: int, kw: int, s: int = 1) -> Case:
    C, H, W, N = shape
    places = ((H - kh) // s + 1) * ((W - kw) // s + 1)
    matrix = C * kh * kw, places * N
    return Case("col2im", what, seeded(2, lambda rng: (rng.normal(size=matrix), shape, kh, kw, s)), expected)


CHECK = Check(
    library="base/windows.py, col2im",
    cases=(
        case("windows of 1×1, of which each pixel is seen once", (1, 2, 3, 1), 1, 1),
        case("windows of 2×2 on 3×4, which overlap", (1, 3, 4, 1), 2, 2),
        case("two channels and three images of 4×5, windows of 2×3", (2, 4, 5, 3), 2, 3),
        case("windows of 3×2 in steps of 2 on 8×5, where a row is not seen", (2, 8, 5, 2), 3, 2, 2),
        case("windows of 2×2 in steps of 2, which do not overlap", (1, 4, 4, 2), 2, 2, 2),
    ),
    hints=(
        "In `im2col` a slice of the image was read for each (i, j). What becomes of it on the way back?",
        "A pixel may lie in several slices. What has to be there before the first of them comes?",
        "It is im2col from right to left: where that has patches = slice, this adds to the slice of dx.",
    ),
)
