"""The operators, as functions on arrays of codes (C, H, W, N) or (C, N)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.bounds import accumulator_of
from tinyzip.integer.codes import Codes
from tinyzip.integer.fixedpoint import requantize
from tinyzip.integer.gemm import Product, multiply, product_dtype
from tinyzip.integer.operators import AvgPool2d, Conv2d, GlobalAvgPool, Linear, MaxPool2d, Weighted
from tinyzip.windows import im2col, pad, windows


def centred(x: NDArray[Any], codes: Codes, padding: Any, dtype: Any) -> NDArray[Any]:
    """x − zero as dtype, with a border of zeros."""
    return pad(x.astype(dtype) - dtype.type(codes.zero), padding, 0)


def scale_codes(operator: Weighted, acc: NDArray[Any]) -> NDArray[Any]:
    column = (-1,) + (1,) * (acc.ndim - 1)
    m0, n = operator.m0.reshape(column), operator.n.reshape(column)
    return requantize(acc, m0, n, operator.y, operator.rounding)


def conv2d(operator: Conv2d, x: NDArray[Any], codes: Codes, bound: int, product: Product) -> NDArray[Any]:
    accumulator = accumulator_of(bound)
    dtype = product_dtype(bound, accumulator, product)
    padded = centred(x, codes, operator.padding, dtype)
    G, F, N = operator.groups, len(operator.w), x.shape[-1]
    view = windows(padded, operator.kernel, operator.stride)
    OH, OW = view.shape[3:5]
    w = operator.w.reshape(G, F // G, -1).astype(dtype)
    acc = np.empty((F, OH * OW * N), dtype)
    for g, part in enumerate(np.split(padded, G)):
        patches = im2col(np.ascontiguousarray(part), operator.kernel, operator.stride)
        multiply(w[g], patches, acc[g * (F // G) : (g + 1) * (F // G)])
    acc = acc.astype(np.int32) + operator.bias[:, None]
    return scale_codes(operator, acc).reshape(F, OH, OW, N)


def linear(operator: Linear, x: NDArray[Any], codes: Codes, bound: int, product: Product) -> NDArray[Any]:
    accumulator = accumulator_of(bound)
    dtype = product_dtype(bound, accumulator, product)
    acc = np.empty((len(operator.w), x.shape[-1]), dtype)
    multiply(operator.w.astype(dtype), x.astype(dtype) - dtype.type(codes.zero), acc)
    return scale_codes(operator, acc.astype(np.int32) + operator.bias[:, None])


def max_pool2d(operator: MaxPool2d, x: NDArray[Any], codes: Codes) -> NDArray[Any]:
    y = windows(pad(x, operator.padding, codes.lo), operator.kernel, operator.steps).max((1, 2))
    return y if operator.y is None else np.clip(y, operator.y.lo, operator.y.hi).astype(operator.y.dtype)


def round_mean(total: NDArray[Any], count: Any) -> NDArray[Any]:
    """total / count to nearest, half away from zero."""
    mean: NDArray[Any] = np.sign(total) * ((np.abs(total) + count // 2) // count)
    return mean


def avg_pool2d(operator: AvgPool2d, x: NDArray[Any], codes: Codes) -> NDArray[Any]:
    total = windows(pad(x.astype(np.int32), operator.padding, 0), operator.kernel, operator.steps).sum((1, 2))
    ones = pad(np.ones((1, *x.shape[1:3], 1), np.int32), operator.padding, 0)
    count = windows(ones, operator.kernel, operator.steps).sum((1, 2))
    y = codes if operator.y is None else operator.y
    return np.clip(round_mean(total, count), y.lo, y.hi).astype(y.dtype)


def global_avg_pool(operator: GlobalAvgPool, x: NDArray[Any], codes: Codes) -> NDArray[Any]:
    if operator.y is None:
        mean = round_mean(x.sum((1, 2), dtype=np.int32, keepdims=True), x.shape[1] * x.shape[2])
        return mean.astype(codes.dtype)
    acc = (x.astype(np.int32) - codes.zero).sum((1, 2), keepdims=True)
    return requantize(acc, operator.m0, operator.n, operator.y, operator.rounding)
