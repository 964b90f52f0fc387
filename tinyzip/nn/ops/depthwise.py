"""Depthwise convolution: each channel has its own kernels, and no channel is added to another.

y[f, oh, ow, n] = Σ_{i,j} w[f, i, j] · x[c, oh·sh + i − top, ow·sw + j − left, n],   c = ⌊f·C/F⌋   (D3)
dw[f, i, j] = Σ_{oh,ow,n} dy·x,   dx = Σ_{i,j} w·dy, where each was read                           (D4)

As a matrix product D3 would have one row: memory traffic and little else. So the sum is taken over the
elements of the kernel instead, each a shifted image times one number a channel, for as many channels
at a time as stay in the cache.
"""

from collections.abc import Iterator

import numpy as np

from tinyzip.nn.ops.checks import Array
from tinyzip.nn.ops.shifts import Windows, shifts
from tinyzip.workspace import Workspace

BLOCK = 2**19  # bytes of output at a time: half of a core's second-level cache


def channel_blocks(x: Array, y: Array) -> Iterator[tuple[slice, slice]]:
    """Pairs of a block of channels of x and the outputs that the first, second, … kernel of each makes."""
    C, F = x.shape[0], y.shape[0]
    most = max(1, BLOCK // y[0].nbytes)
    for start in range(0, C, most):
        stop = min(start + most, C)
        for k in range(F // C):
            yield slice(start, stop), slice(start * (F // C) + k, stop * (F // C), F // C)


def depthwise(x: Array, w: Array, y: Array, at: Windows, workspace: Workspace) -> None:
    """D3. x (C, H, W, N), w (F, 1, kh, kw); y (F, OH, OW, N), overwritten."""
    y[...] = 0
    for channels, maps in channel_blocks(x, y):
        image, total, kernels = x[channels], y[maps], w[maps]
        with workspace.scratch():
            part = workspace.empty(total.shape, y.dtype)
            for i, j, out, inside in shifts(*at):
                np.multiply(image[:, *inside], kernels[:, :, i, j, None, None], out=part[:, *out])
                total[:, *out] += part[:, *out]


def depthwise_backward(
    dy: Array, x: Array, w: Array, dx: Array | None, dw: Array, at: Windows, workspace: Workspace
) -> None:
    """D4. Shapes as in `depthwise`; dw and dx, unless it is None, are overwritten."""
    if dx is not None:
        dx[...] = 0
    for channels, maps in channel_blocks(x, dy):
        image, gradient, kernels, dkernels = x[channels], dy[maps], w[maps], dw[maps]
        with workspace.scratch():
            part = workspace.empty(gradient.shape, dy.dtype)
            for i, j, out, inside in shifts(*at):
                term = gradient[:, *out]
                np.einsum("chwn,chwn->c", term, image[:, *inside], out=dkernels[:, 0, i, j])
                if dx is not None:
                    np.multiply(term, kernels[:, :, i, j, None, None], out=part[:, *out])
                    dx[channels][:, *inside] += part[:, *out]
