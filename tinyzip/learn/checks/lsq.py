"""Depth: what is known of the exercise about LSQ."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
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
    mistakes=(
        Mistake(
            "np.where((lo < v) & (v < hi), q - v, q)",
            "np.where((lo < v) & (v < hi), q, q)",
            "inside it is q − v: the step in v is forgotten",
        ),
        Mistake(
            "np.where((lo < v) & (v < hi), q - v, q)",
            "np.where((lo < v) & (v < hi), v - q, q)",
            "the sign: inside it is q − v",
        ),
        Mistake(
            "np.where((lo < v) & (v < hi), q - v, q)",
            "np.where((lo < v) & (v < hi), 0, q)",
            "inside it is q − v, not 0; this is PACT, which sees clipping only",
        ),
        Mistake(
            "np.where((lo < v) & (v < hi), q - v, q)",
            "np.where((lo < v) & (v < hi), q - v, 0)",
            "outside it is the end, lo or hi, and not 0: a larger step clips less",
        ),
        Mistake(
            "np.where((lo < v) & (v < hi), q - v, q)",
            "q - v",
            "outside, q does not move with v: there it is q alone",
        ),
        Mistake(
            "np.where((lo < v) & (v < hi), q - v, q)",
            "np.where((lo < v) & (v < hi), q - v, v)",
            "outside it is the end itself, lo or hi, not v",
        ),
        Mistake(
            "np.where((lo < v) & (v < hi), q - v, q)",
            "np.where((lo < v) & (v < hi), q - v, np.sign(v))",
            "outside it is lo or hi; this is their sign only",
        ),
        Mistake(
            "np.where((lo < v) & (v < hi), q - v, q)",
            "np.where((lo < v) & (v < hi), q - v, hi)",
            "below the range it is lo, not hi",
        ),
        Mistake(
            "np.where((lo < v) & (v < hi), q - v, q)",
            "np.where((lo <= v) & (v <= hi), q - v, q)",
            "the ends count as outside, as for dx: there it is lo or hi",
        ),
        Mistake(
            "np.where((lo < v) & (v < hi), q - v, q)",
            "np.where((lo <= np.rint(v)) & (np.rint(v) <= hi), q - v, q)",
            "it is v before rounding that is inside or not",
        ),
        Mistake(
            "np.where((lo < v) & (v < hi), q - v, q)",
            "np.where((lo < x) & (x < hi), q - v, q)",
            "lo and hi are codes: it is v = x / step that lies between them",
        ),
        Mistake(
            "np.where((lo < v) & (v < hi), q - v, q)",
            "np.where((lo < v) & (v < hi), step * q - x, step * q)",
            "y − x is step times too much: it is q − v",
        ),
        Mistake(
            "np.where((lo < v) & (v < hi), q - v, q)",
            "np.where((lo < v) & (v < hi), q - x, q)",
            "codes and numbers are mixed: v, not x, is taken off q",
        ),
        Mistake(
            "np.clip(np.rint(v), lo, hi)", "np.clip(np.floor(v), lo, hi)", "codes are rounded, not floored"
        ),
        Mistake(
            "np.clip(np.rint(v), lo, hi)",
            "np.clip(np.floor(v + 0.5), lo, hi)",
            "a half goes to the even code, as forward; this rounds it up",
        ),
        Mistake("np.clip(np.rint(v), lo, hi)", "np.rint(v)", "q is clamped: outside it is lo or hi"),
        Mistake(
            "q)).sum())", "q)).mean())", "the sum over all that share the step was asked for, not the mean"
        ),
        Mistake(
            "float((dy * np.where", "float((1.0 * np.where", "dy is missing: each ∂y/∂step is times its dy"
        ),
        Mistake(
            "q)).sum())",
            "q)).sum() * (x.size * hi) ** -0.5)",
            "g is a factor of its own, and dstep comes without it",
        ),
        Mistake(
            "np.array([step_gradient(*row, lo, hi) for row in zip(dw, w, steps, strict=True)])",
            "np.full(len(w), step_gradient(dw, (w.T / steps).T, 1.0, lo, hi))",
            "each output has a sum of its own; this is the sum over all",
        ),
        Mistake(
            "zip(dw, w, steps, strict=True)",
            "zip(dw, w, np.full(len(w), steps[0]), strict=True)",
            "each output has a step of its own; the first is used for all here",
        ),
        Mistake(
            "zip(dw, w, steps, strict=True)",
            "zip(dw.swapaxes(0, 1), w.swapaxes(0, 1), np.resize(steps, w.shape[1]), strict=True)",
            "the outputs are axis 0 of w; here the sums are over them",
        ),
        Mistake("1 / float(np.sqrt(count * hi))", "1 / float(count * hi)", "the root is missing in g"),
        Mistake(
            "1 / float(np.sqrt(count * hi))", "float(np.sqrt(count * hi))", "g makes dstep smaller: 1 ÷ …"
        ),
        Mistake("np.sqrt(count * hi)", "np.sqrt(count)", "the last code hi is missing below the root"),
        Mistake("np.sqrt(count * hi)", "np.sqrt(hi)", "the count is missing below the root"),
        Mistake("np.sqrt(count * hi)", "np.sqrt(count + hi)", "count and hi are multiplied"),
        Mistake("np.sqrt(count * hi)", "np.sqrt(count) * hi", "hi stands below the root as well"),
    ),
    others=(
        """
import math
import numpy as np

def step_gradient(dy, x, step, lo, hi):
    total = 0.0
    for d, value in zip(dy.ravel(), x.ravel()):
        v = float(value) / step
        if v <= lo:
            total += d * lo
        elif v >= hi:
            total += d * hi
        else:
            total += d * (round(v) - v)
    return total

def step_gradients(dw, w, steps, lo, hi):
    return [step_gradient(dw[f], w[f], steps[f], lo, hi) for f in range(len(w))]

def gradient_scale(count, hi):
    return 1 / math.sqrt(count) / math.sqrt(hi)
""",
        """
import numpy as np

def step_gradient(dy, x, step, lo, hi):
    return step_gradients(dy[None], x[None], np.array([step]), lo, hi)[0]

def step_gradients(dw, w, steps, lo, hi):
    rows, drows = w.reshape(len(w), -1), dw.reshape(len(w), -1)
    s = steps[:, None]
    y = s * np.clip(np.round(rows / s), lo, hi)
    inside = (rows > s * lo) & (rows < s * hi)
    return np.einsum("fk,fk->f", drows, y - rows * inside) / steps

def gradient_scale(count, hi):
    return (count * hi) ** -0.5
""",
    ),
    hints=(
        "If x is beyond the last code, how much does y grow when the step grows by a little?",
        "Two formulas, and v says which: strictly between lo and hi, or not. Then times dy, and the sum.",
        "np.where chooses between q − v and q. With channels: one such sum for each output.",
    ),
)
