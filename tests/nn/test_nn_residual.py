"""Residual blocks: what they compute, forward and back, printed and fast, alone and inside a network."""

import numpy as np
import pytest
from gradcheck import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from shapes import distinct, normal

from tinyzip.nn.activations import Sigmoid
from tinyzip.nn.described import describe_layers, layers_of
from tinyzip.nn.fast.added import FastResidual
from tinyzip.nn.inspected import Inspected
from tinyzip.nn.joins import Concatenation, Product
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
from tinyzip.nn.residual import Residual, substituted
from tinyzip.nn.sequential import Sequential

SHAPE = (2, 6, 6)


def branch(draw, C, F, stride):
    """A few layers from C channels to F, through which gradients are smooth, or have their kinks far away."""
    layers = {"conv1": Conv2d(C, F, draw(st.sampled_from([1, 3])), stride, 0, bias=draw(st.booleans()))}
    if layers["conv1"].kernel == (3, 3):
        layers["conv1"] = Conv2d(C, F, 3, stride, 1)
    if draw(st.booleans()):
        layers["norm"] = BatchNorm(F)
    if draw(st.booleans()):
        layers["relu"] = ReLU()
    if draw(st.booleans()):
        layers["drop"] = Dropout(0.4)
    if draw(st.booleans()):
        layers["conv2"] = Conv2d(F, F, 3, padding=1, groups=draw(st.sampled_from([1, F])))
    return layers


@st.composite
def blocks(draw, C=2, deep=True):
    """A residual block for images of C channels, 6×6: any shortcut, one more block inside or none."""
    F, stride = draw(st.sampled_from([(C, 1), (3, 1), (3, 2)]))
    body = branch(draw, C, F, stride)
    inner = draw(blocks(F, deep=False)) if deep else None
    if inner and inner.output_shape((F, 6, 6)) == (F, 6, 6):
        body["inner"] = inner
    kind = draw(st.sampled_from([Residual, Residual, Product, Concatenation]))
    if kind is Product:  # one of whose ways is a gate
        body["gate"] = Sigmoid()
    if (F, stride) == (C, 1) and draw(st.booleans()):
        return kind(body)
    shortcut = branch(draw, C, F, stride)
    if stride == 2 and draw(st.booleans()):
        shortcut = {"pool": draw(st.sampled_from([AvgPool2d(2), MaxPool2d(2)])), "conv": Conv2d(C, F, 1)}
    if kind is Product and draw(st.booleans()):
        (body if draw(st.booleans()) else shortcut)["squeeze"] = GlobalAvgPool()
    if kind is Concatenation:
        return Concatenation(body, shortcut, draw(st.booleans()))
    return kind(body, shortcut)


@st.composite
def networks(draw, dtype=np.float64):
    """A network with one residual block or two, first, in the middle, and last before the average."""
    layers = {} if draw(st.booleans()) else {"conv": Conv2d(2, 2, 3, padding=1), "relu": ReLU()}
    layers["block1"] = draw(blocks())
    if draw(st.booleans()):
        layers["relu1"] = ReLU()
    F = layers["block1"].output_shape(SHAPE)[0]
    if draw(st.booleans()):
        layers["block2"] = Residual({"conv": Conv2d(F, F, 3, padding=1), "norm": BatchNorm(F)})
    layers |= {"average": GlobalAvgPool(), "flatten": Flatten(), "out": Linear(F, 3)}
    return randomized(layers, draw(st.integers(0, 2**32)), dtype)


def randomized(layers, seed, dtype=np.float64):
    """All arrays drawn: none is zero or one for all channels."""
    rng = np.random.default_rng(seed)
    net = Sequential.create(layers, SHAPE, rng, dtype)
    return net.with_params(
        {
            key: (
                rng.uniform(0.5, 2, a.shape)
                if key.endswith(("var", "gamma"))
                else rng.normal(0.3, 1, a.shape)
            ).astype(dtype)
            for key, a in net.params.items()
        }
    )


def test_without_a_shortcut_it_is_x_plus_the_body_by_hand():
    """(RS1)"""
    x = np.arange(8.0).reshape(1, 2, 2, 2)
    block = Residual({"conv": Conv2d(1, 1, 1)})
    p = {"body.conv.w": np.full((1, 1, 1, 1), 10.0), "body.conv.b": np.array([0.5])}
    y, _ = block.forward(p, x)
    np.testing.assert_array_equal(y, 11 * x + 0.5)
    both = Residual({"conv": Conv2d(1, 1, 1)}, {"conv": Conv2d(1, 1, 1, bias=False)})
    y, _ = both.forward(p | {"shortcut.conv.w": np.full((1, 1, 1, 1), -3.0)}, x)
    np.testing.assert_array_equal(y, 7 * x + 0.5)


@given(networks(), st.booleans())
def test_a_network_of_fast_blocks_is_the_printed_one(net, train):
    """Forward, backward, statistics: within the rounding of sums in another order.

    Both go back from the same derivative: one of z would be as far apart as z times what comes after it.
    """
    x, dz = normal(1, *SHAPE, 5), normal(2, 3, 5)

    def run(network):
        z, caches = network.forward(x, train=train, rng=np.random.default_rng(7))
        return z, network.backward(dz, caches), network.statistics(caches)

    assert any(isinstance(stage, FastResidual) for stage in net.steps.values())
    (z, grads, statistics), (plain, slow_grads, slow_statistics) = run(net), run(net.printed())

    def near(array, printed, name):
        largest = max(1, np.abs(printed).max())
        np.testing.assert_allclose(array, printed, rtol=0, atol=1e-10 * largest, err_msg=name)

    near(z, plain, "z")
    assert grads.keys() == slow_grads.keys() == set(net.trainable())
    assert (
        statistics.keys() == slow_statistics.keys() == (net.params.keys() - grads.keys() if train else set())
    )
    for found, expected in ((grads, slow_grads), (statistics, slow_statistics)):
        for key, array in found.items():
            near(array, expected[key], key)


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("kind", [Sequential, Inspected])
def test_backward_is_the_gradient_of_a_network_with_blocks(kind, train):
    """(RS2)"""
    inner = Residual({"conv": Conv2d(3, 3, 3, padding=1)})
    layers = {
        "first": Residual({"conv": Conv2d(2, 2, 1), "drop": Dropout(0.3)}),
        "block": Residual(
            {"conv1": Conv2d(2, 3, 3, 2, 1), "norm": BatchNorm(3), "inner": inner},
            {"pool": AvgPool2d(2), "conv": Conv2d(2, 3, 1, bias=False)},
        ),
        "average": GlobalAvgPool(),
        "flatten": Flatten(),
        "out": Linear(3, 2),
    }
    net = randomized(layers, 3)
    net = kind(net.layers, net.params, net.shape)
    x = distinct(1, *SHAPE, 3) / 50

    def forward():
        return net.forward(x, train=train, rng=np.random.default_rng(2))

    z, caches = forward()
    dz = normal(3, *z.shape)
    grads = net.backward(dz, caches)
    assert grads.keys() == set(net.trainable())
    assert_gradients(lambda: forward()[0], {key: net.params[key] for key in grads}, grads, dz)


SE = {"squeeze": GlobalAvgPool(), "conv": Conv2d(2, 2, 1), "gate": Sigmoid()}


@pytest.mark.parametrize(
    "block",
    [
        Residual({"conv": Conv2d(2, 2, 3, padding=1)}, {"conv": Conv2d(2, 2, 1)}),
        Product({"conv": Conv2d(2, 2, 3, padding=1)}, {"conv": Conv2d(2, 2, 1)}),
        Product({"conv": Conv2d(2, 2, 1)}),
        Product(SE),
        Product({"conv": Conv2d(2, 2, 1)}, SE),
        Concatenation({"conv": Conv2d(2, 3, 3, padding=1)}),
        Concatenation({"conv": Conv2d(2, 3, 1)}, {"conv": Conv2d(2, 2, 1)}, swapped=True),
    ],
)
def test_the_printed_block_gives_the_gradient_of_its_input(block):
    """(JN1), (JN2)"""
    p = {key: normal(k, *shape) for k, (key, shape) in enumerate(block.parameter_shapes().items())}
    x = normal(9, 2, 3, 3, 2)
    y, cache = block.forward(p, x)
    dy = normal(10, *y.shape)
    dx, _ = block.backward(p, dy, cache)
    assert_gradients(lambda: block.forward(p, x)[0], {"x": x}, {"x": dx}, dy)


def test_joins_by_hand():
    """(JN1), (JN2)"""
    x = np.arange(1, 9.0).reshape(2, 2, 2, 1)
    p = {"body.conv.w": np.array([[10.0, 0], [0, 100]]).reshape(2, 2, 1, 1), "body.conv.b": np.zeros(2)}
    y, _ = Product({"conv": Conv2d(2, 2, 1)}).forward(p, x)
    np.testing.assert_array_equal(y, x * x * np.array([10, 100]).reshape(2, 1, 1, 1))
    y, _ = Product({"mean": GlobalAvgPool()}).forward({}, x)
    np.testing.assert_array_equal(y, x * np.array([2.5, 6.5]).reshape(2, 1, 1, 1))
    y, _ = Concatenation({"relu": Conv2d(2, 1, 1, bias=False)}).forward(
        {"body.relu.w": np.ones((1, 2, 1, 1))}, x
    )
    np.testing.assert_array_equal(y, np.concatenate([x[:1] + x[1:], x]))
    block = Concatenation({"relu": ReLU()}, swapped=True)
    np.testing.assert_array_equal(block.forward({}, -x)[0], np.concatenate([-x, 0 * x]))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (
            Product({"conv": Conv2d(2, 3, 1)}),
            r"Product: shortcut: found one that gives the shape \(2, 6, 6\)",
        ),
        (
            Product({"pool": MaxPool2d(2)}),
            r"needed the body's, \(2, 3, 3\), or one pixel of as many channels",
        ),
        (Product({"flat": Flatten()}), "Product: shortcut"),
        (
            Concatenation({"pool": MaxPool2d(2)}),
            r"differs from the body's, \(2, 3, 3\), in its channels alone",
        ),
        (Concatenation({"flat": Flatten()}), "Concatenation: shortcut"),
    ],
)
def test_shapes_that_do_not_join_are_refused(block, message):
    with pytest.raises(ValueError, match=message):
        block.output_shape(SHAPE)


def test_joins_come_back_from_a_description():
    layers = {"a": Product({"conv": Conv2d(2, 2, 1)}), "b": Concatenation({"relu": ReLU()}, swapped=True)}
    assert layers_of(describe_layers(layers)) == layers


@given(networks(np.float32))
def test_every_layer_can_be_seen_by_the_way_to_it(net):
    x = normal(1, *SHAPE, 3).astype(np.float32)
    seen = net.activations(x)
    assert list(seen) == list(net.every_layer) == list(net.output_shapes())
    for name, y in seen.items():
        assert y.shape == (*net.output_shapes()[name], 3)
    z, _ = net.forward(x)
    np.testing.assert_allclose(seen["out"], z, rtol=1e-4, atol=1e-4)
    block = net.layers["block1"]
    before = seen.get("relu", x)
    end = before if not block.shortcut else seen[f"block1.shortcut.{list(block.shortcut)[-1]}"]
    joined = block.join(seen[f"block1.body.{list(block.body)[-1]}"], end, {})
    np.testing.assert_array_equal(seen["block1"], joined)


@pytest.mark.parametrize("kind", [Sequential, Inspected])
def test_a_derivative_left_inside_a_block_reaches_the_layers_before_it(kind):
    """(PR1)"""
    layers = {
        "conv": Conv2d(2, 2, 1),
        "block": Residual({"conv": Conv2d(2, 2, 1), "relu": ReLU()}, {"conv": Conv2d(2, 2, 1)}),
        "relu": ReLU(),
        "average": GlobalAvgPool(),
    }
    net = randomized(layers, 5)
    net = kind(net.layers, net.params, net.shape).probed(["block.body.conv", "block", "conv"])
    x = normal(4, *SHAPE, 2)
    z, caches = net.forward(x)
    seen = net.probes(caches)
    assert list(seen) == ["conv", "block.body.conv", "block"]
    weights = {name: normal(6, *probe.y.shape) for name, probe in seen.items()}
    for name, probe in seen.items():
        probe.dy = weights[name]
    dz = normal(5, *z.shape)
    grads = net.backward(dz, caches)

    def loss():
        z, caches = net.forward(x)
        total = float(np.sum(z * dz))
        return np.array(total + sum(np.sum(s.y * weights[n]) for n, s in net.probes(caches).items()))

    assert_gradients(loss, {key: net.params[key] for key in grads}, grads, np.array(1.0))


@given(networks(np.float32))
def test_a_file_holds_a_block_whole(net):
    described = net.structure()
    again = Sequential.of_structure(described, net.params)
    assert again.layers == net.layers and again.structure() == described
    assert [*again.every_layer] == [*net.every_layer]
    assert net.probed(["block1.body.conv1"]).structure() == described


def test_a_table_counts_what_is_inside_a_block_once():
    net = randomized({"block": Residual({"conv": Conv2d(2, 2, 3, padding=1)}), "flat": Flatten()}, 0)
    lines = net.summary().splitlines()
    assert [line.split()[0] for line in lines[-4:]] == ["block.body.conv", "block", "flat", "total"]
    assert lines[-1].split() == ["total", "38", "1,296"]


def test_a_block_multiplies_as_often_as_all_its_layers():
    body = {"conv1": Conv2d(2, 3, 3, padding=1), "relu": ReLU(), "conv2": Conv2d(3, 4, 1)}
    block = Residual(body, {"conv": Conv2d(2, 4, 1)})
    assert block.multiplications((2, 5, 7)) == (2 * 3 * 9 + 3 * 4 + 2 * 4) * 35


def test_what_is_no_block_is_refused():
    conv = Conv2d(2, 2, 3)
    for body, message in (({}, "body: found none"), ([conv], "body: found"), (None, "body: found none")):
        with pytest.raises(ValueError, match=f"Residual: {message}"):
            Residual(body)
    with pytest.raises(TypeError, match=r"Residual: shortcut\['conv'\]: found <class .*, needed a layer"):
        Residual({"conv": conv}, {"conv": Conv2d})
    with pytest.raises(
        ValueError, match=r"block: Residual: shortcut: found .* shape \(2, 6, 6\), needed .*4, 4"
    ):
        randomized({"block": Residual({"conv": conv})}, 0)
    with pytest.raises(ValueError, match=r"^block: body.conv: Conv2d: found an example of shape \(2, 6, 6\)"):
        randomized({"block": Residual({"conv": Conv2d(3, 2, 1)})}, 0)
    same = Residual({"conv": Conv2d(2, 2, 1)})
    for layers in ({"block.body.conv": ReLU(), "block": same}, {"block": same, "block.body.conv": ReLU()}):
        with pytest.raises(ValueError, match=r"found \['block.body.conv'\], needed names without a dot"):
            randomized(layers, 0)
        params = {"block.body.conv.w": np.zeros((2, 2, 1, 1)), "block.body.conv.b": np.zeros(2)}
        with pytest.raises(ValueError, match=r"block.body.conv: found two layers"):
            Sequential(layers, params, SHAPE)
    with pytest.raises(ValueError, match=r"probed: names: found \['block.conv'\]"):
        randomized({"block": same}, 0).probed(["block.conv"])
    with pytest.raises(TypeError, match="layer 'own': found a Mine of your own"):
        Sequential({"block": Residual({"own": Mine()})}, {}, SHAPE).structure()


class Mine(ReLU):
    """A layer of a caller's own."""


@pytest.mark.parametrize("join", [Residual, Product, Concatenation])
def test_a_block_infers_unless_it_is_told_to_train(join):
    block = join({"norm": BatchNorm(2), "drop": Dropout(0.5)})
    p, x = block.initialize(np.random.default_rng(0), np.float64), normal(0, *SHAPE, 3)
    y, cache = block.forward(p, x)
    np.testing.assert_array_equal(y, block.forward(p, x, train=False)[0])
    assert not block.statistics(p, cache)


def test_a_block_has_chains_of_its_own():
    body, shortcut = {"a": ReLU()}, {"b": ReLU()}
    block = Residual(body, shortcut)
    body.clear(), shortcut.clear()
    assert block == Residual({"a": ReLU()}, {"b": ReLU()}) != Residual({"a": ReLU()})
    assert Residual({"a": ReLU()}).shortcut == {} == Residual({"a": ReLU()}, ()).shortcut
    with pytest.raises(ValueError, match=r"^Residual: shortcut: found \[ReLU"):
        Residual({"a": ReLU()}, [ReLU()])


def test_arrays_of_a_block_are_float32_unless_given():
    block = Residual({"conv": Conv2d(2, 2, 1), "norm": BatchNorm(2)})
    for dtype in ({}, {"dtype": np.float64}):
        arrays = block.initialize(np.random.default_rng(0), **dtype)
        assert {array.dtype for array in arrays.values()} == {np.dtype(dtype.get("dtype", np.float32))}
        assert {part: array.shape for part, array in arrays.items()} == block.parameter_shapes()


def test_others_stand_in_the_order_and_by_the_ends_of_names_that_are_told_in_blocks_of_blocks_too():
    inner = Residual({"a": Conv2d(2, 2, 1), "b": ReLU()}, {"a": Conv2d(2, 2, 1)})
    chain = {"a": ReLU(), "one": Concatenation({"two": inner, "a": ReLU()}), "b": ReLU()}
    asked = []

    def by(name, layer):
        asked.append(name)
        more = {".before": Flatten(), "": Dropout(0.5), ".after": Sigmoid()}
        return more if name in ("b", "one.body.two.body.a") else {} if name == "a" else {"": layer}

    found = substituted(chain, by)
    ways = "a one.body.two.body.a one.body.two.body.b one.body.two.shortcut.a one.body.two one.body.a one b"
    assert asked == ways.split()
    assert list(found) == ["one", "b.before", "b", "b.after"]
    assert found["b"] == Dropout(0.5) and isinstance(found["one"], Concatenation)
    two = found["one"].body["two"]
    assert list(two.body) == ["a.before", "a", "a.after", "b"] and two.body["a"] == Dropout(0.5)
    assert two.shortcut == inner.shortcut and list(found["one"].body) == ["two", "a"]
    assert substituted(chain, lambda name, layer: {"": layer}) == chain


def test_a_layer_that_is_described_by_a_number_or_of_no_known_kind_is_refused():
    with pytest.raises(ValueError, match=r"^layer 'a': found the kind 3, needed one of"):
        layers_of({"a": 3})
    for entry, found in (({"kind": "Conv3d"}, "'Conv3d'"), ({"C": 3}, "None"), ({}, "None")):
        with pytest.raises(ValueError, match=rf"^layer 'b': found the kind {found}, needed one of"):
            layers_of({"a": {"kind": "ReLU"}, "b": entry})
    for other in ([], None, "ReLU"):
        with pytest.raises(
            ValueError, match=rf"^layers: found {type(other).__name__}, needed layers by name"
        ):
            layers_of(other)
