"""The oracle: every operation once more, as loops over single numbers.

Nothing here is fast or clever, so that each function can be compared with its formula by eye.

First the float world. Arrays are batch last, as in the library, and results are float64.

Then, from `truncated` on, the integer world: Python integers, lists and loops only, one example at a time.
It shares no line, nor a formula if there is another, with `tinyzip.integer`: roundings are written as
gemmlowp writes them, with nudges, truncating division, remainders and thresholds; windows are visited
place by place, and a place outside the image is left out.
"""

import math
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from tinyzip.integer import (
    Add,
    Argmax,
    AvgPool2d,
    Codes,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Multiply,
    Operator,
    Pad,
    Product,
    Program,
    Recall,
    Reshape,
    Softmax,
    Table,
    Transpose,
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


ACTIVATIONS = {
    "clip": lambda v: min(max(v, -0.4), 1.2),
    "clip from below": lambda v: max(v, -0.4),
    "clip from above": lambda v: min(v, 1.2),
    "leaky relu": lambda v: v if v > 0 else 0.2 * v,
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
    "tanh": lambda v: math.expm1(2 * v) / (math.expm1(2 * v) + 2),  # near 0 too
    "silu": lambda v: v / (1 + math.exp(-v)),
    "hard swish": lambda v: v * min(max(v + 3, 0), 6) / 6,
    "gelu": lambda v: v * (1 + math.erf(v / math.sqrt(2))) / 2,
    "by points": lambda v: -2.0 if v < -1 else -2 + 1.5 * (v + 1) if v < 1 else 1 - 0.5 * (min(v, 3) - 1),
}
"""Functions of one number, with the constants that the tests of activations give them."""


def activation(name, x):
    return np.array([ACTIVATIONS[name](float(value)) for value in x.ravel()]).reshape(x.shape)


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


def solved(A, b):
    """x with A x = b, by Gauss and Jordan; A is positive definite."""
    rows = [[float(a) for a in row] + [float(y)] for row, y in zip(A, b, strict=True)]
    for k in range(len(rows)):
        rows[k] = [a / rows[k][k] for a in rows[k]]
        for i in range(len(rows)):
            if i != k:
                rows[i] = [a - rows[i][k] * c for a, c in zip(rows[i], rows[k], strict=True)]
    return [row[-1] for row in rows]


def quadratic(H, best, w):
    """(w − w*) H (w − w*)ᵀ"""
    K = range(len(w))
    return sum((w[i] - best[i]) * H[i][j] * (w[j] - best[j]) for i in K for j in K)


def with_settled(H, best, settled):
    """The w of least (w − w*) H (w − w*)ᵀ with w_q = t for each q: t that is settled."""
    free = [i for i in range(len(best)) if i not in settled]
    given = [sum(H[i][j] * (best[j] - settled.get(j, 0)) for j in range(len(best))) for i in free]
    w = {**settled, **dict(zip(free, solved([[H[i][j] for j in free] for i in free], given), strict=True))}
    return [w[i] for i in range(len(best))]


def surgeon(H, best, goal, count, order=()):
    """Weights set one by one to goal(weight), each time that after which the quadratic can be made least.

    order    which ones, if that is given
    returns  the row, and for each step the weight and by how much the quadratic has risen
    """
    settled, steps, w = {}, [], list(best)
    for k in range(count):
        rises = {}
        for q in [order[k]] if order else [q for q in range(len(best)) if q not in settled]:
            row = with_settled(H, best, {**settled, q: goal(w[q])})
            rises[q] = quadratic(H, best, row) - quadratic(H, best, w)
        q = min(rises, key=rises.get)
        settled[q] = goal(w[q])
        w = with_settled(H, best, settled)
        steps.append((q, rises[q]))
    return w, steps


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


def nearest_float32(value: Fraction) -> Fraction:
    """The float32 nearest to a value, halves to the even one; exponents are not bounded."""
    bits = value.numerator.bit_length() - value.denominator.bit_length()  # of the whole part, or one less
    place = Fraction(2) ** (bits - 24)
    if abs(value) >= 2**24 * place:
        place *= 2
    return round(value / place) * place


def rescale(acc: int, m0: int, n: int, rounding: str) -> int:
    """acc·m0·2⁻ⁿ to a whole number."""
    if rounding == "float32":
        return round(nearest_float32(nearest_float32(Fraction(acc)) * Fraction(m0, 2**n)))
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
    x: Any, c: int, oh: int, ow: int, operator: Any, stride: tuple[int, int], apart: Any = (1, 1)
) -> list[tuple[int, int, int]]:
    """(i, j, code) for all places of a window, `apart` from each other, that lie inside the image."""
    (top, _), (left, _) = operator.padding
    H, W = len(x[c]), len(x[c][0])
    places = []
    for i in range(operator.kernel[0]):
        for j in range(operator.kernel[1]):
            h, w = oh * stride[0] + i * apart[0] - top, ow * stride[1] + j * apart[1] - left
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
            for i, j, code in seen(x, group * C + c, oh, ow, operator, operator.stride, operator.dilation)
        ]
    return [*products, int(operator.bias[f])]


def requantized(operator: Any, total: int, f: int) -> int:
    m0, n = int(operator.m0[f]), int(operator.n[f])
    return clamp(operator.y.zero + rescale(total, m0, n, operator.rounding), operator.y)


def grid(C: int, shape: tuple[int, ...], value: Any) -> Any:
    """[[[value(c, oh, ow)]]] for all places of the shape."""
    return [[[value(c, h, w) for w in range(shape[2])] for h in range(shape[1])] for c in range(C)]


def float32_mean(values: list[int], zero: int, scale: Fraction, y: Codes) -> int:
    """XNNPACK's mean: float(Σ x)·scale + z, where z is y.zero − float(count·zero)·scale, all in float32."""
    f = nearest_float32
    z = f(y.zero - f(f(Fraction(len(values) * zero)) * scale))
    return clamp(round(f(f(f(Fraction(sum(values))) * scale) + z)), y)


def mapped(function: Any, *values: Any) -> Any:
    """A function of single numbers, at each place of nested lists of one shape."""
    if isinstance(values[0], list):
        return [mapped(function, *parts) for parts in zip(*values, strict=True)]
    return function(*values)


def added(operator: Add, codes: list[Codes], x: int, other: int) -> int:
    """(AD1) with gemmlowp's functions, (AD2) as the floor of an exact fraction."""
    terms = [value - c.zero for value, c in zip((x, other), codes, strict=True)]
    m0, n = operator.m0.tolist(), operator.n.tolist()
    if operator.rounding == "single":
        total = sum(m * t for m, t in zip(m0, terms, strict=True))
        return clamp(operator.y.zero + (2 * total + 2 ** n[0]) // 2 ** (n[0] + 1), operator.y)
    scaled = [rescale(t * 2**20, m0[k], n[k], "double") for k, t in enumerate(terms)]
    return clamp(operator.y.zero + rescale(sum(scaled), m0[2], n[2], "double"), operator.y)


def fixed_exponential(z: int) -> int:
    """e^z in Q0.31 for z ≤ 0 in Q5.26: gemmlowp's exp_on_negative_values, step by step."""
    if z == 0:
        return 2**31 - 1
    high, halve = saturating_rounding_doubling_high_mul, rounding_divide_by_power_of_two
    whole, part = 0, z
    while part < -(2**24):  # part = z + whole·¼ in [−¼, 0)
        whole, part = whole + 1, part + 2**24
    if part == 0:
        whole, part = whole + 1, -(2**24)
    a = part * 32 + 2**28
    a2 = high(a, a)
    a3, a4 = high(a2, a), high(a2, a2)
    rest = halve(high(halve(a4, 2) + a3, 715827883) + a2, 1)
    result = 1895147668 + high(1895147668, a + rest)
    powers = [1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242]
    for k, power in enumerate(powers):
        if whole // 2**k % 2:
            result = high(result, power)
    return result


def reciprocal(total: int) -> tuple[int, int]:
    """LiteRT's GetReciprocal of a sum in Q12.19, 1 at least: Q0.31 and the bits to shift it."""
    high = saturating_rounding_doubling_high_mul
    bits = total.bit_length()
    half = (total * 2 ** (32 - bits)) // 2  # (1 + a) / 2 in Q0.31
    r = 1515870810 + high(half, -1010580540)
    for _ in range(3):
        r += high(r, 2**29 - high(half, r)) * 4
    return min(2 * r, 2**31 - 1), bits - 20


def softmax(operator: Softmax, x: list[int]) -> list[int]:
    """LiteRT's reference_ops::Softmax on one place."""
    left = 31 - operator.n
    least = -(31 * 2**26 // 2**left)
    high = saturating_rounding_doubling_high_mul
    e = [
        fixed_exponential(high((v - max(x)) * 2**left, operator.m0)) if v - max(x) >= least else None
        for v in x
    ]
    r, over = reciprocal(sum(rounding_divide_by_power_of_two(v, 12) for v in e if v is not None))
    return [
        -128 if v is None else min(127, rounding_divide_by_power_of_two(high(r, v), 23 + over) - 128)
        for v in e
    ]


def values_of(x: Any, order: str) -> list[int]:
    """All codes of one example in the order "CHW" or "HWC"."""
    if not isinstance(x[0], list):
        return list(x)
    C, H, W = len(x), len(x[0]), len(x[0][0])
    if order == "CHW":
        return [x[c][h][w] for c in range(C) for h in range(H) for w in range(W)]
    return [x[c][h][w] for h in range(H) for w in range(W) for c in range(C)]


def filled(values: list[int], shape: tuple[int, ...], order: str) -> Any:
    """The nested lists of this shape that have these values in this order."""
    if len(shape) == 1:
        return values
    C, H, W = shape
    if order == "CHW":
        return grid(C, shape, lambda c, h, w: values[(c * H + h) * W + w])
    return grid(C, shape, lambda c, h, w: values[(h * W + w) * C + c])


def apply(operator: Operator, inputs: list[Any], read: list[Codes], shape: tuple[int, ...]) -> Any:
    """One operator on nested lists of one example, of the codes `read`, to an output of `shape`."""
    x, codes = inputs[0], read[0]
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
            if operator.rounding == "float32":
                return [[[float32_mean(v, codes.zero, Fraction(m0, 2**n), y)]] for v in values]
            sums = [sum(code - codes.zero for code in v) for v in values]
            return [[[clamp(y.zero + rescale(s, m0, n, operator.rounding), y)]] for s in sums]
        case Recall():
            return x
        case Add():
            return mapped(lambda a, b: added(operator, read, a, b), x, inputs[1])
        case Product():
            zero, y, m0, n = read[1].zero, operator.y, operator.m0, operator.n

            def factored(a: int, b: int) -> int:
                return clamp(y.zero + rescale((a - codes.zero) * (b - zero), m0, n, operator.rounding), y)

            if len(shape) == 1:
                return mapped(factored, x, inputs[1])
            many = len(inputs[1][0]) > 1 or len(inputs[1][0][0]) > 1
            return grid(
                shape[0],
                shape,
                lambda c, h, w: factored(x[c][h][w], inputs[1][c][h if many else 0][w if many else 0]),
            )
        case Concat():
            return [channel for part in inputs for channel in part]
        case Pad():
            (top, _), (left, _) = operator.padding
            H, W = len(x[0]), len(x[0][0])

            def framed(c: int, h: int, w: int) -> int:
                inside = top <= h < top + H and left <= w < left + W
                return x[c][h - top][w - left] if inside else codes.zero

            return grid(shape[0], shape, framed)
        case Table():
            rows = operator.table.tolist()
            rows = rows if isinstance(rows[0], list) else [rows] * len(x)
            return [
                mapped(lambda code, row=row: row[code if code >= 0 else code + 256], channel)
                for row, channel in zip(rows, x, strict=True)
            ]
        case Multiply():
            constants = operator.w.tolist() if operator.w.size > 1 else operator.w.tolist() * len(x)
            y, m0, n = operator.y, operator.m0, operator.n

            def multiplied(code: int, w: int) -> int:
                return clamp(y.zero + rescale(w * (code - codes.zero), m0, n, operator.rounding), y)

            return [
                mapped(lambda code, w=w: multiplied(code, w), channel)
                for w, channel in zip(constants, x, strict=True)
            ]
        case Softmax():
            if len(shape) == 1:
                return softmax(operator, x)
            C, H, W = shape
            places = {
                (h, w): softmax(operator, [x[c][h][w] for c in range(C)]) for h in range(H) for w in range(W)
            }
            return grid(C, shape, lambda c, h, w: places[h, w][c])
        case Flatten(order=order):
            return values_of(x, order)
        case Reshape(order=order):
            return filled(values_of(x, order), shape, order)
        case Transpose(axes=axes):
            places = [axes.index(k) for k in range(3)]
            return grid(
                shape[0],
                shape,
                lambda *at: x[at[places[0]]][at[places[1]]][at[places[2]]],
            )
        case Argmax():
            return x.index(max(x))
    raise ValueError(operator)


def run(program: Program, example: Any) -> list[Any]:
    """The outputs of all operators on one example, given as nested lists."""
    outputs = [example]
    for i, operator in enumerate(program.operators):
        read = [k + 1 for k in operator.reads(i)]
        inputs, codes = [outputs[k] for k in read], [program.codes[k] for k in read]
        outputs.append(apply(operator, inputs, codes, program.shapes[i + 1]))
    return outputs[1:]
