"""A .tflite file as plain records: tensors, and the nodes that read and write them.

The format is a FlatBuffer: a tree of tables that point at each other by offsets into one array of bytes. The
`tflite` package, generated from the format's schema, follows such offsets, and believes all of them. A file
comes from anywhere, so nothing in it is believed here:

- an offset that leaves the file is an error of the generated reader, and becomes one line that names it;
- a count says how often a loop would run, so each is held against a limit before the loop begins;
- an array is a view of the file's own bytes, and has to have as many of them as its shape asks for;
- one constant can be read by many nodes, and whoever reads it makes a copy. So the constants that all nodes
  read, added up, are no more than `SHARED` times the file.

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

from tinyzip.base.files import PathLike
from tinyzip.base.refuse import refuse

LARGEST = 1 << 26  # bytes of a whole file
MOST_NODES = 4096
MOST_TENSORS = 1 << 16
MOST_READS = 256  # tensors that one node reads or writes
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
    "FULLY_CONNECTED": (
        "FullyConnectedOptions",
        ("FusedActivationFunction", "WeightsFormat", "KeepNumDims"),
    ),
    "AVERAGE_POOL_2D": POOL,
    "MAX_POOL_2D": POOL,
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
    data: NDArray[Any] | None


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
        data = file.read(LARGEST + 1)
    return graph_of(data, os.fspath(path))


def graph_of(data: bytes, source: str) -> Graph:
    """The records in the bytes of a file; `source` names it in errors."""
    if len(data) > LARGEST:
        refuse(source, f"more than {LARGEST} bytes", f"{LARGEST} or fewer")
    if data[4:8] != MARK:
        refuse(source, f"{data[4:8]!r} at byte 4", f"{MARK!r}, the mark of a .tflite file")
    reader = Reader(data, source)
    try:
        return reader.graph()
    except (struct.error, TypeError, ValueError, IndexError) as error:
        if str(error).startswith(source):
            raise
        refuse(source, f"damage ({error})", "a FlatBuffer whose offsets lie within the file")


class Reader:
    """Follows the offsets of one file."""

    def __init__(self, data: bytes, source: str) -> None:
        try:
            self.schema: Any = import_module("tflite")
        except ImportError:
            refuse(source, "no package tflite", "it: pip install tinyzip[tflite]", ImportError)
        self.data, self.source = data, source
        self.model = self.schema.Model.GetRootAs(data, 0)
        self.kinds = names_of(self.schema.BuiltinOperator)
        self.types = names_of(self.schema.TensorType)
        self.enumerations = {
            "Padding": names_of(self.schema.Padding),
            "FusedActivationFunction": names_of(self.schema.ActivationFunctionType),
        }

    def refuse(self, found: object, needed: str) -> NoReturn:
        refuse(self.source, found, needed)

    def graph(self) -> Graph:
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
        ends = [self.numbers(ends, "ends") for ends in (graph.InputsAsNumpy(), graph.OutputsAsNumpy())]
        named = {t for node in nodes for t in (*node.inputs, *node.outputs)} | {*ends[0], *ends[1]}
        if named and not -1 <= min(named) <= max(named) < known:
            self.refuse(f"tensors {min(named)} to {max(named)}", f"numbers below {known}, −1 for none")
        tensors = {t: self.tensor(graph.Tensors(t), t) for t in sorted(named - {-1})}
        constants = [tensors[t].data for node in nodes for t in node.inputs if t >= 0]
        copied = sum(data.nbytes for data in constants if data is not None)
        if copied > SHARED * len(self.data):
            self.refuse(f"{copied} bytes of constants read", f"at most {SHARED} times the file's bytes")
        return Graph(self.source, nodes, tensors, ends[0], ends[1])

    def numbers(self, values: Any, what: str) -> tuple[int, ...]:
        """A vector of tensor numbers; the generated reader says 0 for one that is absent."""
        array = vector(values)
        if array.size > MOST_READS:
            self.refuse(f"{array.size} {what}", f"at most {MOST_READS}")
        return tuple(map(int, array))

    def node(self, i: int, operator: Any) -> Node:
        if not 0 <= operator.OpcodeIndex() < self.model.OperatorCodesLength():
            self.refuse(f"operator {i} of kind number {operator.OpcodeIndex()}", "a kind that the file lists")
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = self.kinds.get(number, f"kind {number}")
        if kind == "CUSTOM":
            kind = f"CUSTOM {(code.CustomCode() or b'').decode(errors='replace')[:24]!r}"
        inputs = self.numbers(operator.InputsAsNumpy(), f"inputs of operator {i} ({kind})")
        outputs = self.numbers(operator.OutputsAsNumpy(), f"outputs of operator {i} ({kind})")
        return Node(i, kind, inputs, outputs, self.options(i, kind, operator))

    def options(self, i: int, kind: str, operator: Any) -> dict[str, Any]:
        if kind not in OPTIONS:
            return {}
        name, fields = OPTIONS[kind]
        table = operator.BuiltinOptions()
        if table is None or operator.BuiltinOptionsType() != getattr(self.schema.BuiltinOptions, name):
            self.refuse(f"operator {i} ({kind}) without its options", f"a record {name}")
        made = getattr(self.schema, name)()
        made.Init(table.Bytes, table.Pos)
        values = {field: getattr(made, field)() for field in fields}
        for field, names in self.enumerations.items():
            if field in values:
                values[field] = names.get(values[field], f"number {values[field]}")
        return values

    def tensor(self, record: Any, t: int) -> Tensor:
        shape = tuple(map(int, vector(record.ShapeAsNumpy())[: MOST_AXES + 1]))
        if len(shape) > MOST_AXES or (shape and min(shape) < 1):
            self.refuse(f"tensor {t} of shape {shape}", f"at most {MOST_AXES} axes, of 1 or more")
        kind = self.types.get(record.Type(), f"type {record.Type()}")
        if record.Sparsity() is not None:
            kind = f"sparse {kind}"
        quantization, scales, zeros, axis = record.Quantization(), np.empty(0), np.empty(0), 0
        if quantization is not None:
            if quantization.DetailsType() != 0:
                kind = f"{kind} quantized by a function"
            scales, zeros = vector(quantization.ScaleAsNumpy()), vector(quantization.ZeroPointAsNumpy())
            axis = int(quantization.QuantizedDimension())
        if zeros.size == 0:
            zeros = np.broadcast_to(np.int64(0), scales.shape)
        if zeros.shape != scales.shape or not (np.isfinite(scales) & (scales >= 0)).all():
            self.refuse(f"tensor {t} with scales {scales[:4]} and zero points {zeros[:4]}", "a grid")
        name = (record.Name() or b"").decode(errors="replace")
        data = self.constant(record.Buffer(), kind, shape, t)
        return Tensor(name, shape, kind, scales.astype(np.float32), zeros.astype(np.int64), axis, data)

    def constant(self, number: int, kind: str, shape: tuple[int, ...], t: int) -> NDArray[Any] | None:
        """The buffer of a tensor as an array of its shape; None where it is empty."""
        if not 0 <= number < self.model.BuffersLength():
            self.refuse(f"tensor {t} in buffer {number}", f"one of {self.model.BuffersLength()}")
        buffer = self.model.Buffers(number)
        if buffer.Offset() > 1:
            self.refuse(f"tensor {t} behind the end of the FlatBuffer", "data within it")
        data = vector(buffer.DataAsNumpy())
        if data.size == 0 or kind not in DTYPES:
            return None
        dtype = np.dtype(DTYPES[kind])
        if data.size != prod(shape) * dtype.itemsize:
            self.refuse(f"tensor {t} of shape {shape} in {data.size} bytes", f"{dtype.itemsize} bytes each")
        return data.view(dtype).reshape(shape)


def names_of(enumeration: Any) -> dict[int, str]:
    """The names of an enumeration's values."""
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def vector(values: Any) -> NDArray[Any]:
    """A vector of the file; the generated reader says 0 for one that is absent."""
    return np.empty(0, np.uint8) if isinstance(values, int) else np.asarray(values)
