"""Depth: nodes of an .onnx graph that look through windows: convolutions, poolings, borders before them.

A border of zeros (Pad) is no layer of its own: it becomes part of the padding of the window after it. What
averages its padding, too, which no layer here does, is a convolution with equal weights; and a convolution
whose window is dilated is one with a larger window, where zeros stand between the weights.
"""

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from tinyzip.base.windows import Padding, reach_of, same_padding, wider
from tinyzip.exchange.onnx.step import Step
from tinyzip.exchange.onnx.values import NO_BORDER, Value
from tinyzip.nn.layers import AvgPool2d, Conv2d, GlobalAvgPool, MaxPool2d
from tinyzip.nn.ops.checks import Array

MOST_MADE = 1 << 22  # weights that are made here and stand in no file


def conv(step: Step) -> Value:
    C, _, _ = step.image()
    w = step.constant(1)
    groups = step.attribute("group", 1)
    if w.ndim != 4 or groups < 1 or w.shape[1] * groups != C or w.shape[0] % groups or w.size == 0:
        step.refuse(f"weights of shape {w.shape} in {groups} groups", f"(F, C/groups, kh, kw) for C = {C}")
    _, stride = window(step, w.shape[2:])
    w = apart(step, w)
    kernel: Any = w.shape[2:]
    padding = wider(step.x.border, pads(step, kernel, stride))
    bias = step.values.has(step.node, 2)
    layer = Conv2d(C, len(w), kernel, stride, padding, groups, bias)
    return step.add(layer, w=w, **({"b": step.constant(2, (len(w),))} if bias else {}))


def apart(step: Step, w: Array) -> Array:
    """w (F, C, kh, kw) with zeros in between, as far apart as the node's dilation asks for."""
    dilation = step.attribute("dilations", (1, 1))
    if len(dilation) != 2 or min(dilation) < 1:
        step.refuse(f"dilations {dilation[:8]}", "two, 1 or more")
    (F, C, kh, kw), (rows, columns) = w.shape, dilation
    if dilation == (1, 1):
        return w
    reach = reach_of((kh, kw), (rows, columns))
    if F * C * prod(reach) > MOST_MADE:
        step.refuse(f"a window of {reach} with its gaps", f"fewer than {MOST_MADE} weights and zeros")
    out = np.zeros((F, C, *reach), w.dtype)
    out[:, :, ::rows, ::columns] = w
    return out


def undilated(step: Step) -> tuple[Any, Any]:
    """(kernel, stride) of a pooling, whose window may have no gaps."""
    if any(step_ != 1 for step_ in step.attribute("dilations", (1, 1))):
        step.refuse(f"dilations {step.attribute('dilations', (1, 1))}", "none")
    return window(step, None)


def window(step: Step, kernel: Any) -> tuple[Any, Any]:
    """(kernel, stride) of a window; kernel: what it has to be, or None."""
    said = step.attribute("kernel_shape", () if kernel is None else tuple(kernel))
    stride = step.attribute("strides", (1, 1))
    if len(said) != 2 or (kernel is not None and said != tuple(kernel)) or len(stride) != 2:
        found = f"a window {said} with strides {stride}"[:80]
        step.refuse(found, "rows and columns, as the weights have them")
    if min(*said, *stride) < 1:
        step.refuse(f"a window {said} with strides {stride}", "1 or more")
    return said, stride


def pads(step: Step, kernel: Any, stride: Any) -> Padding:
    """The padding of a window over x and its border, explicit or by one of the rules of `auto_pad`."""
    rule = step.attribute("auto_pad", "NOTSET")
    if rule == "VALID":
        return NO_BORDER
    if rule in ("SAME_UPPER", "SAME_LOWER"):  # as many outputs as strides fit
        H, W = (length + sum(ends) for length, ends in zip(step.x.shape[1:], step.x.border, strict=True))
        rows, columns = same_padding((H, W), kernel, stride)
        return (rows, columns) if rule == "SAME_UPPER" else (rows[::-1], columns[::-1])
    if rule != "NOTSET":
        step.refuse(f"auto_pad {rule[:24]!r}", "NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    given = step.attribute("pads", (0, 0, 0, 0))
    if len(given) != 4 or min(given) < 0:
        step.refuse(f"pads {given[:8]}", "four, 0 or more")
    top, left, bottom, right = given
    return (top, bottom), (left, right)


def max_pool(step: Step) -> Value:
    step.image()
    if len(step.node.outputs) != 1:
        step.refuse("indices to be written", "the largest values alone")
    kernel, stride = undilated(step)
    padding = pads(step, kernel, stride)
    if step.x.border != NO_BORDER:
        if not step.x.positive:  # or the zeros could be the largest
            step.refuse("a border of zeros around numbers below 0", "one around the output of a ReLU")
        padding = wider(step.x.border, padding)
    padding = to_ceiling(step, kernel, stride, padding)
    y = step.add(MaxPool2d(kernel, stride, padding))
    return replace(y, positive=step.x.positive)


def to_ceiling(step: Step, kernel: Any, stride: Any, padding: Padding) -> Padding:
    """The padding with which as many windows lie over the image as `ceil_mode` asks for."""
    if not step.attribute("ceil_mode", 0):
        return padding
    ends = []
    for length, k, s, (before, after) in zip(step.x.shape[1:], kernel, stride, padding, strict=True):
        count = -(-(length + before + after - k) // s)  # windows after the first
        if count * s >= length + before:  # the last would see nothing of the image
            count -= 1
        ends.append((before, max(after, count * s + k - length - before)))
    return ends[0], ends[1]


def avg_pool(step: Step) -> Value:
    C, _, _ = step.image()
    kernel, stride = undilated(step)
    padding = pads(step, kernel, stride)
    if to_ceiling(step, kernel, stride, padding) != padding:
        step.refuse("ceil_mode where it adds a window", "an average over whole windows")
    if padding == NO_BORDER or not step.attribute("count_include_pad", 0):
        return replace(step.add(AvgPool2d(kernel, stride, padding)), positive=step.x.positive)
    if C * prod(kernel) > MOST_MADE:
        step.refuse(f"a window {kernel}", f"fewer than {MOST_MADE} weights over {C} channels")
    w = np.full((C, 1, *kernel), 1 / prod(kernel))
    y = step.add(Conv2d(C, C, kernel, stride, padding, C, bias=False), w=w)
    return replace(y, positive=step.x.positive)


def global_pool(step: Step) -> Value:
    _, H, W = step.image()
    layer = MaxPool2d((H, W)) if step.node.kind == "GlobalMaxPool" else GlobalAvgPool()
    return replace(step.add(layer), positive=step.x.positive)


def pad(step: Step) -> Value:
    """Pad, with zeros around an image: a border, for the next window to add."""
    mode = step.attribute("mode", "constant")
    given = step.node.attributes.get("pads", step.node.attributes.get("paddings"))
    if given is None:
        name = step.node.inputs[1] if step.values.has(step.node, 1) else ""
        given = tuple(step.values.numbers(step.node, name).reshape(-1).tolist())
    own = step.values.has(step.node, 2)
    filled = step.constant(2).reshape(-1)[:1] if own else [step.attribute("value", 0.0)]
    if mode != "constant" or any(value != 0 for value in filled) or step.values.has(step.node, 3):
        step.refuse(f"a border by {mode!r}"[:60], "one of zeros, on all axes")
    _, *size = step.image()
    ends: Any = given
    if len(ends) != 8 or any(ends[k] for k in (0, 1, 4, 5)) or not all(0 <= end <= max(size) for end in ends):
        step.refuse(f"pads {tuple(ends)[:8]}", "rows and columns around an image, no more than it has")
    border = (int(ends[2]), int(ends[6])), (int(ends[3]), int(ends[7]))
    return replace(step.x, border=wider(step.x.border, border))
