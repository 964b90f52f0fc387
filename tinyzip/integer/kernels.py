"""Convolution and fully connected layers on codes: centre, gather, multiply, pool, requantize.

The five steps, for a batch x (C, H, W, N) of codes:

    centre      x − x.zero, in the dtype of the product, in a border of zeros
                two images packed into one where the sums leave room, see `lanes`
    gather      the windows as columns of a matrix, by (W2)
    multiply    acc (F, OH·OW·N), see `gemm`, and `depthwise`
    pool        the maxima of acc, if a max pool comes next
    requantize  to codes, the bias added on the way, see `scaling`

Pooling the accumulators gives the codes that pooling the codes would give: requantizing is monotone within
a channel (m0 > 0, and rounding and clamping keep order), so the code of the greatest sum is the greatest
code; and the bias moves all sums of a channel alike. Where the window is 2×2, a quarter of the sums is left.

Since the bias comes last, the sums of products need no room for it: their own bound, Σ |w|·R, picks the
dtype. And all steps are taken for a band of rows before the next band is begun.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.windows import Padding, Pair, im2col, reach_of
from tinyzip.integer.bounds import channel_bounds, product_bounds
from tinyzip.integer.codes import Codes
from tinyzip.integer.depthwise import band_matrices, banded, summed
from tinyzip.integer.gemm import Product, integers, is_cheap, least_of, multiply, product_dtype
from tinyzip.integer.lanes import base_of, largest_sum, pack, parts_of, pays, unpack
from tinyzip.integer.memory import VALUE, bands, take
from tinyzip.integer.operators import NO_PADDING, Conv2d, MaxPool2d, Weighted
from tinyzip.integer.pools import max_pool2d, reduce_parts
from tinyzip.integer.scaling import Scaling
from tinyzip.integer.steps import Steps
from tinyzip.machine.workspace import Workspace


@dataclass(frozen=True)
class Prepared:
    """A weighted operator with what can be worked out once for a program.

    x       the codes that it reads
    w       of the product's dtype: (rows·F, K), rows those of `window`, see `stacked`; for a depthwise
            convolution (C, F/C, kh, kw), or the matrices of (DW1)
    size    of the padded images
    kernel  what a patch holds, (kh, kw); stride: from patch to patch; dilation: from place to place in it
    window  the pooling that is done band by band, (1, 1) for none
    pool    the max pool that is done on the whole of the accumulators, or None
    narrow  whether w holds the matrices of (DW1)
    base    B of (LN2) where a product takes two images, or 0
    steps   what requantizes floats, or None where that is not proved
    """

    operator: Weighted
    x: Codes
    w: NDArray[Any]
    scaling: Scaling
    steps: Steps | None
    size: Pair = (1, 1)
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    window: Pair = (1, 1)
    pool: MaxPool2d | None = None
    narrow: bool = False
    base: int = 0

    @classmethod
    def of(
        cls,
        operator: Weighted,
        x: Codes,
        product: Product,
        size: Pair = (1, 1),
        pool: MaxPool2d | None = None,
    ) -> "Prepared":
        """x: codes read, of images of this size; pool: the one behind, whose clamp is the narrower."""
        dtype = product_dtype(int(product_bounds(operator, x).max()), product)
        y = operator.y if pool is None or pool.y is None else pool.y
        bounds = channel_bounds(operator, x)
        scaling = Scaling.of(operator.bias, operator.m0, operator.n, y, operator.rounding, bounds)
        limits = product_bounds(operator, x)
        steps = Steps.of(operator, scaling, limits, dtype) if is_cheap(dtype) else None
        w, base = operator.w.astype(dtype), base_of(largest_sum(operator, x)) if is_cheap(dtype) else 0
        if not isinstance(operator, Conv2d):
            return cls(
                operator, x, w, scaling, steps, base=base if pays(len(w), w.shape[1], w.shape[1]) else 0
            )
        kernel, (sh, sw), dilation, window = operator.kernel, operator.stride, operator.dilation, (1, 1)
        size, narrow = (size[0] + sum(operator.padding[0]), size[1] + sum(operator.padding[1])), False
        if is_depthwise(operator):
            w = w.reshape(operator.groups, -1, *kernel)
            T = band_matrices(w, size[1], operator.stride, dilation) if is_cheap(dtype) else None
            w, narrow = (w, False) if T is None else (T, True)
            base = 0  # one channel's few products never pay for taking sums apart
        else:
            if pool is not None and is_cheap(dtype) and stackable(operator, pool):
                window, pool = pool.kernel, None
                w, kernel = stacked(w, window[0], sh), (kernel[0] + (window[0] - 1) * sh, kernel[1])
            w = w.reshape(len(w), -1)
            fresh = operator.groups * operator.w.shape[1] * window[0] * sh * sw
            base = base if pays(len(w), w.shape[1], fresh, kernel != (1, 1)) else 0
        stride = (window[0] * sh, sw)
        return cls(operator, x, w, scaling, steps, size, kernel, stride, dilation, window, pool, narrow, base)

    @cached_property
    def counts(self) -> Pair:
        """How many patches there are, (OH, OW), by (W1)."""
        (H, W), (kh, kw), (sh, sw) = self.size, reach_of(self.kernel, self.dilation), self.stride
        return (H - kh) // sh + 1, (W - kw) // sw + 1

    @cached_property
    def row(self) -> int:
        """The bytes of scratch memory that one example needs for a row of patches.

        The padded rows that are new in it, the patches, the sums, and what requantizing them takes.
        """
        operator: Any = self.operator
        C, F, OW, itemsize = (
            operator.w.shape[1] * operator.groups,
            len(operator.w),
            self.counts[1],
            self.w.itemsize,
        )
        patch = 0 if is_depthwise(operator) or self.gathers_nothing else C * self.kernel[0] * self.kernel[1]
        values = C * self.stride[0] * self.size[1] + (patch + F * self.window[0]) * OW
        if self.base:  # half as many images, and the sums once more to take them apart
            values = -(-values // 2) + F * self.window[0] * OW
        return int(values * itemsize + F * OW // self.window[1] * (itemsize + VALUE))

    def packing(self, N: int) -> int:
        """B of (LN2) for N images: one alone has none beside it."""
        return self.base if N > 1 else 0

    @property
    def gathers_nothing(self) -> bool:
        """Whether each patch is one place, so that the image is the matrix of patches."""
        return self.kernel == self.stride == (1, 1)


def is_depthwise(operator: Conv2d) -> bool:
    """Whether each group has one input channel, and there are several."""
    return operator.groups > 1 and operator.w.shape[1] == 1


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
    x: NDArray[Any], step: Prepared, padding: Padding, rows: Pair, workspace: Workspace
) -> NDArray[Any]:
    """Rows first … last − 1 of x (C, H, W, N) minus the zero point, in a border of zeros; packed by (LN2).

    rows  (first, last), counted from the top of the border
    """
    (top, _), (left, right) = padding
    (first, last), (C, H, W, N), dtype, zero = rows, x.shape, step.w.dtype, step.x.zero
    above, below = max(first, top), max(min(last, top + H), top)
    base = step.packing(N)
    columns = parts_of(N, base)[0].stop
    out = take(x, (C, last - first, left + W + right, columns), dtype, workspace)
    inner, seen = out[:, above - first : below - first], x[:, above - top : below - top]
    if inner.shape != out.shape:
        out[:, : above - first] = 0
        out[:, below - first :] = 0
    if left or right:
        inner[:, :, :left] = 0
        inner[:, :, left + W :] = 0
        inner = inner[:, :, left : left + W]
    if base:
        pack(seen, zero, base, inner)
    elif zero:  # dtype= because NumPy 1 would subtract a small number in int8, and wrap
        np.subtract(seen, dtype.type(zero), out=inner, dtype=dtype)
    else:
        np.copyto(inner, seen)
    return out


def gather(x: NDArray[Any], step: Prepared, workspace: Workspace) -> NDArray[Any]:
    """The patches of padded rows x as a matrix (C·kh·kw, OH·OW·N); where a patch is one place, x itself."""
    C, H, _, N = x.shape
    if step.gathers_nothing:
        return x.reshape(C, -1)
    rows = (H - reach_of(step.kernel, step.dilation)[0]) // step.stride[0] + 1
    patches = C * step.kernel[0] * step.kernel[1], rows * step.counts[1] * N
    return im2col(x, step.kernel, step.stride, take(x, patches, x.dtype, workspace), step.dilation)


def conv2d(step: Prepared, operator: Conv2d, x: NDArray[Any], y: NDArray[Any], workspace: Workspace) -> None:
    """Codes x (C, H, W, N) to codes y (F, OH, OW, N), or to what the pool after it leaves of them."""
    dtype, F, N = step.w.dtype, len(operator.w), x.shape[-1]
    OH, OW = step.counts[0], step.counts[1] // step.window[1]
    sh, reach = step.stride[0], reach_of(step.kernel, step.dilation)[0]
    acc = None if step.pool is None else take(x, (F, OH, OW, N), dtype, workspace)
    for band in bands(OH, N * step.row, workspace):
        rows = band.start * sh, (band.stop - 1) * sh + reach
        padded = centre(x, step, operator.padding, rows, workspace)
        if acc is not None:
            add_up(step, operator, padded, acc[:, band], workspace)
            continue
        sums = take(x, (F, band.stop - band.start, OW, N), dtype, workspace)
        add_up(step, operator, padded, sums, workspace)
        finish(step, sums.reshape(F, -1), y[:, band].reshape(F, -1), workspace)
    if acc is not None and step.pool is not None:
        pooled = take(x, y.shape, dtype, workspace)
        max_pool2d(step.pool, least_of(dtype), acc, pooled, workspace)
        finish(step, pooled.reshape(F, -1), y.reshape(F, -1), workspace)


def add_up(
    step: Prepared, operator: Conv2d, x: NDArray[Any], out: NDArray[Any], workspace: Workspace
) -> None:
    """The sums of some rows of the output, without bias: padded rows x into out (F, rows, OW, N)."""
    F, OH, OW, N = out.shape
    (rows, columns), base = step.window, step.packing(N)
    acc, apart = out[None], step.window == (1, 1) and not base
    if not apart:
        acc = take(x, (rows, F, OH, step.counts[1], x.shape[-1]), x.dtype, workspace)
    products(step, operator, x, acc.reshape(rows * F, *acc.shape[2:]), workspace)
    if apart:
        return
    for part, sums in zip(parts_of(N, base), unpack(acc, base, workspace), strict=True):
        if rows > 1:
            reduce_parts(list(sums), np.maximum, sums[0])
        found = sums[0, ..., : part.stop - part.start]
        steps = [found[:, :, j : j + columns * OW : columns] for j in range(columns)]
        reduce_parts(steps, np.maximum, out[..., part])


def products(
    step: Prepared, operator: Conv2d, x: NDArray[Any], out: NDArray[Any], workspace: Workspace
) -> None:
    """w times the patches of padded rows x, into out (rows·F, OH, OW, N)."""
    if step.narrow:
        banded(x, step.w, step.kernel[0], step.stride[0], out, workspace)
        return
    if is_depthwise(operator):
        summed(x, step.w, step.stride, step.dilation, out, workspace)
        return
    patches = gather(x, step, workspace)
    G = operator.groups
    K, M = len(patches) // G, len(step.w) // G
    sums = out.reshape(len(step.w), -1)
    for g in range(G):
        part = slice(g * M, g * M + M)
        multiply(step.w[part], patches[g * K : g * K + K], sums[part])


def linear(step: Prepared, x: NDArray[Any], y: NDArray[Any], workspace: Workspace) -> None:
    """Codes x (C, N) to codes y (F, N)."""
    (C, N), base = x.shape, step.packing(x.shape[1])
    centred = centre(x.reshape(C, 1, 1, N), step, NO_PADDING, (0, 1), workspace).reshape(C, -1)
    acc = take(x, (len(step.w), centred.shape[1]), step.w.dtype, workspace)
    multiply(step.w, centred, acc)
    sums = unpack(acc, base, workspace)
    if base:
        acc = take(x, (len(step.w), N), step.w.dtype, workspace)
        for part, found in zip(parts_of(N, base), sums, strict=True):
            np.copyto(acc[:, part], found[:, : part.stop - part.start])
    finish(step, acc, y, workspace)


def finish(step: Prepared, acc: NDArray[Any], y: NDArray[Any], workspace: Workspace) -> None:
    """acc (F, P), without its bias, to codes y (F, P)."""
    if step.steps is not None:
        step.steps.apply(acc, y, workspace)
    else:
        step.scaling.apply(integers(acc, workspace), y, workspace)
