"""Depth: additions, products, tables: at each place one code in, one code out. And the softmax.

A function of one code is a look-up (TB1). A product with a constant is one; and an addition by (AD1) or (AD2)
adds two terms, each a function of one code:

    acc = t₀[x mod 256] + t₁[o mod 256]                                                            (TB3)

So they are worked out for all 256 codes when a program is prepared, and what is left of an addition is two
look-ups, a sum, and a `Scaling`. A product of two outputs (PD1) is the same with factors for terms.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.bounds import SOFTMAX_ONE, term
from tinyzip.integer.codes import Array, Codes
from tinyzip.integer.fast.memory import VALUE, blocks, take
from tinyzip.integer.fast.scaling import Scaling
from tinyzip.integer.maps import Multiply
from tinyzip.integer.ops import apply
from tinyzip.integer.residuals import Add, Product
from tinyzip.integer.softmax import reciprocals, shifted
from tinyzip.machine.workspace import Workspace


def look_up(table: Array, x: Array, y: Array, workspace: Workspace) -> None:
    """y = table[x mod 256] (TB1), for codes x of either dtype; table of y's dtype."""
    byte = x.view(np.uint8)
    if table.ndim == 1:
        np.take(table, byte, out=y, mode="wrap")  # other modes would go through a copy of y
        return
    rows = 256 * np.arange(len(x)).reshape(-1, *[1] * (x.ndim - 1))
    for block in blocks(len(x), 8 * x[0].size, workspace):
        places = take(x, x[block].shape, np.int64, workspace)
        np.add(byte[block], rows[block], out=places)
        np.take(table.ravel(), places, out=y[block], mode="wrap")


def products_of(operator: Multiply, x: Codes, dtype: Any) -> Array:
    """(TB2) as a table: (256,) for one constant, else (C, 256)."""
    every = np.arange(x.lo, x.hi + 1)
    table = np.zeros((operator.w.size, 256), dtype)  # all of it stands in files of ONNX
    table[:, every % 256] = apply(operator, [np.tile(every, (len(table), 1))], [x], operator.y)
    return table[0] if len(table) == 1 else table


def terms_of(operator: Add | Product, codes: Sequence[Codes]) -> list[NDArray[np.int32]]:
    """What each code of either addend gives to the sum, or each factor, by its byte: two arrays (256,)."""
    tables = [np.zeros(256, np.int32) for _ in codes]
    for k, (table, c) in enumerate(zip(tables, codes, strict=True)):
        every = np.arange(c.lo, c.hi + 1)
        table[every % 256] = term(operator, k, every - c.zero)
    return tables


def scaling_of(operator: Add | Product, bound: int) -> Scaling:
    """How an addition's sum becomes a code, or a product."""
    m0, n, rounding = operator.of_sum
    return Scaling.of(0, m0, n, operator.y, rounding, bound)


def combine(
    function: np.ufunc,
    terms: Sequence[NDArray[np.int32]],
    scaling: Scaling,
    x: Array,
    other: Array,
    y: Array,
    workspace: Workspace,
) -> None:
    """y = x + other by (TB3), all of one shape (C, …, N); or x·other, which may be (C, 1, 1, N).

    function  np.add or np.multiply
    """
    sums, second = (take(x, array.shape, np.int32, workspace) for array in (x, other))
    look_up(terms[0], x, sums, workspace)
    look_up(terms[1], other, second, workspace)
    function(sums, second, out=sums)
    scaling.apply(sums.reshape(1, -1), y.reshape(1, -1), workspace)


def softmax(table: NDArray[np.int64], x: Array, y: Array, workspace: Workspace) -> None:
    """`softmax.softmax` of codes x (C, …, N) in place, some rows or examples after the other."""
    for block in blocks(x.shape[1], 2 * VALUE * x[:, 0].size, workspace):
        seen, out = x[:, block], y[:, block]
        d, e = (take(x, seen.shape, np.int64, workspace) for _ in range(2))
        np.subtract(seen, seen.max(0), out=d, dtype=np.int64)
        np.add(d, 255, out=d)
        np.take(shifted(table, 31 - SOFTMAX_ONE), d, out=e, mode="wrap")
        r, b = reciprocals(e.sum(0))
        np.take(table, d, out=e, mode="wrap")
        np.multiply(e, r, out=e)
        np.add(e, 1 << 30, out=e)
        np.right_shift(e, 31, out=e)
        np.add(e, 1 << (22 + b), out=e)
        np.right_shift(e, 23 + b, out=e)
        np.minimum(e, 255, out=e)
        np.subtract(e, 128, out=out, casting="unsafe")
