"""Running a program: codes in, codes or classes out.

A batch is cut into shards, whose arrays fit the processor's cache, and each thread takes its shards through
the whole program on its own scratch memory. So memory does not grow with the number of images, and neither the
shard nor the thread that an example lands in can change its result: all of it is exact.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.gemm import PRODUCTS, Product
from tinyzip.integer.kernels import Prepared, conv2d, linear
from tinyzip.integer.operators import (
    Argmax,
    AvgPool2d,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    MaxPool2d,
    Weighted,
)
from tinyzip.integer.pools import avg_pool2d, clamp, global_avg_pool, max_pool2d
from tinyzip.integer.program import Program
from tinyzip.refuse import refuse
from tinyzip.workers import Workers
from tinyzip.workspace import Workspace

SHARD = 64  # examples at most
SCRATCH = 2**23  # bytes that the widest layer of a shard may ask for, unless one example asks for more

Kernel = Callable[[NDArray[Any], Workspace], NDArray[Any]]


def prepare(program: Program, product: Product, trace: bool) -> list[tuple[int, Kernel]]:
    """The kernels to call, each with the index of the operator whose output it gives.

    A max pool right after a convolution is done by the convolution, unless every output is asked for.
    """
    steps: list[tuple[int, Kernel]] = []
    for i, operator in enumerate(program.operators):
        x, bound = program.codes[i], program.bounds[i]
        following = program.operators[i + 1] if i + 1 < len(program.operators) else None
        before = program.operators[i - 1] if i else None
        match operator:
            case Conv2d():
                pool = following if isinstance(following, MaxPool2d) and not trace else None
                step = Prepared.of(operator, x, bound, product, pool)
                steps.append((i + (pool is not None), bind(conv2d, step, operator)))
            case Weighted():
                steps.append((i, bind(linear, Prepared.of(operator, x, bound, product))))
            case MaxPool2d() if trace or not isinstance(before, Conv2d):
                steps.append((i, plain_max_pool(operator, x.lo)))
            case AvgPool2d():
                steps.append((i, lambda y, workspace, o=operator, x=x: avg_pool2d(o, y, x, workspace)))
            case GlobalAvgPool():
                steps.append((i, lambda y, workspace, o=operator, x=x: global_avg_pool(o, y, x, workspace)))
            case Flatten():
                steps.append((i, lambda y, _: y.reshape(-1, y.shape[-1])))
            case Argmax():
                steps.append((i, lambda y, _: y.argmax(0)))
    return steps


def bind(kernel: Callable[..., NDArray[Any]], *first: Any) -> Kernel:
    """The kernel with its first arguments given."""
    return lambda y, workspace: kernel(*first, y, workspace)


def plain_max_pool(operator: MaxPool2d, least: int) -> Kernel:
    """A max pool on codes, and its clamp."""
    return lambda y, workspace: clamp(max_pool2d(operator, y, least, workspace), operator.y, workspace)


def run(
    program: Program,
    codes: NDArray[Any],
    product: Product = "integer",
    trace: bool = False,
    threads: int = 1,
) -> Any:
    """The output of `program` on a batch: codes (…, N), or classes (N,) int64 where it ends in Argmax.

    codes    (C, H, W, N) or (C, N), of the dtype and within the range of program.input
    product  "integer", or "blas": float32 matrix products where the bounds prove them exact. The same codes
    trace    give the list of all operators' outputs instead of the last one
    threads  shards side by side; the same codes for any number
    Raises TypeError for another dtype, ValueError for a wrong shape, an empty batch, a code out of range.
    """
    check(program, codes)
    if product not in PRODUCTS:
        refuse("run: product", repr(product), f"one of {', '.join(PRODUCTS)}")
    N = codes.shape[-1]
    steps = prepare(program, product, trace)
    last = len(program.operators) - 1
    outputs = {
        i: np.empty((*program.shapes[i + 1], N), written(program, i)).view(type(codes))
        for i in range(last + 1)
        if trace or i == last
    }

    def shard(start: int, workspace: Workspace) -> None:
        workspace.reset()
        part = slice(start, min(start + size, N))
        y = codes[..., part]
        for i, kernel in steps:
            y = kernel(y, workspace)
            if i in outputs:
                outputs[i][..., part] = y

    size = shard_size(program)
    with Workers(threads) as workers:
        workers.map(shard, range(0, N, size))
    return [outputs[i] for i in range(last + 1)] if trace else outputs[last]


def check(program: Program, codes: NDArray[Any]) -> None:
    """Refuse codes that are not what program.input says."""
    x = program.input
    if not isinstance(codes, np.ndarray) or codes.dtype != x.dtype:
        found = codes.dtype if isinstance(codes, np.ndarray) else type(codes).__name__
        refuse("run: codes", f"dtype {found}", f"dtype {x.dtype}", TypeError)
    if codes.shape[:-1] != program.shape or codes.shape[-1] == 0:
        refuse("run: codes", f"shape {codes.shape}", f"{(*program.shape, 'N')}, N from 1 up")
    least, most = int(codes.min()), int(codes.max())
    if least < x.lo or most > x.hi:
        refuse("run: codes", f"codes from {least} to {most}", f"codes from {x.lo} to {x.hi}")


def written(program: Program, i: int) -> np.dtype[Any]:
    """The dtype of what operator i writes: its codes', or int64 for classes."""
    classes = isinstance(program.operators[i], Argmax)
    return np.dtype(np.int64) if classes else program.codes[i + 1].dtype


def shard_size(program: Program) -> int:
    """How many examples go through together: as many as keep the widest layer within SCRATCH, at most SHARD."""
    widest = 1
    for operator, shape in zip(program.operators, program.shapes[1:], strict=True):
        if isinstance(operator, Conv2d):
            rows = operator.w[0].size * operator.groups + shape[0]
            widest = max(widest, rows * shape[1] * shape[2] * 4)
    return max(1, min(SHARD, SCRATCH // widest))
