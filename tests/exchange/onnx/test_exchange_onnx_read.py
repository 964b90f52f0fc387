"""Float .onnx files become networks that answer as onnxruntime does."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx_models import Model, conv, drawn_models, gelu, norm, values_of
from onnx_sessions import session
from onnx_wire import field, fields, varint
from record_onnx import FOLDER, NAMES

from tinyzip import integer
from tinyzip.exchange import onnx
from tinyzip.exchange.onnx.file import Graph, Node, Reader, read_graph
from tinyzip.exchange.onnx.values import Value, Values
from tinyzip.exchange.onnx.wire import Wire, signed
from tinyzip.nn import models
from tinyzip.nn.activations import GELU, Clip, HardSwish, LeakyReLU, Sigmoid, SiLU
from tinyzip.nn.joins import Concatenation, Product
from tinyzip.nn.layers import AvgPool2d, BatchNorm, Conv2d, Flatten, GlobalAvgPool, Linear, MaxPool2d, ReLU
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose.auto import quantize
from tinyzip.train.data import to_input

NEAR = 1e-5


def answers(net, x):
    """The logits (N, K) of a network for images as the file takes them."""
    x = x.astype(np.float32)
    if x.ndim == 4 and x.shape[1:] != net.shape:
        x = x.transpose(0, 3, 1, 2)
    return net.forward(np.ascontiguousarray(np.moveaxis(x, 0, -1)))[0].reshape(-1, len(x)).T


def through(z, softmax):
    """The logits as the file's last node changes them."""
    if not softmax:
        return z
    z = z - z.max(axis=1, keepdims=True)
    logarithms = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return logarithms if softmax == "LogSoftmax" else np.exp(logarithms)


def assert_near(found, exact, largest=0):
    """Within the rounding of the largest number there was: a softmax passes on what its logits lost."""
    assert found.shape == exact.shape
    assert np.abs(found - exact).max() <= NEAR * max(1, np.abs(exact).max(), largest)


def read(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    path.write_bytes(data)
    return onnx.read(path)


@pytest.mark.needs("onnx", "onnxruntime")
@settings(max_examples=100)
@given(drawn_models())
def test_drawn_models_answer_as_onnxruntime_does(tmp_path_factory, case):
    data, shape, softmax = case
    net = read(data, tmp_path_factory)
    x = np.random.default_rng(0).normal(size=(shape[0] or 3, *shape[1:])).astype(np.float32)
    (exact,) = session(data).run(None, {"x": x})
    z = answers(net, x)
    assert_near(through(z, softmax), exact, largest=np.abs(z).max())


def mean(model, x):
    return model.node("Flatten", model.node("GlobalAveragePool", x))


def relu(model, x):
    return model.node("Relu", x)


def numbers(model, *values):
    return model.constant(values, np.int64)


def last(model, x):
    return model.node("Transpose", x, perm=(0, 2, 3, 1))


def plus(model, x, *shape):
    return model.node("Add", x, model.drawn(*shape))


def averaged(model, **given):
    return model.node("AveragePool", "x", **given)


def padded(model, x, top, left, bottom, right):
    return model.node("Pad", x, numbers(model, 0, 0, top, left, 0, 0, bottom, right))


def gemm(x, w=(2, 3), bias=None, **given):
    """A fully connected layer after the means of two channels."""

    def build(model):
        more = () if bias is None else (model.drawn(*bias),)
        return model.node("Gemm", mean(model, x), model.drawn(*w), *more, **given)

    return build


MEAN = [GlobalAvgPool, Flatten]
RIGHT = {  # a model on images (3, 2, 5, 6), and what it is read as
    "plus 0": (lambda m: mean(m, m.node("Add", "x", m.constant(0.0))), MEAN),
    "times 1": (lambda m: mean(m, m.node("Mul", m.constant([1.0]), "x")), MEAN),
    "c - x": (lambda m: mean(m, relu(m, m.node("Sub", m.drawn(2, 1, 1), "x"))), [Conv2d, ReLU, *MEAN]),
    "x - c": (lambda m: mean(m, relu(m, m.node("Sub", "x", m.drawn(1, 2, 1, 1)))), [Conv2d, ReLU, *MEAN]),
    "x / c": (lambda m: mean(m, m.node("Div", "x", m.drawn(2, 1, 1, low=1, high=2))), [Conv2d, *MEAN]),
    "x / c of features": (
        lambda m: m.node("Div", mean(m, "x"), m.drawn(2, low=1, high=2)),
        [*MEAN, BatchNorm],
    ),
    "c of features in one row": (lambda m: m.node("Add", mean(m, "x"), m.drawn(1, 2)), [*MEAN, BatchNorm]),
    "a layer that takes up both": (
        lambda m: mean(m, relu(m, plus(m, m.node("Mul", conv(m, "x", 2, 3), m.drawn(3, 1, 1)), 1))),
        [Conv2d, ReLU, *MEAN],
    ),
    "a row of features that does": (
        lambda m: m.node("Mul", m.node("MatMul", mean(m, "x"), m.drawn(2, 3)), m.drawn(3)),
        [*MEAN, Linear],
    ),
    "channels last": (
        lambda m: m.node("ReduceMean", m.node("Mul", last(m, "x"), m.drawn(2)), axes=[2, 1], keepdims=0),
        [Conv2d, *MEAN],
    ),
    "maxima of channels last": (
        lambda m: m.node("Flatten", m.node("ReduceMax", last(m, "x"), axes=[1, -2])),
        [MaxPool2d, Flatten],
    ),
    "a clip of nothing": (lambda m: mean(m, m.node("Clip", "x")), MEAN),
    "a clip to all floats": (
        lambda m: mean(m, m.node("Clip", "x", m.constant(-3.4e38), m.constant(3.4e38))),
        MEAN,
    ),
    "a clip from 0": (lambda m: mean(m, m.node("Clip", "x", m.constant(0.0))), [ReLU, *MEAN]),
    "a clip from 0 to all": (
        lambda m: mean(m, m.node("Clip", "x", m.constant([0.0]), m.constant(3.4e38))),
        [ReLU, *MEAN],
    ),
    "a clip from below": (lambda m: mean(m, m.node("Clip", "x", m.constant(-0.25))), [Clip, *MEAN]),
    "a hard sigmoid": (lambda m: mean(m, m.node("HardSigmoid", "x")), [Conv2d, Clip, *MEAN]),
    "a steeper one": (
        lambda m: mean(m, m.node("HardSigmoid", conv(m, "x", 2, 3), alpha=0.7, beta=0.1)),
        [Conv2d, Clip, *MEAN],
    ),
    "a leaky ReLU": (lambda m: mean(m, m.node("LeakyRelu", "x")), [LeakyReLU, *MEAN]),
    "flat already": (
        lambda m: m.node("Reshape", m.node("Flatten", mean(m, "x"), axis=-1), numbers(m, 3, -1)),
        MEAN,
    ),
    "its own shape": (lambda m: mean(m, m.node("Reshape", "x", numbers(m, 3, 2, -1, 6))), MEAN),
    "its own order": (lambda m: mean(m, m.node("Transpose", "x", perm=(0, 1, 2, 3))), MEAN),
    "pixels squeezed": (lambda m: m.node("Squeeze", m.node("GlobalAveragePool", "x")), MEAN),
    "pixels from the end": (
        lambda m: m.node("Squeeze", m.node("GlobalMaxPool", "x"), numbers(m, -1, -2)),
        [MaxPool2d, Flatten],
    ),
    "three summed": (
        lambda m: mean(m, m.node("Sum", conv(m, "x", 2, 3), conv(m, "x", 2, 3, 1), conv(m, "x", 2, 3))),
        [Residual, *MEAN],
    ),
    "features side by side": (
        lambda m: m.node("Concat", mean(m, "x"), mean(m, m.node("Sigmoid", "x")), axis=-1),
        [Concatenation],
    ),
    "side by side with channels last": (
        lambda m: m.node(
            "ReduceMean", m.node("Concat", last(m, "x"), last(m, relu(m, "x")), axis=3), axes=[1, 2]
        ),
        None,
    ),
    "one concatenated": (lambda m: mean(m, m.node("Concat", "x", axis=2)), MEAN),
    "dropped": (lambda m: mean(m, m.node("Dropout", "x", m.constant(0.5), m.constant(False, bool))), MEAN),
    "weights turned": (gemm("x", (3, 2), transB=1), [*MEAN, Linear]),
    "weights as they are": (gemm("x", (2, 3), (3,), alpha=0.5), [*MEAN, Linear]),
    "a bias of one": (gemm("x", (2, 3), (1,), beta=3.0), [*MEAN, Linear]),
    "a bias of no axis": (gemm("x", (2, 3), (), alpha=2.0), [*MEAN, Linear]),
    "a bias in a row": (gemm("x", (2, 3), (1, 3)), [*MEAN, Linear]),
    "a bias in a row of one": (gemm("x", (2, 3), (1, 1), beta=0.5), [*MEAN, Linear]),
    "a pool of equal borders": (
        lambda m: mean(m, m.node("MaxPool", "x", kernel_shape=[3, 2], auto_pad="SAME_UPPER", strides=[2, 1])),
        [MaxPool2d, *MEAN],
    ),
    "lower ones": (
        lambda m: mean(m, m.node("MaxPool", "x", kernel_shape=[2, 4], auto_pad="SAME_LOWER", strides=[1, 3])),
        [MaxPool2d, *MEAN],
    ),
    "a pool with a step of one": (
        lambda m: mean(m, m.node("AveragePool", "x", kernel_shape=[2, 3], pads=[1, 0, 0, 2])),
        [AvgPool2d, *MEAN],
    ),
    "a pool over its border": (
        lambda m: mean(m, averaged(m, kernel_shape=[2, 3], pads=[1, 0, 0, 2], count_include_pad=1)),
        [Conv2d, *MEAN],
    ),
    "a ceiling that adds none": (
        lambda m: mean(m, m.node("AveragePool", "x", kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1)),
        [AvgPool2d, *MEAN],
    ),
    "a ceiling whose last window would see nothing of the image": (
        lambda m: mean(
            m, m.node("MaxPool", "x", kernel_shape=[2, 2], strides=[7, 3], pads=[0, 0, 1, 1], ceil_mode=1)
        ),
        [MaxPool2d, *MEAN],
    ),
    "a border before a pool": (
        lambda m: mean(m, m.node("MaxPool", padded(m, relu(m, "x"), 1, 0, 2, 1), kernel_shape=[3, 2])),
        [ReLU, MaxPool2d, *MEAN],
    ),
    "a border around a sum": (
        lambda m: mean(
            m,
            m.node(
                "MaxPool",
                padded(m, m.node("Add", relu(m, conv(m, "x", 2, 2)), relu(m, "x")), 1, 0, 2, 1),
                kernel_shape=[3, 2],
            ),
        ),
        None,
    ),
    "two borders": (
        lambda m: mean(m, conv(m, padded(m, padded(m, "x", 1, 0, 2, 1), 0, 3, 1, 0), 2, 3)),
        [Conv2d, *MEAN],
    ),
    **{
        f"a border after {kind} {given}": (
            lambda m, kind=kind, given=given: mean(
                m,
                m.node(
                    "MaxPool",
                    padded(m, m.node(kind, "x", *map(m.constant, given)), 1, 0, 2, 1),
                    kernel_shape=[3, 2],
                ),
            ),
            [layer, MaxPool2d, *MEAN],
        )
        for kind, given, layer in (
            ("Clip", (0.0, 0.5), Clip),
            ("Clip", (0.25, 2.0), Clip),
            ("Sigmoid", (), Sigmoid),
        )
    },
    **{
        f"x times {kind} {given}": (
            lambda m, kind=kind, given=given: mean(m, m.node("Mul", "x", m.node(kind, "x", **given))),
            [layer, *MEAN],
        )
        for kind, given, layer in (
            ("Tanh", {}, Product),
            ("Sigmoid", {}, SiLU),
            ("HardSigmoid", {}, Product),
            ("HardSigmoid", {"alpha": 1 / 6}, HardSwish),
            ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}, HardSwish),
            ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.4}, Product),
            ("HardSigmoid", {"alpha": 0.1667}, Product),
        )
    },
    "a gelu with its numbers in rows": (
        lambda m: mean(
            m,
            m.node(
                "Mul",
                m.node("Mul", "x", m.constant([0.5])),
                m.node("Add", m.node("Erf", m.node("Div", "x", m.constant([2**0.5]))), m.constant([1.0])),
            ),
        ),
        [GELU, *MEAN],
    ),
    "gates of either sign": (
        lambda m: mean(m, m.node("Mul", conv(m, "x", 2, 2), m.node("HardSigmoid", "x"))),
        None,
    ),
}  # fmt: skip


@pytest.mark.needs("onnx", "onnxruntime")
@pytest.mark.parametrize("name", RIGHT)
def test_a_node_means_what_onnxruntime_makes_of_it(name, tmp_path_factory):
    """In its least and its fullest form; and what changes nothing is no layer."""
    build, kinds = RIGHT[name]
    model = Model((3, 2, 5, 6))
    data = model.build(build(model))
    net = read(data, tmp_path_factory)
    assert kinds is None or [*map(type, net.layers.values())] == kinds
    x = np.random.default_rng(2).normal(size=(3, 2, 5, 6)).astype(np.float32)
    (exact,) = session(data).run(None, {"x": x})
    assert_near(answers(net, x), exact.reshape(3, -1))


@pytest.mark.needs("onnx", "onnxruntime")
@pytest.mark.parametrize("C", [1, 2, 3])
@pytest.mark.parametrize("kind", ["Relu", "Mul"])
def test_the_channels_of_an_input_are_last_where_its_first_layout_says_so(kind, C, tmp_path_factory):
    """After what works on both; C is 3 as are rows."""
    model = Model((2, 3, 5, C))
    x = model.node(kind, "x", *([model.drawn(C)] if kind == "Mul" else []))
    x = conv(model, model.node("Transpose", x, perm=(0, 3, 1, 2)), C, 2)
    x = model.node("ReduceMean", model.node("Transpose", x, perm=(0, 2, 3, 1)), axes=[1, 2], keepdims=0)
    data = model.build(x)
    net = read(data, tmp_path_factory)
    assert net.shape == (C, 3, 5)
    x = np.random.default_rng(0).normal(size=(2, 3, 5, C)).astype(np.float32)
    (exact,) = session(data).run(None, {"x": x})
    assert_near(net.forward(x.transpose(3, 1, 2, 0))[0].reshape(-1, 2).T, exact)


@pytest.mark.needs("onnx")
def test_a_batch_norm_has_its_own_eps_and_what_its_momentum_leaves(tmp_path_factory):
    for said, eps, momentum in (
        ({}, 1e-5, 0.1),
        ({"epsilon": 0.25, "momentum": 0.75}, 0.25, 0.25),
        ({"momentum": 0.0}, 1e-5, 1.0),
        ({"momentum": 1.0}, 1e-5, BatchNorm.momentum),
        ({"momentum": -0.5}, 1e-5, BatchNorm.momentum),
    ):
        model = Model((3, 2, 5, 6))
        arrays = (model.drawn(2), model.drawn(2), model.drawn(2), model.constant([0.0, 1.0]))
        net = read(
            model.build(mean(model, model.node("BatchNormalization", "x", *arrays, **said))),
            tmp_path_factory,
        )
        layer = net.layers["norm1"]
        assert (layer.eps, layer.momentum) == pytest.approx((eps, momentum))
        assert net.params["norm1.var"].tolist() == [0, 1]


@pytest.mark.needs("onnx")
def test_what_is_read_at_a_limit_or_of_one_example(tmp_path_factory):
    def kinds(build, shape=(1, 2, 5, 6), opset=17):
        model = Model(shape)
        net = read(model.build(build(model), opset), tmp_path_factory)
        return [*map(type, net.layers.values())]

    assert kinds(lambda m: m.node("Squeeze", m.node("GlobalAveragePool", "x"))) == MEAN
    assert kinds(lambda m: mean(m, m.node("Dropout", "x")), opset=7) == MEAN
    ends = lambda m: (m.constant(-3e38, np.float64), m.constant(3e38, np.float64))  # noqa: E731
    assert kinds(lambda m: mean(m, m.node("Clip", "x", *ends(m)))) == MEAN
    assert kinds(lambda m: mean(m, conv(m, padded(m, "x", 6, 6, 6, 6), 2, 3))) == [Conv2d, *MEAN]
    large = {"pads": [16381, 16381, 16381, 16380]}
    model = Model((1, 2, 6, 6))
    net = read(
        model.build(mean(model, model.node("Conv", "x", model.drawn(2, 2, 1, 1), **large))), tmp_path_factory
    )
    assert net.output_shapes()["conv1"] == (2, 32768, 32767)
    model = Model((1, 2, 5, 6))
    net = read(model.build(model.node("Mul", mean(model, "x"), model.drawn(2))), tmp_path_factory)
    assert net.layers["norm1"].eps == 1e-5 and net.params["norm1.var"].tolist() == [1, 1]
    for axis in ({}, {"axis": 1}, {"axis": -1}):
        for opset in (11, 13):
            assert kinds(lambda m, axis=axis: m.node("Softmax", mean(m, "x"), **axis), opset=opset) == MEAN


@pytest.mark.needs("onnx")
@pytest.mark.parametrize("examples", [1, 3, None])
def test_an_open_number_of_examples_is_read_as_one(examples, tmp_path_factory):
    """As exporters have traced it, and written it into shapes."""
    model = Model((examples, 2, 5, 6))
    flat = numbers(model, examples or 1, 60)
    assert [*read(model.build(model.node("Reshape", "x", flat)), tmp_path_factory).layers] == ["flatten1"]


@pytest.mark.needs("onnx")
def test_versions_before_the_fifth_have_their_shape_in_the_node(tmp_path_factory):
    model = Model((3, 2, 5, 6))
    net = read(model.build(model.node("Reshape", "x", shape=[0, -1]), 4), tmp_path_factory)
    assert [*net.layers] == ["flatten1"]
    model = Model((3, 2, 5, 6))
    padded = model.node("Pad", "x", paddings=[0, 0, 1, 2, 0, 0, 3, 0], value=0.0)
    net = read(model.build(mean(model, conv(model, padded, 2, 3, pads=[0] * 4)), 1), tmp_path_factory)
    assert net.layers["conv1"].padding == ((1, 3), (2, 0))


COMPUTED = [
    (("Shape", "x"), {}, [3, 2, 5, 6]),
    (("Shape", "x"), {"start": 1, "end": 3}, [2, 5]),
    (("Shape", [[1, 2, 3]]), {}, [1, 3]),
    (("Shape", "x"), {"known": Value((2, 5, 6), last=True)}, [3, 5, 6, 2]),
    (("Shape", "x"), {"known": Value((7,))}, [3, 7]),
    (("Gather", "shape", 2), {}, 5),
    (("Gather", "shape", [0, -1]), {}, [3, 6]),
    (("Slice", "shape", [1], [4]), {}, [2, 5, 6]),
    (("Slice", "shape", [1], [4], [0], [2]), {}, [2, 6]),
    (("Slice", "shape", [-1], [-5], [0], [-1]), {}, [6, 5, 2, 3]),
    (("Slice", "shape", [0], [3], [0], ""), {}, [3, 2, 5]),
    (("ConstantOfShape", [3]), {}, [0, 0, 0]),
    (("ConstantOfShape", [2, 2]), {"value": np.array([7])}, [[7, 7], [7, 7]]),
    (("ConstantOfShape", [8, 8]), {"value": np.array([1])}, np.ones((8, 8))),
    (("Reshape", "shape", [2, 2]), {}, [[3, 2], [5, 6]]),
    (("Transpose", "shape"), {"perm": [0]}, [3, 2, 5, 6]),
    (("Concat", "shape", [-1], "shape"), {"axis": 0}, [3, 2, 5, 6, -1, 3, 2, 5, 6]),
    (("Concat", "shape", [7] * 60), {"axis": 0}, [3, 2, 5, 6] + [7] * 60),
    (("Unsqueeze", "shape", [0]), {}, [3, 2, 5, 6]),
    (("Squeeze", "shape"), {}, [3, 2, 5, 6]),
    (("Cast", "shape"), {"to": 6}, [3, 2, 5, 6]),
    (("Identity", "shape"), {}, [3, 2, 5, 6]),
    (("Add", "shape", 1), {}, [4, 3, 6, 7]),
    (("Sub", "shape", [3, 2, 1, 0]), {}, [0, 0, 4, 6]),
    (("Mul", [2], "shape"), {}, [6, 4, 10, 12]),
    (("Transpose", [[1, 2], [3, 4]]), {}, [[1, 3], [2, 4]]),
    (("Transpose", [[[1, 2, 3]]]), {"perm": (2, 0, 1)}, [[[1]], [[2]], [[3]]]),
    (("Reshape", [[1, 2, 3], [4, 5, 6]], [0, -1, 1]), {}, [[[1], [2], [3]], [[4], [5], [6]]]),
    (("Unsqueeze", [1, 2], [0, 2]), {}, [[[1], [2]]]),
    (("Unsqueeze", [1, 2]), {"axes": [1]}, [[1], [2]]),
    (("Unsqueeze", [1, 2], [0]), {"axes": [1]}, [[1], [2]]),
    (("Squeeze", [[[1], [2]]]), {}, [1, 2]),
    (("Squeeze", [[[1], [2]]], [2]), {}, [[1, 2]]),
    (("Identity", [4, 5]), {}, [4, 5]),
    (("Cast", [4.7, -5.2]), {"to": 7}, [4, -5]),
]


@pytest.mark.parametrize("case", COMPUTED, ids=str)
def test_what_a_graph_makes_of_shapes_and_constants_is_computed(case):
    given, more, expected = case
    values = values_of(*given, **more)
    found = values.numbers(values.graph.nodes[1], "y")
    np.testing.assert_array_equal(found, expected)
    assert found.dtype.kind == "i" and found.shape == np.shape(expected)


@pytest.mark.parametrize(("number", "dtype"), [(1, "f4"), (6, "i4"), (7, "i8"), (10, "f2"), (11, "f8")])
def test_a_constant_is_cast_to_what_the_node_says(number, dtype):
    values = values_of("Cast", [1.5, 2.0**40], to=number)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = np.array([1.5, 2.0**40]).astype(dtype)
    assert values.constants["y"].dtype == dtype
    np.testing.assert_array_equal(values.constants["y"], expected)


def test_a_node_of_constants_gives_one_also_where_an_input_is_left_out():
    values = values_of("Squeeze", np.ones((1, 2), np.float32), "")
    np.testing.assert_array_equal(values.constants["y"], np.ones(2))


@pytest.mark.parametrize(
    ("name", "value", "dtype"),
    [
        ("value", np.arange(6, dtype=np.float16).reshape(2, 3), "f2"),
        ("value_float", 1.5, "f4"),
        ("value_floats", (1.5, -2.0), "f4"),
        ("value_int", -3, "i8"),
        ("value_ints", (2**40, -3), "i8"),
    ],
)
def test_a_node_that_writes_a_constant_writes_one(name, value, dtype):
    found = values_of("Constant", **{name: value}).constants["y"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, value)


def test_a_shape_has_its_zeros_and_its_one_open_length_filled_in():
    values = values_of("Reshape", "x", [0])
    node = values.graph.nodes[1]
    for wanted, shape, expected in (
        ([0, -1], (3, 2, 5), (3, 10)),
        ([-1, 0, 5], (3, 2, 5), (3, 2, 5)),
        ([30], (3, 2, 5), (30,)),
        ([-1], (3, 2, 5), (30,)),
        ([[5, 3], [2, 1]], (3, 2, 5), (5, 3, 2, 1)),
        ([], (1, 1), ()),
        ([0, 0], (0, 4), (0, 4)),
    ):
        assert values.target(node, np.array(wanted, np.int64), shape) == expected
    node = Node(1, "Reshape", "", ("x", "c1"), ("y",), {"allowzero": 1})
    assert values.target(node, np.array([0, 7]), (0, 4)) == (0, 7)


def test_constants_are_read_as_often_as_four_times_the_file_and_shapes_in_32_steps():
    values = values_of("Conv", "x", np.zeros(1000, np.float32))
    node = values.graph.nodes[1]
    assert values.left == 4 * 1000 and values.constant(node, 1).nbytes == 4000 and values.left == 0
    for steps in (1, 32):
        nodes = [Node(0, "Shape", "", ("x",), ("t0",), {})]
        nodes += [Node(k, "Identity", "", (f"t{k - 1}",), (f"t{k}",), {}) for k in range(1, steps + 1)]
        values = Values(Graph("file", tuple(nodes), {}, {"x": (3, 7)}, (), 17, 0), 3)
        values.known["x"] = Value((7,))
        assert values.numbers(nodes[-1], f"t{steps}").tolist() == [3, 7]


@pytest.mark.parametrize("name", NAMES)
def test_what_pytorch_exports_answers_as_pytorch(name):
    """By both exporters, with open and fixed batches: files and answers as `record_onnx.py` wrote them."""
    recorded = np.load(FOLDER / "answers.npz")
    for path in sorted(FOLDER.glob(f"{name}*.onnx")):
        net = onnx.read(path)
        assert_near(
            through(answers(net, recorded[f"{name}.x"]), "LogSoftmax" if name == "resnet" else ""),
            recorded[f"{name}.y"],
        )
        kinds = json.loads(Path(FOLDER / "layers.json").read_text(encoding="utf-8"))[name]
        assert [type(placed.layer).__name__ for placed in net.every_layer.values()] == kinds, path.name


@pytest.mark.parametrize("name", ["resnet", "mobilenet"])
def test_what_is_read_is_quantized_like_any_network(name):
    path = next(FOLDER.glob(f"{name}*.onnx"))
    net = onnx.read(path)
    images = np.random.default_rng(0).random((40, *net.shape), np.float32)
    quantized = quantize(net, images, method="mse")
    assert sum(isinstance(o, integer.Add) for o in quantized.program.operators) == 2
    codes = integer.run(quantized.program, quantized.grids["input"].quantize(to_input(images)))
    assert codes.shape == (10, 40) and quantized.trials[0].nats < 0.1


def keras_resnet():
    """A ResNet in the order in which Keras builds it and converters write it: channels last, borders apart.

    An average of the rows and columns of an image that was turned back, as in Keras, and a softmax.
    """
    model = Model((None, 21, 21, 3))

    def layer(x, C, F, kernel=1, stride=1):
        return norm(model, conv(model, x, C, F, kernel, stride, [kernel // 2] * 4), F)

    def padded(x, n):
        return model.node("Pad", x, model.constant([0, 0, n, n, 0, 0, n, n], np.int64), model.constant(0.0))

    x = model.node("Transpose", model.node("Sub", "x", model.constant([0.4, 0.5, 0.6])), perm=(0, 3, 1, 2))
    x = norm(model, conv(model, padded(x, 3), 3, 8, 7, 2, [0] * 4), 8)
    x = model.node("MaxPool", padded(model.node("Relu", x), 1), kernel_shape=[3, 3], strides=[2, 2])
    for C, F, stride in ((8, 12, 1), (12, 12, 1), (12, 16, 2)):
        shortcut = x if (C, stride) == (F, 1) else layer(x, C, F, 1, stride)
        y = model.node("Relu", layer(x, C, 4, 1, stride))
        y = layer(model.node("Relu", layer(y, 4, 4, 3)), 4, F)
        x = model.node("Relu", model.node("Add", shortcut, y))
    x = model.node("Transpose", x, perm=(0, 2, 3, 1))
    x = model.node("ReduceMean", x, axes=[1, 2], keepdims=0)
    x = model.node("Add", model.node("MatMul", x, model.drawn(16, 10)), model.drawn(10))
    return model.build(model.node("Softmax", x, axis=-1))


@pytest.mark.needs("onnx", "onnxruntime")
def test_a_resnet_in_the_order_of_keras_is_read_whole(tmp_path_factory):
    data = keras_resnet()
    net = read(data, tmp_path_factory)
    assert net.shape == (3, 21, 21)
    assert list(net.layers) == [
        *(
            "conv1",
            "conv2",
            "norm1",
            "relu1",
            "pool1",
            "block1",
            "relu2",
            "block2",
            "relu3",
            "block3",
            "relu4",
        ),
        *("average1", "flatten1", "fc1"),
    ]
    x = np.random.default_rng(0).random((3, 21, 21, 3), np.float32)
    (exact,) = session(data).run(None, {"x": x})
    assert_near(through(answers(net, x), "Softmax"), exact)
    found = quantize(net, x.transpose(0, 3, 1, 2), method="minmax")
    assert integer.run(found.program, np.zeros((3, 21, 21, 2), np.uint8)).shape == (10, 2)


@pytest.mark.needs("onnx", "onnxruntime")
@pytest.mark.parametrize("kind", ["Gemm", "MatMul"])
def test_an_image_that_is_flattened_with_channels_last_turns_the_weights_after_it(kind, tmp_path_factory):
    model = Model((2, 5, 4, 3))
    x = conv(model, model.node("Transpose", "x", perm=(0, 3, 1, 2)), 3, 6)
    x = model.node("Flatten", model.node("Relu", model.node("Transpose", x, perm=(0, 2, 3, 1))))
    data = model.build(model.node(kind, x, model.drawn(120, 7)))
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype(np.float32)
    (exact,) = session(data).run(None, {"x": x})
    assert_near(answers(read(data, tmp_path_factory), x), exact)


@pytest.mark.needs("onnx", "onnxruntime")
@pytest.mark.parametrize(("groups", "rows", "columns"), [(1, 2, 3), (4, 2, 3), (1, 2, 1), (1, 1, 3)])
def test_a_dilated_convolution_is_one_with_zeros_between_its_weights(groups, rows, columns, tmp_path_factory):
    model = Model((2, 4, 11, 12))
    given = {"dilations": [rows, columns], "strides": [1, 2], "pads": [2, 0, 1, 3], "group": groups}
    x = model.node("Conv", "x", model.drawn(8, 4 // groups, 3, 2), model.drawn(8), **given)
    data = model.build(model.node("Flatten", model.node("GlobalAveragePool", x)))
    net = read(data, tmp_path_factory)
    layer = next(layer for layer in net.layers.values() if isinstance(layer, Conv2d))
    assert (layer.kernel, np.count_nonzero(net.params["conv1.w"][0, 0])) == ((2 * rows + 1, columns + 1), 6)
    x = np.random.default_rng(0).normal(size=(2, 4, 11, 12)).astype(np.float32)
    (exact,) = session(data).run(None, {"x": x})
    assert_near(answers(net, x), exact)


@pytest.mark.needs("onnx")
def test_blocks_are_named_by_what_they_are(tmp_path_factory):
    model = Model((1, 3, 8, 8))
    x = model.node("Relu", norm(model, conv(model, "x", 3, 4), 4))
    y = conv(model, model.node("Relu", conv(model, x, 4, 6)), 6, 4)
    x = model.node("Relu", model.node("Add", x, y))
    y = model.node("Add", conv(model, x, 4, 5), conv(model, x, 4, 5, 1))
    net = read(model.build(model.node("GlobalAveragePool", y)), tmp_path_factory)
    assert list(net.layers) == ["conv1", "norm1", "relu1", "block1", "relu2", "block2", "average1"]
    assert list(net.every_layer)[3:7] == [
        *("block1.body.conv1", "block1.body.relu1", "block1.body.conv2"),
        "block1",
    ]
    assert isinstance(net.layers["block2"], Residual) and list(net.layers["block2"].shortcut) == ["conv1"]
    assert net.params["block2.body.conv1.w"].shape == (5, 4, 3, 3)  # of two as long, the first
    assert net.params["block2.shortcut.conv1.w"].shape == (5, 4, 1, 1)
    assert net.params["norm1.gamma"].dtype == np.float32 and net.layers["norm1"].eps == pytest.approx(1e-3)


@pytest.mark.needs("onnx", "onnxruntime")
@pytest.mark.parametrize("opset", [9, 10, 11, 13, 17, 21])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_nodes_are_read_in_all_their_versions(kind, opset, tmp_path_factory):
    model = Model((2, 2, 6, 6), kind=kind)
    x = conv(model, "x", 2, 4)
    pads = [0, 0, 1, 0, 0, 0, 1, 2]
    if opset >= 11:
        x = model.node("Clip", x, model.constant(0.0), model.constant(6.0))
        x = model.node("Pad", x, model.constant(pads, np.int64))
    else:
        x = model.node("Pad", model.node("Clip", x, min=0.0, max=6.0), pads=pads)
    x = conv(model, x, 4, 3, pads=[0, 0, 0, 0])
    axes = model.constant([2, 3], np.int64)
    x = model.node("ReduceMean", x, axes) if opset >= 18 else model.node("ReduceMean", x, axes=[2, 3])
    x = model.node("Dropout", x, model.constant(0.5), model.constant(False, bool)) if opset >= 12 else x
    x = model.node("Cast", model.node("Cast", x, to=11), to=1 if kind is np.float32 else 11)
    x = model.node("Squeeze", x, axes) if opset >= 13 else model.node("Squeeze", x, axes=[2, 3])
    data = model.build(model.node("Softmax", x), opset)
    net = read(data, tmp_path_factory)
    assert Clip(0, 6) in net.layers.values()
    assert Conv2d(4, 3, 3, 1, ((1, 1), (0, 2))) in net.layers.values()
    x = np.random.default_rng(1).normal(size=(2, 2, 6, 6)).astype(kind)
    if kind is np.float32:
        (exact,) = session(data).run(None, {"x": x})
        assert_near(through(answers(net, x), "Softmax"), exact)


@pytest.mark.needs("onnx", "onnxruntime")
@settings(max_examples=30)
@given(st.data())
def test_an_activation_in_several_nodes_is_one_layer(tmp_path_factory, data):
    """(OG1), in all orders of factors and constants; and after a product that is a layer of its own."""
    model = Model((3, 4))
    shift = data.draw(st.booleans())
    start = model.node("Mul", "x", model.constant(1.5)) if shift else "x"
    end = gelu(data.draw, model, start)
    file = model.build(end, shape=[3, 4])
    net = read(file, tmp_path_factory)
    assert [*map(type, net.layers.values())] == [BatchNorm] * shift + [GELU]
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32) * 3
    (exact,) = session(file).run(None, {"x": x})
    assert_near(answers(net, x), exact)


@pytest.mark.needs("onnx", "onnxruntime")
@pytest.mark.parametrize("softmax", ["", "Softmax", "LogSoftmax"])
def test_classes_are_those_of_the_greatest_logits(softmax, tmp_path_factory):
    model = Model((20, 5))
    z = model.node("Gemm", "x", model.drawn(5, 7), model.drawn(7))
    y = model.node("ArgMax", model.node(softmax, z, axis=1) if softmax else z, axis=-1, keepdims=0)
    data = model.build(y, kind=np.int64)
    net = read(data, tmp_path_factory)
    assert [*net.layers] == ["fc1"]
    x = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    (classes,) = session(data).run(None, {"x": x})
    np.testing.assert_array_equal(answers(net, x).argmax(1), classes)


def resnet8():
    """Three residual blocks of two 3×3 convolutions each [He et al. 2016, section 4.2]."""
    layers = {"conv1": Conv2d(1, 16, 3, padding=1, bias=False), "norm1": BatchNorm(16), "relu1": ReLU()}
    C = 16
    for block, (F, stride) in enumerate(((16, 1), (32, 2), (64, 2)), 1):
        first, second = (Conv2d(n, F, 3, s, padding=1, bias=False) for n, s in ((C, stride), (F, 1)))
        body = {"conv1": first, "norm1": BatchNorm(F), "relu": ReLU(), "conv2": second, "norm2": BatchNorm(F)}
        shortcut = {"conv": Conv2d(C, F, 1, stride, bias=False), "norm": BatchNorm(F)}
        layers[f"block{block}"] = Residual(body, shortcut if stride > 1 else {})
        layers[f"relu{block + 1}"] = ReLU()
        C = F
    layers |= {"average": GlobalAvgPool(), "flatten": Flatten(), "fc1": Linear(C, 10)}
    return Sequential.create(layers, (1, 28, 28), np.random.default_rng(0))


@pytest.mark.needs("onnx")
def test_a_network_that_this_library_wrote_is_read_back(tmp_path):
    gates = {"conv": Conv2d(1, 3, 3), "gelu": GELU(), "silu": SiLU(), "hard": HardSwish(), "again": GELU()}
    gates = Sequential.create(gates, (1, 6, 6), np.random.default_rng(0))
    for net in (models.lenet5(), models.separable_net(), resnet8(), gates):
        onnx.write_network(net, tmp_path / "a.onnx")
        found = onnx.read(tmp_path / "a.onnx")
        pairs = zip(found.every_layer.values(), net.every_layer.values(), strict=True)
        assert all(type(one.layer) is type(other.layer) for one, other in pairs)
        for array, expected in zip(found.params.values(), net.params.values(), strict=True):
            np.testing.assert_array_equal(array, expected)


KINDS = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8"}


@pytest.mark.parametrize("number", KINDS)
def test_a_constant_is_raw_or_packed_or_one_by_one_or_in_pieces(number):
    """All that the format allows, for numbers of every type, with an end of each type's range among them."""
    dtype = np.dtype(KINDS[number])
    values = np.array([0, 1, 1, 0, 1, 1], dtype)
    if dtype.kind in "iu":
        values[:2] = np.iinfo(dtype).min, np.iinfo(dtype).max
    elif dtype.kind == "f":
        values[:3] = np.finfo(dtype).min, -0.0, np.finfo(dtype).tiny
    head = fields((1, 2), (1, 3), (2, number)) + field(8, b"c")
    messages = [
        head + field(9, values.tobytes()),
        field(1, varint(2) + varint(3)) + head[4:] + field(9, values.tobytes()),
    ]
    if number in (1, 11):
        at, width = {1: 4, 11: 10}[number], dtype.itemsize
        messages.append(head + field(at, values.tobytes()))
        messages.append(head + field(at, values[:2].tobytes()) + field(at, values[2:].tobytes()))
        single = b"".join(varint(8 * at + {4: 5, 8: 1}[width]) + value.tobytes() for value in values)
        messages.append(head + single)
    else:
        at, held = (7 if number == 7 else 5), values.view(np.uint16) if number == 10 else values
        messages.append(head + field(at, b"".join(varint(int(value)) for value in held)))
        messages.append(head + fields(*((at, int(value)) for value in held)))
    reader = Reader(memoryview(b""), "file", Path())
    for message in messages:
        found = reader.tensor(reader.wire.message(memoryview(message)))
        assert found.dtype == dtype and found.shape == (2, 3)
        np.testing.assert_array_equal(found.reshape(-1), values)


def test_of_a_field_that_comes_twice_the_last_holds():
    reader = Reader(memoryview(b""), "file", Path())
    message = reader.wire.message(
        memoryview(field(1, b"a") + field(1, b"b") + fields((2, 5), (2, 2**64 - 7)))
    )
    assert (reader.text(message, 1), reader.number(message, 2)) == ("b", -7)
    assert (reader.text(message, 3), reader.number(message, 4)) == ("", 0)


def test_a_graph_is_what_the_fields_of_its_file_say(tmp_path):
    """The versions of ONNX's own operators, constants that are inputs too, and lengths that are left open."""
    axes = b"".join(field(1, axis) for axis in (field(2, b"N"), fields((1, 3)), b"", fields((1, 0))))
    entry = field(1, b"x") + field(2, field(1, fields((1, 1)) + field(2, axes)))
    constant = fields((1, 2), (2, 1)) + field(9, bytes(8)) + field(8, b"c")
    attributes = [
        field(1, b"f") + fields((20, 1)) + varint(8 * 2 + 5) + np.float32(1.5).tobytes(),
        field(1, b"none") + fields((20, 1)),
        field(1, b"i") + fields((20, 2), (3, -9)),
        field(1, b"s") + fields((20, 3)) + field(4, b"same"),
        field(1, b"t") + fields((20, 4)) + field(5, constant),
        field(1, b"no t") + fields((20, 4)),
        field(1, b"fs") + fields((20, 6)) + field(7, np.float32([1, -2]).tobytes()),
        field(1, b"is") + fields((20, 7), (8, 4), (8, -1)),
        field(1, b"g") + fields((20, 5)),
    ]
    node = field(1, b"x") + field(1, b"") + field(2, b"y") + field(3, b"first") + field(4, b"Conv")
    node += b"".join(field(5, attribute) for attribute in attributes)
    others = [field(4, b"Relu") + field(7, domain) for domain in (b"", b"ai.onnx", b"own")]
    graph = b"".join(field(1, message) for message in (node, *others)) + field(5, constant)
    graph += field(11, entry) + field(11, entry.replace(b"x", b"c", 1)) + field(12, field(1, b"y"))
    opsets = [fields((2, 13)), field(1, b"ai.onnx") + fields((2, 14)), field(1, b"own") + fields((2, 99))]
    for count, opset in ((0, 1), (1, 13), (2, 14), (3, 14)):
        data = field(7, graph) + b"".join(field(8, said) for said in opsets[:count])
        (tmp_path / "a.onnx").write_bytes(data)
        found = read_graph(tmp_path / "a.onnx")
        assert (found.opset, found.size, found.source) == (opset, len(data), str(tmp_path / "a.onnx"))
    assert found.inputs == {"x": (None, 3, None, 0)} and found.outputs == ("y",)
    assert found.constants["c"].tolist() == [0, 0]
    assert [other.kind for other in found.nodes] == ["Conv", "Relu", "Relu", "own.Relu"]
    first = found.nodes[0]
    assert (first.index, first.name, first.inputs, first.outputs) == (0, "first", ("x", ""), ("y",))
    assert found.where(first) == f"{found.source}: node 0 (Conv 'first')"
    assert found.where(found.nodes[3]) == f"{found.source}: node 3 (own.Relu)"
    constant = first.attributes.pop("t")
    assert constant.tolist() == [0, 0] and first.attributes == {
        **{"f": 1.5, "none": 0.0, "i": -9, "s": "same"},
        **{"fs": (1.0, -2.0), "is": (4, -1)},
    }


def test_what_lies_beside_the_file_counts_for_it_and_is_read_once(tmp_path):
    def tensor(name, **entries):
        said = b"".join(field(13, field(1, k.encode()) + field(2, v.encode())) for k, v in entries.items())
        return field(5, fields((1, 2), (2, 1), (14, 1)) + said + field(8, name))

    (tmp_path / "b.data").write_bytes(np.arange(4, dtype=np.float32).tobytes())
    parts = [
        tensor(b"first", location="b.data", length="8"),
        tensor(b"middle", location="b.data", offset="4", length="8"),
        tensor(b"rest", location="b.data", offset="8"),
    ]
    data = field(7, b"".join(parts))
    (tmp_path / "a.onnx").write_bytes(data)
    graph = read_graph(tmp_path / "a.onnx")
    found = {name: array.tolist() for name, array in graph.constants.items()}
    assert found == {"first": [0, 1], "middle": [1, 2], "rest": [2, 3]}
    assert graph.size == len(data) + 16


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5))
@example([2**63 - 1, -(2**63), 2**62])
def test_numbers_of_the_wire_come_back(values):
    packed = b"".join(varint(value % 2**64) for value in values)
    single = b"".join(varint(8 * 3) + varint(value % 2**64) for value in values)
    message = single + varint(8 * 7 + 2) + varint(len(packed)) + packed
    fields = Wire("file").message(memoryview(message))
    assert [signed(value) for value in fields.get(3, [])] == values
    assert bytes(fields[7][0]) == packed
