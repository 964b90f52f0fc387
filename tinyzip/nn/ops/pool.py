"""Poolings: each window gives its largest value, or its average.

max      y[c, oh, ow, n] = max_{i,j} x[c, oh·sh + i − top, ow·sw + j − left, n]                 (P1)
average  y[c, oh, ow, n] = mean of the same values                                             (P2)

over those (i, j) that fall inside the image: padding is never the largest and is not counted in the
mean. A padding smaller than the window makes sure that every window sees a pixel. Of equal largest
values the first in row-major order wins and takes the whole gradient; the average spreads it evenly.
As with convolutions, rows and columns that no whole window reaches are not read and get no gradient.
"""

from typing import Any

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.base.windows import padding_of, pair, window_count
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.ops.checks import FRESH, Array, Shape, check_activations, check_array, check_lengths
from tinyzip.nn.ops.shifts import Windows, reach, shifts


def pool_windows(shape: Shape, kernel: Any, stride: Any, padding: Any, operation: str) -> Windows:
    """The windows of a pooling over (C, H, W, …): the arguments of `shifts`. Stride None is the kernel."""
    kernel = pair(kernel, f"{operation}: kernel")
    stride = kernel if stride is None else pair(stride, f"{operation}: stride")
    padding = padding_of(padding, f"{operation}: padding")
    if max(padding[0]) >= kernel[0] or max(padding[1]) >= kernel[1]:
        refuse(f"{operation}: padding", padding, f"less than the window {kernel} on every side")
    size = (shape[1], shape[2])
    return size, kernel, stride, padding, window_count(size, kernel, stride, padding, f"{operation}: x")


def max_pool2d(
    x: Array, kernel: Any, stride: Any = None, padding: Any = 0, workspace: Workspace = FRESH
) -> tuple[Array, Array]:
    """y and the winners, by P1.

    x        (C, H, W, N) floating point
    kernel, stride  one number or (rows, columns); stride None is the kernel
    padding  as in `conv2d`, less than the kernel
    returns  y (C, OH, OW, N); arg, of y's shape, uint8 or wider: the winner's place i·kw + j in its window
    """
    check_activations(x, 4, "max_pool2d: x")
    size, kernel, stride, padding, count = pool_windows(x.shape, kernel, stride, padding, "max_pool2d")
    y = workspace.empty((x.shape[0], *count, x.shape[3]), x.dtype)
    last = kernel[0] * kernel[1] - 1
    arg = workspace.empty(y.shape, np.min_scalar_type(last))
    y[...] = -np.inf
    arg[...] = 0
    with workspace.scratch():
        wins = workspace.empty(y.shape, np.bool_)
        place = workspace.empty(y.shape, arg.dtype)
        # From the last element to the first with ≥, so that the first of equals has the last word. Places
        # are counted from the end meanwhile: they grow, and the latest winner is the largest.
        for i, j, out, inside in reversed(list(shifts(size, kernel, stride, padding, count))):
            best, seen, here = y[:, *out], x[:, *inside], wins[:, *out]
            np.greater_equal(seen, best, out=here)
            np.maximum(seen, best, out=best)
            np.multiply(here, last - (i * kernel[1] + j), out=place[:, *out], dtype=arg.dtype)
            np.maximum(arg[:, *out], place[:, *out], out=arg[:, *out])
        np.subtract(last, arg, out=arg)
    return y, arg


def max_pool2d_values(
    x: Array, kernel: Any, stride: Any = None, padding: Any = 0, workspace: Workspace = FRESH
) -> Array:
    """y of `max_pool2d` alone, in a third of the time."""
    check_activations(x, 4, "max_pool2d_values: x")
    at = pool_windows(x.shape, kernel, stride, padding, "max_pool2d_values")
    y = workspace.empty((x.shape[0], *at[4], x.shape[3]), x.dtype)
    y[...] = -np.inf
    for _, _, out, inside in shifts(*at):
        np.maximum(y[:, *out], x[:, *inside], out=y[:, *out])
    return y


def max_pool2d_backward(
    dy: Array,
    arg: Array,
    x_shape: Shape,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    workspace: Workspace = FRESH,
) -> Array:
    """dx (C, H, W, N): each dy goes to the pixel that won its window; where windows overlap they add up.

    dy, arg  (C, OH, OW, N), arg as `max_pool2d` gave it
    """
    size, kernel, stride, padding, count = _backward(dy, x_shape, kernel, stride, padding, "max_pool2d")
    if not isinstance(arg, np.ndarray) or arg.shape != dy.shape or arg.dtype.kind != "u":
        refuse("max_pool2d_backward: arg", getattr(arg, "shape", arg), f"unsigned integers {dy.shape}")
    dx = workspace.empty(x_shape, dy.dtype)
    dx[...] = 0
    disjoint = stride[0] >= kernel[0] and stride[1] >= kernel[1]
    with workspace.scratch():
        won = workspace.empty(dy.shape, np.bool_)
        part = workspace.empty(dy.shape, dy.dtype)
        for i, j, out, inside in shifts(size, kernel, stride, padding, count):
            np.equal(arg[:, *out], i * kernel[1] + j, out=won[:, *out])
            if disjoint:
                np.multiply(dy[:, *out], won[:, *out], out=dx[:, *inside])
            else:
                dx[:, *inside] += np.multiply(dy[:, *out], won[:, *out], out=part[:, *out])
    return dx


def avg_pool2d(
    x: Array, kernel: Any, stride: Any = None, padding: Any = 0, workspace: Workspace = FRESH
) -> Array:
    """y (C, OH, OW, N), by P2; arguments as in `max_pool2d`."""
    check_activations(x, 4, "avg_pool2d: x")
    at = pool_windows(x.shape, kernel, stride, padding, "avg_pool2d")
    y = workspace.empty((x.shape[0], *at[4], x.shape[3]), x.dtype)
    y[...] = 0
    for _, _, out, inside in shifts(*at):
        y[:, *out] += x[:, *inside]
    y /= _counts(at, x.dtype)
    return y


def avg_pool2d_backward(
    dy: Array,
    x_shape: Shape,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    workspace: Workspace = FRESH,
) -> Array:
    """dx (C, H, W, N): each dy in equal shares to the pixels of its window."""
    at = _backward(dy, x_shape, kernel, stride, padding, "avg_pool2d")
    dx = workspace.empty(x_shape, dy.dtype)
    dx[...] = 0
    with workspace.scratch():
        share = np.divide(dy, _counts(at, dy.dtype), out=workspace.empty(dy.shape, dy.dtype))
        for _, _, out, inside in shifts(*at):
            dx[:, *inside] += share[:, *out]
    return dx


def global_avg_pool(x: Array, workspace: Workspace = FRESH) -> Array:
    """y[c, 0, 0, n] = mean over the image of x[c, :, :, n]; (C, H, W, N) to (C, 1, 1, N)."""
    check_activations(x, 4, "global_avg_pool: x")
    C, H, W, N = x.shape
    y = workspace.empty((C, 1, 1, N), x.dtype)
    np.matmul(np.full((1, H * W), 1 / (H * W), x.dtype), x.reshape(C, H * W, N), out=y[:, 0])
    return y


def global_avg_pool_backward(dy: Array, x_shape: Shape, workspace: Workspace = FRESH) -> Array:
    """dx = dy / (H·W) everywhere; dy (C, 1, 1, N) to (C, H, W, N)."""
    check_activations(dy, 4, "global_avg_pool_backward: dy")
    C, H, W, N = _image_shape(x_shape, "global_avg_pool_backward")
    check_array(dy, (C, 1, 1, N), dy.dtype, "global_avg_pool_backward: dy")
    dx = workspace.empty(x_shape, dy.dtype)
    np.divide(dy, dy.dtype.type(H * W), out=dx)
    return dx


def _image_shape(x_shape: Shape, operation: str) -> Shape:
    check_lengths(x_shape, f"{operation}: x_shape")
    if len(x_shape) != 4:
        refuse(f"{operation}: x_shape", x_shape, "four lengths (C, H, W, N)")
    return x_shape


def _backward(dy: Array, x_shape: Shape, kernel: Any, stride: Any, padding: Any, name: str) -> Windows:
    operation = f"{name}_backward"
    check_activations(dy, 4, f"{operation}: dy")
    C, _, _, N = _image_shape(x_shape, operation)
    at = pool_windows(x_shape, kernel, stride, padding, operation)
    check_array(dy, (C, *at[4], N), dy.dtype, f"{operation}: dy")
    return at


def _counts(at: Windows, dtype: np.dtype[Any]) -> Array:
    """How many pixels each window sees, (OH, OW, 1)."""
    size, kernel, stride, padding, count = at
    seen = [np.zeros(count[0]), np.zeros(count[1])]
    for axis in (0, 1):
        for offset in range(kernel[axis]):
            seen[axis][reach(offset, stride[axis], padding[axis][0], size[axis], count[axis])[0]] += 1
    return np.multiply.outer(*seen)[:, :, None].astype(dtype)
