"""Depth: many arrays in a few vectors, and many passes over these in chunks that stay in cache.

A ufunc on a few hundred numbers spends its time on being called. A small network has a dozen such arrays,
and an optimizer a dozen ufuncs for each. Laid one after another in memory, the arrays are views of a vector,
and what treats all of its entries alike treats them in one call.

One ufunc after another over vectors of megabytes would fetch everything from memory again. So these are cut
into chunks, all ufuncs pass over a chunk while it is near, and the chunks are shared among threads. Every
entry is computed by itself, in the same order of operations, so neither cuts nor threads change a bit.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tinyzip.machine.workers import Workers
from tinyzip.machine.workspace import Workspace

Array = NDArray[Any]
Arguments = tuple[Any, ...]

CHUNK = 1 << 17  # entries; fewer keep two threads asking for the interpreter
ENOUGH = 4  # chunks that are worth waking another thread


@dataclass(frozen=True)
class Packed:
    """Memory for a dict of arrays.

    vectors  one (n,) for each group of arrays
    places   views of them, with the names, order and shapes of the arrays
    """

    vectors: dict[str, Array]
    places: dict[str, Array]

    @classmethod
    def like(
        cls,
        arrays: Mapping[str, Array],
        group: Callable[[str], str] = lambda name: "all",
        empty: Callable[[tuple[int, ...], Any], Array] = np.empty,
    ) -> Self:
        """Uninitialised memory for arrays as large as these and of their one dtype.

        group  name -> group: the arrays of a group lie in one vector
        empty  (shape, dtype) -> memory for a vector
        """
        vectors, places = {}, dict(arrays)
        for key in dict.fromkeys(map(group, arrays)):
            own = {name: array for name, array in arrays.items() if group(name) == key}
            vector = empty((sum(array.size for array in own.values()),), next(iter(own.values())).dtype)
            start = 0
            for name, array in own.items():
                places[name] = vector[start : start + array.size].reshape(array.shape)
                start += array.size
            vectors[key] = vector
        return cls(vectors, places)

    def fill(self, arrays: Mapping[str, Array]) -> None:
        """Copy arrays, by name, to their places."""
        for name, place in self.places.items():
            np.copyto(place, arrays[name])


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
