"""Depth: `lsq` in memory that is there already: the same bits in fewer passes over new memory.

Activations have millions of numbers, and a formula that is written down as it is printed makes a new array at
every sign. Here each operation writes into an array of a `Workspace`, or over the one before it; what is
computed, and in which order, is that of `lsq`, so nothing is rounded otherwise.
"""

from typing import Any

import numpy as np

from tinyzip.machine.workspace import FRESH, Workspace
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.training.lsq import Rule, column_of, step_gradient


def fake_quantize(x: Array, step: Any, lo: int, hi: int, workspace: Workspace = FRESH) -> Array:
    """As `lsq.fake_quantize`; y lies in the workspace."""
    s = column_of(step, x, lo, hi)
    y = workspace.empty(x.shape, x.dtype)
    np.divide(x, s, out=y)
    np.rint(y, out=y)
    np.clip(y, lo, hi, out=y)
    y *= s
    return y


def fake_quantize_backward(
    dy: Array,
    x: Array,
    y: Array,
    step: Any,
    lo: int,
    hi: int,
    rule: Rule = "lsq",
    workspace: Workspace = FRESH,
) -> tuple[Array, Array]:
    """As `lsq.fake_quantize_backward`; dx lies in the workspace."""
    s = column_of(step, x, lo, hi, (dy, y), rule)
    dx = workspace.empty(x.shape, x.dtype)
    with workspace.scratch():
        inside, other = (workspace.empty(x.shape, np.bool_) for _ in range(2))
        np.greater(x, s * lo, out=inside)
        np.less(x, s * hi, out=other)
        inside &= other
        np.multiply(dy, inside, out=dx)
        if rule == "straight-through":
            return dx, np.zeros(np.shape(step), x.dtype)
        trend = workspace.empty(x.shape, x.dtype)
        np.multiply(x, inside, out=trend)
        np.subtract(y, trend, out=trend)
        return dx, step_gradient(dy, trend, step)
