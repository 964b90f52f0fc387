"""Depth: fully connected layers on codes, and what convolutions have in common with them.

    centre      x − x.zero, in the dtype of the product
    multiply    acc (F, …), see `gemm`; two inputs at once where the sums leave room, see `lanes`
    requantize  to codes, the bias added on the way, see `scaling` and `steps`

Since the bias comes last, the sums of products need no room for it: their bound, Σ |w|·R, picks the dtype.
"""

from dataclasses import dataclass

import numpy as np

from tinyzip.integer.codes import Array, Codes
from tinyzip.integer.fast.gemm import as_integers, multiply
from tinyzip.integer.fast.lanes import pack, scale_down, unpack
from tinyzip.integer.fast.memory import take
from tinyzip.integer.fast.scaling import Scaling
from tinyzip.integer.fast.steps import Steps
from tinyzip.machine.workspace import Workspace


@dataclass(frozen=True)
class Prepared:
    """A weighted operator with what can be worked out once for a program.

    x        the codes that it reads
    w        as the operator's, of the product's dtype
    base     B of (LN2) where a product takes two inputs, or 0
    scaling  what requantizes its sums
    steps    what requantizes them in floats, or None where that is not proved
    """

    x: Codes
    w: Array
    base: int
    scaling: Scaling
    steps: Steps | None

    def finish(self, acc: Array, y: Array, workspace: Workspace) -> None:
        """acc (F, P), without its bias, to codes y (F, P)."""
        if self.steps is not None:
            self.steps.apply(acc, y, workspace)
        else:
            self.scaling.apply(as_integers(acc, workspace), y, workspace)


def linear(layer: Prepared, x: Array, y: Array, workspace: Workspace) -> None:
    """Codes x (C, N) to codes y (F, N)."""
    (F, C), N, dtype = layer.w.shape, x.shape[1], layer.w.dtype
    centred, acc = take(x, x.shape, dtype, workspace), take(x, (F, N), dtype, workspace)
    if layer.x.zero:  # dtype= because NumPy 1 would subtract a small number in int8, and wrap
        np.subtract(x, dtype.type(layer.x.zero), out=centred, dtype=dtype)
    else:
        np.copyto(centred, x)
    if N > 1 and layer.base:
        half = -(-N // 2)
        packed, sums = (take(x, (rows, half), dtype, workspace) for rows in (C, F))
        pack(centred[:, :half], centred[:, half:], layer.base, packed)
        multiply(layer.w, packed, sums)
        first, second = unpack(sums, layer.base, workspace)
        np.copyto(acc[:, :half], first)
        scale_down(second, layer.base)
        np.copyto(acc[:, half:], second[:, : N - half])
    else:
        multiply(layer.w, centred, acc)
    layer.finish(acc, y, workspace)
