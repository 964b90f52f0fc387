"""Depth: what is known of the exercise about LSQ."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.quant.training import lsq


def expected(dy: Any, x: Any, step: Any, lo: int, hi: int) -> Any:
    dy, x = dy.astype(np.float64), x.astype(np.float64)
    return lsq.fake_quantize_backward(dy, x, lsq.fake_quantize(x, step, lo, hi), step, lo, hi)[1]


def drawn(rng: np.random.Generator, step: Any, lo: int, hi: int, beyond: int, shape: tuple[int, ...]) -> Any:
    """dy, and numbers on the grid and beyond it: none halfway between two codes, nor at an end."""
    v = rng.integers(lo - beyond, hi + beyond + 1, shape) + rng.choice([-1, 1], shape) * rng.uniform(
        0.1, 0.4, shape
    )
    v = v if beyond else np.clip(v, lo + 0.1, hi - 0.1)
    return rng.normal(size=shape) + 0.5, (v.T * step).T


def one(
    what: str, step: float, lo: int, hi: int, *shape: int, beyond: int = 3, dtype: Any = np.float64
) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        dy, x = drawn(rng, step, lo, hi, beyond, shape)
        return dy.astype(dtype), x.astype(dtype), step, lo, hi

    return Case("step_gradient", what, seeded(41, make), expected)


def given(what: str, step: float, lo: int, hi: int, *x: float) -> Case:
    """A gradient of 1, 2, 4, 8, … for these x, so that no two sums are alike."""

    def make(_: np.random.Generator) -> tuple[Any, ...]:
        return 2.0 ** np.arange(len(x)), np.array(x), step, lo, hi

    return Case("step_gradient", what, seeded(0, make), expected)


def many(what: str, lo: int, hi: int, *shape: int) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        steps = rng.uniform(0.1, 2.0, shape[0])
        return *drawn(rng, steps, lo, hi, 3, shape), steps, lo, hi

    return Case("step_gradients", what, seeded(42, make), expected)


def scale(what: str, count: int, hi: int) -> Case:
    return Case("gradient_scale", what, lambda: (count, hi), lsq.gradient_scale)


CHECK = Check(
    library="quant/training/lsq.py, fake_quantize_backward and gradient_scale",
    cases=(
        given("two numbers inside of −3 … 3", 1.0, -3, 3, 1.25, -0.375),
        given("two numbers beyond the ends of −3 … 3", 1.0, -3, 3, 4.5, -7.0),
        given("a number inside and one beyond, step 0.5", 0.5, -3, 3, 0.6, 2.5),
        one("numbers (3, 5) inside of −7 … 7, step 0.3", 0.3, -7, 7, 3, 5, beyond=0),
        one("numbers (3, 5) in and beyond −7 … 7, step 0.3", 0.3, -7, 7, 3, 5),
        one("numbers (2, 3, 4, 2) in and beyond 0 … 15, step 0.1", 0.1, 0, 15, 2, 3, 4, 2),
        one("30 numbers in and beyond −4 … 11, step 2.5", 2.5, -4, 11, 30),
        one("numbers (3, 4) in float32", 0.25, -7, 7, 3, 4, dtype=np.float32),
        given("numbers at both ends and just inside", 0.5, -3, 3, -1.5, 1.5, -1.4, 1.4, 0.0),
        given("numbers less than half a step beyond the ends", 0.5, -3, 3, 1.6, -1.7, 1.74, 0.3),
        given("halves", 0.5, -3, 3, 0.25, 0.75, -0.25, -1.25, -0.75, 1.25),
        many("weights (3, 5) on −7 … 7", -7, 7, 3, 5),
        many("weights (4, 4) on −3 … 3, as many outputs as inputs", -3, 3, 4, 4),
        many("kernels (2, 3, 2, 3) on −7 … 7", -7, 7, 2, 3, 2, 3),
        many("weights (1, 6) on −1 … 1", -1, 1, 1, 6),
        scale("100 numbers, the last code 1", 100, 1),
        scale("one number, the last code 7", 1, 7),
        scale("27 numbers, the last code 15", 27, 15),
    ),
    hints=(
        "If x is beyond the last code, how much does y grow when the step grows by a little?",
        "Two formulas, and v says which: strictly between lo and hi, or not. Then times dy, and the sum.",
        "np.where chooses between q − v and q. With channels: one such sum for each output.",
    ),
)
