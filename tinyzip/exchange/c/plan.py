"""Depth: where every code lives while the C runs: rows, not images.

A window sees a few rows. So an output whose only reader looks at it through a window need not exist as a
whole: the reader asks for the rows that it is the first to need, and an array of

    R = (kh − 1)·dh + 1 + (ph − 1)·sh                                                 (CP1)

of them is enough, ph being the rows of the max pool that takes a convolution's sums, or 1. Row h stands in
place h mod R, where a row stood that nobody needs any more. Each asks the one before, up to an output that is
whole: the input, one with several readers, or one that is read in another order. A fully connected layer
after a flattened image takes rows too, each into all of its sums, and so does the mean of an image. A max
pool of windows that do not overlap is part of the convolution before it, as in `integer.fast.choose`.

Rows are not always less: those of a chain exist all at the same time, whole outputs only one after the other.
So each output is made whole if that costs nothing. What is never needed at the same time shares memory.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from tinyzip.exchange.c.weights import PAIRED
from tinyzip.integer.bounds import INT16_MOST, accumulator_of, product_bounds
from tinyzip.integer.layout import Flatten, Pad, Reshape
from tinyzip.integer.maps import Multiply, Softmax, Table
from tinyzip.integer.operators import NO_PADDING, Argmax, Conv2d, GlobalAvgPool, Linear, MaxPool2d, Pool
from tinyzip.integer.program import Program
from tinyzip.integer.residuals import Add, Concat, Product, Recall

ROW_BY_ROW = (Conv2d, Pool, Pad, Table, Multiply, Softmax, Add, Product, Concat)


@dataclass(frozen=True)
class Step:
    """One function of the C file: it writes the output of operator i.

    reads    the outputs that it reads
    conv     the convolution whose sums a max pool takes, or None
    flatten  the operator whose image a fully connected layer takes row by row, or None
    """

    i: int
    reads: tuple[int, ...]
    conv: int | None = None
    flatten: int | None = None


@dataclass(frozen=True)
class Buffer:
    """An array of the C file that is needed from step `first` to step `last`."""

    name: str
    dtype: np.dtype[Any]
    size: int
    first: int
    last: int
    what: str

    @property
    def bytes(self) -> int:
        return self.size * self.dtype.itemsize

    def meets(self, other: "Buffer") -> bool:
        """Whether both are needed at the same time."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Plan:
    """A program as steps; which outputs exist as rows only.

    names     of the operators, as C has them
    streamed  the operators whose outputs exist as rows
    """

    program: Program
    names: tuple[str, ...]
    streamed: frozenset[int]

    @classmethod
    def of(cls, program: Program, names: Iterable[str]) -> "Plan":
        """The plan that needs the least memory, or near it: outputs become whole while that is free."""
        whole = cls(program, tuple(names), frozenset())
        plan = cls(program, whole.names, frozenset(k for k in range(len(whole.names)) if whole.can_stream(k)))
        for k in sorted(plan.streamed):
            simpler = cls(program, whole.names, plan.streamed - {k})
            if simpler.ram <= plan.ram:
                plan = simpler
        return min(whole, plan, key=lambda plan: plan.ram)

    @cached_property
    def needed(self) -> set[int]:
        """The operators that the last one needs, itself among them."""
        needed = {len(self.names) - 1}
        for i in reversed(range(len(self.names))):
            if i in needed:
                needed |= set(self.program.operators[i].reads(i))
        return needed - {-1}

    @cached_property
    def readers(self) -> dict[int, list[int]]:
        """The operators that read each output, once for each time."""
        readers: dict[int, list[int]] = {k: [] for k in range(-1, len(self.names))}
        for i in sorted(self.needed):
            for k in self.program.operators[i].reads(i):
                readers[k].append(i)
        return readers

    def shape(self, k: int) -> tuple[int, int, int]:
        """(C, H, W) of output k; (C, 1, 1) of a vector and (1, 1, 1) of a class."""
        C, H, W = (*self.program.shapes[k + 1], 1, 1, 1)[:3]
        return C, H, W

    def pool_of(self, i: int) -> MaxPool2d | None:
        """The max pool that takes the sums of convolution i: its only reader, its windows apart."""
        operators = self.program.operators
        pool = operators[i + 1] if self.readers[i] == [i + 1] else None
        if not isinstance(operators[i], Conv2d) or not isinstance(pool, MaxPool2d):
            return None
        apart = all(s >= k for s, k in zip(pool.steps, pool.kernel, strict=True))
        return pool if apart and pool.padding == NO_PADDING else None

    def linear_of(self, i: int) -> int | None:
        """The fully connected layer that can take the image before Flatten i row by row."""
        only = self.readers[i] == [i + 1]
        return i + 1 if only and isinstance(self.program.operators[i + 1], Linear) else None

    def is_view(self, i: int) -> bool:
        """Whether operator i writes nothing: its output is that of another one, read in another way."""
        match self.program.operators[i]:
            case Recall() | Flatten(order="CHW") | Reshape(order="CHW") | Pad(padding=((0, 0), (0, 0))):
                return True
            case Flatten():
                return len(self.program.inputs(i, self.program.shapes)[0]) == 1
        return False

    def home(self, k: int) -> int:
        """The output whose array output k is read from."""
        while k >= 0 and self.is_view(k):
            (k,) = self.program.operators[k].reads(k)
        return k

    def rows_needed(self, k: int) -> int | None:
        """How many rows of output k its only reader sees at once, by (CP1); None if it must be whole."""
        if len(self.readers[k]) != 1:
            return None
        (i,) = self.readers[k]
        match self.program.operators[i]:
            case Conv2d() as conv:
                pool = self.pool_of(i)
                rows = 1 if pool is None else pool.kernel[0]
                return conv.window[0] + (rows - 1) * conv.stride[0]
            case Pool() as pool_alone:
                return pool_alone.kernel[0]
            case Pad():
                return None if self.is_view(i) else 1
            case Table() | Multiply() | Softmax() | Add() | Product() | Concat() | GlobalAvgPool():
                return 1
            case Flatten():
                return None if self.linear_of(i) is None else 1
        return None

    def can_stream(self, k: int) -> bool:
        """Whether output k can exist as rows, and has more rows than are needed."""
        operator = self.program.operators[k]
        if not isinstance(operator, ROW_BY_ROW) or self.is_view(k) or self.pool_of(k) is not None:
            return False
        rows = self.rows_needed(k)
        return rows is not None and rows < self.shape(k)[1]

    @cached_property
    def steps(self) -> dict[int, Step]:
        """What is done, in order, by the operator whose output it writes."""
        steps: dict[int, Step] = {}
        for i in sorted(self.needed):
            reads = self.program.operators[i].reads(i)
            taken = i - 1 in self.streamed and self.linear_of(i)
            if self.pool_of(i) is not None or self.is_view(i) or taken:
                continue
            if i and self.pool_of(i - 1) is not None:
                steps[i] = Step(i, self.program.operators[i - 1].reads(i - 1), conv=i - 1)
            elif i - 2 in self.streamed and self.linear_of(i - 1) == i:
                steps[i] = Step(i, (i - 2,), flatten=i - 1)
            else:
                steps[i] = Step(i, reads)
        return steps

    @cached_property
    def stages(self) -> dict[int, int]:
        """For each step the one that it is a part of: itself, or the one that asks for its rows."""
        asked = {k: step.i for step in self.steps.values() for k in step.reads if k in self.streamed}
        stages: dict[int, int] = {}
        for i in sorted(self.steps, reverse=True):
            stages[i] = stages[asked[i]] if i in asked else i
        return stages

    def rows(self, k: int) -> int:
        """The rows of output k that its array holds."""
        rows = self.rows_needed(k) if k in self.streamed else None
        return self.shape(k)[1] if rows is None else rows

    @cached_property
    def buffers(self) -> list[Buffer]:
        """The arrays that outlive a function: outputs, and sums that grow from row to row."""
        last = {k: k for k in self.steps}
        for step in self.steps.values():
            for k in map(self.home, step.reads):
                last[k] = max(last.get(k, k), self.stages[step.i])
        if self.result is None:
            last[self.home(len(self.names) - 1)] = len(self.names)
        buffers = []
        for step in self.steps.values():
            i, name, (C, H, W), stage = step.i, self.names[step.i], self.shape(step.i), self.stages[step.i]
            if step.flatten is not None or isinstance(self.program.operators[i], GlobalAvgPool):
                buffers.append(Buffer(f"{name}_sums", self.sums_of(i), C, stage, stage, f"{C} sums"))
            if i == self.result:
                continue
            rows, what = self.rows(i), f"{C}" if H == W == 1 else f"{C} x {H} x {W}"
            if i in self.streamed:
                what = f"{rows} of the {H} rows of {what}"
            dtype = self.program.codes[i + 1].dtype
            end = stage if i in self.streamed else last[i]
            buffers.append(Buffer(f"{name}_codes", dtype, C * rows * W, stage, end, what))
        return buffers

    @property
    def result(self) -> int | None:
        """The step that writes the output itself; None where the last operator is a view."""
        last = len(self.names) - 1
        return None if self.is_view(last) else last

    @cached_property
    def unions(self) -> list[list[Buffer]]:
        """Arrays that share memory, since no two of them are needed at the same time; the largest first."""
        unions: list[list[Buffer]] = []
        for buffer in sorted(self.buffers, key=lambda buffer: -buffer.bytes):
            free = [union for union in unions if not any(map(buffer.meets, union))]
            if free:
                free[0].append(buffer)
            else:
                unions.append([buffer])
        return [sorted(union, key=lambda buffer: buffer.first) for union in unions]

    def sums_of(self, i: int) -> np.dtype[Any]:
        """int16 where the proof allows it, else int32: the sums of operator i, without a bias."""
        operator, program = self.program.operators[i], self.program
        if isinstance(operator, Conv2d | Linear):
            x = program.inputs(i, program.codes)[0]
            return accumulator_of(int(product_bounds(operator, x).max()))
        return accumulator_of(program.bounds[i])

    def columns(self, i: int) -> int:
        """How many columns of convolution i are needed: a max pool may leave some at the end."""
        pool, OW = self.pool_of(i), self.shape(i)[2]
        return OW if pool is None else (self.shape(i + 1)[2] - 1) * pool.steps[1] + pool.kernel[1]

    def width(self, i: int) -> str:
        """Of the sums of convolution i: 16 bits, 32, or twice 16 in a word, of two channels."""
        operator, bits = self.program.operators[i], 8 * self.sums_of(i).itemsize
        assert isinstance(operator, Conv2d)
        even = len(operator.w) // operator.groups % 2 == 0
        return "16x2" if even and bits == 16 and operator.weight_bits in PAIRED else str(bits)

    @cached_property
    def lines(self) -> dict[str, tuple[np.dtype[Any], int]]:
        """Arrays for the sums of one row of one channel, and for their greatest: dtype and length."""
        lines: dict[str, tuple[np.dtype[Any], int]] = {}
        for step in self.steps.values():
            i = step.i if step.conv is None else step.conv
            if not isinstance(self.program.operators[i], Conv2d):
                continue
            needed = {"sums": self.columns(i)}
            if step.conv is not None:
                needed["most"] = self.shape(step.i)[2]
            dtype = np.dtype(np.uint32) if self.width(i) == "16x2" else self.sums_of(i)
            for kind, length in needed.items():
                name = f"{kind}{self.width(i)}"
                lines[name] = dtype, max(length, lines.get(name, (dtype, 0))[1])
        return lines

    @property
    def ends_in_class(self) -> bool:
        return isinstance(self.program.operators[-1], Argmax)

    @cached_property
    def counter(self) -> int:
        """Bytes that count the rows of an output."""
        return 2 if max(self.shape(k)[1] for k in range(len(self.names))) <= INT16_MOST else 4

    @cached_property
    def ram(self) -> int:
        """Bytes of all static arrays and counters; arrays that share memory are counted once."""
        shared = sum(max(buffer.bytes for buffer in union) for union in self.unions)
        lines = sum(dtype.itemsize * length for dtype, length in self.lines.values())
        answer = 4 if self.ends_in_class else prod(self.program.shapes[-1])
        return shared + lines + answer + self.counter * len(self.streamed)
