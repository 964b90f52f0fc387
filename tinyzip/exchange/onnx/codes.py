"""Depth: codes in an ONNX graph: bytes from 0 up, and the operators that move them or look them up.

Inside a graph every tensor of codes is uint8. Unsigned codes are themselves, signed ones stand 128 higher:

    byte = code − base,   base = −128 where a code can be negative, else 0                       (OC1)

Any runtime has integer kernels for unsigned bytes, its fastest among them, while those for signed ones are
slower or missing. A program that reads or writes signed codes moves them at its two ends and nowhere else.

Weights are signed, and here is a trap. A processor of the x86 family without instructions for neural networks
multiplies unsigned by signed bytes in pairs, and of the sum of two products it keeps 16 bits or, where these
are too few, what is nearest. So a runtime's answers would depend on the machine. For two unsigned bytes the
same processors have exact instructions; so weights can be written as unsigned bytes, 128 higher, too.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyzip import integer
from tinyzip.exchange.onnx.graph import Draft, Shape, window
from tinyzip.integer import Codes, Program
from tinyzip.integer.fast.elementwise import products_of

W_ZERO = 128


@dataclass(frozen=True)
class Job:
    """One operator, the tensors of bytes that it reads, and what they and its output mean."""

    graph: Draft
    operator: Any
    inputs: list[str]
    read: list[Codes]
    y: Codes
    shapes: list[Shape]
    shape: Shape

    @classmethod
    def of(cls, graph: Draft, program: Program, i: int, tensors: list[str]) -> "Job":
        """Operator i; tensors are those of the program's input and of all outputs so far."""
        inputs, codes, shapes = (program.inputs(i, row) for row in (tensors, program.codes, program.shapes))
        y, shape = program.codes[i + 1], program.shapes[i + 1]
        return cls(graph, program.operators[i], inputs, codes, y, shapes, shape)

    def byte(self, value: Any, what: str) -> str:
        return self.graph.constant(value, np.uint8, what)


def unsigned(w: Any) -> Any:
    """Weights as bytes from 0 up, whose zero point is `W_ZERO`."""
    return (w.astype(np.int16) + W_ZERO).astype(np.uint8)


def base_of(codes: Codes) -> int:
    """The code that is byte 0 (OC1)."""
    return 0 if codes.lo >= 0 else -128


def zero_of(codes: Codes) -> int:
    """The byte of the zero point."""
    return codes.zero - base_of(codes)


def moved(graph: Draft, x: str, by: int, dtype: Any) -> str:
    """x + by as another type; x itself where nothing would change."""
    if by == 0 and dtype == np.uint8:
        return x
    wide = graph.cast(x, np.int32)
    return graph.cast(graph.add("Add", wide, graph.constant(by, np.int32, "by")) if by else wide, dtype)


def entry(graph: Draft, codes: Codes) -> str:
    """The program's input as bytes."""
    return moved(graph, "codes", -base_of(codes), np.uint8)


def leave(graph: Draft, x: str, codes: Codes) -> str:
    """Bytes as the codes that they stand for."""
    return moved(graph, x, base_of(codes), codes.dtype)


def clamped(job: Job, x: str, before: Codes) -> str:
    """Bytes of the codes `before` as bytes of job.y, clamped to these."""
    y, base = job.y, base_of(before)
    if (y.lo, y.hi) != (before.lo, before.hi):
        x = job.graph.add("Clip", x, job.byte(y.lo - base, "lo"), job.byte(y.hi - base, "hi"))
    return moved(job.graph, x, base - base_of(y), np.uint8)


def move(job: Job) -> str | None:
    """Add an operator that computes nothing; returns what it writes, or None for all others."""
    graph, x = job.graph, job.inputs[0]
    match job.operator:
        case integer.Recall():
            return x
        case integer.Flatten(order=order) | integer.Reshape(order=order):
            return reshaped(job, order)
        case integer.Transpose(axes=axes):
            return graph.add("Transpose", x, perm=[0, *(axis + 1 for axis in axes)])
        case integer.Pad(padding=((top, bottom), (left, right))):
            pads = graph.constant([0, 0, top, left, 0, 0, bottom, right], np.int64, "pads")
            return graph.add("Pad", x, pads, job.byte(zero_of(job.read[0]), "zero"))
        case integer.Concat():
            parts = (
                moved(graph, part, base_of(codes) - base_of(job.y), np.uint8)
                for part, codes in zip(job.inputs, job.read, strict=True)
            )
            return graph.add("Concat", *parts, axis=1)
        case integer.MaxPool2d() as pool:
            greatest = graph.add("MaxPool", x, **window(pool.kernel, pool.steps, pool.padding))
            return clamped(job, greatest, job.read[0])
        case integer.Table(table=table):
            return looked_up(job, table)
        case integer.Multiply():
            return looked_up(job, products_of(job.operator, job.read[0], job.y.dtype))
        case integer.Argmax():
            return graph.add("ArgMax", x, axis=1, keepdims=0)
    return None


def reshaped(job: Job, order: str) -> str:
    """Written out in the given order, and filled in again in that order."""
    graph, x, shape = job.graph, job.inputs[0], job.shape
    if order == "HWC" and len(job.shapes[0]) == 3:
        x = graph.add("Transpose", x, perm=[0, 2, 3, 1])
    if order == "CHW" or len(shape) == 1:
        return graph.add("Reshape", x, graph.constant([0, *shape], np.int64, "shape"))
    C, H, W = shape
    x = graph.add("Reshape", x, graph.constant([0, H, W, C], np.int64, "shape"))
    return graph.add("Transpose", x, perm=[0, 3, 1, 2])


def looked_up(job: Job, table: Any) -> str:
    """A table (256,) or (C, 256) by codes mod 256, as one by bytes."""
    graph, rows = job.graph, np.atleast_2d(np.asarray(table, np.int16))
    rows = np.roll(rows, -base_of(job.read[0]), axis=1) - base_of(job.y)
    entries, index = job.byte(rows.ravel(), "table"), graph.cast(job.inputs[0], np.int32)
    if len(rows) > 1:
        first = 256 * np.arange(len(rows)).reshape(-1, *[1] * (len(job.shape) - 1))
        index = graph.add("Add", index, graph.constant(first, np.int32, "rows"))
    return graph.add("Gather", entries, index)
