"""Depth: short patches, gathered from lines and added up at once.

A copy takes time for each run of neighbouring numbers, and for few examples all runs of a patch are short.
But rows of patches overlap. So copy each place of a row of the kernel for all rows of the image, and then
each of its rows for all rows of outputs, which is one long run at stride 1:

lines[c, j, h, ow, n] = x̄[c, h, ow·sw + j, n],   patches[c, i, j, oh] = lines[c, j, oh + i]        (X20)

C·kw·(OH + kh − 1) short runs and C·kh·kw long ones take the place of C·kh·kw·OH short ones; the matrix is the
same. On the way back, each place of the kernel adds to the image by itself. So write them all onto images of
their own, and add those up in the same order:

dx̄ = Σ_{i,j} apart[i, j],   apart[i, j, c, oh + i, ow·sw + j] = dpatches[c, i, j, oh, ow], else 0    (X21)

Both apply at stride 1 down the image and pay where a row of outputs has few numbers.
"""

import numpy as np

from tinyzip.base.windows import strided
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.ops.patches import Geometry

SHORT = 64  # numbers in a run that takes longer to find than to copy once more: measured


def pays(geometry: Geometry, N: int) -> bool:
    """Do X20 and X21 apply, and are they faster for N examples?"""
    return geometry.stride[0] == 1 < geometry.kernel[0] and geometry.outputs[1] * N < SHORT


def windows(image: Array, rows: slice, geometry: Geometry, workspace: Workspace) -> Array:
    """The windows of some rows of outputs on a padded image, (C, kh, kw, rows, OW, N), from lines (X20)"""
    (kh, kw), sw, OW = geometry.kernel, geometry.stride[1], geometry.outputs[1]
    C, _, _, N = image.shape
    count = rows.stop - rows.start
    lines = workspace.empty((C, kw, count + kh - 1, OW, N), image.dtype)
    c, h, w, n = image.strides
    np.copyto(lines, strided(image, lines.shape, (c, w, h, sw * w, n), rows.start))
    c, j, h, w, n = lines.strides
    return strided(lines, (C, kh, kw, count, OW, N), (c, h, j, h, w, n))


def scatter(dpatches: Array, geometry: Geometry, image: Array, workspace: Workspace) -> None:
    """`col2im` of all patches onto an image of zeros, as one sum in the same order                (X21)"""
    (kh, kw), (OH, OW), (C, H, W, N) = geometry.kernel, geometry.outputs, image.shape
    apart = workspace.empty((kh, kw, C, H, W, N), image.dtype)
    apart[...] = 0
    i, j, c, h, w, n = apart.strides
    shape = C, kh, kw, OH, OW, N
    np.copyto(strided(apart, shape, (c, i + h, j + w, h, geometry.stride[1] * w, n)), dpatches.reshape(shape))
    np.add.reduce(apart.reshape(kh * kw, *image.shape), axis=0, out=image, initial=0)
