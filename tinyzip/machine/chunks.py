"""Depth: many passes over large arrays, in chunks that stay in cache.

An optimizer's step is a dozen ufuncs over all parameters. One after another over arrays of megabytes, each
would fetch everything from memory again. So the arrays are cut into chunks, all ufuncs pass over a
chunk while it is near, and the chunks are shared among threads. Every entry is computed by itself and in the
same order of operations, so neither the cuts nor the threads can change a bit.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.machine.workers import Workers
from tinyzip.machine.workspace import Workspace

Array = NDArray[Any]
Arguments = tuple[Any, ...]

CHUNK = 1 << 17  # entries; fewer keep two threads asking for the interpreter
ENOUGH = 4  # chunks that are worth waking another thread


def chunks(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Up to CHUNK entries at a time of several contiguous arrays of one shape, as flat views."""
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, CHUNK):
        yield tuple(array[start : start + CHUNK] for array in flat)


def run(update: Callable[..., None], items: list[Arguments], workers: Workers) -> None:
    """update(scratch, *arguments) for each of the items, on the workers' threads if there is enough to do.

    items    the update's arguments; the last one is an array from `chunks`
    scratch  a vector as long as that array and of its dtype, for the update to write in
    """
    if not items:
        return
    threads = workers.threads if len(items) >= ENOUGH else 1
    caller = np.geterr()  # what NumPy does on overflow is a setting of each thread
    for workspace in workers.workspaces[:threads]:  # now: which of them will be used is not known before
        workspace.reserve(CHUNK * items[0][-1].dtype.itemsize)

    def some(part: list[Arguments], workspace: Workspace) -> None:
        with np.errstate(**caller), workspace.scratch():
            scratch = workspace.empty((CHUNK,), part[0][-1].dtype)
            for arguments in part:
                update(scratch[: arguments[-1].size], *arguments)

    if threads == 1:
        some(items, workers.workspaces[0])
    else:
        workers.map(some, [items[thread::threads] for thread in range(threads)])
