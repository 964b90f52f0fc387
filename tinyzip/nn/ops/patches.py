"""Where the windows of a convolution lie, and the matrix of what they see.

Patches are large, kh·kw times the image: they are made some rows of the output at a time, so that they
never leave the cache, and backward makes them again rather than keep them.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.base.windows import Padding, Pair, pad, padding_of, pair, window_count, windows
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.ops.checks import Array, check_activations, check_array
from tinyzip.nn.ops.shifts import Windows

BLOCK = 2**21  # bytes of patches at a time: measured, one to two times a core's second-level cache


class Geometry(NamedTuple):
    """Where the windows of one convolution lie."""

    channels: int  # C
    size: Pair  # (H, W)
    kernel: Pair
    stride: Pair
    padding: Padding
    groups: int
    outputs: Pair  # (OH, OW)

    @property
    def depthwise(self) -> bool:
        return self.groups == self.channels > 1

    @property
    def windows(self) -> Windows:
        """What `shifts` needs to walk over the elements of the kernel."""
        return self.size, self.kernel, self.stride, self.padding, self.outputs

    @property
    def pointwise(self) -> bool:
        """Each window is one pixel and each pixel one window: the padded image is its own patches."""
        return self.kernel == (1, 1) and self.stride == (1, 1)


def geometry(x: Array, w: Array, stride: Any, padding: Any, groups: int, operation: str) -> Geometry:
    """Check x against w and lay out the windows; refuses in the name of `operation`."""
    check_activations(x, 4, f"{operation}: x")
    if not isinstance(w, np.ndarray) or w.ndim != 4 or w.size == 0:
        found = f"shape {w.shape}" if isinstance(w, np.ndarray) else type(w).__name__
        refuse(f"{operation}: w", found, "four axes (F, C / groups, kh, kw), none empty")
    C, F = x.shape[0], w.shape[0]
    check_groups(groups, C, F, operation)
    kernel = (w.shape[2], w.shape[3])
    check_array(w, (F, C // groups, *kernel), x.dtype, f"{operation}: w")
    stride, padding = pair(stride, f"{operation}: stride"), padding_of(padding, f"{operation}: padding")
    size = (x.shape[1], x.shape[2])
    outputs = window_count(size, kernel, stride, padding, f"{operation}: x")
    return Geometry(C, size, kernel, stride, padding, groups, outputs)


def check_groups(groups: int, C: int, F: int, operation: str) -> None:
    """Refuse a number of groups that cannot share C and F evenly."""
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1 or C % groups or F % groups:
        refuse(f"{operation}: groups", groups, f"a divisor of C = {C} and of F = {F}")


def padded(x: Array, padding: Padding, workspace: Workspace) -> Array:
    """x (C, H, W, N) in a border of zeros, in the workspace; x itself where there is no border."""
    (top, bottom), (left, right) = padding
    if not (top or bottom or left or right):
        return x
    C, H, W, N = x.shape
    return pad(x, padding, 0, workspace.empty((C, top + H + bottom, left + W + right, N), x.dtype))


def blocks(x: Array, at: Geometry, beside: int = 0) -> Iterator[tuple[slice, slice]]:
    """Cut the output into runs of rows whose patches fit into the cache: rows, and columns of patches.

    beside  rows of a second matrix that should fit in with the patches, not far from a core
    """
    OH, OW = at.outputs
    row = OW * x.shape[3]
    K = x.shape[0] * at.kernel[0] * at.kernel[1]
    size = BLOCK // 2 if beside else BLOCK
    most = OH if at.pointwise else max(1, size // ((K + beside) * row * x.itemsize))
    for start in range(0, OH, most):
        stop = min(start + most, OH)
        yield slice(start, stop), slice(start * row, stop * row)


def patch_blocks(
    x: Array, at: Geometry, workspace: Workspace, beside: int = 0
) -> Iterator[tuple[slice, Array]]:
    """The matrix of patches, block by block: its columns, and the block for each group (G, C/G·kh·kw, …).

    A block is overwritten by the next. Take this inside a `scratch`. beside is for `blocks`.
    """
    K = x.shape[0] * at.kernel[0] * at.kernel[1]
    image = padded(x, at.padding, workspace)
    view = windows(image, at.kernel, at.stride)
    memory = None
    for rows, columns in blocks(x, at, beside):
        if at.pointwise:
            block = image.reshape(K, -1)
        else:
            size = columns.stop - columns.start
            if memory is None:
                memory = workspace.empty((K * size,), x.dtype)
            block = memory[: K * size].reshape(K, size)
            seen = view[:, :, :, rows]
            np.copyto(block.reshape(seen.shape), seen)
        yield columns, block.reshape(at.groups, K // at.groups, -1)
