"""Many passes over large arrays, in stretches that stay in cache.

An optimizer's step is a dozen ufuncs over all parameters. One after another over arrays of megabytes, each
would fetch everything from memory again. So the arrays are cut into blocks, all ufuncs pass over a
block while it is near, and the blocks are shared among threads. Every entry is computed by itself and in the
same order of operations, so neither the cuts nor the threads can change a bit.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.machine.workers import Workers
from tinyzip.machine.workspace import Workspace

Array = NDArray[Any]
Block = tuple[Any, ...]

BLOCK = 1 << 17  # entries; shorter ones keep two threads asking for the interpreter
ENOUGH = 4  # blocks that are worth waking another thread


def blocks(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """The same stretches of up to BLOCK entries of several contiguous arrays of one shape, as views."""
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, BLOCK):
        yield tuple(array[start : start + BLOCK] for array in flat)


def run(update: Callable[..., None], items: list[Block], workers: Workers) -> None:
    """update(scratch, *block) for every block: on the workers' threads, if there is enough to do.

    scratch  a vector as long as the block's last array and of its dtype, for the update to write in
    """
    if not items:
        return
    threads = workers.threads if len(items) >= ENOUGH else 1
    caller = np.geterr()  # what NumPy does on overflow is a setting of each thread

    def some(part: list[Block], workspace: Workspace) -> None:
        with np.errstate(**caller), workspace.scratch():
            scratch = workspace.empty((BLOCK,), part[0][-1].dtype)
            for block in part:
                update(scratch[: block[-1].size], *block)

    if threads == 1:
        some(items, workers.workspaces[0])
    else:
        workers.map(some, [items[thread::threads] for thread in range(threads)])
