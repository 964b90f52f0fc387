"""Fully connected layers on codes, and what convolutions have in common with them.

    centre      x − x.zero, in the dtype of the product
    multiply    acc (F, …), see `gemm`; two inputs at once where the sums leave room, see `lanes`
    requantize  to codes, the bias added on the way, see `scaling` and `steps`

Since the bias comes last, the sums of products need no room for it: their own bound, Σ |w|·R, picks the
dtype.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.bounds import channel_bounds, product_bounds
from tinyzip.integer.codes import Codes
from tinyzip.integer.fast.gemm import Product, integers, is_cheap, multiply, product_dtype
from tinyzip.integer.fast.lanes import base_of, largest_sum, pack, pays, scale_down, unpack
from tinyzip.integer.fast.memory import take
from tinyzip.integer.fast.scaling import Scaling
from tinyzip.integer.fast.steps import Steps
from tinyzip.integer.operators import MaxPool2d, Weighted
from tinyzip.machine.workspace import Workspace


@dataclass(frozen=True)
class Prepared:
    """A weighted operator with what can be worked out once for a program.

    x      the codes that it reads
    w      as the operator's, of the product's dtype
    base   B of (LN2) where a product can take two inputs, or 0
    steps  what requantizes floats, or None where that is not proved
    """

    x: Codes
    w: NDArray[Any]
    base: int
    scaling: Scaling
    steps: Steps | None

    @classmethod
    def of(cls, operator: Weighted, x: Codes, product: Product, pool: MaxPool2d | None = None) -> "Prepared":
        """x: codes read; pool: the one behind, whose clamp is the narrower."""
        limits = product_bounds(operator, x)
        dtype = product_dtype(int(limits.max()), product)
        y = operator.y if pool is None or pool.y is None else pool.y
        bounds = channel_bounds(operator, x)
        scaling = Scaling.of(operator.bias, operator.m0, operator.n, y, operator.rounding, bounds)
        steps = Steps.of(operator, scaling, limits, dtype) if is_cheap(dtype) else None
        base = base_of(largest_sum(operator, x)) if is_cheap(dtype) else 0
        return cls(x, operator.w.astype(dtype), base, scaling, steps)

    def finish(self, acc: NDArray[Any], y: NDArray[Any], workspace: Workspace) -> None:
        """acc (F, P), without its bias, to codes y (F, P)."""
        if self.steps is not None:
            self.steps.apply(acc, y, workspace)
        else:
            self.scaling.apply(integers(acc, workspace), y, workspace)


def linear(step: Prepared, x: NDArray[Any], y: NDArray[Any], workspace: Workspace) -> None:
    """Codes x (C, N) to codes y (F, N)."""
    (F, C), N, dtype = step.w.shape, x.shape[1], step.w.dtype
    centred, acc = take(x, x.shape, dtype, workspace), take(x, (F, N), dtype, workspace)
    if step.x.zero:  # dtype= because NumPy 1 would subtract a small number in int8, and wrap
        np.subtract(x, dtype.type(step.x.zero), out=centred, dtype=dtype)
    else:
        np.copyto(centred, x)
    if N > 1 and step.base and pays(F, C, C):
        half = -(-N // 2)
        packed, sums = (take(x, (rows, half), dtype, workspace) for rows in (C, F))
        pack(centred[:, :half], centred[:, half:], step.base, packed)
        multiply(step.w, packed, sums)
        first, second = unpack(sums, step.base, workspace)
        np.copyto(acc[:, :half], first)
        scale_down(second, step.base)
        np.copyto(acc[:, half:], second[:, : N - half])
    else:
        multiply(step.w, centred, acc)
    step.finish(acc, y, workspace)
