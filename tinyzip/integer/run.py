"""Running a program: codes in, codes or classes out.

A batch is cut into shards, whose arrays fit the processor's cache, and each thread takes its shards through
the whole program on its own scratch memory. So memory does not grow with the number of images, and neither
the shard nor the thread that an example lands in can change its result: all of it is exact.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.integer.codes import whole
from tinyzip.integer.gemm import PRODUCTS, Product
from tinyzip.integer.kernels import Prepared, conv2d, linear
from tinyzip.integer.operators import (
    Argmax,
    AvgPool2d,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
)
from tinyzip.integer.pools import avg_pool2d, clamp, global_avg_pool, max_pool2d
from tinyzip.integer.program import Program, place
from tinyzip.machine.workers import Workers
from tinyzip.machine.workspace import Workspace

SHARD = 96  # examples at most
SCRATCH = 2**23  # bytes that the widest layer of a shard may ask for, unless one example asks for more

Kernel = Callable[[NDArray[Any], Workspace], NDArray[Any]]


@lru_cache(maxsize=8)
def prepare(program: Program, product: Product, trace: bool) -> list[tuple[int, Kernel]]:
    """The kernels to call, each with the index of the operator whose output it gives.

    A max pool right after a convolution is done by the convolution, unless every output is asked for. Kept
    for the programs run last: it costs as much as running one image.
    """
    kernels: list[tuple[int, Kernel]] = []
    operators = program.operators
    pooled = -1
    for i, operator in enumerate(operators):
        x, bound = program.codes[i], program.bounds[i]
        match operator:
            case Conv2d():
                following = operators[i + 1] if i + 1 < len(operators) and not trace else None
                pool = following if isinstance(following, MaxPool2d) else None
                pooled = pooled if pool is None else i + 1
                step = Prepared.of(operator, x, bound, product, pool)
                kernels.append((i if pool is None else pooled, partial(conv2d, step, operator)))
            case Linear():
                kernels.append((i, partial(linear, Prepared.of(operator, x, bound, product))))
            case MaxPool2d() if i != pooled:
                kernels.append((i, partial(clamped_max_pool, operator, x.lo)))
            case AvgPool2d():
                kernels.append((i, partial(avg_pool2d, operator, x, bound)))
            case GlobalAvgPool():
                kernels.append((i, partial(global_avg_pool, operator, x, bound)))
            case Flatten():
                kernels.append((i, flatten))
            case Argmax():
                kernels.append((i, argmax))
    return kernels


def clamped_max_pool(operator: MaxPool2d, least: int, x: NDArray[Any], workspace: Workspace) -> NDArray[Any]:
    """A max pool on codes, and its clamp."""
    return clamp(max_pool2d(operator, least, x, workspace), operator.y, workspace)


def flatten(x: NDArray[Any], workspace: Workspace) -> NDArray[Any]:
    """(C, H, W, N) to (C·H·W, N): batch last, the order is already right."""
    return x.reshape(-1, x.shape[-1])


def argmax(x: NDArray[Any], workspace: Workspace) -> NDArray[Any]:
    """(K, N) to the class of the greatest code, (N,); the first among equals."""
    classes: NDArray[Any] = np.argmax(x, 0)
    return classes


def run(
    program: Program,
    codes: NDArray[Any],
    product: Product = "integer",
    trace: bool = False,
    threads: int | Workers = 1,
) -> Any:
    """The output of `program` on a batch: codes (…, N), or classes (N,) int64 where it ends in Argmax.

    codes    (C, H, W, N) or (C, N), of the dtype and within the range of program.input
    product  "integer", or "blas": float32 matrix products where the bounds prove them exact. The same codes
    trace    give the list of all operators' outputs instead of the last one
    threads  shards side by side; the same codes for any number. Whoever runs many small batches hands in
             `Workers`, whose threads and scratch memory are then used again and again; within their `with`
             block a program that runs again runs in copies of the process (`tinyzip.machine.processes`)
    Raises TypeError for another dtype, ValueError for a wrong shape, an empty batch, a code out of range.
    """
    check(program, codes)
    if product not in PRODUCTS:
        refuse("run: product", repr(product), f"one of {', '.join(PRODUCTS)}")
    workers = threads if isinstance(threads, Workers) else Workers(whole(threads, "run: threads", 1, 1024))
    N = codes.shape[-1]
    kernels = prepare(program, product, trace)
    rounds = -(-N // (shard_size(program) * workers.threads))
    size = -(-N // (rounds * workers.threads))
    starts = range(0, N, size)
    copies = None
    if len(starts) > 1 and not trace and type(codes) is np.ndarray:
        copies = workers.copies((program, product), partial(answer, kernels))
    if copies is not None:
        return np.concatenate(copies.map([codes[..., start : start + size] for start in starts]), axis=-1)
    last = len(program.operators) - 1
    outputs = {
        i: np.empty((*program.shapes[i + 1], N), written(program, i)).view(type(codes))
        for i in range(last + 1)
        if trace or i == last
    }

    def shard(start: int, workspace: Workspace) -> None:
        part = slice(start, min(start + size, N))
        for i, y in walk(kernels, codes[..., part], workspace):
            if i in outputs:
                outputs[i][..., part] = y

    with workers:
        workers.map(shard, starts)
    return [outputs[i] for i in range(last + 1)] if trace else outputs[last]


def walk(
    kernels: list[tuple[int, Kernel]], y: NDArray[Any], workspace: Workspace
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Take a shard through the program: each operator's index and what it wrote, valid until the next."""
    workspace.reset()
    for i, kernel in kernels:
        y = kernel(y, workspace)
        yield i, y


def answer(kernels: list[tuple[int, Kernel]], codes: NDArray[Any], workspace: Workspace) -> NDArray[Any]:
    """What the last kernel makes of a shard, as a new array."""
    *_, (_, y) = walk(kernels, codes, workspace)
    return y.copy()


def check(program: Program, codes: NDArray[Any]) -> None:
    """Refuse codes that are not what program.input says, naming the operator that would read them."""
    x, where = program.input, f"run: codes, read by {place(0, program.operators[0])}"
    if not isinstance(codes, np.ndarray) or codes.dtype != x.dtype:
        found = codes.dtype if isinstance(codes, np.ndarray) else type(codes).__name__
        refuse(where, f"dtype {found}", f"dtype {x.dtype}", TypeError)
    if codes.shape[:-1] != program.shape or codes.shape[-1] == 0:
        refuse(where, f"shape {codes.shape}", f"{(*program.shape, 'N')}, N from 1 up")
    if x.hi - x.lo < 255:  # else every byte is a code
        least, most = int(codes.min()), int(codes.max())
        if least < x.lo or most > x.hi:
            refuse(where, f"codes from {least} to {most}", f"codes from {x.lo} to {x.hi}")


def written(program: Program, i: int) -> np.dtype[Any]:
    """The dtype of what operator i writes: its codes', or int64 for classes."""
    classes = isinstance(program.operators[i], Argmax)
    return np.dtype(np.int64) if classes else program.codes[i + 1].dtype


def shard_size(program: Program) -> int:
    """How many examples go together, at most SHARD.

    As many as keep the widest layer within SCRATCH, and what all layers leave behind, up to three int32
    copies of a tensor, within twice that: a shard's memory is given back at its end.
    """
    widest = 12 * sum(map(prod, program.shapes)) // 2
    for operator, shape in zip(program.operators, program.shapes[1:], strict=True):
        if isinstance(operator, Conv2d):
            rows = operator.w[0].size * operator.groups + shape[0]
            widest = max(widest, rows * shape[1] * shape[2] * 4)
    return max(1, min(SHARD, SCRATCH // widest))
