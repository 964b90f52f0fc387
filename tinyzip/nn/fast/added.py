"""Depth: a residual block of fast chains, or another join of two.

Its law is that of a sum, RS1, or of its join, and all that is fast about it is inside: both chains run as a
network's own layers would, and in the network's workspace (X2). Where nothing before the block can learn,
each chain goes back no further than it has to.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tinyzip.machine.workspace import Workspace
from tinyzip.nn import chain
from tinyzip.nn.fast.chain import learning
from tinyzip.nn.fast.stage import Gradients, Output, Single, Stage
from tinyzip.nn.layer import Arrays, Draws, Layer
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.residual import Residual


@dataclass(frozen=True)
class FastResidual(Single[Residual]):
    """A Residual, whose chains are

    body, shortcut  stages by the names of their first layers, "body.conv1", "shortcut.conv"
    """

    body: dict[str, Stage]
    shortcut: dict[str, Stage]

    def forward(self, p: Arrays, x: Array, *, train: bool, rng: Draws, workspace: Workspace) -> Output:
        parts = chain.parts_of(self.inner, p)
        (body, caches), (shortcut, others) = (
            chain.forward(stages, parts, x, train=train, rng=rng, workspace=workspace)
            for stages in (self.body, self.shortcut)
        )
        caches |= others
        if type(self.layer) is not Residual:
            return self.layer.join(body, shortcut, caches), caches
        return np.add(body, shortcut, out=workspace.empty(body.shape, body.dtype)), caches

    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, need_dx: bool) -> Gradients:
        parts = chain.parts_of(self.inner, p)
        both = (self.body, self.shortcut) if need_dx else self.learning
        (body, grads), (shortcut, others) = (
            chain.backward(stages, parts, by, cache, workspace=workspace, need_dx=True)
            for stages, by in zip(both, self.layer.part(dy, cache), strict=True)
        )
        dx = np.add(body, shortcut, out=workspace.empty(body.shape, body.dtype)) if need_dx else None
        return dx, grads | others

    def statistics(self, p: Arrays, cache: Any) -> Arrays:
        return chain.statistics(self.body | self.shortcut, chain.parts_of(self.inner, p), cache)

    @cached_property
    def learning(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The stages of both as far back as they can learn."""
        return learning(self.body, self.inner), learning(self.shortcut, self.inner)

    @cached_property
    def inner(self) -> dict[str, Layer]:
        """The layers of both chains."""
        return self.layer.inner()
