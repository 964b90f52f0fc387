"""Depth: which channels are needed, and a program without the others.

A channel is needed if the last operator writes it, or if something needed is computed from it: from the end
to the front, as a compiler finds dead code. A weight of zero asks for nothing.

But channels hang together. An addition takes two outputs of one shape, so it needs a channel of both or of
none; a pool, a table, a mean write every channel that they read; a depthwise convolution reads and writes
whole groups; and a convolution of one group alone is free to read some channels and write others. So a
channel that one reader needs may have to be carried along by others, who do not. These ties are followed
until nothing is added, and what is then needed is the smallest choice that all operators can do with.

The program's input stays whole, for that is what comes in, and each output keeps one channel at least.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.layout import Flatten, Reshape, Transpose, moved
from tinyzip.integer.maps import Multiply, Softmax, Table
from tinyzip.integer.operators import Argmax, Conv2d, Operator, Weighted
from tinyzip.integer.program import Program
from tinyzip.integer.proof.intervals import spread
from tinyzip.integer.residuals import Concat
from tinyzip.integer.shapes import Shape

Kept = NDArray[np.bool_]


def without_needless_channels(program: Program) -> Program:
    """The program with only those channels that are needed."""
    kept = needed(program)
    operators = []
    for i, operator in enumerate(program.operators):
        x, y = program.inputs(i, kept)[0], kept[i + 1]
        operators.append(taken(operator, x, y, program.shapes[i + 1]))
    return Program(tuple(operators), program.shape, program.input)


def needed(program: Program) -> list[Kept]:
    """Of the input and of each output, (C,): whether a channel is needed. Every output has to be read."""
    kept = [np.zeros(shape[:1], bool) for shape in program.shapes]
    for whole in (kept[0], kept[-1]):
        whole[...] = True
    while True:
        before = [channels.copy() for channels in kept]
        for i in reversed(range(len(program.operators))):
            tie(program, i, kept)
        if all(map(np.array_equal, before, kept)):
            empty = [channels for channels in kept if not channels.any()]
            if not empty:
                return kept
            for channels in empty:
                channels[0] = True


def tie(program: Program, i: int, kept: list[Kept]) -> None:
    """Add what operator i asks for, given what is known to be needed of all that it reads and writes."""
    operator, y, read = program.operators[i], kept[i + 1], program.inputs(i, kept)
    x: Kept = read[0]
    match operator:
        case Conv2d(groups=groups) if groups > 1:
            members = x.reshape(groups, -1).any(1) | y.reshape(groups, -1).any(1)
            for channels in (x, y):
                channels |= np.repeat(members, channels.size // groups)
        case Weighted(w=w):
            x |= w[y].reshape(-1, x.size, w[0, 0].size).any((0, 2))
        case Concat():
            parts = np.split(y, np.cumsum([part.size for part in read])[:-1])
            for part, asked in zip(read, parts, strict=True):
                part |= asked
            y |= np.concatenate(read)
        case Softmax() | Argmax():
            x[...] = y[...] = True
        case Flatten() | Reshape() | Transpose():
            source = origins(operator, program.inputs(i, program.shapes)[0], program.shapes[i + 1])
            if source is None:
                x[...] = y[...] = True
            else:
                np.logical_or.at(x, source, y)
                y |= x[source]
        case _:
            both = np.logical_or.reduce([y, *read])
            for channels in (y, *read):
                channels |= both


def origins(operator: Operator, shape: Shape, to: Shape) -> NDArray[np.int64] | None:
    """For each channel of `to` the one channel of `shape` that all its values come from; None if not so."""
    source = moved(operator, spread(np.arange(shape[0]), shape)).reshape(to[0], -1)
    return source[:, 0] if (source == source[:, :1]).all() else None


def taken(operator: Operator, x: Kept, y: Kept, to: Shape) -> Operator:
    """The operator between these channels of what it reads (of an addition, of both) and writes, `to`."""
    match operator:
        case Weighted(w=w, bias=bias, m0=m0, n=n):
            rows: dict[str, Any] = {"w": w[y], "bias": bias[y], "m0": m0[y], "n": n[y]}
            if isinstance(operator, Conv2d) and operator.groups > 1:
                return replace(operator, **rows, groups=int(x.sum()) // w.shape[1])
            return replace(operator, **rows | {"w": w[y][:, x]})
        case Table(table=table) if table.ndim == 2:
            return replace(operator, table=table[x])
        case Multiply(w=w) if w.size > 1:
            return replace(operator, w=w[x])
        case Reshape():
            return replace(operator, shape=(int(y.sum()), *to[1:]))
    return operator
