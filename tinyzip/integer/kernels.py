"""Convolution and fully connected layers on codes: centre, gather, multiply, pool, requantize.

The five steps, for a batch x (C, H, W, N) of codes:

    centre      x − x.zero, in the dtype of the product, in a border of zeros
    gather      the windows as columns of a matrix, by (W2)
    multiply    acc (F, OH·OW·N), see `gemm`
    pool        the maxima of acc, if a max pool comes next
    requantize  acc + bias to codes, see `scaling`

Pooling the accumulators gives the codes that pooling the codes would give: requantizing is monotone within
a channel (m0 > 0, and rounding and clamping keep order), so the code of the greatest sum is the greatest
code; and the bias moves all sums of a channel alike. Where the window is 2×2, a quarter of the sums is left.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.codes import Codes
from tinyzip.integer.gemm import Product, integers, least_of, multiply, product_dtype
from tinyzip.integer.operators import NO_PADDING, Conv2d, MaxPool2d, Weighted
from tinyzip.integer.pools import clamp, max_pool2d
from tinyzip.integer.scaling import Scaling, take
from tinyzip.windows import Padding, im2col, windows
from tinyzip.workspace import Workspace


@dataclass(frozen=True)
class Prepared:
    """A weighted operator with what can be worked out once for a run.

    w     of the product's dtype, flattened to (F, K)
    bias  (F, 1), of the accumulator's integers
    pool  the max pool that follows and is done on the accumulators, or None
    """

    operator: Weighted
    x: Codes
    w: NDArray[Any]
    bias: NDArray[Any]
    scaling: Scaling
    pool: MaxPool2d | None

    @classmethod
    def of(
        cls, operator: Weighted, x: Codes, bound: int, product: Product, pool: MaxPool2d | None = None
    ) -> "Prepared":
        """bound is that of the operator on codes x, by (B1)."""
        dtype = product_dtype(bound, product)
        w = operator.w.reshape(len(operator.w), -1).astype(dtype)
        bias = operator.bias.astype(np.int32 if dtype.kind == "f" else dtype)[:, None]
        scaling = Scaling.of(operator.m0, operator.n, operator.y, operator.rounding)
        return cls(operator, x, w, bias, scaling, pool)


def centre(
    x: NDArray[Any], codes: Codes, padding: Padding, dtype: np.dtype[Any], workspace: Workspace
) -> NDArray[Any]:
    """x (C, H, W, N) minus the zero point, as dtype, with a border of zeros."""
    (top, bottom), (left, right) = padding
    C, H, W, N = x.shape
    out = take(x, (C, top + H + bottom, left + W + right, N), dtype, workspace)
    if top or bottom or left or right:
        out[...] = 0
    inner = out[:, top : top + H, left : left + W]
    np.subtract(x, dtype.type(codes.zero), out=inner)
    return out


def gather(x: NDArray[Any], operator: Conv2d, workspace: Workspace) -> NDArray[Any]:
    """The windows of a padded x as a matrix (C·kh·kw, OH·OW·N); for a window of one place x itself."""
    C, H, W, N = x.shape
    (kh, kw), (sh, sw) = operator.kernel, operator.stride
    if kh == kw == sh == sw == 1:
        return x.reshape(C, -1)
    OH, OW = (H - kh) // sh + 1, (W - kw) // sw + 1
    out = take(x, (C * kh * kw, OH * OW * N), x.dtype, workspace)
    im2col(x, operator.kernel, operator.stride, out)
    return out


def depthwise(
    x: NDArray[Any], step: Prepared, operator: Conv2d, acc: NDArray[Any], workspace: Workspace
) -> None:
    """One channel a group: every place of the window adds its weight times the image, moved to that place.

    x (C, H, W, N) padded, acc (F, OH, OW, N)
    """
    (kh, kw), (sh, sw) = operator.kernel, operator.stride
    F, OH, OW, N = acc.shape
    C = operator.groups
    sums = acc.reshape(C, F // C, OH, OW, N)
    w = step.w.reshape(C, F // C, kh, kw, 1, 1, 1)
    term = take(acc, sums.shape, acc.dtype, workspace)
    for i in range(kh):
        for j in range(kw):
            seen = x[:, None, i : i + sh * (OH - 1) + 1 : sh, j : j + sw * (OW - 1) + 1 : sw]
            np.multiply(seen, w[:, :, i, j], out=term if i or j else sums)
            if i or j:
                np.add(sums, term, out=sums)


def conv2d(step: Prepared, operator: Conv2d, x: NDArray[Any], workspace: Workspace) -> NDArray[Any]:
    """Codes (C, H, W, N) to codes (F, OH, OW, N), or to what the pool after it leaves of them."""
    dtype, F, N, G = step.w.dtype, len(step.w), x.shape[-1], operator.groups
    padded = centre(x, step.x, operator.padding, dtype, workspace)
    OH, OW = windows(padded, operator.kernel, operator.stride).shape[3:5]
    acc = take(x, (F, OH, OW, N), dtype, workspace)
    if G > 1 and operator.w.shape[1] == 1:
        depthwise(padded, step, operator, acc, workspace)
    else:
        patches = gather(padded, operator, workspace)
        for w, part, out in zip(
            *(np.split(a, G) for a in (step.w, patches, acc.reshape(F, -1))), strict=True
        ):
            multiply(w, part, out)
    if step.pool is not None:
        acc = max_pool2d(step.pool, least_of(dtype), acc, workspace)
    y = finish(step, acc.reshape(F, -1), workspace).reshape(acc.shape)
    return y if step.pool is None else clamp(y, step.pool.y, workspace)


def linear(step: Prepared, x: NDArray[Any], workspace: Workspace) -> NDArray[Any]:
    """Codes (C, N) to codes (F, N)."""
    C, N = x.shape
    centred = centre(x.reshape(C, 1, 1, N), step.x, NO_PADDING, step.w.dtype, workspace)
    acc = take(x, (len(step.w), N), step.w.dtype, workspace)
    multiply(step.w, centred.reshape(C, N), acc)
    return finish(step, acc, workspace)


def finish(step: Prepared, acc: NDArray[Any], workspace: Workspace) -> NDArray[Any]:
    """acc (F, P), without its bias, to codes (F, P)."""
    y = take(acc, acc.shape, step.operator.y.dtype, workspace)
    with workspace.scratch():
        whole = take(acc, acc.shape, np.int32, workspace) if acc.dtype.kind == "f" else acc
        acc = integers(acc, whole)
        np.add(acc, step.bias, out=acc)
        step.scaling.apply(acc, y, workspace)
    return y
