"""Depth: batch normalisation in few passes over its values.

N1 and N2 are written for the eye: each names x̂, which nobody needs to see. With the scale s = γ / √(σ² + ε)
of a channel, what is left for each value is a multiplication and an addition:

γ·x̂ + β = s·x + (β − s·μ) = s·(x − μ) + β                                                     (X11)
Σ dy·x̂ = Σ dy·(x − μ) / √(σ² + ε) = (Σ dy·x − μ·Σ dy) / √(σ² + ε)                             (X12)

The second form of each serves training, where x − μ is at hand, the first of X11 and the last of X12
inference. They apply always; the sums are X1. (Sums of x and x² would give μ and σ² in one pass, but lose all
digits where μ is much larger than σ.) And x − μ may stand where x stood, by the argument of `in_place`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.stage import Gradients, Output, Single
from tinyzip.nn.fast.sums import dot, total
from tinyzip.nn.layer import Arrays
from tinyzip.nn.layers import BatchNorm
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.ops.norm import BatchNormCache, across, values_per_channel


@dataclass(frozen=True)
class FastBatchNorm(Single[BatchNorm]):
    """A BatchNorm, by X11 and X12.

    over  may forward write over x?
    """

    over: bool = False

    def forward(self, p: Arrays, x: Array, *, train: bool, workspace: Workspace, **_: Any) -> Output:
        eps = x.dtype.type(self.layer.eps)
        if train:
            return train_forward(x, p["gamma"], p["beta"], eps, workspace, self.over)
        scale = p["gamma"] / np.sqrt(p["var"] + eps)
        y = np.multiply(x, across(scale, x), out=workspace.empty(x.shape, x.dtype))
        y += across(p["beta"] - p["mean"] * scale, x)
        return y, x

    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, **_: Any) -> Gradients:
        if isinstance(cache, BatchNormCache):
            return train_backward(dy, cache, workspace)
        rows, x = dy.reshape(len(dy), -1), cache
        deviation = np.sqrt(p["var"] + x.dtype.type(self.layer.eps))
        dx = workspace.empty(x.shape, x.dtype)
        np.multiply(dy, across(p["gamma"] / deviation, dy), out=dx)
        dbeta = total(rows, workspace)
        dgamma = (dot(rows, x.reshape(rows.shape)) - p["mean"] * dbeta) / deviation
        return dx, {"gamma": dgamma, "beta": dbeta}


def train_forward(
    x: Array, gamma: Array, beta: Array, eps: Any, workspace: Workspace, over: bool = False
) -> Output:
    """y with the statistics of this batch, as `ops.batch_norm_train`; x is overwritten if `over`   (X11)"""
    M = values_per_channel(x)
    y = workspace.empty(x.shape, x.dtype)
    centred = x if over else workspace.empty(x.shape, x.dtype)
    rows = centred.reshape(len(x), M)
    mean = total(x.reshape(rows.shape), workspace) / x.dtype.type(M)
    np.subtract(x, across(mean, x), out=centred)
    variance = dot(rows, rows) / x.dtype.type(M)
    deviation = np.sqrt(variance + eps)
    scale = gamma / deviation
    np.multiply(centred, across(scale, x), out=y)
    y += across(beta, x)
    return y, BatchNormCache(centred, deviation, scale, mean, variance * x.dtype.type(M / (M - 1)))


def train_backward(dy: Array, cache: BatchNormCache, workspace: Workspace) -> Gradients:
    """N2, dx collected in its own memory, as `ops.batch_norm_backward`                         (X12)"""
    rows, centred = dy.reshape(len(dy), -1), cache.centred
    M = dy.dtype.type(rows.shape[1])
    dx = workspace.empty(dy.shape, dy.dtype)
    dbeta = total(rows, workspace)
    dgamma = dot(rows, centred.reshape(rows.shape)) / cache.deviation
    np.multiply(centred, across(-dgamma / (M * cache.deviation), dy), out=dx)
    dx += dy
    dx -= across(dbeta / M, dy)
    dx *= across(cache.scale, dy)
    return dx, {"gamma": dgamma, "beta": dbeta}
