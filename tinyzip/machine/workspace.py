"""Depth: scratch memory that is handed down.

New memory costs more than the arithmetic done in it (X2), since every first touch of a page is a trap into
the kernel. A `Workspace` keeps its memory. It is a stack: `empty` hands out the next piece, `scratch` gives
back what was taken inside a `with` block, `reset` gives back everything.

The first pass over a network finds the stack too small and takes ordinary arrays; when it is empty again, it
grows to the highest mark it has seen, and from the second pass on nothing is allocated.
"""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register


class Workspace:
    """A stack of scratch memory for one thread.

    Arrays from `empty` are valid until the `reset`, or the end of the `scratch` block, that gives
    their memory back; to keep one, copy it.
    """

    def __init__(self) -> None:
        self._memory = np.empty(0, np.uint8)
        self._top = 0
        self.peak = 0  # the most bytes that were ever taken at once, or asked for
        self.notes: dict[Any, Any] = {}  # what its users know about this memory; forgotten when it moves
        self.kind: type[NDArray[Any]] = np.ndarray  # of the arrays that it hands out

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An uninitialised array of the given shape and dtype on top of the stack."""
        size = np.dtype(dtype).itemsize * prod(shape)
        start = self._top
        self._top = start + -(-size // ALIGNMENT) * ALIGNMENT
        self.peak = max(self.peak, self._top)
        if start + size > self._memory.size:
            return self.kind(shape, dtype)
        return self.kind(shape, dtype, self._memory, start)

    def reserve(self, size: int) -> None:
        """Have room for so many bytes from now on, or from when nothing is taken."""
        self.peak = max(self.peak, size)
        if self._top == 0:
            self.reset()

    def scratch(self) -> "Scratch":
        """What is taken inside the block is given back at its end."""
        return Scratch(self)

    def reset(self) -> None:
        """Give everything back, and grow to the most that was ever needed at once."""
        self._top = 0
        if self.peak > self._memory.size:
            raw = np.empty(self.peak + ALIGNMENT, np.uint8)
            start = -raw.ctypes.data % ALIGNMENT
            self._memory = raw[start : start + self.peak]
            self.notes.clear()


class Scratch:
    """A block at whose end a workspace is as full as at its beginning."""

    __slots__ = ("_top", "_workspace")

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def __enter__(self) -> None:
        self._top = self._workspace._top

    def __exit__(self, *_: object) -> None:
        self._workspace._top = self._top
        if self._top == 0:
            self._workspace.reset()


class Fresh(Workspace):
    """No reuse at all: every array is new and belongs to the caller. What a single call uses."""

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        return np.empty(shape, dtype)


FRESH = Fresh()  # where arrays come from when the caller names no workspace; it holds no memory
