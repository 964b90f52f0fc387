"""Depth: activations to their grid and back, as layers that are put between those of a network.

A rounding's one array is the step, and `lsq` is what it computes. In a network that runs fast it is a stage
of its own, and gives the same bits in the network's workspace, by `lsq_fast`.

What the engine will do is simulated where it will do it. It computes an operator on codes and rounds what
comes out; so a rounding stands before the next layer that reads codes, and as late as that allows:

    activations  rounded once after the ReLU. The engine pools accumulators before that, and so may the
                 simulation round after max pools: rounding is monotone and max only selects, so the
                 order makes no difference, and there are four times fewer values to round
    tables       what they read is rounded to the grid before them, and what they give to their own
    averages     rounded again, to the grid they came on
    sums         of residual blocks: what is added is rounded, and so is the sum, after the ReLU
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.stage import Stage
from tinyzip.nn.layer import Arrays, Layer
from tinyzip.nn.layers import AvgPool2d, Conv2d, Dropout, GlobalAvgPool, Linear
from tinyzip.nn.ops.checks import Array, Shape
from tinyzip.nn.residual import Residual
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.training import lsq, lsq_fast
from tinyzip.quant.training.lsq import Rule

AVERAGE = 2.0**-10  # of a step


@dataclass(frozen=True)
class FakeQuantize(Layer, Stage):
    """y = s·clip(round(x/s), lo, hi) (QS1). Array: step (), in the unit of x.

    lo, hi   the first and the last code, counted from the code of zero
    rule     what the step learns from: see `lsq`
    average  round halves up, as the engine rounds averages of codes from 0 up. Averages do meet halves, and
             float32 may miss them by a hair; so 2⁻¹⁰ of a step is added, which changes nothing else for
             windows of fewer than 512
    """

    lo: int
    hi: int
    rule: lsq.Rule
    average: bool

    def parameter_shapes(self) -> dict[str, Shape]:
        return {"step": ()}

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def forward(
        self, p: Arrays, x: Array, *, workspace: Workspace | None = None, **_: Any
    ) -> tuple[Array, Any]:
        step = p["step"]
        if workspace is None:
            x = x + step * AVERAGE if self.average else x
            y = lsq.fake_quantize(x, step, self.lo, self.hi)
        else:
            if self.average:
                x = np.add(x, step * AVERAGE, out=workspace.empty(x.shape, x.dtype), dtype=x.dtype)
            y = lsq_fast.fake_quantize(x, step, self.lo, self.hi, workspace)
        return y, (x, y)

    def backward(
        self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace | None = None, **_: Any
    ) -> tuple[Array, Arrays]:
        (x, y), step, ends = cache, p["step"], (self.lo, self.hi)
        if workspace is None:
            dx, dstep = lsq.fake_quantize_backward(dy, x, y, step, *ends, self.rule)
        else:
            dx, dstep = lsq_fast.fake_quantize_backward(dy, x, y, step, *ends, self.rule, workspace)
        return dx, {"step": dstep}


def relative(grid: Grid, name: str) -> tuple[int, int]:
    """lo and hi counted from zero, for a grid of a whole tensor or a symmetric one of channels."""
    zero = np.unique(grid.zero)
    if zero.size != 1:
        refuse(f"FakeQuantized: grid {name!r}", "zeros that differ by channel", "one zero")
    return grid.lo - int(zero[0]), grid.hi - int(zero[0])


READERS = Conv2d | Linear | AvgPool2d | GlobalAvgPool | Dropout | Residual  # of what has to be rounded


class Insertion:
    """Puts roundings between the layers of a network.

    current  the grid that the last operator's output is to be rounded to
    pending  whether it still has to be
    source   for each rounding, by name, the grid that it uses
    """

    def __init__(self, grids: Mapping[str, Grid], rule: Rule, tables: Collection[str]) -> None:
        self.grids, self.rule, self.tables = grids, rule, tables
        self.current, self.pending = "input", False
        self.source: dict[str, str] = {}

    def chain(self, chain: Mapping[str, Layer], way: str = "") -> dict[str, Layer]:
        """The layers of a chain with roundings between them; `way` stands before their names."""
        layers: dict[str, Layer] = {}

        def round_here(name: str, average: bool = False) -> None:
            grid = self.grids[self.current]
            layers[name] = FakeQuantize(*relative(grid, self.current), self.rule, average)
            self.source[way + name] = self.current

        def round_pending() -> None:
            if self.pending:
                round_here(f"{self.current.removeprefix(way)}.round")
                self.pending = False

        for name, layer in chain.items():
            full = way + name
            if isinstance(layer, READERS) or full in self.tables:
                round_pending()
            layers[name] = layer
            if isinstance(layer, Residual):
                start = self.current
                body = self.chain(layer.body, f"{full}.body.")
                self.current = start
                shortcut = self.chain(layer.shortcut, f"{full}.shortcut.")
                layers[name] = replace(layer, body=body, shortcut=shortcut)
            if isinstance(layer, Conv2d | Linear | Residual) or full in self.tables:
                self.current, self.pending = full, True
            elif isinstance(layer, AvgPool2d | GlobalAvgPool):
                round_here(f"{name}.round", average=True)
        round_pending()
        return layers
