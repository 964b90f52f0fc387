"""Depth: a sliding window, seen as shifted images.

The element (i, j) of all windows together is one strided slice of the image: shifted by (i, j), a step of one
stride apart. So what is taken over each window can be taken over whole images, one element of the window at a
time. In NumPy's notation of slices,

y = max_{i,j} x̄[:, i : i + sh·OH : sh, j : j + sw·OW : sw],   a mean or a sum of products likewise   (X7)

in kh·kw rounds of a few whole-array operations each. X7 applies to poolings and to gradients of depthwise
kernels. It needs neither patches nor a padded copy: over the border the slice is simply shorter.
"""

from collections.abc import Iterator

from tinyzip.nn.ops.patches import Geometry

Slices = tuple[slice, slice]


def shifts(geometry: Geometry) -> Iterator[tuple[int, int, Slices, Slices]]:
    """For each element (i, j) of the window, in row-major order: i, j, (rows, columns) of the output
    whose window has that element inside the image, and (rows, columns) of the image it falls on."""
    (H, W), (kh, kw), (sh, sw), ((top, _), (left, _)), (OH, OW) = geometry
    for i in range(kh):
        out_rows, rows = reach(i, sh, top, H, OH)
        for j in range(kw):
            out_columns, columns = reach(j, sw, left, W, OW)
            yield i, j, (out_rows, out_columns), (rows, columns)


def reach(offset: int, stride: int, before: int, length: int, count: int) -> Slices:
    """The windows o, of 0 … count − 1, whose element `offset` falls inside the image: those with
    0 ≤ o·stride + offset − before < length.

    returns  (their o, the positions they fall on), two slices of the same length
    """
    first = max(0, -((offset - before) // stride))
    last = min(count - 1, (length - 1 + before - offset) // stride)
    start = first * stride + offset - before
    many = max(0, last - first + 1)
    return slice(first, first + many), slice(start, start + many * stride, stride)
