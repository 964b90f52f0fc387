"""Depth: moving codes about: borders, other orders of the axes, several outputs in one; the greatest code."""

import numpy as np

from tinyzip.base import windows
from tinyzip.base.windows import Padding
from tinyzip.integer.codes import Array
from tinyzip.machine.workspace import Workspace


def pad(padding: Padding, zero: int, x: Array, y: Array, workspace: Workspace) -> None:
    """x (C, H, W, N) with a border of zero points."""
    windows.pad(x, padding, zero, y)


def transpose(axes: tuple[int, ...], x: Array, y: Array, workspace: Workspace) -> None:
    """x with its axes in another order, the examples still last."""
    np.copyto(y, x.transpose(*axes, len(axes)))


def reshape_channels_last(x: Array, y: Array, workspace: Workspace) -> None:
    """The values of x in the order "HWC" as another shape in that order."""
    source, target = channels_last(x), channels_last(y)
    if y.ndim < x.ndim:
        target = y.reshape(source.shape)
    np.copyto(target, source.reshape(target.shape))


def channels_last(x: Array) -> Array:
    """A view (H, W, C, N) of an image, (C, N) of a vector."""
    return x.transpose(1, 2, 0, 3) if x.ndim == 4 else x


def concat(*parts: Array, y: Array, workspace: Workspace) -> None:
    """All channels, one part after the other."""
    np.concatenate(parts, 0, out=y, casting="unsafe")


def argmax(x: Array, y: Array, workspace: Workspace) -> None:
    """(K, N) to the class of the greatest code, (N,); the first among equals."""
    np.argmax(x, 0, out=y)
