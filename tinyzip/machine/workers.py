"""Depth: two cores from Python: threads, each with whole shards of the work, or processes.

NumPy's inner loops and BLAS release the interpreter lock, so plain threads run them side by side.
Cutting a batch into shards and giving each thread whole shards beats the threads inside BLAS, because
then *everything* runs in parallel: copies, maxima, comparisons, not only the products. For that BLAS
itself must be held to one thread (`machine.blas`), or the two kinds of threads fight for the same cores.

One more setting holds meanwhile. NumPy hands strided operands to its inner loops through a buffer when
a few of their rows fit in, even where no cast asks for it; with a smaller buffer it reads the rows where
they are, which is up to twice as fast for the shifted slices that windows are made of.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import current_process
from typing import Any, Self, TypeVar

import numpy as np

from tinyzip.base.refuse import whole
from tinyzip.machine import blas
from tinyzip.machine.processes import Processes, can_copy
from tinyzip.machine.workspace import Workspace

BUFFER = 2048  # numbers, a quarter of NumPy's default
MOST_THREADS = 8  # a batch rarely has more shards

Item = TypeVar("Item")
Result = TypeVar("Result")


def thread_count(threads: int | None) -> int:
    """`threads`, or one for each core that this process may use, up to MOST_THREADS.

    Only one where BLAS cannot be held to one thread: the cores are then its own.
    """
    if threads is not None:
        return threads
    if not blas.can_be_held():
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_THREADS)


@contextmanager
def small_buffer() -> Iterator[None]:
    """NumPy's buffer at BUFFER numbers meanwhile, on this thread."""
    usual = np.setbufsize(BUFFER)
    try:
        yield
    finally:
        np.setbufsize(usual)


class Workers:
    """A fixed number of threads, a `Workspace` for each, and BLAS held to one thread meanwhile.

    Used as a context manager; a block within its own block changes nothing. In `map`, the next thread that is
    free takes the next item, so that one whose core is busy with something else keeps nobody waiting. Which
    thread works on an item never changes its result, so one thread and two give the same bits. The threads
    start at the first use, sleep between uses, and end when the object goes.
    """

    def __init__(self, threads: int = 1) -> None:
        self.threads = whole(threads, "threads", 1, 1024)
        self.workspaces = [Workspace() for _ in range(self.threads)]
        self._pool: ThreadPoolExecutor | None = None
        self._processes: list[Processes[Any, Any]] = []
        self._key: Any = None
        self._copies: Processes[Any, Any] | None = None
        self._release: Callable[[], None] | None = None
        self._depth = 0

    def __enter__(self) -> Self:
        self._depth += 1
        if self._depth > 1:
            return self
        self._release = blas.hold()
        if self.threads > 1 and self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="tinyzip")
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth:
            return
        self._end_copies()
        for processes in self._processes:
            processes.close()
        if self._release is not None:
            self._release()
            self._release = None

    def map(self, function: Callable[[Item, Workspace], Result], items: Iterable[Item]) -> list[Result]:
        """[function(item, workspace) for item in items], in the items' order.

        The workspace is not reset here: the function does that, since it knows what it keeps.
        """
        items = list(items)
        results: list[Any] = [None] * len(items)
        waiting = iter(range(len(items)))  # one for all threads

        def work(thread: int) -> None:
            with small_buffer():
                for i in waiting:
                    results[i] = function(items[i], self.workspaces[thread])

        if self._pool is None or len(items) < 2:
            work(0)
            return results
        others = [self._pool.submit(work, thread) for thread in range(1, self.threads)]
        try:
            work(0)
        finally:
            for other in others:
                other.exception()  # wait for all before raising: the workspaces are shared
        for other in others:
            other.result()
        return results

    @property
    def can_fork(self) -> bool:
        """Is there more than one core to use, and is it safe to copy this process?

        Of a process with threads `fork` copies one. BLAS must be held to one thread, or a copy would wait for
        those it has lost; and the main thread must ask, since others may run beside a thread inside BLAS.
        What runs in another program's pool of processes (a daemon, to `multiprocessing`) may not fork.
        """
        alone = threading.current_thread() is threading.main_thread() and not current_process().daemon
        safe = sys.platform == "linux" and self._release is not None and can_copy()
        return self.threads > 1 and alone and safe

    def processes(self, function: Callable[[Item, Workspace], Result]) -> Processes[Item, Result]:
        """As many processes as there are threads, for `function` as in `map`; they end with the `with` block.

        The copies start with a copy of this process's first workspace.
        """

        def some(items: Sequence[Item]) -> list[Result]:
            with small_buffer():
                return [function(item, self.workspaces[0]) for item in items]

        self._processes.append(Processes(some, self.threads))
        return self._processes[-1]

    def copies(
        self, key: object, function: Callable[[Item, Workspace], Result]
    ) -> Processes[Item, Result] | None:
        """`processes` for who asks again: None at the first time, and where it is not safe.

        key  stands for the function; another key ends the copies for the one before
        """
        if not self.can_fork:
            return None
        if self._key != key:
            self._end_copies()
            self._key = key
        elif self._copies is None:
            self._copies = self.processes(function)
        return self._copies

    def _end_copies(self) -> None:
        """End and forget what `copies` gave."""
        if self._copies is not None:
            self._processes.remove(self._copies)
            self._copies.close()
        self._key = self._copies = None
