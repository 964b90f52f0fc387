"""A look at what passes between two layers, and a hand on what comes back.

A probe is a layer that changes nothing. Its cache shows what went through, y. Whoever has something to say
about y itself, and not only about what the network makes of it in the end, leaves the derivative there before
backward. The chain rule does not mind where a derivative arises:

    ∂L/∂y = (what comes back from the layers behind) + (what was left)                                  (PR1)

Caches belong to one forward, and so does what is left in them: shards on threads do not disturb each other. A
network without probes pays nothing for them.
"""

from dataclasses import dataclass
from typing import Any

from tinyzip.nn.layer import Arrays, Layer
from tinyzip.nn.ops.checks import Array, Shape, check_array, check_lengths


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
