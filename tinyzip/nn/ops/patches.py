"""Where windows lie over an image, and the way from an image to its patches and back.

Convolution and pooling see an image in a border of padding, x̄, through windows. `base.windows` writes those
windows out as the columns of a matrix; here the border is added on the way there, and cut off on the way
back. The two are adjoint maps, as W3 says, so that each is the backward of the other.
"""

from typing import Any, NamedTuple

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.base.windows import Padding, Pair, col2im, im2col, pad, padding_of, pair, window_count
from tinyzip.nn.ops.checks import Array, Shape


class Geometry(NamedTuple):
    """Where the windows over an image lie."""

    size: Pair  # (H, W)
    kernel: Pair  # (kh, kw)
    stride: Pair  # (sh, sw)
    padding: Padding
    outputs: Pair  # (OH, OW)


def geometry_of(shape: Shape, kernel: Any, stride: Any, padding: Any, operation: str) -> Geometry:
    """The windows of a convolution over images (C, H, W, …); refuses in the name of `operation`."""
    kernel, stride = pair(kernel, f"{operation}: kernel"), pair(stride, f"{operation}: stride")
    padding, size = padding_of(padding, f"{operation}: padding"), (shape[1], shape[2])
    outputs = window_count(size, kernel, stride, padding, f"{operation}: x")
    return Geometry(size, kernel, stride, padding, outputs)


def pool_geometry(shape: Shape, kernel: Any, stride: Any, padding: Any, operation: str) -> Geometry:
    """The same for a pooling: stride None is the kernel, and every window must see a pixel of the image."""
    geometry = geometry_of(shape, kernel, kernel if stride is None else stride, padding, operation)
    if any(max(ends) >= k for ends, k in zip(geometry.padding, geometry.kernel, strict=True)):
        needed = f"less than the window {geometry.kernel} on every side"
        refuse(f"{operation}: padding", geometry.padding, needed)
    return geometry


def to_patches(x: Array, geometry: Geometry) -> Array:
    """x (C, H, W, N) to its patches (C·kh·kw, OH·OW·N), zeros where they hang over its border."""
    return im2col(pad(x, geometry.padding, 0), geometry.kernel, geometry.stride)


def to_image(patches: Array, geometry: Geometry) -> Array:
    """The adjoint: patches (C·kh·kw, OH·OW·N) added up to (C, H, W, N), but for what falls on the border."""
    (H, W), kernel, stride, ((top, bottom), (left, right)), (OH, OW) = geometry
    C, N = patches.shape[0] // (kernel[0] * kernel[1]), patches.shape[1] // (OH * OW)
    image = np.zeros((C, top + H + bottom, left + W + right, N), patches.dtype)
    col2im(patches, kernel, stride, image)
    return image[:, top : top + H, left : left + W]
