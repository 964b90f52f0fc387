"""Depth: the network that runs: a `Network`, with what makes it fast, and what one asks of it besides.

    net = Sequential.create({"conv1": Conv2d(1, 10, 5), …}, (1, 28, 28), rng)

Its layers run as stages, which `fast.choose` lists: some are computed together with those that follow, and
all write into a workspace where one is given. They compute what `network` and `ops` say, by code of their
own. `fit`, `evaluate` and whatever else takes a network run the network they are given: the stages of a
Sequential, and the functions of `ops` for `net.printed()`, which is the same network on the same arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any, Self

import numpy as np

from tinyzip.base.refuse import refuse, said
from tinyzip.base.table import Text, aligned, as_html
from tinyzip.machine.workspace import FRESH, Workspace
from tinyzip.nn import chain
from tinyzip.nn.described import describe, layers_of
from tinyzip.nn.fast import choose
from tinyzip.nn.fast.chain import learning
from tinyzip.nn.fast.stage import Stage
from tinyzip.nn.inspected import Inspected
from tinyzip.nn.layer import Arrays, Draws, Layer
from tinyzip.nn.layers import BatchNorm, Flatten
from tinyzip.nn.ops.checks import Array, Shape
from tinyzip.nn.residual import Placed, Residual, every_layer


class Layout:
    """What follows from layers and the shape of an example, on any arrays: made when first asked for."""

    def __init__(self, layers: dict[str, Layer], shape: Shape) -> None:
        self.layers, self.shape = layers, shape

    @cached_property
    def every_layer(self) -> dict[str, Placed]:
        return every_layer(self.layers, self.shape)

    @cached_property
    def stages(self) -> dict[str, Stage]:
        return choose.stages(self.layers, self.shape)

    @cached_property
    def has_norms(self) -> bool:
        return any(isinstance(placed.layer, BatchNorm) for placed in self.every_layer.values())

    @cached_property
    def repeats(self) -> bool:
        """Is every answer the same list of calls? Those of another's stage may depend on values."""
        return not any(isinstance(placed.layer, Stage) for placed in self.every_layer.values())

    @cached_property
    def repeats_training(self) -> bool:
        """The same of forward and backward, whose caches must be known, too."""
        kinds = {type(placed.layer) for placed in self.every_layer.values()}
        return kinds <= {*choose.STAGES, Flatten}

    @cached_property
    def learning(self) -> dict[str, Any]:
        """The stages that backward goes through where only the arrays' gradients are asked for."""
        return learning(self.stages, self.layers)


@dataclass(frozen=True, repr=False, eq=False)
class Sequential(Inspected):
    """A `Network` by its stages. What it returns lives in the workspace, where there is one.

    layout  of these layers; a network with other arrays is given it, see `with_params`
    """

    layout: Layout = field(default=Layout({}, ()), repr=False, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        if self.layout.layers is not self.layers or self.layout.shape != self.shape:
            object.__setattr__(self, "layout", Layout(self.layers, self.shape))
        super().__post_init__()

    @property
    def every_layer(self) -> dict[str, Placed]:
        return self.layout.every_layer

    @property
    def steps(self) -> dict[str, Stage]:
        """The layers as `forward` runs them: some are computed together with those that follow."""
        return self.layout.stages

    def forward(
        self, x: Array, *, train: bool = False, rng: Draws = None, workspace: Workspace = FRESH, **others: Any
    ) -> tuple[Array, dict[str, Any]]:
        for name, value in others.items():
            refuse(f"forward: {name}", said(value), "train=, rng= or workspace=", TypeError)
        self.check_input(x, train)
        parts = self.parts_for(workspace)
        return chain.forward(self.layout.stages, parts, x, train=train, rng=rng, workspace=workspace)

    def backward(
        self, dz: Array, caches: dict[str, Any], *, workspace: Workspace = FRESH, **_: Any
    ) -> Arrays:
        self.check_gradient(dz, caches, "backward")
        learning, parts = self.layout.learning, self.parts_for(workspace)
        _, grads = chain.backward(learning, parts, dz, caches, workspace=workspace, need_dx=True)
        return {key: grads[key] for key in self.trainable()}

    def parts_for(self, workspace: Workspace) -> dict[str, Arrays]:
        """`parts`, of the kind of the workspace's arrays: so what is made of them alone is noted, too."""
        kind, parts = workspace.kind, self.parts
        if kind is np.ndarray:
            return parts
        return {name: {part: a.view(kind) for part, a in own.items()} for name, own in parts.items()}

    def image_gradient(
        self, dz: Array, caches: dict[str, Any], *, workspace: Workspace = FRESH, **_: Any
    ) -> Array:
        self.check_gradient(dz, caches, "image_gradient")
        dx: Array
        dx, _ = chain.backward(self.steps, self.parts, dz, caches, workspace=workspace, need_dx=True)
        return dx

    def structure(self) -> dict[str, Any]:
        """All but the arrays, as JSON can hold it; TypeError for layers that are not of this package."""
        return describe(self)

    @classmethod
    def of_structure(cls, structure: Mapping[str, Any], params: Arrays) -> Self:
        """What `structure` described, on these arrays; ValueError or TypeError for anything else."""
        seen, mean = structure.get("input_range"), structure.get("input_mean")
        layers, shape = layers_of(structure["layers"]), tuple(structure["shape"])
        network = cls(layers, params, shape, None if seen is None else (float(seen[0]), float(seen[1])))
        return network if mean is None else replace(network, input_mean=float(mean))

    @property
    def parameter_count(self) -> int:
        """How many numbers the arrays hold, running statistics included."""
        return sum(a.size for a in self.params.values())

    def summary(self) -> str:
        """A table: each layer's output shape, number of parameters, and multiply-accumulates an example."""
        rows = [("layer", "kind", "output", "parameters", "multiply-accumulates")]
        multiplications = 0
        for name, (layer, given, output, _) in self.every_layer.items():
            size = macs = 0
            if not isinstance(layer, Residual):  # whose layers have lines of their own
                size = sum(prod(shape) for shape in layer.parameter_shapes().values())
                macs = layer.multiplications(given)
            multiplications += macs
            rows.append((name, type(layer).__name__, "×".join(map(str, output)), f"{size:,}", f"{macs:,}"))
        rows.append(("total", "", "", f"{self.parameter_count:,}", f"{multiplications:,}"))
        return Text(aligned(rows, words=(0, 1, 2)))

    def __repr__(self) -> str:
        outputs = list(self.output_shapes().values())
        size = f"{len(self.layers)} layers, {self.parameter_count:,} parameters"
        return f"Sequential({size}, {self.shape} to {outputs[-1]})"

    def _repr_html_(self) -> str:
        return as_html(self.summary())

    def __eq__(self, other: object) -> bool:
        """The same layers on equal arrays."""
        if not isinstance(other, Sequential):
            return NotImplemented
        return (
            (self.layers, self.shape, self.params.keys()) == (other.layers, other.shape, other.params.keys())
            and list(self.layers) == list(other.layers)
            and all(np.array_equal(array, other.params[name]) for name, array in self.params.items())
        )
