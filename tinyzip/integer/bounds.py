"""How large an accumulator can grow: the proof that nothing overflows.

Over all inputs whose codes lie in x.lo … x.hi, and over all orders in which the products may be added,
no partial sum of output f is further from 0 than

    bound_f = Σ |w|·R + |bias|,   R = max |x − x.zero|                (B1)

since a partial sum is a sum of some of the terms, and each term is at most its magnitude. The bound is tight:
where the codes reach as far on both sides of zero, or an output's weights and bias all pull one way, some
input attains it. A code that comes out of a ReLU lies on one side of its zero, which R knows. The bound of an
operator is that of its largest output. It picks the narrowest integers that provably hold every sum:

    bound < 2¹⁵ → int16,   bound < 2³¹ → int32,   else the program is refused       (B2)

and, below 2²⁴, it proves that float32 holds every partial sum exactly, which `fast/gemm.py` uses, and
`fast/lanes.py` twice over.

An addition has two terms only, and each is a monotone function of one code, so that the extremes lie at the
ends of the codes:

    bound = max(|tₓ(x.lo)|, |tₓ(x.hi)|) + max(|tₒ(o.lo)|, |tₒ(o.hi)|)              (B3)  t as in (AD1), (AD2)

with 2ⁿ⁻¹ more in (AD2), where that is added to the sum to round it. A product reaches R of x times R of o.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.codes import Array, Codes
from tinyzip.integer.fixedpoint import rescale
from tinyzip.integer.maps import Multiply, Softmax
from tinyzip.integer.operators import AvgPool2d, GlobalAvgPool, Operator, Weighted
from tinyzip.integer.residuals import ADD_SHIFT, Add, Product

INT16_MOST, INT32_MOST = 2**15 - 1, 2**31 - 1
FLOAT_EXACT = 2**24  # float32 holds every whole number up to here
SOFTMAX_ONE = 19  # e⁰ is 2¹⁹ in a softmax's sum


def product_bounds(operator: Weighted, x: Codes) -> NDArray[np.int64]:
    """(B1) without the bias: Σ |w|·R for each output, (F,) int64."""
    sums = np.abs(operator.w.astype(np.int16)).reshape(len(operator.w), -1).sum(1, dtype=np.int64)
    bounds: NDArray[np.int64] = sums * x.reach
    return bounds


def product_ends(operator: Weighted, x: Codes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The least and the greatest sum of products of each output, (F,) int64 each: both are attained.

    Each product is least at one end of the codes x, at the lower one where its weight is positive.
    """
    w = operator.w.reshape(len(operator.w), -1)
    up, down = (part.sum(1, dtype=np.int64) for part in (np.maximum(w, 0), np.minimum(w, 0)))
    low, high = x.lo - x.zero, x.hi - x.zero
    return up * low + down * high, up * high + down * low


def channel_bounds(operator: Weighted, x: Codes) -> NDArray[np.int64]:
    """(B1) for each output, (F,) int64."""
    bounds: NDArray[np.int64] = product_bounds(operator, x) + np.abs(operator.bias.astype(np.int64))
    return bounds


def bound_of(operator: Operator, codes: Sequence[Codes], shape: tuple[int, ...]) -> int:
    """The largest magnitude that a sum of this operator can have on inputs of these codes.

    codes  those that the operator reads, in the order of `Operator.reads`
    shape  of one example of the first of them

    A mean on its own grid adds codes, and half the count to round; one that requantizes adds code − zero.
    A softmax adds up to C ones of 2¹⁹. Operators that add nothing have 0.
    """
    x = codes[0]
    match operator:
        case Weighted():
            return int(channel_bounds(operator, x).max())
        case AvgPool2d():
            return mean_bound(operator.kernel[0] * operator.kernel[1], x)
        case GlobalAvgPool():
            count = shape[1] * shape[2]
            return mean_bound(count, x) if operator.sums_codes() else count * x.reach
        case Multiply():
            return int(np.abs(operator.w).max()) * x.reach
        case Add():
            half = 0 if operator.rounding == "double" else 1 << (int(operator.n[0]) - 1)
            ends = (term(operator, k, np.array([c.lo, c.hi]) - c.zero) for k, c in enumerate(codes))
            return sum(int(np.abs(end).max()) for end in ends) + half
        case Product():
            return x.reach * codes[1].reach
        case Softmax():
            return shape[0] << SOFTMAX_ONE
    return 0


def term(operator: Add | Product, k: int, centred: Array) -> NDArray[np.int64]:
    """What addend k gives to the sum of (AD1) or (AD2), from its codes minus their zero; or factor k."""
    if isinstance(operator, Product):
        return centred.astype(np.int64)
    m0, n = operator.m0[k], operator.n[k]
    if operator.rounding == "single":
        terms: NDArray[np.int64] = centred.astype(np.int64) * m0
    else:
        terms = rescale(centred.astype(np.int64) << ADD_SHIFT, m0, n, "double")
    return terms


def mean_bound(count: int, x: Codes) -> int:
    """The largest |Σ code| + ⌊count/2⌋ over `count` codes."""
    return count * max(-x.lo, x.hi) + count // 2


def accumulator_of(bound: int) -> np.dtype[Any]:
    """int16 or int32 by (B2); a program with a larger bound was refused when it was built."""
    return np.dtype(np.int16 if bound <= INT16_MOST else np.int32)
