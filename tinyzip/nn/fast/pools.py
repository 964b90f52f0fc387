"""Depth: poolings as running maxima and sums.

By X7 a pooling is kh·kw rounds over shifted images, with no patches between. Of a maximum there is more to
spare. Who wins matters to backward only: the values alone take one operation a round where winners take four,

y = max over shifted images,   arg = the first (i, j) at which x = y                            (X13)

so winners are noted in training and else found when a backward asks for them. And while windows do not
overlap, which is so where strides are no smaller than the kernel, a pixel gets at most one gradient:

dx[c, oh·sh + i − top, ow·sw + j − left, n] = dy[c, oh, ow, n] if (i, j) won, else 0            (X14)

is an assignment and no addition.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.shifts import reach, shifts
from tinyzip.nn.fast.stage import Gradients, Output, Single, Windowed
from tinyzip.nn.layer import Arrays
from tinyzip.nn.layers import AvgPool2d, GlobalAvgPool, MaxPool2d
from tinyzip.nn.ops.checks import Array, Shape
from tinyzip.nn.ops.patches import Geometry


@dataclass(frozen=True)
class FastMaxPool2d(Windowed[MaxPool2d]):
    """A MaxPool2d, by X7, X13 and X14."""

    def forward(self, p: Arrays, x: Array, *, train: bool, workspace: Workspace, **_: Any) -> Output:
        if not train:
            return largest(x, self.geometry, workspace), (x, None)
        y, arg = largest_and_winners(x, self.geometry, workspace)
        return y, (x, arg)

    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, **_: Any) -> Gradients:
        x, arg = cache
        if arg is None:
            arg = largest_and_winners(x, self.geometry, workspace)[1]
        return to_winners(dy, arg, x.shape, self.geometry, workspace), {}


@dataclass(frozen=True)
class FastAvgPool2d(Windowed[AvgPool2d]):
    """An AvgPool2d, by X7."""

    def forward(self, p: Arrays, x: Array, *, workspace: Workspace, **_: Any) -> Output:
        return average(x, self.geometry, workspace), x.shape

    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, **_: Any) -> Gradients:
        return shared_out(dy, cache, self.geometry, workspace), {}


@dataclass(frozen=True)
class FastGlobalAvgPool(Single[GlobalAvgPool]):
    """A GlobalAvgPool: the mean is a product with a row of 1 / (H·W), by X1."""

    def forward(self, p: Arrays, x: Array, *, workspace: Workspace, **_: Any) -> Output:
        C, H, W, N = x.shape
        y = workspace.empty((C, 1, 1, N), x.dtype)
        np.matmul(np.full((1, H * W), 1 / (H * W), x.dtype), x.reshape(C, H * W, N), out=y[:, 0])
        return y, x.shape

    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, **_: Any) -> Gradients:
        _, H, W, _ = cache
        dx = workspace.empty(cache, dy.dtype)
        np.copyto(dx, dy / dy.dtype.type(H * W))
        return dx, {}


def largest(x: Array, geometry: Geometry, workspace: Workspace) -> Array:
    """y (C, OH, OW, N) of a max pooling of x (C, H, W, N)                                      (X13)"""
    y = workspace.empty((x.shape[0], *geometry.outputs, x.shape[3]), x.dtype)
    y[...] = -np.inf
    for _, _, out, inside in shifts(geometry):
        np.maximum(y[:, *out], x[:, *inside], out=y[:, *out])
    return y


def largest_and_winners(x: Array, geometry: Geometry, workspace: Workspace) -> tuple[Array, Array]:
    """y and arg, both (C, OH, OW, N), as of `ops.max_pool2d`                                   (X13)"""
    y = workspace.empty((x.shape[0], *geometry.outputs, x.shape[3]), x.dtype)
    last = geometry.kernel[0] * geometry.kernel[1] - 1
    arg = workspace.empty(y.shape, np.min_scalar_type(last))
    y[...] = -np.inf
    arg[...] = 0
    with workspace.scratch():
        wins = workspace.empty(y.shape, np.bool_)
        place = workspace.empty(y.shape, arg.dtype)
        # From the last element to the first with ≥, so that the first of equals has the last word. Places
        # are counted from the end meanwhile: they grow, and the latest winner is the largest.
        for i, j, out, inside in reversed(list(shifts(geometry))):
            best, seen, here = y[:, *out], x[:, *inside], wins[:, *out]
            np.greater_equal(seen, best, out=here)
            np.maximum(seen, best, out=best)
            np.multiply(here, last - (i * geometry.kernel[1] + j), out=place[:, *out], dtype=arg.dtype)
            np.maximum(arg[:, *out], place[:, *out], out=arg[:, *out])
        np.subtract(last, arg, out=arg)
    return y, arg


def to_winners(dy: Array, arg: Array, x_shape: Shape, geometry: Geometry, workspace: Workspace) -> Array:
    """dx (C, H, W, N): each dy at the pixel that won, added up where windows overlap           (X14)"""
    dx = workspace.empty(x_shape, dy.dtype)
    dx[...] = 0
    disjoint = are_disjoint(geometry)
    with workspace.scratch():
        won = workspace.empty(dy.shape, np.bool_)
        part = workspace.empty(dy.shape, dy.dtype)
        for i, j, out, inside in shifts(geometry):
            np.equal(arg[:, *out], i * geometry.kernel[1] + j, out=won[:, *out])
            if disjoint:
                np.multiply(dy[:, *out], won[:, *out], out=dx[:, *inside])
            else:
                dx[:, *inside] += np.multiply(dy[:, *out], won[:, *out], out=part[:, *out])
    return dx


def are_disjoint(geometry: Geometry) -> bool:
    """Does each pixel lie in one window at most?"""
    return all(s >= k for s, k in zip(geometry.stride, geometry.kernel, strict=True))


def average(x: Array, geometry: Geometry, workspace: Workspace) -> Array:
    """y (C, OH, OW, N) of an average pooling of x (C, H, W, N), by (X7)."""
    y = workspace.empty((x.shape[0], *geometry.outputs, x.shape[3]), x.dtype)
    y[...] = 0
    for _, _, out, inside in shifts(geometry):
        y[:, *out] += x[:, *inside]
    y /= counts(geometry, x.dtype)
    return y


def shared_out(dy: Array, x_shape: Shape, geometry: Geometry, workspace: Workspace) -> Array:
    """dx (C, H, W, N): each dy in equal shares to the pixels of its window, shifted as in (X7)."""
    dx = workspace.empty(x_shape, dy.dtype)
    dx[...] = 0
    with workspace.scratch():
        share = workspace.empty(dy.shape, dy.dtype)
        np.divide(dy, counts(geometry, dy.dtype), out=share)
        for _, _, out, inside in shifts(geometry):
            dx[:, *inside] += share[:, *out]
    return dx


def counts(geometry: Geometry, dtype: np.dtype[Any]) -> Array:
    """How many pixels of the image each window sees, (OH, OW, 1)."""
    size, kernel, stride, padding, outputs = geometry
    seen = [np.zeros(outputs[0]), np.zeros(outputs[1])]
    for axis in (0, 1):
        for offset in range(kernel[axis]):
            seen[axis][reach(offset, stride[axis], padding[axis][0], size[axis], outputs[axis])[0]] += 1
    return np.multiply.outer(*seen)[:, :, None].astype(dtype)
