"""Depth: what is known of the tensors of an .onnx graph before anything runs.

A graph passes two kinds of tensors: constants, which are known, and activations, of which only the shape is.
Exporters write much that concerns constants alone, such as a transposition of weights, or a shape that is
taken apart and put together again to say "flatten". All that is computed here; what remains are layers.

Layers have no batch, and channels first:

    (N, C, H, W) → (C, H, W)       (N, H, W, C) → (C, H, W), last       (N, C) → (C,)
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyzip.base.windows import Padding
from tinyzip.exchange.onnx.file import MOST_AXES, Graph, Node
from tinyzip.nn.ops.checks import Array, Shape

NO_BORDER: Padding = ((0, 0), (0, 0))
DEEPEST = 32  # nodes from a tensor's shape to where it is used
MOST_NUMBERS = 64  # of a shape under construction
SHARED = 4
WRITTEN: dict[str, type] = {"value": np.ndarray, "value_float": float, "value_floats": tuple,
                            "value_int": int, "value_ints": tuple}  # fmt: skip
FOLDED = ("Identity", "Cast", "Transpose", "Reshape", "Unsqueeze", "Squeeze")
COMPUTED: dict[str, Any] = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply}
TYPES = {1: np.float32, 6: np.int32, 7: np.int64, 10: np.float16, 11: np.float64}


@dataclass(frozen=True)
class Value:
    """An activation: what an example of it looks like.

    shape     channels first, whatever the file has
    last      whether the file has channels last
    turned    (C, H, W) where it was flattened with channels last: its entries are in the order H, W, C
    border    zeros around it that are still to be added, by the node that reads it
    positive  whether no number in it is below 0
    """

    shape: Shape
    last: bool = False
    turned: Shape | None = None
    border: Padding = NO_BORDER
    positive: bool = False


@dataclass
class Values:
    """All tensors of a graph: constants by name, activations as they become known.

    batch  what the file gives as the number of examples; 1 where it is open
    left   how many bytes of constants may still be read. As many nodes may share one constant, which each
           will copy, all that is read is at most SHARED times the file
    """

    graph: Graph
    batch: int
    constants: dict[str, Array] = field(default_factory=dict)
    known: dict[str, Value] = field(default_factory=dict)
    left: int = 0

    def __post_init__(self) -> None:
        self.constants = dict(self.graph.constants)
        self.left = SHARED * self.graph.size
        self.made = {name: node for node in self.graph.nodes for name in node.outputs}
        for node in self.graph.nodes:
            if node.kind == "Constant":
                self.constants[node.outputs[0]] = self.written(node)
            elif node.kind in FOLDED and node.inputs and all(self.is_constant(name) for name in node.inputs):
                self.constants[node.outputs[0]] = self.folded(node)

    def is_constant(self, name: str) -> bool:
        """Whether a tensor is known; "" is one that was left out."""
        return name == "" or name in self.constants

    def written(self, node: Node) -> Array:
        """What a node of kind Constant writes."""
        for name, kind in WRITTEN.items():
            value: Any = node.attributes.get(name)
            if isinstance(value, kind):
                dtype = None if name == "value" else np.float32 if "float" in name else np.int64
                return np.asarray(value, dtype)
        return self.graph.refuse(node, "a text or nothing", "numbers")

    def folded(self, node: Node) -> Array:
        """What a node makes of constants: the same numbers, as another type or in another shape."""
        x = self.constant(node, 0)
        match node.kind:
            case "Cast":
                number: Any = node.attributes.get("to")
                if number not in TYPES:
                    self.graph.refuse(node, f"type {number}", "floating-point or whole numbers")
                with np.errstate(over="ignore", invalid="ignore"):
                    return x.astype(TYPES[number])
            case "Transpose":
                axes: Any = node.attributes.get("perm", tuple(range(x.ndim))[::-1])
                if sorted(axes) != list(range(x.ndim)):
                    self.graph.refuse(node, f"axes {axes} of {x.ndim}", "each once")
                return x.transpose(axes)
            case "Reshape":
                return x.reshape(self.target(node, self.constant(node, 1), x.shape))
            case "Unsqueeze" | "Squeeze":
                axes = self.axes(node)
                try:
                    return np.expand_dims(x, axes or ()) if node.kind == "Unsqueeze" else x.squeeze(axes)
                except ValueError as error:
                    self.graph.refuse(node, f"axes that do not fit ({error})", "those of its input")
        return x

    def constant(self, node: Node, k: int) -> Array:
        """The k-th input of a node, which has to be a constant."""
        name = node.inputs[k] if k < len(node.inputs) else ""
        if name not in self.constants:
            self.graph.refuse(node, f"input {k} that is no constant", "a constant")
        self.left -= self.constants[name].nbytes
        if self.left < 0:
            needed = f"at most {SHARED} times the file's bytes"
            self.graph.refuse(node, "constants that many nodes read", needed)
        return self.constants[name]

    def has(self, node: Node, k: int) -> bool:
        """Whether a node has a k-th input."""
        return k < len(node.inputs) and node.inputs[k] != ""

    def axes(self, node: Node) -> tuple[int, ...] | None:
        """The axes of a node, an attribute or its second input; None where it has none."""
        axes: Any = node.attributes.get("axes")
        if axes is None and self.has(node, 1):
            axes = tuple(self.numbers(node, node.inputs[1]).reshape(-1).tolist())
        if axes is not None and len(axes) > MOST_AXES:
            self.graph.refuse(node, f"{len(axes)} axes", f"at most {MOST_AXES}")
        return None if axes is None else tuple(map(int, axes))

    def file_shape(self, value: Value) -> Shape:
        """The shape of an activation as the file has it."""
        if len(value.shape) == 3 and value.last:
            return self.batch, *value.shape[1:], value.shape[0]
        return self.batch, *value.shape

    def shape_of(self, name: str) -> Shape | None:
        """The shape of a tensor as the file has it, None where it is not known yet."""
        if name in self.constants:
            return self.constants[name].shape
        return self.file_shape(self.known[name]) if name in self.known else None

    def target(self, node: Node, wanted: Array, shape: Shape) -> Shape:
        """The shape that a node of kind Reshape gives to a tensor of another, with its 0 and −1 filled in."""
        found = [int(length) for length in wanted.reshape(-1)]
        if not node.attributes.get("allowzero"):
            found = [shape[k] if length == 0 and k < len(shape) else length for k, length in enumerate(found)]
        size = int(np.prod(shape, dtype=object))
        rest = int(np.prod([length for length in found if length != -1], dtype=object))
        if found.count(-1) == 1 and rest > 0:
            found = [size // rest if length == -1 else length for length in found]
        if min(found, default=1) < 0 or int(np.prod(found, dtype=object)) != size:
            self.graph.refuse(node, f"the shape {tuple(found)[:8]}", f"as many numbers as {shape} has")
        return tuple(found)

    def numbers(self, node: Node, name: str, depth: int = 0) -> Array:
        """Whole numbers that `node` reads: a constant, or computed from the shape of an activation."""
        if name in self.constants:
            values = self.constants[name]
            if values.dtype.kind not in "iu" or values.size > MOST_NUMBERS:
                self.graph.refuse(node, f"{values.dtype} of shape {values.shape}", "a few whole numbers")
            return values
        maker = self.made.get(name)
        if maker is None or depth > DEEPEST:
            self.graph.refuse(node, f"{name[:48]!r} in place of numbers", "a constant, or one made of shapes")
        self.constants[name] = self.computed(maker, depth + 1)
        return self.constants[name]

    def computed(self, node: Node, depth: int) -> Array:
        """What a node makes of shapes."""

        def read(k: int) -> Array:
            if not self.has(node, k):
                self.graph.refuse(node, f"no input {k}", "one")
            return self.numbers(node, node.inputs[k], depth)

        attributes: Any = node.attributes
        try:
            match node.kind:
                case "Shape" if self.shape_of(node.inputs[0]) is not None:
                    shape = self.shape_of(node.inputs[0]) or ()
                    return np.array(shape[attributes.get("start", 0) : attributes.get("end", len(shape))])
                case "Gather":
                    return read(0)[read(1)]
                case "Slice":
                    axes = read(3).tolist() if self.has(node, 3) else range(read(1).size)
                    steps = read(4) if self.has(node, 4) else np.ones_like(read(1))
                    cut = [slice(None)] * read(0).ndim
                    for axis, *ends in zip(axes, read(1), read(2), steps, strict=True):
                        cut[axis] = slice(*map(int, ends))
                    return read(0)[tuple(cut)]
                case "ConstantOfShape" if read(0).size <= MOST_AXES and read(0).prod() <= MOST_NUMBERS:
                    value = np.asarray(attributes.get("value", [0])).reshape(-1)
                    return np.full(read(0), value[0])
                case "Reshape":
                    return read(0).reshape(read(1))
                case "Transpose":
                    return read(0).transpose(attributes.get("perm"))
                case "Concat":
                    parts = [read(k) for k in range(min(len(node.inputs), MOST_NUMBERS))]
                    return np.concatenate(parts)[: MOST_NUMBERS + 1]
                case "Unsqueeze" | "Squeeze":
                    return read(0).reshape(-1) if node.kind == "Unsqueeze" else read(0).squeeze()
                case "Cast" | "Identity":
                    return read(0)
                case "Add" | "Sub" | "Mul":
                    result: Array = COMPUTED[node.kind](read(0), read(1))
                    return result
        except (IndexError, ValueError, TypeError) as error:
            if str(error).startswith(self.graph.source):
                raise
            self.graph.refuse(node, f"what cannot be computed ({error})", "a shape")
        self.graph.refuse(node, "a shape from this", "one made of shapes and constants")
