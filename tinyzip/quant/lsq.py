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
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.machine.workspace import FRESH, Workspace
from tinyzip.quant.grid import by_channel

Rule = Literal["lsq", "straight-through"]
RULES: tuple[Rule, ...] = ("lsq", "straight-through")


def _column(step: Any, x: NDArray[Any], lo: int, hi: int) -> NDArray[Any]:
    """The step, checked, in x's dtype, shaped so that it broadcasts along x's first axis."""
    if not np.issubdtype(x.dtype, np.floating):
        refuse("fake_quantize: x", x.dtype, "a float array", TypeError)
    step = np.asarray(step, x.dtype)
    if step.ndim > 1 or (step.ndim == 1 and (x.ndim == 0 or step.shape[0] != x.shape[0])):
        refuse(
            "fake_quantize: step", f"shape {step.shape}", f"one step, or one for each channel of {x.shape}"
        )
    if not np.all(step > 0):
        refuse("fake_quantize: step", step.min(), "steps above zero")
    if not lo <= 0 <= hi or lo == hi:
        refuse("fake_quantize: lo, hi", (lo, hi), "codes relative to zero, lo ≤ 0 ≤ hi and lo < hi")
    return by_channel(step, x)


def fake_quantize(x: NDArray[Any], step: Any, lo: int, hi: int, workspace: Workspace = FRESH) -> NDArray[Any]:
    """y = s·clip(round(x/s), lo, hi) by (QS1); halves go to the even code, as in `Grid.quantize`.

    x        (…) float, any shape
    step     one number, or (F,) for x (F, …); above zero
    returns  like x; |y − x| ≤ s/2 inside, applying it twice changes nothing
    raises   TypeError for an x that is not float, ValueError for steps ≤ 0 or a range without zero
    """
    column = _column(step, x, lo, hi)
    y = workspace.empty(x.shape, x.dtype)
    np.divide(x, column, out=y)
    np.rint(y, out=y)
    np.clip(y, lo, hi, out=y)
    y *= column
    return y


def fake_quantize_backward(
    dy: NDArray[Any],
    x: NDArray[Any],
    y: NDArray[Any],
    step: Any,
    lo: int,
    hi: int,
    rule: Rule = "lsq",
    workspace: Workspace = FRESH,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """(dx, dstep) by (QS2), and (QS3) or (QS4), without the factor (QS5).

    dy, x, y  (…) the gradient, and what `fake_quantize` was given and returned
    returns   dx like x; dstep shaped like step, summed over all that share the step
    """
    column = _column(step, x, lo, hi)
    if rule not in RULES:
        refuse("fake_quantize_backward: rule", repr(rule), f"one of {RULES}")
    if dy.shape != x.shape or y.shape != x.shape:
        refuse("fake_quantize_backward: dy, y", f"shapes {dy.shape}, {y.shape}", f"x's, {x.shape}")
    dx = workspace.empty(x.shape, x.dtype)
    with workspace.scratch():
        inside = workspace.empty(x.shape, np.bool_)
        other = workspace.empty(x.shape, np.bool_)
        np.less(x, column * hi, out=inside)
        np.greater(x, column * lo, out=other)
        inside &= other
        np.multiply(dy, inside, out=dx)
        if rule == "straight-through":
            return dx, np.zeros(np.shape(step), x.dtype)
        trend = workspace.empty(x.shape, x.dtype)
        np.multiply(x, inside, out=trend)
        np.subtract(y, trend, out=trend)
        if np.ndim(step):
            rows = trend.reshape(x.shape[0], -1), dy.reshape(x.shape[0], -1)
            dstep = np.einsum("fk,fk->f", *rows) / np.asarray(step, x.dtype)
        else:
            dstep = np.asarray(np.vdot(trend, dy) / column, x.dtype)
    return dx, dstep


def gradient_scale(count: int, hi: int) -> float:
    """g = 1/√(count·hi) by (QS5).

    count  how many numbers share the step: weights of a channel, or activations of one example
    hi     the largest code, counted from the code of zero
    """
    if count < 1 or hi < 1:
        refuse("gradient_scale: count, hi", (count, hi), "whole numbers from 1 up")
    return 1.0 / float(np.sqrt(count * hi))
