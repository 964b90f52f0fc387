"""tinyzip itself, and the yardsticks that it is held against."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers import Batch, Entry, Run
from tinyzip import integer
from tinyzip.base.windows import im2col
from tinyzip.machine import blas
from tinyzip.machine.packed import Packed
from tinyzip.machine.workers import Workers
from tinyzip.nn.sequential import Sequential
from tinyzip.train.evaluate import Inference
from tinyzip.train.fit import hard_labels
from tinyzip.train.optim import AdamW
from tinyzip.train.run.optim_fast import packed_optimizer
from tinyzip.train.run.shards import Gradient, Shards, gradient_shard
from tinyzip.train.run.state import private_copy

VERSION = f"tinyzip, NumPy {np.__version__}"


def train(model: Sequential) -> Callable[[Batch, int], Run]:
    """The step that `fit` takes, on a batch that stays the same."""

    def start(batch: Batch, threads: int) -> Run:
        workers = Workers(threads)
        optimizer = packed_optimizer(AdamW(weight_decay=0.0))
        params, compute = gradient_of(model, batch, workers, optimizer.group)
        state = optimizer.init(params)

        def once() -> float:
            gradient = compute()
            optimizer.step(params, gradient.packed, state, 1e-3, workers)
            return gradient.loss

        return Run(once, lambda: workers)

    return start


def gradient(model: Sequential) -> Callable[[Batch, int], Run]:
    """A training step without its last part, the optimizer."""

    def start(batch: Batch, threads: int) -> Run:
        workers = Workers(threads)
        _, compute = gradient_of(model, batch, workers, lambda name: "all")
        return Run(lambda: compute().loss, lambda: workers)

    return start


def gradient_of(
    model: Sequential, batch: Batch, workers: Workers, group: Callable[[str], str]
) -> tuple[Packed, Callable[[], Gradient]]:
    """Parameters, as `fit` keeps them, and how it computes their gradient."""
    packed, params = private_copy(model, group)
    N = len(batch.labels)
    size = gradient_shard(model.parameter_count, N)
    own = model.with_params(params)
    shards = Shards(own, batch.images, batch.labels, hard_labels, None, workers, size, group)
    return packed, lambda: shards(np.arange(N), (0,))


def forward(model: Sequential) -> Callable[[Batch, int], Run]:
    """`Inference`, from the bytes of the images on."""

    def start(batch: Batch, threads: int) -> Run:
        inference = Inference(model, threads)
        return Run(lambda: inference.logits(batch.images).T, lambda: inference)

    return start


def run(program: integer.Program, product: Any) -> Callable[[Batch, int], Run]:
    """A run of a program; for a single image a planned one, as one would ask for them one by one."""

    def start(batch: Batch, threads: int) -> Run:
        codes = np.ascontiguousarray(batch.images.transpose(1, 2, 3, 0))
        workers = Workers(threads)
        if len(batch.labels) == 1:
            planned = integer.prepare(program, 1, product)
            return Run(lambda: planned(codes).T, lambda: workers)
        return Run(lambda: integer.run(program, codes, product, threads=workers).T, lambda: workers)

    return start


def entries(model: Sequential, program: integer.Program | None) -> list[Entry]:
    found = [
        Entry("tinyzip", "train", "default", train(model)),
        Entry("tinyzip", "float", "default", forward(model)),
    ]
    return found if program is None else found + products(program)


def products(program: integer.Program, bits: str = "") -> list[Entry]:
    """A program with both kinds of products, their names followed by its bits."""
    return [Entry("tinyzip", "integer", f"{name}{bits}", run(program, name)) for name in ("integer", "blas")]


def yardsticks(program: integer.Program) -> list[Entry]:
    """The default product, and the one that one would write first."""
    return [
        Entry("tinyzip", "integer", "integer", run(program, "integer")),
        Entry("tinyzip", "integer", "@ on int32", with_matmul(program)),
    ]


def perceptron(model: Sequential) -> list[Entry]:
    """What a training step of fully connected layers consists of."""
    return [
        Entry("tinyzip", "train", "gradient", gradient(model)),
        Entry("products", "train", "default", bare_products(model)),
    ]


def with_matmul(program: integer.Program) -> Callable[[Batch, int], Run]:
    """The program as one would first write it: `@` on int32. Plain convolutions without padding only."""

    def start(batch: Batch, threads: int) -> Run:
        images = np.ascontiguousarray(batch.images.transpose(1, 2, 3, 0))

        def once() -> Any:
            y: NDArray[Any] = images
            for operator, x, shape in zip(program.operators, program.codes, program.shapes[1:], strict=False):
                match operator:
                    case integer.Conv2d() | integer.Linear():
                        patches = y.astype(np.int32) - x.zero
                        if isinstance(operator, integer.Conv2d):
                            patches = im2col(patches, operator.kernel, operator.stride)
                        w = operator.w.astype(np.int32).reshape(len(operator.w), -1)
                        acc = w @ patches + operator.bias[:, None]
                        m0, n = operator.m0[:, None], operator.n[:, None]
                        codes = integer.requantize(acc, m0, n, operator.y, operator.rounding)
                        y = codes.reshape(*shape, -1)
                    case integer.MaxPool2d():
                        C, OH, OW = shape
                        y = y[:, : 2 * OH, : 2 * OW].reshape(C, OH, 2, OW, 2, -1).max((2, 4))
                    case integer.Flatten():
                        y = y.reshape(*shape, -1)
            return y.T

        return Run(once)

    return start


def bare_products(model: Sequential) -> Callable[[Batch, int], Run]:
    """Only the matrix products of a training step of fully connected layers: y, dw, and dx but the first."""
    weights = [array for array in model.params.values() if array.ndim == 2]

    def start(batch: Batch, threads: int) -> Run:
        N = len(batch.labels)
        sizes = [weights[0].shape[1], *map(len, weights)]
        ys = [np.ones((size, N), np.float32) for size in sizes]
        dys = [np.ones((size, N), np.float32) for size in sizes]
        dws = [np.empty_like(w) for w in weights]

        def once() -> None:
            for i, w in enumerate(weights):
                np.matmul(w, ys[i], out=ys[i + 1])
            for i, w in enumerate(weights):
                np.matmul(dys[i + 1], ys[i].T, out=dws[i])
                if i:
                    np.matmul(w.T, dys[i + 1], out=dys[i])

        return Run(once, lambda: blas_threads(threads))

    return start


@contextmanager
def blas_threads(threads: int) -> Iterator[None]:
    """BLAS with this many threads of its own, where that can be said."""
    release = blas.hold(threads)
    try:
        yield
    finally:
        if release is not None:
            release()
