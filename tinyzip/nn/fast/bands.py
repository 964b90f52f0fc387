"""Depth: depthwise convolution as products with band matrices.

As a product of kernel and patches a depthwise convolution (C4) would have a single row, which is memory
traffic and little else. But the kernel can be written out instead of the image. One row of windows sees kh
whole rows of the image, which lie in memory as a matrix (kh·W, N); a band matrix takes that to a row of y:

band[f, ow, i, ow·sw + j − left] = w[f, i, j],   zero elsewhere                                 (X8)
y[f, oh] = band[f] · x[c, oh·sh − top : oh·sh − top + kh],   c = ⌊f·C/F⌋                        (X9)

Nothing is copied. Most of the multiplications are by zero, W for every kw of use, and still matrix products
are so much faster than sums over shifted images that at the widths of small images they win. The columns of a
wide image are cut into tiles, which bounds the waste. (DW1) of `integer.fast.depthwise` is this law for whole
numbers. Backward is that of any linear map: dx gets bandᵀ·dy. dw is left to X7: for each element of the
kernel, the product of dy with an image shifted. X8 and X9 apply where each channel is a group of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from tinyzip.base.windows import strided
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.shifts import reach, shifts
from tinyzip.nn.fast.stage import Gradients, Output, Windowed
from tinyzip.nn.fast.sums import dot, total
from tinyzip.nn.layer import Arrays
from tinyzip.nn.layers import Conv2d
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.ops.patches import Geometry

TILE = 16  # columns at a time, at most
PART = 2**19  # bytes of dy at a time for dw: half of a core's second-level cache


@dataclass(frozen=True)
class FastDepthwise(Windowed[Conv2d]):
    """A Conv2d whose groups are single channels, by X7–X9."""

    def forward(self, p: Arrays, x: Array, *, workspace: Workspace, **_: Any) -> Output:
        y = workspace.empty((self.layer.F, *self.geometry.outputs, x.shape[3]), x.dtype)
        depthwise(x, p["w"], self.geometry, y, workspace)
        if self.layer.bias:
            y += p["b"][:, None, None, None]
        return y, x

    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, need_dx: bool) -> Gradients:
        w, x = p["w"], cache
        dw = workspace.empty(w.shape, w.dtype)
        dx = workspace.empty(x.shape, x.dtype) if need_dx else None
        weight_gradient(dy, x, self.geometry, dw, workspace)
        if dx is not None:
            input_gradient(dy, w, self.geometry, dx, workspace)
        return dx, {"w": dw, "b": total(dy.reshape(len(w), -1), workspace)} if self.layer.bias else {"w": dw}


def depthwise(x: Array, w: Array, geometry: Geometry, y: Array, workspace: Workspace) -> None:
    """y = w·patches                                                                            (X9)

    x  (C, H, W, N)
    w  (F, 1, kh, kw)
    y  (F, OH, OW, N), overwritten
    """
    (_, W), (_, kw), (sh, sw), ((top, _), (left, _)), (OH, OW) = geometry
    C, F, N = x.shape[0], w.shape[0], x.shape[3]
    for columns in tiles(OW):
        first, last = columns.start * sw - left, (columns.stop - 1) * sw - left + kw
        pixels = slice(max(0, min(first, W)), max(1, min(last, W)))
        with workspace.scratch():
            band = band_matrices(w, geometry, columns, pixels, workspace)
            image = strip(x, pixels, workspace)
            maps = y[:, :, columns].reshape(C, F // C, OH, -1, N)
            multiply_rows(band.reshape(C, F // C, *band.shape[1:]), image, maps, -top, sh)


def weight_gradient(dy: Array, x: Array, geometry: Geometry, dw: Array, workspace: Workspace) -> None:
    """dw[f, i, j] = Σ dy[f]·x[c] shifted by (i, j) as in (X7); shapes as in `depthwise`, dw overwritten.

    Columns a stride apart are brought together once, so that no shifted image has to be copied.
    """
    step = geometry.stride[1]
    for channels, maps in channel_parts(x, dy):
        gradient, dkernels = dy[maps], dw[maps]
        with workspace.scratch():
            images = [strip(x[channels], slice(phase, None, step), workspace) for phase in range(step)]
            for i, j, out, (rows, columns) in shifts(geometry):
                first, phase = divmod(columns.start, step)
                term = gradient[:, *out]
                seen = images[phase][:, rows, first : first + term.shape[2]]
                lines = *term.shape[:2], term.shape[2] * term.shape[3]
                np.sum(dot(term.reshape(lines), seen.reshape(lines)), axis=1, out=dkernels[:, 0, i, j])


def input_gradient(dy: Array, w: Array, geometry: Geometry, dx: Array, workspace: Workspace) -> None:
    """dx = bandᵀ·dy, gathered: a row of pixels at a time, from the neighbouring rows of dy that saw it   (X9)

    Rows of pixels sh apart meet the same rows of the kernel, i ≡ h + top modulo sh, the last one first.
    """
    _, (_, kw), (sh, sw), ((top, _), (left, _)), (_, OW) = geometry
    (C, H, W), F = dx.shape[:3], w.shape[0]
    for pixels in tiles(W):
        first, last = -(-(pixels.start + left - kw + 1) // sw), (pixels.stop - 1 + left) // sw
        columns = slice(max(0, first), max(1, min(last + 1, OW)))
        with workspace.scratch():
            band = band_matrices(w, geometry, columns, pixels, workspace).transpose(0, 3, 2, 1)
            gradient = strip(dy, columns, workspace)
            for phase in range(min(sh, H)):
                before, i = divmod(phase + top, sh)
                turned = band[:, :, i::sh][:, :, ::-1]
                kernels = workspace.empty(turned.shape, w.dtype)
                np.copyto(kernels, turned)
                rows = dx[:, phase::sh, pixels]
                with workspace.scratch():
                    for k in range(F // C):
                        part = workspace.empty(rows.shape, dx.dtype) if k else rows
                        row = before - turned.shape[2] + 1
                        maps = part.reshape(C, 1, *rows.shape[1:])
                        multiply_rows(kernels[k :: F // C, None], gradient[k :: F // C], maps, row, 1)
                        if k:
                            rows += part


def multiply_rows(band: Array, x: Array, y: Array, first: int, step: int) -> None:
    """y[c, k, o] = Σ_i band[c, k, :, i] · x[c, first + o·step + i], without rows that x does not have    (X9)

    band  (C, K, M, kh, W), contiguous for each c
    x     (C, H, W, N), contiguous for each c
    y     (C, K, OH, M, N), overwritten
    """
    (C, H, W, N), kh = x.shape, band.shape[3]
    matrices = band.reshape(*band.shape[:2], 1, band.shape[2], kh * W)

    def inside(o: int) -> tuple[int, int]:
        return max(0, -(first + o * step)), min(kh, H - (first + o * step))

    for (low, high), run in groupby(range(y.shape[2]), inside):
        outputs = list(run)
        rows = y[:, :, outputs[0] : outputs[-1] + 1]
        if low >= high:
            rows[...] = 0
            continue
        c, h, w, n = x.strides
        start = x[:, first + outputs[0] * step + low :]
        shape = (C, 1, len(outputs), (high - low) * W, N)
        windows = strided(start, shape, (c, 0, step * h, w, n))
        np.matmul(matrices[..., low * W : high * W], windows, out=rows)


def band_matrices(w: Array, geometry: Geometry, columns: slice, pixels: slice, workspace: Workspace) -> Array:
    """The band for some columns of y and of x: (F, columns, kh, pixels)                        (X8)"""
    _, (kh, kw), (_, sw), (_, (left, _)), _ = geometry
    F, T, W = w.shape[0], columns.stop - columns.start, pixels.stop - pixels.start
    band = workspace.empty((F, T, kh, W), w.dtype)
    band[...] = 0
    f, t, i, p = band.strides
    for j in range(kw):
        out, seen = reach(j, sw, left + pixels.start - columns.start * sw, W, T)
        if out.stop > out.start:
            corner = band[:, out.start :, :, seen.start :]
            diagonal = strided(corner, (F, out.stop - out.start, kh), (f, t + sw * p, i))
            diagonal[...] = w[:, :, :, j]
    return band


def tiles(length: int) -> Iterator[slice]:
    """Cut so many columns into as few tiles as TILE allows, of about the same width."""
    count = -(-length // TILE)
    for t in range(count):
        yield slice(t * length // count, (t + 1) * length // count)


def strip(x: Array, columns: slice, workspace: Workspace) -> Array:
    """x[:, :, columns], with every channel contiguous; copied only if need be."""
    part = x[:, :, columns]
    if part[0].flags.c_contiguous:
        return part
    copy = workspace.empty(part.shape, x.dtype)
    np.copyto(copy, part)
    return copy


def channel_parts(x: Array, y: Array) -> Iterator[tuple[slice, slice]]:
    """Some channels of x at a time, with the outputs that the first, second, … kernel of each makes."""
    C, F = x.shape[0], y.shape[0]
    most = max(1, PART // y[0].nbytes)
    for start in range(0, C, most):
        stop = min(start + most, C)
        for k in range(F // C):
            yield slice(start, stop), slice(start * (F // C) + k, stop * (F // C), F // C)
