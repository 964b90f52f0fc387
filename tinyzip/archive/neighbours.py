"""What stands around a weight.

A weight of a filter is not drawn alone. Beside it in its kernel stands one of the same sign more often than
not, for filters are smooth; after large ones come large ones; and some channels are weak throughout. All of
this a coder may use, as long as it only looks at weights that have passed, in the order of the array.

A tensor is seen as (F, C, H, W): outputs, inputs, and a kernel for each pair. Where kernels have more than
one entry, the neighbours of a weight are the one left of it and the one above it in its kernel; else those
in the matrix of outputs and inputs. A neighbour beyond the edge is 0. A fully connected layer that follows
a flattened image is seen as what it is, kernels as large as that image.

Magnitudes m are told apart by half octaves, 0 1 2 3 4 4 5 5 6 6 6 6 7 …; from m = 2 up that is

level(m) = min(2·⌊log₂ m⌋ + the bit after the first, 19)                                       (E8)
"""

from collections.abc import Iterator
from math import prod

import numpy as np

from tinyzip.archive.coder import Symbols

View = tuple[int, int, int, int]
LEVELS = 20
MAGNITUDES = 1 << 12  # levels and lengths are listed for all below


def _level(m: int) -> int:
    """(E8)."""
    octave = m.bit_length() - 1
    return m if m < 2 else min(2 * octave + (m >> (octave - 1) & 1), LEVELS - 1)


LEVEL = np.array([_level(m) for m in range(MAGNITUDES)])
LENGTH = np.array([m.bit_length() for m in range(MAGNITUDES)])


def plane(view: View) -> tuple[int, int]:
    """Rows and columns of the planes in which weights have neighbours: kernels, or the whole matrix."""
    F, C, H, W = view
    return (H, W) if H * W > 1 else (F, C)


def places(view: View) -> Iterator[tuple[int, int, int]]:
    """The index of each weight, of its left and of its upper neighbour; −1 beyond the edge."""
    rows, columns = plane(view)
    for row in range(prod(view) // columns):
        first = row * columns
        for i in range(first, first + columns):
            yield i, i - 1 if i > first else -1, i - columns if row % rows else -1


def neighbours(codes: Symbols, view: View) -> tuple[Symbols, Symbols]:
    """The left and the upper neighbour of each of the codes (N,); both (N,)."""
    grid = codes.reshape(-1, *plane(view))
    left, up = np.zeros_like(grid), np.zeros_like(grid)
    left[:, :, 1:], up[:, 1:] = grid[:, :, :-1], grid[:, :-1]
    return left.ravel(), up.ravel()


def sign_class(left: Symbols, up: Symbols) -> Symbols:
    """The signs of both neighbours as one number from 0 to 8: 3·sign(left) + sign(up) + 4."""
    return 3 * np.sign(left) + np.sign(up) + 4


def channel_level(codes: Symbols, view: View) -> Symbols:
    """level(⌊4·mean of the output⌋ + ⌊4·mean of the input⌋) before each of the codes (N,); (N,).

    The means are of magnitudes, over what has passed of the same output and of the same input; of nothing, 0.
    """
    F, C, H, W = view
    outputs = np.abs(codes).reshape(F, C * H * W)
    inputs = outputs.reshape(F, C, H * W).transpose(1, 0, 2).reshape(C, F * H * W)
    of_input = _means(inputs).reshape(C, F, H * W).transpose(1, 0, 2)
    levels: Symbols = LEVEL[_means(outputs).ravel() + of_input.ravel()]
    return levels


def _means(magnitudes: Symbols) -> Symbols:
    """⌊4·mean⌋ of what stands before, in each row."""
    before: Symbols = np.cumsum(magnitudes, 1) - magnitudes
    return 4 * before // np.maximum(np.arange(magnitudes.shape[1]), 1)
