"""More layers that map every number by itself, as a ReLU does: `ops.activations` with names.

They have no arrays and take any shape. To a network of integers all of them are alike, a table of 256
entries. So a new one is a function and its derivative, and everything else follows.
"""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn.layer import Arrays
from tinyzip.nn.layers import Activation, Gradients, Output
from tinyzip.nn.ops import activations as ops
from tinyzip.nn.ops.checks import Array

__all__ = ["GELU", "Activation", "ByPoints", "Clip", "HardSwish", "LeakyReLU", "SiLU", "Sigmoid", "Tanh"]


@dataclass(frozen=True)
class Named(Activation):
    """A function of `ops`: `name` is its name there, and the layer's fields are what it takes beside x."""

    name: ClassVar[str]

    def of(self, x: Array) -> Array:
        y: Array = getattr(ops, self.name)(x, *vars(self).values())
        return y

    def backward(self, p: Arrays, dy: Array, cache: Any) -> Gradients:
        return getattr(ops, f"{self.name}_backward")(dy, cache, *vars(self).values()), {}


@dataclass(frozen=True)
class Clip(Named):
    """min(max(x, low), high): `ops.clip`. None leaves an end open; Clip(0, 6) is ReLU6."""

    name = "clip"
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        ends = [end for end in (self.low, self.high) if end is not None]
        if not ends or not all(map(_is_finite, ends)) or ends != sorted(set(ends)):
            refuse("Clip: low, high", (self.low, self.high), "low < high, finite, one of which may be None")
        for name in ("low", "high"):
            end = getattr(self, name)
            object.__setattr__(self, name, None if end is None else float(end))


@dataclass(frozen=True)
class LeakyReLU(Named):
    """x where x > 0, else slope·x: `ops.leaky_relu`."""

    name = "leaky_relu"
    slope: float = 0.01

    def __post_init__(self) -> None:
        if not _is_finite(self.slope) or self.slope < 0:
            refuse("LeakyReLU: slope", self.slope, "a finite number, 0 or more")
        object.__setattr__(self, "slope", float(self.slope))


class Sigmoid(Named):
    """1 / (1 + e⁻ˣ): `ops.sigmoid`."""

    name = "sigmoid"


class Tanh(Named):
    """tanh x: `ops.tanh`. The cache is y."""

    name = "tanh"

    def forward(self, p: Arrays, x: Array, **_: Any) -> Output:
        y = self.of(x)
        return y, y


class SiLU(Named):
    """x·σ(x), which is also called swish: `ops.silu`."""

    name = "silu"


class HardSwish(Named):
    """x·min(max(x/6 + ½, 0), 1): `ops.hard_swish`."""

    name = "hard_swish"


class GELU(Named):
    """x·Φ(x), without approximation: `ops.gelu`."""

    name = "gelu"


@dataclass(frozen=True)
class ByPoints(Named):
    """Straight between points (X, Y), X increasing, and constant beyond the ends: `ops.by_points`.

    What a table of integers means as a function of real numbers, for one.
    """

    name = "by_points"
    X: tuple[float, ...]
    Y: tuple[float, ...]

    def __post_init__(self) -> None:
        for name, values in (("X", self.X), ("Y", self.Y)):
            if not isinstance(values, tuple) or not all(map(_is_finite, values)):
                refuse(f"ByPoints: {name}", values, "a tuple of finite numbers")
            object.__setattr__(self, name, tuple(map(float, values)))
        if len(self.X) < 2 or len(self.X) != len(self.Y):
            refuse("ByPoints: X, Y", f"{len(self.X)} and {len(self.Y)} numbers", "as many of both, 2 or more")
        if np.diff(self.X).min() <= 0:
            refuse("ByPoints: X", "numbers that do not increase", "each larger than the one before")


def _is_finite(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
