"""Training through a staircase function: fake quantization and its hand-written backward.

A network that shall run on few codes does best when it has trained on them. So in training every weight
and activation is rounded to its grid and turned back at once, in float ("fake" quantization):

    v = x / s        q = clip(round(v), lo, hi)        y = s·q                                      (QS1)

lo and hi count from the code of zero, so lo ≤ 0 ≤ hi. The true derivative of a staircase is 0 almost
everywhere, and nothing would ever learn. The *straight-through* estimator takes the derivative of the
staircase's trend instead [Bengio et al. 2013]: 1 inside the range, 0 where the clip holds,

    ∂y/∂x = 1 where lo < v < hi, else 0                    [Esser et al. 2020, eq. 5]               (QS2)

How wide should a step be? It is a number like any other, so learn it. Differentiate QS1 by s, and take the
derivative of `round` straight through. This is LSQ, learned step size quantization:

    lsq               ∂y/∂s = q − v inside, q outside      [Esser et al. 2020, eq. 3]               (QS3)
    straight-through  ∂y/∂s = 0                            the step stays as calibrated             (QS4)

QS3 sees both kinds of error: values outside pull s up (less clipping), and each value inside pulls s to
where its nearest multiple comes closer. (PACT [Choi et al. 2018, eq. 3], which came before, has 0 inside and
so sees clipping only.) Since y = s·q and x = s·v, QS3 summed over the array is (1/s)·Σ dy·(y − x·inside): no
code is needed again in backward.

A step sums over many elements, so its gradient is far larger than a weight's. LSQ multiplies it by

    g = 1 / √(count · hi)                                  [Esser et al. 2020, section 2.2]         (QS5)
"""

from typing import Any, Literal

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.grids.grid import by_channel

Rule = Literal["lsq", "straight-through"]
RULES: tuple[Rule, ...] = ("lsq", "straight-through")


def fake_quantize(x: Array, step: Any, lo: int, hi: int) -> Array:
    """y = s·clip(round(x/s), lo, hi)                                                           (QS1)

    Halves go to the even code, as in `Grid.quantize`.

    x        (…) float, any shape
    step     s, one number, or (F,) for x (F, …); above zero
    returns  like x; |y − x| ≤ s/2 inside, applying it twice changes nothing
    raises   TypeError for an x that is not float, ValueError for steps ≤ 0 or a range without zero
    """
    s = column_of(step, x, lo, hi)
    return np.asarray(s * np.clip(np.rint(x / s), lo, hi))


def fake_quantize_backward(
    dy: Array, x: Array, y: Array, step: Any, lo: int, hi: int, rule: Rule = "lsq"
) -> tuple[Array, Array]:
    """dx = dy inside, 0 outside (QS2);   dstep = Σ dy·(y − x·inside) / s (QS3), or 0 (QS4)

    dy, x, y  (…) the gradient, and what `fake_quantize` was given and returned
    returns   dx like x; dstep shaped like step, summed over all that share the step, without the factor (QS5)
    raises    ValueError for another rule, or shapes that differ; else as `fake_quantize`
    """
    s = column_of(step, x, lo, hi, (dy, y), rule)
    inside = (x > s * lo) & (x < s * hi)
    dx = np.asarray(dy * inside)
    if rule == "straight-through":
        return dx, np.zeros(np.shape(step), x.dtype)
    return dx, step_gradient(dy, y - x * inside, step)


def step_gradient(dy: Array, trend: Array, step: Any) -> Array:
    """Σ dy·trend / s over all that share a step, shaped like step."""
    if np.ndim(step):
        rows = trend.reshape(len(trend), -1), dy.reshape(len(dy), -1)
        return np.asarray(np.einsum("fk,fk->f", *rows) / np.asarray(step, trend.dtype))
    return np.asarray(np.vdot(trend, dy) / np.asarray(step, trend.dtype), trend.dtype)


def gradient_scale(count: int, hi: int) -> float:
    """g = 1/√(count·hi) by (QS5).

    count  how many numbers share the step: weights of a channel, or activations of one example
    hi     the largest code, counted from the code of zero
    """
    if count < 1 or hi < 1:
        refuse("gradient_scale: count, hi", (count, hi), "whole numbers from 1 up")
    return 1.0 / float(np.sqrt(count * hi))


def column_of(
    step: Any, x: Array, lo: int, hi: int, like_x: tuple[Array, ...] = (), rule: str = "lsq"
) -> Array:
    """The step, in x's dtype, shaped so that it broadcasts along that one's first axis; all checked."""
    if not np.issubdtype(x.dtype, np.floating):
        refuse("fake_quantize: x", x.dtype, "a float array", TypeError)
    step = np.asarray(step, x.dtype)
    if step.ndim > 1 or (step.ndim == 1 and (x.ndim == 0 or step.shape[0] != x.shape[0])):
        needed = f"one step, or one for each channel of {x.shape}"
        refuse("fake_quantize: step", f"shape {step.shape}", needed)
    if not np.all(step > 0):
        refuse("fake_quantize: step", step.min(), "steps above zero")
    if not lo <= 0 <= hi or lo == hi:
        refuse("fake_quantize: lo, hi", (lo, hi), "codes relative to zero, lo ≤ 0 ≤ hi and lo < hi")
    if rule not in RULES:
        refuse("fake_quantize_backward: rule", repr(rule), f"one of {RULES}")
    if any(array.shape != x.shape for array in like_x):
        refuse("fake_quantize_backward: dy, y", [array.shape for array in like_x], f"x's shape, {x.shape}")
    return by_channel(step, x)
