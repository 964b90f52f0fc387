"""Convolution and its three gradients: im2col, a matrix product, col2im.

y[f, oh, ow, n] = b[f] + Σ_{c,i,j} w[f, c, i, j] · x̄[c, oh·sh + i, ow·sw + j, n]               (C1)

with x̄ the image x in a border of zeros. (What neural networks call convolution is the textbook's
correlation: the kernel is not flipped.) With the windows of x̄ as the columns of a matrix, its patches, C1 is
a linear map, and its derivatives are those of any [Goodfellow, Bengio, Courville, Deep Learning, 2016, §9.5]:

y = w·patches + b,   patches = im2col(x̄)                                                        (C2)
dw = dy·patchesᵀ,   db = Σ dy,   dx̄ = col2im(wᵀ·dy)                                             (C3)

Groups cut the channels into G convolutions side by side: number g reads the g-th part of the channels and
writes the g-th part of the maps. C2 and C3 hold in each, and g is the first axis of every matrix below. Where
each channel is a group of its own (depthwise), C1 is a plain sum of shifted images, each times one weight:

y[f, oh, ow, n] = b[f] + Σ_{i,j} w[f, i, j] · x̄[c, oh·sh + i, ow·sw + j, n],   c = ⌊f·C/F⌋      (C4)
"""

from typing import Any

from tinyzip.nn.ops.checks import Array, check_activations, check_array, check_groups, check_weights
from tinyzip.nn.ops.patches import Geometry, geometry_of, to_image, to_patches


def conv2d(
    x: Array, w: Array, b: Array | None = None, stride: Any = 1, padding: Any = 0, groups: int = 1
) -> Array:
    """y = w·im2col(x̄) + b                                                                      (C2)

    x        (C, H, W, N) floating point
    w        (F, C / groups, kh, kw) of x's dtype
    b        (F,) of x's dtype, or None
    stride   one number or (rows, columns)
    padding  one number, (rows, columns), or ((top, bottom), (left, right)); filled with zeros
    returns  (F, OH, OW, N); rows and columns that no whole window reaches are not read
    raises   ValueError or TypeError for arrays and sizes that do not fit
    """
    geometry = _checked(x, w, b, stride, padding, groups, "conv2d")
    y = by_group(w, groups) @ by_group(to_patches(x, geometry), groups)
    y = y.reshape(len(w), *geometry.outputs, -1)
    return y if b is None else y + b[:, None, None, None]


def conv2d_backward(
    dy: Array, x: Array, w: Array, stride: Any = 1, padding: Any = 0, groups: int = 1
) -> tuple[Array, Array, Array]:
    """dw = dy·im2col(x̄)ᵀ,   db = Σ dy,   dx̄ = col2im(wᵀ·dy)                                    (C3)

    dy       (F, OH, OW, N), the gradient of the loss by y; the other arguments as in `conv2d`
    returns  dx (C, H, W, N), dw as w, db (F,)
    raises   ValueError or TypeError for arrays and sizes that do not fit
    """
    geometry = _checked(x, w, None, stride, padding, groups, "conv2d_backward")
    check_array(dy, (len(w), *geometry.outputs, x.shape[3]), x.dtype, "conv2d_backward: dy")
    maps, kernels, patches = (by_group(a, groups) for a in (dy, w, to_patches(x, geometry)))
    dw = maps @ patches.swapaxes(1, 2)
    dpatches = kernels.swapaxes(1, 2) @ maps
    dx = to_image(dpatches.reshape(-1, dpatches.shape[2]), geometry)
    return dx, dw.reshape(w.shape), dy.sum(axis=(1, 2, 3))


def by_group(a: Array, groups: int) -> Array:
    """A matrix for each group: w (G, F/G, C/G·kh·kw), patches (G, C/G·kh·kw, P), dy (G, F/G, P)."""
    return a.reshape(groups, len(a) // groups, -1)


def _checked(
    x: Array, w: Array, b: Array | None, stride: Any, padding: Any, groups: int, operation: str
) -> Geometry:
    """Check the arrays against each other, and lay out the windows."""
    check_activations(x, 4, f"{operation}: x")
    check_weights(w, "(F, C / groups, kh, kw)", f"{operation}: w")
    check_groups(groups, x.shape[0], len(w), operation)
    check_array(w, (len(w), x.shape[0] // groups, *w.shape[2:]), x.dtype, f"{operation}: w")
    if b is not None:
        check_array(b, (len(w),), x.dtype, f"{operation}: b")
    return geometry_of(x.shape, w.shape[2:], stride, padding, operation)
