"""Depth: weights that multiply nothing of worth become zeros: biases and other weights do what they did.

Four rewritings of one operator with weights. Each leaves every code that it writes as it was, for every
input that `intervals` allows, and none removes anything yet; but a channel that only meets zeros is needed by
nobody (`channels`), and a zero costs a file next to nothing.

An output that can write one code only needs no weights, but only a sum that gives this code:

    w_f = 0,   bias_f = the sum nearest 0 with code(bias_f) = y_f                                 (AB1)

An input channel c that always holds v adds the same to every sum, if every window sees as many of its
places; the bias can do that alone. With S as in (IV1), and if the sum is the same for all S,

    bias_f += Σ w_fc·(v − zero) over S,   w_fc = 0                                                (AB2)

For v = zero the sum is 0 and always goes. For another v padding shows: a window at the border misses places
that hold v and sees padding, which stands for zero, instead. No bias can be two numbers, so such a channel
stays, unless its weights at the places that are missed are zeros, or windows overlap no border.

A row or column of the window that lies in padding wherever the window stands multiplies zeros only. Its
weights become zeros, and where that is at the edge of the window, it is cut off together with its padding.

Of equal input channels (`equals`) the first stands for all, by (EQ1), if sums of weights still have 8 bits:

    w_fr += w_fc,   w_fc = 0                                                                      (AB3)

No bound (B1) grows by any of this: in (AB2) |w·(v − zero)| ≤ |w|·R was in it already, the number nearest 0 is
no larger than a sum that was bounded before, and |w + w'| ≤ |w| + |w'|. So biases stay within int32, and a
product that float32 held exactly it still holds.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.windows import padding_of, pair, window_count
from tinyzip.integer.codes import Array, Codes
from tinyzip.integer.fixedpoint import requantize
from tinyzip.integer.operators import Conv2d, Weighted, bits_of
from tinyzip.integer.program import Program
from tinyzip.integer.proof.equals import Firsts, equals
from tinyzip.integer.proof.intervals import Interval, by_groups, intervals, over_places, places_seen, sums
from tinyzip.integer.shapes import Shape

INT8 = (-128, 127)


def with_absorbed_weights(program: Program) -> Program:
    """The program after one pass over its operators with weights."""
    known = intervals(program)
    first = equals(program, known)
    operators = list(program.operators)
    for i, operator in enumerate(operators):
        if isinstance(operator, Weighted):
            rows = known, first, program.codes, program.shapes
            x, same, codes, shape = (program.inputs(i, row)[0] for row in rows)
            operators[i] = absorbed(operator, x, known[i + 1], same, codes, shape)
    return Program(tuple(operators), program.shape, program.input)


def absorbed(
    operator: Weighted, x: Interval, y: Interval, first: Firsts, codes: Codes, shape: Shape
) -> Weighted:
    """The operator after (AB1) to (AB3), its window cut to what it sees.

    x, first, codes, shape  of what it reads: intervals, `equals`, codes, and the shape of one example
    y                       the intervals of what it writes
    """
    acc, (rows, columns) = sums(operator, x, codes, shape), places_seen(operator, shape)
    w, bias = by_groups(operator), operator.bias.astype(np.int64)
    outputs = w.reshape(-1, *w.shape[2:])
    outputs[y.constant] = 0
    if y.constant.any():
        bias[y.constant] = nearest_zero(operator, np.clip(0, acc.lo, acc.hi))[y.constant]
    outputs *= rows.max(0)[:, None] * columns.max(0)
    for c in np.flatnonzero(x.constant):
        group, k = divmod(int(c), w.shape[2])
        part = w[group, :, k]
        each = over_places(part, rows, columns).reshape(len(part), -1)
        alike = np.ptp(each * (x.lo[c] - codes.zero), axis=1) == 0
        inside = slice(group * len(part), (group + 1) * len(part))
        bias[inside] += np.where(alike, each[:, 0] * (x.lo[c] - codes.zero), 0)
        part[alike] = 0
    if len(w) == 1:
        for c in np.flatnonzero(first != np.arange(first.size)):
            total = outputs[:, first[c]] + outputs[:, c]
            if INT8[0] <= total.min() and total.max() <= INT8[1]:
                outputs[:, first[c]], outputs[:, c] = total, 0
    less: NDArray[np.int8] = outputs.reshape(operator.w.shape).astype(np.int8)
    return cut(replace(operator, w=less, bias=bias.astype(np.int32), weight_bits=bits_of(less)), shape)


def nearest_zero(operator: Weighted, acc: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each output the sum nearest 0 that gives the code of acc (F,), by bisection: codes keep order."""

    def code(acc: NDArray[np.int64]) -> Array:
        return requantize(acc, operator.m0, operator.n, operator.y, operator.rounding)

    wanted, far, near = code(acc), acc, np.zeros_like(acc)
    far = np.where(code(near) == wanted, 0, far)
    while (np.abs(far - near) > 1).any():
        middle = (near + far) >> 1
        same = code(middle) == wanted
        near, far = np.where(same, near, middle), np.where(same, middle, far)
    return far


def cut(operator: Weighted, shape: Shape) -> Weighted:
    """Without rows and columns of zeros at the edge of the window, if the padding there can go with them."""
    if not isinstance(operator, Conv2d):
        return operator
    for axis in (0, 1):
        for side in (0, 1):
            while (smaller := shortened(operator, shape, axis, side)) is not None:
                operator = smaller
    return operator


def shortened(operator: Conv2d, shape: Shape, axis: int, side: int) -> Conv2d | None:
    """The window one row (axis 0) or column shorter, at its start (side 0) or end; None if that is not right.

    Its start goes with the padding there, or windows would begin elsewhere. At the end there has to be
    padding too, unless the stride leaves over as much: there must be as many windows as before.
    """
    line = np.take(operator.w, -side, axis=2 + axis)
    if operator.kernel[axis] == 1 or line.any():
        return None
    ends, steps = [list(both) for both in operator.padding], list(operator.dilation)
    if side == 0 and ends[axis][0] < steps[axis]:
        return None
    ends[axis][side] = max(ends[axis][side] - steps[axis], 0)
    w = np.delete(operator.w, -side, axis=2 + axis)
    if w.shape[2 + axis] == 1:
        steps[axis] = 1
    padding, dilation = padding_of(ends), pair(steps, "dilation")
    smaller = replace(operator, w=w, padding=padding, dilation=dilation).checked("shortened")
    before, after = (
        window_count((shape[1], shape[2]), conv.window, conv.stride, conv.padding, "shortened")
        for conv in (operator, smaller)
    )
    return smaller if before == after else None
