"""The oracle: every operation once more, as loops over single numbers.

Nothing here is fast or clever, so that each function can be compared with its formula by eye.

First the float world. Arrays are batch last, as in the library, and results are float64.

Then, from `truncated` on, the integer world: Python integers, lists and loops only, one example at a time.
It shares no line, nor a formula if there is another, with `tinyzip.integer`: roundings are written as
gemmlowp writes them, with nudges, truncating division, remainders and thresholds; windows are visited
place by place, and a place outside the image is left out.
"""

from itertools import product
from typing import Any

import numpy as np

from tinyzip.integer import (
    Argmax,
    AvgPool2d,
    Codes,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Operator,
    Program,
)


def conv2d(x, w, b, stride, padding, groups):
    """y[f, oh, ow, n] = b[f] + Σ w[f, c, i, j] · x̄[f's group's channel c, oh·sh + i, ow·sw + j, n]"""
    _, H, W, N = x.shape
    F, CG, kh, kw = w.shape
    (top, bottom), (left, right) = padding
    OH = (H + top + bottom - kh) // stride[0] + 1
    OW = (W + left + right - kw) // stride[1] + 1
    y = np.zeros((F, OH, OW, N))
    for f, oh, ow, n in np.ndindex(y.shape):
        total = 0.0 if b is None else float(b[f])
        for c, i, j in np.ndindex(CG, kh, kw):
            h, v = oh * stride[0] + i - top, ow * stride[1] + j - left
            if 0 <= h < H and 0 <= v < W:
                total += float(w[f, c, i, j]) * float(x[f // (F // groups) * CG + c, h, v, n])
        y[f, oh, ow, n] = total
    return y


def pool2d(x, kernel, stride, padding, choose):
    """y[c, oh, ow, n] = choose(the list of ((i, j), value) of the window that lie inside the image)"""
    C, H, W, N = x.shape
    (top, bottom), (left, right) = padding
    OH = (H + top + bottom - kernel[0]) // stride[0] + 1
    OW = (W + left + right - kernel[1]) // stride[1] + 1
    y = np.zeros((C, OH, OW, N))
    for c, oh, ow, n in np.ndindex(y.shape):
        seen = []
        for i, j in product(range(kernel[0]), range(kernel[1])):
            h, v = oh * stride[0] + i - top, ow * stride[1] + j - left
            if 0 <= h < H and 0 <= v < W:
                seen.append(((i, j), float(x[c, h, v, n])))
        y[c, oh, ow, n] = choose(seen)
    return y


def max_pool2d(x, kernel, stride, padding):
    return pool2d(x, kernel, stride, padding, lambda seen: max(value for _, value in seen))


def max_pool2d_winners(x, kernel, stride, padding):
    """i·kw + j of the first of the largest, in row-major order."""

    def first_largest(seen):
        best = max(value for _, value in seen)
        i, j = next(place for place, value in seen if value == best)
        return i * kernel[1] + j

    return pool2d(x, kernel, stride, padding, first_largest)


def avg_pool2d(x, kernel, stride, padding):
    return pool2d(x, kernel, stride, padding, lambda seen: sum(value for _, value in seen) / len(seen))


def global_avg_pool(x):
    C, H, W, N = x.shape
    y = np.zeros((C, 1, 1, N))
    for c, n in np.ndindex(C, N):
        y[c, 0, 0, n] = sum(float(x[c, h, v, n]) for h, v in np.ndindex(H, W)) / (H * W)
    return y


def linear(x, w, b):
    C, N = x.shape
    y = np.zeros((w.shape[0], N))
    for f, n in np.ndindex(y.shape):
        y[f, n] = (0.0 if b is None else float(b[f])) + sum(float(w[f, c]) * float(x[c, n]) for c in range(C))
    return y


def relu(x):
    return np.array([max(float(value), 0.0) for value in x.ravel()]).reshape(x.shape)


def batch_statistics(x):
    """Mean and (biased) variance of each channel."""
    mean, var = [], []
    for channel in x:
        values = [float(value) for value in channel.ravel()]
        mean.append(sum(values) / len(values))
        var.append(sum((value - mean[-1]) ** 2 for value in values) / len(values))
    return np.array(mean), np.array(var)


def batch_norm(x, gamma, beta, mean, var, eps):
    y = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        c = place[0]
        y[place] = gamma[c] * (x[place] - mean[c]) / (var[c] + eps) ** 0.5 + beta[c]
    return y


def truncated(a: int, b: int) -> int:
    """a / b towards zero, as C divides."""
    return abs(a) // b if a >= 0 else -(abs(a) // b)


def saturating_rounding_doubling_high_mul(a: int, b: int) -> int:
    """gemmlowp, fixedpoint.h."""
    if a == b == -(2**31):
        return 2**31 - 1
    nudge = 2**30 if a * b >= 0 else 1 - 2**30
    return truncated(a * b + nudge, 2**31)


def rounding_divide_by_power_of_two(x: int, exponent: int) -> int:
    """gemmlowp, fixedpoint.h."""
    mask = 2**exponent - 1
    threshold = (mask >> 1) + (1 if x < 0 else 0)
    return (x >> exponent) + (1 if x & mask > threshold else 0)


def rescale(acc: int, m0: int, n: int, rounding: str) -> int:
    """acc·m0·2⁻ⁿ to a whole number."""
    if rounding == "double":
        shifted = acc * 2 ** max(31 - n, 0)
        high = saturating_rounding_doubling_high_mul(shifted, m0)
        return rounding_divide_by_power_of_two(high, max(n - 31, 0))
    return (2 * acc * m0 + 2**n) // 2 ** (n + 1)  # ⌊q + ½⌋, also for a power of two


def half_away(total: int, count: int) -> int:
    """total / count to nearest, half away from zero."""
    return truncated(2 * total + count, 2 * count) if total >= 0 else -half_away(-total, count)


def clamp(value: int, codes: Codes) -> int:
    return min(max(value, codes.lo), codes.hi)


def seen(
    x: Any, c: int, oh: int, ow: int, operator: Any, stride: tuple[int, int]
) -> list[tuple[int, int, int]]:
    """(i, j, code) for all places of a window that lie inside the image."""
    (top, _), (left, _) = operator.padding
    H, W = len(x[c]), len(x[c][0])
    places = []
    for i in range(operator.kernel[0]):
        for j in range(operator.kernel[1]):
            h, w = oh * stride[0] + i - top, ow * stride[1] + j - left
            if 0 <= h < H and 0 <= w < W:
                places.append((i, j, x[c][h][w]))
    return places


def accumulate(operator: Any, x: Any, codes: Codes, f: int, oh: int = 0, ow: int = 0) -> list[int]:
    """All that is added up for one output, the bias last."""
    if isinstance(operator, Linear):
        row = operator.w[f].tolist()
        products = [w * (v - codes.zero) for w, v in zip(row, x, strict=True)]
    else:
        F, C, _, _ = operator.w.shape
        group = f // (F // operator.groups)
        w = operator.w[f].tolist()
        products = [
            w[c][i][j] * (code - codes.zero)
            for c in range(C)
            for i, j, code in seen(x, group * C + c, oh, ow, operator, operator.stride)
        ]
    return [*products, int(operator.bias[f])]


def requantized(operator: Any, total: int, f: int) -> int:
    m0, n = int(operator.m0[f]), int(operator.n[f])
    return clamp(operator.y.zero + rescale(total, m0, n, operator.rounding), operator.y)


def grid(C: int, shape: tuple[int, ...], value: Any) -> Any:
    """[[[value(c, oh, ow)]]] for all places of the shape."""
    return [[[value(c, h, w) for w in range(shape[2])] for h in range(shape[1])] for c in range(C)]


def apply(operator: Operator, x: Any, codes: Codes, shape: tuple[int, ...]) -> Any:
    """One operator on one example of nested lists, to an output of `shape`."""
    match operator:
        case Conv2d():
            return grid(
                shape[0],
                shape,
                lambda f, h, w: requantized(operator, sum(accumulate(operator, x, codes, f, h, w)), f),
            )
        case Linear():
            return [requantized(operator, sum(accumulate(operator, x, codes, f)), f) for f in range(shape[0])]
        case MaxPool2d() | AvgPool2d():
            y = operator.y or codes

            def pooled(c: int, h: int, w: int) -> int:
                values = [code for _, _, code in seen(x, c, h, w, operator, operator.steps)]
                if isinstance(operator, MaxPool2d):
                    return clamp(max(values), y)
                return clamp(half_away(sum(values), len(values)), y)

            return grid(shape[0], shape, pooled)
        case GlobalAvgPool():
            values = [[code for row in channel for code in row] for channel in x]
            if operator.y is None:
                return [[[half_away(sum(v), len(v))]] for v in values]
            y, m0, n = operator.y, operator.m0, operator.n
            sums = [sum(code - codes.zero for code in v) for v in values]
            return [[[clamp(y.zero + rescale(s, m0, n, operator.rounding), y)]] for s in sums]
        case Flatten():
            return [code for channel in x for row in channel for code in row] if isinstance(x[0], list) else x
        case Argmax():
            return x.index(max(x))
    raise ValueError(operator)


def run(program: Program, example: Any) -> list[Any]:
    """The outputs of all operators on one example, given as nested lists."""
    outputs = []
    for operator, codes, shape in zip(program.operators, program.codes, program.shapes[1:], strict=False):
        example = apply(operator, example, codes, shape)
        outputs.append(example)
    return outputs
