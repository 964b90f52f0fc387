"""Depth: affine nodes of an .onnx graph: fully connected layers, batch norms, constants.

A sum or a product with constants, one for each channel, becomes part of the weights before it, or else a
convolution of one pixel a channel. So a fully connected layer may also be a MatMul and an Add after it.
"""

from dataclasses import replace

import numpy as np

from tinyzip.exchange.onnx.step import Item, Step
from tinyzip.exchange.onnx.values import Value
from tinyzip.nn.layers import BatchNorm, Conv2d, Linear
from tinyzip.nn.ops.checks import Array


def batch_norm(step: Step) -> Value:
    C = step.x.shape[0]
    if step.attribute("training_mode", 0) or len(step.node.outputs) != 1 or step.x.turned:
        step.refuse("a batch norm in training, or after a turned flattening", "one at inference")
    if step.x.last:
        step.refuse("an image with its channels last", "an image (N, C, H, W)")
    arrays = {name: step.constant(k, (C,)) for k, name in enumerate(("gamma", "beta", "mean", "var"), 1)}
    eps = float(step.attribute("epsilon", 1e-5))
    if not (arrays["var"] + eps > 0).all():
        step.refuse("variances below 0", "0 or more")
    kept = float(step.attribute("momentum", 0.9))  # ONNX says how much is kept, and not how much is new
    momentum = 1 - kept if 0 <= kept < 1 else BatchNorm.momentum
    return step.add(BatchNorm(C, eps, momentum), **arrays)


def gemm(step: Step) -> Value:
    if step.attribute("transA", 0):
        step.refuse("transA", "examples in rows")
    w = step.constant(1)
    w = w if step.attribute("transB", 0) else w.T
    bias = step.constant(2) if step.values.has(step.node, 2) else None
    return linear(step, w, bias, float(step.attribute("alpha", 1.0)), float(step.attribute("beta", 1.0)))


def linear(step: Step, w: Array, bias: Array | None, alpha: float = 1.0, beta: float = 1.0) -> Value:
    """y = alpha·w·x + beta·bias, for features x (C,) and w (F, C)."""
    if len(step.x.shape) != 1 or w.ndim != 2 or w.shape[1:] != step.x.shape or w.size == 0:
        found = f"weights of shape {w.shape} for {step.values.file_shape(step.x)}"
        step.refuse(found, "features (N, C), and weights for as many")
    F = len(w)
    if step.x.turned:  # the weights' columns are in the order H, W, C
        C, H, W = step.x.turned
        w = w.reshape(F, H, W, C).transpose(0, 3, 1, 2).reshape(F, -1)
    arrays = {"w": w if alpha == 1 else w * np.float32(alpha)}
    if bias is not None:
        if bias.shape not in ((F,), (1, F), (1,), (1, 1), ()):
            step.refuse(f"a bias of shape {bias.shape}", f"({F},)")
        arrays["b"] = np.broadcast_to(bias.reshape(-1), (F,)) * np.float32(beta)
    return replace(step.add(Linear(len(w.T), F, bias is not None), **arrays), turned=None)


def shifted(step: Step) -> Value:
    """x + c or x − c or c − x."""
    c, first = per_channel(step)
    if step.node.kind == "Add":
        return affine(step, np.ones_like(c), c)
    sign = np.ones_like(c) if first else -np.ones_like(c)
    return affine(step, sign, -c if first else c)


def scaled(step: Step) -> Value:
    """x·c or x / c."""
    c, first = per_channel(step)
    if step.node.kind == "Div":
        if not first or not c.all():
            step.refuse("a division by x or by 0", "one by constants that are not 0")
        c = 1 / c
    return affine(step, c, np.zeros_like(c))


def per_channel(step: Step) -> tuple[Array, bool]:
    """The constant of a sum or product, (C,) float64, one for each channel; and whether it comes second."""
    first = not step.values.is_constant(step.node.inputs[0])
    c, x = step.constant(1 if first else 0), step.x
    rank, C = len(x.shape) + 1, x.shape[0]
    along = rank - 1 if x.last else 1
    lengths = (1,) * (rank - c.ndim) + c.shape
    if c.ndim > rank or any(length != 1 for axis, length in enumerate(lengths) if axis != along):
        step.refuse(f"a constant of shape {c.shape}", "one number, or one for each channel")
    if c.size not in (1, C) or (c.size > 1 and x.turned):
        step.refuse(f"a constant of shape {c.shape}", f"one number, or one for each of {C} channels")
    return np.broadcast_to(c.reshape(-1).astype(np.float64), (C,)), first


def affine(step: Step, scale: Array, shift: Array) -> Value:
    """y = scale·x + shift, (C,) each: within the layer before where that is affine too."""
    if (scale == 1).all() and not shift.any():
        return step.x
    last = step.chain[-1] if step.chain else None
    C = step.x.shape[0]
    match last:
        case Item(Conv2d() | Linear() as layer, {"w": w} as arrays):
            b = arrays.get("b", np.zeros(C, np.float32)) * scale + shift
            step.chain.pop()
            step.append(replace(layer, bias=True), {"w": w * scale.reshape(-1, *[1] * (w.ndim - 1)), "b": b})
            return replace(step.x, positive=False)
        case _ if len(step.x.shape) == 1:
            eps = 1e-5
            arrays = {"mean": np.zeros(C), "var": np.full(C, 1.0), "beta": shift}
            return step.add(BatchNorm(C, eps), gamma=scale * np.sqrt(1 + eps), **arrays)
    return step.add(Conv2d(C, C, 1, groups=C), w=scale.reshape(C, 1, 1, 1), b=shift)
