"""What training needs to know of a network, and nothing more.

`fit` never asks what layers a network has. It needs a flat dict of arrays, a function from images to
logits, and the way back. A `Sequential` is such a model; so is a network whose weights are
fake-quantized on their way in, and whose gradients go back through that.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tinyzip.nn.losses import Batch as Batch
from tinyzip.nn.losses import Objective as Objective
from tinyzip.nn.probe import Seen

MANY = 1 << 19  # parameters; two megabytes of float32, more than stays in a core's cache

Array = NDArray[Any]
Arrays = Mapping[str, Array]


class Model(Protocol):
    """A differentiable function of images, with all its arrays in one flat dict.

    params      every array by name ("conv1.w"): those that get gradients, and running statistics
    shape       of one example, (C, H, W) or (C,)
    trainable   the names in `params` that get gradients
    """

    @property
    def params(self) -> Mapping[str, Array]: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    def trainable(self) -> Iterable[str]: ...

    def with_params(self, params: dict[str, Array]) -> Self:
        """The same function on other arrays, which are not copied."""
        ...

    def forward(
        self, x: Array, *, train: bool = False, rng: np.random.Generator | None = None, workspace: Any = ...
    ) -> tuple[Array, Any]:
        """x (C, H, W, N) or (C, N) -> logits (K, N), and what `backward` will want to know.

        workspace  memory to write to (`machine.workspace`), which a model may leave alone
        """
        ...

    def backward(self, dz: Array, caches: Any, *, workspace: Any = ...) -> Mapping[str, Array]:
        """dz (K, N) -> the gradient of every trainable array."""
        ...

    def statistics(self, caches: Any) -> Mapping[str, Array]:
        """What the arrays without gradient become by a training forward, {} if there are none."""
        ...

    def activations(self, x: Array) -> Mapping[str, Array]:
        """x -> the output of every layer by name, in their order."""
        ...


@runtime_checkable
class Probed(Model, Protocol):
    """A model that can show the outputs of its layers in training, and take derivatives by them."""

    def probed(self, names: Collection[str]) -> Self:
        """The same function of the same arrays, with a probe after each of the named layers."""
        ...

    def probes(self, caches: Any) -> Mapping[str, Seen]:
        """What the probes keep of a forward, by the names of the layers before them."""
        ...


@runtime_checkable
class Structured(Protocol):
    """A model that can say, in words and numbers, all that it is but its arrays: a file can hold it whole."""

    def structure(self) -> dict[str, Any]:
        """What JSON can hold, "kind" among it; TypeError where a part is not of this package."""
        ...


@runtime_checkable
class Ranged(Protocol):
    """A model that remembers between which numbers its inputs lay in training, None where unknown."""

    @property
    def input_range(self) -> tuple[float, float] | None: ...

    def with_input_range(self, input_range: tuple[float, float] | None, mean: float | None = None) -> Self:
        """The same function of the same arrays that remembers this range, and the mean of what lay in it."""
        ...


AnyModel = TypeVar("AnyModel", bound=Model)
