"""A residual block: a layer that holds two chains of layers and adds what they give.

A network that is deep learns better what to change than what to compute [He et al. 2016, section 3.1]: each
block adds something to what it was given,

y = body(x) + shortcut(x),   shortcut(x) = x where it holds no layers                            (RS1)

    Residual({"conv1": Conv2d(16, 16, 3, padding=1), "relu": ReLU(), "conv2": Conv2d(16, 16, 3, padding=1)})

and where the body changes the shape, the shortcut has layers that change it likewise. The derivative of a sum
is the sum of the derivatives, so the gradient comes back along both ways,

dx = body.backward(dy) + shortcut.backward(dy)                                                    (RS2)

and the second way leads past the body, however deep the network is.

A network with such blocks is still one chain, and its arrays stand in one flat dict: those of a layer inside
are named by the way to it, "block1.body.conv1.w". A block may hold further blocks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn.layer import Arrays, Layer
from tinyzip.nn.ops.checks import Array, Shape

Chain = Mapping[str, Layer]


@dataclass(frozen=True)
class Residual(Layer):
    """y = body(x) + shortcut(x) (RS1). Arrays: those of its layers, "body.conv1.w".

    body      layers by name, in their order; one or more
    shortcut  likewise, or none: then it is x itself
    Both must give the same shape.
    """

    body: Chain
    shortcut: Chain = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_chain(self.body, "Residual: body")
        if self.shortcut:
            check_chain(self.shortcut, "Residual: shortcut")
        object.__setattr__(self, "body", dict(self.body))
        object.__setattr__(self, "shortcut", dict(self.shortcut))

    def branches(self) -> tuple[dict[str, Layer], dict[str, Layer]]:
        """Both chains, {"body.conv1": …, …} and {"shortcut.conv": …, …}: in this order they run and draw."""
        body = {f"body.{name}": layer for name, layer in self.body.items()}
        return body, {f"shortcut.{name}": layer for name, layer in self.shortcut.items()}

    def inner(self) -> dict[str, Layer]:
        """The layers of both."""
        body, shortcut = self.branches()
        return body | shortcut

    def parameter_shapes(self) -> dict[str, Shape]:
        return shapes_of(self.inner())

    def running(self) -> tuple[str, ...]:
        return running_of(self.inner())

    def initialize(self, rng: np.random.Generator, dtype: Any = np.float32) -> Arrays:
        return initial(self.inner(), rng, dtype)

    def output_shape(self, shape: Shape) -> Shape:
        body, shortcut = (shapes_along(chain, shape)[-1] for chain in self.branches())
        if body != shortcut:
            refuse("Residual: shortcut", f"one that gives the shape {shortcut}", f"the body's, {body}")
        return body

    def multiplications(self, shape: Shape) -> int:
        return sum(
            layer.multiplications(given)
            for chain in self.branches()
            for layer, given in zip(chain.values(), shapes_along(chain, shape), strict=False)
        )

    def forward(
        self, p: Arrays, x: Array, *, train: bool = False, rng: np.random.Generator | None = None
    ) -> tuple[Array, Any]:
        parts, caches, outputs = parts_of(self.inner(), p), {}, []
        for chain in self.branches():
            y = x
            for name, layer in chain.items():
                y, caches[name] = layer.forward(parts[name], y, train=train, rng=rng)
            outputs.append(y)
        return outputs[0] + outputs[1], caches

    def backward(self, p: Arrays, dy: Array, cache: Any) -> tuple[Array, Arrays]:
        parts, gradients = parts_of(self.inner(), p), []
        grads: Arrays = {}
        for chain in self.branches():
            dx = dy
            for name, layer in reversed(chain.items()):
                dx, dp = layer.backward(parts[name], dx, cache[name])
                grads |= {f"{name}.{part}": gradient for part, gradient in dp.items()}
            gradients.append(dx)
        return gradients[0] + gradients[1], grads

    def statistics(self, p: Arrays, cache: Any) -> Arrays:
        layers = self.inner()
        return {
            f"{name}.{part}": value
            for name, arrays in parts_of(layers, p).items()
            for part, value in layers[name].statistics(arrays, cache[name]).items()
        }


class Placed(NamedTuple):
    """A layer where it stands: an example's shape before and after it, and whose output it reads.

    reads  the name of a layer, or "input"
    """

    layer: Layer
    given: Shape
    output: Shape
    reads: str


def every_layer(layers: Chain, shape: Shape, way: str = "", reads: str = "input") -> dict[str, Placed]:
    """All layers of a chain in the order in which they finish, those in residual blocks among them.

    shape    of one example before the first
    way      what stands before their names: "block1.body."
    reads    what the first of them reads
    returns  by the name with the way to it, "block1.body.conv1"; a block stands behind its layers
    raises   ValueError that begins with the name of the first layer that does not fit, or of one whose name
             is the way to another
    """
    found: dict[str, Placed] = {}
    for name, layer in layers.items():
        placed = Placed(layer, shape, shapes_along({name: layer}, shape)[-1], reads)
        inner: dict[str, Placed] = {}
        for chain in layer.branches() if isinstance(layer, Residual) else ():
            inner |= every_layer(chain, shape, f"{way}{name}.", reads)
        reads, shape = f"{way}{name}", placed.output
        inner[reads] = placed
        if twice := found.keys() & inner.keys():
            refuse(min(twice), "two layers that this names", "another name for one of them")
        found |= inner
    return found


def shapes_along(layers: Chain, shape: Shape) -> list[Shape]:
    """The shape of an example before the first layer, and behind each."""
    shapes = [shape]
    for name, layer in layers.items():
        try:
            shapes.append(layer.output_shape(shapes[-1]))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return shapes


def shapes_of(layers: Chain) -> dict[str, Shape]:
    """The arrays of a chain by "layer.array", and their shapes."""
    return {
        f"{name}.{part}": shape
        for name, layer in layers.items()
        for part, shape in layer.parameter_shapes().items()
    }


def running_of(layers: Chain) -> tuple[str, ...]:
    """Those of its arrays that get no gradient."""
    return tuple(f"{name}.{part}" for name, layer in layers.items() for part in layer.running())


def initial(layers: Chain, rng: np.random.Generator, dtype: Any) -> Arrays:
    """First values for its arrays, drawn in the order of the layers."""
    return {
        f"{name}.{part}": value
        for name, layer in layers.items()
        for part, value in layer.initialize(rng, dtype).items()
    }


def parts_of(layers: Chain, params: Arrays) -> dict[str, Arrays]:
    """Each layer's own arrays: {"conv1": {"w": …, "b": …}, …}."""
    return {
        name: {part: params[f"{name}.{part}"] for part in layer.parameter_shapes()}
        for name, layer in layers.items()
    }


def check_chain(layers: Any, argument: str) -> None:
    """Refuse what is not one layer or more by name."""
    if not isinstance(layers, Mapping) or not layers:
        refuse(argument, layers or "none", "one layer or more by name")
    for name, layer in layers.items():
        if not isinstance(name, str) or isinstance(layer, type) or not hasattr(layer, "output_shape"):
            refuse(f"{argument}[{name!r}]", layer, "a layer, under a name", TypeError)
