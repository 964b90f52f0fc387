"""Convolution and its backward, as matrix products.

y[f, oh, ow, n] = b[f] + Σ_{c,i,j} w[f, c, i, j] · x̄[c, oh·sh + i, ow·sw + j, n]               (C1)

with x̄ the image x in a border of zeros. (What neural networks call convolution is the textbook's
correlation: the kernel is not flipped.) With the windows written out as a matrix of patches
(`tinyzip.base.windows`), C1 is y = w·patches + b, and the derivatives are those of any linear map
[Goodfellow, Bengio, Courville, Deep Learning, 2016, §9.5]:

dw = dy·patchesᵀ,   db = Σ_p dy,   dx = col2im(wᵀ·dy)                                          (C2)

At stride 1 all pixels are seen by the same number of windows, and dx is itself a convolution: of dy, with
each kernel turned by 180° and inputs and outputs exchanged. That is the same sum in another order, and
gathering costs less than scattering:

dx[c, h, w, n] = Σ_{f,i,j} w[f, c, kh − 1 − i, kw − 1 − j] · dȳ[f, h + i, w + j, n]             (C3)

with dȳ the gradient dy in a border of kh − 1 − top zeros above, and so on around.

A thin matrix makes a slow product, and few maps make a thin matrix. At vertical stride 1 it can be kh times
as tall: give each row i of the kernel maps of its own, over all rows of the image, and add them up
one row apart. That takes patches kh times smaller, too:

z[i, f, h, ow, n] = Σ_{c,j} w[f, c, i, j] · x̄[c, h, ow·sw + j, n],   y[f, oh] = b + Σ_i z[i, f, oh + i]   (C4)

Groups cut the channels into independent convolutions: group g reads channels g·C/G … and writes
maps g·F/G …. At one channel a group (depthwise) the products become too thin for a matrix product
to pay, and C1 is summed directly, one element (i, j) of the kernel at a time.
"""

import math
from typing import Any

import numpy as np

from tinyzip.base.windows import col2im
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.ops.checks import FRESH, Array, check_array
from tinyzip.nn.ops.depthwise import depthwise, depthwise_backward
from tinyzip.nn.ops.patches import Geometry, blocks, geometry, patch_blocks
from tinyzip.nn.ops.sums import total


def multiply_patches(w: Array, x: Array, at: Geometry, y: Array, workspace: Workspace) -> None:
    """y = w·patches, the sum of C1. w (G, F/G, C/G·kh·kw); y (G, F/G, OH·OW·N), overwritten."""
    kh, kw = at.kernel
    if at.stride[0] == 1 < kh and w.shape[1] * kh * kw <= w.shape[2]:
        multiply_rows(w, x, at, y, workspace)
        return
    with workspace.scratch():
        for columns, block in patch_blocks(x, at, workspace):
            np.matmul(w, block, out=y[:, :, columns])


def multiply_rows(w: Array, x: Array, at: Geometry, y: Array, workspace: Workspace) -> None:
    """The same by C4, for no more maps than channels: more of them are wide enough, and much to add up."""
    (G, F, _), (kh, kw), (OH, OW) = w.shape, at.kernel, at.outputs
    H = at.size[0] + sum(at.padding[0])
    rows = y.reshape(G, F, OH, -1)
    with workspace.scratch():
        tall = workspace.empty((G, kh, F, w.shape[2] // kh), w.dtype)
        np.copyto(tall.reshape(G, kh, F, -1, kw), w.reshape(G, F, -1, kh, kw).transpose(0, 3, 1, 2, 4))
        whole_rows = at._replace(kernel=(1, kw), outputs=(H, OW))
        for columns, block in patch_blocks(x, whole_rows, workspace, beside=G * kh * F):
            first, last = columns.start // rows.shape[3], columns.stop // rows.shape[3]
            with workspace.scratch():
                z = workspace.empty((G, kh, F, last - first, rows.shape[3]), x.dtype)
                np.matmul(tall.reshape(G, kh * F, -1), block, out=z.reshape(G, kh * F, -1))
                for i in range(kh):
                    start, stop = max(first - i, 0), min(last - i, OH)
                    if start >= stop:
                        continue
                    part = z[:, i, :, start + i - first : stop + i - first]
                    if i:
                        rows[:, :, start:stop] += part
                    else:  # which comes first to every row of y
                        rows[:, :, start:stop] = part


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
