"""Depth: what is known of the exercise about patches."""

from typing import Any

from tinyzip.base import windows
from tinyzip.learn.case import Case, Check, seeded


def expected(x: Any, kh: int, kw: int, s: int = 1) -> Any:
    return windows.im2col(x, (kh, kw), (s, s))


def case(what: str, shape: tuple[int, ...], *window: int) -> Case:
    return Case("im2col", what, seeded(1, lambda rng: (rng.integers(-9, 9, shape), *window)), expected, 0)


CHECK = Check(
    library="base/windows.py, im2col",
    cases=(
        case("windows of 2×2 on one image of 3×4", (1, 3, 4, 1), 2, 2),
        case("windows of 2×3 on images of 4×5 with two channels", (2, 4, 5, 1), 2, 3),
        case("three images of 4×4 at once", (1, 4, 4, 3), 2, 2),
        case("windows of 3×2 in steps of 2 on images of 7×5", (2, 7, 5, 2), 3, 2, 2),
        case("windows as large as the image", (3, 2, 2, 2), 2, 2),
    ),
    hints=(
        "Fix one place (i, j) of the window. Which numbers of the image stand there, over all windows?",
        "For one (i, j) they are every s-th row from i on and every s-th column from j on: one slice of x.",
        "Make an empty array of six axes, fill one (i, j) after the other; at last make two axes of six.",
    ),
)
