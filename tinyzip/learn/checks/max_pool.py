"""Depth: what is known of the exercise about max pooling."""

from typing import Any

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.nn import ops


def expected(x: Any, k: int, s: int) -> Any:
    return ops.max_pool2d(x * 1.0, k, s)


def expected_backward(dy: Any, winner: Any, shape: tuple[int, ...], k: int, s: int) -> Any:
    return ops.max_pool2d_backward(dy, winner.astype("uint8"), shape, k, s)


def forward(what: str, shape: tuple[int, ...], k: int, s: int, high: int = 100) -> Case:
    make = seeded(10, lambda rng: (rng.integers(-high, high, shape).astype(float), k, s))
    return Case("max_pool", what, make, expected, 0)


def backward(what: str, shape: tuple[int, ...], k: int, s: int) -> Case:
    C, H, W, N = shape
    y = C, (H - k) // s + 1, (W - k) // s + 1, N
    make = seeded(11, lambda rng: (rng.normal(size=y), rng.integers(0, k * k, y), shape, k, s))
    return Case("max_pool_backward", what, make, expected_backward)


CHECK = Check(
    library="nn/ops/pool.py, max_pool2d and max_pool2d_backward",
    cases=(
        forward("one image of 4×4, windows of 2 in steps of 2", (1, 4, 4, 1), 2, 2),
        forward("two channels and three examples of 4×6", (2, 4, 6, 3), 2, 2),
        forward("five channels, windows of 3 in steps of 2, which overlap", (5, 7, 5, 2), 3, 2),
        forward("numbers of which many are equal", (1, 6, 6, 2), 3, 3, 2),
        backward("the gradient through windows of 2 in steps of 2", (1, 4, 4, 1), 2, 2),
        backward("the gradient of two channels and three examples", (2, 4, 6, 3), 2, 2),
        backward("the gradient through windows that overlap", (2, 7, 5, 2), 3, 2),
    ),
    hints=(
        "If only one pixel of a window decides on y, what is the derivative of y by each of the others?",
        "im2col shows all windows at once; which of its axes, after a reshape to five, is the window?",
        "Backward: compare each place 0 … k·k − 1 with the winner, times dy, and hand that to col2im.",
    ),
)
