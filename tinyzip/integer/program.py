"""A network as data: a tuple of operators, the shape of one example, and the codes that go in.

A `Program` knows no kernels. It is checked whole when it is built: every shape follows from the one before,
every accumulator is proved to fit, and what fails is named by the operator's index and kind. So whatever
runs a `Program`, or writes it to disk, or prints it, need not check anything again.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from tinyzip.base.refuse import refuse, said, whole
from tinyzip.base.table import Shown
from tinyzip.integer.bounds import INT32_MOST, accumulator_of, bound_of, channel_bounds
from tinyzip.integer.codes import Codes
from tinyzip.integer.layout import Flatten, Pad, Reshape, Transpose
from tinyzip.integer.maps import Multiply, Softmax, Table
from tinyzip.integer.operators import (
    Argmax,
    AvgPool2d,
    Conv2d,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Operator,
    Pool,
    Weighted,
)
from tinyzip.integer.residuals import Add, Concat, Product, Recall
from tinyzip.integer.shapes import Shape, codes_after, multiplications_of, padded, shape_after
from tinyzip.integer.table import table

OPERATORS = (
    *(Conv2d, Linear, MaxPool2d, AvgPool2d, GlobalAvgPool, Flatten, Argmax),
    *(Recall, Add, Product, Concat, Pad, Table, Multiply, Softmax, Reshape, Transpose),
)


@dataclass(frozen=True, repr=False)
class Program(Shown):
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
        shape = tuple(whole(size, "Program: shape", 1, INT32_MOST) for size in self.shape)
        object.__setattr__(self, "shape", shape)
        operators = []
        for i, operator in enumerate(self.operators):
            if not isinstance(operator, OPERATORS):
                refuse(f"operator {i}", type(operator).__name__, "an operator of this package", TypeError)
            if isinstance(operator, Argmax) and i + 1 < len(self.operators):
                refuse(place(i, operator), "operators after it", "to be the last")
            operators.append(operator.checked(place(i, operator)))
            if max(operators[i].reads(i)) >= i:
                found = f"operator {max(operators[i].reads(i))} to read from"
                refuse(place(i, operator), found, f"one before it, {i - 1} at most, or −1 for the input")
        object.__setattr__(self, "operators", tuple(operators))
        for i, (operator, bound) in enumerate(zip(self.operators, self.bounds, strict=True)):
            check_sums(operator, self.inputs(i, self.codes), bound, place(i, operator))

    def __hash__(self) -> int:
        return self.digest

    @cached_property
    def digest(self) -> int:
        """A hash of all that it holds, so that plans are found at once, among those of programs alike too."""
        leaves = (
            value.tobytes() if isinstance(value, np.ndarray) else value
            for operator in self.operators
            for value in (operator.kind, *vars(operator).values())
        )
        return hash((self.shape, self.input, *leaves))

    def inputs(self, i: int, outputs: Sequence[Any]) -> list[Any]:
        """What operator i reads, out of a row of the input and all outputs (`shapes`, `codes`)."""
        return [outputs[k + 1] for k in self.operators[i].reads(i)]

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of one example at the input and after each operator: one longer than `operators`."""
        shapes = [self.shape]
        for i, operator in enumerate(self.operators):
            read = self.inputs(i, shapes)
            shapes.append(shape_after(operator, read, place(i, operator)))
            values = max(prod(padded(operator, read[0])), prod(shapes[-1]))
            if values > INT32_MOST:
                refuse(place(i, operator), f"a tensor of {values} values", f"at most {INT32_MOST}")
        return tuple(shapes)

    @cached_property
    def codes(self) -> tuple[Codes, ...]:
        """The codes at the input and after each operator: one longer than `operators`."""
        codes = [self.input]
        for i, operator in enumerate(self.operators):
            codes.append(codes_after(operator, self.inputs(i, codes), place(i, operator)))
        return tuple(codes)

    @cached_property
    def bounds(self) -> tuple[int, ...]:
        """The bound of each operator's sums, (B1) and (B3); 0 where nothing is summed."""
        return tuple(
            bound_of(operator, self.inputs(i, self.codes), self.inputs(i, self.shapes)[0])
            for i, operator in enumerate(self.operators)
        )

    @cached_property
    def multiplications(self) -> tuple[int, ...]:
        """The multiply-accumulates of each operator for one example, padding counted."""
        return tuple(map(multiplications_of, self.operators, self.shapes[1:]))

    @property
    def accumulators(self) -> tuple[np.dtype[Any] | None, ...]:
        """int16 or int32 for each operator that sums, by (B2); None for the others."""
        return tuple(accumulator_of(bound) if bound else None for bound in self.bounds)

    @property
    def output(self) -> Codes:
        """The codes that the last operator writes; with Argmax, those that it compares."""
        return self.codes[-1]

    def brief(self) -> str:
        return f"{len(self.operators)} operators, {self.shape} to {self.shapes[-1]}"

    def __str__(self) -> str:
        return table(self.operators, self.shapes, self.codes, self.bounds)


def check_program(program: Any, argument: str) -> None:
    """Refuse what is no program, with what to write instead."""
    if isinstance(program, Program):
        return
    needed = "a Program"
    if isinstance(program, str | os.PathLike):
        needed += ": tinyzip.archive.read(path)"
    elif isinstance(getattr(program, "program", None), Program):
        needed += ": its .program"
    elif hasattr(program, "params"):
        needed += ", which tinyzip.quant.choose.auto.quantize makes of a network"
    refuse(argument, said(program), needed, TypeError)


def place(i: int, operator: Operator) -> str:
    """How an error names an operator: "operator 2 (Conv2d)"."""
    return f"operator {i} ({operator.kind})"


def check_sums(operator: Operator, codes: Sequence[Codes], bound: int, where: str) -> None:
    """Refuse sums that could leave int32, before or after scaling by (F3), and clamps that are not x's."""
    if bound > INT32_MOST:
        refuse(where, f"an accumulator that could reach {bound}", f"a bound of at most {INT32_MOST}")
    x = codes[0]
    match operator:
        case Weighted():
            each = zip(channel_bounds(operator, x).tolist(), operator.n.tolist(), strict=True)
        case GlobalAvgPool(n=int(n)) | Multiply(n=n) | Product(n=n):
            each = zip([bound], [n], strict=True)
        case Pool(y=Codes() as y):
            if (y.zero, y.scale) != (x.zero, x.scale) or y.lo < x.lo or y.hi > x.hi:
                refuse(where, f"{y}", f"the input's codes {x} with lo and hi narrowed")
            return
        case _:
            return
    scaled = max(b << max(31 - n, 0) for b, n in each)
    if scaled > INT32_MOST:
        refuse(where, f"a multiplier that scales the accumulator to {scaled}", f"at most {INT32_MOST}")
