"""Depth: the patches of a convolution in blocks that stay in cache.

The matrix of patches is kh·kw times as large as the image, and a core's cache is small. But its columns do
not know of each other. So make some of them, B, use them, and let the next ones overwrite them:

y[:, B] = w·patches[:, B],   dw = Σ_B dy[:, B]·patches[:, B]ᵀ,   dx̄ = Σ_B col2im(wᵀ·dy[:, B])     (X3)

X3 applies always. A block is some whole rows of the output. Backward makes the patches again rather than keep
them: that takes less time than to fetch them from memory. Where each window is one pixel and each pixel one
window (kernel and stride 1×1), there is nothing to make: the padded image is its own patches.

In dx̄, elements of the kernel less than a stride apart never fall on one pixel. So col2im need not add them
one by one: sh·sw of them are one addition.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tinyzip.base.windows import Padding, pad, strided, windows
from tinyzip.machine import products
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.ops.patches import Geometry

Route = Callable[[Array, Array, Geometry, Array, Workspace], None]
"""A way to a product: its two factors, the windows, where to write it, and memory for what lies between."""

BLOCK = 2**21  # bytes of patches at a time: measured, one to two times a core's second-level cache


def multiply(w: Array, x: Array, geometry: Geometry, y: Array, workspace: Workspace) -> None:
    """y = w·patches                                                                            (X3)

    w  (G, F/G, C/G·kh·kw)
    x  (C, H, W, N)
    y  (G, F/G, OH·OW·N), overwritten
    """
    with workspace.scratch():
        for columns, block in patch_blocks(x, len(w), geometry, workspace):
            products.multiply(w, block, y[:, :, columns])


def weight_gradient(dy: Array, x: Array, geometry: Geometry, dw: Array, workspace: Workspace) -> None:
    """dw = dy·patchesᵀ; shapes as in `multiply`, dw overwritten                                (X3)"""
    with workspace.scratch():
        blocks = patch_blocks(x, len(dw), geometry, workspace)
        sum_of_products(((dy[:, :, columns], block) for columns, block in blocks), dw, workspace)


def input_gradient(dy: Array, w: Array, geometry: Geometry, dx: Array, workspace: Workspace) -> None:
    """dx̄ = col2im(wᵀ·dy), less its border; shapes as in `multiply`, dx overwritten             (X3)"""
    C, H, W, N = dx.shape
    (top, bottom), (left, right) = geometry.padding
    with workspace.scratch():
        border = (C, top + H + bottom, left + W + right, N)
        image = dx if border == dx.shape else workspace.empty(border, dx.dtype)
        if is_pointwise(geometry):
            products.multiply(w.swapaxes(1, 2), dy, image.reshape(len(w), C // len(w), -1))
        else:
            image[...] = 0
            for rows, columns in blocks(dx, geometry):
                with workspace.scratch():
                    dpatches = workspace.empty((*w.shape[::2], columns.stop - columns.start), dx.dtype)
                    products.multiply(w.swapaxes(1, 2), dy[:, :, columns], dpatches)
                    scatter(dpatches, geometry, image[:, rows.start * geometry.stride[0] :])
        if image is not dx:
            np.copyto(dx, image[:, top : top + H, left : left + W])


def scatter(dpatches: Array, geometry: Geometry, image: Array) -> None:
    """`col2im` onto the first rows of an image, adding at once what never falls on one pixel."""
    C, _, _, N = image.shape
    (kh, kw), (sh, sw), (c, h, w, n) = geometry.kernel, geometry.stride, image.strides
    parts = dpatches.reshape(C, kh, kw, -1, geometry.outputs[1], N)
    for i in range(0, kh, sh):
        for j in range(0, kw, sw):
            part = parts[:, i : i + sh, j : j + sw]
            there = strided(image, part.shape, (c, h, w, sh * h, sw * w, n), i, j)
            there += part


def sum_of_products(pairs: Iterable[tuple[Array, Array]], out: Array, workspace: Workspace) -> None:
    """out = Σ left·rightᵀ over the pairs, of which there is at least one."""
    part = None
    for left, right in pairs:
        if part is None:
            np.matmul(left, right.swapaxes(1, 2), out=out)
            part = workspace.empty(out.shape, out.dtype)
        else:
            out += np.matmul(left, right.swapaxes(1, 2), out=part)


def patch_blocks(
    x: Array, groups: int, geometry: Geometry, workspace: Workspace
) -> Iterator[tuple[slice, Array]]:
    """The matrix of patches, block by block: its columns B, and patches[:, B] as (G, C/G·kh·kw, …).

    A block is overwritten by the next. Take this inside a `scratch`.
    """
    K = x.shape[0] * geometry.kernel[0] * geometry.kernel[1]
    image = padded(x, geometry.padding, workspace)
    view = windows(image, geometry.kernel, geometry.stride)
    memory = None
    for rows, columns in blocks(x, geometry):
        if is_pointwise(geometry):
            block = image.reshape(K, -1)
        else:
            size = columns.stop - columns.start
            if memory is None:
                memory = workspace.empty((K * size,), x.dtype)
            block = memory[: K * size].reshape(K, size)
            seen = view[:, :, :, rows]
            np.copyto(block.reshape(seen.shape), seen)
        yield columns, block.reshape(groups, K // groups, -1)


def blocks(x: Array, geometry: Geometry) -> Iterator[tuple[slice, slice]]:
    """Cut the output into runs of rows whose patches fit into the cache: rows, and columns of patches."""
    OH, OW = geometry.outputs
    row = OW * x.shape[3]
    K = x.shape[0] * geometry.kernel[0] * geometry.kernel[1]
    most = OH if is_pointwise(geometry) else max(1, BLOCK // (K * row * x.itemsize))
    for start in range(0, OH, most):
        stop = min(start + most, OH)
        yield slice(start, stop), slice(start * row, stop * row)


def is_pointwise(geometry: Geometry) -> bool:
    """Is each window one pixel, and each pixel one window?"""
    return geometry.kernel == (1, 1) and geometry.stride == (1, 1)


def padded(x: Array, padding: Padding, workspace: Workspace) -> Array:
    """x (C, H, W, N) in a border of zeros, in the workspace; x itself where there is no border."""
    (top, bottom), (left, right) = padding
    if not (top or bottom or left or right):
        return x
    C, H, W, N = x.shape
    return pad(x, padding, 0, workspace.empty((C, top + H + bottom, left + W + right, N), x.dtype))
