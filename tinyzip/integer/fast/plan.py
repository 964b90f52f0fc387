"""Depth: what to call, in which order, and where the outputs live.

An output is needed until the last operator that reads it has run, and most are read once, by the next
operator. So a few slots of memory are enough for a program of any depth: each output is given one that
nothing else needs, and after its last reader it is free again. A chain needs two, a residual block a third.

What only reads codes in another way, as `Recall` and most reshapes do, writes nothing: its output is a view,
and the slot stays in use until nobody reads the view either.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from tinyzip.integer.fast.choose import Kernel, kernel_of, pool_after
from tinyzip.integer.fast.gemm import Product
from tinyzip.integer.operators import Argmax
from tinyzip.integer.program import Program


@dataclass(frozen=True)
class Task:
    """One call: operator i's output y from the outputs that it reads.

    kernel  None where y is a view of what is read
    shape   of one example of y; dtype: of y
    slot    the number of the slot that y lives in; −1 is where the input came from
    """

    i: int
    reads: tuple[int, ...]
    kernel: Kernel | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    slot: int


@dataclass(frozen=True)
class Plan:
    """All tasks of a program, in their order, and the bytes that one example takes in each slot."""

    tasks: tuple[Task, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, program: Program, calls: list[tuple[int, tuple[int, ...], Kernel | None]]) -> "Plan":
        """Give each output a slot: of those that are free the largest, or a new one."""
        home = {-1: -1}  # whose memory an output lies in: its own, or that of what it is a view of
        for i, reads, kernel in calls:
            home[i] = i if kernel else home[reads[0]]
        until = {home[k]: t for t, (_, reads, _) in enumerate(calls) for k in reads}
        until[home[calls[-1][0]]] = len(calls)
        slots: dict[int, int] = {-1: -1}
        sizes: list[int] = []
        free: list[int] = []
        tasks: list[Task] = []
        for t, (i, reads, kernel) in enumerate(calls):
            shape, dtype = program.shapes[i + 1], dtype_of(program, i)
            if kernel:
                if not free:
                    free.append(len(sizes))
                    sizes.append(0)
                slots[i] = max(free, key=lambda slot: sizes[slot])
                free.remove(slots[i])
                sizes[slots[i]] = max(sizes[slots[i]], prod(shape) * dtype.itemsize)
            tasks.append(Task(i, reads, kernel, shape, dtype, slots[home[i]]))
            free += [slots[k] for k in {home[k] for k in (i, *reads)} - {-1} if until.get(k, t) == t]
        return cls(tuple(tasks), tuple(sizes))


@lru_cache(maxsize=8)
def plan_of(program: Program, product: Product, trace: bool) -> Plan:
    """Prepare a program; kept for the programs run last, since it costs as much as running one image."""
    calls: list[tuple[int, tuple[int, ...], Kernel | None]] = []
    i = 0
    while i < len(program.operators):
        pool = pool_after(program, i, trace)
        reads, kernel = program.operators[i].reads(i), kernel_of(program, i, product, pool)
        i += 1 if pool is None else 2
        calls.append((i - 1, reads, kernel))
    return Plan.of(program, calls)


def dtype_of(program: Program, i: int) -> np.dtype[Any]:
    """The dtype of what operator i writes: its codes', or int64 for classes."""
    classes = isinstance(program.operators[i], Argmax)
    return np.dtype(np.int64) if classes else program.codes[i + 1].dtype
