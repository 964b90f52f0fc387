"""Depth: layers of two chains that are multiplied or put side by side.

A product lets one way weigh the other: squeeze-and-excitation [Hu et al. 2018, eq. 4] gives each channel of
an image a number between 0 and 1. Where one of both has a single pixel, that is every pixel's factor,

y = body(x)·shortcut(x)           dbody = dy·shortcut(x),  dshortcut = dy·body(x)                (JN1)

summed over the pixels for the one that has a single. The channels of two outputs side by side [Huang et al.
2017, DenseNet, eq. 2] part again on the way back:

y = [body(x), shortcut(x)]        dy = [dbody, dshortcut]                                        (JN2)

All else is as in a residual block. What a join keeps is among the caches of its layers, as "kept".
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn.ops.checks import Array, Shape
from tinyzip.nn.residual import Residual


@dataclass(frozen=True)
class Product(Residual):
    """y = body(x)·shortcut(x) (JN1): both of one shape, or one of them (C, 1, 1) beside (C, H, W)."""

    how = "product"

    def joined(self, body: Shape, shortcut: Shape) -> Shape:
        small, large = sorted((body, shortcut), key=prod)
        if small not in (large, (large[0], 1, 1)[: len(large)]):
            needed = f"the body's, {body}, or one pixel of as many channels for either"
            refuse("Product: shortcut", f"one that gives the shape {shortcut}", needed)
        return large

    def join(self, body: Array, shortcut: Array, caches: Any) -> Array:
        caches["kept"] = body, shortcut
        return body * shortcut

    def part(self, dy: Array, caches: Any) -> tuple[Array, Array]:
        body, shortcut = caches["kept"]
        return summed(dy * shortcut, body), summed(dy * body, shortcut)


def summed(dx: Array, x: Array) -> Array:
    return dx if dx.shape == x.shape else dx.sum((1, 2), keepdims=True)


@dataclass(frozen=True)
class Concatenation(Residual):
    """y = [body(x), shortcut(x)] (JN2): shapes that differ in their channels alone.

    swapped  the channels of the shortcut come first
    """

    how = "concatenation"
    swapped: bool = False

    def joined(self, body: Shape, shortcut: Shape) -> Shape:
        if body[1:] != shortcut[1:]:
            needed = f"one that differs from the body's, {body}, in its channels alone"
            refuse("Concatenation: shortcut", f"one that gives the shape {shortcut}", needed)
        return body[0] + shortcut[0], *body[1:]

    def join(self, body: Array, shortcut: Array, caches: Any) -> Array:
        ways = self.ordered(body, shortcut)
        caches["kept"] = len(ways[0])
        return np.concatenate(ways)

    def part(self, dy: Array, caches: Any) -> tuple[Array, Array]:
        return self.ordered(dy[: caches["kept"]], dy[caches["kept"] :])

    def ordered(self, body: Any, shortcut: Any) -> tuple[Any, Any]:
        return (shortcut, body) if self.swapped else (body, shortcut)
