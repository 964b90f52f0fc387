"""Depth: a convolution whose rows of outputs share their patches.

A patch has kh rows, and the patch one row of outputs further down sees kh − sh of them again. So gather each
row of all patches once, the places of the kernel ordered by row, column and channel:

lines[h, j, c, ow, n] = x̄[c, h, ow·sw + j, n],   y[f, oh] = Σ w[f, c, i, j] · lines[oh·sh + i, j, c]  (X4)

The patches of output row oh are the rows oh·sh … oh·sh + kh − 1 of `lines`, which lie one after the other: a
matrix (kh·kw·C, OW·N) that need not be made. So a kh/sh-th part is gathered, and stays in cache. It is the
same sum in another order. It applies to every convolution and pays where rows overlap, kh > sh, and a row of
outputs has columns enough for a product of its own.

The gradient of the weights is a sum of such products, one for each row, dw = Σ_oh dy[:, oh]·patches[oh]ᵀ; and
between these short matrices there are faster ones than for all rows at once (MP2). So it pays for a kernel of
one pixel, too, whose rows are those of the image; and no more for many weights.
"""

from collections.abc import Iterator

import numpy as np

from tinyzip.base.windows import strided
from tinyzip.machine import products
from tinyzip.machine.products import ALONE
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast import blocks
from tinyzip.nn.fast.blocks import is_pointwise, padded
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.ops.patches import Geometry

MOST = 10**4  # weights of a group; for more of them BLAS's large products are as fast: measured


def pays(geometry: Geometry) -> bool:
    """Is X4 faster, given enough examples?"""
    return geometry.kernel[0] > geometry.stride[0]


def pays_for_weights(F: int, K: int, geometry: Geometry) -> bool:
    """The same for dw, for so many maps, and weights a map, in each group."""
    return F * K <= MOST and (pays(geometry) or is_pointwise(geometry))


def multiply(w: Array, x: Array, geometry: Geometry, y: Array, workspace: Workspace) -> None:
    """y = w·patches, as `blocks.multiply`                                                      (X4)"""
    (G, F, K), (kh, kw), (OH, OW) = w.shape, geometry.kernel, geometry.outputs
    C, row = K // (kh * kw), OW * x.shape[3]
    if row < ALONE:
        blocks.multiply(w, x, geometry, y, workspace)
        return
    outputs = y.reshape(G, F, OH, row).swapaxes(1, 2)
    with workspace.scratch():
        kernels = workspace.empty((G, 1, F, K), w.dtype)
        np.copyto(kernels.reshape(G, F, kh, kw, C), w.reshape(G, F, C, kh, kw).transpose(0, 1, 3, 4, 2))
        for rows, patches in patch_rows(x, G, geometry, workspace):
            products.multiply(kernels, patches, outputs[:, rows])


def weight_gradient(dy: Array, x: Array, geometry: Geometry, dw: Array, workspace: Workspace) -> None:
    """dw = (patches·dyᵀ)ᵀ, as `blocks.weight_gradient`                                         (X4)"""
    (G, F, K), (kh, kw), (OH, OW) = dw.shape, geometry.kernel, geometry.outputs
    C, row = K // (kh * kw), OW * x.shape[3]
    if row < ALONE:
        blocks.weight_gradient(dy, x, geometry, dw, workspace)
        return
    gradients = dy.reshape(G, F, OH, row).swapaxes(1, 2)
    with workspace.scratch():
        sums, part = (workspace.empty((G, K, F), dw.dtype) for _ in range(2))
        for rows, patches in patch_rows(x, G, geometry, workspace):
            out = part if rows.start else sums
            products.multiply_transposed(patches, gradients[:, rows], out, workspace)
            if rows.start:
                sums += part
        turned = sums.reshape(G, kh, kw, C, F).transpose(0, 4, 3, 1, 2)
        np.copyto(dw.reshape(turned.shape), turned)


def patch_rows(x: Array, G: int, geometry: Geometry, workspace: Workspace) -> Iterator[tuple[slice, Array]]:
    """The patches of some rows of outputs after the other, (G, rows, kh·kw·C/G, OW·N), by (X4).

    Those of the next rows overwrite them. Take this inside a `scratch`.
    """
    (kh, kw), (sh, sw), (OH, OW) = geometry.kernel, geometry.stride, geometry.outputs
    C, row, size = x.shape[0] // G, OW * x.shape[3], x.itemsize
    image = padded(x, geometry.padding, workspace)
    if is_pointwise(geometry):
        yield slice(0, OH), image.reshape(G, C, OH, row).swapaxes(1, 2)
        return
    c, h, column, n = image.strides
    line = kw * C * row * size
    most = max(1, (blocks.BLOCK // (G * line) - kh) // sh + 1)
    memory = workspace.empty((G * ((min(most, OH) - 1) * sh + kh) * line // size,), x.dtype)
    for start in range(0, OH, most):
        count = min(most, OH - start)
        R = (count - 1) * sh + kh
        seen = (G, R, kw, C, OW, x.shape[3]), (C * c, h, column, c, sw * column, n)
        np.copyto(memory[: G * R * line // size].reshape(seen[0]), strided(image, *seen, start * sh))
        strides = R * line, sh * line, row * size, size
        shape = G, count, kw * kh * C, row
        yield slice(start, start + count), np.ndarray(shape, x.dtype, memory, 0, strides)
