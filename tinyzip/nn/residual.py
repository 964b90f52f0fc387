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

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn import chain
from tinyzip.nn.chain import Chain, check_chain, initial, parts_of, running_of, shapes_along, shapes_of
from tinyzip.nn.layer import Arrays, Draws, Layer
from tinyzip.nn.ops.checks import Array, Shape


@dataclass(frozen=True)
class Residual(Layer):
    """y = body(x) + shortcut(x) (RS1). Arrays: those of its layers, "body.conv1.w".

    body      layers by name, in their order; one or more
    shortcut  likewise, or none: then it is x itself
    Both must give the same shape.
    how       they are joined: "sum"; `joins` has others
    """

    how: ClassVar[str] = "sum"
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
        return self.joined(*(shapes_along(branch, shape)[-1] for branch in self.branches()))

    def joined(self, body: Shape, shortcut: Shape) -> Shape:
        """The shape of what `join` makes of these two."""
        if body != shortcut:
            refuse("Residual: shortcut", f"one that gives the shape {shortcut}", f"the body's, {body}")
        return body

    def join(self, body: Array, shortcut: Array, caches: Arrays) -> Array:
        return body + shortcut

    def ordered(self, body: Any, shortcut: Any) -> tuple[Any, Any]:
        """Both in the order in which they are joined."""
        return body, shortcut

    def part(self, dy: Array, caches: Arrays) -> tuple[Array, Array]:
        """The gradients by both parts of a join."""
        return dy, dy

    def multiplications(self, shape: Shape) -> int:
        return sum(
            layer.multiplications(given)
            for branch in self.branches()
            for layer, given in zip(branch.values(), shapes_along(branch, shape), strict=False)
        )

    def forward(self, p: Arrays, x: Array, *, train: bool = False, rng: Draws = None) -> tuple[Array, Any]:
        parts, how = parts_of(self.inner(), p), {"train": train, "rng": rng}
        (y, caches), (same, others) = (chain.forward(branch, parts, x, **how) for branch in self.branches())
        caches |= others
        return self.join(y, same, caches), caches

    def backward(self, p: Arrays, dy: Array, cache: Any) -> tuple[Array, Arrays]:
        parts, each = parts_of(self.inner(), p), zip(self.branches(), self.part(dy, cache), strict=True)
        (dx, grads), (same, others) = (chain.backward(branch, parts, by, cache) for branch, by in each)
        return dx + same, grads | others

    def statistics(self, p: Arrays, cache: Any) -> Arrays:
        return chain.statistics(self.inner(), parts_of(self.inner(), p), cache)


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
    returns  by the name with the way to it, "block1.body.conv1"; a block comes after its layers
    raises   ValueError that begins with the name of the first layer that does not fit, or of one whose name
             is the way to another
    """
    found: dict[str, Placed] = {}
    for name, layer in layers.items():
        placed = Placed(layer, shape, shapes_along({name: layer}, shape)[-1], reads)
        inner: dict[str, Placed] = {}
        for branch in layer.branches() if isinstance(layer, Residual) else ():
            inner |= every_layer(branch, shape, f"{way}{name}.", reads)
        reads, shape = f"{way}{name}", placed.output
        inner[reads] = placed
        if twice := found.keys() & inner.keys():
            refuse(min(twice), "two layers that this names", "another name for one of them")
        found |= inner
    return found


def substituted(layers: Chain, by: Callable[[str, Layer], Chain], way: str = "") -> dict[str, Layer]:
    """The chain with others in place of its layers, those in residual blocks among them.

    by   from a layer's name, with the way to it, and the layer to those in its place, by what their names
         have after its own: {"": layer} leaves it
    way  what stands before their names: "block1.body."
    """
    chain: dict[str, Layer] = {}
    for name, layer in layers.items():
        if isinstance(layer, Residual):
            body = substituted(layer.body, by, f"{way}{name}.body.")
            shortcut = substituted(layer.shortcut, by, f"{way}{name}.shortcut.")
            layer = replace(layer, body=body, shortcut=shortcut)
        chain |= {f"{name}{ending}": one for ending, one in by(way + name, layer).items()}
    return chain
