"""Depth: a graph of tensors as a network, which is a chain.

Of a graph's nodes only those count that read an activation; the others make constants. They are put into a
chain, in which branches that part and meet again are blocks (see `base.branches`): residual where they meet
at a sum, and as `nn.joins` has them at a product or a concatenation; one that joins several is taken as some
that join two. Then they are read in the order of that chain, each with what is known of what comes in.

Activations that are products, x·σ(x), are the one other place where branches meet: they are found first, and
become one node (see `gates`). A softmax or an argmax at the end is left out: a network here gives logits.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import Any

from tinyzip.base.branches import Chain, Fork, Tangled, chain_of
from tinyzip.base.refuse import refuse
from tinyzip.exchange.onnx.file import Graph, Node
from tinyzip.exchange.onnx.gates import joined
from tinyzip.exchange.onnx.layers import EVERYWHERE, NCHW, read
from tinyzip.exchange.onnx.step import MOST_VALUES, Item, Step
from tinyzip.exchange.onnx.values import NO_BORDER, Value, Values
from tinyzip.nn.chain import flat
from tinyzip.nn.joins import Concatenation, Product
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import AvgPool2d, BatchNorm, Conv2d, Flatten, GlobalAvgPool, Linear, MaxPool2d
from tinyzip.nn.ops.checks import Array, Shape
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential

BINARY = ("Add", "Sub", "Mul", "Div", "Sum", "Concat")
JOINS: dict[str, type[Residual]] = {"Add": Residual, "Sum": Residual, "Mul": Product, "Concat": Concatenation}
MOST_JOINED = 64  # by one node; and blocks within blocks
ENDS = ("Softmax", "LogSoftmax", "ArgMax")
NAMES = {AvgPool2d: "pool", BatchNorm: "norm", Conv2d: "conv", Flatten: "flatten", GlobalAvgPool: "average",
         Linear: "fc", MaxPool2d: "pool", Residual: "block"}  # fmt: skip


class Translation:
    """One graph on its way. Raises ValueError, naming the file and perhaps a node, for what cannot be read.

    values  what is known of its tensors
    nodes   those that read an activation on the way to the output, in their order
    ends    what may be written by a softmax or an argmax, which are left out
    """

    def __init__(self, graph: Graph) -> None:
        if len(graph.inputs) != 1 or len(graph.outputs) != 1:
            found = f"{len(graph.inputs)} inputs and {len(graph.outputs)} outputs"
            refuse(graph.source, found, "one of each")
        self.graph = graph
        ((self.start, shape),) = graph.inputs.items()
        (self.end,) = graph.outputs
        check_order(graph)
        self.values = Values(graph, (shape[0] or 1) if shape else 1)
        self.ends = [self.end]
        if (last := self.values.made.get(self.end)) and last.kind == "ArgMax":
            self.ends += last.inputs
        self.nodes = self.needed()
        self.entry = self.entry_value(shape)

    def activations(self, node: Node) -> tuple[str, ...]:
        """The activations that a node reads."""
        names = node.inputs if node.kind in BINARY else node.inputs[:1]
        return tuple(name for name in names if not self.values.is_constant(name))

    def needed(self) -> list[Node]:
        """The nodes that the output depends on, in their order."""
        wanted, nodes = {self.end}, []
        for node in reversed([*self.in_pairs()]):
            if node.outputs[0] in wanted and not self.values.is_constant(node.outputs[0]):
                node = joined(node, self.values)
                wanted.update(self.activations(node))
                nodes.append(node)
        return nodes[::-1]

    def in_pairs(self) -> Iterator[Node]:
        """All nodes, those that join more than two as several; what one joins already is not joined again."""
        made: dict[tuple[str, str, str], str] = {}
        for node in self.graph.nodes:
            if node.kind not in ("Sum", "Concat") or not 2 <= len(node.inputs) <= MOST_JOINED:
                yield node
                continue
            first, *rest = node.inputs
            for k, name in enumerate(rest, 1):
                key, last = (node.kind, first, name), k == len(rest)  # axes but that of channels are refused
                if last or key not in made:
                    made[key] = node.outputs[0] if last else f"{node.outputs[0]}\0{k}"
                    yield replace(node, inputs=(first, name), outputs=(made[key],))
                first = made[key]

    def entry_value(self, shape: tuple[int | None, ...]) -> Value:
        """The input; its channels are last if the first thing that is done to its layout says so."""
        where = f"{self.graph.source}: input {self.start[:48]!r}"
        lengths: Shape = tuple(length for length in shape[1:] if length is not None and length > 0)
        if len(shape) not in (2, 4) or len(lengths) < len(shape) - 1 or (shape[0] or 1) < 1:
            needed = "(N, C, H, W) or (N, C), of which N alone may be left open"
            refuse(where, f"the shape {tuple(length or '?' for length in shape)}", needed)
        name, last = self.start, False
        readers: dict[str, list[Node]] = {}
        for node in self.nodes:
            for source in set(self.activations(node)):
                readers.setdefault(source, []).append(node)
        while len(lengths) == 3:
            read = readers.get(name, [])
            last = len(read) == 1 and read[0].attributes.get("perm") == NCHW
            if len(read) != 1 or read[0].kind not in EVERYWHERE:
                break
            name = read[0].outputs[0]
        return Value((lengths[2], *lengths[:2]) if last else lengths, last=last)

    def network(self) -> Sequential:
        places = {node.outputs[0]: k for k, node in enumerate(self.nodes)} | {self.start: -1}
        read = [self.activations(node) for node in self.nodes]
        for name in (name for names in read for name in names if name not in places):
            self.graph.refuse(self.values.made[name], "another output than its first to be read", "the first")
        if not self.nodes:
            refuse(self.graph.source, "an output that does not depend on the input", "one that does")
        try:
            whole = chain_of([[places[name] for name in names] for names in read])
        except Tangled as error:
            self.graph.refuse(self.nodes[error.node], f"{error}", "a chain of layers and residual blocks")
        self.values.known[self.start] = self.entry
        chain, value = self.follow(whole, self.entry)
        if value.border != NO_BORDER or value.turned or (value.last and value.shape[1:] != (1, 1)):
            refuse(self.graph.source, "an output with a border, or with channels last", "logits (N, K)")
        if not chain:
            refuse(self.graph.source, "a graph without layers", "one layer or more")
        layers, params = named(chain)
        return Sequential(layers, params, self.entry.shape)

    def follow(self, chain: Chain, value: Value, depth: int = 0) -> tuple[list[Item], Value]:
        """The layers of a chain, and what comes out of them; depth: in how many blocks it is."""
        items: list[Item] = []
        for link in chain:
            node = self.nodes[link.sum if isinstance(link, Fork) else link]
            if isinstance(link, Fork):
                item, value = self.block(node, link, value, depth)
                items.append(item)
            elif node.kind in ENDS and node.outputs[0] in self.ends:
                axis = node.attributes.get("axis", 0 if node.kind == "ArgMax" else 1)
                if len(value.shape) != 1 or axis not in (1, -1) or node.attributes.get("select_last_index"):
                    found = f"the axis {axis} of {self.values.file_shape(value)}"
                    self.graph.refuse(node, found, "the classes (N, K), of which the first among equals")
            else:
                value = read(Step(self.values, node, value, items))
            self.values.known[node.outputs[0]] = value
        return items, value

    def block(self, node: Node, block: Fork, value: Value, depth: int) -> tuple[Item, Value]:
        """The block of two branches that meet at `node`, and what comes out of it."""
        if node.kind not in JOINS:
            self.graph.refuse(node, "two activations", "constants for one of them, or a sum or product")
        if depth == MOST_JOINED:
            self.graph.refuse(node, f"more than {depth} blocks within blocks", "fewer")
        ways = [self.follow(way, value, depth + 1) for way in block.ways]
        longer = len(ways[0][0]) >= len(ways[1][0])
        (body, a), (shortcut, b) = ways if longer else ways[::-1]
        if not body:
            self.graph.refuse(node, "an activation joined to itself", "two branches")
        shapes = f"{self.values.file_shape(a)} and {self.values.file_shape(b)}"
        if (a.last, a.turned, a.border) != (b.last, b.turned, b.border) or a.border != NO_BORDER:
            self.graph.refuse(node, f"{shapes} of two layouts", "one layout, without a border")
        if node.kind == "Concat":
            axis, rank = node.attributes.get("axis"), len(a.shape) + 1
            if a.turned or axis not in ((rank - 1, -1) if a.last or rank == 2 else (1, 1 - rank)):
                self.graph.refuse(node, f"the axis {axis} of {shapes}", "the channels")
        layers, arrays = named(body)
        others, more = named(shortcut)
        arrays = {f"body.{key}": array for key, array in arrays.items()}
        arrays |= {f"shortcut.{key}": array for key, array in more.items()}
        order: dict[str, Any] = {"swapped": not longer} if node.kind == "Concat" else {}
        layer = JOINS[node.kind](layers, others, **order)
        try:
            shape = layer.joined(a.shape, b.shape)
        except ValueError as error:
            self.graph.refuse(node, f"{shapes} ({error})", "shapes that fit")
        if prod(shape) >= MOST_VALUES:
            self.graph.refuse(node, f"an output of shape {shape}", f"fewer than {MOST_VALUES} values")
        return Item(layer, arrays), replace(a, shape=shape, positive=a.positive and b.positive)


def check_order(graph: Graph) -> None:
    """Refuse a tensor that is written twice, or read before it is written."""
    written = {*graph.constants, *graph.inputs, ""}
    for node in graph.nodes:
        for name in node.inputs:
            if name not in written:
                graph.refuse(node, f"the input {name[:48]!r}", "what a node before it writes, or a constant")
        if not node.outputs or not node.outputs[0]:
            graph.refuse(node, "no output", "one")
        for name in node.outputs:
            if name and name in written:
                graph.refuse(node, f"{name[:48]!r} to be written again", "an output of its own")
            written.add(name)


def named(chain: list[Item]) -> tuple[dict[str, Layer], dict[str, Array]]:
    """Layers by kind and the how-manieth of it, "conv1", and their arrays, "conv1.w"."""
    layers: dict[str, Layer] = {}
    params: dict[str, Array] = {}
    counts: dict[str, int] = {}
    for item in chain:
        kind = NAMES.get(type(item.layer), type(item.layer).__name__.lower())
        counts[kind] = counts.get(kind, 0) + 1
        layers[f"{kind}{counts[kind]}"] = item.layer
        params |= flat({f"{kind}{counts[kind]}": item.arrays})
    return layers, params
