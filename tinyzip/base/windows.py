"""Windows over images: how a convolution becomes a matrix product.

A convolution and a pooling both look at an image through a small window that moves in steps. Three
facts about windows are needed everywhere, and they stand here once, for floats and integers alike:

how many there are    OH = ⌊(H + top + bottom − kh) / sh⌋ + 1                               (W1)
what they see         patches[c, i, j, oh, ow, n] = x[c, oh·sh + i, ow·sw + j, n]           (W2)
who saw a pixel       the adjoint of W2: ⟨im2col(x), p⟩ = ⟨x, col2im(p)⟩ for all x, p       (W3)

W1 rounds down: rows that no full window reaches (a stride that leaves a rest over) are not read,
and so get no gradient. W3 is all that the backward of a convolution needs: the derivative of a linear
map is its adjoint, so gradients of patches, added up where they overlap, are gradients of the image.

Arrays are batch last, (C, H, W, N). The matrix of patches then has one row for each (c, i, j) and one
column for each (oh, ow, n), and `weight @ patches` is already the output in its final order. Every
copy below moves runs of at least N neighbouring numbers, so it goes at the speed of memory.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse, said

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]  # ((top, bottom), (left, right))


def pair(value: Any, argument: str, least: int = 1) -> Pair:
    """One whole number, or two, as (rows, columns); each at least `least`."""
    both = (value, value) if isinstance(value, int | np.integer) else value
    if (
        not isinstance(both, tuple | list)
        or len(both) != 2
        or not all(isinstance(v, int | np.integer) and not isinstance(v, bool) for v in both)
        or min(both) < least
    ):
        refuse(argument, said(value), f"a whole number or two of them, {least} or more")
    return int(both[0]), int(both[1])


def padding_of(value: Any, argument: str = "padding") -> Padding:
    """Any of p, (rows, columns), ((top, bottom), (left, right)) in the last, full form."""
    if isinstance(value, tuple | list) and [isinstance(v, tuple | list) for v in value] == [True, True]:
        rows, columns = value
    else:
        rows, columns = pair(value, argument, 0)
    return pair(rows, argument, 0), pair(columns, argument, 0)


def same_padding(size: Pair, kernel: Pair, stride: Pair) -> Padding:
    """The padding that gives ⌈size / stride⌉ windows, the smaller half first: TensorFlow's 'same'."""
    ends = []
    sizes = pair(size, "same_padding: size"), pair(kernel, "same_padding: kernel")
    for length, k, s in zip(*sizes, pair(stride, "same_padding: stride"), strict=True):
        total = max((-(-length // s) - 1) * s + k - length, 0)
        ends.append((total // 2, total - total // 2))
    return ends[0], ends[1]


def wider(first: Padding, second: Padding) -> Padding:
    """Both paddings together."""
    ((top, bottom), (left, right)), ((above, below), (before, after)) = first, second
    return (top + above, bottom + below), (left + before, right + after)


def window_count(size: Pair, kernel: Pair, stride: Pair, padding: Padding, argument: str) -> Pair:
    """(OH, OW) by (W1); refuses a window that is larger than the padded image."""
    (top, bottom), (left, right) = padding
    H, W = size[0] + top + bottom, size[1] + left + right
    if kernel[0] > H or kernel[1] > W:
        found = f"a window of {kernel[0]}×{kernel[1]} on an image of {H}×{W} with its padding"
        refuse(argument, found, "a window no larger than the image")
    return (H - kernel[0]) // stride[0] + 1, (W - kernel[1]) // stride[1] + 1


def pad(x: NDArray[Any], padding: Padding, value: Any, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """x (C, H, W, N) with a border of `value`; x itself where the border is empty.

    out  where to write, (C, top + H + bottom, left + W + right, N)
    """
    (top, bottom), (left, right) = padding
    if not (top or bottom or left or right):
        return x
    C, H, W, N = x.shape
    if out is None:
        out = np.empty((C, top + H + bottom, left + W + right, N), x.dtype)
    out[:, :top] = value
    out[:, top + H :] = value
    out[:, top : top + H, :left] = value
    out[:, top : top + H, left + W :] = value
    out[:, top : top + H, left : left + W] = x
    return out


def strided(
    x: NDArray[Any], shape: tuple[int, ...], strides: tuple[int, ...], row: int = 0, column: int = 0
) -> NDArray[Any]:
    """A view of x from x[:, row, column] on, with strides in bytes. Nothing is copied.

    Of contiguous memory NumPy makes one in a quarter of the time of `as_strided`, and checks its ends.
    """
    if x.flags.c_contiguous:
        start = row * x.strides[1] + column * x.strides[2] if row or column else 0
        return np.ndarray.__new__(type(x), shape, x.dtype, x, start, strides)
    return as_strided(x[:, row:, column:] if row or column else x, shape, strides, subok=True)


def reach_of(kernel: Pair, dilation: Pair) -> Pair:
    """The rows and columns of x that a dilated window lies over: (kh − 1)·dh + 1 and (kw − 1)·dw + 1."""
    return (kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1


def windows(x: NDArray[Any], kernel: Pair, stride: Pair, dilation: Pair = (1, 1)) -> NDArray[Any]:
    """All windows of x (C, H, W, N) as a view (C, kh, kw, OH, OW, N), by (W2). Nothing is copied.

    dilation  how far the places of a window lie apart: i·dh and j·dw stand for i and j in (W2)
    """
    OH, OW = _outputs(x, kernel, stride, "windows: x", dilation)
    C, _, _, N = x.shape
    c, h, w, n = x.strides
    (sh, sw), (dh, dw) = stride, dilation
    view = strided(x, (C, *kernel, OH, OW, N), (c, h * dh, w * dw, h * sh, w * sw, n))
    view.flags.writeable = False
    return view


def im2col(x: NDArray[Any], kernel: Pair, stride: Pair, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """The windows of an already padded x (C, H, W, N), copied to a matrix (C·kh·kw, OH·OW·N).

    out  where to write, (C·kh·kw, OH·OW·N), contiguous; its dtype may be wider than x's
    """
    view = windows(x, kernel, stride)
    C, kh, kw, OH, OW, N = view.shape
    if out is None:
        out = np.empty((C * kh * kw, OH * OW * N), x.dtype)
    np.copyto(out.reshape(view.shape), view)
    return out


def col2im(patches: NDArray[Any], kernel: Pair, stride: Pair, out: NDArray[Any]) -> None:
    """The adjoint (W3) of `im2col`: each patch is added to `out` where it was read.

    patches  (C·kh·kw, OH·OW·N)
    out      (C, H, W, N), added to: clear it first if the sum of these patches alone is wanted
    """
    OH, OW = _outputs(out, kernel, stride, "col2im: out")
    C, _, _, N = out.shape
    shape = C * kernel[0] * kernel[1], OH * OW * N
    if patches.size != shape[0] * shape[1]:
        refuse("col2im: patches", f"shape {patches.shape}", f"{shape}")
    parts = patches.reshape(C, kernel[0], kernel[1], OH, OW, N)
    (kh, kw), (sh, sw) = kernel, stride
    for i in range(kh):
        for j in range(kw):
            out[:, i : i + sh * OH : sh, j : j + sw * OW : sw] += parts[:, i, j]


def _outputs(x: NDArray[Any], kernel: Pair, stride: Pair, argument: str, dilation: Pair = (1, 1)) -> Pair:
    """(OH, OW) of an image without padding."""
    if not isinstance(x, np.ndarray) or x.ndim != 4:
        refuse(argument, getattr(x, "shape", type(x).__name__), "four axes (C, H, W, N)")
    kernel, stride = pair(kernel, "kernel"), pair(stride, "stride")
    reach = reach_of(kernel, dilation)
    return window_count((x.shape[1], x.shape[2]), reach, stride, ((0, 0), (0, 0)), argument)
