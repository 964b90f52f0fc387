"""Layers that are computed together.

The simplest is a ReLU in the memory of what it rectifies: no backward looks at the values below zero.
If a 2×2 max pooling follows a convolution's, it comes first: max(·, 0) is monotone, hence commutes with
the maximum, and has only a quarter left to do.

The other joins convolution, ReLU and that pooling, by patches aligned to the pooling. A pooled pixel
is the largest of four neighbouring outputs of the convolution, and their four k×k windows lie in one
window of (k + 1)×(k + 1). So take only those larger windows, two apart, and place the kernel in them
four times:

    wide[d, e, f, c, i + d, j + e] = w[f, c, i, j],   zero elsewhere,   d, e ∈ {0, 1}             (A1)
    z[d, e, f, p] = wide · patches,   patches of (k + 1)×(k + 1) windows with stride 2            (A2)
    y[f, p] = max(0, b[f] + max_{d,e} z[d, e, f, p])                                             (A3)

In A3 adding the bias has moved behind the maximum too. For k = 5 the patches hold 36 values where they
held 4·25, and the matrix has four times the rows, which BLAS likes better; 36/25 the multiplications is
the price. Backward is C2 of `ops.conv` with `wide` for w, on a dz that holds each dy at its winner of
four; dw is read out of dwide where A1 placed w. All is the same function as the layers one after
another, equal bit for bit wherever sums are exact: `fuse` changes how a network is computed, never what.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinyzip.base.windows import strided, window_count
from tinyzip.machine.workspace import Workspace
from tinyzip.nn import ops
from tinyzip.nn.layer import Arrays, Gradients, Layer, Output
from tinyzip.nn.layers import BatchNorm, Conv2d, Linear, MaxPool2d, ReLU
from tinyzip.nn.ops import FRESH
from tinyzip.nn.ops.checks import Array, Shape, check_array
from tinyzip.nn.ops.conv import input_gradient, weight_gradient
from tinyzip.nn.ops.patches import Geometry, geometry, patch_blocks
from tinyzip.nn.ops.sums import total


class Kept(NamedTuple):
    """What the backward of `conv_relu_pool` takes over from its forward.

    at       the larger windows
    wide     (4·F, C·(kh + 1)·(kw + 1)), the kernel at the four places of A1
    winners  (3, F, OH·OW·N) bool: is the upper row's maximum the larger; is the left one of the upper row;
             is the left one of the lower row
    """

    at: Geometry
    wide: Array
    winners: Array


class RectifiedCache(NamedTuple):
    """The layer's own cache, and y after the ReLU."""

    inner: Any
    y: Array


@dataclass(frozen=True)
class Rectified(Layer):
    """A layer whose backward does not look at its output, then ReLU, in that output's own memory."""

    layer: Conv2d | Linear | BatchNorm

    def parameter_shapes(self) -> dict[str, Shape]:
        return self.layer.parameter_shapes()

    def output_shape(self, shape: Shape) -> Shape:
        return self.layer.output_shape(shape)

    def multiplications(self, shape: Shape) -> int:
        return self.layer.multiplications(shape)

    def forward(
        self, p: Arrays, x: Array, *, train: bool = False, workspace: Workspace = FRESH, **_: Any
    ) -> Output:
        y, inner = self.layer.forward(p, x, train=train, workspace=workspace)
        ops.rectify(y, workspace)
        return y, RectifiedCache(inner, y)

    def backward(
        self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace = FRESH, need_dx: bool = True
    ) -> Gradients:
        inner, y = cache
        dz = ops.relu_backward(dy, y, workspace)
        return self.layer.backward(p, dz, inner, workspace=workspace, need_dx=need_dx)


@dataclass(frozen=True)
class ConvReLUPool(Layer):
    """Conv2d, ReLU, MaxPool2d(2), of which the last two change places. Arrays: those of the Conv2d."""

    conv: Conv2d

    def parameter_shapes(self) -> dict[str, Shape]:
        return self.conv.parameter_shapes()

    def output_shape(self, shape: Shape) -> Shape:
        return MaxPool2d(2).output_shape(self.conv.output_shape(shape))

    def multiplications(self, shape: Shape) -> int:
        return self.conv.multiplications(shape)

    def forward(
        self, p: Arrays, x: Array, *, train: bool = False, workspace: Workspace = FRESH, **_: Any
    ) -> Output:
        """What only backward needs is kept when training and else found again there."""
        z, inner = self.conv.forward(p, x, workspace=workspace)
        fours = _fours(z)
        y = workspace.empty(fours.shape[2:], x.dtype)
        winners = workspace.empty((3, *y.shape), np.bool_) if train else None
        _compete(fours, y, winners)
        ops.rectify(y, workspace)
        return y, (inner, y, winners, z.shape)

    def backward(
        self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace = FRESH, need_dx: bool = True
    ) -> Gradients:
        x, y, winners, shape = cache
        if winners is None:
            x, y, winners, shape = self.forward(p, x, train=True, workspace=workspace)[1]
        dz = workspace.empty(shape, dy.dtype)
        dz[:, shape[1] // 2 * 2 :] = 0  # rows and columns that no window reaches
        dz[:, :, shape[2] // 2 * 2 :] = 0
        _to_winners(ops.relu_backward(dy, y, workspace), winners, _fours(dz))
        return self.conv.backward(p, dz, x, workspace=workspace, need_dx=need_dx)


@dataclass(frozen=True)
class AlignedConvReLUPool(ConvReLUPool):
    """The same for a Conv2d with stride 1 and one group, by A1–A3."""

    def forward(
        self, p: Arrays, x: Array, *, train: bool = False, workspace: Workspace = FRESH, **_: Any
    ) -> Output:
        y, kept = conv_relu_pool(x, p["w"], p.get("b"), self.conv.padding, workspace, train)
        return y, (x, y, kept)

    def backward(
        self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace = FRESH, need_dx: bool = True
    ) -> Gradients:
        x, y, kept = cache
        if kept is None:
            y, kept = conv_relu_pool(x, p["w"], p.get("b"), self.conv.padding, workspace, True)
        dx, dw, db = conv_relu_pool_backward(dy, x, p["w"], y, kept, workspace, need_dx)
        return dx, {"w": dw, "b": db} if self.conv.bias else {"w": dw}


def fuse(layers: dict[str, Layer]) -> dict[str, Layer]:
    """The same network with layers joined where it pays, under the name of the first of them.

    Conv2d, ReLU, MaxPool2d(2) become one, with aligned patches while the larger windows cost at most half
    more multiplications, from 5×5 on. Any other ReLU is joined to a Conv2d, Linear or BatchNorm before it.
    """
    names, kinds = list(layers), list(layers.values())
    fused: dict[str, Layer] = {}
    at = 0
    while at < len(names):
        match kinds[at : at + 3]:
            case [Conv2d(kernel=(kh, kw)) as conv, ReLU(), MaxPool2d() as pool] if pool == MaxPool2d(2):
                dense = conv.stride == (1, 1) and conv.groups == 1
                aligned = dense and 2 * (kh + 1) * (kw + 1) <= 3 * kh * kw
                fused[names[at]] = AlignedConvReLUPool(conv) if aligned else ConvReLUPool(conv)
                at += 3
            case [Conv2d() | Linear() | BatchNorm() as layer, ReLU(), *_]:
                fused[names[at]] = Rectified(layer)
                at += 2
            case _:
                fused[names[at]] = kinds[at]
                at += 1
    return fused


def conv_relu_pool(
    x: Array, w: Array, b: Array | None, padding: Any, workspace: Workspace, keep: bool
) -> tuple[Array, Kept | None]:
    """y = max_pool2d(relu(conv2d(x, w, b, 1, padding)), 2), by A1–A3.

    x (C, H, W, N), w (F, C, kh, kw), b (F,) or None, as in `conv2d`
    keep     is there going to be a backward?
    returns  y (F, OH, OW, N), and what is kept
    """
    at = _aligned(x, w, padding)
    F, N = w.shape[0], x.shape[3]
    if b is not None:
        check_array(b, (F,), x.dtype, "conv_relu_pool: b")
    y = workspace.empty((F, *at.outputs, N), x.dtype)
    best = y.reshape(F, -1)
    kept = None
    if keep:
        kept = Kept(at, _wide(w, workspace), workspace.empty((3, *best.shape), np.bool_))
    with workspace.scratch():
        wide = _wide(w, workspace) if kept is None else kept.wide
        for columns, block in patch_blocks(x, at, workspace, beside=0 if keep else 4 * F):
            with workspace.scratch():
                z = workspace.empty((2, 2, F, block.shape[2]), x.dtype)
                np.matmul(wide, block[0], out=z.reshape(4 * F, -1))
                _compete(z, best[:, columns], None if kept is None else kept.winners[:, :, columns])
        if b is not None:
            best += b[:, None]
        ops.rectify(best, workspace)
    return y, kept


def _compete(z: Array, best: Array, winners: Array | None) -> None:
    """The larger of each row of two, then of the two rows; z (2, 2, F, P) is overwritten."""
    left, right = z[:, 0], z[:, 1]
    if winners is not None:
        np.greater_equal(left, right, out=winners[1:])
    upper, lower = np.maximum(left, right, out=left)
    if winners is not None:
        np.greater_equal(upper, lower, out=winners[0])
    np.maximum(upper, lower, out=best)


def conv_relu_pool_backward(
    dy: Array, x: Array, w: Array, y: Array, kept: Kept, workspace: Workspace, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """dx (None when not needed), dw, db from dy (F, OH, OW, N) and what the forward gave."""
    at, wide, winners = kept
    F = w.shape[0]
    check_array(dy, y.shape, x.dtype, "conv_relu_pool_backward: dy")
    dw = workspace.empty(w.shape, w.dtype)
    dx = workspace.empty(x.shape, x.dtype) if need_dx else None
    with workspace.scratch():
        rectified = ops.relu_backward(dy, y, workspace).reshape(F, -1)
        db = total(rectified, workspace)  # the losers of each four would add nothing
        dz = workspace.empty((2, 2, *rectified.shape), x.dtype)
        _to_winners(rectified, winners, dz)
        rows = dz.reshape(1, 4 * F, -1)
        dwide = workspace.empty(wide.shape, w.dtype)
        weight_gradient(rows, x, at, dwide[None], workspace)
        np.sum(_placed(dwide, w.shape), axis=(0, 1), out=dw)
        if dx is not None:
            input_gradient(rows, wide[None], at, dx, workspace)
    return dx, dw, db


def _aligned(x: Array, w: Array, padding: Any) -> Geometry:
    """The larger windows, one for each pooled pixel."""
    plain = geometry(x, w, 1, padding, 1, "conv_relu_pool")
    kernel = plain.kernel[0] + 1, plain.kernel[1] + 1
    outputs = window_count(plain.size, kernel, (2, 2), plain.padding, "conv_relu_pool: x")
    return plain._replace(kernel=kernel, stride=(2, 2), outputs=outputs)


def _wide(w: Array, workspace: Workspace) -> Array:
    """The kernel at the four places of A1, as a matrix (4·F, C·(kh + 1)·(kw + 1))."""
    F, C, kh, kw = w.shape
    wide = workspace.empty((4 * F, C * (kh + 1) * (kw + 1)), w.dtype)
    wide[...] = 0
    _placed(wide, w.shape)[...] = w
    return wide


def _placed(wide: Array, shape: Shape) -> Array:
    """A view (d, e, f, c, i, j) of what A1 does not leave zero in `wide`: wide[d, e, f, c, i + d, j + e]."""
    F, C, kh, kw = shape
    blocks = wide.reshape(2, 2, F, C, kh + 1, kw + 1)
    d, e, f, c, i, j = blocks.strides
    return strided(blocks, (2, 2, *shape), (d + i, e + j, f, c, i, j))


def _to_winners(dy: Array, winners: Array, dz: Array) -> None:
    """Fill dz (2, 2, F, P) with dy (F, P) at the winner of each four, and zero elsewhere.

    Twice in halves, first the rows and then the pixels of each: what one half does not get, the other does.
    """
    left, right = dz[:, 0], dz[:, 1]
    np.multiply(dy, winners[0], out=right[0])
    np.subtract(dy, right[0], out=right[1])
    np.multiply(right, winners[1:], out=left)
    right -= left


def _fours(z: Array) -> Array:
    """A view (2, 2, F, ⌊H/2⌋, ⌊W/2⌋, N) of z (F, H, W, N): the four pixels of each 2×2 window."""
    F, H, W, N = z.shape
    f, h, w, n = z.strides
    return strided(z, (2, 2, F, H // 2, W // 2, N), (h, w, f, 2 * h, 2 * w, n))
