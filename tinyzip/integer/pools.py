"""Pooling of codes and of accumulators: maxima, and means in integers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.windows import pad, window_count
from tinyzip.integer.bounds import accumulator_of
from tinyzip.integer.codes import Codes
from tinyzip.integer.operators import AvgPool2d, GlobalAvgPool, MaxPool2d, Pool
from tinyzip.integer.scaling import Scaling, take
from tinyzip.machine.workspace import Workspace


def sweep(operator: Pool, x: NDArray[Any], combine: np.ufunc, workspace: Workspace) -> NDArray[Any]:
    """Combine each window of a padded x (C, H, W, N): first along its rows, then along its columns.

    A window of kh·kw values costs kh + kw − 2 passes in this way. Right for any ufunc that is associative and
    commutative, as maximum and integer addition are.
    """
    C, H, W, N = x.shape
    (kh, kw), (sh, sw) = operator.kernel, operator.steps
    OH, OW = (H - kh) // sh + 1, (W - kw) // sw + 1
    y = take(x, (C, OH, OW, N), x.dtype, workspace)
    with workspace.scratch():
        rows = x
        if kh > 1 or sh > 1:
            rows = take(x, (C, OH, W, N), x.dtype, workspace)
            reduce_parts([x[:, i : i + sh * (OH - 1) + 1 : sh] for i in range(kh)], combine, rows)
        reduce_parts([rows[:, :, j : j + sw * (OW - 1) + 1 : sw] for j in range(kw)], combine, y)
    return y


def reduce_parts(parts: list[NDArray[Any]], combine: np.ufunc, out: NDArray[Any]) -> None:
    """out = parts[0] ∘ parts[1] ∘ …, of equal shapes."""
    if len(parts) == 1:
        np.copyto(out, parts[0])
        return
    combine(parts[0], parts[1], out=out)
    for part in parts[2:]:
        combine(out, part, out=out)


def bordered(operator: Pool, x: NDArray[Any], value: int, dtype: Any, workspace: Workspace) -> NDArray[Any]:
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


def max_pool2d(operator: MaxPool2d, least: int, x: NDArray[Any], workspace: Workspace) -> NDArray[Any]:
    """The greatest of each window; x (C, H, W, N) codes or accumulators, none of them below `least`.

    Padding holds `least`, and each window sees a value of x, so padding never wins.
    """
    return sweep(operator, bordered(operator, x, least, x.dtype, workspace), np.maximum, workspace)


def clamp(y: NDArray[Any], codes: Codes | None, workspace: Workspace) -> NDArray[Any]:
    """y within codes.lo … codes.hi, of their dtype; y itself without codes."""
    if codes is None:
        return y
    np.clip(y, codes.lo, codes.hi, out=y)
    if y.dtype == codes.dtype:
        return y
    out = take(y, y.shape, codes.dtype, workspace)
    np.copyto(out, y, casting="unsafe")
    return out


def avg_pool2d(
    operator: AvgPool2d, codes: Codes, bound: int, x: NDArray[Any], workspace: Workspace
) -> NDArray[Any]:
    """The mean of each window's codes, half away from zero, padding neither summed nor counted."""
    wide = bordered(operator, x, 0, accumulator_of(bound), workspace)
    total = sweep(operator, wide, np.add, workspace)
    rows, columns = counts(operator, x.shape[1:3])
    divide(total, (rows[:, None, None] * columns[:, None]).astype(total.dtype))
    y = codes if operator.y is None else operator.y
    return clamp(total, y, workspace)


def counts(operator: Pool, size: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
    """How many rows, and how many columns, of the image itself each window sees: (OH,), (OW,)."""
    outputs = window_count((size[0], size[1]), operator.kernel, operator.steps, operator.padding, "AvgPool2d")
    seen = []
    for length, k, s, (before, _), count in zip(
        size, operator.kernel, operator.steps, operator.padding, outputs, strict=True
    ):
        start = np.arange(count) * s - before
        seen.append(np.minimum(start + k, length) - np.maximum(start, 0))
    return seen[0], seen[1]


def divide(total: NDArray[Any], count: Any) -> None:
    """total / count in place, to nearest, half away from zero: ±⌊(|total| + ⌊count/2⌋) / count⌋.

    LiteRT's formula. For an odd count there is no half; for an even one ⌊count/2⌋ is the half exactly.
    NumPy's `//` rounds down, hence the detour over the magnitude.
    """
    negative = total < 0
    np.abs(total, out=total)
    np.add(total, count // 2, out=total)
    np.floor_divide(total, count, out=total)
    np.negative(total, out=total, where=negative)


def global_avg_pool(
    operator: GlobalAvgPool, codes: Codes, bound: int, x: NDArray[Any], workspace: Workspace
) -> NDArray[Any]:
    """The mean of each channel, (C, H, W, N) → (C, 1, 1, N), on x's grid or requantized onto y's."""
    C, H, W, N = x.shape
    dtype = accumulator_of(bound)
    wide = take(x, x.shape, dtype, workspace)
    np.subtract(x, dtype.type(0 if operator.y is None else codes.zero), out=wide, dtype=dtype)
    total = take(x, (C, 1, 1, N), dtype, workspace)
    np.sum(wide, axis=(1, 2), dtype=dtype, keepdims=True, out=total)
    if operator.y is None:
        divide(total, dtype.type(H * W))
        return clamp(total, codes, workspace)
    y = take(x, (C, 1, 1, N), operator.y.dtype, workspace)
    scaling = Scaling.of(0, operator.m0, operator.n, operator.y, operator.rounding)
    scaling.apply(total.reshape(C, N), y.reshape(C, N), workspace)
    return y
