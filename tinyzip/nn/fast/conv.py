"""Depth: the convolution as it runs: C2 and C3, each product by the route that was chosen for it.

The routes are `blocks` (X3), `rows` (X4) and `turned` (X6); which one is taken where, `choose` says. They are
functions of one form, so that a convolution holds its routes as it holds its geometry.
"""

from dataclasses import dataclass
from typing import Any

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.blocks import Route
from tinyzip.nn.fast.stage import Gradients, Output, Windowed
from tinyzip.nn.fast.sums import total
from tinyzip.nn.layer import Arrays
from tinyzip.nn.layers import Conv2d
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.ops.conv import by_group


@dataclass(frozen=True)
class FastConv2d(Windowed[Conv2d]):
    """A Conv2d of any number of groups, whose products are

    multiply         y = w·patches from w and x
    weight_gradient  dw = dy·patchesᵀ from dy and x
    input_gradient   dx̄ = col2im(wᵀ·dy) from dy and w
    """

    multiply: Route
    weight_gradient: Route
    input_gradient: Route

    def forward(self, p: Arrays, x: Array, *, workspace: Workspace, **_: Any) -> Output:
        y = workspace.empty((self.layer.F, *self.geometry.outputs, x.shape[3]), x.dtype)
        w, rows = (by_group(a, self.layer.groups) for a in (p["w"], y))
        self.multiply(w, x, self.geometry, rows, workspace)
        if self.layer.bias:
            y += p["b"][:, None, None, None]
        return y, x

    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, need_dx: bool) -> Gradients:
        x = cache
        dw = workspace.empty(p["w"].shape, x.dtype)
        dx = workspace.empty(x.shape, x.dtype) if need_dx else None
        w, dkernels, rows = (by_group(a, self.layer.groups) for a in (p["w"], dw, dy))
        self.weight_gradient(rows, x, self.geometry, dkernels, workspace)
        if dx is not None:
            self.input_gradient(rows, w, self.geometry, dx, workspace)
        return dx, {"w": dw, "b": total(dy.reshape(len(dy), -1), workspace)} if self.layer.bias else {"w": dw}
