"""A sliding window, seen as shifted images.

The element (i, j) of all windows together is one strided slice of the image: shifted by (i, j), a
step of one stride apart. Poolings and depthwise convolutions are then a short loop over the elements
of the window, each turn a few whole-array operations, and need neither patches nor a padded copy:
where the shifted image hangs over the border, the slice is simply shorter.
"""

from collections.abc import Iterator

from tinyzip.base.windows import Padding, Pair

Slices = tuple[slice, slice]
Windows = tuple[Pair, Pair, Pair, Padding, Pair]  # size, kernel, stride, padding, outputs


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


def shifts(
    size: Pair, kernel: Pair, stride: Pair, padding: Padding, count: Pair
) -> Iterator[tuple[int, int, Slices, Slices]]:
    """For each element (i, j) of the window, in row-major order: i, j, (rows, columns) of the output
    whose window has that element inside the image, and (rows, columns) of the image it falls on."""
    for i in range(kernel[0]):
        out_rows, rows = reach(i, stride[0], padding[0][0], size[0], count[0])
        for j in range(kernel[1]):
            out_columns, columns = reach(j, stride[1], padding[1][0], size[1], count[1])
            yield i, j, (out_rows, out_columns), (rows, columns)
