"""Depth: the patches of a convolution: by phases of columns, and in lines that rows of outputs share.

Two things make patches dear, and neither is needed.

A max pool after a convolution compares neighbouring columns of outputs, which lie N numbers apart, a short
run each time. So let the g columns of a pooling window be made apart from each other, each for all windows.
With p the place in the window, o the window, and j a place in the kernel, output g·o + p sees column

    (g·o + p)·sw + j·dw = S·(o + a) + s,   S = g·sw,   S·a + s = p·sw + j·dw,   0 ≤ s < S       (LP1)

of the padded image. So where the columns are sorted by s, its phase, all windows together see a run of
neighbours; and of what is then computed, whole blocks are compared.

And a patch has kh rows, of which a patch one row down sees kh − sh again. So gather each of these rows once,

    lines[h, j, c, p, o, n] = x̄[c, h, S·(o + a) + s, n]                                         (LP2)

and the patches of output row oh are lines[oh·sh : oh·sh + kh], a matrix of kh·kw·C rows that needs no copy.
It applies where rows overlap and are not dilated, and pays where BLAS multiplies, which does not mind many
products, and a row of outputs has columns enough for one; else there is one matrix for all rows, by (W2). It
is (X4) of `nn.fast.rows` once more, where the same lines hold real numbers; the two worlds do not meet.

That matrix can be gathered from lines, too. A short run costs as much as being found does, and of a single
image all runs are short. There are about kh times fewer of them in the lines than in the matrix. And if each
place keeps its lines one after the other, as lines[j, c, p, h, o, n], then for sh = 1 all that a place of
the matrix holds is one long run of these.
"""

from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import Any

import numpy as np

from tinyzip.base.windows import Padding, Pair, reach_of
from tinyzip.integer.codes import Array
from tinyzip.integer.fast.memory import take
from tinyzip.machine.products import ALONE
from tinyzip.machine.workspace import Workspace

SHORT = 64  # numbers in a run; fewer cost more to find than to copy a second time


@dataclass(frozen=True)
class Layout:
    """How the windows of a convolution lie, and in which order its outputs are computed.

    groups    of channels
    together  g of (LP1): the columns of outputs that are made apart
    lanes     how many of these one product makes, 1 or 2
    columns   how many o there are
    phases    S of (LP1), and how many columns of the padded image each has, or some more
    """

    kernel: Pair
    stride: Pair
    dilation: Pair
    groups: int
    together: int
    lanes: int
    columns: int
    phases: Pair

    @classmethod
    def of(
        cls, kernel: Pair, stride: Pair, dilation: Pair, groups: int, together: int, lanes: int, columns: int
    ) -> "Layout":
        S = together * stride[1]
        seen = (columns * together - 1) * stride[1] + (kernel[1] - 1) * dilation[1] + 1
        return cls(kernel, stride, dilation, groups, together, lanes, columns, (S, -(-seen // S)))

    @cached_property
    def reach(self) -> int:
        """The rows that a window lies over."""
        return reach_of(self.kernel, self.dilation)[0]

    @cached_property
    def slides(self) -> bool:
        """Whether (LP2) applies."""
        return self.kernel[0] > self.stride[0] and self.dilation[0] == 1

    @cached_property
    def is_pointwise(self) -> bool:
        """Whether each patch is one place, so that the image is the matrix of patches."""
        return self.kernel == self.stride == (1, 1) and self.together == 1

    def is_alone(self, N: int) -> bool:
        """Whether (LP2) pays for N examples."""
        return self.slides and self.columns * N >= ALONE

    @property
    def products(self) -> int:
        """How many columns of outputs a product makes for each o, or pairs of them in two lanes."""
        return self.together // self.lanes


def centre(
    x: Array,
    zero: int,
    dtype: np.dtype[Any],
    padding: Padding,
    rows: Pair,
    phases: Pair,
    workspace: Workspace,
) -> Array:
    """Some rows of x (C, H, W, N) minus zero, in a border of zeros, by phases: (S, C, rows, …, N).

    rows  the first one and the one after the last, counted from the top of the border
    """
    (top, _), (left, _) = padding
    (first, last), (C, H, W, N), (S, width) = rows, x.shape, phases
    above, below = max(first, top), max(min(last, top + H), top)
    out = take(x, (S, C, last - first, width, N), dtype, workspace)
    if (above, below) != (first, last) or left or left + W < S * width:
        out[...] = 0
    inner, seen = out[:, :, above - first : below - first], x[:, above - top : below - top]
    for s in range(S):
        start, stop = -((s - left) // S), min(width, -((s - left - W) // S))
        start = max(start, 0)
        if start >= stop:
            continue
        part = seen[:, :, start * S + s - left : (stop - 1) * S + s - left + 1 : S]
        if zero:  # dtype= because NumPy 1 would subtract a small number in int8, and wrap
            np.subtract(part, dtype.type(zero), out=inner[s, :, :, start:stop], dtype=dtype)
        else:
            np.copyto(inner[s, :, :, start:stop], part)
    return out


def gather(image: Array, layout: Layout, down: int, alone: bool, workspace: Workspace) -> Array:
    """The patches of an image by phases, K = kh·kw·C/G places in the order (i, j, c).

    down   rows of outputs that are made apart, as columns are by (LP1)
    alone  whether each row of outputs has a matrix of its own, by (LP2): (G, L, down, rows, K, columns·N).
           Else one matrix has all of them, (G, K, L·down·rows·columns·N)
    """
    (kh, kw), sh, dh = layout.kernel, layout.stride[0], layout.dilation[0]
    (_, C, R, _, N), G, L = image.shape, layout.groups, layout.products
    places, rows = kw * (C // G), ((R - layout.reach) // sh + 1) // down
    if layout.is_pointwise and down == 1:
        return image.reshape(G, places, -1)
    h, n, run = image.strides[2], image.itemsize, layout.columns * N
    row = run * n
    if alone:
        lines, line = runs(image, layout, (R, h), (1, 0), (1, 0), workspace), places * L * row
        strides = R * line, row, sh * line, down * sh * line, L * row, n
        return np.ndarray((G, L, down, rows, kh * places, run), image.dtype, lines, 0, strides)
    if layout.slides and run < SHORT:
        lines, line = runs(image, layout, (1, 0), (1, 0), (R, h), workspace), R * row
        patches = take(image, (G, kh, places, L, down, rows, run), image.dtype, workspace)
        steps = places * L * line, row, L * line, line, sh * row, down * sh * row, n
        np.copyto(patches, np.ndarray(patches.shape, image.dtype, lines, 0, steps))
    else:
        patches = runs(image, layout, (kh, h * dh), (down, h * sh), (rows, h * sh * down), workspace)
    return patches.reshape(G, kh * places, -1)


def runs(image: Array, layout: Layout, first: Pair, second: Pair, third: Pair, workspace: Workspace) -> Array:
    """For each place (j, c) and part p the columns that all windows see of some rows of an image by phases.

    first  how many rows, and how many bytes from each to the next; second, third: from each of these on
    Returns (G, first, kw, C/G, L, second, third, columns·N).
    """
    (S, C, _, _, N), (s, c, _, q, n), G, L = image.shape, image.strides, layout.groups, layout.products
    kw, sw, dw = layout.kernel[1], layout.stride[1], layout.dilation[1]
    counts, run = (first[0], second[0], third[0]), layout.columns * N
    out = take(image, (G, counts[0], kw, C // G, L, *counts[1:], run), image.dtype, workspace)
    every = S // gcd(S, dw)  # from a place j to the next that sees the same phase
    for part in range(L):
        for j in range(min(every, kw)):
            target = out[:, :, j::every, :, part]
            a, phase = divmod(part * layout.lanes * sw + j * dw, S)
            steps = C // G * c, first[1], every * dw // S * q, c, second[1], third[1], n
            seen: Array = np.ndarray(target.shape, image.dtype, image, phase * s + a * q, steps)
            np.copyto(target, seen)
    return out
