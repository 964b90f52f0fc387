"""Depth: the operators that compute, in integers only: not a code differs from the engine's.

The sums are ONNX's ConvInteger and MatMulInteger, which multiply bytes and add in int32; a program has proved
that no sum of its leaves int32. Weights are unsigned bytes, so that every processor's sums are exact. What
comes after a sum is `onnx_integers`, in int64. A function of one code is a look-up, as in the engine: an
addition looks up both of its terms (AD1, AD2), a softmax its exponentials.
"""

import numpy as np

from tinyzip.exchange.onnx import integers as whole
from tinyzip.exchange.onnx.codes import W_ZERO, Job, base_of, clamped, unsigned, zero_of
from tinyzip.exchange.onnx.graph import window
from tinyzip.integer import Add, AvgPool2d, Conv2d, GlobalAvgPool, Linear, Product, Softmax
from tinyzip.integer.bounds import SOFTMAX_ONE, bound_of, channel_bounds
from tinyzip.integer.fast.elementwise import scaling_of, terms_of
from tinyzip.integer.fast.scaling import Scaling
from tinyzip.integer.fixedpoint import M0_STEP
from tinyzip.integer.fixedpoint import significant as rounded
from tinyzip.integer.ops import counts
from tinyzip.integer.softmax import LINE, ONE, exponentials, shifted


def compute(job: Job) -> str | None:
    """Add an operator that computes; returns the bytes that it writes, or None for one of another kind."""
    match job.operator:
        case Conv2d() | Linear():
            return weighted(job)
        case AvgPool2d():
            return average(job)
        case GlobalAvgPool():
            return mean(job)
        case Add() | Product():
            return added(job)
        case Softmax():
            return softmax(job)
    return None


def weighted(job: Job) -> str:
    """Σ w·(x − x.zero) in int32, requantized."""
    graph, operator, x = job.graph, job.operator, job.read[0]
    w, zeros = unsigned(operator.w), [job.byte(zero_of(x), "zero"), job.byte(W_ZERO, "w zero")]
    if isinstance(operator, Conv2d):
        how = window(operator.kernel, operator.stride, operator.padding)
        given = job.inputs[0], job.byte(w, "w"), *zeros
        acc = graph.add("ConvInteger", *given, group=operator.groups, dilations=[*operator.dilation], **how)
    else:
        acc = graph.add("MatMulInteger", job.inputs[0], job.byte(w.T, "w"), *zeros)
    bounds = channel_bounds(operator, x)
    scaling = Scaling.of(operator.bias, operator.m0, operator.n, operator.y, operator.rounding, bounds)
    return whole.requantized(graph, acc, operator.bias, scaling, int(bounds.max()), len(job.shape))


def average(job: Job) -> str:
    """The mean of the codes of each window, half away from zero; a border counts nothing and adds code 0."""
    graph, pool, base = job.graph, job.operator, base_of(job.read[0])
    C, *_ = job.shapes[0]
    ones = job.byte(np.ones((C, 1, *pool.kernel)), "ones")
    geometry = window(pool.kernel, pool.steps, pool.padding)
    total = graph.add("ConvInteger", job.inputs[0], ones, job.byte(-base, "zero"), group=C, **geometry)
    return quotient(job, total, counts(pool, job.shapes[0])[..., 0])


def quotient(job: Job, total: str, count: int | np.ndarray) -> str:
    """Sums of codes, int32, by their count: sign(t)·⌊(|t| + ⌊count / 2⌋) / count⌋, clamped."""
    graph, count = job.graph, np.asarray(count)
    count = count.flat[0] if (count == count.flat[0]).all() else count
    half = graph.constant(count // 2, np.int32, "half")
    lifted = graph.add("Add", graph.add("Abs", total), half)
    size = graph.add("Div", lifted, graph.constant(count, np.int32, "count"))
    nearest = graph.add("Mul", graph.add("Sign", total), size)
    base = graph.constant(-base_of(job.read[0]), np.int32, "base")
    return clamped(job, graph.cast(graph.add("Add", nearest, base), np.uint8), job.read[0])


def mean(job: Job) -> str:
    """The mean of each channel, on the grid of what it reads, or requantized."""
    graph, operator, x = job.graph, job.operator, job.read[0]
    _, H, W = job.shapes[0]
    zero = -base_of(x) if operator.sums_codes() else zero_of(x)
    centred = graph.add("Sub", graph.cast(job.inputs[0], np.int32), graph.constant(zero, np.int32, "zero"))
    total = graph.add("ReduceSum", centred, graph.constant([2, 3], np.int64, "axes"), keepdims=1)
    if operator.y is None:
        return quotient(job, total, H * W)
    if operator.rounding == "float32":
        return float32_mean(job, total, H * W)
    bound = bound_of(operator, job.read, job.shapes[0])
    scaling = Scaling.of(0, operator.m0, operator.n, operator.y, operator.rounding, bound)
    return whole.requantized(graph, total, 0, scaling, bound, 3)


def float32_mean(job: Job, total: str, count: int) -> str:
    """(GA1) and (GA2)."""
    graph, operator, y = job.graph, job.operator, job.y
    M, k = operator.m0 // M0_STEP, operator.n - 7
    z = int(rounded((y.zero << k) - rounded(rounded(count * job.read[0].zero) * M)))
    wide = whole.significant(graph, graph.cast(total, np.int64), 32)
    product = graph.add("Mul", wide, whole.int64(graph, M, 3, "M"))
    moved = graph.add("Add", whole.significant(graph, product, 56), whole.int64(graph, z, 3, "z"))
    code = whole.to_even(graph, whole.significant(graph, moved, 62), whole.int64(graph, 1 << k, 3, "power"))
    offset = graph.add("Sub", code, whole.int64(graph, y.zero, 3, "zero"))
    return whole.clamped_floor(graph, offset, 0, 0, y, 2**62, 3)


def added(job: Job) -> str:
    """The two terms of (AD1) or (AD2), or factors of (PD1), looked up; their sum or product requantized."""
    graph, rank = job.graph, len(job.shape)
    terms = []
    for table, x, codes in zip(terms_of(job.operator, job.read), job.inputs, job.read, strict=True):
        values = graph.constant(np.roll(table, -base_of(codes)), np.int32, "terms")
        terms.append(graph.add("Gather", values, graph.cast(x, np.int32)))
    bound = bound_of(job.operator, job.read, job.shapes[0])
    total = graph.add("Add" if isinstance(job.operator, Add) else "Mul", *terms)
    return whole.requantized(graph, total, 0, scaling_of(job.operator, bound), bound, rank)


def softmax(job: Job) -> str:
    """(SM1) to (SM4), the channels being ONNX's axis 1."""
    graph, rank = job.graph, len(job.shape)

    def number(value: int, what: str) -> str:
        return graph.constant(value, np.int64, what)

    def product(a: str, b: str) -> str:
        half, power = number(1 << 30, "half"), number(1 << 31, "power")
        return whole.floor(graph, graph.add("Add", graph.add("Mul", a, b), half), power)

    table = exponentials(job.operator)
    index = graph.cast(job.inputs[0], np.int64)
    d = graph.add("Sub", index, graph.add("ReduceMax", index, axes=[1], keepdims=1))
    d = graph.add("Add", d, number(255, "last"))
    parts = graph.add("Gather", graph.constant(shifted(table, 31 - SOFTMAX_ONE), np.int64, "parts"), d)
    total = graph.add("ReduceSum", parts, graph.constant([1], np.int64, "axis"), keepdims=1)
    b = whole.bit_length(graph, total, range(SOFTMAX_ONE + 1, 31))
    lift = whole.power_of_two(graph, graph.add("Sub", number(31 - SOFTMAX_ONE, "room"), b))
    h = graph.add("Div", graph.add("Mul", total, lift), number(2, "two"))
    r = graph.add("Add", product(h, number(LINE[1], "slope")), number(LINE[0], "start"))
    for _ in range(3):
        rest = graph.add("Sub", number(1 << 29, "one"), product(h, r))
        r = graph.add("Add", r, graph.add("Mul", product(r, rest), number(4, "four")))
    r = graph.add("Min", graph.add("Mul", r, number(2, "two")), number(ONE, "greatest"))
    e = product(graph.add("Gather", graph.constant(table, np.int64, "exponentials"), d), r)
    half = whole.power_of_two(graph, graph.add("Add", b, number(22, "places")))
    p = graph.add("Div", graph.add("Add", e, half), graph.add("Mul", half, number(2, "two")))
    return graph.cast(graph.add("Min", p, whole.int64(graph, 255, rank, "most")), np.uint8)
