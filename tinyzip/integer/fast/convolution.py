"""Convolution on codes: centre, gather, multiply, pool, requantize.

The five steps, for a batch x (C, H, W, N) of codes:

    centre      x − x.zero, in the dtype of the product, in a border of zeros, see `lines`;
                neighbouring columns packed into one where the sums leave room, see `lanes`
    gather      the windows as columns of matrices, see `lines`
    multiply    acc (F, OH·OW·N), see `gemm`, and `depthwise`
    pool        the maxima of acc, if a max pool comes next
    requantize  to codes, the bias added on the way, see `scaling` and `steps`

Pooling the accumulators gives the codes that pooling the codes would give: requantizing is monotone within
a channel (m0 > 0, and rounding and clamping keep order), so the code of the greatest sum is the greatest
code; and the bias moves all sums of a channel alike. Where the window is 2×2, a quarter of the sums is left.

All steps are taken for a band of rows before the next band is begun.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.windows import Pair
from tinyzip.integer.codes import Codes
from tinyzip.integer.fast.depthwise import band_matrices, banded, summed
from tinyzip.integer.fast.gemm import Product, is_cheap, least_of, multiply
from tinyzip.integer.fast.kernels import Prepared
from tinyzip.integer.fast.lanes import pack, pays, scale_down, unpack
from tinyzip.integer.fast.lines import Layout, centre, gather
from tinyzip.integer.fast.memory import VALUE, bands, take
from tinyzip.integer.fast.pools import max_pool2d, reduce_parts, sweep
from tinyzip.integer.operators import NO_PADDING, Conv2d, MaxPool2d
from tinyzip.machine.workspace import Workspace

FEW = 8  # examples; of fewer, neighbours lie so close that making them apart gains nothing
WIDEST = 4  # columns of a pooling window that are made apart, at most


@dataclass(frozen=True)
class Convolution:
    """A Conv2d with what can be worked out once for a program.

    prepared  its numbers
    w         (G, F/G, kh·kw·C/G) in the order of `gather`; for a depthwise convolution (C, F/C, kh, kw), or
              the matrices of (DW1)
    narrow    whether w holds these matrices
    base      B of (LN2) where a product makes two columns of outputs, or 0
    layouts   of the windows: the usual one, and one for few examples, which makes nothing apart
    outputs   rows and columns of outputs, less those that no window of the pooling reaches
    window    the pooling that is done band by band, (1, 1) for none
    pool      the max pool that is done on the whole of the sums, or None
    """

    operator: Conv2d
    prepared: Prepared
    w: NDArray[Any]
    narrow: bool
    base: int
    layouts: tuple[Layout, Layout]
    outputs: Pair
    window: Pair
    pool: MaxPool2d | None

    @classmethod
    def of(
        cls, operator: Conv2d, x: Codes, product: Product, size: Pair, pool: MaxPool2d | None = None
    ) -> "Convolution":
        """x: codes read, of images of this size; pool: the one behind, if there is one."""
        prepared, G, kernel = Prepared.of(operator, x, product, pool), operator.groups, operator.kernel
        outputs, base = operator.outputs(size), prepared.base
        windows = kernel, operator.stride, operator.dilation
        if is_depthwise(operator):
            width = size[1] + sum(operator.padding[1])
            w: NDArray[Any] = prepared.w.reshape(G, -1, *kernel)
            T = band_matrices(w, width, *windows[1:]) if is_cheap(w.dtype) else None
            layout = Layout(*windows, G, 1, 1, outputs[1], (1, width))
            w, narrow = (w, False) if T is None else (T, True)
            return cls(operator, prepared, w, narrow, 0, (layout, layout), outputs, (1, 1), pool)
        window = (1, 1)
        if pool is not None and is_apart(pool):
            window, pool = pool.kernel, None
            outputs = outputs[0] // window[0] * window[0], outputs[1] // window[1] * window[1]
        F, K, together = len(prepared.w), operator.w[0].size, window[1]
        together = max(together, 2) if base else together
        fresh = operator.w.shape[1] * G * operator.stride[1]
        if together % 2 or outputs[1] < 2 or not pays(F, K, fresh, kernel != (1, 1)):
            base, together = 0, window[1]
        usual = Layout.of(*windows, G, together, 2 if base else 1, -(-outputs[1] // together))
        few = Layout.of(*windows, G, 1, 1, outputs[1])
        w = np.ascontiguousarray(prepared.w.transpose(0, 2, 3, 1)).reshape(G, F // G, K)
        return cls(operator, prepared, w, False, base, (usual, few), outputs, window, pool)

    @cached_property
    def row(self) -> int:
        """The bytes of scratch memory that one example needs for a row of what is written.

        The padded rows that are new in it, the patches, the sums, and what requantizing them takes.
        """
        layout, (C, F), (rows, across) = self.layouts[0], self.channels, self.window
        phases, lanes = layout.phases[0] * layout.phases[1], layout.lanes
        new = rows * layout.stride[0]
        values, made = C * new * phases * lanes, rows * layout.products * layout.columns
        if not is_depthwise(self.operator) and not layout.is_pointwise:
            down = layout.stride[0] if layout.slides else layout.kernel[0]
            values += C * layout.kernel[1] * down * made
        values += F * made * lanes
        return int(values * self.w.itemsize + F * self.outputs[1] // across * (self.w.itemsize + VALUE))

    def layout(self, N: int) -> Layout:
        """For N examples."""
        return self.layouts[N < FEW]

    @property
    def channels(self) -> Pair:
        """(C, F)."""
        return self.operator.w.shape[1] * self.operator.groups, len(self.operator.w)


def is_depthwise(operator: Conv2d) -> bool:
    """Whether each group has one input channel, and there are several."""
    return operator.groups > 1 and operator.w.shape[1] == 1


def is_apart(pool: MaxPool2d) -> bool:
    """Whether the windows touch and do not overlap, and are narrow."""
    return pool.kernel == pool.steps and pool.padding == NO_PADDING and pool.kernel[1] <= WIDEST


def conv2d(step: Convolution, x: NDArray[Any], y: NDArray[Any], workspace: Workspace) -> None:
    """Codes x (C, H, W, N) to codes y (F, OH, OW, N), or to what the pool after it leaves of them."""
    prepared, F, N = step.prepared, len(step.operator.w), x.shape[-1]
    layout = step.layout(N)
    dtype, (rows, across) = step.w.dtype, step.window
    OH, OW = step.outputs[0] // rows, step.outputs[1] // across
    acc = None if step.pool is None else take(x, (F, OH, OW, N), dtype, workspace)
    for band in bands(OH, N * step.row, workspace):
        first, last = band.start * rows, band.stop * rows - 1
        seen = first * layout.stride[0], last * layout.stride[0] + layout.reach
        padded = centre(x, prepared.x.zero, dtype, step.operator.padding, seen, layout.phases, workspace)
        if acc is not None:
            add_up(step, padded, acc[:, band], workspace)
            continue
        sums = take(x, (F, band.stop - band.start, OW, N), dtype, workspace)
        add_up(step, padded, sums, workspace)
        prepared.finish(sums.reshape(F, -1), y[:, band].reshape(F, -1), workspace)
    if acc is not None and step.pool is not None:
        pooled = take(x, y.shape, dtype, workspace)
        max_pool2d(step.pool, least_of(dtype), acc, pooled, workspace)
        prepared.finish(pooled.reshape(F, -1), y.reshape(F, -1), workspace)


def add_up(step: Convolution, image: NDArray[Any], out: NDArray[Any], workspace: Workspace) -> None:
    """The sums of some rows of the output, without bias: padded rows by phases into out (F, rows, OW, N)."""
    F, rows, columns, N = out.shape
    layout, (down, across) = step.layout(N), step.window
    if N < FEW and step.window != (1, 1):
        whole = take(out, (F, rows * down, columns * across, N), out.dtype, workspace)
        add_up(replace(step, window=(1, 1)), image, whole, workspace)
        sweep(MaxPool2d(step.window), whole, np.maximum, out, workspace)
        return
    if is_depthwise(step.operator):
        (kh, _), image = layout.kernel, image[0]
        if step.narrow:
            banded(image, step.w, kh, layout.stride[0], out, workspace)
        else:
            summed(image, step.w, layout.stride, layout.dilation, out, workspace)
        return
    if layout.lanes == 2:
        image = beside(image, layout, step.base, workspace)
    L, G = layout.products, layout.groups
    alone = is_cheap(image.dtype) and layout.is_alone(N)
    patches = gather(image, layout, down, alone, workspace)
    shape = (L, down, F) if alone else (F, L, down)
    plain = step.window == (1, 1) and layout.lanes == 1
    acc = (
        out.reshape(*shape, rows, -1)
        if plain
        else take(image, (*shape, rows, layout.columns * N), image.dtype, workspace)
    )
    if alone:
        sums = acc.reshape(L, down, G, F // G, rows, -1).transpose(2, 0, 1, 4, 3, 5)
        multiply(step.w[:, None, None, None], patches, sums)
    else:
        multiply(step.w, patches, acc.reshape(G, F // G, -1))
    if not plain:
        lanes = unpack(acc, step.base, workspace) if layout.lanes == 2 else (acc,)
        compete(step, [sums if alone else sums.transpose(1, 2, 0, 3, 4) for sums in lanes], out, workspace)


def beside(image: NDArray[Any], layout: Layout, base: int, workspace: Workspace) -> NDArray[Any]:
    """(LN2) of an image by phases and the same image moved by one output.

    The last column of a row has none beside it, and takes what comes next: no window sees it.
    """
    s, out, N = layout.stride[1], take(image, image.shape, image.dtype, workspace), image.shape[-1]
    pack(image[:-s], image[s:], base, out[:-s])
    pack(image[-s:].reshape(-1), image[:s].reshape(-1)[N:], base, out[-s:].reshape(-1))
    return out


def compete(step: Convolution, lanes: list[NDArray[Any]], out: NDArray[Any], workspace: Workspace) -> None:
    """The maxima of sums in lanes (L, down, F, rows, columns·N), the second B-fold, into out."""
    across, N = step.window[1], out.shape[3]
    for i, sums in enumerate(lanes):
        apart = sums.reshape(*sums.shape[:4], -1, N)
        if across == 1:
            target = out[:, :, i :: len(lanes)]
            apart = apart[:, :, :, :, : target.shape[2]]
        else:
            target = take(out, out.shape, out.dtype, workspace) if i else out
        inner = apart.shape[4] // target.shape[2]  # columns of a window that were not made apart
        parts = [part[:, :, k::inner] for places in apart for part in places for k in range(inner)]
        reduce_parts(parts, np.maximum, target)
        if i:
            scale_down(target, step.base)
        if i and across > 1:
            np.maximum(out, target, out=out)
