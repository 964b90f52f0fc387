"""Depth: kind by kind, what a node of an .onnx graph is in a network.

Much of a graph are no layers of their own: images are turned from channels last to channels first, or
reshaped to what they are already; Identity and Dropout do nothing to a network that answers.

[Operators of ONNX, version 1 to 23]
"""

from collections.abc import Callable
from dataclasses import replace
from math import inf, prod

import numpy as np

from tinyzip.exchange.onnx.affine import affine, batch_norm, gemm, linear, scaled, shifted
from tinyzip.exchange.onnx.step import Step
from tinyzip.exchange.onnx.values import NO_BORDER, Value
from tinyzip.exchange.onnx.windows import avg_pool, conv, global_pool, max_pool, pad
from tinyzip.nn.activations import GELU, Clip, HardSwish, LeakyReLU, Sigmoid, SiLU, Tanh
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import Flatten, GlobalAvgPool, MaxPool2d, ReLU
from tinyzip.nn.ops.checks import Shape

WIDE = (1, 11)  # numbers of types: float32 and float64
NCHW, NHWC = (0, 3, 1, 2), (0, 2, 3, 1)

Read = Callable[[Step], Value]


def read(step: Step) -> Value:
    """What a node writes; its layers are added to the chain.

    Raises ValueError, naming the node's number, kind and name, for all that no layer stands for.
    """
    kind = step.node.kind
    if kind not in READERS:
        instead = f"{INSTEAD[kind]} in its place, or " if kind in INSTEAD else ""
        step.refuse("this kind", f"{instead}one of {', '.join(sorted(READERS))}")
    if step.x.border != NO_BORDER and kind not in BORDERED:
        step.refuse("a border of zeros before it", "a window that it can be part of")
    try:
        with np.errstate(all="ignore"):  # what is not finite is refused when it is added
            return READERS[kind](step)
    except (ValueError, TypeError) as error:
        if str(error).startswith(step.values.graph.source):
            raise
        step.refuse(f"what is refused ({error})", "a layer that can be built")


def reduce(step: Step) -> Value:
    """ReduceMean or ReduceMax, over rows and columns."""
    x, axes = step.x, step.values.axes(step.node)
    if len(x.shape) != 3:
        step.refuse("features", "an image with rows and columns")
    wanted = (1, 2) if x.last else (2, 3)
    if axes is None or tuple(sorted(axis + 4 * (axis < 0) for axis in axes)) != wanted:
        step.refuse(f"the axes {axes}", f"rows and columns, {wanted}")
    layer = GlobalAvgPool() if step.node.kind == "ReduceMean" else MaxPool2d(x.shape[1:])
    y = replace(step.add(layer), positive=x.positive)
    return y if step.attribute("keepdims", 1) else flattened(step, y)


def flatten(step: Step) -> Value:
    if step.attribute("axis", 1) not in (1, -len(step.x.shape)):
        step.refuse(f"the axis {step.attribute('axis', 1)}", "1: all but the examples")
    return flattened(step, step.x)


def flattened(step: Step, x: Value) -> Value:
    """x as features (C·H·W,)."""
    if len(x.shape) == 1:
        return x
    y = replace(step, x=x).add(Flatten())
    turned = x.shape if x.last and x.shape[1:] != (1, 1) else None
    return Value(y.shape, turned=turned, positive=x.positive)


def reshape(step: Step) -> Value:
    """Reshape, where it flattens, or does nothing."""
    shape = step.values.file_shape(step.x)
    if step.values.has(step.node, 1):
        wanted = step.values.numbers(step.node, step.node.inputs[1])
    else:
        wanted = np.array(step.attribute("shape", ()))  # versions below 5
    return reshaped(step, step.values.target(step.node, wanted, shape))


def squeeze(step: Step) -> Value:
    """Squeeze, where it takes the rows and columns away from an image of one pixel."""
    shape, axes = step.values.file_shape(step.x), step.values.axes(step.node)
    ones = [k for k, length in enumerate(shape) if length == 1 and k > 0]
    taken = ones if axes is None else [axis + len(shape) * (axis < 0) for axis in axes]
    if not set(taken) <= set(ones):
        step.refuse(f"the axes {axes} of {shape}", "axes of length 1, and not the examples")
    return reshaped(step, tuple(length for k, length in enumerate(shape) if k not in taken))


def reshaped(step: Step, wanted: Shape) -> Value:
    """x in the shape that the file wants, if that is x's own or flat."""
    shape = step.values.file_shape(step.x)
    if wanted == shape:
        return step.x
    if wanted != (shape[0], prod(shape[1:])):
        step.refuse(f"{shape} to become {wanted}", f"to become {(shape[0], prod(shape[1:]))}")
    return flattened(step, step.x)


def transpose(step: Step) -> Value:
    """Transpose, where it moves an image's channels from the end to the front or back."""
    axes, x = step.attribute("perm", ()), step.x
    if axes == tuple(range(len(x.shape) + 1)):
        return x
    if len(x.shape) != 3 or axes != (NCHW if x.last else NHWC):
        step.refuse(f"the order {axes} of {step.values.file_shape(x)}", "an image's channels to move")
    return replace(x, last=not x.last)


def clip(step: Step) -> Value:
    low, high = (bound(step, k, name) for k, name in ((1, "min"), (2, "max")))
    return clipped(step, None if low <= -3e38 else low, None if high >= 3e38 else high)


def bound(step: Step, k: int, name: str) -> float:
    """An end of a Clip: its k-th input, or an attribute; infinite where it has neither."""
    if step.values.has(step.node, k):
        end = step.constant(k)
        if end.size != 1 or np.isnan(end.item()):
            step.refuse(f"{name} of shape {end.shape}", "one number")
        return float(end.item())
    return float(step.attribute(name, -inf if name == "min" else inf))


def clipped(step: Step, low: float | None, high: float | None) -> Value:
    """x within low and high, None where an end is open."""
    if low is None and high is None:
        return step.x
    if (low, high) == (0, None):
        return activation(step, ReLU())
    return activation(step, Clip(low, high))


def hard_sigmoid(step: Step) -> Value:
    """alpha·x + beta, within 0 and 1."""
    C = step.x.shape[0]
    slope, offset = (float(step.attribute(name, d)) for name, d in (("alpha", 0.2), ("beta", 0.5)))
    x = affine(step, np.full(C, slope), np.full(C, offset))
    return clipped(replace(step, x=x), 0.0, 1.0)


def gelu(step: Step) -> Value:
    if step.attribute("approximate", "none") != "none":
        step.refuse("an approximation", "the exact function")
    return activation(step, GELU())


def activation(step: Step, layer: Layer) -> Value:
    """A function of every number by itself."""
    low = layer.low if isinstance(layer, Clip) else None
    positive = isinstance(layer, ReLU | Sigmoid) or (low is not None and low >= 0)
    return replace(step.add(layer), positive=positive)


def cast(step: Step) -> Value:
    """x as another type, where that holds every float32: all others would round it."""
    if (to := step.node.attributes.get("to")) not in WIDE:
        step.refuse(f"the type {to}", "1 or 11, float32 or float64: none that rounds")
    return step.x


def concat(step: Step) -> Value:
    """A concatenation of one; those of several are blocks."""
    if len(step.node.inputs) != 1:
        step.refuse("constants beside an activation", "activations alone")
    return step.x


def dropout(step: Step) -> Value:
    """x, unless the file says that this is training: an input since version 12, an attribute before 7."""
    values, old = step.values, step.values.graph.opset < 7
    training = old and not step.attribute("is_test", 0)
    if values.has(step.node, 2):
        training = bool(values.constant(step.node, 2).any())
    if training:
        step.refuse("a dropout in training", "one at inference")
    return step.x


READERS: dict[str, Read] = {
    "Add": shifted, "AveragePool": avg_pool, "BatchNormalization": batch_norm, "Cast": cast, "Clip": clip,
    "Concat": concat, "Conv": conv, "Div": scaled, "Dropout": dropout, "Flatten": flatten, "Gelu": gelu,
    "Gemm": gemm, "GlobalAveragePool": global_pool, "GlobalMaxPool": global_pool, "HardSigmoid": hard_sigmoid,
    "MaxPool": max_pool, "Mul": scaled, "Pad": pad, "ReduceMax": reduce, "ReduceMean": reduce,
    "Reshape": reshape, "Squeeze": squeeze, "Sub": shifted, "Transpose": transpose,
    "Identity": lambda step: step.x, "MatMul": lambda step: linear(step, step.constant(1).T, None),
    "LeakyRelu": lambda step: activation(step, LeakyReLU(float(step.attribute("alpha", 0.01)))),
    "Relu": lambda step: activation(step, ReLU()), "SiLU": lambda step: activation(step, SiLU()),
    "Tanh": lambda step: activation(step, Tanh()), "Sigmoid": lambda step: activation(step, Sigmoid()),
    "HardSwish": lambda step: activation(step, HardSwish())}  # fmt: skip
INSTEAD = {
    "PRelu": "LeakyRelu, of one slope,", **dict.fromkeys(("Max", "Min"), "Relu or Clip"),
    **dict.fromkeys(("Celu", "Elu", "Mish", "Selu", "Softplus"), "HardSwish, Gelu or x·Sigmoid(x)"),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), "the float model, for `tinyzip quantize`,"),
    **{f"{over}Normalization": "BatchNormalization" for over in ("Group", "Instance", "Layer")}}  # fmt: skip
"""What comes nearest to kinds that are not read."""
BORDERED = ("Conv", "MaxPool", "Pad", "Identity", "Dropout")
EVERYWHERE = ("Add", "Cast", "Clip", "Div", "Dropout", "Identity", "Mul", "Relu", "Sub")
"""What works on an image with channels first or last alike."""
