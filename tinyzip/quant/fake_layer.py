"""Depth: activations to their grid and back, as a layer of a network.

Its one array is the step, and `lsq` is what it computes. In a network that runs fast it is a stage of its
own, and gives the same bits in the network's workspace, by `lsq_fast`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.stage import Stage
from tinyzip.nn.layer import Arrays, Layer
from tinyzip.nn.ops.checks import Array, Shape
from tinyzip.quant import lsq, lsq_fast
from tinyzip.quant.grid import Grid

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
