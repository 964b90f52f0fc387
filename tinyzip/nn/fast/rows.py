"""A convolution whose rows of outputs share their patches.

A patch has kh rows, and the patch one row of outputs further down sees kh − sh of them again. So gather each
row of all patches once, the places of the kernel ordered by row, column and channel:

lines[h, j, c, ow, n] = x̄[c, h, ow·sw + j, n],   y[f, oh] = Σ w[f, c, i, j] · lines[oh·sh + i, j, c]  (X4)

The patches of output row oh are the rows oh·sh … oh·sh + kh − 1 of `lines`, which lie one after the other: a
matrix (kh·kw·C, OW·N) that need not be made. So a kh/sh-th part is gathered, and stays in cache. It
is the same sum in another order. It applies to every convolution and pays where rows overlap, kh > sh, and a
row of outputs has columns enough for a product of its own.
"""

import numpy as np

from tinyzip.base.windows import strided
from tinyzip.machine import products
from tinyzip.machine.products import ALONE
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast import blocks
from tinyzip.nn.fast.blocks import padded
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.ops.patches import Geometry


def pays(geometry: Geometry) -> bool:
    """Is X4 faster, given enough examples?"""
    return geometry.kernel[0] > geometry.stride[0]


def multiply(w: Array, x: Array, geometry: Geometry, y: Array, workspace: Workspace) -> None:
    """y = w·patches, as `blocks.multiply`                                                      (X4)"""
    (G, F, K), (kh, kw), (sh, sw), (OH, OW) = w.shape, geometry.kernel, geometry.stride, geometry.outputs
    C, N = K // (kh * kw), x.shape[3]
    row = OW * N
    if row < ALONE:
        blocks.multiply(w, x, geometry, y, workspace)
        return
    outputs = y.reshape(G, F, OH, row).swapaxes(1, 2)
    with workspace.scratch():
        kernels = workspace.empty((G, 1, F, K), w.dtype)
        np.copyto(kernels.reshape(G, F, kh, kw, C), w.reshape(G, F, C, kh, kw).transpose(0, 1, 3, 4, 2))
        image = padded(x, geometry.padding, workspace)
        c, h, column, n = image.strides
        size = x.itemsize
        line = kw * C * row * size
        most = max(1, (blocks.BLOCK // (G * line) - kh) // sh + 1)
        memory = workspace.empty((G * ((min(most, OH) - 1) * sh + kh) * line // size,), x.dtype)
        for start in range(0, OH, most):
            count = min(most, OH - start)
            R = (count - 1) * sh + kh
            seen = (G, R, kw, C, OW, N), (C * c, h, column, c, sw * column, n)
            np.copyto(memory[: G * R * line // size].reshape(seen[0]), strided(image, *seen, start * sh))
            strides = R * line, sh * line, row * size, size
            patches: Array = np.ndarray((G, count, K, row), x.dtype, memory, 0, strides)
            products.multiply(kernels, patches, outputs[:, start : start + count])
