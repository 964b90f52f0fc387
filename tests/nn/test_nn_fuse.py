import numpy as np
import pytest
from gradcheck import assert_gradients
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapes import SEEDS, distinct, integral, normal

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fuse import AlignedConvReLUPool, ConvReLUPool, Rectified, fuse
from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, Linear, MaxPool2d, ReLU
from tinyzip.nn.ops import patches
from tinyzip.nn.sequential import Sequential


@st.composite
def chains(draw):
    """(a fused layer, its Conv2d, shape of an image that leaves at least one pooled pixel, N)"""
    fused = draw(st.sampled_from([AlignedConvReLUPool, ConvReLUPool]))
    stride = draw(st.integers(1, 2)) if fused is ConvReLUPool else 1
    groups = draw(st.integers(1, 2)) if fused is ConvReLUPool else 1
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    end = st.integers(0, 2)
    padding = (draw(st.tuples(end, end)), draw(st.tuples(end, end)))
    least = [max(1, k + stride - sum(p)) for k, p in zip(kernel, padding, strict=True)]
    size = tuple(draw(st.integers(low, low + 4)) for low in least)
    C, F, N = (draw(st.integers(1, 3)) for _ in range(3))
    C, F = C * groups, F * groups
    layer = Conv2d(C, F, kernel, stride, padding, groups, bias=draw(st.booleans()))
    return fused(layer), layer, (C, *size), N


def run(layers, p, x, dy_seed, **options):
    """Forward and backward through layers of which the first has the arrays p: y, dx, dp."""
    caches = []
    for k, layer in enumerate(layers):
        x, cache = layer.forward(p if k == 0 else {}, x, **options)
        caches.append(cache)
    y = dy = x
    dy = integral(dy_seed, *y.shape, dtype=y.dtype)
    for k in reversed(range(len(layers))):
        dy, dp = layers[k].backward(p if k == 0 else {}, dy, caches[k])
    return y, dy, dp


def far_from_kinks(z):
    """No two of the values that compete in a pooling window, zero among them, are within 1e-3."""
    F, H, W, N = z.shape
    fours = z[:, : H // 2 * 2, : W // 2 * 2].reshape(F, H // 2, 2, W // 2, 2, N)
    fours = np.moveaxis(fours, (2, 4), (0, 1)).reshape(4, -1)
    rivals = np.sort(np.concatenate([fours, np.zeros((1, fours.shape[1]))]), axis=0)
    return np.min(np.diff(rivals, axis=0)) > 1e-3


@settings(max_examples=150)
@given(chains(), st.booleans(), st.sampled_from([1, 2**21]), SEEDS)
def test_the_fused_layer_is_the_three_layers_bit_for_bit_on_whole_numbers(chain, train, block, seed):
    fused, layer, shape, N = chain
    x = integral(seed, *shape, N, largest=1)  # few values, many ties
    p = {name: integral(seed + 1, *size, largest=1) for name, size in layer.parameter_shapes().items()}
    y, dx, dp = run([layer, ReLU(), MaxPool2d(2)], p, x, seed + 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patches, "BLOCK", block)
        fused_y, fused_dx, fused_dp = run([fused], p, x, seed + 2, train=train)
    np.testing.assert_array_equal(fused_y, y)
    np.testing.assert_array_equal(fused_dx, dx)
    assert fused_dp.keys() == dp.keys()
    for name in dp:
        np.testing.assert_array_equal(fused_dp[name], dp[name])


@settings(max_examples=25)
@given(chains(), SEEDS)
def test_the_fused_backward_is_the_gradient(chain, seed):
    layer, plain, shape, N = chain
    arrays = {"x": normal(seed, *shape, N)}
    arrays |= {name: distinct(seed + 1, *size) for name, size in plain.parameter_shapes().items()}
    x, p = arrays["x"], {name: arrays[name] for name in plain.parameter_shapes()}
    assume(far_from_kinks(plain.forward(p, x)[0]))
    y, cache = layer.forward(p, x, train=True)
    dy = normal(seed + 2, *y.shape)
    dx, dp = layer.backward(p, dy, cache)
    assert_gradients(lambda: layer.forward(p, x)[0], arrays, {"x": dx} | dp, dy)


def test_fuse_joins_what_it_knows_and_leaves_the_rest():
    five, relu, pool = Conv2d(1, 2, 5), ReLU(), MaxPool2d(2)
    assert fuse({"a": five, "b": relu, "c": pool, "d": Flatten()}) == {
        "a": AlignedConvReLUPool(five),
        "d": Flatten(),
    }
    for conv2d in (Conv2d(1, 2, 5, stride=2), Conv2d(2, 2, 5, groups=2), Conv2d(1, 2, 2)):
        assert fuse({"a": conv2d, "b": relu, "c": pool}) == {"a": ConvReLUPool(conv2d)}
    for first, *rest in (
        [five, relu, MaxPool2d(3)],
        [five, relu, MaxPool2d(2, 1)],
        [five, relu, MaxPool2d(2, padding=1)],
        [BatchNorm(2), relu],
        [Linear(2, 2), relu, relu],
    ):
        named = {str(k): layer for k, layer in enumerate([first, *rest])}
        rectified = {"0": Rectified(first)} | {str(k): layer for k, layer in enumerate(rest[1:], 2)}
        assert fuse(named) == rectified
    for layers in ([five, pool, relu], [pool, relu], [relu, five], [five]):
        named = {str(k): layer for k, layer in enumerate(layers)}
        assert fuse(named) == named


@settings(max_examples=60)
@given(st.sampled_from([Conv2d(3, 3, 2), Linear(3, 4), BatchNorm(3)]), st.booleans(), SEEDS)
def test_a_rectified_layer_is_the_layer_and_relu_bit_for_bit(layer, train, seed):
    x = normal(seed, *((3, 4) if isinstance(layer, Linear) else (3, 4, 3, 2)), dtype=np.float32)
    p = {
        name: np.abs(normal(seed + 1, *size, dtype=np.float32))
        for name, size in layer.parameter_shapes().items()
    }
    y, dx, dp = run([layer, ReLU()], p, x, seed + 2, train=train)
    joined_y, joined_dx, joined_dp = run([Rectified(layer)], p, x, seed + 2, train=train)
    np.testing.assert_array_equal(joined_y, y)
    np.testing.assert_array_equal(joined_dx, dx)
    assert joined_dp.keys() == dp.keys()
    for name in dp:
        np.testing.assert_array_equal(joined_dp[name], dp[name])


def test_a_network_gives_the_same_bits_from_fresh_arrays_and_from_a_workspace():
    layers = {"conv": Conv2d(1, 3, 5), "relu": ReLU(), "pool": MaxPool2d(2), "flat": Flatten()}
    net = Sequential.create(layers | {"out": Linear(48, 4)}, (1, 12, 12), np.random.default_rng(0))
    assert list(net.stages) == ["conv", "flat", "out"]
    x, dz = normal(1, 1, 12, 12, 5, dtype=np.float32), normal(2, 4, 5, dtype=np.float32)
    workspace = Workspace()
    for _ in range(3):
        workspace.reset()
        z, caches = net.forward(x, train=True, workspace=workspace)
        grads = net.backward(dz, caches, workspace=workspace)
    fresh_z, fresh_caches = net.forward(x)
    np.testing.assert_array_equal(z, fresh_z)
    for name, gradient in net.backward(dz, fresh_caches).items():
        np.testing.assert_array_equal(grads[name], gradient)


def test_the_fused_layer_refuses_an_image_without_a_pooled_pixel():
    three = Conv2d(1, 1, 3)
    p = three.initialize(np.random.default_rng(0))
    with pytest.raises(ValueError, match="window of 4×4"):
        AlignedConvReLUPool(three).forward(p, np.zeros((1, 3, 3, 1), np.float32))
