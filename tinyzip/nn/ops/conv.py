"""Convolution and its backward, as matrix products.

y[f, oh, ow, n] = b[f] + Σ_{c,i,j} w[f, c, i, j] · x̄[c, oh·sh + i, ow·sw + j, n]               (C1)

with x̄ the image x in a border of zeros. (What neural networks call convolution is the textbook's
correlation: the kernel is not flipped.) With the windows written out as a matrix of patches
(`tinyzip.windows`), C1 is y = w·patches + b, and the derivatives are those of any linear map
[Goodfellow, Bengio, Courville, Deep Learning, 2016, §9.5]:

dw = dy·patchesᵀ,   db = Σ_p dy,   dx = col2im(wᵀ·dy)                                          (C2)

Groups cut the channels into independent convolutions: group g reads channels g·C/G … and writes
maps g·F/G …. At one channel a group (depthwise) the products become too thin for a matrix product
to pay, and C1 is summed directly, one element (i, j) of the kernel at a time.

Patches are large, kh·kw times the image, so backward makes them again rather than keep them.
"""

from typing import Any, NamedTuple

import numpy as np

from tinyzip.nn.ops.checks import FRESH, Array, check_activations, check_array
from tinyzip.refuse import refuse
from tinyzip.windows import Padding, Pair, col2im, im2col, pad, padding_of, pair, window_count
from tinyzip.workspace import Workspace


class Geometry(NamedTuple):
    """Where the windows of one convolution lie."""

    kernel: Pair
    stride: Pair
    padding: Padding
    groups: int
    outputs: Pair  # (OH, OW)

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
    count = window_count((x.shape[1], x.shape[2]), kernel, stride, padding, f"{operation}: x")
    return Geometry(kernel, stride, padding, groups, count)


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


def patches(x: Array, at: Geometry, workspace: Workspace) -> Array:
    """The windows of x as a matrix for each group, (G, C/G·kh·kw, OH·OW·N)."""
    C, N = x.shape[0], x.shape[3]
    K, P = C * at.kernel[0] * at.kernel[1], at.outputs[0] * at.outputs[1] * N
    image = padded(x, at.padding, workspace)
    if at.pointwise:
        return image.reshape(at.groups, K // at.groups, P)
    matrix = im2col(image, at.kernel, at.stride, workspace.empty((K, P), x.dtype))
    return matrix.reshape(at.groups, K // at.groups, P)


def add_patches(dpatches: Array, at: Geometry, dx: Array, workspace: Workspace) -> None:
    """The adjoint of `patches`: write to dx the sum of the gradients of all windows that saw a pixel."""
    C, H, W, N = dx.shape
    (top, bottom), (left, right) = at.padding
    border = (C, top + H + bottom, left + W + right, N)
    if border == dx.shape:
        col2im(dpatches, at.kernel, at.stride, at.padding, dx)
    else:
        image = workspace.empty(border, dx.dtype)
        np.copyto(dx, col2im(dpatches, at.kernel, at.stride, at.padding, image))


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
    if b is not None:
        check_array(b, (F,), x.dtype, "conv2d: b")
    y = workspace.empty((F, *at.outputs, N), x.dtype)
    with workspace.scratch():
        np.matmul(
            w.reshape(groups, F // groups, -1),
            patches(x, at, workspace),
            out=y.reshape(groups, F // groups, -1),
        )
    if b is not None:
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
    C, N = x.shape[0], x.shape[3]
    F = w.shape[0]
    check_array(dy, (F, *at.outputs, N), x.dtype, "conv2d_backward: dy")
    rows = dy.reshape(groups, F // groups, -1)
    kernels = w.reshape(groups, F // groups, -1)
    dw = workspace.empty(w.shape, w.dtype)
    db = workspace.empty((F,), w.dtype)
    np.sum(dy.reshape(F, -1), axis=1, out=db)
    with workspace.scratch():
        np.matmul(rows, patches(x, at, workspace).swapaxes(1, 2), out=dw.reshape(kernels.shape))
    if not need_dx:
        return None, dw, db
    dx = workspace.empty(x.shape, x.dtype)
    into = dx.reshape(groups, C // groups, -1)
    with workspace.scratch():
        if at.pointwise and x.shape[1:3] == at.outputs:
            np.matmul(kernels.swapaxes(1, 2), rows, out=into)
        else:
            dpatches = workspace.empty((groups, kernels.shape[2], rows.shape[2]), x.dtype)
            np.matmul(kernels.swapaxes(1, 2), rows, out=dpatches)
            add_patches(dpatches, at, dx, workspace)
    return dx, dw, db
