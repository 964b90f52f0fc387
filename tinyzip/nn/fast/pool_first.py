"""Depth: pooling before the rectifier.

Behind a convolution come a ReLU and a 2×2 max pooling, and as both are monotone they change places:

max(relu(z₁), …, relu(z₄)) = relu(max(z₁, …, z₄))                                               (X15)

which leaves a quarter to rectify. The maximum of four is a knock-out tournament: the left and the right pixel
of each row, then the winners of the two rows,

max(z₁, …, z₄) = max(max(z₁, z₂), max(z₃, z₄))                                                  (X16)

and backward runs it the other way round. Of dy, a row gets what it won and the other row the rest, then each
pixel of the two rows likewise. Three bits say who won. Ties go to the left and the upper one, the first in
row-major order, as P1 has it. X15 and X16 apply to MaxPool2d(2) after a ReLU after a Conv2d.

The four pixels of a window lie in runs of N values, and NumPy takes some nanoseconds for each run. So

compete(z₁, z₂, z₃, z₄) = compete(copies of them, each in one piece)                            (X18)

has the runs of one copy in place of those of four operations, and the way back likewise. It pays in training,
on the way back for N > 1, and for an answer, which has longer runs, from N = 24 on.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyzip.base.windows import strided
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.in_place import rectify, rectify_backward
from tinyzip.nn.fast.stage import Gradients, Output, Stage
from tinyzip.nn.layer import Arrays, Draws
from tinyzip.nn.ops.checks import Array

FEW = 23  # examples; an answer for no more of them is as quick without X18


@dataclass(frozen=True)
class ConvReLUPool(Stage):
    """Conv2d, ReLU, MaxPool2d(2), of which the last two change places. Arrays: those of the Conv2d."""

    conv: Stage

    def forward(self, p: Arrays, x: Array, *, train: bool, rng: Draws, workspace: Workspace) -> Output:
        """What only backward needs is kept when training and else found again there."""
        z, inner = self.conv.forward(p, x, train=train, rng=rng, workspace=workspace)
        fours = fours_of(z)
        y = workspace.empty(fours.shape[2:], x.dtype)
        winners = workspace.empty((3, *y.shape), np.bool_) if train else None
        with workspace.scratch():
            if train or x.shape[-1] > FEW:
                pieces = workspace.empty(fours.shape, x.dtype)
                np.copyto(pieces, fours)
                fours = pieces
            compete(fours, y, winners)
        rectify(y, y, workspace)
        return y, (x, inner, y, winners, z.shape)

    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, need_dx: bool) -> Gradients:
        x, inner, y, winners, shape = cache
        if winners is None:
            _, cache = self.forward(p, x, train=True, rng=None, workspace=workspace)
            x, inner, y, winners, shape = cache
        dz = workspace.empty(shape, dy.dtype)
        dz[:, 2 * y.shape[1] :] = 0  # rows and columns that no window reaches
        dz[:, :, 2 * y.shape[2] :] = 0
        dy, fours = rectify_backward(dy, y, workspace), fours_of(dz)
        with workspace.scratch():
            pieces = workspace.empty(fours.shape, dy.dtype) if dy.shape[-1] > 1 else fours
            return_to_winners(dy, winners, pieces)
            if pieces is not fours:
                np.copyto(fours, pieces)
        return self.conv.backward(p, dz, inner, workspace=workspace, need_dx=need_dx)


def fours_of(z: Array) -> Array:
    """A view (2, 2, F, ⌊H/2⌋, ⌊W/2⌋, N) of z (F, H, W, N): the four pixels of each 2×2 window."""
    F, H, W, N = z.shape
    f, h, w, n = z.strides
    return strided(z, (2, 2, F, H // 2, W // 2, N), (h, w, f, 2 * h, 2 * w, n))


def compete(z: Array, best: Array, winners: Array | None) -> None:
    """The largest of each four                                                                 (X16)

    z        (2, 2, F, …), overwritten
    best     (F, …), overwritten
    winners  (3, F, …) bool, overwritten: is the upper row's maximum the larger; is the left one of the upper
             row; is the left one of the lower row
    """
    if winners is None and z.shape[-1] > 1:  # rows first, which are longer runs; the largest is the same
        left, right = np.maximum(z[0], z[1], out=z[0])
        np.maximum(left, right, out=best)
        return
    left, right = z[:, 0], z[:, 1]
    if winners is not None:
        np.greater_equal(left, right, out=winners[1:])
    upper, lower = np.maximum(left, right, out=left)
    if winners is not None:
        np.greater_equal(upper, lower, out=winners[0])
    np.maximum(upper, lower, out=best)


def return_to_winners(dy: Array, winners: Array, dz: Array) -> None:
    """dz (2, 2, F, …), overwritten, is dy (F, …) at the winner of each four, and zero elsewhere   (X16)"""
    left, right = dz[:, 0], dz[:, 1]
    np.multiply(dy, winners[0], out=right[0])
    np.subtract(dy, right[0], out=right[1])
    np.multiply(right, winners[1:], out=left)
    right -= left
