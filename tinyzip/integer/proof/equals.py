"""Depth: which channels always hold the same codes, whatever the input.

Two channels of an output are equal at every place when they are computed alike from inputs that are. So each
channel gets a key that says all of how it comes about; and where inputs are known to be equal, the key names
the first of them instead, and adds up the weights of all of them:

    Σ w_c·x_c = Σ over the first r of each set of equals: (Σ w_c over c equal to r)·x_r             (EQ1)

Equal keys, equal channels. The converse does not hold: two sums may agree for reasons that no key sees.
Channels that hold one number only (`intervals`) are equal to all that hold it, however they come about.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.layout import Flatten, Reshape, Transpose, moved
from tinyzip.integer.maps import Multiply, Table
from tinyzip.integer.operators import Argmax, Operator, Weighted
from tinyzip.integer.program import Program
from tinyzip.integer.proof.intervals import Interval, by_groups, spread
from tinyzip.integer.residuals import Binary, Concat
from tinyzip.integer.shapes import Shape

Firsts = NDArray[np.int64]


def equals(program: Program, known: Sequence[Interval]) -> tuple[Firsts, ...]:
    """Of the input and of each output, (C,): for each channel the first one that is equal to it.

    known  the intervals of the input and of all outputs
    """
    found = [np.arange(program.shape[0])]
    for i, operator in enumerate(program.operators):
        shape, to = program.inputs(i, program.shapes)[0], program.shapes[i + 1]
        keys = keys_of(operator, operator.reads(i), program.inputs(i, found), shape, to)
        y = known[i + 1]
        held = zip(keys, y.constant.tolist(), y.lo.tolist(), strict=True)
        told = (("constant", code) if constant else key for key, constant, code in held)
        first: dict[Hashable, int] = {}
        found.append(np.array([first.setdefault(key, c) for c, key in enumerate(told)]))
    return tuple(found)


def keys_of(
    operator: Operator, sources: Sequence[int], read: Sequence[Firsts], shape: Shape, to: Shape
) -> list[Hashable]:
    """For each channel that an operator writes, how it comes about from the channels that are read.

    sources  the numbers of the outputs that are read
    read     their `equals`
    """
    x = read[0]
    match operator:
        case Weighted():
            rows = zip(operator.bias.tolist(), operator.m0.tolist(), operator.n.tolist(), strict=True)
            return [(key, row) for key, row in zip(sums_of(by_groups(operator), x), rows, strict=True)]
        case Binary():
            return list(zip(x.tolist(), read[1].tolist(), strict=True))
        case Concat():
            return [(k, c) for k, part in zip(sources, read, strict=True) for c in part.tolist()]
        case Table(table=rows) if rows.ndim == 2:
            return [(c, row.tobytes()) for c, row in zip(x.tolist(), rows, strict=True)]
        case Multiply(w=w) if w.size > 1:
            return list(zip(x.tolist(), w.tolist(), strict=True))
        case Flatten() | Reshape() | Transpose():
            places = np.arange(np.prod((1, *shape[1:]))).reshape(1, *shape[1:])
            values = spread(x * places.size, shape) + places[..., None]
            return [row.tobytes() for row in moved(operator, values).reshape(to[0], -1)]
        case Argmax():
            return [()]
    return [*x.tolist()]


def sums_of(w: NDArray[np.int64], x: Firsts) -> list[Hashable]:
    """(EQ1): which inputs each output adds up, and with what weights; w as `by_groups` gives them."""
    keys: list[Hashable] = []
    for rows, inputs in zip(w, x.reshape(len(w), -1), strict=True):
        distinct, place = np.unique(inputs, return_inverse=True)
        added = np.zeros_like(rows, shape=(rows.shape[0], distinct.size, *rows.shape[2:]))
        for c, k in enumerate(place.tolist()):
            added[:, k] += rows[:, c]
        keys += [(distinct.tobytes(), row.tobytes()) for row in added]
    return keys
