"""Depth: results in memory that is there already.

A textbook operation asks for new memory for all that it computes. In a training step these are some
megabytes, and the first touch of a new page costs more than the arithmetic done in it. But the value of a
function does not depend on where it is written,

f(x) written over old memory = f(x) written into new                                            (X2)

so every stage takes its arrays from a `Workspace`, which hands out the same memory in every step. X2 holds as
long as nothing is read after it was given back. What is here has no other law: D1 is a product, N4 a mask.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.stage import Gradients, Output, Single
from tinyzip.nn.fast.sums import total
from tinyzip.nn.layer import Arrays, Draws
from tinyzip.nn.layers import Dropout, Linear
from tinyzip.nn.ops.checks import Array


@dataclass(frozen=True)
class FastLinear(Single[Linear]):
    """A Linear, by X2."""

    def forward(self, p: Arrays, x: Array, *, workspace: Workspace, **_: Any) -> Output:
        y = workspace.empty((self.layer.F, x.shape[1]), x.dtype)
        np.matmul(p["w"], x, out=y)
        if self.layer.bias:
            y += p["b"][:, None]
        return y, x

    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, need_dx: bool) -> Gradients:
        w, x = p["w"], cache
        dw = workspace.empty(w.shape, w.dtype)
        np.matmul(dy, x.T, out=dw)
        dx = np.matmul(w.T, dy, out=workspace.empty(x.shape, x.dtype)) if need_dx else None
        return dx, {"w": dw, "b": total(dy, workspace)} if self.layer.bias else {"w": dw}


@dataclass(frozen=True)
class FastDropout(Single[Dropout]):
    """A Dropout, by X2; it draws the same numbers."""

    def forward(self, p: Arrays, x: Array, *, train: bool, rng: Draws, workspace: Workspace) -> Output:
        if not train or rng is None:
            return self.layer.forward(p, x, train=train, rng=rng)
        rate = self.layer.rate
        mask, y = (workspace.empty(x.shape, x.dtype) for _ in range(2))
        draws = rng.random(x.shape, np.float64 if x.dtype == np.float64 else np.float32)
        np.greater_equal(draws, rate, out=mask, casting="unsafe")
        mask *= x.dtype.type(1 / (1 - rate))
        return np.multiply(x, mask, out=y), mask

    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, **_: Any) -> Gradients:
        if cache is None:
            return dy, {}
        return np.multiply(dy, cache, out=workspace.empty(dy.shape, dy.dtype)), {}
