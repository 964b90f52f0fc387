"""Depth: activations that exporters write as several nodes, found before a graph is taken apart.

    x·σ(x)    x·min(max(x/6 + ½, 0), 1)    x·½·(1 + erf(x/√2))                                   (OG1)

Each is a product of x and of something made of x. Its factors may come in any order, and a constant may be
multiplied to any of them or to the whole; so a product is taken as a number times tensors that are none.
"""

from dataclasses import replace
from math import isclose, sqrt

from tinyzip.exchange.onnx.file import Node
from tinyzip.exchange.onnx.values import Values

GATES = {"Sigmoid": ("SiLU", 1.0), "HardSigmoid": ("HardSwish", 1.0), "Erf": ("Gelu", 0.5)}
"""What a gate is made by: the kind of node that stands for x times it, and the constant in that."""


def joined(node: Node, values: Values) -> Node:
    """The node that stands for one of (OG1) if `node` is its last; otherwise `node` itself."""
    c, name = scaled(values, node.outputs[0])
    product = values.made.get(name)
    if product is None or product.kind != "Mul" or len(product.inputs) != 2:
        return node
    for one, other in (product.inputs, product.inputs[::-1]):
        b, y = scaled(values, other)
        for a, x in ((1.0, one), scaled(values, one)):
            gate = gate_of(values, x, y)
            if gate and isclose(a * b * c, GATES[gate][1], rel_tol=1e-6):
                return replace(node, kind=GATES[gate][0], inputs=(x,), attributes={})
    return node


def gate_of(values: Values, x: str, y: str) -> str:
    """The kind of node that makes y of x, if that is a gate; "" otherwise."""
    node = values.made.get(y)
    if node is None or not node.inputs or values.is_constant(x):
        return ""
    if node.kind == "Add" and len(node.inputs) == 2:
        one, other = (number(values, name) for name in node.inputs)
        node = values.made.get(node.inputs[1 if one == 1.0 else 0])
        if node and node.kind == "Erf" and 1.0 in (one, other):
            c, source = scaled(values, node.inputs[0]) if node.inputs else (0.0, "")
            return "Erf" if source == x and isclose(c, sqrt(0.5), rel_tol=1e-6) else ""
        return ""
    slope, offset = node.attributes.get("alpha"), node.attributes.get("beta", 0.5)
    sixth = isinstance(slope, float) and abs(slope - 1 / 6) < 1e-7 and offset == 0.5
    known = node.kind == "Sigmoid" or (node.kind == "HardSigmoid" and sixth)
    return node.kind if known and node.inputs[0] == x else ""


def scaled(values: Values, name: str) -> tuple[float, str]:
    """A tensor as a number times another one; as 1 times itself where it is no product with a number."""
    node = values.made.get(name)
    if node and node.kind in ("Mul", "Div") and len(node.inputs) == 2:
        one, other = (number(values, source) for source in node.inputs)
        if other and one is None:
            return (1 / other if node.kind == "Div" else other), node.inputs[0]
        if one and other is None and node.kind == "Mul":
            return one, node.inputs[1]
    return 1.0, name


def number(values: Values, name: str) -> float | None:
    """The value of a constant that is one number; None for all other tensors."""
    value = values.constants.get(name)
    if value is None or value.size != 1 or value.ndim > 1 or value.dtype.kind != "f":
        return None
    return float(value.reshape(()))
