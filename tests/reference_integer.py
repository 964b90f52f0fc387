"""The oracle of the integer world: Python integers, lists and loops, one example at a time.

Nothing here shares a line, or a formula if there is another, with `tinyzip.integer`: roundings are written
as gemmlowp writes them, with nudges, truncating division, remainders and thresholds; windows are visited
place by place, and a place outside the image is left out.
"""

from typing import Any

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
