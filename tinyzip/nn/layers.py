"""The layers: `tinyzip.nn.ops` with names, and with the check that sizes fit.

Each is a frozen dataclass of sizes. See `tinyzip.nn.layer` for what a layer is, `ops` for the mathematics,
`activations` for more that map every number by itself, `residual` for one that holds others, and `fast` for
how a `Sequential` runs the same.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyzip.base.refuse import flag, is_number, refuse
from tinyzip.base.windows import padding_of, pair
from tinyzip.nn.layer import Arrays, Draws, Layer, check_image, check_sizes
from tinyzip.nn.ops import conv, dense, norm, pool
from tinyzip.nn.ops.checks import Array, Shape, check_groups, check_lengths
from tinyzip.nn.ops.patches import Geometry, geometry_of, pool_geometry

Output = tuple[Array, Any]  # y, cache
Gradients = tuple[Array, Arrays]  # dx, dp


@dataclass(frozen=True)
class Conv2d(Layer):
    """Convolution from C to F channels: `conv.conv2d`. Arrays: w (F, C / groups, kh, kw), b (F,)."""

    C: int
    F: int
    kernel: Any
    stride: Any = 1
    padding: Any = 0
    groups: int = 1
    bias: bool = True

    def __post_init__(self) -> None:
        check_sizes("Conv2d", C=self.C, F=self.F)
        check_groups(self.groups, self.C, self.F, "Conv2d")
        flag(self.bias, "Conv2d: bias")
        object.__setattr__(self, "kernel", pair(self.kernel, "Conv2d: kernel"))
        object.__setattr__(self, "stride", pair(self.stride, "Conv2d: stride"))
        object.__setattr__(self, "padding", padding_of(self.padding, "Conv2d: padding"))

    def parameter_shapes(self) -> dict[str, Shape]:
        w = {"w": (self.F, self.C // self.groups, *self.kernel)}
        return w | ({"b": (self.F,)} if self.bias else {})

    def output_shape(self, shape: Shape) -> Shape:
        return self.F, *self.geometry(shape).outputs

    def geometry(self, shape: Shape) -> Geometry:
        """Where the windows over an image of shape (C, H, W) lie."""
        check_image(shape, "Conv2d", self.C)
        return geometry_of(shape, self.kernel, self.stride, self.padding, "Conv2d")

    def multiplications(self, shape: Shape) -> int:
        return math.prod(self.output_shape(shape)) * math.prod(self.parameter_shapes()["w"][1:])

    def forward(self, p: Arrays, x: Array, **_: Any) -> Output:
        return conv.conv2d(x, p["w"], p.get("b"), self.stride, self.padding, self.groups), x

    def backward(self, p: Arrays, dy: Array, cache: Any) -> Gradients:
        dx, dw, db = conv.conv2d_backward(dy, cache, p["w"], self.stride, self.padding, self.groups)
        return dx, {"w": dw, "b": db} if self.bias else {"w": dw}


@dataclass(frozen=True)
class Linear(Layer):
    """Fully connected, from C to F features: `dense.linear`. Arrays: w (F, C), b (F,)."""

    C: int
    F: int
    bias: bool = True

    def __post_init__(self) -> None:
        check_sizes("Linear", C=self.C, F=self.F)
        flag(self.bias, "Linear: bias")

    def parameter_shapes(self) -> dict[str, Shape]:
        return {"w": (self.F, self.C)} | ({"b": (self.F,)} if self.bias else {})

    def output_shape(self, shape: Shape) -> Shape:
        if shape != (self.C,):
            refuse("Linear", f"an example of shape {shape}", f"shape ({self.C},)")
        return (self.F,)

    def multiplications(self, shape: Shape) -> int:
        return self.C * self.F

    def forward(self, p: Arrays, x: Array, **_: Any) -> Output:
        return dense.linear(x, p["w"], p.get("b")), x

    def backward(self, p: Arrays, dy: Array, cache: Any) -> Gradients:
        dx, dw, db = dense.linear_backward(dy, cache, p["w"])
        return dx, {"w": dw, "b": db} if self.bias else {"w": dw}


@dataclass(frozen=True)
class Activation(Layer):
    """y = f(x) at each place. The cache is x."""

    @abstractmethod
    def of(self, x: Array) -> Array:
        """f(x), of x's shape and dtype."""

    def output_shape(self, shape: Shape) -> Shape:
        return check_lengths(shape, f"{type(self).__name__}: an example's shape")

    def forward(self, p: Arrays, x: Array, **_: Any) -> Output:
        return self.of(x), x


@dataclass(frozen=True)
class ReLU(Activation):
    """max(x, 0): `dense.relu`. The cache is y."""

    def of(self, x: Array) -> Array:
        return dense.relu(x)

    def forward(self, p: Arrays, x: Array, **_: Any) -> Output:
        y = self.of(x)
        return y, y

    def backward(self, p: Arrays, dy: Array, cache: Any) -> Gradients:
        return dense.relu_backward(dy, cache), {}


@dataclass(frozen=True)
class Flatten(Layer):
    """(C, H, W) to (C·H·W,), row-major. A view."""

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(check_lengths(shape, "Flatten: an example's shape")),)

    def forward(self, p: Arrays, x: Array, **_: Any) -> Output:
        return dense.flatten(x), x.shape

    def backward(self, p: Arrays, dy: Array, cache: Any) -> Gradients:
        return dense.flatten_backward(dy, cache), {}


@dataclass(frozen=True)
class Pool(Layer):
    """What the two poolings share: a window, its stride (None: the window), and a padding."""

    kernel: Any
    stride: Any = None
    padding: Any = 0

    def __post_init__(self) -> None:
        name = type(self).__name__
        object.__setattr__(self, "kernel", pair(self.kernel, f"{name}: kernel"))
        stride = self.kernel if self.stride is None else pair(self.stride, f"{name}: stride")
        object.__setattr__(self, "stride", stride)
        object.__setattr__(self, "padding", padding_of(self.padding, f"{name}: padding"))

    def output_shape(self, shape: Shape) -> Shape:
        return shape[0], *self.geometry(shape).outputs

    def geometry(self, shape: Shape) -> Geometry:
        """Where the windows over an image of shape (C, H, W) lie."""
        name = type(self).__name__
        check_image(shape, name)
        return pool_geometry(shape, self.kernel, self.stride, self.padding, name)


@dataclass(frozen=True)
class MaxPool2d(Pool):
    """The largest value of each window: `pool.max_pool2d`."""

    def forward(self, p: Arrays, x: Array, **_: Any) -> Output:
        y, arg = pool.max_pool2d(x, self.kernel, self.stride, self.padding)
        return y, (arg, x.shape)

    def backward(self, p: Arrays, dy: Array, cache: Any) -> Gradients:
        arg, shape = cache
        return pool.max_pool2d_backward(dy, arg, shape, self.kernel, self.stride, self.padding), {}


@dataclass(frozen=True)
class AvgPool2d(Pool):
    """The average of each window, padding not counted: `pool.avg_pool2d`."""

    def forward(self, p: Arrays, x: Array, **_: Any) -> Output:
        return pool.avg_pool2d(x, self.kernel, self.stride, self.padding), x.shape

    def backward(self, p: Arrays, dy: Array, cache: Any) -> Gradients:
        return pool.avg_pool2d_backward(dy, cache, self.kernel, self.stride, self.padding), {}


@dataclass(frozen=True)
class GlobalAvgPool(Layer):
    """The average of the whole image, (C, H, W) to (C, 1, 1)."""

    def output_shape(self, shape: Shape) -> Shape:
        check_image(shape, "GlobalAvgPool")
        return shape[0], 1, 1

    def forward(self, p: Arrays, x: Array, **_: Any) -> Output:
        return pool.global_avg_pool(x), x.shape

    def backward(self, p: Arrays, dy: Array, cache: Any) -> Gradients:
        return pool.global_avg_pool_backward(dy, cache), {}


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Batch normalisation of C channels or features. Arrays: gamma, beta; mean, var without gradient.

    In training it uses the batch's statistics, and the training loop keeps a running average of them
    (`statistics`). Otherwise it uses the kept.
    """

    C: int
    eps: float = 1e-5
    momentum: float = 0.1

    def __post_init__(self) -> None:
        check_sizes("BatchNorm", C=self.C)
        if not is_number(self.eps) or not 0 < self.eps < math.inf:
            refuse("BatchNorm: eps", self.eps, "a finite number above 0")
        if not is_number(self.momentum) or not 0 < self.momentum <= 1:
            refuse("BatchNorm: momentum", self.momentum, "above 0 and at most 1")

    def parameter_shapes(self) -> dict[str, Shape]:
        return dict.fromkeys(("gamma", "beta", *self.running()), (self.C,))

    def running(self) -> tuple[str, ...]:
        return "mean", "var"

    def initialize(self, rng: np.random.Generator, dtype: Any = np.float32) -> Arrays:
        first = {"gamma": 1, "beta": 0, "mean": 0, "var": 1}
        return {name: np.full(self.C, value, dtype) for name, value in first.items()}

    def output_shape(self, shape: Shape) -> Shape:
        check_lengths(shape, "BatchNorm: an example's shape")
        if len(shape) not in (1, 3) or shape[0] != self.C:
            refuse("BatchNorm", f"an example of shape {shape}", f"({self.C},) or ({self.C}, H, W)")
        return shape

    def forward(self, p: Arrays, x: Array, *, train: bool = False, **_: Any) -> Output:
        if train:
            return norm.batch_norm_train(x, p["gamma"], p["beta"], self.eps)
        return norm.batch_norm(x, **p, eps=self.eps), x

    def backward(self, p: Arrays, dy: Array, cache: Any) -> Gradients:
        if isinstance(cache, norm.BatchNormCache):
            dx, dgamma, dbeta = norm.batch_norm_backward(dy, cache)
        else:
            kept = p["gamma"], p["mean"], p["var"]
            dx, dgamma, dbeta = norm.batch_norm_inference_backward(dy, cache, *kept, self.eps)
        return dx, {"gamma": dgamma, "beta": dbeta}

    def statistics(self, p: Arrays, cache: Any) -> Arrays:
        """kept ← (1 − momentum)·kept + momentum·batch, (C,) each, after a training forward."""
        if not isinstance(cache, norm.BatchNormCache):
            return {}
        batch = {"mean": cache.mean, "var": cache.var}
        return {name: (1 - self.momentum) * p[name] + self.momentum * batch[name] for name in batch}


@dataclass(frozen=True)
class Dropout(Layer):
    """Zeroes each value with probability `rate` in training; draws from the Generator it is given."""

    rate: float

    def __post_init__(self) -> None:
        if not is_number(self.rate) or not 0 <= self.rate < 1:
            refuse("Dropout: rate", self.rate, "a probability from 0 up to, but not including, 1")

    def output_shape(self, shape: Shape) -> Shape:
        return check_lengths(shape, "Dropout: an example's shape")

    def forward(self, p: Arrays, x: Array, *, train: bool = False, rng: Draws = None) -> Output:
        if not train:
            return x, None
        if rng is None:
            refuse("Dropout: rng", "None, with train=True", "a numpy.random.Generator to draw from")
        return norm.dropout(x, self.rate, rng)

    def backward(self, p: Arrays, dy: Array, cache: Any) -> Gradients:
        return dy if cache is None else norm.dropout_backward(dy, cache), {}
