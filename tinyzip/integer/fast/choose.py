"""Depth: the whole list of what makes the engine fast, what each is worth, and which operator gets what.

Each law is proved and explained in its file. `worth` is the time without divided by the time with, on the
programs that `examples/engines/laws.py` names (AMD EPYC, one core, batch 64).

    what                   law       worth  applies to                      pays
    few passes             M1–M5     5.80×  every requantization            always
    terms looked up        TB3       4.99×  Add, Product; Multiply is one   always
    rows, then columns     SW1       4.39×  max and average pools           always
    pool, then requantize  PQ1       1.08×  Conv2d, MaxPool2d               nothing else reads the sums
    int16 sums             B2        1.95×  integer products                bound < 2¹⁵
    float products         XP1       4.30×  product="blas"                  Σ |w|·R < 2²⁴
    products in pieces     MP1       1.20×  float products                  BLAS has small kernels
    rows that share lines  LP2       1.25×  convolutions by float products  kh > sh, dh = 1, columns·N ≥ 64
    columns apart          LP1       1.05×  Conv2d, MaxPool2d up to 4 wide  windows disjoint, N ≥ 16
    band matrices          DW1       1.23×  depthwise by float products     W ≤ 10·kw·sw, dh = 1
    two sums in a product  LN1–LN4   1.28×  float products, β ≤ 2,895       F·K + … > 45·(F + packed)
    steps of floats        FS1, FS2  1.14×  codes of float products         where it is proved
    calls written down     PL1, PL2  1.97×  shards that come again          always

All together, the program as `ops` prints it divided by the program that runs:

             seed_net 8/8  seed_net 2/4  student_net 8/8  separable_net 8/8
    integer          6.3×         12.2×             5.9×               5.2×
    blas            26.5×         35.6×            18.9×              10.1×

The first three are measured beside the operator as printed. What N decides waits for a run, in `convolution`
and `kernels`; all else is chosen here, when a program is prepared.
"""

from collections.abc import Callable
from functools import partial
from math import prod

import numpy as np

from tinyzip.base.windows import Pair
from tinyzip.integer import residuals
from tinyzip.integer.bounds import accumulator_of, channel_bounds, product_bounds
from tinyzip.integer.codes import Codes
from tinyzip.integer.fast.convolution import Convolution, conv2d, is_depthwise
from tinyzip.integer.fast.copies import argmax, concat, pad, reshape_channels_last, transpose
from tinyzip.integer.fast.depthwise import band_matrices
from tinyzip.integer.fast.elementwise import combine, look_up, products_of, scaling_of, softmax, terms_of
from tinyzip.integer.fast.gemm import Product, is_cheap, product_dtype
from tinyzip.integer.fast.kernels import Prepared, linear
from tinyzip.integer.fast.lanes import base_of, largest_sum, pays
from tinyzip.integer.fast.lines import Layout
from tinyzip.integer.fast.memory import by_channels
from tinyzip.integer.fast.pools import avg_pool2d, global_avg_pool, max_pool2d_codes
from tinyzip.integer.fast.scaling import Scaling
from tinyzip.integer.fast.steps import Steps
from tinyzip.integer.layout import Flatten, Pad, Reshape, Transpose
from tinyzip.integer.maps import Multiply, Softmax, Table
from tinyzip.integer.operators import (
    NO_PADDING,
    Argmax,
    AvgPool2d,
    Conv2d,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Weighted,
)
from tinyzip.integer.ops import counts
from tinyzip.integer.program import Program
from tinyzip.integer.residuals import Add, Concat
from tinyzip.integer.softmax import exponentials

Kernel = Callable[..., None]  # kernel(*inputs, y=…, workspace=…)
WIDEST = 4  # columns of a pooling window that are made apart, at most


def kernel_of(program: Program, i: int, product: Product, pool: MaxPool2d | None = None) -> Kernel | None:
    """What computes operator i, and the pool after it if there is one; None for a view."""
    operator, bound, codes = program.operators[i], program.bounds[i], program.inputs(i, program.codes)
    shape, x, y = program.inputs(i, program.shapes)[0], codes[0], program.codes[i + 1]
    match operator:
        case Conv2d():
            return partial(conv2d, convolution(operator, x, product, (shape[1], shape[2]), pool))
        case Linear():
            return partial(linear, prepared(operator, x, product, operator.y, shape[0]))
        case MaxPool2d():
            return partial(by_channels, partial(max_pool2d_codes, operator, x))
        case AvgPool2d():
            count = counts(operator, shape).astype(accumulator_of(bound))
            return partial(by_channels, partial(avg_pool2d, operator, x, count))
        case GlobalAvgPool():
            return partial(by_channels, partial(global_avg_pool, operator, x, bound))
        case Add() | residuals.Product():
            function = np.add if isinstance(operator, Add) else np.multiply
            given = terms_of(operator, codes), scaling_of(operator, bound)
            return partial(by_channels, partial(combine, function, *given))
        case Table():
            return partial(look_up, operator.table.astype(y.dtype))
        case Multiply():
            return partial(look_up, products_of(operator, x, y.dtype))
        case Softmax():
            return partial(softmax, exponentials(operator))
        case Argmax():
            return argmax
        case Concat():
            return concat
        case Pad() if operator.padding != NO_PADDING:
            return partial(pad, operator.padding, x.zero)
        case Transpose():
            return partial(transpose, operator.axes)
        case Flatten(order="HWC") | Reshape(order="HWC"):
            return reshape_channels_last
    return None


def pool_after(program: Program, i: int, trace: bool) -> MaxPool2d | None:
    """The max pool that operator i, a convolution, does before it requantizes (PQ1); None if there is none.

    Not so where the output between the two is asked for: by `trace`, or by an operator that names it.
    """
    match program.operators[i : i + 2]:
        case [Conv2d(), MaxPool2d() as pool] if not trace:
            others = enumerate(program.operators[i + 2 :], i + 2)
            return None if any(i in operator.reads(k) for k, operator in others) else pool
    return None


def prepared(
    operator: Weighted, x: Codes, product: Product, y: Codes, packed: int, gathers: bool = False
) -> Prepared:
    """How a weighted operator multiplies, and requantizes to codes y.

    packed, gathers  what two sums in one product would cost, see `lanes.pays`
    """
    limits, bounds = product_bounds(operator, x), channel_bounds(operator, x)
    dtype = product_dtype(int(limits.max()), product)
    scaling = Scaling.of(operator.bias, operator.m0, operator.n, y, operator.rounding, bounds)
    steps, base = None, 0
    if is_cheap(dtype):
        steps = Steps.of(operator, scaling, limits, dtype)
        if pays(len(operator.w), operator.w[0].size, packed, gathers):
            base = base_of(largest_sum(operator, x))
    return Prepared(x, operator.w.astype(dtype), base, scaling, steps)


def convolution(
    operator: Conv2d, x: Codes, product: Product, size: Pair, pool: MaxPool2d | None
) -> Convolution:
    """How a convolution of codes x, of images of this size, gathers and pools."""
    G, kernel, outputs = operator.groups, operator.kernel, operator.outputs(size)
    windows = kernel, operator.stride, operator.dilation
    packed = operator.w.shape[1] * G * operator.stride[1]
    y = operator.y if pool is None or pool.y is None else pool.y
    sums = prepared(operator, x, product, y, packed, kernel != (1, 1))
    if is_depthwise(operator):
        width, w = size[1] + sum(operator.padding[1]), sums.w.reshape(G, -1, *kernel)
        T = band_matrices(w, width, *windows[1:]) if is_cheap(w.dtype) else None
        layout, matrices = Layout(*windows, G, 1, 1, outputs[1], (1, width)), w if T is None else T
        layouts = layout, layout
        return Convolution(operator, sums, matrices, T is not None, 0, layouts, outputs, (1, 1), pool)
    window = (1, 1)
    if pool is not None and is_apart(pool):
        window, pool = pool.kernel, None
        outputs = outputs[0] // window[0] * window[0], outputs[1] // window[1] * window[1]
    together, base = max(window[1], 2), sums.base
    if not base or together % 2 or outputs[1] < 2:
        together, base = window[1], 0
    usual = Layout.of(*windows, G, together, 2 if base else 1, -(-outputs[1] // together))
    few = Layout.of(*windows, G, 1, 1, outputs[1])
    matrices = np.ascontiguousarray(sums.w.transpose(0, 2, 3, 1)).reshape(G, -1, prod(operator.w.shape[1:]))
    return Convolution(operator, sums, matrices, False, base, (usual, few), outputs, window, pool)


def is_apart(pool: MaxPool2d) -> bool:
    """Whether the windows touch and do not overlap, and are narrow."""
    return pool.kernel == pool.steps and pool.padding == NO_PADDING and pool.kernel[1] <= WIDEST
