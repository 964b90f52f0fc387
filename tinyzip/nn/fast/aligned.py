"""Depth: convolution, ReLU and pooling by patches aligned to the pooling.

A pooled pixel is the largest of four neighbouring outputs of the convolution, and their four windows of kh×kw
lie in one window of (kh + 1)×(kw + 1). So take only those larger windows, two apart, and place the kernel in
them four times:

wide[d, e, f, c, i + d, j + e] = w[f, c, i, j],   zero elsewhere,   d, e ∈ {0, 1}              (X17)
z[d, e, f, p] = wide · patches,   patches of (kh + 1)×(kw + 1) windows with stride 2            (X18)
y[f, p] = max(0, b[f] + max_{d,e} z[d, e, f, p])                                               (X19)

In X19 adding the bias comes after the maximum, too. For a kernel of 5×5 the patches hold 36 values where
they held 4·25, and the matrix has four times the rows, which BLAS likes better; 36/25 the multiplications is
the price. Backward is C3 with `wide` for w, on a dz that holds each dy at its winner of four; dw is read out
of dwide where X17 placed w.

X17–X19 apply to stride 1, one group and MaxPool2d(2), and pay while the larger windows cost at most half more
multiplications, from 5×5 on. Where BLAS multiplies small matrices without copying them (MP1), few rows are no
disadvantage, and X17–X19 do not pay.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinyzip.base.windows import strided
from tinyzip.machine import products
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast import blocks
from tinyzip.nn.fast.blocks import Route, patch_blocks
from tinyzip.nn.fast.in_place import rectify, rectify_backward
from tinyzip.nn.fast.pool_first import compete, return_to_winners
from tinyzip.nn.fast.stage import Gradients, Output, Stage
from tinyzip.nn.fast.sums import total
from tinyzip.nn.layer import Arrays
from tinyzip.nn.layers import Conv2d
from tinyzip.nn.ops.checks import Array, Shape
from tinyzip.nn.ops.patches import Geometry, geometry_of


class Kept(NamedTuple):
    """What backward takes over from a forward in training.

    wide     (4·F, C·(kh + 1)·(kw + 1)), the kernel at the four places of X17
    winners  (3, F, OH·OW·N) bool, as of `compete`
    """

    wide: Array
    winners: Array


@dataclass(frozen=True)
class AlignedConvReLUPool(Stage):
    """Conv2d with stride 1 and one group, ReLU, MaxPool2d(2), by X17–X19. Arrays: those of the Conv2d.

    geometry         the larger windows
    weight_gradient  the route of dwide, as in `FastConv2d`
    """

    layer: Conv2d
    geometry: Geometry
    weight_gradient: Route

    def forward(self, p: Arrays, x: Array, *, train: bool, workspace: Workspace, **_: Any) -> Output:
        """y, and what is kept when training; without that, backward finds it again."""
        w, F, N = p["w"], self.layer.F, x.shape[3]
        y = workspace.empty((F, *self.geometry.outputs, N), x.dtype)
        best = y.reshape(F, -1)
        kept = None
        if train:
            kept = Kept(widened(w, workspace), workspace.empty((3, *best.shape), np.bool_))
        with workspace.scratch():
            wide = widened(w, workspace) if kept is None else kept.wide
            beside = 0 if train else 4 * F
            for columns, block in patch_blocks(x, 1, self.geometry, workspace, beside):
                with workspace.scratch():
                    z = workspace.empty((2, 2, F, block.shape[2]), x.dtype)
                    products.multiply(wide, block[0], z.reshape(4 * F, -1))
                    compete(z, best[:, columns], None if kept is None else kept.winners[:, :, columns])
            if self.layer.bias:
                best += p["b"][:, None]
            rectify(best, best, workspace)
        return y, (x, y, kept)

    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, need_dx: bool) -> Gradients:
        x, y, kept = cache
        if kept is None:
            _, (_, y, kept) = self.forward(p, x, train=True, workspace=workspace)
        wide, winners = kept
        w, F = p["w"], self.layer.F
        dw = workspace.empty(w.shape, w.dtype)
        dx = workspace.empty(x.shape, x.dtype) if need_dx else None
        with workspace.scratch():
            rectified = rectify_backward(dy, y, workspace).reshape(F, -1)
            dp = {"w": dw}
            if self.layer.bias:
                dp["b"] = total(rectified, workspace)  # the losers of each four would add nothing
            dz = workspace.empty((2, 2, *rectified.shape), x.dtype)
            return_to_winners(rectified, winners, dz)
            rows = dz.reshape(1, 4 * F, -1)
            dwide = workspace.empty(wide.shape, w.dtype)
            self.weight_gradient(rows, x, self.geometry, dwide[None], workspace)
            np.sum(placed(dwide, w.shape), axis=(0, 1), out=dw)
            if dx is not None:
                blocks.input_gradient(rows, wide[None], self.geometry, dx, workspace)
        return dx, dp


def pays(layer: Conv2d) -> bool:
    """Do the larger windows apply, cost at most half more multiplications, and save BLAS copies?"""
    (kh, kw), plain = layer.kernel, layer.stride == (1, 1) and layer.groups == 1
    return plain and 2 * (kh + 1) * (kw + 1) <= 3 * kh * kw and not products.has_small_kernels()


def larger(layer: Conv2d, shape: Shape) -> Geometry:
    """The windows of X18 over an image (C, H, W), one for each pooled pixel."""
    kernel = layer.kernel[0] + 1, layer.kernel[1] + 1
    return geometry_of(shape, kernel, 2, layer.padding, "Conv2d, ReLU, MaxPool2d")


def widened(w: Array, workspace: Workspace) -> Array:
    """The kernel at its four places, as a matrix (4·F, C·(kh + 1)·(kw + 1))                    (X17)"""
    F, C, kh, kw = w.shape
    wide = workspace.empty((4 * F, C * (kh + 1) * (kw + 1)), w.dtype)
    wide[...] = 0
    placed(wide, w.shape)[...] = w
    return wide


def placed(wide: Array, shape: Shape) -> Array:
    """A view (d, e, f, c, i, j) of what X17 does not leave zero: wide[d, e, f, c, i + d, j + e]."""
    F, C, kh, kw = shape
    places = wide.reshape(2, 2, F, C, kh + 1, kw + 1)
    d, e, f, c, i, j = places.strides
    return strided(places, (2, 2, *shape), (d + i, e + j, f, c, i, j))
