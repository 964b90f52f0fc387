"""A network as one would write it on a blackboard: a chain of layers, and one flat dict of their arrays.

    net = Network.create({"conv1": Conv2d(1, 10, 5), …}, (1, 28, 28), rng)
    z, caches = net.forward(x, train=True)                # (CH1)
    grads = net.backward(dz, caches)                      # (CH2): keys of net.trainable()

The dict's keys are "layer.array" ("block1.body.conv1.w" inside a residual block), and all that one does to a
network is a function from such a dict to another: initialise, step, fold, fake-quantize, average, save.
`with_params` is the same network on other arrays.

Here everything runs as it is printed: each layer by its own forward and backward, from `ops`. A `Sequential`
is the same network made fast, and is what the examples hand to `fit`, `evaluate` and the rest; its
`printed()` runs as this one does, on the same arrays. Both compute the same numbers, but for the rounding of
sums that are added up in another order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self, TypeVar

import numpy as np

from tinyzip.base.refuse import is_masked, refuse, said
from tinyzip.nn import chain
from tinyzip.nn.layer import Arrays, Layer
from tinyzip.nn.ops.checks import Array, Shape, check_activations, check_array, check_lengths


@dataclass(frozen=True)
class Network:
    """Layers by name in order, their arrays by "layer.array", and the shape of one example.

    input_range  the smallest and the largest number in the inputs that it was trained on; None: not known.
                 It changes no answer, but numbers of quite another size are warned of
    input_mean   their mean, likewise

    The layers and arrays are checked against each other when the network is made.
    """

    layers: dict[str, Layer]
    params: Arrays
    shape: Shape
    input_range: tuple[float, float] | None = None
    input_mean: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        name = type(self).__name__
        chain.check_chain(self.layers, f"{name}: layers")
        check_lengths(self.shape, f"{name}: shape")
        chain.shapes_along(self.layers, self.shape)  # refuses a chain that does not fit
        chain.check_params(self.params, chain.shapes_of(self.layers), f"{name}: params")
        if self.input_range is not None:
            low, high = self.input_range
            if not -np.inf < low <= high < np.inf:
                refuse(f"{name}: input_range", self.input_range, "(low, high), finite, low ≤ high")

    @classmethod
    def create(
        cls, layers: dict[str, Layer], shape: Shape, rng: np.random.Generator, dtype: Any = np.float32
    ) -> Self:
        """A network with initial arrays, drawn from rng in the order of the layers."""
        if not isinstance(rng, np.random.Generator):
            refuse(f"{cls.__name__}.create: rng", type(rng).__name__, "a numpy.random.Generator", TypeError)
        chain.check_chain(layers, f"{cls.__name__}: layers")
        if dotted := [name for name in layers if "." in name]:
            refuse(f"{cls.__name__}: layers", dotted, "names without a dot, as in 'layer.array'")
        return cls(dict(layers), chain.initial(layers, rng, np.dtype(dtype)), shape)

    def with_params(self, params: Arrays) -> Self:
        """The same network on other arrays, which are not copied; refuses other keys or shapes."""
        return replace(self, params=params)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """The arrays' one floating-point dtype."""
        return next((a.dtype for a in self.params.values()), np.dtype(np.float32))

    def trainable(self) -> tuple[str, ...]:
        """The names in `params` that get gradients: all but running statistics."""
        return self._trainable

    def forward(
        self, x: Array, *, train: bool = False, rng: np.random.Generator | None = None, **_: Any
    ) -> tuple[Array, dict[str, Any]]:
        """Logits and what `backward` needs.

        x        (*shape, N) of the arrays' dtype
        train    batch statistics, and dropout, which needs an rng
        returns  z (K, N) (or the last layer's shape), and a cache a layer
        """
        self.check_input(x, train)
        return chain.forward(self.steps, self.parts, x, train=train, rng=rng)

    def backward(self, dz: Array, caches: dict[str, Any], **_: Any) -> Arrays:
        """The gradient of every trainable array, from dz (the shape of z) and the forward's caches."""
        self.check_gradient(dz, caches, "backward")
        _, grads = chain.backward(self.steps, self.parts, dz, caches)
        for key in self.trainable():
            check_array(grads.get(key), self.params[key].shape, dz.dtype, f"backward: the gradient of {key}")
        return {key: grads[key] for key in self.trainable()}

    def statistics(self, caches: dict[str, Any]) -> Arrays:
        """What the arrays without gradient become by a training forward, as new arrays; {} by another.

        Batch norms' kept statistics, see `BatchNorm.statistics`: {"bn1.mean": (C,), "bn1.var": (C,), …}
        """
        return chain.statistics(self.steps, self.parts, caches)

    @property
    def steps(self) -> dict[str, Any]:
        """What computes, by name: the layers themselves."""
        return self.layers

    @cached_property
    def parts(self) -> dict[str, Arrays]:
        """Each layer's own arrays, by its name."""
        return chain.parts_of(self.layers, self.params)

    @cached_property
    def last_shape(self) -> Shape:
        """The shape of one example's logits."""
        return chain.shapes_along(self.layers, self.shape)[-1]

    @cached_property
    def _trainable(self) -> tuple[str, ...]:
        running = set(chain.running_of(self.layers))
        return tuple(key for key in self.params if key not in running)

    def check_input(self, x: Array, train: bool) -> None:
        """Refuse what are no examples of this network's shape and dtype."""
        if not isinstance(train, bool):
            refuse("forward: train", said(train), "True or False", TypeError)
        if not isinstance(x, np.ndarray) or x.dtype != self.dtype or is_masked(x):
            found = said(x) if is_masked(x) else getattr(x, "dtype", type(x).__name__)
            needed = f"a {self.dtype} array, as tinyzip.train.data.to_input makes it"
            refuse("forward: x", found, needed, TypeError)
        if x.shape[:-1] != self.shape or x.size == 0:
            refuse("forward: x", f"shape {x.shape}", f"{(*self.shape, 'N')} with N from 1 up")

    def check_gradient(self, dz: Array, caches: dict[str, Any], function: str) -> None:
        """Refuse a dz of another shape than z, and what no forward of this network gave."""
        check_activations(dz, None, f"{function}: dz")
        shape = self.last_shape
        if dz.shape[:-1] != shape:
            refuse(f"{function}: dz", f"shape {dz.shape}", f"{(*shape, 'N')}")
        if not isinstance(caches, Mapping) or caches.keys() != self.steps.keys():
            found = type(caches).__name__
            refuse(f"{function}: caches", found, "what this network's `forward` gave", TypeError)


AnyNetwork = TypeVar("AnyNetwork", bound=Network)
