"""A stage held against the layers that it computes."""

from math import prod

import numpy as np
from hypothesis import strategies as st
from rounding import assert_same_sums
from shapes import convolutions, integral, normal

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.layers import Conv2d


@st.composite
def conv_layers(draw, **options):
    """(Conv2d, shape of an image that it fits, N)"""
    (C, H, W, N), (F, _, *kernel), stride, padding, groups = draw(convolutions(**options))
    layer = Conv2d(C, F, tuple(kernel), stride, padding, groups, bias=draw(st.booleans()))
    return layer, (C, H, W), N


def dirty():
    """A workspace that was used before: what it hands out is full of NaN."""
    workspace = Workspace()
    for _ in range(2):
        workspace.empty((1 << 18,), np.float32)[...] = np.nan
        workspace.reset()
    return workspace


def through(stage, p, x, dy, train=True, rng=None):
    """y, dx and the gradients of the arrays, from a stage."""
    workspace = dirty()
    y, cache = stage.forward(p, x, train=train, rng=rng, workspace=workspace)
    dx, dp = stage.backward(p, dy, cache, workspace=workspace, need_dx=True)
    return {"y": y, "dx": dx} | {f"d{name}": array for name, array in dp.items()}


def printed(layers, p, x, dy, train=True):
    """The same from layers, the first of which has the arrays p."""
    caches = []
    for k, layer in enumerate(layers):
        x, cache = layer.forward({} if k else p, x, train=train)
        caches.append(cache)
    y, dp = x, {}
    for layer, cache in zip(reversed(layers), reversed(caches), strict=True):
        dy, dp = layer.backward(p if layer is layers[0] else {}, dy, cache)
    return {"y": y, "dx": dy} | {f"d{name}": array for name, array in dp.items()}


def arrays(values, layers, shape, N, seed, **options):
    """p, x and dy of a chain of layers, from `integral` or `normal`."""
    p = {name: values(seed + 1, *size, **options) for name, size in layers[0].parameter_shapes().items()}
    x = values(seed, *shape, N, **options)
    for layer in layers:
        shape = layer.output_shape(shape)
    return p, x, values(seed + 2, *shape, N, **options)


def assert_equal(stage, layers, shape, N, seed, train=True, largest=4):
    """Bit for bit on whole numbers, of which `largest` is the largest."""
    p, x, dy = arrays(integral, layers, shape, N, seed, largest=largest)
    found, expected = through(stage, p, x, dy, train), printed(layers, p, x, dy)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array, name)


def assert_within_rounding(stage, layer, shape, N, seed):
    """Within the rounding of the same sums, for a layer that is linear in its input and in its arrays.

    The sizes of the terms are what the layer computes from the sizes of what it is given.
    """
    p, x, dy = arrays(normal, [layer], shape, N, seed, dtype=np.float32)
    sizes = printed([layer], *({k: np.abs(a) for k, a in p.items()}, np.abs(x), np.abs(dy)))
    found, expected = through(stage, p, x, dy), printed([layer], p, x, dy)
    many = dy[0].size  # terms of an entry of dw and db
    of_x = prod(p["w"].shape[1:]) + 1  # of y, with the bias
    of_dy = p["w"].size // p["w"].shape[1]  # of dx, at most
    for name, n in {"y": of_x, "dx": of_dy, "dw": many, "db": many}.items():
        if name in expected:
            assert_same_sums(found[name], expected[name], sizes[name], n, name)
