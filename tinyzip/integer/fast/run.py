"""Depth: running a program: codes in, codes or classes out.

A batch is cut into shards, whose arrays fit the processor's cache, and each thread takes its shards through
the whole program on its own scratch memory. So memory does not grow with the number of images, and neither
the shard nor the thread that an example lands in can change its result: all of it is exact.

To those who hand in the same `Workers` again a run becomes a list of calls, see `machine.recorder`.

`product="printed"` takes the shards through `ops` instead, and needs nothing else of this folder.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from math import prod
from typing import Any, Literal

import numpy as np

from tinyzip.base.refuse import is_masked, refuse, said, whole
from tinyzip.integer import ops
from tinyzip.integer.codes import Array
from tinyzip.integer.fast.gemm import PRODUCTS, Product
from tinyzip.integer.fast.memory import BLOCK, take
from tinyzip.integer.fast.plan import Plan, dtype_of, plan_of
from tinyzip.integer.operators import Argmax, Conv2d
from tinyzip.integer.program import Program, check_program, place
from tinyzip.integer.scores import Scores
from tinyzip.machine.recorder import repeated
from tinyzip.machine.workers import Workers
from tinyzip.machine.workspace import Workspace

Way = Product | Literal["printed"]
WAYS: tuple[Way, ...] = (*PRODUCTS, "printed")
MOST = 96  # examples in a shard
SCRATCH = 2**21  # bytes of outputs that are needed at once, unless one example needs more


def run(
    program: Program, codes: Array, product: Way = "integer", trace: bool = False, threads: int | Workers = 1
) -> Any:
    """The output of `program` on a batch: codes (…, N), or classes (N,) int64 where it ends in Argmax.

    Codes are `Scores`, an array that refuses to be compared with labels: `argmax(0)` makes classes of them.

    codes    (C, H, W, N) or (C, N), of the dtype and within the range of program.input
    product  "integer"; "blas": float32 matrix products where the bounds prove them exact; or "printed": the
             page of `ops`, many times slower. The same codes
    trace    give the list of all operators' outputs instead of the last one
    threads  shards side by side; the same codes for any number. For many small batches hand in
             `Workers`, whose threads and scratch memory are then used again and again; within their `with`
             block a program that runs again runs in copies of the process (`tinyzip.machine.processes`)
    Raises TypeError for another dtype, ValueError for a wrong shape, an empty batch, a code out of range.
    """
    check(program, codes)
    if not isinstance(trace, bool):
        refuse("run: trace", said(trace), "True or False", TypeError)
    if product not in WAYS:
        refuse("run: product", repr(product), f"one of {', '.join(WAYS)}")
    workers = threads if isinstance(threads, Workers) else Workers(whole(threads, "run: threads", 1, 1024))
    N = codes.shape[-1]
    plan = None if product == "printed" else plan_of(program, product, trace)
    size = shard_size(most_together(program, plan), N, workers.threads)
    starts = range(0, N, size)
    copies = None
    if plan is not None and len(starts) > 1 and not trace and type(codes) is np.ndarray:
        copies = workers.copies((program, product), partial(answer, plan))
    if copies is not None:
        parts = copies.map([codes[..., start : start + size] for start in starts])
        return scores(program, np.concatenate(parts, axis=-1))
    last = len(program.operators) - 1
    kept = range(last + 1) if trace else [last]
    empty = (np.empty((*program.shapes[i + 1], N), dtype_of(program, i)) for i in kept)
    outputs = {i: y.view(type(codes)) for i, y in zip(kept, empty, strict=True)}

    def shard(start: int, workspace: Workspace) -> None:
        part = slice(start, min(start + size, N))
        found: Iterable[tuple[int, Array]]
        if plan is None:
            found = enumerate(ops.walk(program.operators, program.codes, codes[..., part]))
        elif trace or type(codes) is not np.ndarray:
            found = walk(plan, codes[..., part], workspace)
        else:
            found = [(last, repeated(partial(last_of, plan), id(plan), codes[..., part], workspace))]
        for i, y in found:
            if i in outputs:
                outputs[i][..., part] = y

    with workers:
        workers.map(shard, starts)
    return [outputs[i] for i in range(last + 1)] if trace else scores(program, outputs[last])


def scores(program: Program, y: Array) -> Array:
    """Codes that are not taken for classes; classes, and arrays of a class of its own, as they are."""
    classes = isinstance(program.operators[-1], Argmax)
    return y if classes or type(y) is not np.ndarray else y.view(Scores)


def walk(plan: Plan, codes: Array, workspace: Workspace) -> Iterator[tuple[int, Array]]:
    """Take a shard through the program: each operator's index and what it wrote, valid until the next."""
    workspace.reset()
    N = codes.shape[-1]
    memory = [take(codes, (size * N,), np.uint8, workspace) for size in plan.sizes]
    outputs = {-1: codes}
    for task in plan.tasks:
        shape, inputs = (*task.shape, N), [outputs[k] for k in task.reads]
        if task.kernel is None:
            y = inputs[0].reshape(shape)
        else:
            y = memory[task.slot][: prod(shape) * task.dtype.itemsize].view(task.dtype).reshape(shape)
            with workspace.scratch():
                task.kernel(*inputs, y=y, workspace=workspace)
        outputs[task.i] = y
        yield task.i, y


def last_of(plan: Plan, codes: Array, workspace: Workspace) -> Array:
    """What the last operator makes of a shard, valid until the workspace is used again."""
    *_, (_, y) = walk(plan, codes, workspace)
    return y


def memory_of(program: Program) -> tuple[int, int]:
    """(codes, all): the bytes that a run of one example needs at once.

    codes  the input, and those outputs that are alive together
    all    these, and what the kernels of this engine take beside them: sums, patches, scaled sums
    """
    plan, workspace = plan_of(program, "integer", False), Workspace()
    entry = np.full((*program.shape, 1), program.input.zero, program.input.dtype)
    last_of(plan, entry, workspace)
    return entry.nbytes + sum(plan.sizes), entry.nbytes + workspace.peak


def resume(program: Program, outputs: list[Array]) -> Array:
    """The last operator's output, where what the first ones wrote is given: for asking "what if".

    outputs  the program's input, and the outputs of its operators as `run` traces them, up to any of them;
             each may be replaced by others of its shape and codes
    """
    outputs, workspace = list(outputs), Workspace()
    for task in plan_of(program, "integer", True).tasks[len(outputs) - 1 :]:
        inputs = [np.asarray(outputs[k + 1]) for k in task.reads]
        shape = *task.shape, inputs[0].shape[-1]
        if task.kernel is None:
            y = inputs[0].reshape(shape)
        else:
            y = np.empty(shape, task.dtype)
            with workspace.scratch():
                task.kernel(*inputs, y=y, workspace=workspace)
        outputs.append(y)
    return outputs[-1]


def answer(plan: Plan, codes: Array, workspace: Workspace) -> Array:
    """What the last operator makes of a shard, as a new array."""
    y: Array = repeated(partial(last_of, plan), id(plan), codes, workspace)
    return y.copy()


def check(program: Program, codes: Array) -> None:
    """Refuse codes that are not what program.input says, naming the operator that would read them."""
    check_program(program, "run: program")
    x, where = program.input, f"run: codes, read by {place(0, program.operators[0])}"
    if not isinstance(codes, np.ndarray) or codes.dtype != x.dtype or is_masked(codes):
        plain = isinstance(codes, np.ndarray) and not is_masked(codes)
        found = f"dtype {codes.dtype}" if plain else said(codes)
        refuse(where, found, f"an array of dtype {x.dtype}", TypeError)
    if codes.shape[:-1] != program.shape or codes.shape[-1] == 0:
        needed = f"{(*program.shape, 'N')}, N from 1 up; images are for quant.door.classify"
        refuse(where, f"shape {codes.shape}", needed)
    if x.hi - x.lo < 255:  # else every byte is a code
        least, most = int(codes.min()), int(codes.max())
        if least < x.lo or most > x.hi:
            refuse(where, f"codes from {least} to {most}", f"codes from {x.lo} to {x.hi}")


def shard_size(most: int, N: int, threads: int = 1) -> int:
    """How many of N examples go together, so that all threads have as many shards, as equal as can be."""
    rounds = -(-N // (most * threads))
    return -(-N // (rounds * threads))


def most_together(program: Program, plan: Plan | None) -> int:
    """How many examples go together at most: up to MOST, one at least.

    As many as keep the outputs that are needed at once within SCRATCH, and a row of the widest layer within a
    block: longer rows would only push each other out of the cache. Without a plan, the largest output alone.
    """
    if plan is None:
        return max(1, min(MOST, SCRATCH // max(map(prod, program.shapes))))
    row = 1
    for operator, shape in zip(program.operators, program.shapes[1:], strict=True):
        if isinstance(operator, Conv2d):
            values = operator.w[0].size * operator.groups + operator.w.shape[0]
            row = max(row, 4 * values * shape[2])
    return max(1, min(MOST, SCRATCH // max(MOST, sum(plan.sizes)), BLOCK // row))
