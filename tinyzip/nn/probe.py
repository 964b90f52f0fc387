"""A look at what passes between two layers, and a hand on what comes back.

A probe is a layer that changes nothing. Its cache shows what went through, y. A loss that looks at y itself,
and not only at what the network makes of it in the end, leaves its derivative there before backward. The
chain rule does not mind where a derivative arises:

    ∂L/∂y = (what comes back from the layers after) + (what was left)                                   (PR1)

Caches belong to one forward, and so does what is left in them: shards on threads do not disturb each other. A
network without probes pays nothing for them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from tinyzip.nn.chain import Chain
from tinyzip.nn.layer import Arrays, Layer
from tinyzip.nn.ops.checks import Array, Shape, check_array, check_lengths
from tinyzip.nn.residual import Residual, substituted


@dataclass
class Seen:
    """What a probe keeps.

    y   (C, H, W, N) or (C, N), the output of the layer before
    dy  None, or of y's shape and dtype: a derivative by y, to be added on the way back
    """

    y: Array
    dy: Array | None = None


@dataclass(frozen=True)
class Probe(Layer):
    """y = x, with a cache to look at and to leave a derivative in."""

    def output_shape(self, shape: Shape) -> Shape:
        return check_lengths(shape, "Probe: an example's shape")

    def forward(self, p: Arrays, x: Array, **_: Any) -> tuple[Array, Seen]:
        return x, Seen(x)

    def backward(self, p: Arrays, dy: Array, cache: Seen, **_: Any) -> tuple[Array, Arrays]:
        """dx by (PR1)."""
        if cache.dy is None:
            return dy, {}
        check_array(cache.dy, dy.shape, dy.dtype, "Probe: the derivative that was left")
        return dy + cache.dy, {}


def probed(layers: Chain, names: Collection[str]) -> dict[str, Layer]:
    """The layers with a probe after each of those named, also in residual blocks ("block1.body.conv1")."""
    return substituted(
        layers, lambda name, layer: {"": layer} | {".probe": Probe()} if name in names else {"": layer}
    )


def probes(layers: Chain, caches: Any) -> dict[str, Seen]:
    """What the probes among the layers keep of a forward, by the names of the layers before them."""
    found: dict[str, Seen] = {}
    for name, layer in layers.items():
        if isinstance(layer, Probe):
            found[name.removesuffix(".probe")] = caches[name]
        elif isinstance(layer, Residual):
            inside = probes(layer.inner(), caches[name]).items()
            found |= {f"{name}.{inner}": seen for inner, seen in inside}
    return found
