"""What a layer is: the geometry of one step of a network, and no array of it.

A layer knows its sizes. Its arrays are handed in as `p`, the layer's part of the network's one flat
dict, and whatever backward will need is handed back as `cache`:

    y, cache = layer.forward(p, x)          dx, dp = layer.backward(p, dy, cache)

Nothing is stored on the way, so two forwards do not disturb each other, shards of a batch can run on
threads, and one layer can serve on other arrays (a teacher's, an average's, fake-quantized ones).

Weights start as Kaiming's normal draws, zero mean and standard deviation √(2 / fan-in), which keep the
variance of activations from layer to layer under rectifiers [He et al. 2015, eq. 10]; biases start at zero.
"""

import math
from typing import Any, Protocol

import numpy as np

from tinyzip.base.refuse import refuse, whole
from tinyzip.nn.ops.checks import Array, Shape, check_lengths

Arrays = dict[str, Array]
Draws = np.random.Generator | None  # None: nothing is drawn


class Layer(Protocol):
    """One function of a network. Layers without arrays take the defaults below `backward`."""

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of one example after the layer, (C, H, W) or (C,); refuses one that does not fit."""
        ...

    def forward(self, p: Arrays, x: Array, *, train: bool = False, rng: Draws = None) -> tuple[Array, Any]:
        """y, and the cache for `backward`. train and rng matter to BatchNorm and Dropout only."""
        ...

    def backward(self, p: Arrays, dy: Array, cache: Any) -> tuple[Array, Arrays]:
        """dx, and the gradients of the layer's arrays by name."""
        ...

    def parameter_shapes(self) -> dict[str, Shape]:
        """The layer's arrays: their names and shapes."""
        return {}

    def running(self) -> tuple[str, ...]:
        """The arrays that get no gradient, but follow `statistics`."""
        return ()

    def statistics(self, p: Arrays, cache: Any) -> Arrays:
        """What the arrays of `running` become by a training forward, as new arrays; {} by any other."""
        return {}

    def initialize(self, rng: np.random.Generator, dtype: Any = np.float32) -> Arrays:
        """First values for the layer's arrays: drawn for `w`, zeros for the rest."""
        return {
            name: kaiming(rng, shape, dtype) if name == "w" else np.zeros(shape, dtype)
            for name, shape in self.parameter_shapes().items()
        }

    def multiplications(self, shape: Shape) -> int:
        """Multiply-accumulates for one example of this shape."""
        return 0


def kaiming(rng: np.random.Generator, shape: Shape, dtype: Any) -> Array:
    """Normal draws with standard deviation √(2 / fan-in); fan-in is all axes but the first."""
    if not isinstance(rng, np.random.Generator):
        refuse("initialize: rng", type(rng).__name__, "a numpy.random.Generator", TypeError)
    return (rng.standard_normal(shape) * math.sqrt(2 / math.prod(shape[1:]))).astype(dtype)


def check_sizes(layer: str, **sizes: int) -> None:
    for name, size in sizes.items():
        whole(size, f"{layer}: {name}", 1)


def check_image(shape: Shape, layer: str, C: int | None = None) -> None:
    check_lengths(shape, f"{layer}: an example's shape")
    if len(shape) != 3 or (C is not None and shape[0] != C):
        refuse(layer, f"an example of shape {shape}", f"an image ({'C' if C is None else C}, H, W)")
