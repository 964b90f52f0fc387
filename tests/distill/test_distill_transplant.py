"""A transplanted student computes what its teacher would with the other channels at zero."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import SEEDS

from tinyzip.distill.transplant import by_norm, by_taylor, transplant
from tinyzip.nn import models
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
from tinyzip.nn.losses import cross_entropy
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential
from tinyzip.train.data import to_input

SHAPE, K = (2, 8, 7), 3
HEADS = st.sampled_from(["flatten", "average"])


def network(first, second, hidden, seed, head="flatten"):
    """A convolution, a depthwise one with two outputs an input, a convolution, and two linear layers."""
    layers = {
        "conv1": Conv2d(2, first, 3, bias=False),
        "norm1": BatchNorm(first),
        "relu1": ReLU(),
        "depthwise": Conv2d(first, 2 * first, 3, padding=1, groups=first),
        "norm2": BatchNorm(2 * first),
        "pool": MaxPool2d(2),
        "conv2": Conv2d(2 * first, second, 2),
        "relu2": ReLU(),
    }
    layers |= {"average": GlobalAvgPool()} if head == "average" else {"average": AvgPool2d(1)}
    layers |= {"flatten": Flatten(), "drop": Dropout(0.2)}
    features = second if head == "average" else 2 * second  # conv2 leaves maps of 2×1
    layers |= {"fc1": Linear(features, hidden), "relu3": ReLU(), "fc2": Linear(hidden, K)}
    net = Sequential.create(layers, SHAPE, np.random.default_rng(seed), np.float64)
    rng = np.random.default_rng(seed + 1)  # biases and statistics too; variances stay positive
    moved = {name: array + rng.uniform(0.1, 1, array.shape) for name, array in net.params.items()}
    return net.with_params(moved)


def images(seed, N=5):
    return np.random.default_rng(seed).standard_normal((*SHAPE, N))


def logits(net, x):
    return net.forward(x.astype(net.dtype))[0]


def without(net, kept):
    """The network with all channels of conv1, conv2 and fc1 at zero that are not kept."""
    params = {name: array.copy() for name, array in net.params.items()}

    def silence(layer, channels):
        for name, array in params.items():
            if name.rsplit(".", 1)[0] == layer and name.rsplit(".", 1)[1] not in ("mean", "var"):
                array[np.setdiff1d(np.arange(len(array)), channels)] = 0

    twice = np.ravel([[2 * c, 2 * c + 1] for c in kept["conv1"]])
    for layer, channels in (("conv1", kept["conv1"]), ("norm1", kept["conv1"])):
        silence(layer, channels)
    for layer in ("depthwise", "norm2"):
        silence(layer, twice)
    silence("conv2", kept["conv2"])
    silence("fc1", kept["fc1"])
    return net.with_params(params)


@given(SEEDS, HEADS, st.integers(2, 4), st.data())
def test_sliced_channels_are_the_teacher_with_the_others_at_zero(seed, head, first, data):
    """(K15)"""
    teacher = network(first, 5, 6, seed, head)
    kept = {
        name: np.sort(data.draw(st.permutations(range(F)))[: data.draw(st.integers(1, F))])
        for name, F in (("conv1", first), ("conv2", 5), ("fc1", 6))
    }
    scores = {name: np.isin(np.arange(len(teacher.params[f"{name}.w"])), kept[name]) * 1.0 for name in kept}
    student = network(*(len(kept[name]) for name in ("conv1", "conv2", "fc1")), seed + 7, head)
    cut = transplant(teacher, student, scores=scores)
    x = images(seed)
    expected = logits(without(teacher, kept), x)
    np.testing.assert_allclose(logits(cut, x), expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
    assert cut.layers == student.layers


@given(SEEDS, HEADS)
def test_to_keep_everything_is_the_teacher(seed, head):
    teacher, student = network(3, 4, 5, seed, head), network(3, 4, 5, seed + 9, head)
    for scores in (None, {}, by_norm(student)):  # which to choose does not matter where all are kept
        cut = transplant(teacher, student, scores=scores)
        assert {k: a.tobytes() for k, a in cut.params.items()} == {
            k: a.tobytes() for k, a in teacher.params.items()
        }
        assert not any(np.shares_memory(cut.params[name], array) for name, array in teacher.params.items())


def test_layers_that_are_not_kept_keep_their_own_arrays_and_norms_go_with_the_layer_before():
    teacher, student = network(4, 5, 6, 1), network(2, 3, 4, 2)
    cut = transplant(teacher, student, keep=["conv1", "fc1"])
    whole = transplant(teacher, student)
    for name, array in cut.params.items():
        source = whole if name.split(".")[0] in ("conv1", "norm1", "fc1") else student
        np.testing.assert_array_equal(array, source.params[name])
    assert transplant(teacher, student, keep=()).params.keys() == student.params.keys()
    np.testing.assert_array_equal(
        transplant(teacher, student, keep=()).params["conv2.w"], student.params["conv2.w"]
    )


@pytest.mark.parametrize("small", [models.student_net, models.seed_net])
def test_the_projects_own_networks_fit_into_each_other(small):
    teacher = models.wide_net(np.random.default_rng(3))
    student = transplant(teacher, small(np.random.default_rng(4)))
    norms = np.abs(teacher.params["conv1.w"]).sum(axis=(1, 2, 3))
    largest = np.sort(np.argsort(-norms)[: student.layers["conv1"].F])
    np.testing.assert_array_equal(student.params["conv1.w"], teacher.params["conv1.w"][largest])
    separable = models.separable_net(np.random.default_rng(5))
    copy = transplant(separable, models.separable_net(np.random.default_rng(6)))
    assert all(copy.params[name].tobytes() == array.tobytes() for name, array in separable.params.items())


def test_the_norm_counts_what_a_batch_norm_makes_of_a_filter():
    """(K16)"""
    net = network(4, 5, 6, 1)
    scores = by_norm(net)
    p = net.params
    expected = [
        np.abs(p["conv1.w"][f]).sum() * abs(p["norm1.gamma"][f]) / np.sqrt(p["norm1.var"][f] + 1e-5)
        for f in range(4)
    ]
    np.testing.assert_allclose(scores["conv1"], expected)
    np.testing.assert_allclose(scores["fc2"], np.abs(p["fc2.w"]).sum(axis=1))
    assert scores.keys() == {"conv1", "depthwise", "conv2", "fc1", "fc2"}


@given(st.integers(0, 99))
@settings(max_examples=20)
def test_a_taylor_score_is_the_squared_slope_of_the_loss_along_a_channels_output(seed):
    """(K17): Scaling γ and β, or w and b where no norm follows, by m scales the channel's output by m."""
    net = network(3, 3, 4, seed)
    rng = np.random.default_rng(seed)
    pictures, labels = rng.integers(0, 256, (7, *SHAPE), dtype=np.uint8), rng.integers(0, K, 7)
    scores = by_taylor(net, pictures, labels, batch=4)
    scaled = {"conv1": "norm1", "depthwise": "norm2", "conv2": "conv2", "fc1": "fc1", "fc2": "fc2"}
    assert scores.keys() == scaled.keys()
    for name, layer in scaled.items():
        for f in range(len(scores[name])):
            slopes = []
            for part in (slice(0, 4), slice(4, 7)):
                losses = []
                for m in (1 + 1e-4, 1 - 1e-4):
                    params = {key: array.copy() for key, array in net.params.items()}
                    for key in (f"{layer}.{part}" for part in ("w", "b", "gamma", "beta")):
                        if key in params:
                            params[key][f] *= m
                    z = logits(net.with_params(params), to_input(pictures[part]))
                    losses.append(cross_entropy(z, labels[part])[0])
                slopes.append((losses[0] - losses[1]) / 2e-4)
            # to_input gives float32 pixels to both, so float64 rounding is all: see gradcheck
            assert scores[name][f] == pytest.approx(np.square(slopes).sum(), rel=1e-4, abs=1e-9)


class Own(ReLU):
    """A layer of one's own, with arrays: nobody knows which of them are whose."""

    def parameter_shapes(self):
        return {"w": (1,)}


def test_a_layer_of_ones_own_with_arrays_is_refused():
    layers = {"own": Own(), "flatten": Flatten(), "fc": Linear(112, K)}
    net = Sequential.create(layers, SHAPE, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"^transplant: own: found "):
        transplant(net, net)
    net = Sequential.create(layers | {"own": ReLU()}, SHAPE, np.random.default_rng(0))
    assert transplant(net, net) == net


def test_scores_are_asked_on_data_that_fit():
    net, pictures = network(3, 3, 4, 0), np.zeros((4, *SHAPE), np.uint8)
    with pytest.raises(ValueError, match=r"^by_taylor: labels: found 9 … 9"):
        by_taylor(net, pictures, np.full(4, 9))
    with pytest.raises(ValueError, match=r"^by_taylor: images: found"):
        by_taylor(net, pictures[:, :1], np.zeros(4, int))
    pictures = np.random.default_rng(0).integers(0, 256, (130, *SHAPE), dtype=np.uint8)
    labels = np.arange(130) % K
    for name, scores in by_taylor(net, pictures, labels).items():
        np.testing.assert_array_equal(scores, by_taylor(net, pictures, labels, batch=128)[name])


def test_what_does_not_fit_is_refused_by_name():
    teacher, student = network(4, 5, 6, 1), network(2, 3, 4, 2)
    layers = dict(student.layers)
    for one, two, name in ((models.seed_net, teacher, "teacher"), (teacher, "file", "student")):
        with pytest.raises(TypeError, match=f"^transplant: {name}: found .*, needed a Sequential"):
            transplant(one, two)
    for name, layer in (
        ("pool", AvgPool2d(2)),
        ("conv1", Conv2d(2, 2, 3)),
        ("depthwise", Conv2d(2, 4, 3, padding=1)),
    ):
        odd = Sequential.create(layers | {name: layer}, SHAPE, np.random.default_rng(0))
        with pytest.raises(ValueError, match=f"^transplant: {name}: found .*, needed "):
            transplant(teacher, odd)
    with pytest.raises(ValueError, match=r"^transplant: conv1: found Conv2d\(C=2, F=4"):
        transplant(student, teacher)
    with pytest.raises(ValueError, match=r"^transplant: keep: found \['norm1'\]"):
        transplant(teacher, student, keep=["norm1"])
    with pytest.raises(ValueError, match=r"^transplant: scores\['conv2'\]"):
        transplant(teacher, student, scores=by_norm(teacher) | {"conv2": np.zeros(4)})
    with pytest.raises(ValueError, match=r"^transplant: student"):
        transplant(models.seed_net(), student)
    rng, fc, conv = np.random.default_rng(0), Linear(4, 4), {"conv": Conv2d(1, 2, 3)}
    large = Sequential.create({"fc": fc, "out": Linear(4, 2)}, (4,), rng)
    for layers, line in (
        ({"fc": fc, "relu": ReLU(), "out": Linear(4, 2)}, r"student: found 3 layers for images \(4,\), ne"),
        ({"fc": Linear(4, 5), "out": Linear(5, 2)}, r"fc: found Linear\(C=4, F=5"),
        ({"fc": Linear(4, 4, bias=False), "out": Linear(4, 2)}, r"fc: found Linear\(.*bias=False"),
    ):
        with pytest.raises(ValueError, match=f"^transplant: {line}"):
            transplant(large, Sequential.create(layers, (4,), rng))
    with pytest.raises(
        ValueError, match=r"student: found 1 layers for images \(1, 9, 9\), needed 1 for \(1, 8"
    ):
        transplant(Sequential.create(conv, (1, 8, 8), rng), Sequential.create(conv, (1, 9, 9), rng))
    grouped = {"conv": Conv2d(2, 4, 3), "groups": Conv2d(4, 4, 3, groups=2)}
    narrow = {"conv": Conv2d(2, 2, 3), "groups": Conv2d(2, 2, 3, groups=2)}
    with pytest.raises(ValueError, match=r"^transplant: groups"):
        transplant(*(Sequential.create(net, SHAPE, np.random.default_rng(0)) for net in (grouped, narrow)))


def test_each_channel_of_a_depthwise_convolution_has_as_many_maps_as_the_teachers():
    def net(C, maps):
        layers = {"conv": Conv2d(2, C, 3), "depth": Conv2d(C, maps * C, 3, groups=C)}
        return Sequential.create(layers, SHAPE, np.random.default_rng(0))

    assert transplant(net(4, 2), net(2, 2)).params["depth.w"].shape == (4, 1, 3, 3)
    for maps in (1, 3):
        with pytest.raises(
            ValueError, match=r"^transplant: depth: found Conv2d\(C=2, .*, needed Conv2d\(C=4, "
        ):
            transplant(net(4, 2), net(2, maps))


def blocks(first, second, seed):
    """A convolution, two residual blocks, a convolution and a linear layer."""
    layers = {
        "conv1": Conv2d(2, first, 3),
        "block": Residual(
            {"conv": Conv2d(first, first, 3, padding=1, bias=False), "norm": BatchNorm(first), "relu": ReLU()}
        ),
        "wider": Residual({"conv": Conv2d(first, 6, 1)}, {"conv": Conv2d(first, 6, 1), "norm": BatchNorm(6)}),
        "conv2": Conv2d(6, second, 3),
        "average": GlobalAvgPool(),
        "flatten": Flatten(),
        "fc": Linear(second, K),
    }
    net = Sequential.create(layers, SHAPE, np.random.default_rng(seed), np.float64)
    rng = np.random.default_rng(seed + 1)
    return net.with_params(
        {name: array + rng.uniform(0.1, 1, array.shape) for name, array in net.params.items()}
    )


def test_residual_blocks_are_taken_over_whole():
    teacher, student = blocks(4, 5, 0), blocks(4, 3, 7)
    scores = {"conv2": np.array([0, 3, 2, 1, 5])}
    cut = transplant(teacher, student, scores=by_norm(teacher) | scores)
    for name, array in teacher.params.items():
        if name.startswith(("conv1", "block", "wider")):
            np.testing.assert_array_equal(cut.params[name], array, name)
    np.testing.assert_array_equal(cut.params["conv2.w"], teacher.params["conv2.w"][[1, 2, 4]])
    x = images(3)
    seen, exact = cut.activations(x), teacher.activations(x)
    np.testing.assert_array_equal(seen["conv2"], exact["conv2"][[1, 2, 4]])


def begun_by_norms(seed):
    """A block that begins with a batch norm in each branch, one inside it, and norms before and after."""
    inner = Residual({"norm": BatchNorm(4), "conv": Conv2d(4, 4, 1)})
    layers = {
        "first": BatchNorm(2),
        "conv": Conv2d(2, 4, 3),
        "block": Residual(
            {"norm": BatchNorm(4), "inner": inner, "conv": Conv2d(4, 4, 1)}, {"norm": BatchNorm(4)}
        ),
        "last": BatchNorm(4),
        "average": GlobalAvgPool(),
        "flatten": Flatten(),
        "fc": Linear(4, K),
    }
    net = Sequential.create(layers, SHAPE, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    return net.with_params({name: array + np.float32(rng.random()) for name, array in net.params.items()})


@pytest.mark.parametrize(
    ("keep", "taken"),
    [
        (None, "first conv block last fc"),
        ((), ""),
        (["conv"], "conv block.body.norm block.body.inner.body.norm block.shortcut.norm last"),
        (["block.body.inner.body.conv", "fc"], "block.body.inner.body.conv fc"),
    ],
)
def test_a_batch_norm_goes_with_the_layer_that_it_reads_and_all_with_all(keep, taken):
    teacher, student = begun_by_norms(0), begun_by_norms(2)
    cut = transplant(teacher, student, keep=keep)
    for name, array in cut.params.items():
        over = any(name.startswith(f"{one}.") for one in taken.split())
        np.testing.assert_array_equal(array, (teacher if over else student).params[name], name)


def test_layers_in_a_block_are_named_by_the_way_to_them():
    teacher, student = blocks(4, 3, 0), blocks(4, 3, 7)
    kept = transplant(teacher, student, keep=["block.body.conv", "wider.shortcut.conv"])
    taken = {name for name in kept.params if np.array_equal(kept.params[name], teacher.params[name])}
    inner = ("block.body.conv.w", *(f"block.body.norm.{part}" for part in ("gamma", "beta", "mean", "var")))
    shortcut = {f"wider.shortcut.norm.{part}" for part in ("gamma", "beta", "mean", "var")}
    assert taken == {*inner, "wider.shortcut.conv.w", "wider.shortcut.conv.b", *shortcut}


def test_a_block_of_fewer_channels_is_refused():
    with pytest.raises(ValueError, match=r"transplant: block: found Residual.* needed Residual"):
        transplant(blocks(4, 3, 0), blocks(3, 3, 0))
    teacher = blocks(4, 3, 0)
    layers = {
        "conv1": Conv2d(2, 3, 3),
        "block": Residual({"relu": ReLU()}),
        "flat": Flatten(),
        "fc": Linear(90, 2),
    }
    larger = layers | {"conv1": Conv2d(2, 5, 3), "fc": Linear(150, 2)}
    few, many = (
        Sequential.create(chain, SHAPE, np.random.default_rng(0), np.float64) for chain in (layers, larger)
    )
    with pytest.raises(ValueError, match=r"transplant: block: found 3 channels of 5 before a residual block"):
        transplant(many, few)
    assert by_norm(teacher).keys() >= {"block.body.conv", "wider.body.conv", "wider.shortcut.conv"}


def test_scores_of_layers_in_blocks_follow_the_batch_norm_after_them():
    """(K16), (K17)"""
    net = blocks(4, 3, 0)
    gamma, var = (net.params[f"block.body.norm.{part}"] for part in ("gamma", "var"))
    w = np.abs(net.params["block.body.conv.w"]).reshape(4, -1).sum(axis=1)
    np.testing.assert_allclose(by_norm(net)["block.body.conv"], w * gamma / np.sqrt(var + 1e-5))
    plain = np.abs(net.params["conv1.w"]).reshape(4, -1).sum(axis=1)
    np.testing.assert_allclose(by_norm(net)["conv1"], plain)
    scores = by_taylor(net, images(4, 6).transpose(3, 0, 1, 2), np.arange(6) % K)
    assert {name: score.shape for name, score in scores.items()}["wider.body.conv"] == (6,)
