"""Depth: kind by kind, what a node of a .tflite file is in a program.

Each kind has one function, which is handed the chain, the node and the tensor that it writes, and appends
what computes it; `KINDS` lists them. What orders values, a reshape or the flattening in front of a fully
connected layer, does so with channels last, as the file means it. What a function does not know it refuses:
options, axes, types and scales that mean something else.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.windows import Padding, Pair, reach_of, same_padding, wider
from tinyzip.exchange.tflite.chain import LIMITS, Chain, grid_of, shape_of
from tinyzip.exchange.tflite.file import Graph, Node, Tensor
from tinyzip.exchange.tflite.reference import Grid, Reference
from tinyzip.integer.bounds import term
from tinyzip.integer.codes import Array
from tinyzip.integer.fixedpoint import M0_LEAST, rescale
from tinyzip.integer.layout import Flatten, Pad, Reshape, Transpose
from tinyzip.integer.maps import Multiply, Softmax, Table
from tinyzip.integer.operators import NO_PADDING, AvgPool2d, Conv2d, GlobalAvgPool, Linear, MaxPool2d
from tinyzip.integer.residuals import Add, Concat, Product

Reader = Callable[[Chain, Node, Tensor], None]
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def conv2d(chain: Chain, node: Node, y: Tensor) -> None:
    """Weights (F, kh, kw, C/groups)."""
    w, x = chain.constant(node, 1, "INT8"), chain.tensor(node, 0)
    if w.ndim != 4 or len(x.shape) != 4 or x.shape[3] % w.shape[3]:
        chain.refuse(node, f"weights {w.shape} on {x.shape}", "(F, kh, kw, C/groups) on (1, H, W, C)")
    convolve(chain, node, y, w.transpose(0, 3, 1, 2), x.shape[3] // w.shape[3], 0)


def depthwise_conv2d(chain: Chain, node: Node, y: Tensor) -> None:
    """Weights (1, kh, kw, F), F a multiple of C."""
    w, x = chain.constant(node, 1, "INT8"), chain.tensor(node, 0)
    if w.ndim != 4 or len(x.shape) != 4 or w.shape[0] != 1:
        chain.refuse(node, f"weights {w.shape} on {x.shape}", "(1, kh, kw, F) on (1, H, W, C)")
    convolve(chain, node, y, w.transpose(3, 0, 1, 2), x.shape[3], 3)


def convolve(chain: Chain, node: Node, y: Tensor, w: Array, groups: int, axis: int) -> None:
    """A convolution with weights (F, C/groups, kh, kw), whose F the file has on `axis`."""
    options = node.options
    stride = options["StrideH"], options["StrideW"]
    dilation = options["DilationHFactor"], options["DilationWFactor"]
    kernel = w.shape[2], w.shape[3]
    padding = padding_of(chain, node, reach_of(kernel, dilation), stride)
    border = chain.borders.get(node.inputs[0], NO_PADDING)
    padding = wider(padding, border)
    chain.go(node)
    numbers = weighted(chain, node, y, axis, len(w), linear=False)
    chain.append(node, Conv2d(w, stride=stride, padding=padding, groups=groups, dilation=dilation, **numbers))


def padding_of(chain: Chain, node: Node, window: Pair, stride: Pair) -> Padding:
    """The padding that a window's scheme means on the first input."""
    scheme, shape = node.options["Padding"], chain.tensor(node, 0).shape
    if scheme == "VALID":
        return NO_PADDING
    if scheme != "SAME" or len(shape) != 4:
        chain.refuse(node, f"padding {scheme} on {shape}", "SAME or VALID on (1, H, W, C)")
    return same_padding((shape[1], shape[2]), window, stride)


def weighted(chain: Chain, node: Node, y: Tensor, axis: int, F: int, linear: bool) -> dict[str, Any]:
    """Bias, multipliers and codes of a node with weights; their scales are one, or F on `axis`."""
    w, x_grid, y_grid = chain.tensor(node, 1), chain.grid(node, chain.tensor(node, 0)), chain.grid(node, y)
    if w.scales.size not in (1, F) or (w.scales.size > 1 and w.axis != axis) or w.zeros.any():
        found = f"weights with {w.scales.size} scales on axis {w.axis} and zero points {w.zeros[:3]}"
        chain.refuse(node, found, f"one scale, or {F} on axis {axis}, and zero points 0")
    bias = chain.constant(node, 2, "INT32") if len(node.inputs) > 2 and node.inputs[2] >= 0 else None
    codes = y_grid.clamped(node.options["FusedActivationFunction"])
    return {"bias": bias, "y": codes, **chain.kernels.weighted(x_grid, w.scales, y_grid, linear)}


def fully_connected(chain: Chain, node: Node, y: Tensor) -> None:
    """Weights (F, C). An image is flattened; where axes are kept, each place of it is by itself."""
    w, layout = chain.constant(node, 1, "INT8"), node.options["WeightsFormat"]
    if w.ndim != 2 or layout != 0:
        chain.refuse(node, f"weights of shape {w.shape} in format {layout}", "(F, C) in format 0")
    x = chain.go(node)
    numbers = weighted(chain, node, y, 0, len(w), linear=True)
    if len(y.shape) > 2:
        chain.append(node, Conv2d(w[:, :, None, None], **numbers))
        return
    if len(x.shape) > 2:
        chain.append(node, Flatten("HWC"))
    chain.append(node, Linear(w, **numbers))


def pool(kind: type[MaxPool2d] | type[AvgPool2d]) -> Reader:
    """A pool, whose clamp is on the input's grid."""

    def read(chain: Chain, node: Node, y: Tensor) -> None:
        x, options = chain.go(node), node.options
        kernel = options["FilterHeight"], options["FilterWidth"]
        stride = options["StrideH"], options["StrideW"]
        clamp, codes = chain.grid(node, x).clamped(options["FusedActivationFunction"]), chain.codes[-1]
        narrowed = replace(codes, lo=max(codes.lo, clamp.lo), hi=min(codes.hi, clamp.hi))
        padding = padding_of(chain, node, kernel, stride)
        chain.append(node, kind(kernel, stride, padding, None if narrowed == codes else narrowed))

    return read


def add(chain: Chain, node: Node, y: Tensor) -> None:
    """Two outputs of one shape, or one and a constant. Which of two is called x makes no difference."""
    k = next((k for k in range(2) if chain.tensor(node, k).data is not None), None)
    if k is not None:
        add_constant(chain, node, y, k)
        return
    of_two(chain, node, y, 1 if chain.place(node, 1) == len(chain.operators) - 1 else 0)


def of_two(chain: Chain, node: Node, y: Tensor, k: int) -> None:
    """The sum or product of two outputs, the k-th input and the other."""
    other, o = chain.place(node, 1 - k), chain.grid(node, chain.tensor(node, 1 - k))
    x, y_grid = chain.grid(node, chain.go(node, k)), chain.grid(node, y)
    codes = y_grid.clamped(node.options["FusedActivationFunction"])
    if node.kind == "ADD":
        chain.append(node, Add(other, y=codes, **chain.kernels.addition(x, o, y_grid)))
    else:
        chain.append(node, Product(other, y=codes, **chain.kernels.product(x, o, y_grid)))


def add_constant(chain: Chain, node: Node, y: Tensor, k: int) -> None:
    """The sum with a constant, the k-th input: a function of one code, in each channel its own."""
    values, o = per_channel(chain, node, k)
    x, y_grid = chain.grid(node, chain.go(node, 1 - k)), chain.grid(node, y)
    codes = y_grid.clamped(node.options["FusedActivationFunction"])
    sum_of = Add(-1, y=codes, **chain.kernels.addition(x, o, y_grid)).checked(chain.where(node))
    every = np.arange(256).astype(np.uint8).view(np.int8).astype(np.int64)
    sums = term(sum_of, 0, every - x.codes.zero) + term(sum_of, 1, values[:, None] - o.codes.zero)
    if sum_of.rounding == "double":
        answers = rescale(sums, sum_of.m0[2], sum_of.n[2], "double")
    else:
        answers = rescale(sums, M0_LEAST, sum_of.n[0] + 30, "shift")
    table = np.clip(answers + codes.zero, codes.lo, codes.hi).astype(np.int16)
    chain.append(node, Table(table[0] if len(table) == 1 else table, codes))


def per_channel(chain: Chain, node: Node, k: int) -> tuple[NDArray[np.int64], Grid]:
    """The k-th input, a constant of one number or of one for each channel of the other input; its grid."""
    values, shape = chain.constant(node, k, "INT8"), chain.tensor(node, 1 - k).shape
    C = values.shape[-1] if values.ndim else 1
    if values.ndim > len(shape) or values.size != C or C not in (1, shape[-1]):
        needed = f"one code, or {shape[-1]} on the last axis"
        chain.refuse(node, f"a constant of shape {values.shape}", needed)
    return values.ravel().astype(np.int64), chain.grid(node, chain.tensor(node, k))


def mul(chain: Chain, node: Node, y: Tensor) -> None:
    """The product of two outputs, or of one and a constant."""
    one, other = (chain.tensor(node, k) for k in range(2))
    if one.data is None and other.data is None:
        of_two(chain, node, y, 0 if np.prod(one.shape) >= np.prod(other.shape) else 1)
        return
    k = 0 if one.data is not None else 1
    values, o = per_channel(chain, node, k)
    x, y_grid = chain.grid(node, chain.go(node, 1 - k)), chain.grid(node, y)
    codes = y_grid.clamped(node.options["FusedActivationFunction"])
    w = (values - o.codes.zero).astype(np.int16)
    chain.append(node, Multiply(w, y=codes, **chain.kernels.product(x, o, y_grid)))


def mean(chain: Chain, node: Node, y: Tensor) -> None:
    """The mean over rows and columns, which keep their axes or not."""
    axes, x = chain.constant(node, 1, "INT32").ravel().tolist(), chain.go(node)
    if len(x.shape) != 4 or {axis % 4 for axis in axes} != {1, 2} or not -4 <= min(axes) <= max(axes) < 4:
        chain.refuse(node, f"axes {axes} of shape {x.shape}", "rows and columns, 1 and 2, of (1, H, W, C)")
    x_grid, y_grid = replace(chain.grid(node, x), codes=chain.codes[-1]), chain.grid(node, y)
    numbers = chain.kernels.mean(x_grid, y_grid, x.shape[1] * x.shape[2])
    chain.append(node, GlobalAvgPool(y=y_grid.codes, **numbers))
    if not node.options["KeepDims"]:
        chain.append(node, Flatten())


def pad(chain: Chain, node: Node, y: Tensor) -> None:
    """A border of zero points. Where only a convolution reads it, it becomes part of that one's padding.

    A convolution pads with zero points too, so the two borders are one. A pool's padding is no code.
    """
    pairs = chain.constant(node, 1, "INT32")
    if pairs.shape != (4, 2) or pairs[[0, 3]].any():
        chain.refuse(node, f"padding {pairs.tolist()}", "none of the batch and of channels")
    (top, bottom), (left, right) = pairs[1:3].tolist()
    operator, t = Pad(((top, bottom), (left, right))).checked(chain.where(node)), node.outputs[0]
    convolved = [other.kind in CONVOLUTIONS for other in chain.readers.get(t, [])] == [True]
    if convolved:
        chain.places[t], chain.borders[t] = chain.place(node, 0), operator.padding
    else:
        chain.go(node)
        chain.append(node, operator)


def reshape(chain: Chain, node: Node, y: Tensor) -> None:
    """The same codes, channels last, in the shape of the output."""
    chain.go(node)
    shape = shape_of(y, chain.where(node))
    if node.kind == "RESHAPE" and len(node.inputs) > 1:
        wanted = asked(chain, node)
        if len(wanted) != len(y.shape) or any(w not in (-1, n) for w, n in zip(wanted, y.shape, strict=True)):
            chain.refuse(node, f"a reshape to {wanted}", f"{y.shape}, the output's shape")
    chain.append(node, Flatten("HWC") if len(shape) == 1 else Reshape(shape, "HWC"))


def asked(chain: Chain, node: Node) -> list[int]:
    """The shape that a RESHAPE asks for: a constant, or the batch, whatever it is, packed with constants."""
    packed = [made for made in chain.graph.nodes if made.kind == "PACK" and node.inputs[1] in made.outputs]
    if not packed:
        return [int(n) for n in chain.constant(node, 1, "INT32").ravel()]
    rest = (chain.constant(packed[0], k, "INT32") for k in range(1, len(packed[0].inputs)))
    return [-1, *(int(n) for given in rest for n in given.ravel())]


def transpose(chain: Chain, node: Node, y: Tensor) -> None:
    """Rows, columns and channels in another order."""
    order, x = chain.constant(node, 1, "INT32").ravel().tolist(), chain.go(node)
    axes = {3: (3, 1, 2), 2: (2, 1)}.get(len(x.shape) - 1, ())  # of the file, in a program's order
    if sorted(order) != list(range(len(x.shape))) or order[0] != 0 or not axes:
        chain.refuse(node, f"axes {order} of shape {x.shape}", "an order of three or four that begins with 0")
    first, second, *third = (axes.index(order[axis]) for axis in axes)
    chain.append(node, Transpose((first, second, third[0] if third else 2)))


def concatenation(chain: Chain, node: Node, y: Tensor) -> None:
    """The channels of several outputs."""
    axis, fused = node.options["Axis"], node.options["FusedActivationFunction"]
    if axis not in (-1, len(y.shape) - 1) or fused != "NONE":
        chain.refuse(node, f"axis {axis} of shape {y.shape}, with {fused}", "the last axis, with NONE")
    chain.append(node, Concat(tuple(chain.place(node, k) for k in range(len(node.inputs)))))


def quantize(chain: Chain, node: Node, y: Tensor) -> None:
    """One grid for another. The codes of reals are what comes in, so that there is nothing to do for them."""
    x, where = chain.tensor(node, 0), chain.where(node)
    if x.kind == "FLOAT32":
        chain.places[node.outputs[0]] = chain.place(node, 0)
        return
    x_grid, y_grid = (grid_of(tensor, where, *LIMITS) for tensor in (x, y))
    chain.go(node)
    table = chain.kernels.change_of_grid(x_grid, y_grid, y.shape[1:])
    chain.append(node, Table(table, y_grid.codes))


def dequantize(chain: Chain, node: Node, y: Tensor) -> None:
    """Reals in place of codes; a program goes on with the codes."""
    grid_of(chain.tensor(node, 0), chain.where(node), *LIMITS)
    chain.places[node.outputs[0]] = chain.place(node, 0)


def softmax(chain: Chain, node: Node, y: Tensor) -> None:
    """Over the channels at each place."""
    x = chain.grid(node, chain.go(node))
    chain.append(node, Softmax(**chain.kernels.softmax(x, node.options["Beta"])))


def activation(table: Callable[[Chain, Node, Grid, Grid], NDArray[np.int16]], fused: str = "NONE") -> Reader:
    """A function of one code, clamped as the fused activation of that name is."""

    def read(chain: Chain, node: Node, y: Tensor) -> None:
        x_grid, y_grid = chain.grid(node, chain.go(node)), chain.grid(node, y)
        y_grid = replace(y_grid, codes=y_grid.clamped(fused))
        chain.append(node, Table(table(chain, node, x_grid, y_grid), y_grid.codes))

    return read


KINDS: dict[str, Reader] = {
    "CONV_2D": conv2d, "DEPTHWISE_CONV_2D": depthwise_conv2d, "FULLY_CONNECTED": fully_connected, "ADD": add,
    "MUL": mul, "MAX_POOL_2D": pool(MaxPool2d), "AVERAGE_POOL_2D": pool(AvgPool2d), "MEAN": mean, "PAD": pad,
    "RESHAPE": reshape, "SQUEEZE": reshape, "EXPAND_DIMS": reshape, "TRANSPOSE": transpose,
    "CONCATENATION": concatenation, "QUANTIZE": quantize, "DEQUANTIZE": dequantize, "SOFTMAX": softmax,
    "RELU": activation(lambda chain, node, x, y: chain.kernels.rectifier(x, y), "RELU"),
    "RELU6": activation(lambda chain, node, x, y: chain.kernels.rectifier(x, y), "RELU6"),
    "LEAKY_RELU": activation(lambda chain, node, x, y: chain.kernels.leaky(x, y, node.options["Alpha"])),
    "LOGISTIC": activation(lambda chain, node, x, y: chain.kernels.logistic(x, y)),
    "TANH": activation(lambda chain, node, x, y: chain.kernels.tanh(x, y)),
    "HARD_SWISH": activation(lambda chain, node, x, y: chain.kernels.hard_swish(x, y))}  # fmt: skip


def translate(graph: Graph, kernels: Reference) -> Chain:
    """All that a graph's output depends on, as a chain, which gives the program.

    Raises ValueError, naming the file and the node, for what cannot be read.
    """
    chain = Chain(graph, kernels)
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        for node in chain.nodes:
            if node.kind not in KINDS:
                chain.refuse(node, "a kind that is not read", f"one of {', '.join(KINDS)}")
            chain.write(node, KINDS[node.kind])
    return chain
