"""Depth: what is known of the exercise about the straight-through estimator."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
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
    mistakes=(
        Mistake("np.clip(np.rint(x / step), lo, hi)", "np.rint(x / step)", "the clamp to lo … hi is missing"),
        Mistake("= step * np.clip", "= np.clip", "these are codes; y is read back at once, times the step"),
        Mistake("np.rint(x / step)", "np.floor(x / step)", "this floors; codes are rounded to the nearest"),
        Mistake(
            "np.rint(x / step)", "np.floor(x / step + 0.5)", "a half goes to the even code; this rounds it up"
        ),
        Mistake(
            "np.rint(x / step)",
            "np.sign(x) * np.floor(np.abs(x / step) + 0.5)",
            "a half goes to the even code; this rounds it away from zero",
        ),
        Mistake("np.rint(x / step)", "(x / step)", "this clips and does not round"),
        Mistake(
            "step * np.clip(np.rint(x / step), lo, hi)",
            "step * np.rint(np.clip(x, lo, hi) / step)",
            "lo and hi are codes: clamp what was divided by the step, not x",
        ),
        Mistake(
            "np.clip(np.rint(x / step), lo, hi)",
            "np.clip(np.rint(x / step), -hi, hi)",
            "the lower end is lo, which need not be −hi",
        ),
        Mistake(
            "dy * ((x > step * lo) & (x < step * hi))",
            "dy * 1",
            "what the clamp holds gets no gradient: 0 outside of lo < v < hi",
        ),
        Mistake(
            "dy * ((x > step * lo) & (x < step * hi))",
            "0 * dy",
            "this is the staircase's own derivative, with which nothing learns: inside it is taken as 1",
        ),
        Mistake("(x > step * lo) & (x < step * hi)", "(x < step * hi)", "the clamp holds below lo as well"),
        Mistake("(x > step * lo) & (x < step * hi)", "(x > step * lo)", "the clamp holds above hi as well"),
        Mistake(
            "(x > step * lo) & (x < step * hi)",
            "(x > lo) & (x < hi)",
            "lo and hi are codes: it is v = x / step that lies between them",
        ),
        Mistake(
            "(x > step * lo) & (x < step * hi)",
            "(x >= step * lo) & (x <= step * hi)",
            "the ends themselves count as held: there the derivative is 0",
        ),
        Mistake(
            "(x > step * lo) & (x < step * hi)",
            "(np.rint(x / step) >= lo) & (np.rint(x / step) <= hi)",
            "it is v before rounding that counts: half a step beyond the end is outside",
        ),
        Mistake(
            "(x > step * lo) & (x < step * hi)",
            "(np.rint(x / step) > lo) & (np.rint(x / step) < hi)",
            "it is v before rounding that counts: the last half step before the end is inside",
        ),
        Mistake(
            "(x > step * lo) & (x < step * hi)",
            "(np.abs(x) < step * hi)",
            "the lower end is step·lo, which need not be −step·hi",
        ),
        Mistake(
            "dy * ((x > step * lo) & (x < step * hi))",
            "step * dy * ((x > step * lo) & (x < step * hi))",
            "the step multiplies and divides: it cancels, and the derivative is 1",
        ),
        Mistake(
            "dy * ((x > step * lo) & (x < step * hi))",
            "dy / step * ((x > step * lo) & (x < step * hi))",
            "no ÷ step is left: the step that multiplies takes it away",
        ),
        Mistake(
            "dy * ((x > step * lo) & (x < step * hi))",
            "1.0 * ((x > step * lo) & (x < step * hi))",
            "this is ∂y/∂x; dx is dy times it",
        ),
        Mistake(
            "dy * ((x > step * lo) & (x < step * hi))",
            "dy * ~((x > step * lo) & (x < step * hi))",
            "the gradient passes inside and not outside; this is the other way round",
        ),
        Mistake(
            "dy * ((x > step * lo) & (x < step * hi))",
            "np.clip(dy, step * lo, step * hi)",
            "it is by x that the gradient is held, not by its own size",
        ),
    ),
    others=(
        """
import numpy as np

def fake_quantize(x, step, lo, hi):
    y = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        y[place] = step * max(lo, min(hi, round(float(x[place]) / step)))
    return y

def straight_through(dy, x, step, lo, hi):
    dx = dy.copy()
    dx[x / step <= lo] = 0
    dx[x / step >= hi] = 0
    return dx
""",
        """
import numpy as np

def fake_quantize(x, step, lo, hi):
    return np.round(np.clip(x / step, lo, hi)) * step

def straight_through(dy, x, step, lo, hi):
    v = x / step
    return np.where(np.clip(v, lo, hi) != v, 0, np.where((v == lo) | (v == hi), 0, dy))
""",
    ),
    hints=(
        "For which x does y not move at all, even if x moves by many steps?",
        "Forward is the exercise on scale and zero with zero = 0, both ways in one line.",
        "Backward asks of each x if it is strictly between step·lo and step·hi; a bool counts as 0 or 1.",
    ),
)
