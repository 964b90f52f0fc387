"""Depth: layers whose forward and backward are the student's functions, for a chain of the library.

`nn.chain` goes forward through the layers and backward by the chain rule, as in every network here; what
each layer computes is what the student wrote.

Images of one row are pooled as two rows that are alike: a window of 2 × 2 then sees two neighbours, each of
them twice. The first of equals wins, so on the way back only the upper row gets something.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinyzip.learn.milestones.own import Own
from tinyzip.nn import chain
from tinyzip.nn.layer import Arrays
from tinyzip.nn.ops.checks import Array

Result = tuple[Array, Any]
Gradients = tuple[Array, Arrays]


class Conv(NamedTuple):
    """A convolution from C to F channels by kernels of one row."""

    own: Own
    F: int
    C: int
    width: int

    def initial(self, rng: np.random.Generator) -> Arrays:
        return {"w": self.own.he(rng, (self.F, self.C, 1, self.width)), "b": np.zeros(self.F)}

    def forward(self, p: Arrays, x: Array) -> Result:
        return self.own.conv(x, p["w"], p["b"]), x

    def backward(self, p: Arrays, dy: Array, x: Any) -> Gradients:
        dw, db = self.own.conv_dw(dy, x, 1, self.width)
        return self.own.conv_dx(dy, p["w"], x.shape), {"w": dw, "b": db}


class Linear(NamedTuple):
    """A fully connected layer from C to F numbers; what comes to it is flattened."""

    own: Own
    F: int
    C: int

    def initial(self, rng: np.random.Generator) -> Arrays:
        return {"w": self.own.he(rng, (self.F, self.C)), "b": np.zeros(self.F)}

    def forward(self, p: Arrays, x: Array) -> Result:
        return self.own.linear(x.reshape(self.C, -1), p["w"], p["b"]), x

    def backward(self, p: Arrays, dy: Array, x: Any) -> Gradients:
        dx, dw, db = self.own.linear_backward(dy, x.reshape(self.C, -1), p["w"])
        return dx.reshape(x.shape), {"w": dw, "b": db}


class ReLU(NamedTuple):
    """The rectifier."""

    own: Own

    def forward(self, p: Arrays, x: Array) -> Result:
        y = self.own.relu(x)
        return y, y

    def backward(self, p: Arrays, dy: Array, y: Any) -> Gradients:
        return self.own.relu_backward(dy, y), {}


class Pool(NamedTuple):
    """The larger of two neighbours of a row."""

    own: Own

    def forward(self, p: Arrays, x: Array) -> Result:
        twice = np.concatenate([x, x], axis=1)
        y, winner = self.own.max_pool(twice, 2, 2)
        return y, (winner, twice.shape)

    def backward(self, p: Arrays, dy: Array, cache: Any) -> Gradients:
        winner, shape = cache
        dx: Array = self.own.max_pool_backward(dy, winner, shape, 2, 2).sum(axis=1, keepdims=True)
        return dx, {}


class Net:
    """Two convolutions, each with a rectifier and a pool, and two fully connected layers, on rows of 40.

    widths  the outputs of these four
    """

    def __init__(self, own: Own, widths: Sequence[int]) -> None:
        one, two, three, four = widths
        self.widths = tuple(widths)
        self.layers: dict[str, Any] = {
            "conv1": Conv(own, one, 1, 5), "relu1": ReLU(own), "pool1": Pool(own),
            "conv2": Conv(own, two, one, 5), "relu2": ReLU(own), "pool2": Pool(own),
            "fc1": Linear(own, three, 7 * two), "relu3": ReLU(own), "fc2": Linear(own, four, three),
        }  # fmt: skip

    def initial(self, rng: np.random.Generator) -> Arrays:
        """Weights as the student's `he` draws them, and biases of 0."""
        drawn = {name: layer.initial(rng) for name, layer in self.layers.items() if hasattr(layer, "initial")}
        return {f"{name}.{part}": array for name, own in drawn.items() for part, array in own.items()}

    def parts(self, p: Arrays) -> dict[str, Arrays]:
        """Each layer's own arrays."""
        return {
            name: {key.partition(".")[2]: array for key, array in p.items() if key.startswith(f"{name}.")}
            for name in self.layers
        }

    def forward(self, p: Arrays, x: Array) -> tuple[Array, dict[str, Any]]:
        """Logits (10, N) and what backward needs, of x (40, N)."""
        return chain.forward(self.layers, self.parts(p), x.reshape(1, 1, *x.shape))

    def backward(self, p: Arrays, dz: Array, caches: dict[str, Any]) -> Arrays:
        """The gradient of every array."""
        return chain.backward(self.layers, self.parts(p), dz, caches)[1]

    def size(self, p: Arrays) -> int:
        """How many parameters it has."""
        return sum(math.prod(array.shape) for array in p.values())
