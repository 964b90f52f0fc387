"""Poolings: each window gives its largest value, or its average.

max      y[c, oh, ow, n] = max_{i,j} x[c, oh·sh + i − top, ow·sw + j − left, n]                 (P1)
average  y[c, oh, ow, n] = mean of the same values                                             (P2)

over those (i, j) that fall inside the image: padding is never the largest and is not counted in the
mean. A padding smaller than the window makes sure that every window sees a pixel. Backward,

max      dx = col2im of dy at the winner of each window, 0 at the others                        (P3)
average  dx = col2im of dy / count at each pixel of the window                                  (P4)

and of a whole image

average  y[c, 0, 0, n] = mean of x[c, :, :, n],   dx = dy / (H·W) everywhere                    (P5)

Of equal largest values the first in row-major order wins and takes the whole gradient. As with convolutions,
rows and columns that no whole window reaches are not read and get no gradient.
"""

from typing import Any

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn.ops.checks import Array, Shape, check_activations, check_array, check_lengths
from tinyzip.nn.ops.patches import Geometry, pool_geometry, to_image, to_patches


def max_pool2d(x: Array, kernel: Any, stride: Any = None, padding: Any = 0) -> tuple[Array, Array]:
    """y and the winners                                                                        (P1)

    x        (C, H, W, N) floating point
    kernel, stride  one number or (rows, columns); stride None is the kernel
    padding  as in `conv2d`, less than the kernel
    returns  y (C, OH, OW, N); arg, of y's shape, uint8 or wider: the winner's place i·kw + j in its window
    raises   ValueError or TypeError for arrays and sizes that do not fit
    """
    check_activations(x, 4, "max_pool2d: x")
    geometry = pool_geometry(x.shape, kernel, stride, padding, "max_pool2d")
    seen, inside = _windows(x, geometry), _inside(geometry)
    y = np.where(inside, seen, -np.inf).max(axis=1).astype(x.dtype)
    arg = (inside & (seen == y[:, None])).argmax(axis=1)
    return y, arg.astype(np.min_scalar_type(seen.shape[1] - 1))


def max_pool2d_backward(
    dy: Array, arg: Array, x_shape: Shape, kernel: Any, stride: Any = None, padding: Any = 0
) -> Array:
    """dx (C, H, W, N): each dy goes to the pixel that won; where windows overlap they add up   (P3)

    dy, arg  (C, OH, OW, N), arg as `max_pool2d` gave it; the other arguments as there
    """
    geometry = _checked(dy, x_shape, kernel, stride, padding, "max_pool2d_backward")
    if not isinstance(arg, np.ndarray) or arg.shape != dy.shape or arg.dtype.kind != "u":
        refuse("max_pool2d_backward: arg", getattr(arg, "shape", arg), f"unsigned integers {dy.shape}")
    places = np.arange(geometry.kernel[0] * geometry.kernel[1])[:, None, None, None]
    return _image(dy[:, None] * (arg[:, None] == places), geometry)


def avg_pool2d(x: Array, kernel: Any, stride: Any = None, padding: Any = 0) -> Array:
    """y (C, OH, OW, N); arguments as in `max_pool2d`                                           (P2)"""
    check_activations(x, 4, "avg_pool2d: x")
    geometry = pool_geometry(x.shape, kernel, stride, padding, "avg_pool2d")
    count = _inside(geometry).sum(axis=0, dtype=x.dtype)
    y: Array = _windows(x, geometry).sum(axis=1) / count
    return y


def avg_pool2d_backward(
    dy: Array, x_shape: Shape, kernel: Any, stride: Any = None, padding: Any = 0
) -> Array:
    """dx (C, H, W, N): each dy in equal shares to the pixels of its window                      (P4)"""
    geometry = _checked(dy, x_shape, kernel, stride, padding, "avg_pool2d_backward")
    inside = _inside(geometry)
    share = dy / inside.sum(axis=0, dtype=dy.dtype)
    return _image(share[:, None] * inside, geometry)


def global_avg_pool(x: Array) -> Array:
    """y[c, 0, 0, n] = mean of x[c, :, :, n]; (C, H, W, N) to (C, 1, 1, N)                       (P5)"""
    check_activations(x, 4, "global_avg_pool: x")
    y: Array = x.mean(axis=(1, 2), keepdims=True)
    return y


def global_avg_pool_backward(dy: Array, x_shape: Shape) -> Array:
    """dx = dy / (H·W) everywhere; dy (C, 1, 1, N) to (C, H, W, N)                               (P5)"""
    check_activations(dy, 4, "global_avg_pool_backward: dy")
    C, H, W, N = check_lengths(x_shape, "global_avg_pool_backward: x_shape", 4)
    check_array(dy, (C, 1, 1, N), dy.dtype, "global_avg_pool_backward: dy")
    return np.ones(x_shape, dy.dtype) * (dy / (H * W))


def _windows(x: Array, geometry: Geometry) -> Array:
    """The windows of x, (C, kh·kw, OH, OW, N), zero outside the image."""
    return to_patches(x, geometry).reshape(len(x), -1, *geometry.outputs, x.shape[3])


def _image(dwindows: Array, geometry: Geometry) -> Array:
    """The adjoint of `_windows`."""
    C, K, OH, OW, N = dwindows.shape
    return to_image(dwindows.reshape(C * K, OH * OW * N), geometry)


def _inside(geometry: Geometry) -> Array:
    """Which pixels of each window lie inside the image: (kh·kw, OH, OW, 1) bool."""
    inside: Array = _windows(np.ones((1, *geometry.size, 1), np.bool_), geometry)[0]
    return inside


def _checked(dy: Array, x_shape: Shape, kernel: Any, stride: Any, padding: Any, operation: str) -> Geometry:
    check_activations(dy, 4, f"{operation}: dy")
    C, _, _, N = check_lengths(x_shape, f"{operation}: x_shape", 4)
    geometry = pool_geometry(x_shape, kernel, stride, padding, operation)
    check_array(dy, (C, *geometry.outputs, N), dy.dtype, f"{operation}: dy")
    return geometry
