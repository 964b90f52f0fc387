"""A network that can be looked into: the output of each of its layers, and the gradient of its images.

Training needs neither. Calibration asks for all outputs, a teacher's hints for some of them while a student
learns, and a look at what a network sees for the gradient of the images. A residual block is one layer of a
chain; here those inside it have names, too.
"""

import os
from collections.abc import Collection
from dataclasses import replace
from functools import cached_property
from typing import Any, NoReturn, Self, TypeVar

from tinyzip.base.refuse import refuse, said
from tinyzip.nn import chain
from tinyzip.nn.layer import Arrays
from tinyzip.nn.network import Network
from tinyzip.nn.ops.checks import Array, Shape
from tinyzip.nn.probe import Seen, probed, probes
from tinyzip.nn.residual import Placed, every_layer


class Inspected(Network):
    """A `Network` with names for all its layers, and with a look inside."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.output_shapes()  # refuses names that are the way to others

    def with_input_range(self, input_range: tuple[float, float] | None, mean: float | None = None) -> Self:
        """The same network, which remembers this range of inputs; with None it takes any without a word."""
        return replace(self, input_range=input_range, input_mean=mean)

    def printed(self) -> "Inspected":
        """The same network on the same arrays, run as it is printed."""
        return Inspected(self.layers, self.params, self.shape, self.input_range, self.input_mean)

    @cached_property
    def every_layer(self) -> dict[str, Placed]:
        """All layers, those in residual blocks among them, with an example's shapes: `every_layer`."""
        return every_layer(self.layers, self.shape)

    def output_shapes(self) -> dict[str, Shape]:
        """Each layer's output for one example, by layer name; refuses a chain that does not fit."""
        return {name: placed.output for name, placed in self.every_layer.items()}

    def image_gradient(self, dz: Array, caches: dict[str, Any], **_: Any) -> Array:
        """The gradient dx (*shape, N) of the images themselves; arguments as for `backward`."""
        self.check_gradient(dz, caches, "image_gradient")
        dx: Array = chain.backward(self.steps, self.parts, dz, caches)[0]
        return dx

    def probed(self, names: Collection[str]) -> Self:
        """The same function of the same arrays, with a `Probe` after each of the named layers.

        A layer in a residual block is named by the way to it: "block1.body.conv1".
        """
        if unknown := sorted(set(names) - self.every_layer.keys()):
            refuse("probed: names", unknown, f"layers among {', '.join(self.every_layer)}")
        return replace(self, layers=probed(self.layers, names))

    def probes(self, caches: dict[str, Any]) -> dict[str, Seen]:
        return probes(self.layers, caches)

    def activations(self, x: Array) -> Arrays:
        """The output of every layer at inference, by name: for calibration and for looking inside.

        Those of layers in residual blocks are named as in `probed`.
        """
        network = self.probed(self.every_layer)
        _, caches = network.forward(x)
        return {name: seen.y for name, seen in network.probes(caches).items()}


def check_network(model: Any, argument: str) -> None:
    """Refuse what is no network of layers, with what to write instead."""
    if not isinstance(model, Inspected):
        refuse_network(model, argument, "a Sequential")


def refuse_network(model: Any, argument: str, needed: str) -> NoReturn:
    """Say what to write for what is no network."""
    if callable(model) and hasattr(model, "__name__"):
        needed += f", which a call may give: {model.__name__}()"
    elif isinstance(model, str | os.PathLike):
        needed += ": tinyzip.quant.training.saved.load(path)"
    elif hasattr(model, "grids"):
        needed += ": its .model()" if callable(model.grids) else ": its .model"
    elif hasattr(model, "operators"):
        needed += " of floats; a program's classes are tinyzip.quant.door.classify.classify(…)"
    refuse(argument, said(model), needed, TypeError)


AnyInspected = TypeVar("AnyInspected", bound=Inspected)
