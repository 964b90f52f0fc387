"""Depth: from a program back to the real numbers that it stands for.

A program keeps a scale for each activation, as a fraction, and for each channel the multiplier
M = s_x·s_w/s_y. That is all that is needed to read it as a float network again:

    s_w = M·s_y/s_x        w = s_w·q_w        b = s_x·s_w·q_b                                (QI1)

What comes out computes what the program would, if activations were not rounded and clamped. A table is read
as the function that is straight between the points it knows, a sum with what leads to it as a residual block.
A border becomes the padding of what reads it. What only moves the codes that come in, as other people's
models do whose images lie otherwise in memory, is no part of the network: the twin begins after it, and it
ends with the logits, in front of a softmax or an argmax.
"""

from contextlib import suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinyzip import integer
from tinyzip.base.branches import Chain, Fork, Tangled, chain_of
from tinyzip.base.refuse import refuse
from tinyzip.integer import Codes, Program
from tinyzip.integer.operators import Operator
from tinyzip.integer.program import check_program
from tinyzip.integer.proof.chain import without_needless_operators
from tinyzip.integer.proof.intervals import intervals
from tinyzip.nn.activations import ByPoints
from tinyzip.nn.joins import Concatenation, Product
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import AvgPool2d, Conv2d, Flatten, GlobalAvgPool, Linear, MaxPool2d, ReLU
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.grids.grid import Grid, by_channel

BRANCHES = ("body", "shortcut")


def grid_of(codes: Codes) -> Grid:
    """The grid that a program's codes lie on: (Z1) of `integer.codes` read as (G1)."""
    m, n = codes.scale
    return Grid(np.ldexp(float(m), -n), codes.zero, codes.lo, codes.hi)


def weight_scales(operator: integer.Conv2d | integer.Linear, x: Codes) -> NDArray[np.float64]:
    """s_w (F,) of each channel from its multiplier, by (QI1)."""
    M = np.ldexp(operator.m0.astype(np.float64), -operator.n.astype(np.int64))
    return M * grid_of(operator.y).scale / grid_of(x).scale


def named(program: Program) -> Program:
    """The program with a name for each operator: where one has none or shares it, its kind and place.

    In a residual block it begins with the way to it, "add4.body." or "add4.shortcut.", where it does not yet.
    """
    names = [operator.name for operator in program.operators]
    names = [
        name if names.count(name) == 1 and name else f"{operator.kind.lower()}{i}"
        for i, (name, operator) in enumerate(zip(names, program.operators, strict=True))
    ]

    def lead(chain: Chain, way: str) -> None:
        for link in chain:
            i = link.sum if isinstance(link, Fork) else link
            names[i] = names[i] if names[i].startswith(way) else way + names[i]
            if isinstance(link, Fork):
                for branch, inner in zip(BRANCHES, _branches(program, link, names), strict=True):
                    lead(inner, f"{names[i]}.{branch}.")

    with suppress(Tangled):  # what is no chain of blocks has no way to lead along
        lead(_chain(program), "")
    operators = tuple(replace(o, name=name) for o, name in zip(program.operators, names, strict=True))
    return Program(operators, program.shape, program.input)


def _chain(program: Program) -> Chain:
    """The program's operators by number, with residual blocks."""
    return chain_of([operator.reads(i) for i, operator in enumerate(program.operators)])


def _branches(program: Program, block: Fork, names: list[str]) -> tuple[Chain, Chain]:
    """Body and shortcut: as the names say, or else the body is the longer one."""
    one, other = block.ways
    for way, rest in ((one, other), (other, one)):
        for link in way[:1]:
            first = link.sum if isinstance(link, Fork) else link
            if names[first].startswith(f"{names[block.sum]}.body."):
                return way, rest

    def computes(link: int | Fork) -> bool:
        return isinstance(link, Fork) or not isinstance(program.operators[link], integer.Recall)

    return (one, other) if sum(map(computes, one)) >= sum(map(computes, other)) else (other, one)


def split(program: Program) -> tuple[tuple[Operator, ...], Program]:
    """The operators in front that only move the codes that come in, and the program after them."""
    moves = (integer.Transpose, integer.Reshape)
    k = next((i for i, o in enumerate(program.operators) if not isinstance(o, moves)), 0)
    read = [source for i, o in enumerate(program.operators[k:], k) for source in o.reads(i)]
    if min(read) < k - 1:  # the codes are needed as they came, too
        return (), program
    after = Program(renumbered(program.operators[k:], -k), program.shapes[k], program.codes[k])
    return program.operators[:k], after


def parted(program: Program) -> tuple[Program, tuple[Operator, ...]]:
    """The program up to its logits, and the softmax or argmax after them."""
    operators = list(program.operators)
    while len(operators) > 1 and isinstance(operators[-1], integer.Softmax | integer.Argmax):
        operators.pop()
    body = Program(tuple(operators), program.shape, program.input)
    return body, program.operators[len(operators) :]


def renumbered(operators: tuple[Operator, ...], by: int) -> tuple[Operator, ...]:
    """Operators that name others, where all have moved by so many places."""
    moved: list[Operator] = []
    for operator in operators:
        match operator:
            case integer.Recall(source=source):
                operator = replace(operator, source=source + by)
            case integer.Add(other=other) | integer.Product(other=other):
                operator = replace(operator, other=other + by)
            case integer.Concat(sources=sources):
                operator = replace(operator, sources=tuple(source + by for source in sources))
        moved.append(operator)
    return tuple(moved)


def readable(program: Program) -> Program:
    """The program as its twin reads it: named, borders as padding, and no more than leads to the logits."""
    program = named(program)
    if any(isinstance(operator, integer.Pad) for operator in program.operators):
        program = without_needless_operators(program, intervals(program))
    return parted(split(program)[1])[0]


def float_twin(program: Program) -> Sequential:
    """The float network that computes what a program's codes mean, without rounding activations.

    Its layers have the names that `named` gives to the program's operators.

    raises  ValueError for an operator without a layer, and for what is no chain of layers and residual blocks
    """
    check_program(program, "float_twin: program")
    program = readable(program)
    try:
        chain = _chain(program)
    except Tangled as error:
        refuse(f"float_twin: operator {program.operators[error.node].name!r}", error, "a chain of layers")
    params: dict[str, Array] = {}
    layers = _layers(program, chain, params, "")
    grid = grid_of(program.input)
    return Sequential(layers, params, program.shape, (float(grid.low), float(grid.high)))


def _layers(program: Program, chain: Chain, params: dict[str, Array], way: str) -> dict[str, Layer]:
    """The layers of a chain of operators; their arrays are put into `params`."""
    layers: dict[str, Layer] = {}
    names = [operator.name for operator in program.operators]
    turned: tuple[int, ...] = ()  # the shape of an image that was flattened with channels last
    for link in chain:
        i = link.sum if isinstance(link, Fork) else link
        operator, x = program.operators[i], program.inputs(i, program.codes)[0]
        name, own = operator.name, operator.name.removeprefix(way)
        if isinstance(link, Fork):
            ways = _branches(program, link, names)
            body, shortcut = (
                _layers(program, inner, params, f"{name}.{branch}.")
                for branch, inner in zip(BRANCHES, ways, strict=True)
            )
            if not body:
                refuse(f"float_twin: operator {name!r}", operator.kind, "two branches")
            if isinstance(operator, integer.Concat):
                layers[own] = Concatenation(body, shortcut, swapped=ways[0] is link.ways[1])
                continue
            assert isinstance(operator, integer.Add | integer.Product)
            layers[own] = (Residual if isinstance(operator, integer.Add) else Product)(body, shortcut)
            if operator.y.lo == operator.y.zero:
                layers[f"{own}.relu"] = ReLU()
            continue
        match operator:
            case integer.Recall():
                pass
            case integer.Conv2d() | integer.Linear():
                scale = weight_scales(operator, x)
                w = (operator.w * by_channel(scale, operator.w)).astype(np.float32)
                if turned:
                    C, H, W = turned
                    w, turned = w.reshape(-1, H, W, C).transpose(0, 3, 1, 2).reshape(len(w), -1), ()
                params[f"{name}.w"] = np.ascontiguousarray(w)
                params[f"{name}.b"] = (operator.bias * scale * grid_of(x).scale).astype(np.float32)
                F, C = operator.w.shape[:2]
                if isinstance(operator, integer.Conv2d):
                    if operator.dilation != (1, 1):
                        refuse(f"float_twin: operator {name!r}", "a dilation", "a convolution without one")
                    geometry = operator.kernel, operator.stride, operator.padding, operator.groups
                    layers[own] = Conv2d(C * operator.groups, F, *geometry)
                else:
                    layers[own] = Linear(C, F)
                if operator.y.lo == operator.y.zero:
                    layers[f"{own}.relu"] = ReLU()
            case integer.MaxPool2d():
                layers[own] = MaxPool2d(operator.kernel, operator.steps, operator.padding)
            case integer.AvgPool2d():
                layers[own] = AvgPool2d(operator.kernel, operator.steps, operator.padding)
            case integer.GlobalAvgPool():
                layers[own] = GlobalAvgPool()
            case integer.Flatten(order=order):
                layers[own] = Flatten()
                shape = program.inputs(i, program.shapes)[0]
                turned = shape if order == "HWC" and shape[1:] != (1, 1) else ()
            case integer.Table(table=table, y=y) if table.ndim == 1:
                every = np.arange(x.lo, x.hi + 1)
                points = grid_of(x).dequantize(every), grid_of(y).dequantize(table[every % 256])
                layers[own] = ByPoints(*(tuple(map(float, values)) for values in points))
            case _:
                refuse(f"float_twin: operator {name!r}", operator.kind, "one that a layer stands for")
    if turned:
        refuse("float_twin", "an image flattened with channels last", "a fully connected layer after it")
    return layers
