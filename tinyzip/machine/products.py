"""Depth: matrix products in pieces so small that BLAS multiplies them where they lie.

Before it multiplies, BLAS copies both factors into the order in which its innermost loop reads them. Between
large matrices each number is copied once and used hundreds of times; but the factor that stands for a layer's
weights has ten or twenty rows, and there the copies take longer than the product. OpenBLAS's kernels for
AVX-512 have a second way, without any copy, for products of no more than 10⁶ multiplications. So a wide
product is cut into some of those, with B a number of columns and A of rows,

    (w·x)[A, B] = w[A]·x[:, B]                                                                  (MP1)

Every sum is still over all of K, so whole numbers come out the same, and real ones within the rounding of a
sum in another order. Where both factors lie along the axis of the sum, as in a gradient of weights, the
second way is open to results of at most 1,024 entries; so these are cut, too, with D some rows of the other
factor, and the sum is over pieces of columns,

    (x·yᵀ)[A, D] = Σ_B x[A, B]·y[D, B]ᵀ                                                         (MP2)

OpenBLAS says which kernels it chose; with others, or another BLAS, nothing is cut, which is only slower.
"""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.machine import blas
from tinyzip.machine.workspace import Workspace

Array = NDArray[Any]

KERNELS = {"SkylakeX", "Cooperlake", "SapphireRapids"}  # those of OpenBLAS that have a way without copies
MOST = 10**6  # multiplications of a product that goes this way
COLUMNS = 64  # what these kernels take at once
WIDEST = 8 * COLUMNS  # more at a time gains nothing: measured
THIN = 16  # rows that a piece of w must have, or the copies are cheaper: measured
ALONE = 64  # columns that are enough for a product of their own
ENTRIES = 1024  # of a result x·yᵀ that goes this way
SIDE = 32  # rows of y in a piece, at most


@functools.cache
def has_small_kernels() -> bool:
    """Whether BLAS multiplies small matrices without copying them first."""
    found = blas.openblas()
    return found is not None and found.kernels in KERNELS


def pieces_of(M: int, K: int) -> tuple[int, int]:
    """How many rows of w, (M, K), and how many columns of x meet at once in (MP1); (M, 0) if all do."""
    most = MOST // (COLUMNS * K)
    if most < min(M, THIN):
        return M, 0
    parts = -(-M // most)
    rows = M if parts == 1 else min(-(-M // (4 * parts)) * 4, most)
    return rows, min(MOST // (rows * K * COLUMNS) * COLUMNS, WIDEST)


def multiply(w: Array, x: Array, out: Array) -> None:
    """out = w·x                                                                               (MP1)

    w  (…, M, K)
    x  (…, K, P); out (…, M, P)
    """
    (M, K), P = w.shape[-2:], x.shape[-1]
    rows, columns = pieces_of(M, K)
    small = M * K * P <= MOST or max(columns, COLUMNS) >= P
    if small or not columns or x.dtype != np.float32 or not has_small_kernels():
        np.matmul(w, x, out=out)
        return
    whole = P - P % columns
    pieces = cut(x[..., :whole], columns)
    for start in range(0, M, rows):
        part, found = w[..., start : start + rows, :], out[..., start : start + rows, :]
        np.matmul(part[..., None, :, :], pieces, out=cut(found[..., :whole], columns))
        if whole < P:
            np.matmul(part, x[..., whole:], out=found[..., whole:])


def multiply_transposed(x: Array, y: Array, out: Array, workspace: Workspace) -> None:
    """out = Σ_s x[s]·y[s]ᵀ                                                                    (MP2)

    x    (…, S, L, P)
    y    (…, S, F, P)
    out  (…, L, F)
    """
    (L, P), F = x.shape[-2:], y.shape[-2]
    few, most, width = transposed_pieces_of(L, F, P, x.dtype == np.float32 and has_small_kernels())
    whole = P - P % width
    for first in range(0, L, most):
        left = x[..., first : first + most, :]
        for other in range(0, F, few):
            right = y[..., other : other + few, :]
            target = out[..., first : first + most, other : other + few]
            with workspace.scratch():
                count = *x.shape[:-2], whole // width
                parts = workspace.empty((*count, *target.shape[-2:]), out.dtype)
                turned = cut(right[..., :whole], width).swapaxes(-1, -2)
                np.matmul(cut(left[..., :whole], width), turned, parts)
                np.add.reduce(parts, axis=(-4, -3), out=target)
            if whole < P:
                rest = np.matmul(left[..., whole:], right[..., whole:].swapaxes(-1, -2))
                target += np.add.reduce(rest, axis=-3)


def transposed_pieces_of(L: int, F: int, P: int, small: bool) -> tuple[int, int, int]:
    """How many rows of y, rows of x, and columns meet at once in (MP2); all without small kernels."""
    if not small:
        return F, L, P
    few = even(F, SIDE)
    most = even(L, ENTRIES // few)
    return few, most, even(P, MOST // (few * most))


def even(length: int, most: int) -> int:
    """The length of equal pieces, the last one perhaps shorter, none longer than `most`."""
    return -(-length // -(-length // most))


def cut(x: Array, width: int) -> Array:
    """x (…, K, n·width) as (…, n, K, width): a view."""
    return x.reshape(*x.shape[:-1], -1, width).swapaxes(-2, -3)
