"""The work that `roofline.py` measures, row by row, and the calls that it is made of.

A work is a function that says after each part to which row it belongs. It runs twice: once on arrays that
write down what NumPy is asked to do with them, and then on plain ones, for the clock.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from parts.roofline_calls import Array

from tinyzip.integer import Program
from tinyzip.integer.fast.gemm import Product
from tinyzip.integer.fast.plan import plan_of
from tinyzip.integer.fast.run import walk
from tinyzip.machine.packed import Packed, chunks, run
from tinyzip.machine.recorder import Call, recorder
from tinyzip.machine.workers import Workers
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.chain import parts_of
from tinyzip.nn.sequential import Sequential
from tinyzip.train.images_fast import into_workspace
from tinyzip.train.optim import AdamW
from tinyzip.train.run.optim_fast import packed_optimizer

Mark = Callable[[str], None]  # what was done since the last mark belongs to this row
Work = Callable[[Mark], object]
See = Callable[[Array], Array]  # an array as the work shall see it
Rows = dict[str, list[Call]]
RNG = np.random.default_rng(0)


def passing(net: Sequential, N: int, train: bool, see: See, workspace: Workspace) -> Work:
    """A network's forward, or forward and backward, on a shard, stage by stage."""
    images = see(RNG.integers(0, 256, (N, *net.shape), np.uint8))
    parts = parts_of(net.layers, {name: see(array) for name, array in net.params.items()})
    names = list(net.steps)
    first = next(k for k, name in enumerate(names) if parts[name])
    start = see(RNG.normal(0, 1e-3, (*list(net.output_shapes().values())[-1], N)).astype(net.dtype))

    def work(mark: Mark) -> None:
        workspace.reset()
        x, caches = into_workspace(images, workspace), {}
        mark("input")
        for name, stage in net.steps.items():
            x, caches[name] = stage.forward(parts[name], x, train=train, rng=None, workspace=workspace)
            mark(name)
        dy: Any = start
        for k in reversed(range(first, len(names) if train else 0)):
            name = names[k]
            dy, _ = net.steps[name].backward(
                parts[name], dy, caches[name], workspace=workspace, need_dx=k > first
            )
            mark(name)

    return work


def learning(net: Sequential, see: See, workspace: Workspace) -> Work:
    """What follows once for two shards: their gradients are added, and AdamW takes a step."""
    optimizer, workers = packed_optimizer(AdamW(weight_decay=0.0)), Workers(1)
    workers.workspaces[0] = workspace
    sums, one, other, params = (Packed.like(net.params, optimizer.group) for _ in range(4))
    for packed in (one, other, params):
        packed.fill(net.params)
    state = {name: see(array) if array.ndim else array for name, array in optimizer.init(params).items()}
    sums, one, other, params = (
        Packed({name: see(vector) for name, vector in packed.vectors.items()}, packed.places)
        for packed in (sums, one, other, params)
    )

    def work(mark: Mark) -> None:
        arrays = zip(sums.vectors.values(), one.vectors.values(), other.vectors.values(), strict=True)
        run(add, [chunk for same in arrays for chunk in chunks(*same)], workers)
        mark("sum of shards")
        optimizer.step(params, sums, state, 1e-3, workers)
        mark("AdamW")

    return work


def add(_: Array, total: Array, first: Array, second: Array) -> None:
    np.add(first, second, out=total)


def counted(make: Callable[[See, Workspace], Work]) -> dict[str, list[Call]]:
    """The calls of a work, by row."""
    workspace, ends, rows = Workspace(), [0], {}
    kind = workspace.kind = recorder()
    work = make(lambda array: array.view(kind), workspace)

    def mark(name: str) -> None:
        rows.setdefault(name, []).extend(kind.calls[ends[-1] :])
        ends.append(len(kind.calls))

    work(mark)
    return rows


def answering(program: Program, product: Product, N: int) -> Rows:
    """The calls of a program on N images, by operator: what `run` repeats for shards that come again."""
    plan, kind, workspace = plan_of(program, product, False), recorder(), Workspace()
    codes = RNG.integers(0, 256, (*program.shape, N), np.uint8)
    rows: Rows = {}
    for _ in range(2):  # the first walk finds out how much memory is needed
        kind.calls.clear()
        done, last = 0, -1
        for i, _ in walk(plan, codes.view(kind), workspace):
            name = f"{last + 1} {type(program.operators[last + 1]).__name__}"
            rows[name], done, last = kind.calls[done:], len(kind.calls), i
    return {name: calls for name, calls in rows.items() if calls}


def repeated(rows: Rows) -> Work:
    """The calls once more."""

    def work(mark: Mark) -> None:
        for name, calls in rows.items():
            for call, arguments, options in calls:
                call(*arguments, **options)
            mark(name)

    return work
