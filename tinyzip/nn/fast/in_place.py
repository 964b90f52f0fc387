"""Depth: ReLU in the memory of what it rectifies.

dx = dy where y > 0                                                                             (X10)

needs the rectifier's output alone (D2), and no backward of a convolution, a fully connected layer or a batch
norm looks at its own output. So a ReLU after one of them may write over it. X10 saves a pass over new
memory, and keeps what comes next in cache.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.stage import Gradients, Output, Single, Stage
from tinyzip.nn.layer import Arrays, Draws
from tinyzip.nn.layers import ReLU
from tinyzip.nn.ops.checks import Array


@dataclass(frozen=True)
class Rectified(Stage):
    """A stage whose backward does not look at its output, then ReLU, in that output's own memory."""

    stage: Stage

    def forward(self, p: Arrays, x: Array, *, train: bool, rng: Draws, workspace: Workspace) -> Output:
        y, inner = self.stage.forward(p, x, train=train, rng=rng, workspace=workspace)
        rectify(y, y, workspace)
        return y, (inner, y)

    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, need_dx: bool) -> Gradients:
        inner, y = cache
        dz = rectify_backward(dy, y, workspace)
        return self.stage.backward(p, dz, inner, workspace=workspace, need_dx=need_dx)

    def statistics(self, p: Arrays, cache: Any) -> Arrays:
        return self.stage.statistics(p, cache[0])


@dataclass(frozen=True)
class FastReLU(Single[ReLU]):
    """A ReLU after anything else, in memory of its own."""

    def forward(self, p: Arrays, x: Array, *, workspace: Workspace, **_: Any) -> Output:
        y = workspace.empty(x.shape, x.dtype)
        rectify(x, y, workspace)
        return y, y

    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, **_: Any) -> Gradients:
        return rectify_backward(dy, cache, workspace), {}


def rectify(x: Array, y: Array, workspace: Workspace) -> None:
    """y = max(x, 0); y may be x. `clip` reads no second array, and takes least time between arrays ()."""
    x.clip(np.zeros((), x.dtype), np.full((), np.inf, x.dtype), out=y)


def rectify_backward(dy: Array, y: Array, workspace: Workspace) -> Array:
    """dx = dy where y > 0, else 0                                                              (X10)"""
    dx = workspace.empty(dy.shape, dy.dtype)
    with workspace.scratch():
        positive = np.greater(y, 0, out=workspace.empty(y.shape, np.bool_))
        np.multiply(dy, positive, out=dx)
    return dx
