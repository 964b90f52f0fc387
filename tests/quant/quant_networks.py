"""Small networks that can be lowered, and images for them: for the tests of this room."""

import numpy as np
from hypothesis import strategies as st

from tinyzip.nn.layers import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    ReLU,
)
from tinyzip.nn.models import student_net
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.grids.grid import by_channel


def randomized(layers, shape, rng, dtype=np.float32):
    """A network with weights, biases and statistics that are all different from their first values."""
    model = Sequential.create(layers, shape, rng, dtype)
    params = {}
    for name, value in model.params.items():
        if name.endswith(".var"):
            params[name] = rng.uniform(0.2, 2, value.shape).astype(dtype)
        elif value.ndim == 1:
            params[name] = rng.normal(0.1, 0.5, value.shape).astype(dtype)
        else:
            params[name] = value
    return model.with_params(params)


def small_network(dtype=np.float32, **more):
    """A convolution, ReLU, max pool and linear layer for images (1, 8, 8), with `more` layers at the end."""
    layers = {
        "conv": Conv2d(1, 4, 3),
        "relu": ReLU(),
        "pool": MaxPool2d(2),
        "flat": Flatten(),
        "out": Linear(36, 3),
    }
    return randomized(layers | more, (1, 8, 8), np.random.default_rng(5), dtype)


def grouped_network(dtype=np.float32):
    """A convolution, one of two groups, a linear layer; and 230 images (8, 8) whose neighbours are alike."""
    layers = {
        "conv1": Conv2d(1, 4, 3),
        "relu1": ReLU(),
        "pool1": MaxPool2d(2),
        "conv2": Conv2d(4, 4, 2, groups=2),
        "relu2": ReLU(),
        "flatten": Flatten(),
        "fc1": Linear(16, 5),
    }
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 200, (230, 4, 4)).repeat(2, axis=1).repeat(2, axis=2)  # neighbours are alike
    images = coarse + rng.integers(0, 56, (230, 8, 8))
    return randomized(layers, (1, 8, 8), rng, dtype), images.astype(np.uint8)


def random_student():
    """The student's architecture with small random biases, for images (1, 28, 28)."""
    rng = np.random.default_rng(0)
    params = student_net(rng).params
    return student_net().with_params(
        {k: p + rng.normal(scale=0.05, size=p.shape).astype(p.dtype) for k, p in params.items()}
    )


def pictures(count=20, size=8, seed=6):
    """(count, size, size) uint8: as many bright as dark."""
    return np.random.default_rng(seed).integers(0, 256, (count, size, size), np.uint8)


def squared_errors(x, grid):
    """Σ (x − dq(q(x)))² of each channel of x (C, …), in float64."""
    offsets = grid.quantize(x).astype(np.int64) - by_channel(grid.zero, x)
    return ((x - offsets * by_channel(grid.scale, x)) ** 2).reshape(len(x), -1).sum(axis=1)


def squared_error(x, grid):
    """Σ (x − dq(q(x)))², in float64."""
    return float(squared_errors(x, grid).sum())


def assert_same(found, expected):
    """Logits in float64 that differ by rounding only: 2⁻⁴⁰ are some thousand roundings one way."""
    assert np.abs(found - expected).max() <= 2.0**-40 * max(np.abs(expected).max(), 1)


@st.composite
def networks(draw, dtype=np.float32):
    """(model, images uint8): one or two convolutions of any kind, pools, one or two linear layers.

    Batch norms stand anywhere.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    C, H, W = draw(st.integers(1, 3)), draw(st.integers(8, 11)), draw(st.integers(8, 11))
    shape, layers = (C, H, W), {}

    def normed(size):
        """A batch norm, rarely: where it follows no layer with weights too."""
        if draw(st.integers(0, 3)) == 0:
            layers[f"bn{len(layers)}"] = BatchNorm(size)

    normed(C)
    if draw(st.booleans()):
        layers["first"] = AvgPool2d(2, 1) if draw(st.booleans()) else MaxPool2d(2, 1)
    for i in range(draw(st.integers(0, 2))):
        groups = draw(st.sampled_from([1, C]))
        F = groups * draw(st.integers(1, 2)) if groups > 1 else draw(st.sampled_from([2, 3, 4]))
        padding = draw(st.sampled_from([0, 1, ((1, 0), (0, 2))]))
        kernel = draw(st.integers(1, min(3, *_last_shape(layers, shape)[1:])))
        stride, bias = draw(st.integers(1, 2)), draw(st.booleans())
        layers[f"conv{i}"] = Conv2d(C, F, kernel, stride, padding, groups, bias)
        if draw(st.booleans()):
            layers[f"norm{i}"] = BatchNorm(F)
        pool = draw(st.sampled_from([None, MaxPool2d(3, 2, 1), MaxPool2d(2, 2, 1), AvgPool2d(2, 1, 1)]))
        late = draw(st.booleans()) and not isinstance(pool, AvgPool2d)
        if not late and draw(st.booleans()):
            layers[f"relu{i}"] = ReLU()
        if pool is not None:
            layers[f"pool{i}"] = pool
        if late:
            layers[f"relu{i}"] = ReLU()
        C = F
        normed(C)
    if draw(st.booleans()):
        layers["global"] = GlobalAvgPool()
    layers["flat"] = Flatten()
    size = int(np.prod(_last_shape(layers, shape)))
    normed(size)
    if draw(st.booleans()):
        layers |= {"hidden": Linear(size, 6), "relu": ReLU()}
        size = 6
        normed(size)
        layers["drop"] = Dropout(0.5)
        normed(size)
    layers["out"] = Linear(size, 4, bias=draw(st.booleans()))
    normed(4)
    images = rng.integers(0, 256, (draw(st.integers(1, 70)), *shape), np.uint8)
    return randomized(layers, shape, rng, dtype), images


def _last_shape(layers, shape):
    for layer in layers.values():
        shape = layer.output_shape(shape)
    return shape
