"""Single operators of other people's models, and codes for which a scaled accumulator is all but a half.

Kernels differ where they round, so a reader that takes one multiplier or one rounding for another is found
out where acc·M is close to a half. Such accumulators are rare. But weights, biases and multipliers M are
known. So those accumulators a for which |a·M − (k + ½)| is least are found by going through all outputs and
codes k, most often below 2⁻²⁰; and codes x with Σ w·(x − zero) + bias = a by going through the weights, the
greatest first, each time taking as much of the rest as the code's range allows.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from drawn_models import NONE, VALID, Dice
from numpy.typing import NDArray
from tflite_builder import Model

from tinyzip.exchange.tflite.file import Graph, Node

Array = NDArray[Any]
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
MOST_EXAMPLES = 4
TRIES = 12


def tie_models(graph: Graph, seed: str) -> Iterator[tuple[int, bytes, Array]]:
    """For each node with weights its number, a model of it alone on one window, and codes (N, …) for that."""
    for node in graph.nodes:
        if node.kind in WEIGHTED:
            dice = Dice(f"{seed} {node.index}")
            examples = list(islice(examples_of(graph, node, dice), MOST_EXAMPLES))
            if examples:
                yield node.index, alone(graph, node), np.stack(examples)


def window_weights(graph: Graph, node: Node) -> Array:
    """(F, kh, kw, C), or (F, C): what each output multiplies a window with."""
    x, w = graph.tensors[node.inputs[0]], graph.tensors[node.inputs[1]].data
    assert w is not None
    if node.kind != "DEPTHWISE_CONV_2D":
        return w.astype(np.int64)
    C, F = x.shape[3], w.shape[3]
    dense = np.zeros((F, *w.shape[1:3], C), np.int64)
    for f in range(F):
        dense[f, :, :, f * C // F] = w[0, :, :, f]
    return dense


def examples_of(graph: Graph, node: Node, dice: Dice) -> Iterator[Array]:
    """Windows of codes that bring one output each to all but a half."""
    x, w, b = (graph.tensors[t] for t in node.inputs[:3])
    y, weights = graph.tensors[node.outputs[0]], window_weights(graph, node)
    assert b.data is not None
    real = np.float64(x.scales[0]) * np.float64(w.scales) / np.float64(y.scales[0])
    halves = np.arange(-128, 127) - y.zeros[0] + 0.5
    M = np.broadcast_to(real, b.data.shape)[:, None]
    total = np.rint(halves / M) - b.data[:, None]
    reachable = np.abs(total) < np.abs(weights.reshape(len(weights), -1)).sum(1, keepdims=True) * 100
    away = np.where(reachable, np.abs((total + b.data[:, None]) * M - halves), np.inf)
    for place in np.argsort(away, None, kind="stable")[: min(2 * MOST_EXAMPLES, reachable.sum())]:
        f, rest = place // len(halves), int(total.ravel()[place])
        for _ in range(TRIES):
            codes = solve(weights[f], rest, int(x.zeros[0]), dice)
            if codes is not None:
                yield codes
                break


def solve(w: Array, total: int, zero: int, dice: Dice) -> Array | None:
    """Codes x with Σ w·(x − zero) = total, from a drawn start; None where the last rest is not met."""
    x = dice.codes(*w.shape).astype(np.int64)
    flat, codes = w.ravel(), x.reshape(-1)
    rest = total - int((flat * (codes - zero)).sum())
    for k in np.argsort(-np.abs(flat), kind="stable"):
        if flat[k] == 0 or rest == 0:
            break
        moved = int(np.clip(codes[k] + int(rest / flat[k]), -128, 127))
        rest -= int(flat[k]) * (moved - int(codes[k]))
        codes[k] = moved
    return x.astype(np.int8) if rest == 0 else None


def alone(graph: Graph, node: Node) -> bytes:
    """The node as a model of its own, on one window."""
    model = Model()
    x, w, b = (graph.tensors[t] for t in node.inputs[:3])
    y, linear = graph.tensors[node.outputs[0]], node.kind == "FULLY_CONNECTED"
    assert w.data is not None and b.data is not None
    shape = window_weights(graph, node).shape[1:]
    inputs = [
        model.tensor((1, *shape), x.scales, x.zeros[0]),
        model.constant(w.data, w.scales, 0, w.axis),
        model.constant(b.data, b.scales),
    ]
    F = len(b.data)
    output = model.tensor((1, F) if linear else (1, 1, 1, F), y.scales, y.zeros[0])
    options = {} if linear else {"Padding": VALID, "StrideH": 1, "StrideW": 1}
    if node.kind == "DEPTHWISE_CONV_2D":
        options["DepthMultiplier"] = F // x.shape[3]
    model.node(node.kind, inputs, output, FusedActivationFunction=NONE, **options)
    model.inputs, model.outputs = inputs[:1], [output]
    return model.build()
