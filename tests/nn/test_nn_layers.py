from dataclasses import replace

import numpy as np
import pytest
from gradcheck import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from shapes import distinct, normal

from tinyzip.nn import ops
from tinyzip.nn.activations import GELU, ByPoints, Clip, HardSwish, LeakyReLU, Sigmoid, SiLU, Tanh
from tinyzip.nn.layer import Layer, kaiming
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

IMAGE = (4, 6, 5)
LAYERS = {
    "convolution": (Conv2d(4, 6, (3, 2), stride=(1, 2), padding=((1, 0), (0, 2)), groups=2), IMAGE),
    "convolution without bias": (Conv2d(4, 3, 3, bias=False), IMAGE),
    "depthwise": (Conv2d(4, 8, 3, padding=1, groups=4), IMAGE),
    "pointwise": (Conv2d(4, 3, 1), IMAGE),
    "linear": (Linear(5, 3), (5,)),
    "linear without bias": (Linear(5, 3, bias=False), (5,)),
    "relu": (ReLU(), IMAGE),
    "clip": (Clip(-0.4, 1.2), IMAGE),
    "clip from above": (Clip(high=6.0), (5,)),
    "leaky relu": (LeakyReLU(0.2), IMAGE),
    "sigmoid": (Sigmoid(), IMAGE),
    "tanh": (Tanh(), IMAGE),
    "silu": (SiLU(), IMAGE),
    "hard swish": (HardSwish(), (5,)),
    "gelu": (GELU(), IMAGE),
    "by points": (ByPoints((-1, 1, 3), (-2, 1, 0)), IMAGE),
    "flatten": (Flatten(), IMAGE),
    "max pool": (MaxPool2d(3, 2, 1), IMAGE),
    "average pool": (AvgPool2d((2, 3), padding=(1, 0)), IMAGE),
    "global average": (GlobalAvgPool(), IMAGE),
    "batch norm": (BatchNorm(4, eps=1e-2), IMAGE),
    "batch norm of features": (BatchNorm(5, eps=1e-2), (5,)),
    "dropout": (Dropout(0.5), IMAGE),
}


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_gives_the_shape_it_announces_and_its_gradient(name, train):
    layer, shape = LAYERS[name]
    p = layer.initialize(np.random.default_rng(0), np.float64)
    x = distinct(1, *shape, 3)

    def forward():
        return layer.forward(p, x, train=train, rng=np.random.default_rng(2))

    y, cache = forward()
    assert y.shape == (*layer.output_shape(shape), 3)
    dy = normal(3, *y.shape)
    dx, dp = layer.backward(p, dy, cache)
    arrays = {"x": x} | {part: p[part] for part in dp}
    assert_gradients(lambda: forward()[0], arrays, {"x": dx} | dp, dy)


@pytest.mark.parametrize("name", LAYERS)
def test_arrays_have_the_announced_names_and_shapes_and_backward_never_changes_its_inputs(name):
    layer, shape = LAYERS[name]
    p = layer.initialize(np.random.default_rng(0))
    assert {part: array.shape for part, array in p.items()} == layer.parameter_shapes()
    assert all(array.dtype == np.float32 for array in p.values())
    x = normal(1, *shape, 3, dtype=np.float32)
    kept = [array.copy() for array in (x, *p.values())]
    y, cache = layer.forward(p, x, train=True, rng=np.random.default_rng(2))
    dy = y.copy()
    layer.backward(p, dy, cache)
    np.testing.assert_array_equal(dy, y)
    for before, after in zip(kept, (x, *p.values()), strict=True):
        np.testing.assert_array_equal(before, after)


def test_two_forwards_do_not_disturb_each_other():
    layer = Conv2d(2, 3, 3)
    p = layer.initialize(np.random.default_rng(0))
    first, second = (normal(seed, 2, 5, 5, 2, dtype=np.float32) for seed in (1, 2))
    y, cache = layer.forward(p, first)
    alone = layer.backward(p, y, cache)
    y, cache = layer.forward(p, first)
    layer.forward(p, second)
    np.testing.assert_array_equal(alone[0], layer.backward(p, y, cache)[0])


@pytest.mark.parametrize("name", LAYERS)
def test_first_values_are_drawn_for_weights_and_no_layer_does_more_than_it_says(name):
    layer, _ = LAYERS[name]
    assert Layer in type(layer).mro()
    shapes = layer.parameter_shapes()
    assert set(layer.running()) == {"mean", "var"} & shapes.keys()
    if "w" in shapes:
        found, rng = layer.initialize(np.random.default_rng(0)), np.random.default_rng(0)
        np.testing.assert_array_equal(found["w"], kaiming(rng, shapes["w"], np.float32))
        assert not found.get("b", np.zeros(1)).any()
        assert layer.statistics(found, None) == {}


def test_kaiming_draws_have_the_variance_that_rectifiers_need():
    rng = np.random.default_rng(0)
    for layer, fan_in in ((Conv2d(8, 300, 5, groups=2), 100), (Linear(100, 500), 100)):
        p = layer.initialize(rng)
        assert abs(p["w"].std() * (fan_in / 2) ** 0.5 - 1) < 0.02
        assert abs(p["w"].mean()) < 0.01 and not p["b"].any()


def test_batch_norm_starts_as_the_identity_and_dropout_rests_outside_training():
    x = normal(0, *IMAGE, 3, dtype=np.float32)
    norm = BatchNorm(4)
    p = norm.initialize(np.random.default_rng(0))
    np.testing.assert_allclose(norm.forward(p, x)[0], x, rtol=1e-4)
    for options in ({"train": False, "rng": np.random.default_rng(0)}, {}):
        assert Dropout(0.5).forward({}, x, **options)[0] is x
    with pytest.raises(ValueError, match="Dropout: rng: found None, with train=True, needed a "):
        Dropout(0.5).forward({}, x, train=True)


def test_dropout_in_training_is_the_operation():
    x = normal(0, *IMAGE, 3, dtype=np.float32)
    y, mask = Dropout(0.5).forward({}, x, train=True, rng=np.random.default_rng(0))
    for found, expected in zip((y, mask), ops.dropout(x, 0.5, np.random.default_rng(0)), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_batch_norm_hands_the_statistics_back_in_its_cache():
    x = normal(0, *IMAGE, 3)
    norm = BatchNorm(4)
    _, cache = norm.forward(norm.initialize(np.random.default_rng(0), np.float64), x, train=True)
    assert isinstance(cache, ops.BatchNormCache)
    np.testing.assert_allclose(cache.mean, x.mean(axis=(1, 2, 3)))
    np.testing.assert_allclose(cache.var, x.var(axis=(1, 2, 3), ddof=1))


@pytest.mark.parametrize("name", LAYERS)
def test_multiplications_are_the_terms_of_the_sums(name):
    """Ones through weights of one: each output counts its terms, those in the border left out."""
    layer, shape = LAYERS[name]
    if "w" not in layer.parameter_shapes():
        assert layer.multiplications(shape) == 0
        return
    if isinstance(layer, Conv2d):
        layer = replace(layer, padding=0)
    p = {part: np.full(size, float(part == "w")) for part, size in layer.parameter_shapes().items()}
    assert layer.multiplications(shape) == layer.forward(p, np.ones((*shape, 1)))[0].sum()


def test_settings_that_are_not_given_are_the_usual_ones():
    assert Conv2d(2, 3, 1) == Conv2d(2, 3, 1, 1, 0, 1, True) and Linear(2, 3) == Linear(2, 3, True)
    assert BatchNorm(2) == BatchNorm(2, 1e-5, 0.1) and LeakyReLU() == LeakyReLU(0.01)
    assert MaxPool2d((2, 3)) == MaxPool2d((2, 3), (2, 3), 0)


def test_numbers_at_the_ends_of_what_is_possible_are_taken():
    assert LeakyReLU(0).slope == 0 and Dropout(0).rate == 0 and BatchNorm(1, momentum=1).momentum == 1
    assert Clip(low=-3).high is None and ByPoints((0, 1), (5, 5)).X == (0.0, 1.0)
    assert Conv2d(1, 1, 1, 1, 0, 1).parameter_shapes() == {"w": (1, 1, 1, 1), "b": (1,)}
    assert MaxPool2d(1).output_shape((1, 1, 1)) == (1, 1, 1)
    assert AvgPool2d(2, 1, 1).output_shape((1, 1, 1)) == (1, 2, 2)


def test_layers_that_mean_the_same_are_equal():
    assert MaxPool2d(2) == MaxPool2d((2, 2), 2, ((0, 0), (0, 0)))
    assert Conv2d(1, 2, 3, padding=1) == Conv2d(1, 2, (3, 3), 1, (1, 1))
    assert Clip(0, np.float32(6)) == Clip(0.0, 6.0) and Clip(0, 6) != Clip(0)


@pytest.mark.parametrize(
    ("line", "make"),
    [
        ("Conv2d: C", lambda: Conv2d(0, 1, 3)),
        ("Conv2d: F", lambda: Conv2d(1, 1.5, 3)),
        ("Conv2d: kernel", lambda: Conv2d(1, 1, 0)),
        ("Conv2d: stride", lambda: Conv2d(1, 1, 3, stride=(1, 0))),
        ("Conv2d: padding", lambda: Conv2d(1, 1, 3, padding=-1)),
        ("Conv2d: groups", lambda: Conv2d(4, 6, 3, groups=4)),
        ("Linear: F", lambda: Linear(1, True)),
        ("MaxPool2d: kernel", lambda: MaxPool2d("2")),
        ("AvgPool2d: stride", lambda: AvgPool2d(2, 0)),
        ("BatchNorm: C", lambda: BatchNorm(0)),
        ("BatchNorm: eps", lambda: BatchNorm(1, eps=0)),
        ("BatchNorm: eps", lambda: BatchNorm(1, eps=float("inf"))),
        ("BatchNorm: momentum", lambda: BatchNorm(1, momentum=2)),
        ("BatchNorm: momentum", lambda: BatchNorm(1, momentum="1")),
        ("BatchNorm: eps", lambda: BatchNorm(1, eps="1")),
        ("Dropout: rate", lambda: Dropout(None)),
        ("Clip: low, high", lambda: Clip()),
        ("Clip: low, high", lambda: Clip(6, 0)),
        ("Clip: low, high", lambda: Clip(1, 1)),
        ("Clip: low, high", lambda: Clip(0, float("inf"))),
        ("Clip: low, high", lambda: Clip("0", 6)),
        ("LeakyReLU: slope", lambda: LeakyReLU(float("nan"))),
        ("LeakyReLU: slope", lambda: LeakyReLU(True)),
        ("LeakyReLU: slope", lambda: LeakyReLU(-0.1)),
        ("ByPoints: X", lambda: ByPoints((0, 0), (1, 2))),
        ("ByPoints: X", lambda: ByPoints((0, 2, 1), (1, 2, 3))),
        ("ByPoints: X", lambda: ByPoints([0, 1], (1, 2))),
        ("ByPoints: Y", lambda: ByPoints((0, 1), (1, None))),
        ("ByPoints: X, Y", lambda: ByPoints((0, 1), (1, 2, 3))),
        ("ByPoints: X, Y", lambda: ByPoints((0,), (1,))),
        ("Dropout: rate", lambda: Dropout(1)),
    ],
)
def test_layers_with_impossible_sizes_are_refused_when_made(line, make):
    with pytest.raises(ValueError, match=f"{line}: found"):
        make()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Conv2d(3, 1, 3), IMAGE),
        (Conv2d(4, 1, 3), (4,)),
        (Conv2d(4, 1, 7), IMAGE),
        (Linear(5, 1), IMAGE),
        (Linear(5, 1), (6,)),
        (MaxPool2d(7), IMAGE),
        (MaxPool2d(2, padding=2), IMAGE),
        (MaxPool2d(2), (5,)),
        (GlobalAvgPool(), (5,)),
        (BatchNorm(3), IMAGE),
        (BatchNorm(2), (2, 0, 5)),
        (BatchNorm(2), (2, 5)),
        (Conv2d(4, 1, 3), (4, 5.0, 5)),
        (GlobalAvgPool(), (2, -1, 5)),
        (Flatten(), (2, 0)),
        (ReLU(), None),
        (GELU(), (0, 3)),
        (Dropout(0.5), [3]),
    ],
)
def test_examples_that_do_not_fit_are_refused(layer, shape):
    with pytest.raises(ValueError, match=type(layer).__name__):
        layer.output_shape(shape)


def test_first_values_need_a_generator():
    with pytest.raises(TypeError, match=r"initialize: rng: found int, needed a numpy.random.Generator"):
        Linear(2, 3).initialize(0)


@given(st.floats(0.01, 0.99), st.integers(0, 2**32))
def test_running_statistics_go_a_part_of_the_way_to_those_of_the_batch(momentum, seed):
    rng = np.random.default_rng(seed)
    layer = BatchNorm(3, momentum=momentum)
    p = {name: rng.uniform(0.5, 2, 3) for name in ("gamma", "beta", "mean", "var")}
    x = rng.normal(1, 2, (3, 4, 5, 6))
    _, cache = layer.forward(p, x, train=True)
    found = layer.statistics(p, cache)
    for name, batch in (("mean", x.mean((1, 2, 3))), ("var", x.var((1, 2, 3), ddof=1))):
        np.testing.assert_allclose(found[name], (1 - momentum) * p[name] + momentum * batch)


def test_the_ends_of_a_clip_are_floats_whatever_they_were_given_as():
    clip = Clip(0, 6)
    assert type(clip.low) is type(clip.high) is float and Clip(None, np.float32(2)).high == 2
