"""Depth: a float network as an ONNX graph: layer by layer the operator of the same mathematics.

The graph is that of inference. Batch norm takes its kept statistics, dropout passes on what comes. ONNX's
examples come first, (N, C, H, W), and each layer's rows and columns are as they were, so that weights stay
in their order: (F, C, kh, kw) for a convolution, (F, C) for a fully connected layer.

Sums are added in another order by every engine, and so the logits differ in their last digits; within 10⁻⁵
of the largest of them, which a test holds.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyzip.base.files import PathLike
from tinyzip.base.refuse import refuse
from tinyzip.exchange.onnx.activations import add_activation
from tinyzip.exchange.onnx.graph import Array, Draft, window
from tinyzip.nn import layers as nn
from tinyzip.nn.described import KNOWN
from tinyzip.nn.inspected import Inspected, check_network
from tinyzip.nn.joins import Concatenation, Product
from tinyzip.nn.layer import Layer
from tinyzip.nn.residual import Residual

Arrays = dict[str, Array]
JOINS: dict[type[Layer], str] = {Residual: "Add", Product: "Mul", Concatenation: "Concat"}


def network_graph(network: Inspected, target: PathLike) -> tuple[Draft, Any]:
    """The graph of `network`, and the model with its input `images` and its output `logits`."""
    check_network(network, "write_network: network")
    graph = Draft(target)
    x = add_layers(graph, network.layers, network.params, "", "images")
    graph.nodes.append(graph.onnx.helper.make_node("Identity", [x], ["logits"], name="logits"))
    entry = graph.value("images", np.float32, network.shape, "as the network was trained on them")
    shape = [*network.output_shapes().values()][-1]
    end = graph.value("logits", np.float32, shape, "one for each class, not yet probabilities")
    return graph, graph.model("network", entry, [end], "A network of tinyzip, in float")


def add_layers(graph: Draft, layers: Mapping[str, Layer], params: Arrays, within: str, x: str) -> str:
    """Add a chain that reads tensor x, its names begin with `within`; returns what its last layer writes."""
    for name, layer in layers.items():
        path = graph.scope = f"{within}{name}"
        arrays = {part: params[f"{path}.{part}"] for part in layer.parameter_shapes()}
        if type(layer) in JOINS and isinstance(layer, Residual):
            ends = [add_layers(graph, chain, params, f"{path}.", x) for chain in layer.branches()]
            graph.scope = path
            more = {"axis": 1} if isinstance(layer, Concatenation) else {}
            x = graph.add(JOINS[type(layer)], *layer.ordered(*ends), **more)
        else:
            x = add_layer(graph, path, layer, arrays, x)
    return x


def add_layer(graph: Draft, name: str, layer: Any, arrays: Arrays, x: str) -> str:
    """Add one layer that reads tensor x; returns what it writes."""

    def array(*parts: str) -> list[str]:
        return [graph.constant(arrays[part], np.float32, part) for part in parts if part in arrays]

    match layer:
        case _ if type(layer) not in KNOWN.values():  # one's own, perhaps derived from those below
            needed = ", ".join(KNOWN)
            refuse(f"write_network: layer {name!r}", type(layer).__name__, f"one of {needed}", TypeError)
        case nn.Conv2d():
            geometry = window(layer.kernel, layer.stride, layer.padding)
            return graph.add("Conv", x, *array("w", "b"), group=layer.groups, **geometry)
        case nn.Linear():
            return graph.add("Gemm", x, *array("w", "b"), transB=1)
        case nn.BatchNorm():
            statistics = array("gamma", "beta", "mean", "var")
            return graph.add("BatchNormalization", x, *statistics, epsilon=layer.eps)
        case nn.MaxPool2d():
            return graph.add("MaxPool", x, **window(layer.kernel, layer.stride, layer.padding))
        case nn.AvgPool2d():
            geometry = window(layer.kernel, layer.stride, layer.padding)
            return graph.add("AveragePool", x, count_include_pad=0, **geometry)
        case nn.GlobalAvgPool():
            return graph.add("GlobalAveragePool", x)
        case nn.Flatten():
            return graph.add("Flatten", x)
        case nn.Dropout():
            return x
    if (y := add_activation(graph, layer, x)) is not None:
        return y
    refuse(f"write_network: layer {name!r}", type(layer).__name__, "a layer that ONNX has an operator for")
