"""Depth: what is known of the exercise about the straight-through estimator."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.quant.training import lsq


def expected_dx(dy: Any, x: Any, step: float, lo: int, hi: int) -> Any:
    y = lsq.fake_quantize(x, step, lo, hi)
    return lsq.fake_quantize_backward(dy, x, y, step, lo, hi, "straight-through")[0]


def drawn(rng: np.random.Generator, step: float, lo: int, hi: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """Numbers on the grid and beyond it, none of them halfway between two codes, nor at an end."""
    return (step * (rng.integers(lo - 3, hi + 4, shape) + rng.uniform(0.05, 0.45, shape))).astype(dtype)


def forward(what: str, step: float, lo: int, hi: int, *shape: int, dtype: Any = np.float64) -> Case:
    make = seeded(39, lambda rng: (drawn(rng, step, lo, hi, shape, dtype), step, lo, hi))
    return Case("fake_quantize", what, make, lsq.fake_quantize)


def forward_of(what: str, step: float, lo: int, hi: int, x: Any) -> Case:
    return Case("fake_quantize", what, lambda: (np.array(x), step, lo, hi), lsq.fake_quantize)


def backward(what: str, step: float, lo: int, hi: int, *shape: int, dtype: Any = np.float64) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        x = drawn(rng, step, lo, hi, shape, dtype)
        return (rng.normal(size=shape) + 0.5).astype(dtype), x, step, lo, hi

    return Case("straight_through", what, seeded(40, make), expected_dx)


def backward_of(what: str, step: float, lo: int, hi: int, x: Any) -> Case:
    """A gradient of 1, 2, 3, … for these x."""

    def make(_: np.random.Generator) -> tuple[Any, ...]:
        return np.arange(1.0, 1 + len(x)), np.array(x), step, lo, hi

    return Case("straight_through", what, seeded(0, make), expected_dx)


CHECK = Check(
    library="quant/training/lsq.py, fake_quantize and fake_quantize_backward",
    cases=(
        forward("12 numbers on −3 … 3", 1.0, -3, 3, 12),
        forward("numbers (3, 5) on −7 … 7, step 0.3", 0.3, -7, 7, 3, 5),
        forward("numbers (2, 3, 2, 4) on 0 … 15, step 0.1", 0.1, 0, 15, 2, 3, 2, 4),
        forward("numbers (4, 6) on −4 … 11, step 2.5", 2.5, -4, 11, 4, 6),
        forward("numbers (3, 4) in float32", 0.25, -7, 7, 3, 4, dtype=np.float32),
        forward_of("halves on −3 … 3", 0.5, -3, 3, np.arange(-9, 10, 2) / 4),
        backward("12 numbers on −3 … 3", 1.0, -3, 3, 12),
        backward("numbers (3, 5) on −7 … 7, step 0.3", 0.3, -7, 7, 3, 5),
        backward("numbers (2, 3, 2, 4) on 0 … 15, step 0.1", 0.1, 0, 15, 2, 3, 2, 4),
        backward("numbers (4, 6) on −4 … 11, step 2.5", 2.5, -4, 11, 4, 6),
        backward("numbers (3, 4) in float32", 0.25, -7, 7, 3, 4, dtype=np.float32),
        backward_of(
            "numbers at the ends and beside them", 0.5, -3, 3, [-1.5, 1.5, -1.4, 1.4, -1.6, 1.6, 0.0]
        ),
        backward_of("numbers less than half a step from the ends", 0.5, -2, 5, [2.3, 2.6, -0.9, -1.1, 2.7]),
        backward_of("numbers at both ends of 0 … 3", 1.0, 0, 3, [0.0, 3.0, 0.1, 2.9, -0.1, 3.1, 1.5]),
    ),
    hints=(
        "For which x does y not move at all, even if x moves by many steps?",
        "Forward is the exercise on scale and zero with zero = 0, both ways in one line.",
        "Backward asks of each x if it is strictly between step·lo and step·hi; a bool counts as 0 or 1.",
    ),
)
