"""Depth: operators that do nothing, or whose work another does as well, leave the chain.

For this a program is taken as a graph: each operator with the numbers of the outputs that it reads, and
`Recall` nothing but a name for one of them. An operator that changes no code is a name too: a window of one
place, a border of no width, a `Flatten` of a vector, a `Table` that answers every code that comes with that
code; and so is an operator that does again what an equal one has done. A border in front of a convolution
becomes its padding, since both hold the zero point; one in front of a max pool does too, if no code that
comes is below the zero point, for then the border never wins unless it is alone, and no window is.

Then the graph is written down again as a chain of all that the output depends on, in the old order, with a
`Recall` wherever an operator does not read what was written last.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from tinyzip.base.windows import wider
from tinyzip.integer.layout import ORDERS, Flatten, Pad, Reshape, Transpose, moved
from tinyzip.integer.maps import Table
from tinyzip.integer.operators import NO_PADDING, Conv2d, GlobalAvgPool, MaxPool2d, Operator, Pool
from tinyzip.integer.program import Program
from tinyzip.integer.proof.intervals import Interval, answers
from tinyzip.integer.residuals import Binary, Concat, Recall
from tinyzip.integer.shapes import Shape

Node = tuple[Operator, tuple[int, ...]]  # an operator, and the outputs that it reads


def without_needless_operators(program: Program, known: Sequence[Interval]) -> Program:
    """The program without operators that do nothing, or that nobody reads; known: `intervals`."""
    names = {-1: -1}  # for each output, the one that holds the same codes
    nodes: dict[int, Node] = {}
    earlier: dict[Node, int] = {}
    for i, operator in enumerate(program.operators):
        reads = tuple(names[k] for k in operator.reads(i))
        shape, to = program.inputs(i, program.shapes)[0], program.shapes[i + 1]
        if does_nothing(program, i, known):
            names[i] = reads[0]
            continue
        operator, reads = without_border(plainest(operator, shape, to), reads, nodes, program, known)
        names[i] = earlier.setdefault((replace(operator, name=""), reads), i)
        nodes[names[i]] = nodes.get(names[i], (operator, reads))
    return chained(program, nodes, names[len(program.operators) - 1])


def does_nothing(program: Program, i: int, known: Sequence[Interval]) -> bool:
    """Whether operator i writes what it reads, code for code, in the same shape and with the same meaning."""
    operator, y = program.operators[i], program.codes[i + 1]
    shape, x = program.inputs(i, program.shapes)[0], program.inputs(i, program.codes)[0]
    match operator:
        case Recall():
            return True
        case Concat(sources=sources):
            return len(sources) == 1
        case Pad(padding=padding):
            return padding == NO_PADDING
        case Transpose(axes=axes):
            return axes == (0, 1, 2)
        case Flatten() | Reshape():
            return bool(program.shapes[i + 1] == shape)
        case Pool(kernel=kernel, padding=padding):
            return (kernel, operator.steps, padding, y) == ((1, 1), (1, 1), NO_PADDING, x)
        case GlobalAvgPool():
            return operator.y is None and shape[1:] == (1, 1)
        case Table(table=rows):
            return y == x and answers(rows, program.inputs(i, known)[0], lambda codes: codes)
    return False


def plainest(operator: Operator, shape: Shape, to: Shape) -> Operator:
    """A reshape in its plainest form: `Flatten` if it can be, and "CHW" where order makes no difference."""
    if not isinstance(operator, Flatten | Reshape):
        return operator
    places = np.arange(prod(shape)).reshape(*shape, 1)
    rows, last = (moved(replace(operator, order=order), places) for order in ORDERS)
    order = "CHW" if np.array_equal(rows, last) else operator.order
    return Flatten(order, name=operator.name) if len(to) == 1 else replace(operator, order=order)


def without_border(
    operator: Operator,
    reads: tuple[int, ...],
    nodes: dict[int, Node],
    program: Program,
    known: Sequence[Interval],
) -> Node:
    """The operator with the border in front of it as its own padding, if that writes the same codes."""
    border, source = nodes.get(reads[0], (None, reads))
    if not isinstance(border, Pad) or not isinstance(operator, Conv2d | MaxPool2d | Pad):
        return operator, reads
    padding = wider(border.padding, operator.padding)
    if isinstance(operator, MaxPool2d):
        fits = all(max(ends) < k for ends, k in zip(padding, operator.kernel, strict=True))
        if not fits or known[source[0] + 1].lo.min() < program.codes[source[0] + 1].zero:
            return operator, reads
    return replace(operator, padding=padding), source


def chained(program: Program, nodes: dict[int, Node], end: int) -> Program:
    """The chain of all nodes that output `end` depends on, in ascending order."""
    wanted = {end}
    for i in sorted(nodes, reverse=True):
        if i in wanted:
            wanted.update(nodes[i][1])
    operators: list[Operator] = []
    places = {-1: -1}
    for i in sorted(wanted - {-1}):
        operator, reads = nodes[i]
        reads = tuple(places[k] for k in reads)
        if isinstance(operator, Concat):
            operators.append(replace(operator, sources=reads))
        else:
            if reads[0] != len(operators) - 1:
                operators.append(Recall(reads[0]))
            operators.append(replace(operator, other=reads[1]) if isinstance(operator, Binary) else operator)
        places[i] = len(operators) - 1
    if places[end] != len(operators) - 1 or not operators:
        operators.append(Recall(places[end]))
    return Program(tuple(operators), program.shape, program.input)
