"""Depth: an ONNX graph under construction.

An .onnx file is a list of nodes. Each has a kind, which the ONNX standard defines, and names the tensors that
it reads and writes; constants are tensors that the file holds. Every tensor is written once, so every name
must be new. Here a name says who made the tensor: "conv1/Conv", "conv1/w".

The standard grows in numbered sets of operators. `OPSET` is one that holds all that is written here and that
the runtimes of several years read; the files say so, and a runtime of today computes what was meant then.
"""

import os
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.files import PathLike, write_atomically
from tinyzip.base.refuse import refuse

Array = NDArray[Any]
Shape = tuple[int, ...]

OPSET, IR_VERSION = 17, 8
LARGEST = 2**31 - 1  # bytes of constants; no protobuf is larger


class Draft:
    """Nodes and constants so far.

    target  the file that it is for, as errors name it
    scope   the layer or operator that the next nodes belong to: what their names begin with
    """

    def __init__(self, target: PathLike) -> None:
        self.target = os.fspath(target)
        try:
            self.onnx: Any = import_module("onnx")
        except ImportError:
            refuse(self.target, "no package onnx", "it: pip install 'tinyzip[onnx]'", ImportError)
        self.scope = ""
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self.known: dict[tuple[str, Shape, bytes], str] = {}
        self.used: set[str] = set()
        self.size = 0

    def new_name(self, what: str) -> str:
        """scope/what, with a number after where that is taken; "?" for what no UTF-8 can say."""
        first = name = f"{self.scope}/{what}".encode(errors="replace").decode()
        count = 1
        while name in self.used:
            count += 1
            name = f"{first}_{count}"
        self.used.add(name)
        return name

    def constant(self, value: Any, dtype: Any, what: str) -> str:
        """The name of a tensor that holds `value`; one that is there already is used again."""
        with np.errstate(over="ignore"):
            array = np.array(value, dtype, order="C")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            found = f"values that are not finite in {array.dtype}"
            refuse(f"{self.target}: {self.scope}.{what}", found, "finite ones")
        key = str(array.dtype), array.shape, array.tobytes()
        if key not in self.known:
            self.size += array.nbytes
            if self.size > LARGEST:
                needed = f"{LARGEST}, all that a protobuf holds"
                refuse(self.target, f"{self.size} bytes of constants", needed)
            name = self.known[key] = self.new_name(what)
            self.constants[name] = self.onnx.numpy_helper.from_array(array, name)
        return self.known[key]

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; returns the name of the tensor that it writes."""
        name = self.new_name(kind)
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def cast(self, x: str, dtype: Any) -> str:
        return self.add("Cast", x, to=self.kind(dtype))

    def kind(self, dtype: Any) -> int:
        """ONNX's number for a type of NumPy."""
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def value(self, name: str, dtype: Any, shape: Shape, meaning: str) -> Any:
        """A tensor that comes in or goes out: any number of examples of this shape."""
        info = self.onnx.helper.make_tensor_value_info
        return info(name, self.kind(dtype), ["N", *shape], doc_string=meaning)

    def model(self, name: str, entry: Any, ends: list[Any], summary: str) -> Any:
        """The whole, which ONNX's own checker has passed, shapes and types of every tensor included."""
        helper = self.onnx.helper
        graph = helper.make_graph(self.nodes, name, [entry], ends, [*self.constants.values()])
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(
            graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="tinyzip", doc_string=summary
        )
        try:
            self.onnx.checker.check_model(model, full_check=True)
        except (self.onnx.checker.ValidationError, self.onnx.shape_inference.InferenceError) as error:
            refuse(self.target, f"a graph that ONNX does not take ({error})", "one that its checker passes")
        return model

    def write(self, model: Any) -> None:
        """Put the model in the file, whole or not at all."""
        write_atomically(self.target, [model.SerializeToString()])


def per_channel(values: Any, rank: int) -> Array:
    """(C,) values as (C, 1, …): along the channels of (N, C, …), of which `rank` axes follow N."""
    array = np.asarray(values)
    return array.reshape(array.size, *[1] * (rank - 1))


def window(kernel: Any, stride: Any, padding: Any) -> dict[str, list[int]]:
    """A window's attributes. ONNX gives all beginnings of a padding first, then all ends."""
    (top, bottom), (left, right) = padding
    return {"kernel_shape": [*kernel], "strides": [*stride], "pads": [top, left, bottom, right]}
