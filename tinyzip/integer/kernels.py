"""Convolution and fully connected layers on codes: centre, gather, multiply, pool, requantize.

The five steps, for a batch x (C, H, W, N) of codes:

    centre      x − x.zero, in the dtype of the product, in a border of zeros
    gather      the windows as columns of a matrix, by (W2)
    multiply    acc (F, OH·OW·N), see `gemm`
    pool        the maxima of acc, if a max pool comes next
    requantize  to codes, the bias added on the way, see `scaling`

Pooling the accumulators gives the codes that pooling the codes would give: requantizing is monotone within
a channel (m0 > 0, and rounding and clamping keep order), so the code of the greatest sum is the greatest
code; and the bias moves all sums of a channel alike. Where the window is 2×2, a quarter of the sums is left.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.windows import Padding, Pair, im2col, reach_of
from tinyzip.integer.codes import Codes
from tinyzip.integer.gemm import Product, integers, is_cheap, least_of, multiply, product_dtype
from tinyzip.integer.operators import NO_PADDING, Conv2d, MaxPool2d, Weighted
from tinyzip.integer.pools import max_pool2d, reduce_parts
from tinyzip.integer.scaling import Scaling, take
from tinyzip.machine.workspace import Workspace

BAND = 2**22  # bytes of patches at a time, so that large images need no large memory


@dataclass(frozen=True)
class Prepared:
    """A weighted operator with what can be worked out once for a program.

    x       the codes that it reads
    w       of the product's dtype, (rows·F, K), rows those of `window`: see `stacked`
    kernel  what a patch holds, (kh, kw); stride: from patch to patch; dilation: from place to place in it;
            all (1, 1) for Linear
    window  the pooling that is done band by band, (1, 1) for none
    pool    the max pool that is done on the whole of the accumulators, or None
    """

    operator: Weighted
    x: Codes
    w: NDArray[Any]
    scaling: Scaling
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    window: Pair = (1, 1)
    pool: MaxPool2d | None = None

    @classmethod
    def of(
        cls, operator: Weighted, x: Codes, bound: int, product: Product, pool: MaxPool2d | None = None
    ) -> "Prepared":
        """bound: the operator's on codes x, by (B1); pool: the one behind it, whose clamp is the narrower."""
        dtype = product_dtype(bound, product)
        y = operator.y if pool is None or pool.y is None else pool.y
        scaling = Scaling.of(operator.bias, operator.m0, operator.n, y, operator.rounding, bound)
        w = operator.w.astype(dtype)
        if not isinstance(operator, Conv2d):
            return cls(operator, x, w, scaling)
        kernel, (sh, sw), window = operator.kernel, operator.stride, (1, 1)
        if pool is not None and is_cheap(dtype) and stackable(operator, pool):
            window, pool = pool.kernel, None
            w, kernel = stacked(w, window[0], sh), (kernel[0] + (window[0] - 1) * sh, kernel[1])
        stride = (window[0] * sh, sw)
        w = w.reshape(len(w), -1)
        return cls(operator, x, w, scaling, kernel, stride, operator.dilation, window, pool)


def stackable(operator: Conv2d, pool: MaxPool2d) -> bool:
    """Whether patches can hold all rows of a pooling window, at no more than a quarter more products."""
    more = (pool.kernel[0] - 1) * operator.stride[0]
    apart = pool.kernel == pool.steps and pool.padding == NO_PADDING
    plain = operator.groups == 1 and operator.dilation == (1, 1)
    return apart and plain and 4 * more <= operator.kernel[0]


def stacked(w: NDArray[Any], rows: int, step: int) -> NDArray[Any]:
    """w (F, C, kh, kw) as (rows·F, C, kh + (rows − 1)·step, kw): block r is w moved r·step rows down.

    A patch of that many rows sees all that a pooling window's `rows` rows of outputs see. One product then
    gives these rows as blocks of F; their maximum runs over whole blocks; and patches overlap less, so that
    fewer numbers are gathered.
    """
    F, C, kh, kw = w.shape
    out = np.zeros((rows, F, C, kh + (rows - 1) * step, kw), w.dtype)
    for r in range(rows):
        out[r, :, :, r * step : r * step + kh] = w
    return out.reshape(rows * F, *out.shape[2:])


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
    if codes.zero:  # dtype= because NumPy 1 would subtract a small number in int8, and wrap
        np.subtract(x, dtype.type(codes.zero), out=inner, dtype=dtype)
    else:
        np.copyto(inner, x)
    return out


def gather(x: NDArray[Any], step: Prepared, workspace: Workspace) -> NDArray[Any]:
    """The patches of a padded x as a matrix (C·kh·kw, OH·OW·N); where a patch is one place, x itself."""
    C, H, W, N = x.shape
    if step.kernel == step.stride == (1, 1):
        return x.reshape(C, -1)
    OH, OW = counted(step, (H, W))
    out = take(x, (C * step.kernel[0] * step.kernel[1], OH * OW * N), x.dtype, workspace)
    return im2col(x, step.kernel, step.stride, out, step.dilation)


def counted(step: Prepared, size: Pair) -> Pair:
    """How many patches there are, (OH, OW), by (W1), padding included in the size."""
    (kh, kw), (sh, sw) = reach_of(step.kernel, step.dilation), step.stride
    return (size[0] - kh) // sh + 1, (size[1] - kw) // sw + 1


def depthwise(x: NDArray[Any], step: Prepared, acc: NDArray[Any], workspace: Workspace) -> None:
    """One channel a group: every place of the window adds its weight times the image, moved to that place.

    x (C, H, W, N) padded, acc (F, OH, OW, N)
    """
    (kh, kw), (sh, sw), (dh, dw) = step.kernel, step.stride, step.dilation
    C = len(x)
    F, OH, OW, N = acc.shape
    sums = acc.reshape(C, F // C, OH, OW, N)
    w = step.w.reshape(C, F // C, kh, kw, 1, 1, 1)
    term = take(acc, sums.shape, acc.dtype, workspace)
    for i in range(kh):
        rows = slice(i * dh, i * dh + sh * (OH - 1) + 1, sh)
        for j in range(kw):
            seen = x[:, None, rows, j * dw : j * dw + sw * (OW - 1) + 1 : sw]
            np.multiply(seen, w[:, :, i, j], out=term if i or j else sums)
            if i or j:
                np.add(sums, term, out=sums)


def conv2d(step: Prepared, operator: Conv2d, x: NDArray[Any], y: NDArray[Any], workspace: Workspace) -> None:
    """Codes x (C, H, W, N) to codes y (F, OH, OW, N), or to what the pool after it leaves of them."""
    dtype, F, N = step.w.dtype, len(operator.w), x.shape[-1]
    padded = centre(x, step.x, operator.padding, dtype, workspace)
    (kh, kw), sh = reach_of(step.kernel, step.dilation), step.stride[0]
    OH, OW = counted(step, padded.shape[1:3])
    acc = take(x, (F, OH, OW // step.window[1], N), dtype, workspace)
    band = max(1, BAND // (len(padded) * kh * kw * OW * N * dtype.itemsize))
    for top in range(0, OH, band):
        out = acc[:, top : top + band]
        with workspace.scratch():
            add_up(step, operator, padded[:, top * sh : (top + out.shape[1] - 1) * sh + kh], out, workspace)
    if step.pool is not None:
        pooled = take(x, y.shape, dtype, workspace)
        max_pool2d(step.pool, least_of(dtype), acc, pooled, workspace)
        acc = pooled
    finish(step, acc.reshape(F, -1), y.reshape(F, -1), workspace)


def add_up(
    step: Prepared, operator: Conv2d, x: NDArray[Any], out: NDArray[Any], workspace: Workspace
) -> None:
    """The sums of some rows of the output, without bias: padded rows x into out (F, rows, OW, N)."""
    G, (rows, columns) = operator.groups, step.window
    if G > 1 and operator.w.shape[1] == 1:
        depthwise(x, step, out, workspace)
        return
    F, OH, OW, N = out.shape
    patches = gather(x, step, workspace)
    K, M = len(patches) // G, len(step.w) // G
    acc, pooled = out, rows > 1 or columns > 1
    if pooled:
        acc = take(x, (rows, F, OH, patches.shape[1] // (OH * N), N), x.dtype, workspace)
    sums = acc.reshape(len(step.w), -1)
    for g in range(G):
        part = slice(g * M, g * M + M)
        multiply(step.w[part], patches[g * K : g * K + K], sums[part])
    if pooled:
        reduce_parts(list(acc), np.maximum, acc[0])
        reduce_parts([acc[0, :, :, j : j + columns * OW : columns] for j in range(columns)], np.maximum, out)


def linear(step: Prepared, x: NDArray[Any], y: NDArray[Any], workspace: Workspace) -> None:
    """Codes x (C, N) to codes y (F, N)."""
    C, N = x.shape
    centred = centre(x.reshape(C, 1, 1, N), step.x, NO_PADDING, step.w.dtype, workspace)
    acc = take(x, (len(step.w), N), step.w.dtype, workspace)
    multiply(step.w, centred.reshape(C, N), acc)
    finish(step, acc, y, workspace)


def finish(step: Prepared, acc: NDArray[Any], y: NDArray[Any], workspace: Workspace) -> None:
    """acc (F, P), without its bias, to codes y (F, P)."""
    step.scaling.apply(integers(acc, workspace), y, workspace)
