"""Node by node, a .tflite graph into the operators of a program.

A graph names tensors, a program is a chain. So a `Chain` keeps where each tensor was written, and a node
whose input was not written last begins with a `Recall`. Shapes lose their batch and get their channels in
front:

    [1, H, W, C] → (C, H, W)       [1, A, C] → (C, A, 1)       [1, C] → (C,)

and what orders values, a reshape or the flattening in front of a fully connected layer, does so with channels
last ("HWC"), as the file means it. Each kind has one function below; `KINDS` lists them.

All that a node writes is held against what the file says of it, shape and grid: a program that reads a file
otherwise than its maker is refused and not run.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import tanh
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.base.windows import Padding, Pair, reach_of, same_padding
from tinyzip.exchange import tflite_arithmetic as arithmetic
from tinyzip.exchange.tflite_arithmetic import Kernels, clamped
from tinyzip.exchange.tflite_file import Graph, Node, Tensor
from tinyzip.integer.bounds import bound_of
from tinyzip.integer.codes import Codes
from tinyzip.integer.layout import Flatten, Pad, Reshape, Transpose
from tinyzip.integer.maps import Multiply, Softmax, Table
from tinyzip.integer.operators import (
    NO_PADDING,
    AvgPool2d,
    Conv2d,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Operator,
)
from tinyzip.integer.program import Program, check_sums
from tinyzip.integer.residuals import Add, Concat, Recall
from tinyzip.integer.shapes import Shape, codes_after, shape_after

NAME = 24  # characters of an operator's name at most
LIMITS = {"INT8": (-128, 127), "UINT8": (0, 255)}


class Chain:
    """A program under construction.

    places   where each tensor was written: an operator's number, −1 for the program's input
    borders  what a folded PAD has written: the padding that the convolution behind it still has to add
    """

    def __init__(self, graph: Graph, kernels: Kernels) -> None:
        self.graph, self.kernels = graph, kernels
        (start,), (self.end,) = graph.inputs, graph.outputs
        self.nodes = needed(graph, self.end)
        self.readers = Counter(t for node in self.nodes for t in node.inputs) + Counter([self.end])
        self.operators: list[Operator] = []
        self.places = {start: -1}
        self.borders: dict[int, Padding] = {}
        where = f"{graph.source}: input"
        entry = graph.tensors[start]
        if entry.kind == "FLOAT32":  # its codes are those that a QUANTIZE makes of it
            made = [graph.tensors[node.outputs[0]] for node in self.nodes if node.kind == "QUANTIZE"]
            if not made:
                refuse(where, "a model of FLOAT32", "one of INT8 codes")
            self.codes = [grid(made[0], where)]
        else:
            self.codes = [grid(entry, where)]
        self.shapes = [shape_of(entry, where)]

    def where(self, node: Node) -> str:
        return f"{self.graph.source}: operator {node.index} ({node.kind})"

    def refuse(self, node: Node, found: object, needed: str) -> NoReturn:
        refuse(self.where(node), found, needed)

    def read(self, node: Node, k: int) -> Tensor:
        """The k-th input of a node."""
        if k >= len(node.inputs) or node.inputs[k] < 0:
            self.refuse(node, f"no input {k}", "one")
        return self.graph.tensors[node.inputs[k]]

    def constant(self, node: Node, k: int, *kinds: str) -> NDArray[Any]:
        """The values of the k-th input, which has to be a constant of one of these types."""
        tensor = self.read(node, k)
        if tensor.data is None or tensor.kind not in kinds:
            found = "computed by the model" if tensor.data is None else f"of {tensor.kind}"
            self.refuse(node, f"input {k} {found}", f"a constant of {' or '.join(kinds)}")
        return tensor.data

    def place(self, node: Node, k: int) -> int:
        """Where the k-th input was written."""
        self.read(node, k)
        if node.inputs[k] not in self.places:
            self.refuse(node, f"input {k}, which nothing has written", "the output of an operator before it")
        return self.places[node.inputs[k]]

    def go(self, node: Node, k: int = 0) -> Tensor:
        """Make the k-th input what the chain goes on from."""
        place = self.place(node, k)
        if place != len(self.operators) - 1:
            self.append(node, Recall(place))
        return self.read(node, k)

    def append(self, node: Node, operator: Operator) -> None:
        """Add an operator; refuses, naming the node, what could not be right."""
        where, i = self.where(node), len(self.operators)
        operator = operator.checked(where)
        reads = operator.reads(i)
        shapes, codes = [self.shapes[k + 1] for k in reads], [self.codes[k + 1] for k in reads]
        self.shapes.append(shape_after(operator, shapes, where))
        self.codes.append(codes_after(operator, codes, where))
        check_sums(operator, codes, bound_of(operator, codes, shapes[0]), where)
        self.operators.append(operator)

    def write(self, node: Node) -> None:
        """Do what the node does, and note where its output is.

        Refuses an output that is not of the shape and the grid that the file says.
        """
        if node.kind not in KINDS:
            self.refuse(node, "a kind that is not read", f"one of {', '.join(KINDS)}")
        if len(node.outputs) != 1 or node.outputs[0] < 0:
            self.refuse(node, f"{len(node.outputs)} outputs", "one")
        (t,), before = node.outputs, len(self.operators)
        y, where = self.graph.tensors[t], self.where(node)
        if t in self.places or y.data is not None:
            self.refuse(node, f"tensor {t} written once more", "an output of its own")
        KINDS[node.kind](self, node, y)
        if len(self.operators) > before:
            self.operators[-1] = replace(self.operators[-1], name=short(y.name))
        place = self.places.setdefault(t, len(self.operators) - 1)
        shape, codes, wanted = self.shapes[place + 1], self.codes[place + 1], shape_of(y, where)
        if t in self.borders:
            shape = shape_after(Pad(self.borders[t]), [shape], where)
        if shape != wanted:
            self.refuse(node, f"an output of shape {shape}", f"{wanted}, as the file says")
        if y.kind != "FLOAT32" and (codes.zero, codes.scale) != (grid(y, where).zero, grid(y, where).scale):
            self.refuse(node, f"codes {codes}", f"the grid {grid(y, where)}, as the file says")


def needed(graph: Graph, end: int) -> list[Node]:
    """The nodes that the output depends on, in their order."""
    wanted, nodes = {end}, []
    for node in reversed(graph.nodes):
        if wanted & set(node.outputs):
            wanted |= set(node.inputs)
            nodes.append(node)
    return nodes[::-1]


def shape_of(tensor: Tensor, where: str) -> Shape:
    """A tensor's shape as a program has it; refuses a batch of more than one, and more than four axes."""
    if not 2 <= len(tensor.shape) <= 4 or tensor.shape[0] != 1:
        refuse(where, f"a tensor of shape {tensor.shape}", "[1, H, W, C], [1, A, C] or [1, C]")
    *places, C = tensor.shape[1:]
    return (C, *places, *[1] * (2 - len(places))) if places else (C,)


def grid(tensor: Tensor, where: str, *kinds: str) -> Codes:
    """What the codes of a quantized tensor mean; refuses those of other types than the given, or INT8."""
    kinds = kinds or tuple(LIMITS)
    if tensor.kind not in kinds:
        refuse(where, f"a tensor of {tensor.kind}", " or ".join(kinds))
    if tensor.scales.size != 1:
        refuse(where, f"a tensor with {tensor.scales.size} scales", "one")
    m, d = float(tensor.scales[0]).as_integer_ratio()
    return Codes(*LIMITS[tensor.kind], int(tensor.zeros[0]), (m, d.bit_length() - 1))


def short(name: str) -> str:
    """A name for people: of a tensor's names the first, of its path the last two parts, cut to `NAME`."""
    parts = name.split(";")[0].split("/")[-2:]
    return "".join(c for c in "/".join(parts) if c.isprintable())[:NAME]


def conv2d(chain: Chain, node: Node, y: Tensor) -> None:
    """Weights (F, kh, kw, C/groups)."""
    w = chain.constant(node, 1, "INT8")
    if w.ndim != 4 or chain.read(node, 0).shape[-1] % w.shape[3]:
        chain.refuse(node, f"weights of shape {w.shape}", "(F, kh, kw, C/groups)")
    convolve(chain, node, y, w.transpose(0, 3, 1, 2), chain.read(node, 0).shape[-1] // w.shape[3], 0)


def depthwise_conv2d(chain: Chain, node: Node, y: Tensor) -> None:
    """Weights (1, kh, kw, C·multiplier)."""
    w = chain.constant(node, 1, "INT8")
    if w.ndim != 4 or w.shape[0] != 1:
        chain.refuse(node, f"weights of shape {w.shape}", "(1, kh, kw, F)")
    convolve(chain, node, y, w.transpose(3, 0, 1, 2), chain.read(node, 0).shape[-1], 3)


def convolve(chain: Chain, node: Node, y: Tensor, w: NDArray[Any], groups: int, axis: int) -> None:
    """A convolution with weights (F, C/groups, kh, kw), which the file holds with F on `axis`."""
    x, options = chain.go(node), node.options
    stride = options["StrideH"], options["StrideW"]
    dilation = options["DilationHFactor"], options["DilationWFactor"]
    padding = window_padding(chain, node, reach_of(w.shape[2:], dilation), stride)
    border = chain.borders.get(node.inputs[0], NO_PADDING)
    (top, bottom), (left, right) = padding
    padding = (top + border[0][0], bottom + border[0][1]), (left + border[1][0], right + border[1][1])
    numbers = weighted(chain, node, x, y, axis, len(w), linear=False)
    operator = Conv2d(w, stride=stride, padding=padding, groups=groups, dilation=dilation, **numbers)
    chain.append(node, operator)


def window_padding(chain: Chain, node: Node, window: Pair, stride: Pair) -> Padding:
    """The padding of the file's scheme on the first input."""
    x, scheme = chain.read(node, 0), node.options["Padding"]
    if len(x.shape) != 4:
        chain.refuse(node, f"an input of shape {x.shape}", "[1, H, W, C]")
    if scheme == "VALID":
        return NO_PADDING
    if scheme != "SAME":
        chain.refuse(node, f"padding {scheme}", "SAME or VALID")
    return same_padding((x.shape[1], x.shape[2]), window, stride)


def weighted(
    chain: Chain, node: Node, x: Tensor, y: Tensor, axis: int, F: int, linear: bool
) -> dict[str, Any]:
    """Bias, multipliers and codes of a node with weights; their scales are one, or one for each output."""
    w, where = chain.read(node, 1), chain.where(node)
    if w.scales.size not in (1, F) or (F > 1 and w.scales.size == F and w.axis != axis) or w.zeros.any():
        found = f"weights with {w.scales.size} scales on axis {w.axis}, zero points {w.zeros[:3]}"
        chain.refuse(node, found, f"one, or {F} on axis {axis}, and zeros of 0")
    bias = None
    if len(node.inputs) > 2 and node.inputs[2] >= 0:
        bias = chain.constant(node, 2, "INT32")
    grid(x, where, "INT8")
    codes = clamped(grid(y, where, "INT8"), node.options["FusedActivationFunction"], y.scales[0])
    numbers = arithmetic.weighted(chain.kernels, x.scales[0], w.scales, y.scales[0], linear)
    return {"bias": bias, "y": codes, **numbers}


def fully_connected(chain: Chain, node: Node, y: Tensor) -> None:
    """Weights (F, C). An image is flattened, channels last; with its axes kept, each place is by itself."""
    w = chain.constant(node, 1, "INT8")
    if w.ndim != 2 or node.options["WeightsFormat"] != 0:
        chain.refuse(node, f"weights of shape {w.shape} in format {node.options['WeightsFormat']}", "(F, C)")
    x = chain.go(node)
    numbers = weighted(chain, node, x, y, 0, len(w), linear=True)
    if len(y.shape) > 2:
        chain.append(node, Conv2d(w[:, :, None, None], **numbers))
        return
    if len(x.shape) > 2:
        chain.append(node, Flatten("HWC"))
    chain.append(node, Linear(w, **numbers))


def pool(kind: type[MaxPool2d] | type[AvgPool2d]) -> "Handler":
    """The reader of a pool."""

    def read_pool(chain: Chain, node: Node, y: Tensor) -> None:
        x, options = chain.go(node), node.options
        kernel = options["FilterHeight"], options["FilterWidth"]
        stride = options["StrideH"], options["StrideW"]
        padding = window_padding(chain, node, kernel, stride)
        codes = grid(x, chain.where(node), "INT8")
        inner = clamped(codes, options["FusedActivationFunction"], x.scales[0])
        x_codes = chain.codes[-1]
        lo, hi = max(inner.lo, x_codes.lo), min(inner.hi, x_codes.hi)
        fused = None if (lo, hi) == (x_codes.lo, x_codes.hi) else replace(x_codes, lo=lo, hi=hi)
        chain.append(node, kind(kernel, stride, padding, fused))

    return read_pool


def add(chain: Chain, node: Node, y: Tensor) -> None:
    """Two outputs of one shape; the chain's own is taken as x, whichever of the two it is."""
    where, last = chain.where(node), len(chain.operators) - 1
    k = 1 if chain.place(node, 1) == last and chain.place(node, 0) != last else 0
    other = chain.place(node, 1 - k)
    x, o = chain.go(node, k), chain.read(node, 1 - k)
    for tensor in (x, o):
        grid(tensor, where, "INT8")
    codes = clamped(grid(y, where, "INT8"), node.options["FusedActivationFunction"], y.scales[0])
    numbers = arithmetic.addition(chain.kernels, x.scales[0], o.scales[0], y.scales[0])
    chain.append(node, Add(other, y=codes, **numbers))


def mul(chain: Chain, node: Node, y: Tensor) -> None:
    """A product with a constant, one number or one for each channel."""
    where = chain.where(node)
    k = 1 if chain.read(node, 0).data is not None else 0
    constant, values = chain.read(node, 1 - k), chain.constant(node, 1 - k, "INT8")
    x = chain.go(node, k)
    grid(x, where, "INT8")
    zero = grid(constant, where, "INT8").zero
    if values.size not in (1, x.shape[-1]) or (values.size > 1 and values.shape[-1] != values.size):
        chain.refuse(node, f"a constant of shape {values.shape}", "one number, or one for each channel")
    codes = clamped(grid(y, where, "INT8"), node.options["FusedActivationFunction"], y.scales[0])
    numbers = arithmetic.product(chain.kernels, x.scales[0], constant.scales[0], y.scales[0])
    chain.append(node, Multiply(values.astype(np.int16).ravel() - zero, y=codes, **numbers))


def mean(chain: Chain, node: Node, y: Tensor) -> None:
    """The mean over rows and columns, with or without their axes kept."""
    axes = {int(axis) % 4 for axis in chain.constant(node, 1, "INT32").ravel()}
    x, where = chain.go(node), chain.where(node)
    if len(x.shape) != 4 or axes != {1, 2}:
        chain.refuse(node, f"axes {sorted(axes)} of shape {x.shape}", "1 and 2 of [1, H, W, C]")
    grid(x, where, "INT8")
    numbers = arithmetic.mean(chain.kernels, x.scales[0], y.scales[0], x.shape[1] * x.shape[2])
    chain.append(node, GlobalAvgPool(y=grid(y, where, "INT8"), **numbers))
    if not node.options["KeepDims"]:
        chain.append(node, Flatten())


def pad(chain: Chain, node: Node, y: Tensor) -> None:
    """A border of zero points. Where only a convolution reads it, it becomes a part of that one's padding.

    A convolution pads with zero points too, so the two borders are one. A pool's padding is no code.
    """
    pairs = chain.constant(node, 1, "INT32", "INT64")
    if pairs.shape != (4, 2) or pairs[[0, 3]].any():
        chain.refuse(node, f"padding {pairs.tolist()}", "(0, 0), rows, columns, (0, 0)")
    (top, bottom), (left, right) = pairs[1:3].tolist()
    padding = (top, bottom), (left, right)
    t = node.outputs[0]
    behind = [other for other in chain.nodes if t in other.inputs]
    if chain.readers[t] == 1 and behind and behind[0].kind in CONVOLUTIONS and behind[0].inputs[0] == t:
        Pad(padding).checked(chain.where(node))
        chain.places[t], chain.borders[t] = chain.place(node, 0), padding
        return
    chain.go(node)
    chain.append(node, Pad(padding))


def reshape(chain: Chain, node: Node, y: Tensor) -> None:
    """The same codes, channels last, in the shape of the output."""
    chain.go(node)
    shape = shape_of(y, chain.where(node))
    chain.append(node, Flatten("HWC") if len(shape) == 1 else Reshape(shape, "HWC"))


def transpose(chain: Chain, node: Node, y: Tensor) -> None:
    """Axes in another order, the batch first still."""
    x = chain.go(node)
    order = chain.constant(node, 1, "INT32").ravel().tolist()
    if sorted(order) != list(range(len(x.shape))) or order[0] != 0 or len(order) < 3:
        chain.refuse(node, f"axes {order} of shape {x.shape}", "an order that begins with the batch, 0")
    if len(order) == 3:  # [1, A, C] is (C, A, 1)
        order = [0, *order[1:]]
        axes = {2: 0, 1: 1}
        chain.append(node, Transpose((axes[order[2]], axes[order[1]], 2)))
        return
    axes = {3: 0, 1: 1, 2: 2}
    chain.append(node, Transpose((axes[order[3]], axes[order[1]], axes[order[2]])))


def concatenation(chain: Chain, node: Node, y: Tensor) -> None:
    """Channels of several outputs."""
    axis, activation = node.options["Axis"], node.options["FusedActivationFunction"]
    if axis not in (-1, len(y.shape) - 1) or activation != "NONE":
        chain.refuse(
            node, f"axis {axis} of shape {y.shape}, activation {activation}", "the channels, and none"
        )
    sources = [chain.place(node, k) for k in range(len(node.inputs))]
    chain.append(node, Concat(tuple(sources)))


def quantize(chain: Chain, node: Node, y: Tensor) -> None:
    """Reals to codes at the model's entry are left out; the change of one grid for another is a table."""
    x, where = chain.read(node, 0), chain.where(node)
    if x.kind == "FLOAT32":
        chain.places[node.outputs[0]] = chain.place(node, 0)
        return
    chain.go(node)
    x_codes, y_codes = (grid(tensor, where, *LIMITS) for tensor in (x, y))
    real = np.float64(x.scales[0]) / np.float64(y.scales[0])
    chain.append(node, Table(arithmetic.change_of_grid(x_codes, y_codes, real), y_codes))


def dequantize(chain: Chain, node: Node, y: Tensor) -> None:
    """Codes to reals at the model's end is left out: codes are what a program writes."""
    grid(chain.read(node, 0), chain.where(node))
    chain.places[node.outputs[0]] = chain.place(node, 0)


def softmax(chain: Chain, node: Node, y: Tensor) -> None:
    """Over the channels; the exponent's multiplier saturates below 2³¹."""
    x = chain.go(node)
    grid(x, chain.where(node), "INT8")
    real = min(np.float64(np.float32(node.options["Beta"])) * np.float64(x.scales[0]) * 2.0**26, 2.0**31 - 1)
    m0, n = arithmetic.quantize_multiplier(real)
    chain.append(node, Softmax(m0, n))


def activation(table: Callable[[Node, Codes, Any, Codes, Any], Any], fused: str = "NONE") -> "Handler":
    """The reader of a function of one code."""

    def read_activation(chain: Chain, node: Node, y: Tensor) -> None:
        x, where = chain.go(node), chain.where(node)
        s_y = y.scales[0] if y.scales.size else None
        x_codes, y_codes = grid(x, where, "INT8"), grid(y, where, "INT8")
        y_codes = clamped(y_codes, fused, y.scales[0])
        chain.append(node, Table(table(node, x_codes, x.scales[0], y_codes, s_y), y_codes))

    return read_activation


def rectifier(node: Node, x: Codes, s_x: Any, y: Codes, s_y: Any) -> Any:
    return arithmetic.change_of_grid(x, y, s_x / s_y)


def leaky(node: Node, x: Codes, s_x: Any, y: Codes, s_y: Any) -> Any:
    return arithmetic.change_of_grid(x, y, s_x / s_y, s_x * np.float32(node.options["Alpha"]) / s_y)


Handler = Callable[[Chain, Node, Tensor], None]
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
KINDS: dict[str, Handler] = {
    "CONV_2D": conv2d,
    "DEPTHWISE_CONV_2D": depthwise_conv2d,
    "FULLY_CONNECTED": fully_connected,
    "ADD": add,
    "MUL": mul,
    "MAX_POOL_2D": pool(MaxPool2d),
    "AVERAGE_POOL_2D": pool(AvgPool2d),
    "MEAN": mean,
    "PAD": pad,
    "RESHAPE": reshape,
    "SQUEEZE": reshape,
    "EXPAND_DIMS": reshape,
    "TRANSPOSE": transpose,
    "CONCATENATION": concatenation,
    "QUANTIZE": quantize,
    "DEQUANTIZE": dequantize,
    "SOFTMAX": softmax,
    "RELU": activation(rectifier, "RELU"),
    "RELU6": activation(rectifier, "RELU6"),
    "LEAKY_RELU": activation(leaky),
    "LOGISTIC": activation(lambda _, x, s_x, y, s_y: arithmetic.sampled(x, s_x, y, s_y, arithmetic.logistic)),
    "TANH": activation(lambda _, x, s_x, y, s_y: arithmetic.sampled(x, s_x, y, s_y, tanh)),
    "HARD_SWISH": activation(lambda _, x, s_x, y, s_y: arithmetic.hard_swish(x, s_x, y, s_y)),
}


def translate(graph: Graph, kernels: Kernels) -> tuple[Program, dict[int, int]]:
    """The program of a graph, and for each tensor that it writes the operator that does.

    Raises ValueError, naming the file and the node, for what cannot be read.
    """
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or min(*graph.inputs, *graph.outputs) < 0:
        found = f"{len(graph.inputs)} inputs and {len(graph.outputs)} outputs"
        refuse(graph.source, found, "one of each")
    chain = Chain(graph, kernels)
    for node in chain.nodes:
        try:
            with np.errstate(all="ignore"):
                chain.write(node)
        except (ValueError, TypeError) as error:
            if str(error).startswith(chain.where(node)):
                raise
            chain.refuse(node, f"what is refused ({error})", "an operator that could be built")
    if chain.end not in chain.places:
        refuse(graph.source, "an output that no operator writes", "a model that computes it")
    if chain.places[chain.end] != len(chain.operators) - 1:
        chain.operators.append(Recall(chain.places[chain.end]))
    return Program(tuple(chain.operators), chain.shapes[0], chain.codes[0]), chain.places
