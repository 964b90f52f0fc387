"""Depth: what is known of the exercise about average pooling."""

from typing import Any

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.nn import ops


def expected(x: Any, k: int, s: int, p: int = 0) -> Any:
    return ops.avg_pool2d(x, k, s, p)


def expected_backward(dy: Any, shape: tuple[int, ...], k: int, s: int, p: int = 0) -> Any:
    return ops.avg_pool2d_backward(dy, shape, k, s, p)


def forward(what: str, shape: tuple[int, ...], *window: int) -> Case:
    return Case("avg_pool", what, seeded(12, lambda rng: (rng.normal(size=shape), *window)), expected)


def backward(what: str, shape: tuple[int, ...], k: int, s: int, p: int = 0) -> Case:
    C, H, W, N = shape
    dy = C, (H + 2 * p - k) // s + 1, (W + 2 * p - k) // s + 1, N
    make = seeded(13, lambda rng: (rng.normal(size=dy), shape, k, s, p))
    return Case("avg_pool_backward", what, make, expected_backward)


CHECK = Check(
    library="nn/ops/pool.py, avg_pool2d and avg_pool2d_backward",
    cases=(
        forward("one image of 4×4, windows of 2 in steps of 2", (1, 4, 4, 1), 2, 2),
        forward("two channels and three examples of 4×6", (2, 4, 6, 3), 2, 2),
        forward("windows of 3 in steps of 2 on 5×7, a border of 1", (1, 5, 7, 2), 3, 2, 1),
        forward("windows of 3 in steps of 1, a border of 2", (2, 4, 4, 2), 3, 1, 2),
        backward("the gradient through windows of 2 in steps of 2", (1, 4, 4, 1), 2, 2),
        backward("the gradient through windows that overlap", (2, 5, 5, 2), 3, 1),
        backward("the gradient with a border of 1", (2, 5, 7, 2), 3, 2, 1),
        backward("the gradient with a border of 2", (1, 4, 4, 2), 3, 1, 2),
    ),
    hints=(
        "How many pixels of the image does the window in the corner see, if k is 3 and p is 1?",
        "The sum over a window of an image of ones, in a border of zeros, is the number of its pixels.",
        "Forward: sum ÷ count. Backward: dy ÷ count, the same for all k·k places of a window, to col2im.",
    ),
)
