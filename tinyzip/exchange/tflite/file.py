"""Depth: a .tflite file as plain records: tensors, and the nodes that read and write them.

The format is a FlatBuffer: a tree of tables that point at each other by offsets into one array of bytes. The
`tflite` package, generated from the format's schema, follows such offsets, and believes all of them. A file
comes from anywhere, so nothing in it is believed here:

- an offset that leaves the file is an error of the generated reader, and becomes one line that names it;
- a count says how often a loop would run, so each is held against a limit before the loop begins;
- an array is a view of the file's own bytes, and has to have as many of them as its shape asks for;
- many records can point at one and the same vector, so that a small file would be much to read. So the bytes
  of all vectors, each counted as often as it is pointed at, are no more than `SHARED` times the file, and
  those of constants are counted once more for each node that reads them and so will copy them.

What the records say is judged where they are turned into operators. [schema.fbs of LiteRT, version 3]
"""

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from math import prod
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.files import PathLike, read_up_to
from tinyzip.base.kinds import kind_of
from tinyzip.base.refuse import refuse
from tinyzip.integer.codes import Array

LARGEST = 1 << 26  # bytes of a whole file
MOST_NODES = 4096
MOST_TENSORS = 1 << 16
MOST_READS = 64  # tensors that one node reads or writes
MOST_AXES = 8
SHARED = 4
MARK = b"TFL3"  # bytes 4 to 8 of a file
VERSION = 3
DTYPES = {"FLOAT32": "<f4", "INT32": "<i4", "INT64": "<i8", "INT8": "i1", "UINT8": "u1"}

WINDOW = ("Padding", "StrideH", "StrideW", "FusedActivationFunction")
DILATION = ("DilationHFactor", "DilationWFactor")
POOL = ("Pool2DOptions", (*WINDOW, "FilterHeight", "FilterWidth"))
OPTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "CONV_2D": ("Conv2DOptions", (*WINDOW, *DILATION)),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", (*WINDOW, *DILATION)),
    "FULLY_CONNECTED": ("FullyConnectedOptions", ("FusedActivationFunction", "WeightsFormat", "KeepNumDims")),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), POOL),
    "ADD": ("AddOptions", ("FusedActivationFunction",)),
    "MUL": ("MulOptions", ("FusedActivationFunction",)),
    "CONCATENATION": ("ConcatenationOptions", ("Axis", "FusedActivationFunction")),
    "MEAN": ("ReducerOptions", ("KeepDims",)),
    "LEAKY_RELU": ("LeakyReluOptions", ("Alpha",)),
    "SOFTMAX": ("SoftmaxOptions", ("Beta",)),
}


@dataclass(frozen=True)
class Tensor:
    """What is known of a tensor before anything runs.

    shape   as the file has it, the batch first and channels last
    kind    the type of its elements, "INT8"
    scales  float32, one or one for each index of `axis`; none where it is not quantized
    zeros   int64, as many
    data    a view of the file's bytes; None for what only a run will know
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    scales: NDArray[np.float32]
    zeros: NDArray[np.int64]
    axis: int
    data: Array | None


@dataclass(frozen=True)
class Node:
    """An operator of the file: its number there, its kind, "CONV_2D", and the numbers of its tensors.

    inputs   −1 where an optional one is left out
    options  fields of the kind's options by name, enumerations by the name of their value
    """

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Graph:
    """A whole model: its nodes in the order they run, the tensors that these name, what comes in and out."""

    source: str
    nodes: tuple[Node, ...]
    tensors: Mapping[int, Tensor]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_graph(path: PathLike) -> Graph:
    """The records of the file at `path`.

    Raises ValueError, naming the file, for what is no .tflite file or a damaged one; ImportError where the
    package `tflite` is missing.
    """
    with open(path, "rb") as file:
        data = read_up_to(file, LARGEST)
    return graph_of(data, os.fspath(path))


def graph_of(data: bytes, source: str) -> Graph:
    """The records in the bytes of a file; `source` names it in errors."""
    if len(data) > LARGEST:
        refuse(source, f"more than {LARGEST} bytes", f"{LARGEST} or fewer")
    if data[4:8] != MARK:
        refuse(source, kind_of(data), f"{MARK!r} at byte 4, the mark of a .tflite file")
    reader = Reader(data, source)
    try:
        return reader.graph()
    except (struct.error, TypeError, ValueError, IndexError) as error:
        if str(error).startswith(source):
            raise
        refuse(source, f"damage ({error})", "a FlatBuffer whose offsets lie within the file")


class Reader:
    """Follows the offsets of one file.

    left  how many bytes of vectors may still be read
    """

    def __init__(self, data: bytes, source: str) -> None:
        try:
            self.schema: Any = import_module("tflite")
        except ImportError:
            refuse(source, "no package tflite", "it: pip install 'tinyzip[tflite]'", ImportError)
        self.source, self.size, self.left = source, len(data), SHARED * len(data)
        self.model = self.schema.Model.GetRootAs(data, 0)
        self.kinds = names_of(self.schema.BuiltinOperator)
        self.types = names_of(self.schema.TensorType)
        self.enumerations = {
            "Padding": names_of(self.schema.Padding),
            "FusedActivationFunction": names_of(self.schema.ActivationFunctionType),
        }

    def refuse(self, found: object, needed: str, where: str = "") -> NoReturn:
        refuse(f"{self.source}: {where}" if where else self.source, found, needed)

    def spend(self, count: int) -> None:
        """Refuse a file that points at its bytes more often than a model does."""
        self.left -= count
        if self.left < 0:
            needed = f"at most {SHARED} times {self.size} bytes of them"
            self.refuse("vectors that many records share", needed)

    def vector(self, values: Any) -> Array:
        """A vector of the file; the generated reader says 0 for one that is absent."""
        if isinstance(values, int):
            return np.empty(0, np.uint8)
        self.spend(values.nbytes)
        return np.asarray(values)

    def text(self, values: bytes | None) -> str:
        """A text of the file, for people to read."""
        self.spend(len(values or b""))
        return (values or b"").decode(errors="replace")

    def graph(self) -> Graph:
        """The one graph of the model."""
        model = self.model
        if model.Version() != VERSION:
            self.refuse(f"version {model.Version()}", f"version {VERSION}")
        if model.SubgraphsLength() != 1:
            self.refuse(f"{model.SubgraphsLength()} graphs", "one, without branches or loops")
        graph = model.Subgraphs(0)
        count, known = graph.OperatorsLength(), graph.TensorsLength()
        if count > MOST_NODES or known > MOST_TENSORS:
            self.refuse(f"{count} operators, {known} tensors", f"at most {MOST_NODES} and {MOST_TENSORS}")
        nodes = tuple(self.node(i, graph.Operators(i)) for i in range(count))
        inputs, outputs = (
            self.numbers(ends, name)
            for ends, name in ((graph.InputsAsNumpy(), "inputs"), (graph.OutputsAsNumpy(), "outputs"))
        )
        named = {t for node in nodes for t in (*node.inputs, *node.outputs)}.union(inputs, outputs)
        if named and not -1 <= min(named) <= max(named) < known:
            self.refuse(f"tensors {min(named)} to {max(named)}", f"numbers below {known}, −1 for none")
        tensors = {t: self.tensor(t, graph.Tensors(t)) for t in sorted(named - {-1})}
        for node in nodes:
            for t in set(node.inputs) - {-1}:
                constant = tensors[t].data
                self.spend(0 if constant is None else constant.nbytes)
        return Graph(self.source, nodes, tensors, inputs, outputs)

    def numbers(self, values: Any, where: str) -> tuple[int, ...]:
        """A vector of tensor numbers."""
        vector = self.vector(values)
        if vector.size > MOST_READS:
            self.refuse(f"{vector.size} tensors", f"at most {MOST_READS}", where)
        return tuple(map(int, vector))

    def node(self, i: int, operator: Any) -> Node:
        number, known = operator.OpcodeIndex(), self.model.OperatorCodesLength()
        if not 0 <= number < known:
            self.refuse(f"kind number {number}", f"one of the {known} that the file lists", f"operator {i}")
        code = self.model.OperatorCodes(number)
        value = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = self.kinds.get(value, f"kind {value}")
        if kind == "CUSTOM":
            kind = f"CUSTOM {self.text(code.CustomCode())[:24]!r}"
        where = f"operator {i} ({kind})"
        inputs = self.numbers(operator.InputsAsNumpy(), f"{where}: inputs")
        outputs = self.numbers(operator.OutputsAsNumpy(), f"{where}: outputs")
        return Node(i, kind, inputs, outputs, self.options(kind, operator, where))

    def options(self, kind: str, operator: Any, where: str) -> dict[str, Any]:
        """The fields of a kind's options that mean something here."""
        if kind not in OPTIONS:
            return {}
        name, fields = OPTIONS[kind]
        table = operator.BuiltinOptions()
        if table is None or operator.BuiltinOptionsType() != getattr(self.schema.BuiltinOptions, name):
            self.refuse("none or other options", name, where)
        record = getattr(self.schema, name)()
        record.Init(table.Bytes, table.Pos)
        values = {field: getattr(record, field)() for field in fields}
        for field, names in self.enumerations.items():
            if field in values:
                values[field] = names.get(values[field], f"number {values[field]}")
        return values

    def tensor(self, t: int, record: Any) -> Tensor:
        where = f"tensor {t}"
        shape = tuple(self.vector(record.ShapeAsNumpy()).tolist())
        if len(shape) > MOST_AXES or (shape and min(shape) < 1):
            self.refuse(f"shape {shape[: MOST_AXES + 1]}", f"at most {MOST_AXES} axes, of 1 or more", where)
        kind = self.types.get(record.Type(), f"type {record.Type()}")
        if record.Sparsity() is not None:
            kind = f"sparse {kind}"
        quantization, scales, zeros, axis = record.Quantization(), np.empty(0), np.empty(0), 0
        if quantization is not None:
            if quantization.DetailsType() != 0:
                kind = f"{kind} quantized by a function"
            scales = self.vector(quantization.ScaleAsNumpy())
            zeros = self.vector(quantization.ZeroPointAsNumpy())
            axis = int(quantization.QuantizedDimension())
        if zeros.size == 0 or scales.size == 0:
            zeros = np.zeros(scales.shape)
        if zeros.shape != scales.shape or not (np.isfinite(scales) & (scales >= 0)).all():
            found = f"scales {scales[:4].tolist()} and zero points {zeros[:4].tolist()}"
            self.refuse(found, "one zero point for each scale, and none below 0", where)
        data = self.constant(record.Buffer(), kind, shape, where)
        grid = scales.astype(np.float32), zeros.astype(np.int64), axis
        return Tensor(self.text(record.Name()), shape, kind, *grid, data)

    def constant(self, number: int, kind: str, shape: tuple[int, ...], where: str) -> Array | None:
        """The buffer of a tensor as an array of its shape; None where it is empty."""
        if not 0 <= number < self.model.BuffersLength():
            self.refuse(f"buffer {number}", f"one of {self.model.BuffersLength()}", where)
        buffer = self.model.Buffers(number)
        if buffer.Offset() > 1:
            self.refuse("data after the end of the FlatBuffer", "data within it", where)
        data = self.vector(buffer.DataAsNumpy())
        if data.size == 0 or kind not in DTYPES:
            return None
        dtype = np.dtype(DTYPES[kind])
        if data.size != prod(shape) * dtype.itemsize:
            self.refuse(f"{data.size} bytes", f"{dtype.itemsize} for each of {shape}", where)
        return data.view(dtype).reshape(shape)


def names_of(enumeration: Any) -> dict[int, str]:
    """The names of an enumeration's values."""
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}
