"""Additions, products with constants, and tables: one code in, one code out, at each place.

A function of one code is a look-up. A product with a constant is one; and an addition by (AD1) or (AD2) adds
two terms, each a function of one code. So they are worked out for all 256 codes when a program is prepared,
and what is left of an addition is two look-ups, a sum, and a `Scaling`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.bounds import term
from tinyzip.integer.codes import Codes
from tinyzip.integer.fast.memory import bands, take
from tinyzip.integer.fast.scaling import Scaling
from tinyzip.integer.fixedpoint import M0_LEAST, requantize
from tinyzip.integer.maps import Multiply
from tinyzip.integer.residuals import Add
from tinyzip.machine.workspace import Workspace


def look_up(table: NDArray[Any], x: NDArray[Any], y: NDArray[Any], workspace: Workspace) -> None:
    """y = table[x mod 256] (TB1), for codes x of either dtype; table of y's dtype."""
    byte = x.view(np.uint8)
    if table.ndim == 1:
        np.take(table, byte, out=y, mode="wrap")  # other modes would go through a copy of y
        return
    rows = 256 * np.arange(len(x)).reshape(-1, *[1] * (x.ndim - 1))
    for band in bands(len(x), 8 * x[0].size, workspace):
        places = take(x, x[band].shape, np.int64, workspace)
        np.add(byte[band], rows[band], out=places)
        np.take(table.ravel(), places, out=y[band], mode="wrap")


def products_of(operator: Multiply, x: Codes, dtype: Any) -> NDArray[Any]:
    """(TB2) as a table: (256,) for one constant, else (C, 256)."""
    every = np.arange(x.lo, x.hi + 1)
    table = np.zeros((operator.w.size, 256), dtype)
    products = operator.w.astype(np.int64)[:, None] * (every - x.zero)
    table[:, every % 256] = requantize(products, operator.m0, operator.n, operator.y, operator.rounding)
    return table[0] if operator.w.size == 1 else table


def terms_of(operator: Add, codes: Sequence[Codes]) -> list[NDArray[np.int32]]:
    """What each code of either addend gives to the sum, by its byte: two arrays (256,)."""
    tables = [np.zeros(256, np.int32) for _ in codes]
    for k, (table, c) in enumerate(zip(tables, codes, strict=True)):
        every = np.arange(c.lo, c.hi + 1)
        table[every % 256] = term(operator, k, every - c.zero)
    return tables


def scaling_of(operator: Add, bound: int) -> Scaling:
    """How an addition's sum becomes a code. What is rounded once has no multiplier left, only a shift."""
    if operator.rounding == "double":
        return Scaling.of(0, operator.m0[2], operator.n[2], operator.y, "double", bound)
    return Scaling.of(0, M0_LEAST, operator.n[0] + 30, operator.y, "shift", bound)


def add(
    terms: Sequence[NDArray[np.int32]],
    scaling: Scaling,
    x: NDArray[Any],
    other: NDArray[Any],
    y: NDArray[Any],
    workspace: Workspace,
) -> None:
    """y = x + other by (AD1) or (AD2), all of one shape (C, …, N)."""
    sums, second = (take(x, x.shape, np.int32, workspace) for _ in range(2))
    look_up(terms[0], x, sums, workspace)
    look_up(terms[1], other, second, workspace)
    np.add(sums, second, out=sums)
    scaling.apply(sums.reshape(1, -1), y.reshape(1, -1), workspace)
