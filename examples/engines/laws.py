"""What is each acceleration of `tinyzip.nn.fast` and `tinyzip.integer.fast` worth, and what are all of them?

    python examples/engines/laws.py            two minutes
    python examples/engines/laws.py --quick    some seconds, and more noise

Printed is the time without divided by the time with, on a layer of the example networks to which the law
applies, at a batch of 64. Both take turns, and the ratio is the median over the turns. What counts is the
processor's time on one core, so that whatever else runs on the machine matters little. Below stand whole
training steps, without the optimizer, and forward passes: of the network as it is printed, divided by those
of the network that runs. Then the same for the integer engine: on whole programs, of networks with so many
bits for weights and activations, whatever a law can be left out of; and programs as they are printed, divided
by those that run, by integer products and by those of BLAS.
"""

import argparse
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from tinyzip import integer
from tinyzip.base.table import aligned
from tinyzip.integer import Program, ops, requantize
from tinyzip.integer.bounds import accumulator_of, channel_bounds
from tinyzip.integer.fast import choose, gemm, lines
from tinyzip.integer.fast import plan as plans
from tinyzip.integer.fast.gemm import Product
from tinyzip.integer.fast.plan import plan_of
from tinyzip.integer.fast.run import last_of, walk
from tinyzip.integer.fast.scaling import Scaling
from tinyzip.integer.fast.steps import Steps
from tinyzip.machine import products
from tinyzip.machine.recorder import Recorded
from tinyzip.machine.workers import Workers, small_buffer
from tinyzip.machine.workspace import FRESH, Workspace
from tinyzip.nn import models
from tinyzip.nn.fast import blocks, pools, rows, turned
from tinyzip.nn.fast.choose import one_stage
from tinyzip.nn.fast.conv import FastConv2d
from tinyzip.nn.fast.in_place import Rectified
from tinyzip.nn.fast.pool_first import ConvReLUPool, compete, fours_of
from tinyzip.nn.fast.stage import AsPrinted, Stage
from tinyzip.nn.fast.sums import total
from tinyzip.nn.layer import Arrays, Layer
from tinyzip.nn.layers import AvgPool2d, BatchNorm, Conv2d, MaxPool2d, ReLU
from tinyzip.nn.losses import cross_entropy
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.train import evaluate

N = 64
NETWORKS = ("seed_net", "lenet5", "vgg_net", "separable_net", "wide_mlp")
PROGRAMS = ((8, 8, "seed_net"), (2, 4, "seed_net"), (8, 8, "student_net"), (8, 8, "separable_net"))
RNG = np.random.default_rng(0)

INTEGER: Product = "integer"
BLAS: Product = "blas"
INT32 = np.dtype(np.int32)
PIECES = patch.object(products, "has_small_kernels", lambda: False)

Array = NDArray[np.float32]
Shape = tuple[int, ...]
Work = Callable[[], object]


class Law(NamedTuple):
    """An acceleration: its equations, where it is measured, and the same work without it and with it."""

    name: str
    equations: str
    where: str
    without: Work
    with_it: Work


def normal(*shape: int) -> Array:
    return RNG.standard_normal(shape, np.float32)


def reused(call: Callable[[Workspace], object]) -> Work:
    """The call, in memory that is there already."""
    workspace = Workspace()

    def work() -> None:
        workspace.reset()
        call(workspace)

    return work


def fresh(call: Callable[[Workspace], object]) -> Work:
    """The call, in new memory."""
    return lambda: call(FRESH)


def passes(layer: Layer, shape: Shape, *stages: Stage) -> Callable[[Workspace], object]:
    """Forward and backward through stages, the first of which has the arrays of `layer`."""
    p, x = layer.initialize(RNG), normal(*shape, N)
    parts = [p, *({} for _ in stages[1:])]

    def forward(workspace: Workspace) -> tuple[Array, list[Any]]:
        y, caches = x, []
        for stage, part in zip(stages, parts, strict=True):
            y, cache = stage.forward(part, y, train=True, rng=None, workspace=workspace)
            caches.append(cache)
        return y, caches

    first = normal(*forward(FRESH)[0].shape)

    def both(workspace: Workspace) -> None:
        _, caches = forward(workspace)
        dy: Array | None = first
        for stage, part, cache in reversed(list(zip(stages, parts, caches, strict=True))):
            assert dy is not None
            dy, _ = stage.backward(part, dy, cache, workspace=workspace, need_dx=True)

    return both


class Given(Stage):
    """Nothing: x as it is. So that what follows a convolution can be measured without one."""

    def forward(self, p: Arrays, x: Array, **options: Any) -> tuple[Array, None]:
        return x, None

    def backward(self, p: Arrays, dy: Array, cache: None, **options: Any) -> tuple[Array, Arrays]:
        return dy, {}


def step(net: Sequential) -> Callable[[Workspace], object]:
    """The gradient of a batch."""
    x, labels = normal(*net.shape, N), RNG.integers(0, 10, N)

    def gradient(workspace: Workspace) -> None:
        z, caches = net.forward(x, train=True, workspace=workspace)
        net.backward(cross_entropy(z, labels)[1], caches, workspace=workspace)

    return gradient


def answer(net: Sequential) -> Callable[[Workspace], object]:
    """The logits of a batch."""
    x = normal(*net.shape, N)
    return lambda workspace: net.forward(x, workspace=workspace)


def laws() -> Iterator[Law]:
    """Each law on a layer of one of the networks."""
    conv, shape = Conv2d(16, 16, 3, padding=1), (16, 28, 28)  # conv1b of vgg_net
    geometry, runs = conv.geometry(shape), one_stage(conv, shape)
    x, y, dx = normal(*shape, N), normal(16, 28 * 28 * N), normal(*shape, N)
    w, dy = normal(1, 16, 16 * 9), y.reshape(1, 16, -1)
    relu, pool = ReLU(), MaxPool2d(2)

    yield Law("sums by BLAS", "X1", "db of vgg conv1b", lambda: y.sum(axis=1), lambda: total(y, FRESH))

    gradient = step(models.seed_net())
    yield Law("memory in place", "X2", "training of seed_net", fresh(gradient), reused(gradient))

    in_blocks = reused(passes(conv, shape, runs))

    def at_once() -> None:
        with patch.object(blocks, "BLOCK", 2**40):
            in_blocks()

    yield Law("patches in blocks", "X3", "vgg conv1b", at_once, in_blocks)

    def product(route: blocks.Route) -> Work:
        return reused(lambda workspace: route(w, x, geometry, y.reshape(1, 16, -1), workspace))

    by_rows = product(rows.multiply)
    yield Law("rows that share patches", "X4", "y of vgg conv1b", product(blocks.multiply), by_rows)

    whole = changed([PIECES], by_rows)
    yield Law("products in pieces", "MP1", "y of vgg conv1b", whole, by_rows)

    def weights(route: blocks.Route) -> Work:
        return reused(lambda workspace: route(dy, x, geometry, np.empty_like(w), workspace))

    shared = weights(rows.weight_gradient)
    apart = changed([PIECES], shared)
    yield Law("sums in pieces", "MP2", "dw of vgg conv1b", apart, shared)

    def inputs(route: blocks.Route) -> Work:
        return reused(lambda workspace: route(dy, w, geometry, dx, workspace))

    gather = inputs(partial(turned.input_gradient, multiply=blocks.multiply))
    yield Law("turned kernels", "X6", "dx of vgg conv1b", inputs(blocks.input_gradient), gather)

    average = AvgPool2d(2)
    printed, shifted = (
        passes(average, shape, s) for s in (AsPrinted(average, shape), one_stage(average, shape))
    )
    yield Law("shifted images", "X7", "2×2 averages, 16×28×28", fresh(printed), fresh(shifted))

    each, small = Conv2d(16, 16, 3, padding=1, groups=16, bias=False), (16, 14, 14)  # of separable_net
    routes = blocks.multiply, blocks.weight_gradient, blocks.input_gradient
    grouped = reused(passes(each, small, FastConv2d(each, small, *routes)))
    bands = reused(passes(each, small, one_stage(each, small)))
    yield Law("band matrices", "X8, X9", "separable depthwise2", grouped, bands)

    stands = Given(), one_stage(relu, shape), one_stage(pool, shape)
    apart, rectified = (
        reused(passes(relu, shape, *stands[:2])),
        reused(passes(relu, shape, Rectified(Given()))),
    )
    yield Law("ReLU in place", "X10", "ReLU, 16×28×28", apart, rectified)

    norm = BatchNorm(16)
    printed, few = (passes(norm, small, s) for s in (AsPrinted(norm, small), one_stage(norm, small)))
    yield Law("few passes", "X11, X12", "separable norm1", fresh(printed), fresh(few))

    windows = pool.geometry(shape)
    noted = reused(lambda workspace: pools.largest_and_winners(x, windows, workspace))
    largest = reused(lambda workspace: pools.largest(x, windows, workspace))
    yield Law("winners in training only", "X13", "2×2 maxima, 16×28×28", noted, largest)

    arg = pools.largest_and_winners(x, windows, FRESH)[1]
    dwon = normal(*arg.shape)
    assigned = reused(lambda workspace: pools.to_winners(dwon, arg, x.shape, windows, workspace))

    def added() -> None:
        with patch.object(pools, "are_disjoint", lambda geometry: False):
            assigned()

    yield Law("disjoint windows", "X14", "backward of the same", added, assigned)

    in_turn = reused(passes(relu, shape, Rectified(Given()), stands[2]))
    first = reused(passes(relu, shape, ConvReLUPool(Given())))
    yield Law("pooling before the ReLU", "X15, X16", "ReLU and 2×2 maxima", in_turn, first)

    z, best = normal(10, 24, 24, 16), normal(10, 12, 12, 16)  # of conv1 of seed_net
    winners, four = np.empty((3, *best.shape), np.bool_), fours_of(z)
    pieces = np.empty(four.shape, z.dtype)

    def in_pieces() -> None:
        np.copyto(pieces, four)
        compete(pieces, best, winners)

    where_they_lie = partial(compete, four, best, winners)
    yield Law("pixels in one piece", "X18", "2×2 maxima, 16 images", where_they_lie, in_pieces)

    net, image = models.seed_net(), normal(*models.MNIST, 1)

    def answers(x: Array, workspace: Workspace) -> Array:
        return net.forward(x, workspace=workspace)[0]

    separable, batch = models.separable_net(), RNG.integers(0, 256, (N, 28, 28), np.uint8)
    ask = partial(evaluate.answer, separable)
    in_front = partial(Recorded(ask, batch, Workspace()), batch)
    with patch.object(evaluate, "folded", lambda model, *_: model):
        behind = partial(Recorded(ask, batch, Workspace()), batch)
    yield Law("norms folded", "QF1", "separable_net, answers", behind, in_front)

    once = reused(lambda workspace: net.forward(image, workspace=workspace))
    repeated = partial(Recorded(answers, image, Workspace()), image)
    yield Law("calls written down", "PL1, PL2", "seed_net, one image", once, repeated)


def program_of(weights: int, activations: int, name: str = "seed_net") -> Program:
    """A network in so many bits; images are bytes."""
    net = getattr(models, name)()
    bits = {"input": 8} | {block.name: activations for block in blocks_of(fold_batch_norm(net))}
    images = RNG.integers(0, 256, (256, *net.shape), np.uint8)
    return lower(net, calibrate(net, images, weights=weights, activations=bits))


def integer_laws() -> Iterator[Law]:
    """Each law of the integer engine, on a whole program if it can be left out of one."""
    seed, few_bits, four_bits = (program_of(*bits) for bits in ((8, 8), (2, 4), (4, 4)))
    images = RNG.integers(0, 256, (1, 28, 28, N), np.uint8)

    conv, y = seed.operators[0], integer.Codes(-128, 127, 3)
    assert isinstance(conv, integer.Conv2d)
    bounds = channel_bounds(conv, seed.input)
    scaling = Scaling.of(conv.bias, conv.m0, conv.n, conv.y, conv.rounding, bounds)
    acc = RNG.integers(-bounds.min(), bounds.min(), (len(conv.w), 12 * 12 * N), np.int32)
    bias, m0, n = (values.astype(np.int64)[:, None] for values in (conv.bias, conv.m0, conv.n))
    codes = np.empty(acc.shape, conv.y.dtype)
    yield Law(
        *("few passes", "M1–M5", "sums of seed 8/8 conv1"),
        lambda: requantize(acc + bias, m0, n, conv.y, conv.rounding),
        reused(lambda workspace: scaling.apply(acc, codes, workspace)),
    )
    add = Program((integer.Add(-1, [2**30 + 5] * 3, [31, 32, 50], y),), (16, 14, 14), y)
    summed = RNG.integers(-128, 128, (*add.shape, N), np.int8)
    added = partial(ops.walk, add.operators, add.codes, summed)
    yield Law("terms looked up", "TB3", "Add, 16×14×14", added, walked(add, summed))

    pool = Program((integer.MaxPool2d(3, 2, 1),), (16, 28, 28), y)
    pixels = RNG.integers(-128, 128, (*pool.shape, N), np.int8)
    pooled = partial(ops.walk, pool.operators, pool.codes, pixels)
    yield Law("rows, then columns", "SW1", "3×3 maxima, 16×28×28", pooled, walked(pool, pixels))

    none = {"new": lambda *_: None}
    integers = {"new": lambda bound, _: accumulator_of(bound)}
    for name, equations, where, program, product, part in (
        (
            "pool, then requantize",
            "PQ1",
            "seed 8/8",
            seed,
            INTEGER,
            patch.object(plans, "pool_after", **none),
        ),
        (
            "int16 sums",
            "B2",
            "seed 2/4",
            few_bits,
            INTEGER,
            patch.object(gemm, "accumulator_of", lambda _: INT32),
        ),
        (
            "float products",
            "XP1",
            "seed 8/8, blas",
            seed,
            BLAS,
            patch.object(choose, "product_dtype", **integers),
        ),
        ("products in pieces", "MP1", "seed 8/8, blas", seed, BLAS, PIECES),
        ("rows that share lines", "LP2", "seed 8/8, blas", seed, BLAS, patch.object(lines, "ALONE", 2**60)),
        ("columns apart", "LP1", "seed 8/8, blas", seed, BLAS, patch.object(choose, "is_apart", **none)),
        (
            *("band matrices", "DW1", "separable 8/8, blas", program_of(8, 8, "separable_net"), BLAS),
            patch.object(choose, "band_matrices", **none),
        ),
        (
            "two sums in a product",
            "LN1–LN4",
            "seed 2/4, blas",
            few_bits,
            BLAS,
            patch.object(choose, "pays", **none),
        ),
        ("steps of floats", "FS1, FS2", "seed 4/4, blas", four_bits, BLAS, patch.object(Steps, "of", **none)),
    ):
        work = partial(walked, program, images, product)
        yield Law(name, equations, where, changed([part], changed([part], work)()), work())

    single = images[..., :1].copy()
    recorded = Recorded(partial(last_of, plan_of(seed, "integer", False)), single.copy(), Workspace())
    yield Law(
        "calls written down",
        "PL1, PL2",
        "seed 8/8, one image",
        walked(seed, single),
        partial(recorded, single),
    )


def changed(parts: Sequence[Any], work: Callable[[], Any]) -> Callable[[], Any]:
    """The work, done with these patches in place."""

    def once() -> Any:
        with ExitStack() as stack:
            for part in parts:
                stack.enter_context(part)
            return work()

    return once


def walked(program: Program, codes: NDArray[Any], product: Product = "integer") -> Work:
    """A run of the program as it is prepared now."""
    plan, workspace = plan_of.__wrapped__(program, product, False), Workspace()
    return lambda: deque(walk(plan, codes, workspace), maxlen=0)


def ratio(slow: Work, fast: Work, turns: int, seconds: float) -> float:
    """Time of `slow` divided by time of `fast`: the median over the turns."""
    return median(spent(slow, seconds) / spent(fast, seconds) for _ in range(turns))


def spent(work: Work, seconds: float) -> float:
    """The processor's time for one call, after one to warm up."""
    work()
    calls, start = 0, time.process_time()
    while (passed := time.process_time() - start) < seconds or not calls:
        work()
        calls += 1
    return passed / calls


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="shorter and fewer measurements")
    options = parser.parse_args(arguments)
    effort = (1, 0.01) if options.quick else (9, 0.1)
    with Workers(1), small_buffer():  # as networks run
        table = [("what", "law", "measured on", "worth")]
        for law in laws():
            times = ratio(law.without, law.with_it, *effort)
            table.append((law.name, law.equations, law.where, f"{times:.2f}×"))
        print(aligned(table, words=(0, 1, 2)))
        table = [("printed ÷ fast", "training", "forward")]
        for name in NETWORKS:
            net = getattr(models, name)()
            cells = (ratio(fresh(work(net.printed())), reused(work(net)), *effort) for work in (step, answer))
            table.append((name, *(f"{times:.1f}×" for times in cells)))
        print(f"\n{aligned(table)}")
        table = [("integer engine", "law", "measured on", "worth")]
        for law in integer_laws():
            table.append((*law[:3], f"{ratio(law.without, law.with_it, *effort):.2f}×"))
        print(f"\n{aligned(table, words=(0, 1, 2))}")
        table = [("printed ÷ fast", INTEGER, BLAS)]
        for *bits, name in PROGRAMS:
            program, images = program_of(*bits, name), RNG.integers(0, 256, (1, 28, 28, N), np.uint8)
            slow = partial(ops.walk, program.operators, program.codes, images)
            cells = (ratio(slow, walked(program, images, product), *effort) for product in (INTEGER, BLAS))
            table.append((f"{name} {bits[0]}/{bits[1]}", *(f"{times:.1f}×" for times in cells)))
        print(f"\n{aligned(table)}")


if __name__ == "__main__":
    main()
