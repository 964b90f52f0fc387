"""Additions, products with constants, and tables: one code in, one code out, at each place.

An addition by (AD1) or (AD2) adds two terms, and a term is a function of one code. So each is worked out for
all 256 codes when a program is prepared, and what is left of an addition is two look-ups, a sum, and a
`Scaling`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.bounds import term
from tinyzip.integer.codes import Codes
from tinyzip.integer.fixedpoint import M0_LEAST
from tinyzip.integer.maps import Multiply
from tinyzip.integer.residuals import Add
from tinyzip.integer.scaling import Scaling, take
from tinyzip.machine.workspace import Workspace


def look_up(table: NDArray[Any], x: NDArray[Any], y: NDArray[Any], workspace: Workspace) -> None:
    """y = table[x mod 256] (TB1), for codes x of either dtype; table of y's dtype."""
    bytes_of_x = x.view(np.uint8)
    if table.ndim == 1:
        np.take(table, bytes_of_x, out=y, mode="wrap")  # other modes would go through a copy of y
        return
    for row, channel, out in zip(table, bytes_of_x, y, strict=True):
        np.take(row, channel, out=out, mode="wrap")


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


def multiply_constant(
    operator: Multiply,
    scaling: Scaling,
    x_codes: Codes,
    x: NDArray[Any],
    y: NDArray[Any],
    workspace: Workspace,
) -> None:
    """y = w·x a channel, requantized (TB2)."""
    products = take(x, x.shape, np.int32, workspace)
    np.subtract(x, np.int32(x_codes.zero), out=products, dtype=np.int32)
    np.multiply(products, operator.w.astype(np.int32).reshape(-1, *[1] * (x.ndim - 1)), out=products)
    scaling.apply(products.reshape(1, -1), y.reshape(1, -1), workspace)
