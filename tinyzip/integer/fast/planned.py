"""Depth: a program planned for so many examples: nothing is left to do but to compute.

For a single image the arithmetic takes less time than deciding on it: shapes, views and scratch memory are
worked out anew in every run, though they never change. So a program is run once while all that NumPy is asked
to do is written down, each call with the very arrays that it read and wrote. To run it again is to write
other codes into the first array and to make the same calls: no kernel knows of this, and the same arithmetic
is done in the same order.

    run(program, codes) = calls of one run, repeated where codes stand in the input's place        (PL1)

It holds since no kernel looks at a value to decide what to call. Planning runs the calls on other codes, too,
and compares. Who writes is `Recorder`; and `run` does the same with shards that it is given again and again.
"""

from contextlib import nullcontext

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.integer.codes import Array, whole
from tinyzip.integer.fast.gemm import PRODUCTS, Product
from tinyzip.integer.fast.plan import plan_of
from tinyzip.integer.fast.recorder import LOOKED
from tinyzip.integer.fast.run import Recorded, check, most_together, run, scores, shard_size, walk
from tinyzip.integer.program import Program, check_program
from tinyzip.machine import blas
from tinyzip.machine.workers import Workers, small_buffer
from tinyzip.machine.workspace import Workspace


class Planned:
    """A program for N examples: `planned(codes)` is `run(program, codes)` for these many, sooner.

    It computes in memory of its own, `nbytes` of it, and so serves one thread at a time: each has its own. It
    cuts its examples into the shards of `run`, of one or two sizes, and notes the calls for each of them.
    """

    def __init__(self, program: Program, count: int, product: Product) -> None:
        self.program, self.product, self.count = program, product, count
        plan = plan_of(program, product, False)
        self.size = shard_size(most_together(program, plan), count)
        self.recorded: dict[int, Recorded] = {}
        workspace = Workspace()
        for size in sorted({self.size, count % self.size or self.size}, reverse=True):
            entry = np.full((*program.shape, size), program.input.zero, program.input.dtype)
            for _ in walk(plan, entry, workspace):  # which finds out how much memory is needed
                pass
            self.recorded[size] = Recorded(plan, entry, workspace)
        self.nbytes = workspace.peak + sum(recorded.entry.nbytes for recorded in self.recorded.values())

    def __call__(self, codes: Array) -> Array:
        """codes (…, N) as for `run`, N as planned; returns what `run` returns, and refuses what it does."""
        check(self.program, codes)
        if codes.shape[-1] != self.count:
            refuse("planned: codes", f"{codes.shape[-1]} examples", f"{self.count}, or another plan")
        last = self.recorded[self.size].output
        y = np.empty((*last.shape[:-1], self.count), last.dtype)
        one = self.count == 1  # whose rows are too short to gain from it
        release = blas.hold() if self.product == "blas" else None
        try:
            with nullcontext() if one else small_buffer():
                for start in range(0, self.count, self.size):
                    shard = slice(start, min(start + self.size, self.count))
                    y[..., shard] = self.recorded[shard.stop - start](codes[..., shard])
        finally:
            if release is not None:
                release()
        return scores(self.program, y)


def prepare(program: Program, count: int = 1, product: Product = "integer") -> Planned:
    """Plan a program for `count` examples at a time.

    Memory is that of a shard, however many there are: `Planned.nbytes` says how much it is.
    Raises TypeError and ValueError for what is no program, count or product.
    """
    check_program(program, "prepare: program")
    count = whole(count, "prepare: count", 1, 2**20)
    if product not in PRODUCTS:
        refuse("prepare: product", repr(product), f"one of {', '.join(PRODUCTS)}")
    with Workers():
        planned = Planned(program, count, product)
    x = program.input
    codes = np.resize(np.arange(x.lo, x.hi + 1, dtype=x.dtype), (*program.shape, count))
    if not np.array_equal(np.asarray(planned(codes)), np.asarray(run(program, codes, product))):
        refuse(*LOOKED)
    return planned
