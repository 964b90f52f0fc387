"""Depth: what a network runs: stages, which are layers that are given where to write.

A stage is one layer, or some that follow each other and are computed together. Its output is theirs, but for
rounding. Its arrays come from a `Workspace` (see `memory` for why): what a stage returns, and what is in its
cache, is valid until the owner of the workspace resets it.

Any layer is a stage as it is printed. A layer that is a `Stage` itself runs with the network's workspace.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Generic, TypeVar

import numpy as np

from tinyzip.machine.recorder import Recorder
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.layer import Arrays, Draws, Layer
from tinyzip.nn.layers import Conv2d, Flatten, Pool
from tinyzip.nn.ops.checks import Array, Shape, check_array
from tinyzip.nn.ops.patches import Geometry

Output = tuple[Array, Any]  # y, cache
Gradients = tuple[Array | None, Arrays]  # dx, dp


class Stage(ABC):
    """One function of a network. `p` are the arrays of the layer that it is named after.

    Shapes are those that were checked when the network was made: a stage looks at none again.
    """

    @abstractmethod
    def forward(self, p: Arrays, x: Array, *, train: bool, rng: Draws, workspace: Workspace) -> Output:
        """y, and the cache for `backward`. train and rng as for a layer; with train, there will be one."""

    @abstractmethod
    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, need_dx: bool) -> Gradients:
        """dx (None is allowed where it is not needed), and the gradients of the arrays by name."""

    def statistics(self, p: Arrays, cache: Any) -> Arrays:
        """As of a layer: what the arrays without gradient become by a training forward."""
        return {}


AnyLayer = TypeVar("AnyLayer", bound=Layer)
AnyWindowed = TypeVar("AnyWindowed", bound=Conv2d | Pool)


@dataclass(frozen=True)
class Single(Stage, Generic[AnyLayer]):
    """A stage of one layer.

    given  the shape of one example before the layer
    """

    layer: AnyLayer
    given: Shape

    def statistics(self, p: Arrays, cache: Any) -> Arrays:
        return self.layer.statistics(p, cache)


@dataclass(frozen=True)
class Windowed(Single[AnyWindowed]):
    """A stage of one layer that looks at its input through windows."""

    @cached_property
    def geometry(self) -> Geometry:
        return self.layer.geometry(self.given)


@dataclass(frozen=True)
class AsPrinted(Single[Layer]):
    """Any layer, run as itself, in memory of its own. What it returns is held to what it has announced."""

    def forward(self, p: Arrays, x: Array, *, train: bool, rng: Draws, workspace: Workspace) -> Output:
        if isinstance(x, Recorder) and type(self.layer) is not Flatten:  # it may do anything, and each time
            again = partial(self.forward, train=train, rng=rng, workspace=workspace)
            return x.noted(lambda p, x: np.array(again(p, x)[0]), (p, x), {}), None
        y, cache = self.layer.forward(p, x, train=train, rng=rng)
        check_array(y, (*self.output, x.shape[-1]), x.dtype, f"{type(self.layer).__name__}.forward: y")
        return y, cache

    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, need_dx: bool) -> Gradients:
        dx: Array | None
        dx, dp = self.layer.backward(p, dy, cache)
        name = f"{type(self.layer).__name__}.backward"
        if need_dx:
            check_array(dx, (*self.given, dy.shape[-1]), dy.dtype, f"{name}: dx")
        for part in p.keys() - {*self.layer.running()}:
            check_array(dp.get(part), p[part].shape, dy.dtype, f"{name}: dp[{part!r}]")
        return dx, dp

    @cached_property
    def output(self) -> Shape:
        """The shape of one example after the layer."""
        return self.layer.output_shape(self.given)
