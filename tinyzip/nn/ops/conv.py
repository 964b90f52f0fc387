"""Convolution and its backward, as matrix products.

y[f, oh, ow, n] = b[f] + Σ_{c,i,j} w[f, c, i, j] · x̄[c, oh·sh + i, ow·sw + j, n]               (C1)

with x̄ the image x in a border of zeros. (What neural networks call convolution is the textbook's
correlation: the kernel is not flipped.) With the windows written out as a matrix of patches
(`tinyzip.windows`), C1 is y = w·patches + b, and the derivatives are those of any linear map
[Goodfellow, Bengio, Courville, Deep Learning, 2016, §9.5]:

dw = dy·patchesᵀ,   db = Σ_p dy,   dx = col2im(wᵀ·dy)                                          (C2)

At stride 1 all pixels are seen by the same number of windows, and dx is itself a convolution: of dy, with
each kernel turned by 180° and inputs and outputs exchanged. That is the same sum in another order, and
gathering costs less than scattering:

dx[c, h, w, n] = Σ_{f,i,j} w[f, c, kh − 1 − i, kw − 1 − j] · dȳ[f, h + i, w + j, n]             (C3)

with dȳ the gradient dy in a border of kh − 1 − top zeros above, and so on around.

Groups cut the channels into independent convolutions: group g reads channels g·C/G … and writes
maps g·F/G …. At one channel a group (depthwise) the products become too thin for a matrix product
to pay, and C1 is summed directly, one element (i, j) of the kernel at a time.

Patches are large, kh·kw times the image: they are made some rows of the output at a time, so that they
never leave the cache, and backward makes them again rather than keep them.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tinyzip.nn.ops.checks import FRESH, Array, check_activations, check_array
from tinyzip.nn.ops.depthwise import depthwise, depthwise_backward
from tinyzip.nn.ops.shifts import Windows
from tinyzip.nn.ops.sums import total
from tinyzip.refuse import refuse
from tinyzip.windows import Padding, Pair, col2im, pad, padding_of, pair, window_count, windows
from tinyzip.workspace import Workspace

BLOCK = 2**21  # bytes of patches at a time: measured, one to two times a core's second-level cache


class Geometry(NamedTuple):
    """Where the windows of one convolution lie."""

    channels: int  # C
    size: Pair  # (H, W)
    kernel: Pair
    stride: Pair
    padding: Padding
    groups: int
    outputs: Pair  # (OH, OW)

    @property
    def depthwise(self) -> bool:
        return self.groups == self.channels > 1

    @property
    def windows(self) -> Windows:
        """What `shifts` needs to walk over the elements of the kernel."""
        return self.size, self.kernel, self.stride, self.padding, self.outputs

    @property
    def pointwise(self) -> bool:
        """Each window is one pixel and each pixel one window: the padded image is its own patches."""
        return self.kernel == (1, 1) and self.stride == (1, 1)


def geometry(x: Array, w: Array, stride: Any, padding: Any, groups: int, operation: str) -> Geometry:
    """Check x against w and lay out the windows; refuses in the name of `operation`."""
    check_activations(x, 4, f"{operation}: x")
    if not isinstance(w, np.ndarray) or w.ndim != 4 or w.size == 0:
        found = f"shape {w.shape}" if isinstance(w, np.ndarray) else type(w).__name__
        refuse(f"{operation}: w", found, "four axes (F, C / groups, kh, kw), none empty")
    C, F = x.shape[0], w.shape[0]
    check_groups(groups, C, F, operation)
    kernel = (w.shape[2], w.shape[3])
    check_array(w, (F, C // groups, *kernel), x.dtype, f"{operation}: w")
    stride, padding = pair(stride, f"{operation}: stride"), padding_of(padding, f"{operation}: padding")
    size = (x.shape[1], x.shape[2])
    outputs = window_count(size, kernel, stride, padding, f"{operation}: x")
    return Geometry(C, size, kernel, stride, padding, groups, outputs)


def check_groups(groups: int, C: int, F: int, operation: str) -> None:
    """Refuse a number of groups that cannot share C and F evenly."""
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1 or C % groups or F % groups:
        refuse(f"{operation}: groups", groups, f"a divisor of C = {C} and of F = {F}")


def padded(x: Array, padding: Padding, workspace: Workspace) -> Array:
    """x (C, H, W, N) in a border of zeros, in the workspace; x itself where there is no border."""
    (top, bottom), (left, right) = padding
    if not (top or bottom or left or right):
        return x
    C, H, W, N = x.shape
    return pad(x, padding, 0, workspace.empty((C, top + H + bottom, left + W + right, N), x.dtype))


def blocks(x: Array, at: Geometry) -> Iterator[tuple[slice, slice]]:
    """Cut the output into runs of rows whose patches fit into the cache: rows, and columns of patches."""
    OH, OW = at.outputs
    row = OW * x.shape[3]
    K = x.shape[0] * at.kernel[0] * at.kernel[1]
    most = OH if at.pointwise else max(1, BLOCK // (K * row * x.itemsize))
    for start in range(0, OH, most):
        stop = min(start + most, OH)
        yield slice(start, stop), slice(start * row, stop * row)


def patch_blocks(x: Array, at: Geometry, workspace: Workspace) -> Iterator[tuple[slice, Array]]:
    """The matrix of patches, block by block: its columns, and the block for each group (G, C/G·kh·kw, …).

    A block is overwritten by the next. Take this inside a `scratch`.
    """
    K = x.shape[0] * at.kernel[0] * at.kernel[1]
    image = padded(x, at.padding, workspace)
    view = windows(image, at.kernel, at.stride)
    memory = None
    for rows, columns in blocks(x, at):
        if at.pointwise:
            block = image.reshape(K, -1)
        else:
            size = columns.stop - columns.start
            if memory is None:
                memory = workspace.empty((K * size,), x.dtype)
            block = memory[: K * size].reshape(K, size)
            seen = view[:, :, :, rows]
            np.copyto(block.reshape(seen.shape), seen)
        yield columns, block.reshape(at.groups, K // at.groups, -1)


def multiply_patches(w: Array, x: Array, at: Geometry, y: Array, workspace: Workspace) -> None:
    """y = w·patches, the sum of C1. w (G, F/G, C/G·kh·kw); y (G, F/G, OH·OW·N), overwritten."""
    with workspace.scratch():
        for columns, block in patch_blocks(x, at, workspace):
            np.matmul(w, block, out=y[:, :, columns])


def weight_gradient(dy: Array, x: Array, at: Geometry, dw: Array, workspace: Workspace) -> None:
    """dw = dy·patchesᵀ of C2; shapes as in `multiply_patches`, dw overwritten.

    Where a kernel has more weights than there are kernels, patches·dyᵀ is computed and turned at the end:
    BLAS is faster by a tenth when the taller factor stands left.
    """
    turn = dw.shape[2] > dw.shape[1]
    with workspace.scratch():
        whole = workspace.empty(dw.swapaxes(1, 2).shape, dw.dtype) if turn else dw
        part = None
        for columns, block in patch_blocks(x, at, workspace):
            left, right = (block, dy[:, :, columns]) if turn else (dy[:, :, columns], block)
            if part is None:
                np.matmul(left, right.swapaxes(1, 2), out=whole)
                part = workspace.empty(whole.shape, dw.dtype)
            else:
                whole += np.matmul(left, right.swapaxes(1, 2), out=part)
        if turn:
            np.copyto(dw, whole.swapaxes(1, 2))


def input_gradient(dy: Array, w: Array, at: Geometry, dx: Array, workspace: Workspace) -> None:
    """dx of C2, by C3 where that applies; shapes as in `multiply_patches`, dx (C, H, W, N) overwritten."""
    C, H, W, N = dx.shape
    turned = mirrored(at, dy.shape[0] * dy.shape[1])
    if turned is not None:
        G, inner = at.groups, C // at.groups
        kernels = w.reshape(*w.shape[:2], inner, *at.kernel)[..., ::-1, ::-1].swapaxes(1, 2)
        image = dy.reshape(turned.channels, *at.outputs, N)
        multiply_patches(kernels.reshape(G, inner, -1), image, turned, dx.reshape(G, inner, -1), workspace)
        return
    (top, bottom), (left, right) = at.padding
    with workspace.scratch():
        border = (C, top + H + bottom, left + W + right, N)
        image = dx if border == dx.shape else workspace.empty(border, dx.dtype)
        if at.pointwise:
            np.matmul(w.swapaxes(1, 2), dy, out=image.reshape(at.groups, C // at.groups, -1))
        else:
            image[...] = 0
            for rows, columns in blocks(dx, at):
                with workspace.scratch():
                    dpatches = workspace.empty((*w.shape[::2], columns.stop - columns.start), dx.dtype)
                    np.matmul(w.swapaxes(1, 2), dy[:, :, columns], out=dpatches)
                    first, last = rows.start * at.stride[0], (rows.stop - 1) * at.stride[0]
                    col2im(dpatches, at.kernel, at.stride, image[:, first : last + at.kernel[0]])
        if image is not dx:
            np.copyto(dx, image[:, top : top + H, left : left + W])


def mirrored(at: Geometry, F: int) -> Geometry | None:
    """The windows of C3, from dy's F maps to dx; None where it does not apply or would not pay.

    It applies at stride 1 to a padding smaller than the kernel, and pays where it gathers no more patches
    than C2 would scatter. A pixel needs no turning.
    """
    (top, bottom), (left, right) = at.padding
    kh, kw = at.kernel
    padding = (kh - 1 - top, kh - 1 - bottom), (kw - 1 - left, kw - 1 - right)
    if at.stride != (1, 1) or at.kernel == (1, 1) or min(*padding[0], *padding[1]) < 0:
        return None
    if F * math.prod(at.size) > at.channels * math.prod(at.outputs):
        return None
    return Geometry(F, at.outputs, at.kernel, at.stride, padding, at.groups, at.size)


def conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    groups: int = 1,
    workspace: Workspace = FRESH,
) -> Array:
    """y = w·patches(x) + b                                                                     (C1)

    x        (C, H, W, N) floating point
    w        (F, C / groups, kh, kw) of x's dtype
    b        (F,) of x's dtype, or None
    stride   one number or (rows, columns)
    padding  one number, (rows, columns), or ((top, bottom), (left, right)); filled with zeros
    returns  (F, OH, OW, N), from the workspace; rows and columns that no whole window reaches are not read
    """
    at = geometry(x, w, stride, padding, groups, "conv2d")
    F, N = w.shape[0], x.shape[3]
    y = workspace.empty((F, *at.outputs, N), x.dtype)
    if at.depthwise:
        depthwise(x, w, y, at.windows, workspace)
    else:
        kernels = w.reshape(groups, F // groups, -1)
        multiply_patches(kernels, x, at, y.reshape(groups, F // groups, -1), workspace)
    if b is not None:
        check_array(b, (F,), x.dtype, "conv2d: b")
        y += b[:, None, None, None]
    return y


def conv2d_backward(
    dy: Array,
    x: Array,
    w: Array,
    stride: Any = 1,
    padding: Any = 0,
    groups: int = 1,
    workspace: Workspace = FRESH,
    need_dx: bool = True,
) -> tuple[Array | None, Array, Array]:
    """The gradients of `conv2d` at (x, w), by C2.

    dy       (F, OH, OW, N), the gradient of the loss by y; the other arguments as in `conv2d`
    returns  dx (C, H, W, N), or None when it is not needed; dw as w; db (F,)
    """
    at = geometry(x, w, stride, padding, groups, "conv2d_backward")
    F, N = w.shape[0], x.shape[3]
    check_array(dy, (F, *at.outputs, N), x.dtype, "conv2d_backward: dy")
    dw, db = workspace.empty(w.shape, w.dtype), total(dy.reshape(F, -1), workspace)
    dx = workspace.empty(x.shape, x.dtype) if need_dx else None
    if at.depthwise:
        depthwise_backward(dy, x, w, dx, dw, at.windows, workspace)
        return dx, dw, db
    rows = dy.reshape(groups, F // groups, -1)
    kernels = w.reshape(groups, F // groups, -1)
    weight_gradient(rows, x, at, dw.reshape(kernels.shape), workspace)
    if dx is not None:
        input_gradient(rows, kernels, at, dx, workspace)
    return dx, dw, db
