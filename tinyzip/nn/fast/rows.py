"""A convolution by the rows of its kernel: a taller matrix, over smaller patches.

A thin matrix makes a slow product, and few maps make a thin matrix. At vertical stride 1 it can be kh times
as tall: give each row i of the kernel maps of its own, over all rows of the padded image, and add them up one
row apart. That takes patches kh times smaller, too:

z[i, f, h, ow, n] = Σ_{c,j} w[f, c, i, j] · x̄[c, h, ow·sw + j, n],   y[f, oh] = Σ_i z[i, f, oh + i]   (X4)

It is the same sum in another order. It applies at vertical stride 1 to kernels of two rows or more, and pays
for no more maps than channels and 16 at most: more maps are tall enough, and much to add up.
"""

import numpy as np

from tinyzip.machine import products
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.blocks import patch_blocks
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.ops.patches import Geometry

THIN = 16  # rows of the left factor that BLAS multiplies at once, or about: measured


def pays(maps: int, channels: int, geometry: Geometry) -> bool:
    """Is X4 faster for so many maps and channels a group?"""
    return geometry.stride[0] == 1 < geometry.kernel[0] and maps <= min(channels, THIN)


def multiply(w: Array, x: Array, geometry: Geometry, y: Array, workspace: Workspace) -> None:
    """y = w·patches, as `blocks.multiply`                                                      (X4)"""
    (G, F, _), (kh, kw), (OH, OW) = w.shape, geometry.kernel, geometry.outputs
    H = geometry.size[0] + sum(geometry.padding[0])
    rows = y.reshape(G, F, OH, -1)
    with workspace.scratch():
        tall = workspace.empty((G, kh, F, w.shape[2] // kh), w.dtype)
        np.copyto(tall.reshape(G, kh, F, -1, kw), w.reshape(G, F, -1, kh, kw).transpose(0, 3, 1, 2, 4))
        flat = geometry._replace(kernel=(1, kw), outputs=(H, OW))
        for columns, block in patch_blocks(x, G, flat, workspace, beside=G * kh * F):
            first, last = columns.start // rows.shape[3], columns.stop // rows.shape[3]
            with workspace.scratch():
                z = workspace.empty((G, kh, F, last - first, rows.shape[3]), x.dtype)
                products.multiply(tall.reshape(G, kh * F, -1), block, z.reshape(G, kh * F, -1))
                for i in range(kh):
                    start, stop = max(first - i, 0), min(last - i, OH)
                    if start >= stop:
                        continue
                    part = z[:, i, :, start + i - first : stop + i - first]
                    if i:
                        rows[:, :, start:stop] += part
                    else:  # which comes first to every row of y
                        rows[:, :, start:stop] = part
