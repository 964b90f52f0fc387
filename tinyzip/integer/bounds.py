"""How large an accumulator can grow: the proof that nothing overflows.

Over all inputs whose codes lie in x.lo … x.hi, and over all orders in which the products may be added,
no partial sum of output f is further from 0 than

    bound_f = Σ |w|·R + |bias|,   R = max |x − x.zero|                (B1)

since a partial sum is a sum of some of the terms, and each term is at most its magnitude. The bound is tight:
where the codes reach as far on both sides of zero, or an output's weights and bias all pull one way, some
input attains it. A code that comes out of a ReLU lies on one side of its zero, which R knows. The bound of an
operator is that of its largest output. It picks the narrowest integers that provably hold every sum:

    bound < 2¹⁵ → int16,   bound < 2³¹ → int32,   else the program is refused       (B2)

and, below 2²⁴, it proves that float32 holds every partial sum exactly, which `gemm.py` uses.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.codes import Codes
from tinyzip.integer.operators import AvgPool2d, GlobalAvgPool, Operator, Weighted

INT16_MOST, INT32_MOST = 2**15 - 1, 2**31 - 1


def channel_bounds(operator: Weighted, x: Codes) -> NDArray[np.int64]:
    """(B1) for each output, (F,) int64."""
    sums = np.abs(operator.w.astype(np.int64)).reshape(len(operator.w), -1).sum(1)
    bounds: NDArray[np.int64] = sums * x.reach + np.abs(operator.bias.astype(np.int64))
    return bounds


def bound_of(operator: Operator, x: Codes, shape: tuple[int, ...]) -> int:
    """The largest magnitude that a sum of this operator can have on an input of codes x and this shape.

    A mean on its own grid adds codes, and half the count to round; one that requantizes adds code − zero.
    Operators that add nothing have 0.
    """
    match operator:
        case Weighted():
            return int(channel_bounds(operator, x).max())
        case AvgPool2d():
            return mean_bound(operator.kernel[0] * operator.kernel[1], x)
        case GlobalAvgPool():
            count = shape[1] * shape[2]
            return mean_bound(count, x) if operator.y is None else count * x.reach
    return 0


def mean_bound(count: int, x: Codes) -> int:
    """The largest |Σ code| + ⌊count/2⌋ over `count` codes."""
    return count * max(-x.lo, x.hi) + count // 2


def accumulator_of(bound: int) -> np.dtype[Any]:
    """int16 or int32 by (B2); a program with a larger bound was refused when it was built."""
    return np.dtype(np.int16 if bound <= INT16_MOST else np.int32)
