"""From a program back to the real numbers that it stands for.

A program keeps a scale for each activation, as a fraction, and for each channel the multiplier
M = s_x·s_w/s_y. That is all that is needed to read it as a float network again:

    s_w = M·s_y/s_x        w = s_w·q_w        b = s_x·s_w·q_b                                (QI1)

What comes out computes what the program would, if activations were not rounded and clamped. A table is read
as the function that is straight between the points it knows.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip import integer
from tinyzip.base.refuse import refuse
from tinyzip.integer import Codes, Program
from tinyzip.integer.program import check_program
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import AvgPool2d, ByPoints, Conv2d, Flatten, GlobalAvgPool, Linear, MaxPool2d, ReLU
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.grid import Grid, by_channel

Array = NDArray[Any]


def grid_of(codes: Codes) -> Grid:
    """The grid that a program's codes lie on: (Z1) of `integer.codes` read as (G1)."""
    m, n = codes.scale
    return Grid(np.ldexp(float(m), -n), codes.zero, codes.lo, codes.hi)


def weight_scales(operator: integer.Conv2d | integer.Linear, x: Codes) -> NDArray[np.float64]:
    """s_w (F,) of each channel from its multiplier, by (QI1)."""
    return (
        np.ldexp(operator.m0.astype(np.float64), -operator.n.astype(np.int64))
        * grid_of(operator.y).scale
        / grid_of(x).scale
    )


def named(program: Program) -> Program:
    """The program with a name for each operator: where one has none or shares it, its kind and place."""
    names = [operator.name for operator in program.operators]
    operators = (
        operator
        if names.count(operator.name) == 1 and operator.name
        else replace(operator, name=f"{operator.kind.lower()}{i}")
        for i, operator in enumerate(program.operators)
    )
    return Program(tuple(operators), program.shape, program.input)


def float_twin(program: Program) -> Sequential:
    """The float network that computes what a program's codes mean, without rounding activations.

    Its layers have the names that `named` gives to the program's operators.
    """
    check_program(program, "float_twin: program")
    program = named(program)
    layers: dict[str, Layer] = {}
    params: dict[str, Array] = {}
    for operator, x in zip(program.operators, program.codes, strict=False):
        name = operator.name
        match operator:
            case integer.Conv2d() | integer.Linear():
                scale = weight_scales(operator, x)
                params[f"{name}.w"] = (operator.w * by_channel(scale, operator.w)).astype(np.float32)
                params[f"{name}.b"] = (operator.bias * scale * grid_of(x).scale).astype(np.float32)
                F, C = operator.w.shape[:2]
                if isinstance(operator, integer.Conv2d):
                    if operator.dilation != (1, 1):
                        refuse(f"float_twin: operator {name!r}", "a dilation", "a convolution without one")
                    geometry = operator.kernel, operator.stride, operator.padding, operator.groups
                    layers[name] = Conv2d(C * operator.groups, F, *geometry)
                else:
                    layers[name] = Linear(C, F)
                if operator.y.lo == operator.y.zero:
                    layers[f"{name}.relu"] = ReLU()
            case integer.MaxPool2d():
                layers[name] = MaxPool2d(operator.kernel, operator.steps, operator.padding)
            case integer.AvgPool2d():
                layers[name] = AvgPool2d(operator.kernel, operator.steps, operator.padding)
            case integer.GlobalAvgPool():
                layers[name] = GlobalAvgPool()
            case integer.Flatten(order="CHW"):
                layers[name] = Flatten()
            case integer.Table(table=table, y=y) if table.ndim == 1:
                every = np.arange(x.lo, x.hi + 1)
                points = grid_of(x).dequantize(every), grid_of(y).dequantize(table[every % 256])
                layers[name] = ByPoints(*(tuple(map(float, values)) for values in points))
            case integer.Argmax():
                pass
            case _:
                refuse(f"float_twin: operator {name!r}", operator.kind, "one that a layer stands for")
    grid = grid_of(program.input)
    return Sequential(layers, params, program.shape, (float(grid.low), float(grid.high)))
