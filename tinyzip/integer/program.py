"""A network as data: a tuple of operators, the shape of one example, and the codes that go in.

A `Program` knows no kernels. It is checked whole when it is built: every shape follows from the one before,
every accumulator is proved to fit, and what fails is named by the operator's index and kind. So whatever
runs a `Program`, or writes it to disk, or prints it, need not check anything again.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.base.windows import window_count
from tinyzip.integer.bounds import INT32_MOST, accumulator_of, bound_of, channel_bounds
from tinyzip.integer.codes import Codes, whole
from tinyzip.integer.operators import (
    Argmax,
    AvgPool2d,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Operator,
    Weighted,
)
from tinyzip.integer.table import table

Shape = tuple[int, ...]
OPERATORS = (Conv2d, Linear, MaxPool2d, AvgPool2d, GlobalAvgPool, Flatten, Argmax)


@dataclass(frozen=True)
class Program:
    """operators, in the order they run; shape of one example, (C, H, W) or (C,); input codes.

    Raises ValueError or TypeError, with the operator's index and kind, where a field could not be right (see
    `operators`), shapes do not chain, a tensor has 2³¹ values or more, an accumulator or a scaled one
    could leave int32, or an operator writes codes that it cannot.
    """

    operators: tuple[Operator, ...]
    shape: Shape
    input: Codes

    def __post_init__(self) -> None:
        if not isinstance(self.operators, tuple | list) or not self.operators:
            refuse("Program: operators", self.operators, "a tuple of at least one operator")
        if not isinstance(self.shape, tuple | list) or len(self.shape) not in (1, 3):
            refuse("Program: shape", self.shape, "(C, H, W) or (C,)")
        if not isinstance(self.input, Codes):
            refuse("Program: input", type(self.input).__name__, "Codes", TypeError)
        shape = tuple(whole(size, "Program: shape", 1, 2**31) for size in self.shape)
        object.__setattr__(self, "shape", shape)
        operators = []
        for i, operator in enumerate(self.operators):
            if not isinstance(operator, OPERATORS):
                refuse(f"operator {i}", type(operator).__name__, "an operator of this package", TypeError)
            if isinstance(operator, Argmax) and i + 1 < len(self.operators):
                refuse(place(i, operator), "operators after it", "to be the last")
            operators.append(operator.checked(place(i, operator)))
        object.__setattr__(self, "operators", tuple(operators))
        steps = zip(self.operators, self.codes, self.bounds, strict=False)
        for i, (operator, x, bound) in enumerate(steps):
            check_sums(operator, x, bound, place(i, operator))

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of one example at the input and after each operator: one longer than `operators`."""
        shapes = [self.shape]
        for i, operator in enumerate(self.operators):
            shapes.append(shape_after(operator, shapes[-1], place(i, operator)))
            values = max(prod(padded(operator, shapes[-2])), prod(shapes[-1]))
            if values > INT32_MOST:
                refuse(place(i, operator), f"a tensor of {values} values", f"at most {INT32_MOST}")
        return tuple(shapes)

    @cached_property
    def codes(self) -> tuple[Codes, ...]:
        """The codes at the input and after each operator: one longer than `operators`."""
        codes = [self.input]
        for operator in self.operators:
            codes.append(codes_after(operator, codes[-1]))
        return tuple(codes)

    @cached_property
    def bounds(self) -> tuple[int, ...]:
        """The bound of each operator's sums, (B1); 0 where nothing is summed."""
        steps = zip(self.operators, self.codes, self.shapes, strict=False)
        return tuple(bound_of(operator, x, shape) for operator, x, shape in steps)

    @property
    def accumulators(self) -> tuple[np.dtype[Any] | None, ...]:
        """int16 or int32 for each operator that sums, by (B2); None for the others."""
        return tuple(accumulator_of(bound) if bound else None for bound in self.bounds)

    @property
    def output(self) -> Codes:
        """The codes that the last operator writes; with Argmax, those that it compares."""
        return self.codes[-1]

    def __str__(self) -> str:
        return table(self.operators, self.shapes, self.codes, self.bounds)


def place(i: int, operator: Operator) -> str:
    """How an error names an operator: "operator 2 (Conv2d)"."""
    return f"operator {i} ({operator.kind})"


def shape_after(operator: Operator, shape: Shape, where: str) -> Shape:
    """The shape of one example after `operator`; refuses a shape that the operator cannot take."""
    flat = isinstance(operator, Linear | Argmax)
    if not isinstance(operator, Flatten) and len(shape) != (1 if flat else 3):
        refuse(where, f"an input of shape {shape}", "one axis (C,)" if flat else "three axes (C, H, W)")
    match operator:
        case Conv2d():
            F, C = operator.w.shape[0], operator.w.shape[1] * operator.groups
            if shape[0] != C:
                refuse(where, f"an input of {shape[0]} channels", f"{C}")
            return F, *window_count(
                (shape[1], shape[2]), operator.kernel, operator.stride, operator.padding, where
            )
        case Linear():
            if shape[0] != operator.w.shape[1]:
                refuse(where, f"an input of {shape[0]} values", f"{operator.w.shape[1]}")
            return (operator.w.shape[0],)
        case MaxPool2d() | AvgPool2d():
            counts = window_count(
                (shape[1], shape[2]), operator.kernel, operator.steps, operator.padding, where
            )
            return shape[0], *counts
        case GlobalAvgPool():
            return shape[0], 1, 1
        case Flatten():
            return (prod(shape),)
    return ()


def padded(operator: Operator, shape: Shape) -> Shape:
    """The shape of one example with the operator's padding around it."""
    if not isinstance(operator, Conv2d | MaxPool2d | AvgPool2d):
        return shape
    return shape[0], shape[1] + sum(operator.padding[0]), shape[2] + sum(operator.padding[1])


def codes_after(operator: Operator, x: Codes) -> Codes:
    """The codes that `operator` writes when it reads x."""
    y = getattr(operator, "y", None)
    return x if y is None else y


def check_sums(operator: Operator, x: Codes, bound: int, where: str) -> None:
    """Refuse sums that could leave int32, before or after scaling by (F3), and clamps that are not x's."""
    if bound > INT32_MOST:
        refuse(where, f"an accumulator that could reach {bound}", f"a bound of at most {INT32_MOST}")
    m0_n = getattr(operator, "n", None)
    if m0_n is not None:
        each = channel_bounds(operator, x).tolist() if isinstance(operator, Weighted) else [bound]
        shifts = m0_n.tolist() if isinstance(operator, Weighted) else [m0_n]
        scaled = max(b << max(31 - n, 0) for b, n in zip(each, shifts, strict=True))
        if scaled > INT32_MOST:
            refuse(where, f"a multiplier that scales the accumulator to {scaled}", f"at most {INT32_MOST}")
    elif isinstance(operator, MaxPool2d | AvgPool2d) and operator.y is not None:
        y = operator.y
        if (y.zero, y.scale) != (x.zero, x.scale) or y.lo < x.lo or y.hi > x.hi:
            refuse(where, f"{y}", f"the input's codes {x} with lo and hi narrowed")
