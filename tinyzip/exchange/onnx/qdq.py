"""Depth: the operators that compute, as a float graph between quantizers: what runtimes make fast.

This is the form in which ONNX holds quantized networks. Each operator is that of a float network; before it a
DequantizeLinear turns codes into real numbers, s·(byte − zero), and after it a QuantizeLinear turns the
result into codes, rounding halves to even. A runtime finds such a neighbourhood and puts one integer kernel
in its place; one that knows none computes in float, with nearly the same result.

Nearly: from the same inputs each operator's codes are the engine's or, rarely, one beside them, where a value
lies close to the middle between two codes. But a code that is one off is an input of the next operator, and
one that amplifies, whose multiplier is large, can write what is further off.

The step of a grid is its own scale where that is an ordinary number, so that the real numbers in the graph
are those of the network; and 1 where it lies beyond 2±⁴⁰. A weight's scale then makes up the multiplier:

    s_w = M·s_y / s_x,  M = max(m0·2⁻ⁿ, 2⁻³⁴)                                                    (OQ1)

No sum of less than 2³¹ gets to half a code with M < 2⁻³², so the lower end of M changes nothing.

The program rounds in its own ways. A `double` lifts what lies less than 2³⁰⁻ⁿ below a half over it, as (M3)
shows, and where codes cannot be below the zero point that is all it does; a `shift` rounds halves up. So what
a sum lacks, in its own unit, can be made up for by the bias, as far as that has the places:

    bias' = bias + 2³⁰/m0 for a `double` under a ReLU, n > 31                                    (OQ2)
    bias' = bias + ½ for a `shift`, n > 30

A bias is a whole number; but where weights have few bits, all of a sum can be multiplied by 2ʲ, and M by
2⁻ʲ, so that the bias is a multiple of 2⁻ʲ. A mean is rounded half away from code 0. So its zero point here is
that code, and its output's step is shorter than its input's by a 2¹⁰·count-th, which lifts halves over the
middle and nothing else: no other mean of `count` codes is as near.

Weights are signed bytes as long as (see `codes`) no processor cuts off a sum of two products,

    2·max|w|·max byte < 2¹⁵                                                                      (OQ3)

which all of up to 7 bits fulfil, and unsigned ones otherwise: on a processor with instructions for neural
networks these take half as long again, on any other they are right.
"""

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from tinyzip.exchange.onnx import exact
from tinyzip.exchange.onnx.codes import W_ZERO, Job, base_of, clamped, unsigned, zero_of
from tinyzip.exchange.onnx.graph import window
from tinyzip.integer import Add, AvgPool2d, Codes, Conv2d, GlobalAvgPool, Linear, Product, Softmax
from tinyzip.integer.bounds import channel_bounds
from tinyzip.integer.operators import Weighted
from tinyzip.integer.residuals import ADD_SHIFT

MOST_STEP = 2.0**40  # beyond this, or its inverse, a step is taken as 1
LEAST_MULTIPLIER = 2.0**-34
LEAST_RATIO, MOST_RATIO = 2.0**-30, 2.0**7  # of steps in kernels of ONNX Runtime; beyond, the exact form


def compute(job: Job) -> str | None:
    """Add an operator that computes; returns the bytes that it writes, or None for one of another kind."""
    match job.operator:
        case Conv2d() | Linear():
            return weighted(job)
        case AvgPool2d() as pool:
            geometry = window(pool.kernel, pool.steps, pool.padding)
            return average(job, "AveragePool", prod(pool.kernel), count_include_pad=0, **geometry)
        case GlobalAvgPool():
            return mean(job)
        case Add():
            return added(job)
        case Product():
            return exact.added(job)
        case Softmax(m0=m0, n=n):
            x = real(job, 0, multiplier(m0, n + 26))
            return quantized(job, job.graph.add("Softmax", x, axis=1), job.y)
    return None


def step(codes: Codes) -> float:
    """What a step of the grid is worth in the graph."""
    m, n = codes.scale
    exponent = m.bit_length() - n
    scale = m * 2.0**-n if abs(exponent) <= 80 else 0.0
    return scale if 1 / MOST_STEP <= scale <= MOST_STEP else 1.0


def multiplier(m0: Any, n: Any) -> Any:
    """m0·2⁻ⁿ, or the least that can write anything but zero points (OQ1)."""
    return np.maximum(np.ldexp(np.asarray(m0, float), -np.asarray(n)), LEAST_MULTIPLIER)


def real(job: Job, k: int, scale: float) -> str:
    """What the bytes of input k stand for, a step being worth `scale`."""
    scales = job.graph.constant(scale, np.float32, "scale")
    return job.graph.add("DequantizeLinear", job.inputs[k], scales, job.byte(zero_of(job.read[k]), "zero"))


def quantized(job: Job, y: str, codes: Codes) -> str:
    """Reals as bytes of these codes, as far as bytes reach."""
    scale = job.graph.constant(step(codes), np.float32, "scale")
    return job.graph.add("QuantizeLinear", y, scale, job.byte(zero_of(codes), "zero"))


def written(job: Job, y: str) -> str:
    """Reals as bytes of job.y, within its least and its greatest code."""
    whole_byte = Codes(base_of(job.y), base_of(job.y) + 255, job.y.zero, job.y.scale)
    return clamped(job, quantized(job, y, job.y), whole_byte)


def parameter(job: Job, values: Any, zero: int, scales: Any, what: str) -> str:
    """Weights or biases after their own DequantizeLinear, with a scale for each output."""
    zeros = job.graph.constant(np.full(len(scales), zero), values.dtype, f"{what} zero")
    held = job.graph.constant(values, values.dtype, what)
    steps = job.graph.constant(scales, np.float32, f"{what} scale")
    return job.graph.add("DequantizeLinear", held, steps, zeros, axis=0)


def weighted(job: Job) -> str:
    """Conv or Gemm of three dequantized tensors."""
    operator: Weighted = job.operator
    j = room(operator, job.read[0])
    lifted = replace(operator, w=operator.w << j)
    bias = (operator.bias.astype(np.int64) << j) + np.ceil(2**j * nudge(operator) - 0.5).astype(np.int64)
    s_x = step(job.read[0])
    s_w = np.ldexp(multiplier(operator.m0, operator.n), -j) * step(job.y) / s_x
    inputs = [
        real(job, 0, s_x),
        parameter(job, *weights(lifted, job.read[0]), s_w, "w"),
        parameter(job, bias.astype(np.int32), 0, s_w * s_x, "bias"),
    ]
    if isinstance(operator, Linear):
        return written(job, job.graph.add("Gemm", *inputs, transB=1))
    assert isinstance(operator, Conv2d)
    geometry = window(operator.kernel, operator.stride, operator.padding)
    dilation = [*operator.dilation]
    return written(job, job.graph.add("Conv", *inputs, group=operator.groups, dilations=dilation, **geometry))


def weights(operator: Weighted, x: Codes) -> tuple[Any, int]:
    """The weights and their zero point, signed where (OQ3) holds."""
    largest = int(np.abs(operator.w.astype(np.int16)).max())
    if 2 * largest * (x.hi - base_of(x)) < 2**15:
        return operator.w, 0
    return unsigned(operator.w), W_ZERO


def room(operator: Weighted, x: Codes) -> int:
    """The largest j for which 2ʲ·w stays within ±64 and no sum leaves int32."""
    most = max(int(np.abs(operator.w.astype(np.int16)).max()), 1)
    bound = int(channel_bounds(operator, x).max()) + 1
    return max(0, min((64 // most).bit_length(), (2**31 // bound).bit_length()) - 1)


def nudge(operator: Weighted) -> Any:
    """What (OQ2) adds to the bias of each output, in units of the sum."""
    if operator.rounding == "shift":
        return np.where(operator.n > 30, 0.5, 0)
    if operator.rounding == "double" and operator.y.lo >= operator.y.zero:
        return np.where(operator.n > 31, 2.0**30 / operator.m0, 0)
    return np.zeros(len(operator.w))


def average(job: Job, kind: str, count: int, **geometry: Any) -> str:
    """The mean of up to `count` codes, half away from code 0."""
    scale, zero = step(job.read[0]), job.byte(-base_of(job.read[0]), "code 0")
    shorter = job.graph.constant(scale / (1 + 2.0**-10 / count), np.float32, "shorter step")
    x = job.graph.add("DequantizeLinear", job.inputs[0], job.graph.constant(scale, np.float32, "scale"), zero)
    y = job.graph.add("QuantizeLinear", job.graph.add(kind, x, **geometry), shorter, zero)
    return clamped(job, y, job.read[0])


def mean(job: Job) -> str:
    """GlobalAveragePool, from a step that makes the multiplier of the mean M·H·W."""
    operator: GlobalAvgPool = job.operator
    _, H, W = job.shapes[0]
    if operator.y is None:
        return average(job, "GlobalAveragePool", H * W)
    M = float(multiplier(operator.m0, operator.n))
    if M < LEAST_RATIO or M * H * W > MOST_RATIO:
        return exact.mean(job)
    scale = M * H * W * step(job.y)
    return written(job, job.graph.add("GlobalAveragePool", real(job, 0, scale)))


def added(job: Job) -> str:
    """Add of two reals, from steps that make the multipliers of the two codes."""
    operator: Add = job.operator
    scales = np.ldexp(operator.m0[:2].astype(float), -operator.n[:2])
    if operator.rounding == "double":
        scales *= np.ldexp(float(operator.m0[2]), ADD_SHIFT - operator.n[2])
    if scales.min() < LEAST_RATIO or scales.max() > MOST_RATIO:
        return exact.added(job)
    terms = (real(job, k, scale) for k, scale in enumerate(scales * step(job.y)))
    return written(job, job.graph.add("Add", *terms))
