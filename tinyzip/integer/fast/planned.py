"""Depth: a program planned for so many examples: nothing is left to do but to compute.

A program is run once while all that NumPy is asked to do is written down (`machine.recorder`), each call with
the very arrays that it read and wrote. To run it again is to write other codes into the first array and to
make the same calls (PL1). No kernel chooses calls by values; planning runs other codes, too, and compares.
"""

from functools import partial

import numpy as np

from tinyzip.base.refuse import refuse, whole
from tinyzip.integer.codes import Array
from tinyzip.integer.fast.gemm import PRODUCTS, Product
from tinyzip.integer.fast.plan import plan_of
from tinyzip.integer.fast.run import check, last_of, most_together, run, scores, shard_size
from tinyzip.integer.program import Program, check_program
from tinyzip.machine import blas
from tinyzip.machine.recorder import LOOKED, Recorded
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
            last_of(plan, entry, workspace)  # which finds out how much memory is needed
            self.recorded[size] = Recorded(partial(last_of, plan), entry, workspace)
        self.nbytes = workspace.peak + sum(recorded.nbytes for recorded in self.recorded.values())

    def __call__(self, codes: Array) -> Array:
        """codes (…, N) as for `run`, N as planned; returns what `run` returns, and refuses what it does."""
        check(self.program, codes)
        if codes.shape[-1] != self.count:
            refuse("planned: codes", f"{codes.shape[-1]} examples", f"{self.count}, or another plan")
        release = blas.hold() if self.product == "blas" else None
        try:
            if self.count == 1:  # whose rows are too short to gain from another buffer
                y = self.recorded[1](codes).copy()
            else:
                last = self.recorded[self.size].output
                y = np.empty((*last.shape[:-1], self.count), last.dtype)
                with small_buffer():
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
        refuse("prepare: program", *LOOKED)
    return planned
