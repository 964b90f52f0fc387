"""Depth: a program under construction, from a graph whose nodes name tensors.

A graph names tensors, a program is a chain. So a `Chain` keeps where each tensor was written, and a node
whose input was not written last begins with a `Recall`. Shapes lose their batch, and channels go first:

    [1, H, W, C] → (C, H, W)       [1, A, C] → (C, A, 1)       [1, C] → (C,)

All that a node writes is held against what the file says of it, shape and grid, so that a file which is read
otherwise than its maker meant it is refused and not run.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from tinyzip.base.refuse import refuse
from tinyzip.base.windows import Padding
from tinyzip.exchange.tflite.file import Graph, Node, Tensor
from tinyzip.exchange.tflite.reference import Grid, Reference
from tinyzip.integer.bounds import bound_of
from tinyzip.integer.codes import Array, Codes
from tinyzip.integer.layout import Pad
from tinyzip.integer.operators import Operator
from tinyzip.integer.program import Program, check_sums
from tinyzip.integer.residuals import Recall
from tinyzip.integer.shapes import Shape, codes_after, shape_after

LONGEST_NAME = 24  # characters of an operator's name
LIMITS = {"INT8": (-128, 127), "UINT8": (0, 255)}


class Chain:
    """The operators so far, and where each tensor is.

    kernels  whose arithmetic the operators follow
    nodes    those that the output depends on
    readers  for each tensor, the nodes that read it
    places   for each tensor that was written, the operator that did, −1 for the program's input
    borders  for each tensor that a folded PAD has written, the padding that its reader has still to add
    """

    def __init__(self, graph: Graph, kernels: Reference) -> None:
        ends = graph.inputs + graph.outputs
        if len(graph.inputs) != 1 or len(graph.outputs) != 1 or min(ends) < 0:
            found = f"{len(graph.inputs)} inputs and {len(graph.outputs)} outputs"
            refuse(graph.source, found, "one of each")
        (self.start, self.end), self.graph, self.kernels = ends, graph, kernels
        self.nodes = needed(graph, self.end)
        self.readers: dict[int, list[Node]] = {}
        for node in self.nodes:
            for t in node.inputs:
                self.readers.setdefault(t, []).append(node)
        self.operators: list[Operator] = []
        self.places = {self.start: -1}
        self.borders: dict[int, Padding] = {}
        entry, where = graph.tensors[self.start], f"{graph.source}: input"
        self.shapes, self.codes = [shape_of(entry, where)], [self.entry_codes(entry, where)]

    def entry_codes(self, entry: Tensor, where: str) -> Codes:
        """The codes that come in; where the file takes reals, those that a QUANTIZE makes of them."""
        made = [node.outputs[0] for node in self.nodes if node.kind == "QUANTIZE"]
        if entry.kind == "FLOAT32" and made:
            entry = self.graph.tensors[made[0]]
        return grid_of(entry, where, *LIMITS).codes

    def where(self, node: Node) -> str:
        return f"{self.graph.source}: operator {node.index} ({node.kind})"

    def refuse(self, node: Node, found: object, needed: str) -> NoReturn:
        refuse(self.where(node), found, needed)

    def tensor(self, node: Node, k: int) -> Tensor:
        """The k-th input of a node."""
        if k >= len(node.inputs) or node.inputs[k] < 0:
            self.refuse(node, f"no input {k}", "one")
        return self.graph.tensors[node.inputs[k]]

    def constant(self, node: Node, k: int, kind: str) -> Array:
        """The values of the k-th input, which has to be a constant of this type."""
        tensor = self.tensor(node, k)
        if tensor.kind != kind:
            self.refuse(node, f"input {k} of {tensor.kind}", f"a constant of {kind}")
        if tensor.data is None:
            self.refuse(node, f"input {k}, which is no constant", f"a constant of {kind}")
        return tensor.data

    def grid(self, node: Node, tensor: Tensor) -> Grid:
        """The grid of a tensor of INT8 that a node reads or writes."""
        return grid_of(tensor, self.where(node), "INT8")

    def place(self, node: Node, k: int) -> int:
        """Where the k-th input was written."""
        tensor = self.tensor(node, k)
        if node.inputs[k] not in self.places:
            found = "that is a constant" if tensor.data is not None else "that nothing has written"
            self.refuse(node, f"input {k} {found}", "the output of an operator before it")
        return self.places[node.inputs[k]]

    def go(self, node: Node, k: int = 0) -> Tensor:
        """Make the k-th input what the chain goes on from."""
        place = self.place(node, k)
        if place != len(self.operators) - 1:
            self.append(node, Recall(place))
        return self.tensor(node, k)

    def append(self, node: Node, operator: Operator) -> None:
        """Add an operator; refuses, naming the node, what could be right in no program."""
        where, i = self.where(node), len(self.operators)
        operator = operator.checked(where)
        reads = operator.reads(i)
        shapes, codes = [self.shapes[k + 1] for k in reads], [self.codes[k + 1] for k in reads]
        self.shapes.append(shape_after(operator, shapes, where))
        self.codes.append(codes_after(operator, codes, where))
        check_sums(operator, codes, bound_of(operator, codes, shapes[0]), where)
        self.operators.append(operator)

    def write(self, node: Node, read: Callable[["Chain", Node, Tensor], None]) -> None:
        """Let `read` add a node's operators, and note where its output is.

        read  is given this chain, the node and the tensor that it writes; it may note the place by itself
        Raises ValueError, naming the node, for what `read` refuses, and for an output that is not of the
        shape and on the grid that the file says.
        """
        where, before = self.where(node), len(self.operators)
        if len(node.outputs) != 1 or node.outputs[0] < 0:
            self.refuse(node, f"{len(node.outputs)} outputs", "one")
        t = node.outputs[0]
        y = self.graph.tensors[t]
        if t in self.places or y.data is not None:
            self.refuse(node, f"tensor {t} to be written again", "an output of its own")
        try:
            read(self, node, y)
        except (ValueError, TypeError) as error:
            if str(error).startswith(where):
                raise
            self.refuse(node, f"what is refused ({error})", "an operator that can be built")
        if len(self.operators) > before:
            self.operators[-1] = replace(self.operators[-1], name=short(y.name))
        place = self.places.setdefault(t, len(self.operators) - 1)
        shape, codes = self.shapes[place + 1], self.codes[place + 1]
        if t in self.borders:
            shape = shape_after(Pad(self.borders[t]), [shape], where)
        if shape != shape_of(y, where):
            self.refuse(node, f"an output of shape {shape}", f"{shape_of(y, where)}, as the file says")
        if y.kind != "FLOAT32":
            said = grid_of(y, where, *LIMITS).codes
            if (codes.zero, codes.scale) != (said.zero, said.scale):
                self.refuse(node, f"an output of {codes}", f"{said}, as the file says")

    def program(self) -> Program:
        """The whole, whose last operator writes the graph's output."""
        if self.end not in self.places:
            refuse(self.graph.source, f"an output, tensor {self.end}, that nothing writes", "an operator's")
        try:
            return Program(tuple(self.operators), self.shapes[0], self.codes[0])
        except ValueError as error:
            refuse(self.graph.source, f"a program that is refused ({error})", "one that can be built")


def needed(graph: Graph, end: int) -> list[Node]:
    """The nodes that tensor `end` depends on, in their order."""
    wanted, nodes = {end}, []
    for node in reversed(graph.nodes):
        if wanted.intersection(node.outputs):
            wanted.update(node.inputs[: 1 if node.kind == "RESHAPE" else None])  # not how a shape is made
            nodes.append(node)
    return nodes[::-1]


def shape_of(tensor: Tensor, where: str) -> Shape:
    """A tensor's shape as a program has it; refuses a batch of more than one, and more than four axes."""
    if not 2 <= len(tensor.shape) <= 4 or tensor.shape[0] != 1:
        refuse(where, f"a tensor of shape {tensor.shape}", "(1, H, W, C), (1, A, C) or (1, C)")
    _, *places, C = tensor.shape
    return (C, *places, *[1] * (2 - len(places))) if places else (C,)


def grid_of(tensor: Tensor, where: str, *kinds: str) -> Grid:
    """What a tensor's codes mean; refuses one of none of these types, and one without a scale."""
    if tensor.kind not in kinds:
        refuse(where, f"a tensor of {tensor.kind}", " or ".join(kinds))
    if tensor.scales.size != 1:
        refuse(where, f"a tensor with {tensor.scales.size} scales", "one")
    scale = tensor.scales[0]
    m, d = float(scale).as_integer_ratio()
    try:
        return Grid(Codes(*LIMITS[tensor.kind], int(tensor.zeros[0]), (m, d.bit_length() - 1)), scale)
    except ValueError as error:
        refuse(where, f"a tensor that is refused ({error})", "a grid of codes")


def short(name: str) -> str:
    """A name for people: of a tensor's names the first, of its path the last two parts, not too long."""
    parts = name.split(";")[0].split("/")[-2:]
    return "".join(c for c in "/".join(parts) if c.isprintable())[:LONGEST_NAME]
