"""Float .onnx files become networks that answer as onnxruntime does."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import Model, conv, drawn_models, gelu, norm
from onnx_sessions import session
from record_onnx import FOLDER, NAMES

from tinyzip import integer
from tinyzip.exchange import onnx
from tinyzip.nn import models
from tinyzip.nn.activations import GELU, Clip, HardSwish, SiLU
from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, GlobalAvgPool, Linear, ReLU
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.auto import quantize
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


def assert_near(found, exact):
    assert found.shape == exact.shape
    assert np.abs(found - exact).max() <= NEAR * max(1, np.abs(exact).max())


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
    assert_near(through(answers(net, x), softmax), exact)


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
@pytest.mark.parametrize("groups", [1, 4])
def test_a_dilated_convolution_is_one_with_zeros_between_its_weights(groups, tmp_path_factory):
    model = Model((2, 4, 11, 12))
    given = {"dilations": [2, 3], "strides": [1, 2], "pads": [2, 0, 1, 3], "group": groups}
    x = model.node("Conv", "x", model.drawn(8, 4 // groups, 3, 2), model.drawn(8), **given)
    data = model.build(model.node("Flatten", model.node("GlobalAveragePool", x)))
    net = read(data, tmp_path_factory)
    layer = next(layer for layer in net.layers.values() if isinstance(layer, Conv2d))
    assert (layer.kernel, np.count_nonzero(net.params["conv1.w"][0, 0])) == ((5, 4), 6)
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


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5))
def test_numbers_of_the_wire_come_back(values):
    from tinyzip.exchange.onnx.wire import Wire, signed

    def varint(value):
        data = b""
        while value > 127:
            data += bytes([value & 127 | 128])
            value >>= 7
        return data + bytes([value])

    packed = b"".join(varint(value % 2**64) for value in values)
    single = b"".join(varint(8 * 3) + varint(value % 2**64) for value in values)
    message = single + varint(8 * 7 + 2) + varint(len(packed)) + packed
    fields = Wire("file").message(memoryview(message))
    assert [signed(value) for value in fields.get(3, [])] == values
    assert bytes(fields[7][0]) == packed
