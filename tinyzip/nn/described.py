"""Depth: layers as plain words and numbers, so that a file can hold a network whole.

A layer is a frozen dataclass of sizes: its class's name and its fields are all there is to know. Read back,
a name stands for a class of this package and for nothing else, and the class checks its sizes as always; so
nothing in a file can be executed.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn import layers as nn
from tinyzip.nn.activations import GELU, ByPoints, Clip, HardSwish, LeakyReLU, Sigmoid, SiLU, Tanh
from tinyzip.nn.inspected import Inspected
from tinyzip.nn.joins import Concatenation, Product
from tinyzip.nn.layer import Layer
from tinyzip.nn.probe import Probe
from tinyzip.nn.residual import Residual

KINDS: tuple[type[Layer], ...] = (
    *(nn.Conv2d, nn.Linear, nn.Flatten, nn.MaxPool2d, nn.AvgPool2d, nn.GlobalAvgPool, nn.BatchNorm),
    *(nn.Dropout, nn.ReLU, LeakyReLU, Clip, Sigmoid, Tanh, SiLU, HardSwish, GELU, ByPoints),
    *(Residual, Product, Concatenation),
)
KNOWN = {kind.__name__: kind for kind in KINDS}


def describe(network: Inspected) -> dict[str, Any]:
    """All of a network but its arrays, as JSON can hold it; TypeError for layers of others.

    It does not say how the network runs: read back, a printed one is a Sequential.
    """
    layers, shape = describe_layers(network.layers), list(network.shape)
    seen = {"input_range": network.input_range, "input_mean": network.input_mean}
    return {"kind": "Sequential", "layers": layers, "shape": shape} | seen


def describe_layers(layers: Mapping[str, Layer]) -> dict[str, dict[str, Any]]:
    """{name: {"kind": class, field: value, …}}, which JSON can hold; probes, which change nothing, left out.

    Where a field holds layers, as in a residual block, they are described likewise.

    raises  TypeError for a layer that is not of this package: a file could not say what it computes
    """
    described: dict[str, dict[str, Any]] = {}
    for name, layer in layers.items():
        kind = type(layer).__name__
        if isinstance(layer, Probe):
            continue
        if KNOWN.get(kind) is not type(layer) or not is_dataclass(layer):
            refuse(f"layer {name!r}", f"a {kind} of your own", "a layer of tinyzip.nn", TypeError)
        sizes = {field.name: described_value(getattr(layer, field.name)) for field in fields(layer)}
        described[name] = {"kind": kind} | sizes
    return described


def layers_of(described: Any) -> dict[str, Layer]:
    """The inverse of `describe_layers`; raises ValueError or TypeError for what it did not write."""
    if not isinstance(described, dict):
        refuse("layers", type(described).__name__, "layers by name")
    layers = {}
    for name, entry in described.items():
        if not isinstance(entry, dict) or entry.get("kind") not in KNOWN:
            found = entry.get("kind") if isinstance(entry, dict) else entry
            refuse(f"layer {name!r}", f"the kind {found!r}", f"one of {', '.join(KNOWN)}")
        sizes = {field: value_of(value) for field, value in entry.items() if field != "kind"}
        layers[name] = KNOWN[entry["kind"]](**sizes)
    return layers


def described_value(value: Any) -> Any:
    """Numbers of NumPy as Python's; tuples, which JSON does not have, as lists; layers by name described."""
    if isinstance(value, Mapping):
        return describe_layers(value)
    if isinstance(value, tuple | list):
        return [described_value(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def value_of(described: Any) -> Any:
    """The inverse of `described_value`."""
    if isinstance(described, dict):
        return layers_of(described)
    return tuple(map(value_of, described)) if isinstance(described, list) else described
