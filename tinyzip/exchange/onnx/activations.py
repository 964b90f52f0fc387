"""Depth: activations as ONNX's operators, and as several where it has none of that name.

SiLU is x·σ(x). GELU is x·½·(1 + erf(x/√2)). A function by its points (Xₖ, Yₖ) looks up the piece that x falls
on, and goes on straight from where that begins, with x moved to the nearest end where it is beyond them:

    k = #{j ≥ 1 : x ≥ Xⱼ, j < the last},   y = Yₖ + (x − Xₖ)·(Yₖ₊₁ − Yₖ)/(Xₖ₊₁ − Xₖ)             (OA1)
"""

import math
from typing import Any

import numpy as np

from tinyzip.exchange.onnx.graph import Draft
from tinyzip.nn import activations as nn
from tinyzip.nn.layers import ReLU


def add_activation(graph: Draft, layer: Any, x: str) -> str | None:
    """Add one activation that reads tensor x; returns what it writes, or None for a layer of another kind."""

    def number(value: float, what: str) -> str:
        return graph.constant(value, np.float32, what)

    match layer:
        case ReLU():
            return graph.add("Relu", x)
        case nn.LeakyReLU():
            return graph.add("LeakyRelu", x, alpha=layer.slope)
        case nn.Clip():
            ends = ("low", layer.low), ("high", layer.high)
            return graph.add("Clip", x, *("" if end is None else number(end, what) for what, end in ends))
        case nn.Sigmoid():
            return graph.add("Sigmoid", x)
        case nn.Tanh():
            return graph.add("Tanh", x)
        case nn.SiLU():
            return graph.add("Mul", x, graph.add("Sigmoid", x))
        case nn.HardSwish():
            return graph.add("HardSwish", x)
        case nn.GELU():
            erf = graph.add("Erf", graph.add("Mul", x, number(math.sqrt(0.5), "sqrt half")))
            half = graph.add("Mul", x, number(0.5, "half"))
            return graph.add("Mul", half, graph.add("Add", erf, number(1, "one")))
        case nn.ByPoints():
            return by_points(graph, np.array(layer.X), np.array(layer.Y), x)
    return None


def by_points(graph: Draft, X: Any, Y: Any, x: str) -> str:
    """(OA1)"""

    def piece(values: Any, what: str) -> str:
        """The values of the pieces that the places of x fall on."""
        return graph.add("Gather", graph.constant(values, np.float32, what), k)

    ends = (graph.constant(end, np.float32, what) for end, what in ((X[0], "first"), (X[-1], "last")))
    x = graph.add("Clip", x, *ends)
    last = graph.constant([-1], np.int64, "axis")
    inner = graph.constant(X[1:-1], np.float32, "X")
    above = graph.add("GreaterOrEqual", graph.add("Unsqueeze", x, last), inner)
    k = graph.add("ReduceSum", graph.cast(above, np.int64), last, keepdims=0)
    beyond = graph.add("Sub", x, piece(X[:-1], "begins"))
    rise = graph.add("Mul", beyond, piece(np.diff(Y) / np.diff(X), "slopes"))
    return graph.add("Add", rise, piece(Y[:-1], "starts"))
