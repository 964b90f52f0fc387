"""Depth: scratch memory for the kernels: as much as a block needs, and no more.

What a kernel makes on the way to its output is several times as large as the output itself: centred copies,
patches, sums, and 64-bit products while they are requantized. So no kernel makes all of it at once. It works
through rows, or channels, in blocks whose scratch memory fits the processor's cache, and then needs no more
of it for a large image than for a small one.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinyzip.integer.codes import Array
from tinyzip.machine.workspace import Workspace

BLOCK = 2**23  # bytes of scratch memory for a block, if one row or channel is not more already
VALUE = 24  # bytes of scratch memory for a value that goes through integers of 64 bits and back


def take(like: Array, shape: tuple[int, ...], dtype: Any, workspace: Workspace) -> Array:
    """Scratch memory as the same kind of array as `like`: a subclass that watches sees all that runs."""
    array = workspace.empty(shape, dtype)
    return array if type(like) is np.ndarray else array.view(type(like))


def clip(values: Array, least: Any, most: Any) -> None:
    """Bring values within least … most, numbers of their dtype, where they stand.

    Between arrays this takes half as long as between Python's numbers, which NumPy looks at one by one.
    """
    np.clip(values, np.array(least, values.dtype), np.array(most, values.dtype), out=values)


def by_channels(kernel: Callable[..., None], *inputs: Array, y: Array, workspace: Workspace) -> None:
    """A kernel whose channels do not mix, one block of channels after the other."""
    size = VALUE * max(x[0].size for x in (*inputs, y))
    for block in blocks(len(y), size, workspace):
        kernel(*(x[block] for x in inputs), y=y[block], workspace=workspace)


def blocks(count: int, size: int, workspace: Workspace) -> Iterator[slice]:
    """0 … count − 1 in blocks of at most BLOCK bytes, where one of them needs `size`; one at least.

    What is taken from the workspace for a block is given back before the next.
    """
    most = max(1, BLOCK // size)
    for start in range(0, count, most):
        with workspace.scratch():
            yield slice(start, min(start + most, count))
