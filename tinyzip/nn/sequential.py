"""A network as a chain of layers and one flat dict of arrays.

    net = Sequential.create({"conv1": Conv2d(1, 10, 5), …}, (1, 28, 28), rng)
    z, caches = net.forward(x, train=True)
    grads = net.backward(dz, caches)                     # keys of net.trainable()

The dict's keys are "layer.array" ("block1.body.conv1.w" inside a residual block), and all that one does to a
network is a function from such a dict to another: initialise, step, fold, fake-quantize, average, save.
`with_params` is the same network on other arrays. Backward is the chain rule, layer by layer from the end;
the gradient of the images themselves is a last step, taken where it is asked for (`image_gradient`).
"""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, Self

import numpy as np

from tinyzip.base.refuse import refuse, said
from tinyzip.base.table import aligned
from tinyzip.machine.workspace import FRESH, Workspace
from tinyzip.nn.described import describe_layers, layers_of
from tinyzip.nn.fast import chain, choose
from tinyzip.nn.fast.stage import AsPrinted, Stage
from tinyzip.nn.layer import Arrays, Layer
from tinyzip.nn.ops.checks import Array, Shape, check_activations, check_array, check_lengths
from tinyzip.nn.probe import Seen, probed, probes
from tinyzip.nn.residual import (
    Placed,
    Residual,
    check_chain,
    every_layer,
    initial,
    parts_of,
    running_of,
    shapes_along,
    shapes_of,
)


@dataclass(frozen=True)
class Sequential:
    """Layers by name in order, their arrays by "layer.array", and the shape of one example.

    input_range  the smallest and the largest number in the inputs that it was trained on; None: not known.
                 It changes no answer: whoever asks with numbers of quite another size is told

    The layers and arrays are checked against each other when the network is made.
    """

    layers: dict[str, Layer]
    params: Arrays
    shape: Shape
    input_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_chain(self.layers, "Sequential: layers")
        check_lengths(self.shape, "Sequential: shape")
        self.output_shapes()
        needed = shapes_of(self.layers)
        if not isinstance(self.params, Mapping):
            refuse("Sequential: params", type(self.params).__name__, "arrays by name", TypeError)
        if self.params.keys() != needed.keys():
            odd = sorted(self.params.keys() ^ needed.keys())
            of_run = any(str(key).startswith("params/") for key in odd)
            hint = "; a checkpoint's model is tinyzip.quant.saved.load(path)" if of_run else ""
            refuse("Sequential: params", f"keys that differ in {odd}", f"the keys {sorted(needed)}{hint}")
        found = (a.dtype for a in self.params.values() if isinstance(a, np.ndarray))
        dtype = next(found, np.dtype(np.float32))
        if dtype.kind != "f":
            refuse("Sequential: params", f"dtype {dtype}", "a floating-point dtype", TypeError)
        for key, shape in needed.items():
            check_array(self.params[key], shape, dtype, f"Sequential: params[{key!r}]")
        if self.input_range is not None:
            low, high = self.input_range
            if not -np.inf < low <= high < np.inf:
                refuse("Sequential: input_range", self.input_range, "(low, high), finite, low ≤ high")

    @classmethod
    def create(
        cls, layers: dict[str, Layer], shape: Shape, rng: np.random.Generator, dtype: Any = np.float32
    ) -> Self:
        """A network with initial arrays, drawn from rng in the order of the layers."""
        if not isinstance(rng, np.random.Generator):
            refuse("Sequential.create: rng", type(rng).__name__, "a numpy.random.Generator", TypeError)
        check_chain(layers, "Sequential: layers")
        return cls(layers, initial(layers, rng, np.dtype(dtype)), shape)

    def with_params(self, params: Arrays) -> Self:
        """The same network on other arrays, which are not copied; refuses other keys or shapes."""
        network = type(self)(self.layers, params, self.shape, self.input_range)
        vars(network)["stages"] = self.stages  # in the place of its cached property: they depend on no array
        return network

    def with_input_range(self, input_range: tuple[float, float] | None) -> Self:
        """The same network, which remembers this range of inputs; with None it takes any without a word."""
        return replace(self, input_range=input_range)

    def part(self, names: Sequence[str]) -> Self:
        """These layers, one or more that follow each other, as a network of their own on the same arrays."""
        own, names = list(self.layers), list(names)
        first = own.index(names[0]) if names and names[0] in own else 0
        if not names or own[first : first + len(names)] != names:
            refuse("part: names", names, f"layers that follow each other among {', '.join(own)}")
        shape = self.every_layer[names[0]].given
        params = {f"{name}.{key}": array for name in names for key, array in self._parts[name].items()}
        return type(self)({name: self.layers[name] for name in names}, params, shape)

    def probed(self, names: Collection[str]) -> Self:
        """The same function of the same arrays, with a `Probe` behind each of the named layers.

        A layer in a residual block is named by the way to it: "block1.body.conv1".
        """
        if unknown := sorted(set(names) - self.every_layer.keys()):
            refuse("probed: names", unknown, f"layers among {', '.join(self.every_layer)}")
        return type(self)(probed(self.layers, names), self.params, self.shape, self.input_range)

    def probes(self, caches: dict[str, Any]) -> dict[str, Seen]:
        """What the probes keep of a forward, by the names of the layers before them."""
        return probes(self.layers, caches)

    def structure(self) -> dict[str, Any]:
        """All but the arrays, as JSON can hold it; TypeError for layers that are not of this package."""
        return {
            "kind": "Sequential",
            "layers": describe_layers(self.layers),
            "shape": list(self.shape),
            "input_range": self.input_range,
        }

    @classmethod
    def of_structure(cls, structure: Mapping[str, Any], params: Arrays) -> Self:
        """What `structure` described, on these arrays; ValueError or TypeError for anything else."""
        seen = structure.get("input_range")
        layers, shape = layers_of(structure["layers"]), tuple(structure["shape"])
        return cls(layers, params, shape, None if seen is None else (float(seen[0]), float(seen[1])))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The arrays' one floating-point dtype."""
        return next((a.dtype for a in self.params.values()), np.dtype(np.float32))

    @property
    def parameter_count(self) -> int:
        """How many numbers the arrays hold, running statistics included."""
        return sum(a.size for a in self.params.values())

    @cached_property
    def every_layer(self) -> dict[str, Placed]:
        """All layers, those in residual blocks among them, with an example's shapes: `every_layer`."""
        return every_layer(self.layers, self.shape)

    def output_shapes(self) -> dict[str, Shape]:
        """Each layer's output for one example, by layer name; refuses a chain that does not fit."""
        return {name: placed.output for name, placed in self.every_layer.items()}

    def trainable(self) -> tuple[str, ...]:
        """The names in `params` that get gradients: all but running statistics."""
        return self._trainable

    def forward(
        self,
        x: Array,
        *,
        train: bool = False,
        rng: np.random.Generator | None = None,
        workspace: Workspace = FRESH,
    ) -> tuple[Array, dict[str, Any]]:
        """Logits and what `backward` needs.

        x        (*shape, N) of the arrays' dtype
        train    batch statistics, and dropout when there is an rng
        returns  z (K, N) (or the last layer's shape), and a cache a layer; both live in the workspace
        """
        self._check_input(x)
        return chain.forward(self.stages, self._parts, x, train=train, rng=rng, workspace=workspace)

    def backward(self, dz: Array, caches: dict[str, Any], *, workspace: Workspace = FRESH) -> Arrays:
        """The gradient of every trainable array, from dz (the shape of z) and the forward's caches."""
        self._check_gradient(dz, caches, "backward")
        _, grads = chain.backward(self.stages, self._parts, dz, caches, workspace=workspace, need_dx=False)
        return {key: grads[key] for key in self.trainable()}

    def image_gradient(self, dz: Array, caches: dict[str, Any], *, workspace: Workspace = FRESH) -> Array:
        """The gradient dx (*shape, N) of the images themselves; arguments as for `backward`."""
        self._check_gradient(dz, caches, "image_gradient")
        dx, _ = chain.backward(self.stages, self._parts, dz, caches, workspace=workspace, need_dx=True)
        assert dx is not None
        return dx

    def statistics(self, caches: dict[str, Any]) -> Arrays:
        """What the arrays without gradient become by a training forward, as new arrays; {} by another.

        Batch norms' kept statistics, see `BatchNorm.statistics`: {"bn1.mean": (C,), "bn1.var": (C,), …}
        """
        return chain.statistics(self.stages, self._parts, caches)

    def activations(self, x: Array) -> Arrays:
        """The output of every layer at inference, by name: for calibration and for looking inside.

        Those of layers in residual blocks are named as in `probed`.
        """
        network = self.probed(self.every_layer)
        _, caches = network.forward(x)
        return {name: seen.y for name, seen in network.probes(caches).items()}

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
        return aligned(rows, words=(0, 1, 2))

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """The layers as `forward` runs them: some are computed together with those that follow."""
        return choose.stages(self.layers, self.shape)

    @cached_property
    def _trainable(self) -> tuple[str, ...]:
        running = set(running_of(self.layers))
        return tuple(key for key in self.params if key not in running)

    @cached_property
    def _parts(self) -> dict[str, Arrays]:
        return parts_of(self.layers, self.params)

    @cached_property
    def _last_shape(self) -> Shape:
        return list(self.output_shapes().values())[-1]

    def _check_gradient(self, dz: Array, caches: dict[str, Any], function: str) -> None:
        check_activations(dz, None, f"{function}: dz")
        if dz.shape[:-1] != self._last_shape:
            refuse(f"{function}: dz", f"shape {dz.shape}", f"{(*self._last_shape, 'N')}")
        if not isinstance(caches, Mapping) or caches.keys() != self.stages.keys():
            found = type(caches).__name__
            refuse(f"{function}: caches", found, "what this network's `forward` gave", TypeError)

    def _check_input(self, x: Array) -> None:
        if not isinstance(x, np.ndarray) or x.dtype != self.dtype:
            refuse(
                "forward: x",
                getattr(x, "dtype", type(x).__name__),
                f"a {self.dtype} array, as tinyzip.train.data.to_input makes it",
                TypeError,
            )
        if x.shape[:-1] != self.shape or x.size == 0:
            refuse("forward: x", f"shape {x.shape}", f"{(*self.shape, 'N')} with N from 1 up")


def check_sequential(model: Any, argument: str) -> None:
    """Refuse what is no Sequential, with what to write instead."""
    if isinstance(model, Sequential):
        return
    needed = "a Sequential"
    if callable(model):
        needed += f", which a call may give: {getattr(model, '__name__', 'it')}()"
    elif isinstance(model, str | os.PathLike):
        needed += ": tinyzip.quant.saved.load(path)"
    elif hasattr(model, "grids"):
        needed += ": its .model()" if callable(model.grids) else ": its .model"
    elif hasattr(model, "operators"):
        needed += ", a network of floats, which a program was made of"
    refuse(argument, said(model), needed, TypeError)


class Textbook(Sequential):
    """The same network as it is printed: each layer by its own forward and backward, nothing from `fast`.

    It gives the same numbers, but for the rounding of sums in another order, and takes up to three times as
    long. Whoever doubts `fast` can train this one: `fit(Textbook(net.layers, net.params, net.shape), …)`.
    """

    @cached_property
    def stages(self) -> dict[str, Stage]:
        shapes = shapes_along(self.layers, self.shape)
        return {
            name: AsPrinted(layer, shape)
            for (name, layer), shape in zip(self.layers.items(), shapes, strict=False)
        }
