"""Layers one after the other: forward through them, backward by the chain rule.

A network is such a chain, and so is each branch of a residual block. Layer k makes x_{k+1} from x_k and its
arrays p_k,

x_{k+1} = f_k(x_k, p_k)                                                                          (CH1)

and of the loss, a number made from the last output, the chain rule gives the gradients by all of them, from
the end [Goodfellow, Bengio, Courville, Deep Learning, 2016, §6.5]:

dx_k = (∂f_k/∂x_k)ᵀ·dx_{k+1},   dp_k = (∂f_k/∂p_k)ᵀ·dx_{k+1}                                      (CH2)

Both products are what a layer's `backward` computes. The arrays of a chain stand in one flat dict by
"layer.array", and what each layer sees of it is its part: {"w": …, "b": …} under "conv1".
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from tinyzip.base.refuse import printable, refuse
from tinyzip.nn.layer import Arrays, Layer
from tinyzip.nn.ops.checks import Array, Shape, check_array

Value = TypeVar("Value")
Chain = Mapping[str, Layer]
Parts = Mapping[str, Arrays]
Steps = dict[str, Any]  # layers by name, or what computes the same


def flat(parts: Mapping[str, Mapping[str, Value]]) -> dict[str, Value]:
    """What each part has by name in one dict, by "part.name"."""
    return {f"{part}.{name}": value for part, own in parts.items() for name, value in own.items()}


def forward(steps: Steps, parts: Parts, x: Array, **how: Any) -> tuple[Array, dict[str, Any]]:
    """The output of the last step, and the cache of each by its name                            (CH1)

    parts  the arrays of each step
    how    what every step is given besides: train, rng
    """
    caches = {}
    for name, step in steps.items():
        x, caches[name] = step.forward(parts[name], x, **how)
    return x, caches


def backward(
    steps: Steps, parts: Parts, dy: Array, caches: Mapping[str, Any], **how: Any
) -> tuple[Any, Arrays]:
    """dx, and the gradients of the arrays by "layer.array"                                      (CH2)"""
    dx, dp = dy, {}
    for name, step in reversed(steps.items()):
        dx, dp[name] = step.backward(parts[name], dx, caches[name], **how)
    return dx, flat(dp)


def statistics(steps: Steps, parts: Parts, caches: Mapping[str, Any]) -> Arrays:
    """What the arrays without gradient become by a training forward, by "layer.array"."""
    return flat({name: step.statistics(parts[name], caches[name]) for name, step in steps.items()})


def shapes_along(layers: Chain, shape: Shape) -> list[Shape]:
    """The shape of an example before the first layer, and after each."""
    shapes = [shape]
    for name, layer in layers.items():
        try:
            shapes.append(layer.output_shape(shapes[-1]))
        except ValueError as error:
            raise ValueError(f"{printable(name)}: {error}") from None
    return shapes


def shapes_of(layers: Chain) -> dict[str, Shape]:
    """The arrays of a chain by "layer.array", and their shapes."""
    return flat({name: layer.parameter_shapes() for name, layer in layers.items()})


def running_of(layers: Chain) -> tuple[str, ...]:
    """Those of its arrays that get no gradient."""
    return tuple(f"{name}.{part}" for name, layer in layers.items() for part in layer.running())


def initial(layers: Chain, rng: np.random.Generator, dtype: Any) -> Arrays:
    """First values for its arrays, drawn in the order of the layers."""
    return flat({name: layer.initialize(rng, dtype) for name, layer in layers.items()})


def parts_of(layers: Chain, params: Arrays) -> dict[str, Arrays]:
    """Each layer's own arrays: {"conv1": {"w": …, "b": …}, …}."""
    return {
        name: {part: params[f"{name}.{part}"] for part in layer.parameter_shapes()}
        for name, layer in layers.items()
    }


def check_chain(layers: Any, argument: str) -> None:
    """Refuse what is not one layer or more by name."""
    if not isinstance(layers, Mapping) or not layers:
        refuse(argument, layers or "none", "one layer or more by name: {'conv1': Conv2d(1, 8, 3), …}")
    for name, layer in layers.items():
        good = isinstance(name, str) and name and not isinstance(layer, type)
        if not good or not hasattr(layer, "output_shape"):
            refuse(f"{argument}[{name!r}]", layer, "a layer, under a name", TypeError)


def check_params(params: Any, needed: Mapping[str, Shape], argument: str) -> None:
    """Refuse what is not one array of each name and shape, all of one floating-point dtype."""
    if not isinstance(params, Mapping):
        refuse(argument, type(params).__name__, "arrays by name", TypeError)
    if params.keys() != needed.keys():
        odd = sorted(params.keys() ^ needed.keys())
        of_run = any(str(key).startswith("params/") for key in odd)
        hint = "; a checkpoint's model is tinyzip.quant.training.saved.load(path)" if of_run else ""
        refuse(argument, f"keys that differ in {odd}", f"the keys {sorted(needed)}{hint}")
    dtype = next((a.dtype for a in params.values() if isinstance(a, np.ndarray)), np.dtype(np.float32))
    if dtype.kind != "f":
        refuse(argument, f"dtype {dtype}", "a floating-point dtype", TypeError)
    for key, shape in needed.items():
        check_array(params[key], shape, dtype, f"{argument}[{key!r}]")
