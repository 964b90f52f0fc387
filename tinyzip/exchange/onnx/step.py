"""Depth: one node of an .onnx graph about to be read, and the layers so far.

What a node is in a network is said by functions of such a `Step`: each is given what is known of the tensor
that comes in, adds its layers, and says what comes out. What a file says is held against what a layer can be.
"""

from dataclasses import dataclass, replace
from math import prod
from typing import Any, NoReturn

import numpy as np

from tinyzip.exchange.onnx.file import Node
from tinyzip.exchange.onnx.values import NO_BORDER, Value, Values
from tinyzip.nn.layer import Layer
from tinyzip.nn.ops.checks import Array, Shape

MOST_VALUES = 2**31  # of one example anywhere in a network


@dataclass(frozen=True)
class Item:
    """A layer of the chain under construction, and its arrays by name."""

    layer: Layer
    arrays: dict[str, Array]


@dataclass
class Step:
    """One node about to be read.

    x      what comes in
    chain  the layers before it, back to where the last branches met or parted
    """

    values: Values
    node: Node
    x: Value
    chain: list[Item]

    def refuse(self, found: object, needed: str) -> NoReturn:
        self.values.graph.refuse(self.node, found, needed)

    def attribute(self, name: str, default: Any) -> Any:
        """An attribute, which has to be of the default's type: number, text, or a row of whole numbers."""
        value = self.node.attributes.get(name, default)
        wanted = (int, float) if isinstance(default, float) else type(default)
        if not isinstance(value, wanted):
            self.refuse(f"{name} = {value!r}"[:80], f"one like {default!r}")
        return value

    def constant(self, k: int, *shapes: Shape) -> Array:
        """The k-th input, a constant of floating-point numbers, of one of these shapes if any are given."""
        value = self.values.constant(self.node, k)
        if value.dtype.kind != "f":
            self.refuse(f"input {k} of {value.dtype}", "floating-point numbers")
        if shapes and value.shape not in shapes:
            self.refuse(f"input {k} of shape {value.shape}", f"shape {shapes[0]}")
        return value

    def image(self) -> Shape:
        """(C, H, W) of what comes in; refuses features, and an image that has its channels last."""
        if len(self.x.shape) != 3 or self.x.last:
            found = "features" if len(self.x.shape) == 1 else "an image with its channels last"
            self.refuse(found, "an image (N, C, H, W)")
        return self.x.shape

    def add(self, layer: Layer, **arrays: Array) -> Value:
        """Add a layer; returns what it makes of x, with nothing known of its sign."""
        shape = layer.output_shape(self.x.shape)
        if prod(shape) >= MOST_VALUES:
            self.refuse(f"an output of shape {shape}", f"fewer than {MOST_VALUES} values")
        self.append(layer, arrays)
        return replace(self.x, shape=shape, positive=False, border=NO_BORDER)

    def append(self, layer: Layer, arrays: dict[str, Array]) -> None:
        """Add a layer whose shapes fit, on these arrays; refuses numbers that float32 cannot hold."""
        single = {name: np.ascontiguousarray(a, np.float32) for name, a in arrays.items()}
        for name, a in single.items():
            if not np.isfinite(a).all():
                self.refuse(f"NaN, infinity or too large a number in {name!r}", "numbers that float32 holds")
        self.chain.append(Item(layer, single))
