"""Depth: pooling of codes and of accumulators: maxima, and means in integers.

A window of kh·kw numbers is combined first along its rows and then along its columns,

    ∘ over the window = ∘ over its kw columns of (∘ over the kh rows of each)                      (SW1)

for any ∘ that is associative and commutative, as maximum and the sum of integers are. Neighbouring windows
share these columns, so that it takes kh + kw − 2 passes over the image instead of kh·kw − 1.
"""

from typing import Any

import numpy as np

from tinyzip.base.windows import pad
from tinyzip.integer.bounds import accumulator_of
from tinyzip.integer.codes import Array, Codes
from tinyzip.integer.fast.memory import clip, take
from tinyzip.integer.fast.scaling import Scaling
from tinyzip.integer.operators import AvgPool2d, GlobalAvgPool, MaxPool2d, Pool
from tinyzip.integer.ops import global_mean
from tinyzip.machine.workspace import Workspace


def sweep(operator: Pool, x: Array, combine: np.ufunc, y: Array, workspace: Workspace) -> None:
    """Combine each window of a padded x (C, H, W, N) into y by (SW1); a window alone is one reduction."""
    C, _, W, N = x.shape
    (kh, kw), (sh, sw) = operator.kernel, operator.steps
    _, OH, OW, _ = y.shape
    if OH == OW == 1:
        combine.reduce(x[:, :kh, :kw], axis=(1, 2), out=y[:, 0, 0], dtype=y.dtype)
        return
    with workspace.scratch():
        rows = x
        if kh > 1 or sh > 1:
            rows = take(x, (C, OH, W, N), x.dtype, workspace)
            reduce_parts([x[:, i : i + sh * (OH - 1) + 1 : sh] for i in range(kh)], combine, rows)
        reduce_parts([rows[:, :, j : j + sw * (OW - 1) + 1 : sw] for j in range(kw)], combine, y)


def reduce_parts(parts: list[Array], combine: np.ufunc, out: Array) -> None:
    """out = parts[0] ∘ parts[1] ∘ …, of equal shapes."""
    if len(parts) == 1:
        np.copyto(out, parts[0])
        return
    combine(parts[0], parts[1], out=out)
    for part in parts[2:]:
        combine(out, part, out=out)


def bordered(operator: Pool, x: Array, value: int, dtype: Any, workspace: Workspace) -> Array:
    """x (C, H, W, N) as dtype with the operator's padding of `value`; x itself if nothing has to change."""
    (top, bottom), (left, right) = operator.padding
    if x.dtype == dtype and not (top or bottom or left or right):
        return x
    C, H, W, N = x.shape
    out = take(x, (C, top + H + bottom, left + W + right, N), dtype, workspace)
    if x.shape == out.shape:
        np.copyto(out, x)
        return out
    return pad(x, operator.padding, value, out)


def max_pool2d(operator: MaxPool2d, least: int, x: Array, y: Array, workspace: Workspace) -> None:
    """The greatest of each window into y; x (C, H, W, N) codes or accumulators, none of them below `least`.

    Padding holds `least`, and each window sees a value of x, so padding never wins.
    """
    sweep(operator, bordered(operator, x, least, x.dtype, workspace), np.maximum, y, workspace)


def max_pool2d_codes(operator: MaxPool2d, x_codes: Codes, x: Array, y: Array, workspace: Workspace) -> None:
    """A max pool on codes, with its clamp."""
    if operator.y is None:
        max_pool2d(operator, x_codes.lo, x, y, workspace)
        return
    greatest = take(x, y.shape, x.dtype, workspace)
    max_pool2d(operator, x_codes.lo, x, greatest, workspace)
    clamp(greatest, operator.y, y)


def clamp(values: Array, codes: Codes, y: Array) -> None:
    """y = values within codes.lo … codes.hi, in their dtype; the values are overwritten."""
    clip(values, codes.lo, codes.hi)
    np.copyto(y, values, casting="unsafe")


def avg_pool2d(
    operator: AvgPool2d, x_codes: Codes, count: Array, x: Array, y: Array, workspace: Workspace
) -> None:
    """The mean of each window's codes, half away from zero; count from `ops.counts`, of the sums' dtype."""
    wide = bordered(operator, x, 0, count.dtype, workspace)
    total = take(x, y.shape, wide.dtype, workspace)
    sweep(operator, wide, np.add, total, workspace)
    divide_by_count(total, count)
    clamp(total, x_codes if operator.y is None else operator.y, y)


def divide_by_count(total: Array, count: Any) -> None:
    """`ops.mean` in place."""
    negative = total < 0
    np.abs(total, out=total)
    np.add(total, count // 2, out=total)
    np.floor_divide(total, count, out=total)
    np.negative(total, out=total, where=negative)


def global_avg_pool(
    operator: GlobalAvgPool, x_codes: Codes, bound: int, x: Array, y: Array, workspace: Workspace
) -> None:
    """The mean of each channel, (C, H, W, N) → (C, 1, 1, N), on x's grid or requantized onto y's."""
    C, H, W, N = x.shape
    dtype = accumulator_of(bound)
    wide = take(x, x.shape, dtype, workspace)
    np.subtract(x, dtype.type(0 if operator.sums_codes() else x_codes.zero), out=wide, dtype=dtype)
    total = take(x, (C, 1, 1, N), dtype, workspace)
    np.sum(wide, axis=(1, 2), dtype=dtype, keepdims=True, out=total)
    if operator.y is None:
        divide_by_count(total, dtype.type(H * W))
        clamp(total, x_codes, y)
        return
    if operator.rounding == "float32":
        clamp(global_mean(operator, total, H * W, x_codes.zero), operator.y, y)
        return
    scaling = Scaling.of(0, operator.m0, operator.n, operator.y, operator.rounding, bound)
    scaling.apply(total.reshape(C, N), y.reshape(C, N), workspace)
