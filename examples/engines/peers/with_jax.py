"""JAX: forward, and forward, backward and AdamW, each one function that XLA compiles for its shapes.

Images and maps lie as (N, H, W, C), kernels as (kh, kw, C, F) and matrices as (C, F), which XLA multiplies
fastest on a processor. In inference the parameters are constants of the compiled function.
"""

import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp
from jax.extend import backend

from peers import Batch, Entry, Run
from tinyzip import integer
from tinyzip.base.windows import padding_of, pair
from tinyzip.nn import layers as nn
from tinyzip.nn.chain import shapes_along
from tinyzip.nn.sequential import Sequential

VERSION = f"jax {jax.__version__}"
IMAGES = ("NHWC", "HWIO", "NHWC")
KEPT = ("mean", "var")  # batch norm's arrays without a gradient
Arrays = dict[str, Any]


def restrict(threads: int) -> None:
    """XLA makes its threads once, as many as NPROC says; so for another number it begins anew."""
    if os.environ.get("NPROC") != str(threads):
        os.environ["NPROC"] = str(threads)
        backend.clear_backends()


def arrays_of(model: Sequential) -> tuple[Arrays, Arrays]:
    """The parameters in JAX's order, and what batch norm keeps.

    The first linear layer after a flatten finds rows, columns, channels where the network had channels,
    rows, columns; so its inputs are put in that order too.
    """
    params, kept = {}, {}
    image: tuple[int, ...] = ()
    shapes = shapes_along(model.layers, model.shape)
    for (name, layer), shape in zip(model.layers.items(), shapes, strict=False):
        own = {key: array for key, array in model.params.items() if key.startswith(f"{name}.")}
        match layer:
            case nn.Flatten():
                image = shape
            case nn.Conv2d():
                own[f"{name}.w"] = own[f"{name}.w"].transpose(2, 3, 1, 0)
            case nn.Linear():
                w = own[f"{name}.w"]
                if image:
                    w = w.reshape(-1, *image).transpose(0, 2, 3, 1).reshape(w.shape)
                    image = ()
                own[f"{name}.w"] = w.T
        for key, array in own.items():
            (kept if key.endswith(KEPT) else params)[key] = jnp.asarray(np.ascontiguousarray(array))
    return params, kept


def pooled(x: Any, layer: nn.MaxPool2d | nn.AvgPool2d, first: float, combine: Any) -> Any:
    (kh, kw), (sh, sw) = pair(layer.kernel, "kernel"), pair(layer.stride, "stride")
    padding = ((0, 0), *padding_of(layer.padding), (0, 0))
    return lax.reduce_window(x, first, combine, (1, kh, kw, 1), (1, sh, sw, 1), padding)


def forward(model: Sequential, p: Arrays, kept: Arrays, x: Any, train: bool) -> tuple[Any, Arrays]:
    """Logits (N, K), and what batch norm keeps from now on."""
    after = dict(kept)
    for name, layer in model.layers.items():
        match layer:
            case nn.Conv2d():
                stride, padding = pair(layer.stride, "stride"), padding_of(layer.padding)
                x = lax.conv_general_dilated(
                    x,
                    p[f"{name}.w"],
                    stride,
                    padding,
                    dimension_numbers=IMAGES,
                    feature_group_count=layer.groups,
                )
            case nn.Linear():
                x = x @ p[f"{name}.w"]
            case nn.BatchNorm():
                mean, var = (kept[f"{name}.{key}"] for key in KEPT)
                if train:
                    axes, old = tuple(range(x.ndim - 1)), (mean, var)
                    mean, var = x.mean(axes), x.var(axes)
                    for key, before, new in zip(KEPT, old, (mean, var), strict=True):
                        after[f"{name}.{key}"] = before + layer.momentum * (new - before)
                x = (x - mean) * (p[f"{name}.gamma"] * lax.rsqrt(var + layer.eps)) + p[f"{name}.beta"]
            case nn.ReLU():
                x = jnp.maximum(x, 0)
            case nn.Flatten():
                x = x.reshape(len(x), -1)
            case nn.MaxPool2d():
                x = pooled(x, layer, -jnp.inf, lax.max)
            case nn.AvgPool2d():
                x = pooled(x, layer, 0.0, lax.add) / pooled(jnp.ones_like(x), layer, 0.0, lax.add)
            case nn.GlobalAvgPool():
                x = x.mean((1, 2), keepdims=True)
            case _:
                raise ValueError(f"{name}: found {layer}, needed a layer that is compared here")
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias:
            x += p[f"{name}.b"]
    return x, after


def placed(batch: Batch) -> Any:
    return jnp.asarray(np.ascontiguousarray(batch.x.transpose(0, 2, 3, 1)))


def start_float(model: Sequential) -> Callable[[Batch, int], Run]:
    def start(batch: Batch, threads: int) -> Run:
        restrict(threads)
        params, kept = arrays_of(model)
        x = placed(batch)
        infer = jax.jit(lambda x: forward(model, params, kept, x, train=False)[0])
        return Run(lambda: infer(x).block_until_ready())

    return start


def adamw(p: Arrays, g: Arrays, m: Arrays, v: Arrays, t: Any) -> tuple[Arrays, Arrays, Arrays]:
    """AdamW without decay of the weights, step t = 1, 2, …: the others are given none either."""
    rate, beta1, beta2, eps = 1e-3, 0.9, 0.999, 1e-8
    m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, g)
    v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, g)
    size, root = rate / (1 - beta1**t), lax.rsqrt(1 - beta2**t)
    p = jax.tree.map(lambda p, m, v: p - size * m / (jnp.sqrt(v) * root + eps), p, m, v)
    return p, m, v


def start_train(model: Sequential) -> Callable[[Batch, int], Run]:
    """A step is one compiled function, which may write its results over the arrays that it is given."""

    def start(batch: Batch, threads: int) -> Run:
        restrict(threads)
        params, kept = arrays_of(model)
        x, labels = placed(batch), jnp.asarray(batch.labels, jnp.int32)

        def loss(p: Arrays, kept: Arrays, x: Any, labels: Any) -> tuple[Any, Arrays]:
            z, kept = forward(model, p, kept, x, train=True)
            chosen = jnp.take_along_axis(jax.nn.log_softmax(z), labels[:, None], 1)
            return -chosen.mean(), kept

        def step(state: Any, x: Any, labels: Any) -> tuple[Any, Any]:
            p, kept, m, v, t = state
            (value, kept), g = jax.value_and_grad(loss, has_aux=True)(p, kept, x, labels)
            p, m, v = adamw(p, g, m, v, t)
            return (p, kept, m, v, t + 1), value

        compiled = jax.jit(step, donate_argnums=0)
        m, v = (jax.tree.map(jnp.zeros_like, params) for _ in range(2))
        state = (params, kept, m, v, jnp.float32(1))

        def once() -> Any:
            nonlocal state
            state, value = compiled(state, x, labels)
            return value.block_until_ready()

        return Run(once)

    return start


def entries(model: Sequential, program: integer.Program | None) -> list[Entry]:
    return [
        Entry("jax", "train", "default", start_train(model)),
        Entry("jax", "float", "default", start_float(model)),
    ]
