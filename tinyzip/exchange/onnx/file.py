"""Depth: an .onnx file as plain records: nodes, the constants they read, what comes in and out.

The numbers of fields are those of the format's schema [onnx.proto3, version 1.16]. Nothing in a file is
believed: a constant has to have exactly the bytes that its shape asks for, and is a view of them.

PyTorch's newer exporter writes large constants to a second file beside the first, "model.onnx.data". That is
read where it is named so: a file in the same folder, of a plain name that ends in ".data". No other is read.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import NoReturn

import numpy as np

from tinyzip.base.files import PathLike
from tinyzip.base.kinds import ONNX, START, kind_of
from tinyzip.base.refuse import refuse
from tinyzip.exchange.onnx.wire import Field, Message, Wire, signed
from tinyzip.nn.ops.checks import Array

LARGEST = 1 << 29  # bytes of a file
MOST_NODES = 4096
MOST_AXES = 8
DTYPES = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8"}
TYPED = {4: "<f4", 5: "<i4", 7: "<i8", 10: "<f8"}  # fields of a tensor that hold numbers one by one
PLACES = {1: 4, 11: 10, 7: 7}  # where those of a type are; all others are among the int32
LISTS = ("axes", "pads", "paddings", "perm")  # attributes
Attribute = float | int | str | tuple[float, ...] | tuple[int, ...] | Array


@dataclass(frozen=True)
class Node:
    """An operator of the file: its number there, its kind, "Conv", and the names of its tensors.

    inputs  "" where an optional one is left out
    """

    index: int
    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True)
class Graph:
    """A whole model: its nodes in the order they run, constants by name, what comes in and what goes out.

    inputs  each with its shape, None where the file leaves a length open
    opset   the version of the operators
    size    bytes of the file, and of what was read beside it
    """

    source: str
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: Mapping[str, tuple[int | None, ...]]
    outputs: tuple[str, ...]
    opset: int
    size: int

    def where(self, node: Node) -> str:
        """How errors name a node."""
        name = f" {node.name[:48]!r}" if node.name else ""
        return f"{self.source}: node {node.index} ({node.kind}{name})"

    def refuse(self, node: Node, found: object, needed: str) -> NoReturn:
        refuse(self.where(node), found, needed)


def read_graph(path: PathLike) -> Graph:
    """The records of the file at `path`.

    Raises ValueError, naming the file, for what is no .onnx file, a damaged one, or one whose data lie where
    they should not; OSError where a file cannot be read.
    """
    path = Path(os.fspath(path))
    data = contents(path, os.fspath(path))
    kind = kind_of(bytes(data[:START]))
    if kind != ONNX and not kind.startswith("a file"):
        refuse(os.fspath(path), kind, ONNX)
    return Reader(data, os.fspath(path), path.parent).graph()


def contents(path: Path, source: str) -> memoryview:
    """All bytes of a file that is not too large."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST:
            refuse(source, f"{size} bytes", f"{LARGEST} or fewer")
        return memoryview(file.read(size))  # and memory for no more


class Reader:
    """Reads the records of one file.

    folder  where it lies
    beside  what was read of other files there, by name
    """

    def __init__(self, data: memoryview, source: str, folder: Path) -> None:
        self.source, self.folder, self.data = source, folder, data
        self.wire = Wire(source)
        self.beside: dict[str, memoryview] = {}

    def refuse(self, found: object, needed: str, where: str = "") -> NoReturn:
        refuse(f"{self.source}: {where}" if where else self.source, found, needed)

    def graph(self) -> Graph:
        """The one graph of the model."""
        model = self.wire.message(self.data)
        if not model.get(7):
            self.refuse("no graph", "a model in ONNX's format")
        graph = self.messages(model, 7)[0]
        opset = 1
        for entry in self.messages(model, 8):
            if self.text(entry, 1) in ("", "ai.onnx"):
                opset = self.number(entry, 2)
        if model.get(25):
            self.refuse("functions of its own", "a graph of ONNX's operators alone")
        if graph.get(15):
            self.refuse("sparse constants", "full ones")
        tensors = self.messages(graph, 5)
        constants = {self.text(tensor, 8): self.tensor(tensor) for tensor in tensors}
        if len(graph.get(1, ())) > MOST_NODES:
            self.refuse(f"{len(graph[1])} nodes", f"at most {MOST_NODES}")
        nodes = tuple(self.node(i, message) for i, message in enumerate(self.messages(graph, 1)))
        inputs = {self.text(entry, 1): self.shape(entry) for entry in self.messages(graph, 11)}
        inputs = {name: shape for name, shape in inputs.items() if name not in constants}
        outputs = tuple(self.text(entry, 1) for entry in self.messages(graph, 12))
        size = len(self.data) + sum(map(len, self.beside.values()))
        return Graph(self.source, nodes, constants, inputs, outputs, opset, size)

    def messages(self, message: Message, number: int) -> list[Message]:
        """The messages in a field."""
        return [self.wire.message(self.view(field)) for field in message.get(number, ())]

    def view(self, field: Field) -> memoryview:
        if not isinstance(field, memoryview):
            self.refuse("a number where a message or text belongs", "a model in ONNX's format")
        return field

    def text(self, message: Message, number: int) -> str:
        """The last text in a field, as Protocol Buffers have it; "" where there is none."""
        return bytes(self.view(message.get(number, [memoryview(b"")])[-1])).decode(errors="replace")

    def number(self, message: Message, number: int) -> int:
        """The last whole number in a field; 0 where there is none."""
        value = message.get(number, [0])[-1]
        if isinstance(value, memoryview):
            self.refuse("a text where a number belongs", "a model in ONNX's format")
        return signed(value)

    def numbers(self, message: Message, number: int, dtype: str) -> Array:
        """All numbers in a field, packed or one by one."""
        parts: list[Array] = []
        single: list[int] = []
        for field in message.get(number, ()):
            if isinstance(field, int):
                single.append(signed(field))
            elif np.dtype(dtype).kind == "f":
                if len(field) % np.dtype(dtype).itemsize:
                    self.refuse(f"{len(field)} bytes of numbers", f"a multiple of {np.dtype(dtype).itemsize}")
                parts.append(np.frombuffer(field, dtype))
            else:
                at = 0
                while at < len(field):
                    value, at = self.wire.varint(field, at)
                    single.append(signed(value))
        if not parts:
            return np.array(single, np.int64)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def node(self, i: int, message: Message) -> Node:
        kind, domain = self.text(message, 4), self.text(message, 7)
        kind = kind if domain in ("", "ai.onnx") else f"{domain}.{kind}"
        inputs, outputs = (
            tuple(bytes(self.view(field)).decode(errors="replace") for field in message.get(number, ()))
            for number in (1, 2)
        )
        attributes = {}
        for entry in self.messages(message, 5):
            name, value = self.text(entry, 1), self.attribute(entry)
            if value is not None:
                attributes[name] = value
            if name in LISTS and not isinstance(value, tuple):
                self.refuse(f"{name} that are no list", "whole numbers", f"node {i} ({kind[:64]})")
        return Node(i, kind[:64], self.text(message, 3), inputs, outputs, attributes)

    def attribute(self, entry: Message) -> Attribute | None:
        """The value of an attribute; None for kinds that no node here has: graphs, texts in rows."""
        match self.number(entry, 20):
            case 1:
                values = self.numbers(entry, 2, "<f4")
                return float(values[-1]) if values.size else 0.0
            case 2:
                return self.number(entry, 3)
            case 3:
                return self.text(entry, 4)
            case 4:
                return self.tensor(self.messages(entry, 5)[0]) if entry.get(5) else None
            case 6:
                return tuple(map(float, self.numbers(entry, 7, "<f4")))
            case 7:
                return tuple(map(int, self.numbers(entry, 8, "<i8")))
        return None

    def shape(self, entry: Message) -> tuple[int | None, ...]:
        """The shape that a file gives for an input."""
        kind = [tensor for of in self.messages(entry, 2) for tensor in self.messages(of, 1)]
        where = f"input {self.text(entry, 1)!r}"
        if not kind or not kind[-1].get(2):
            self.refuse("no shape", "a tensor with one", where)
        if self.number(kind[-1], 1) not in (1, 10, 11):
            self.refuse(f"elements of type {self.number(kind[-1], 1)}", "floating-point numbers", where)
        axes = self.messages(self.messages(kind[-1], 2)[0], 1)
        return tuple(self.number(axis, 1) if axis.get(1) else None for axis in axes)

    def tensor(self, message: Message) -> Array:
        """A constant, as a view of the file's bytes where they are its numbers."""
        where = f"constant {self.text(message, 8)[:48]!r}"
        shape = tuple(map(int, self.numbers(message, 1, "<i8")))
        number = self.number(message, 2)
        if len(shape) > MOST_AXES or min(shape, default=1) < 0:
            self.refuse(f"shape {shape[: MOST_AXES + 1]}", f"at most {MOST_AXES} axes, of 0 or more", where)
        if number not in DTYPES:
            self.refuse(f"elements of type {number}", "floating-point or whole numbers", where)
        dtype = np.dtype(DTYPES[number])
        if self.number(message, 14) == 1:
            raw = self.outside(message, where)
        elif message.get(9):
            raw = self.view(message[9][-1])
        else:
            return self.typed(message, number, shape, where)
        if len(raw) != prod(shape) * dtype.itemsize:
            self.refuse(f"{len(raw)} bytes", f"{dtype.itemsize} for each of {shape}", where)
        return np.frombuffer(raw, dtype).reshape(shape)

    def typed(self, message: Message, number: int, shape: tuple[int, ...], where: str) -> Array:
        """A constant whose numbers are fields of their own."""
        place, dtype = PLACES.get(number, 5), np.dtype(DTYPES[number])
        values = self.numbers(message, place, TYPED[place])
        if values.size != prod(shape):
            self.refuse(f"{values.size} numbers", f"those of the shape {shape}", where)
        if dtype == np.float16:  # as whole numbers with the same bits
            return values.astype(np.uint16).view(np.float16).reshape(shape)
        return values.astype(dtype, copy=False).reshape(shape)

    def outside(self, message: Message, where: str) -> memoryview:
        """The bytes of a constant that lie in a file beside this one."""
        entries = {self.text(entry, 1): self.text(entry, 2) for entry in self.messages(message, 13)}
        name = entries.get("location", "")
        if not name.endswith(".data") or Path(name).name != name or name.startswith(".") or "\\" in name:
            needed = "data in the file, or in one beside it of a name that ends in .data"
            self.refuse(f"data in {name[:80]!r}", needed, where)
        if name not in self.beside:
            path = self.folder / name
            if not path.is_file():
                self.refuse(f"no file {name!r} beside it", "the file that its exporter wrote with it", where)
            self.beside[name] = contents(path, f"{path}")
        data = self.beside[name]
        try:
            start = int(entries.get("offset", "0"))
            size = int(entries.get("length", f"{len(data) - start}"))
        except ValueError:
            self.refuse(f"an offset or length that is no number in {name!r}", "whole numbers", where)
        if min(start, size) < 0 or start + size > len(data):
            self.refuse(f"bytes {start} to {start + size} of {name!r}", f"a part of its {len(data)}", where)
        return data[start : start + size]
