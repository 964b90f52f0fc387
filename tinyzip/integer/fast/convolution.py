"""Depth: convolution on codes: centre, gather, multiply, pool, requantize.

The five steps, for a batch x (C, H, W, N) of codes:

    centre      x − x.zero, in the dtype of the product, in a border of zeros, see `lines`;
                neighbouring columns packed into one where the sums leave room, see `lanes`
    gather      the windows as columns of matrices, see `lines`
    multiply    acc (F, OH·OW·N), see `gemm`, and `depthwise`
    pool        the maxima of acc, if a max pool comes next
    requantize  to codes, the bias added on the way, see `scaling` and `steps`

Requantizing keeps order within a channel, since m0 > 0, and rounding and clamping do; and the bias moves all
sums of a channel alike. So the code of the greatest sum is the greatest code,

    max over a window of y(acc) = y(max over the window of acc)                                    (PQ1)

and of the sums of 2×2 windows, a quarter has to be requantized.

All steps are taken for a block of rows before the next one is begun. `choose` decides on each of them.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tinyzip.base.windows import Pair
from tinyzip.integer.codes import Array
from tinyzip.integer.fast.depthwise import banded, summed
from tinyzip.integer.fast.gemm import is_cheap, least_of, multiply
from tinyzip.integer.fast.kernels import Prepared
from tinyzip.integer.fast.lanes import pack, scale_down, unpack
from tinyzip.integer.fast.lines import Layout, centre, gather
from tinyzip.integer.fast.memory import VALUE, blocks, take
from tinyzip.integer.fast.pools import max_pool2d, reduce_parts, sweep
from tinyzip.integer.operators import Conv2d, MaxPool2d
from tinyzip.machine.workspace import Workspace

FEW = 16  # examples; of fewer, neighbours lie so close that making them apart gains nothing


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
    window    the pooling that is done block by block, (1, 1) for none
    pool      the max pool that is done on the whole of the sums, or None
    """

    operator: Conv2d
    prepared: Prepared
    w: Array
    narrow: bool
    base: int
    layouts: tuple[Layout, Layout]
    outputs: Pair
    window: Pair
    pool: MaxPool2d | None

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
        return self.layouts[N < FEW]

    @property
    def channels(self) -> Pair:
        """(C, F)."""
        return self.operator.w.shape[1] * self.operator.groups, len(self.operator.w)


def is_depthwise(operator: Conv2d) -> bool:
    """Whether each group has one input channel, and there are several."""
    return operator.groups > 1 and operator.w.shape[1] == 1


def conv2d(conv: Convolution, x: Array, y: Array, workspace: Workspace) -> None:
    """Codes x (C, H, W, N) to codes y (F, OH, OW, N), or to what the pool after it leaves of them."""
    prepared, F, N = conv.prepared, len(conv.operator.w), x.shape[-1]
    layout = conv.layout(N)
    dtype, (rows, across) = conv.w.dtype, conv.window
    OH, OW = conv.outputs[0] // rows, conv.outputs[1] // across
    acc = None if conv.pool is None else take(x, (F, OH, OW, N), dtype, workspace)
    for block in blocks(OH, N * conv.row, workspace):
        first, last = block.start * rows, block.stop * rows - 1
        seen = first * layout.stride[0], last * layout.stride[0] + layout.reach
        padded = centre(x, prepared.x.zero, dtype, conv.operator.padding, seen, layout.phases, workspace)
        if acc is not None:
            add_up(conv, padded, acc[:, block], workspace)
            continue
        sums = take(x, (F, block.stop - block.start, OW, N), dtype, workspace)
        add_up(conv, padded, sums, workspace)
        prepared.finish(sums.reshape(F, -1), y[:, block].reshape(F, -1), workspace)
    if acc is not None and conv.pool is not None:
        pooled = take(x, y.shape, dtype, workspace)
        max_pool2d(conv.pool, least_of(dtype), acc, pooled, workspace)
        prepared.finish(pooled.reshape(F, -1), y.reshape(F, -1), workspace)


def add_up(conv: Convolution, image: Array, out: Array, workspace: Workspace) -> None:
    """The sums of some rows of the output, without bias: padded rows by phases into out (F, rows, OW, N)."""
    F, rows, columns, N = out.shape
    layout, (down, across) = conv.layout(N), conv.window
    if N < FEW and conv.window != (1, 1):
        whole = take(out, (F, rows * down, columns * across, N), out.dtype, workspace)
        add_up(replace(conv, window=(1, 1)), image, whole, workspace)
        sweep(MaxPool2d(conv.window), whole, np.maximum, out, workspace)
        return
    if is_depthwise(conv.operator):
        (kh, _), image = layout.kernel, image[0]
        if conv.narrow:
            banded(image, conv.w, kh, layout.stride[0], out, workspace)
        else:
            summed(image, conv.w, layout.stride, layout.dilation, out, workspace)
        return
    if layout.lanes == 2:
        image = beside(image, layout, conv.base, workspace)
    L, G = layout.products, layout.groups
    alone = is_cheap(image.dtype) and layout.is_alone(N)
    patches = gather(image, layout, down, alone, workspace)
    shape = (L, down, F) if alone else (F, L, down)
    plain = conv.window == (1, 1) and layout.lanes == 1
    acc = (
        out.reshape(*shape, rows, -1)
        if plain
        else take(image, (*shape, rows, layout.columns * N), image.dtype, workspace)
    )
    if alone:
        sums = acc.reshape(L, down, G, F // G, rows, -1).transpose(2, 0, 1, 4, 3, 5)
        multiply(conv.w[:, None, None, None], patches, sums)
    else:
        multiply(conv.w, patches, acc.reshape(G, F // G, -1))
    if not plain:
        lanes = unpack(acc, conv.base, workspace) if layout.lanes == 2 else (acc,)
        compete(conv, [sums if alone else sums.transpose(1, 2, 0, 3, 4) for sums in lanes], out, workspace)


def beside(image: Array, layout: Layout, base: int, workspace: Workspace) -> Array:
    """(LN2) of an image by phases and the same image moved by one output.

    The last column of a row has none beside it, and takes what comes next: no window sees it.
    """
    s, out, N = layout.stride[1], take(image, image.shape, image.dtype, workspace), image.shape[-1]
    pack(image[:-s], image[s:], base, out[:-s])
    pack(image[-s:].reshape(-1), image[:s].reshape(-1)[N:], base, out[-s:].reshape(-1))
    return out


def compete(conv: Convolution, lanes: list[Array], out: Array, workspace: Workspace) -> None:
    """The maxima of sums in lanes (L, down, F, rows, columns·N), the second B-fold, into out."""
    across, N = conv.window[1], out.shape[3]
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
            scale_down(target, conv.base)
        if i and across > 1:
            np.maximum(out, target, out=out)
