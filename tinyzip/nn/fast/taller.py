"""Depth: the taller factor first.

dw = dy·patchesᵀ = (patches·dyᵀ)ᵀ                                                               (X5)

The two products have the same terms, but BLAS cuts its work along the left factor, and is faster when the
taller one stands there. So X5 pays where a kernel has more weights than there are kernels, in spite
of the small matrix that is turned at the end.
"""

import numpy as np

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.blocks import patch_blocks, sum_of_products
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.ops.patches import Geometry


def pays(maps: int, weights: int) -> bool:
    """Is X5 faster for so many maps, and weights a map, in each group?"""
    return weights > maps


def weight_gradient(dy: Array, x: Array, geometry: Geometry, dw: Array, workspace: Workspace) -> None:
    """dw = (patches·dyᵀ)ᵀ, as `blocks.weight_gradient`                                         (X5)"""
    with workspace.scratch():
        turned = workspace.empty(dw.swapaxes(1, 2).shape, dw.dtype)
        blocks = patch_blocks(x, len(dw), geometry, workspace)
        sum_of_products(((block, dy[:, :, columns]) for columns, block in blocks), turned, workspace)
        np.copyto(dw, turned.swapaxes(1, 2))
