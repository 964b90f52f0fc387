"""What cannot be read from an .onnx file is refused by the node's number and why, and nothing crashes."""

import os
import tracemalloc

import numpy as np
import pytest
from onnx_models import Model, conv, values_of
from onnx_wire import field, fields, varint
from record_onnx import FOLDER

from tinyzip.exchange import onnx
from tinyzip.exchange.onnx.file import Graph, Node, Reader, read_graph
from tinyzip.exchange.onnx.values import Value, Values
from tinyzip.exchange.onnx.wire import Wire

pytestmark = pytest.mark.needs("onnx")


def refused(tmp_path, data, *words):
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(ValueError) as caught:
        onnx.read(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message
    for word in words:
        assert word in message, message
    return message


def ended(model, x):
    """The file of a model that ends in x, averaged."""
    return model.build(model.node("Flatten", model.node("GlobalAveragePool", x)))


def image(C=2):
    return Model((1, C, 6, 6))


KINDS = {
    "Resize": {},
    "ConvTranspose": {},
    "Softmax": {"axis": 1},
    "QuantizeLinear": {},
    "LSTM": {},
    "Erf": {},
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_that_no_layer_stands_for(kind, tmp_path):
    model = image()
    x = conv(model, "x", 2, 3)
    refused(
        tmp_path,
        ended(model, model.node(kind, x, **KINDS[kind])),
        f"node 1 ({kind} 'node 1'): found this kind",
    )


@pytest.mark.parametrize(
    ("kind", "instead"),
    [
        ("PRelu", "LeakyRelu, of one slope, in its place"),
        ("LayerNormalization", "BatchNormalization in its place"),
        ("Max", "Relu or Clip in its place"),
        ("QuantizeLinear", "the float model, for `tinyzip quantize`, in its place"),
    ],
)
def test_what_comes_nearest_is_said(kind, instead, tmp_path):
    model = image()
    refused(tmp_path, ended(model, model.node(kind, "x")), f"needed {instead}, or one of Add, ")


@pytest.mark.parametrize(
    ("kind", "attribute", "words"),
    [
        ("Transpose", {"perm": 3}, "node 0 (Transpose): found perm that are no list"),
        ("Squeeze", {"axes": 1.5}, "found axes that are no list"),
        ("Pad", {"pads": 1}, "found pads that are no list"),
        ("Constant", {"value": 2.0}, "found a text or nothing, needed numbers"),
        ("Constant", {"value_float": 2}, "found a text or nothing, needed numbers"),
        ("Constant", {"value_ints": 2}, "found a text or nothing, needed numbers"),
        ("Constant", {"value_int": [2]}, "found a text or nothing, needed numbers"),
    ],
)
def test_an_attribute_of_another_type_is_refused(kind, attribute, words, tmp_path):
    model = image()
    y = model.node(kind, *([] if kind == "Constant" else ["x"]), **attribute)
    refused(tmp_path, ended(model, model.node("Add", "x", y) if kind == "Constant" else y), words)


def test_an_operator_of_another_domain_is_named_with_it(tmp_path):
    model = image()
    x = model.node("FusedConv", "x", domain="com.microsoft")
    refused(tmp_path, ended(model, x), "node 0 (com.microsoft.FusedConv")


WHOLE = {np.dtype(np.int64): np.int64, np.dtype(bool): bool}


def made(kind, *more, before=None, **attributes):
    """A model with one node of this kind after `before` (a function) or the input."""

    def build():
        model = image()
        x = before(model, "x") if before else "x"
        inputs = [m if isinstance(m, str) else model.constant(m, WHOLE.get(np.dtype(m.dtype))) for m in more]
        return ended(model, model.node(kind, x, *inputs, **attributes))

    return build


@pytest.mark.parametrize("number", range(1, 17))
def test_inputs_are_floats_of_16_32_or_64_bits(tmp_path, number):
    import onnx as format

    model = format.load_from_string(ended(image(), "x"))
    model.graph.input[0].type.tensor_type.elem_type = number
    if number in (1, 10, 11):
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        assert onnx.read(path).shape == (2, 6, 6)
    else:
        refused(tmp_path, model.SerializeToString(), f"elements of type {number}", "floating-point")


def normal(*shape):
    return np.ones(shape)


def rectified(model, x):
    return conv(model, x, 2, 2)


def average(model, x):
    return model.node("GlobalAveragePool", x)


def flat(model, x):
    return model.node("Flatten", average(model, x))


def to_last(model, x):
    return model.node("Transpose", x, perm=(0, 2, 3, 1))


def turned(model, x):
    return model.node("Relu", to_last(model, x))


def flat_turned(model, x):
    return model.node("Flatten", to_last(model, x))


WRONG = {
    "weights of shape (3, 1, 3, 3) in 1 groups": made("Conv", normal(3, 1, 3, 3)),
    "(F, C/groups, kh, kw) for C = 2": made("Conv", normal(3, 2, 3)),
    "dilations (2, 2)": made("MaxPool", kernel_shape=[2, 2], dilations=[2, 2]),
    "dilations (2, 0)": made("Conv", normal(3, 2, 3, 3), dilations=[2, 0]),
    "dilations (2,)": made("Conv", normal(3, 2, 3, 3), dilations=[2]),
    "a window of (2147483647, 3) with its gaps": made("Conv", normal(3, 2, 3, 3), dilations=[2**30 - 1, 1]),
    "a window (5, 5)": made("Conv", normal(3, 2, 3, 3), kernel_shape=[5, 5]),
    "pads (-1,": made("Conv", normal(3, 2, 3, 3), pads=[-1, 0, 0, 0]),
    "auto_pad 'SAME'": made("Conv", normal(3, 2, 3, 3), auto_pad="SAME"),
    "input 2 of shape (2,)": made("Conv", normal(3, 2, 3, 3), normal(2)),
    "what is refused (Conv2d": made("Conv", normal(3, 2, 7, 7)),
    "values from 0 to 0": made("Conv", normal(3, 2, 3, 3), strides=[0, 1]),
    "axes [1]": made("ReduceMean", axes=[1]),
    "axes (2, -5)": made("ReduceMean", axes=[2, -5]),
    "axes (2, 7)": made("ReduceMean", axes=[2, 7]),
    "a border by 'reflect'": made("Pad", np.array([0, 0, 1, 1, 0, 0, 1, 1]), mode="reflect"),
    "a border of zeros before it": lambda: bordered("Sigmoid"),
    "a border of zeros around numbers below 0": lambda: bordered("MaxPool", kernel_shape=[2, 2]),
    "ceil_mode where it adds a window": made("AveragePool", kernel_shape=[4, 4], strides=[4, 4], ceil_mode=1),
    "indices to be written": made("MaxPool", outputs=2, kernel_shape=[2, 2]),
    "the order (0, 2, 1, 3)": made("Transpose", perm=[0, 2, 1, 3]),
    "to become (2, 36)": made("Reshape", np.array([2, 36])),
    "as many numbers": made("Reshape", np.array([1, 71])),
    "an approximation": made("Gelu", approximate="tanh"),
    "low < high": made("Clip", np.float32(2), np.float32(1)),
    "the type 7, needed 1 or 11": made("Cast", to=7),
    "the type 10, needed 1 or 11": made("Cast", to=10),
    "the type None": made("Cast"),
    "a dropout in training": made("Dropout", np.float32(0.5), np.bool_(True)),
    "input 2 that is no constant": made("Dropout", np.float32(0.5), "x"),
    "the axis 0 of (1, 2, 6, 6)": lambda: classes(),
    "the axis 0 of (1, 2)": lambda: classes(flat=True),
    "the axis 1 of (1, 2)": lambda: classes(flat=True, axis=1, select_last_index=1),
    "a constant of shape (1, 2, 6, 1)": made("Add", normal(1, 2, 6, 1)),
    "a division by x or by 0": made("Div", np.zeros(())),
    "input 1 that is no constant": made("Conv", "x"),
    "features (N, C)": made("Gemm", normal(3, 2)),
    "in training": made("BatchNormalization", *[normal(2)] * 4, training_mode=1),
    "input 3 of shape (3,)": made("BatchNormalization", normal(2), normal(2), normal(3), normal(2)),
    "an activation joined to itself": lambda: doubled(),
    "an activation joined": lambda: doubled("Mul"),
    "needed two branches": lambda: doubled("Concat", axis=1),
    "needed one around the output of a ReLU": lambda: joined_and_padded(True),
    "found a border of zeros around numbers below 0": lambda: joined_and_padded(False),
    "zeros around numbers below 0, needed one": lambda: scaled_and_padded(),
    **{
        f"numbers below 0, needed one around{' ' * k}": lambda kind=kind, given=given: bordered(
            "MaxPool", kind, given, kernel_shape=[2, 2]
        )
        for k, (kind, given) in enumerate(
            (("Clip", (-0.5, 1.0)), ("Clip", (None, 1.0)), ("Tanh", ()), ("LeakyRelu", ()))
        )
    },
    "two activations": lambda: doubled("Sub"),
    "the axis 2 of (1, 3, 6, 6) and": lambda: side_by_side(axis=2),
    "the axis 1 of (1, 108) and (1, 108), needed the channels": lambda: flattened_side_by_side(),
    "an image with its channels last, needed an image": lambda: one_pixel(),
    "(1, 6, 6, 2) of two layouts": lambda: side_by_side(axis=1, turn=True),
    "in its channels alone": lambda: side_by_side(axis=1, stride=2),
    "constants beside": made("Concat", normal(1, 2, 6, 6), axis=1),
    "an output of shape": made("Conv", normal(3, 2, 3, 3), pads=[2**15] * 4),
    "a batch norm in training": made("BatchNormalization", *[normal(2)] * 4, outputs=2),
    "variances below 0": made("BatchNormalization", *[normal(2)] * 3, -normal(2)),
    "needed 0 or more": made("BatchNormalization", *[normal(2)] * 3, np.array([1.0, 0.0]), epsilon=0.0),
    "what is refused (BatchNorm": made("BatchNormalization", *[normal(2)] * 4, epsilon=-0.5),
    "after a turned flattening": made("BatchNormalization", *[normal(72)] * 4, before=flat_turned),
    "for each of 72 channels": made("Add", normal(72), before=flat_turned),
    "for each of 2 channels": made("Add", normal(1, 3, 1, 1)),
    "a constant of shape (1, 1, 2, 1, 1)": made("Mul", normal(1, 1, 2, 1, 1)),
    "a constant of shape (2, 1)": made("Mul", normal(2, 1)),
    "an image with its channels last, needed": made("BatchNormalization", *[normal(2)] * 4, before=to_last),
    "found an image with its channels last": made("GlobalAveragePool", before=to_last),
    "found features, needed an image (N, C, H, W)": made("GlobalAveragePool", before=flat),
    "features, needed an image with rows": made("ReduceMean", axes=[1], before=flat),
    "a window (2048, 1025), needed fewer than 4194304 weights over 2 channels": made(
        "AveragePool", kernel_shape=[2048, 1025], pads=[1, 0, 0, 0], count_include_pad=1
    ),
    "Conv2d: x: found a window of 2048×1024 on an image of 7×6": made(
        "AveragePool", kernel_shape=[2048, 1024], pads=[1, 0, 0, 0], count_include_pad=1
    ),
    "a window of (2048, 1025) with its gaps, needed fewer than 4194304": made(
        "Conv", normal(2, 1, 2, 2), group=2, dilations=[2047, 1024]
    ),
    "Conv2d: x: found a window of 2048×1024 on an image of 6×6": made(
        "Conv", normal(2, 1, 2, 2), group=2, dilations=[2047, 1023]
    ),
    "transA": made("Gemm", normal(2, 3), transA=1, before=flat),
    "a bias of shape (2,)": made("Gemm", normal(2, 3), normal(2), before=flat),
    "a bias of shape (3, 1)": made("Gemm", normal(2, 3), normal(3, 1), before=flat),
    "weights of shape (3, 1) for (1, 2)": made("MatMul", normal(1, 3), before=flat),
    "weights of shape (0, 2) for (1, 2)": made("MatMul", normal(2, 0), before=flat),
    "weights of shape (3, 2, 1) for (1, 2)": made("Gemm", normal(1, 2, 3), before=flat),
    "weights of shape (0, 2, 3, 3)": made("Conv", normal(0, 2, 3, 3)),
    "weights of shape (3, 1, 3, 3) in 2 groups": made("Conv", normal(3, 1, 3, 3), group=2),
    "weights of shape (3, 2, 3, 3) in -1 groups": made("Conv", normal(3, 2, 3, 3), group=-1),
    "NaN, infinity or too large a number in 'w'": made("Conv", np.full((3, 2, 3, 3), np.nan)),
    "NaN, infinity or too large a number in 'b'": made("Conv", normal(3, 2, 3, 3), np.array([0, np.inf, 0])),
    "input 1 of int64, needed floating": made("Conv", np.ones((3, 2, 3, 3), np.int64)),
    "strides = 2, needed one like (1, 1)": made("Conv", normal(3, 2, 3, 3), strides=2),
    "auto_pad = 1, needed one like 'NOTSET'": made("Conv", normal(3, 2, 3, 3), auto_pad=1),
    "strides (1,)": made("Conv", normal(3, 2, 3, 3), strides=[1]),
    "a window (3,) with": made("MaxPool", kernel_shape=[3]),
    "a window (0, 2) with strides (1, 1), needed 1 or more": made("MaxPool", kernel_shape=[0, 2]),
    "pads (1, 1, 1)": made("MaxPool", kernel_shape=[2, 2], pads=[1, 1, 1]),
    "a border of zeros around numbers below 0, needed": lambda: bordered("MaxPool", kernel_shape=[3, 3]),
    "a border by 'constant'": made("Pad", np.array([0, 0, 1, 1, 0, 0, 1, 1]), np.float32(1)),
    "one of zeros, on all axes": made("Pad", pads=[0, 0, 1, 1, 0, 0, 1, 1], value=0.5),
    "zeros, on all axes": made("Pad", np.array([0, 0, 1, 1, 0, 0, 1, 1]), np.float32(0), np.array([2, 3])),
    "pads (0, 0, 1, 1)": made("Pad", np.array([0, 0, 1, 1])),
    "pads (1, 0, 0, 0, 0, 0, 0, 0)": made("Pad", np.array([1, 0, 0, 0, 0, 0, 0, 0])),
    "pads (0, 1, 0, 0, 0, 0, 0, 0)": made("Pad", np.array([0, 1, 0, 0, 0, 0, 0, 0])),
    "pads (0, 0, 0, 0, 1, 0, 0, 0)": made("Pad", np.array([0, 0, 0, 0, 1, 0, 0, 0])),
    "pads (0, 0, 0, 0, 0, 1, 0, 0)": made("Pad", np.array([0, 0, 0, 0, 0, 1, 0, 0])),
    "pads (0, 0, -1, 0, 0, 0, 0, 0)": made("Pad", np.array([0, 0, -1, 0, 0, 0, 0, 0])),
    "pads (0, 0, 7, 0, 0, 0, 0, 0)": made("Pad", np.array([0, 0, 7, 0, 0, 0, 0, 0])),
    "'' in place of numbers": made("Pad"),
    "the axis 2, needed 1: all": made("Flatten", axis=2),
    "the axis 0, needed 1: all": made("Flatten", axis=0),
    "the axes (0,) of (1, 2, 6, 6)": made("Squeeze", np.array([0])),
    "the axes (1,) of (1, 2, 6, 6)": made("Squeeze", np.array([1])),
    "the axes (2, 4) of (1, 2, 1, 1)": made("Squeeze", np.array([2, 4]), before=average),
    "the axes (-5,) of (1, 2, 1, 1)": made("Squeeze", np.array([-5]), before=average),
    "the axes (1, 2), needed rows and columns, (2, 3)": made("ReduceMean", axes=[1, 2]),
    "the axes (2, 3), needed rows and columns, (1, 2)": made("ReduceMean", axes=[2, 3], before=to_last),
    "the axes None": made("ReduceMean"),
    "the axes (2, 3, 4)": made("ReduceMean", axes=[2, 3, 4]),
    "the axes (-1,)": made("ReduceMax", axes=[-1]),
    "an output of shape (2, 32768, 32768), needed fewer than 2147483648": made(
        "Conv", normal(2, 2, 1, 1), pads=[16381] * 4
    ),
    "the order () of (1, 2)": made("Transpose", before=flat),
    "the order (0, 2, 3, 1) of (1, 2)": made("Transpose", perm=[0, 2, 3, 1], before=flat),
    "the order (0, 3, 1, 2) of (1, 2, 6, 6)": made("Transpose", perm=[0, 3, 1, 2], before=rectified),
    "the order (0, 2, 3, 1) of (1, 6, 6, 2)": made("Transpose", perm=[0, 2, 3, 1], before=to_last),
    "min of shape (2,)": made("Clip", normal(2)),
    "max of shape ()": made("Clip", np.float32(0), np.float32(np.nan)),
    "what is refused (Clip": made("Clip", np.float32(1), np.float32(1)),
    "what is refused (LeakyReLU": made("LeakyRelu", alpha=-0.5),
    "needed one number": made("Clip", normal(0)),
    "a dropout in training, needed one at inference": made(
        "Dropout", np.float32(0.5), np.array([False, True])
    ),
    "an average over whole windows": made("AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
}


def test_an_output_that_is_left_out_is_not_written_twice(tmp_path):
    import onnx as format

    model = image()
    whole = format.load_from_string(ended(model, model.node("Dropout", model.node("Dropout", "x"))))
    for node in whole.graph.node[:2]:
        node.output.append("")
    (tmp_path / "model.onnx").write_bytes(whole.SerializeToString())
    assert onnx.read(tmp_path / "model.onnx").shape == (2, 6, 6)


def test_a_constant_for_each_of_two_turned_features_is_refused_as_of_many(tmp_path):
    model = Model((1, 1, 1, 2))
    whole = model.build(model.node("Add", flat_turned(model, "x"), model.constant(normal(2))))
    refused(tmp_path, whole, "node 2 (Add 'node 2'): found a constant of shape (2,), needed one number")


def classes(flat=False, **attributes):
    model = image()
    x = model.node("Flatten", model.node("GlobalAveragePool", "x")) if flat else "x"
    return model.build(model.node("ArgMax", x, **attributes), kind=np.int64)


def almost_gelu(root=2**0.5, half=0.5, one=1.0):
    model = image()
    gate = model.node("Erf", model.node("Div", "x", model.constant(root)))
    gate = model.node("Add", gate, model.constant(one))
    return ended(model, model.node("Mul", model.node("Mul", "x", gate), model.constant(half)))


def bordered(kind, before="Identity", constants=(), **attributes):
    model = image()
    x = model.node(before, "x", *("" if end is None else model.constant(end) for end in constants))
    x = model.node("Pad", x, model.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    return ended(model, model.node(kind, x, **attributes))


def scaled_and_padded():
    """A pool over zeros around a convolution whose outputs are multiplied, which is one affine map."""
    model = image()
    x = model.node("Mul", conv(model, "x", 2, 3), model.constant(np.float32(-2)))
    x = model.node("Pad", x, model.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    return ended(model, model.node("MaxPool", x, kernel_shape=[2, 2]))


def joined_and_padded(longer):
    """A pool over zeros around a sum of branches, of which the longer one ends in a ReLU or the other."""
    model = image()
    x = model.node("Relu", conv(model, "x", 2, 3))
    y = conv(model, model.node("Relu", conv(model, "x", 2, 3)), 3, 3)
    x = model.node("Add", *((model.node("Relu", y), conv(model, "x", 2, 3)) if longer else (y, x)))
    x = model.node("Pad", x, model.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    return ended(model, model.node("MaxPool", x, kernel_shape=[2, 2]))


def doubled(kind="Add", **attributes):
    model = image()
    return ended(model, model.node(kind, *["x", "x"], **attributes))


def side_by_side(axis, turn=False, stride=1):
    model = image()
    x = conv(model, "x", 2, 3, stride=stride)
    other = model.node("Transpose", "x", perm=(0, 2, 3, 1)) if turn else "x"
    return ended(model, model.node("Concat", x, other, axis=axis))


def one_pixel():
    """The mean over what the file takes for rows and columns is here one over channels."""
    model = image()
    x = model.node("ReduceMean", model.node("Transpose", "x", perm=(0, 2, 3, 1)), axes=[1, 2])
    return model.build(model.node("Flatten", model.node("GlobalAveragePool", x)), opset=13)


def flattened_side_by_side():
    """Features in the order H, W, C, which no two channels side by side are."""
    model = image()
    x = model.node("Flatten", model.node("Transpose", conv(model, "x", 2, 3), perm=(0, 2, 3, 1)))
    return ended(model, model.node("Concat", model.node("Relu", x), x, axis=1))


@pytest.mark.parametrize("words", WRONG)
def test_what_a_layer_could_not_be_is_refused_by_its_node(words, tmp_path):
    build = WRONG[words]
    found = {"values from 0 to 0": "1 or more", "axes [1]": "(1,)"}.get(words, words)
    refused(tmp_path, build(), "node ", found.rstrip())


COMPUTED = {
    "a text or nothing, needed numbers": ("Constant",),
    "type 9, needed": ("Cast", [1.0], {"to": 9}),
    "type None, needed": ("Cast", [1.0]),
    "axes (0, 0) of 2, needed each once": ("Transpose", [[1], [2]], {"perm": (0, 0)}),
    "axes (0,) of 2, needed each once": ("Transpose", [[1], [2]], {"perm": (0,)}),
    "axes that do not fit (": ("Squeeze", [[1, 2]], [1]),
    "needed those of its input": ("Unsqueeze", [1], [0, 0]),
    "the shape (2, 2), needed as many numbers as (3,) has": ("Reshape", [1, 2, 3], [2, 2]),
    "the shape (-1, -1), needed": ("Reshape", [1, 2, 3], [-1, -1]),
    "the shape (-3, -1), needed": ("Reshape", [1, 2, 3], [-3, -1]),
    "the shape (2, -3, -1), needed": ("Reshape", [1, 2, 3, 4, 5, 6], [2, -3, -1]),
    "the shape (0, -1), needed": ("Reshape", [1, 2, 3], [0, -1], {"allowzero": 1}),
    "9 axes, needed at most 8": ("Unsqueeze", [1], list(range(9))),
    "what cannot be computed (": ("Gather", "shape", [4]),
    "needed a shape": ("Add", "shape", [1, 2]),
    "no input 1, needed one": ("Gather", "shape"),
    "no input 0, needed one": ("Add", "", "shape"),
    "a shape from this": ("Div", "shape", [2]),
    "needed one made of shapes and constants": ("ConstantOfShape", [65]),
    "a shape from this, needed": ("ConstantOfShape", [1] * 9),
    "float64 of shape (1,), needed a few whole numbers": ("Add", "shape", [0.5]),
    "int64 of shape (65,), needed a few": ("Concat", [1] * 65, "shape"),
    "'x' in place of numbers, needed a constant, or one made of shapes": ("Add", "shape", "x"),
}


@pytest.mark.parametrize("words", COMPUTED)
def test_what_no_shape_is_computed_from_is_refused_by_its_node(words):
    kind, *inputs = COMPUTED[words]
    attributes = inputs.pop() if inputs and isinstance(inputs[-1], dict) else {}
    with pytest.raises(ValueError) as caught:
        values = values_of(kind, *inputs, **attributes)
        values.numbers(values.graph.nodes[1], "y")
    message = str(caught.value)
    assert message.startswith(f"file: node 1 ({kind} 'n'): found ") and words in message, message


def test_eight_axes_are_not_too_many():
    values = values_of("Unsqueeze", [5], list(range(1, 9)))
    assert values.axes(values.graph.nodes[1]) == tuple(range(1, 9))


def test_shapes_in_33_steps_and_more_constants_than_four_times_the_file_are_refused():
    nodes = [Node(0, "Shape", "", ("x",), ("t0",), {})]
    nodes += [Node(k, "Identity", "", (f"t{k - 1}",), (f"t{k}",), {}) for k in range(1, 34)]
    values = Values(Graph("file", tuple(nodes), {}, {"x": (3, 7)}, (), 17, 0), 3)
    values.known["x"] = Value((7,))
    with pytest.raises(ValueError, match=r"node 1 \(Identity\): found 't0' in place of numbers"):
        values.numbers(nodes[-1], "t33")
    values = values_of("Concat", "shape", [7] * 61, axis=0)
    values.numbers(values.graph.nodes[0], "y")
    with pytest.raises(ValueError, match=r"int64 of shape \(65,\), needed a few whole numbers"):
        values.numbers(values.graph.nodes[0], "y")
    values = values_of("Conv", "x", np.zeros(1000, np.float32), np.zeros(1, np.int8))
    values.constant(values.graph.nodes[1], 1)
    with pytest.raises(ValueError, match="constants that many nodes read, needed at most 4 times the file's"):
        values.constant(values.graph.nodes[1], 2)
    with pytest.raises(ValueError, match="input 3 that is no constant"):
        values.constant(values.graph.nodes[1], 3)


@pytest.mark.parametrize("wrong", [{"root": 1.414}, {"half": 0.49}, {"one": 0.99}])
def test_what_is_almost_an_activation_is_none(wrong, tmp_path):
    refused(tmp_path, almost_gelu(**wrong), "(Erf 'node 1'): found this kind")


def test_a_dropout_of_the_first_versions_was_for_training_unless_it_said_otherwise(tmp_path):
    for given in ({}, {"is_test": 0}):
        model = image()
        data = model.build(model.node("Dropout", conv(model, "x", 2, 3), **given), 6)
        refused(tmp_path, data, "a dropout in training")
    model = image()
    (tmp_path / "test.onnx").write_bytes(
        model.build(model.node("Dropout", conv(model, "x", 2, 3), is_test=1), 6)
    )
    assert [*onnx.read(tmp_path / "test.onnx").layers] == ["conv1"]


@pytest.mark.parametrize("kind", ["Dropout", "Split"])
def test_a_second_output_is_no_activation(kind, tmp_path):
    model = image()
    model.node(kind, "x", outputs=2)
    refused(
        tmp_path, ended(model, model.node("Relu", "t0_1")), f"node 0 ({kind} 'node 0'): found another output"
    )


def test_graphs_that_are_no_chain_of_blocks(tmp_path):
    model = image()
    a, b = conv(model, "x", 2, 2), conv(model, "x", 2, 2)
    c = model.node("Add", a, b)
    crossed = model.node("Add", model.node("Add", c, a), model.node("Relu", b))
    refused(tmp_path, ended(model, crossed), "node 2 (Add", "branches that do not part at one place")
    model = image()
    refused(
        tmp_path,
        ended(model, model.node("Add", conv(model, "x", 2, 3), "x")),
        "found (1, 3, 6, 6) and (1, 2, 6, 6)",
    )
    model = image()
    x = conv(model, "x", 2, 2)
    broken = model.build(model.node("Add", x, "nobody"))
    refused(tmp_path, broken, "node 1 (Add 'node 1'): found the input 'nobody'")


def test_joins_of_many_are_refused(tmp_path):
    model = image()
    branches = [model.node("Relu", "x") for _ in range(70)]
    whole = ended(model, model.node("Concat", *branches, axis=1))
    refused(tmp_path, whole, "node 70 (Concat 'node 70'): found 70 inputs")
    model = image()
    x = model.node("Relu", "x")
    for _ in range(1000):
        x = model.node("Add", x, model.node("Relu", "x"))
    refused(tmp_path, ended(model, x), "more than 64 blocks within blocks")
    model, x = image(), "x"
    for _ in range(100):
        x = model.node("Concat", x, model.node("Relu", x), axis=1)
    refused(tmp_path, ended(model, x), "an output of shape (67108864, 6, 6)")


def test_orders_in_which_no_graph_runs(tmp_path):
    model = image()
    model.node("Relu", "t1_0")
    model.node("Relu", "t0_0")
    refused(tmp_path, model.build("t1_0"), "node 0 (Relu", "the input 't1_0'")
    model = image()
    model.node("Relu", "x")
    model.nodes.append(model.nodes[0])
    refused(tmp_path, model.build("t0_0"), "node 1 (Relu", "to be written again")
    model = image()
    model.node("Relu", "x")
    refused(tmp_path, model.build("x"), "does not depend on the input")
    refused(tmp_path, model.build("t5_0"), "does not depend on the input")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 2, None, 6), "(1, 2, '?', 6)"),
        ((1, 2, 6), "(1, 2, 6)"),
        ((1, 2, 0, 6), "the shape (1, 2, '?', 6)"),
        ((1, 2, -3, 6), "the shape (1, 2, -3, 6)"),
        ((1, 2, 3, 6, 6), "of which N alone may be left open"),
        ((1,), "the shape (1,)"),
        ((-1, 4), "(-1, 4)"),
    ],
)
def test_inputs_that_say_too_little(shape, words, tmp_path):
    model = Model(shape)
    refused(tmp_path, model.build(model.node("Relu", "x")), "input 'x'", words)


def test_softmax_and_layout_at_the_end(tmp_path):
    model = Model((1, 6, 6, 2))
    x = conv(model, model.node("Transpose", "x", perm=(0, 3, 1, 2)), 2, 3)
    last = model.node("Transpose", x, perm=(0, 2, 3, 1))
    refused(tmp_path, model.build(last), "channels last")
    refused(tmp_path, model.build(model.node("Flatten", last)), "channels last")
    model = image()
    refused(
        tmp_path,
        model.build(model.node("Softmax", conv(model, "x", 2, 3), axis=1)),
        "the axis 1 of (1, 3, 6, 6)",
    )


def outside(tmp_path, **entries):
    """A file whose weights lie in another, as these entries say."""
    from onnx import ModelProto, TensorProto

    model = image()
    data = ModelProto.FromString(ended(model, conv(model, "x", 2, 3)))
    tensor = data.graph.initializer[0]
    (tmp_path / "model.onnx.data").write_bytes(tensor.raw_data + b"more")
    (tmp_path / "secret.txt").write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return data.SerializeToString()


def test_data_beside_the_file_are_read_where_they_should_be(tmp_path):
    size = f"{4 * 3 * 2 * 9}"
    path = tmp_path / "model.onnx"
    path.write_bytes(outside(tmp_path, location="model.onnx.data", offset="0", length=size))
    assert onnx.read(path).params["conv1.w"].shape == (3, 2, 3, 3)
    for entries, words in (
        ({"location": "secret.txt", "length": size}, "data in 'secret.txt'"),
        ({"location": "../model.onnx.data", "length": size}, "data in '../model"),
        ({"location": str(tmp_path / "model.onnx.data"), "length": size}, "needed data in the file"),
        ({"location": "..\\model.data"}, "needed data in the file"),
        ({"location": "other.data"}, "no file 'other.data'"),
        ({"location": "model.onnx.data", "offset": "5", "length": size}, "a part of its 220"),
        ({"location": "model.onnx.data", "offset": "-4", "length": size}, "bytes -4 to"),
        ({"location": "model.onnx.data", "length": "8"}, "8 bytes"),
        ({"location": "model.onnx.data", "length": "many"}, "no number"),
        ({}, "data in ''"),
    ):
        refused(tmp_path, outside(tmp_path, **entries), "constant 'c0'", words)


def test_a_small_file_that_would_be_much_to_read_is_refused(tmp_path):
    model = Model((1, 256))
    w = model.drawn(256, 256)
    x = "x"
    for _ in range(3):
        x = model.node("Gemm", x, w)
    path = tmp_path / "shared.onnx"
    path.write_bytes(model.build(x))
    assert len(onnx.read(path).layers) == 3
    for _ in range(20):
        x = model.node("Gemm", x, w)
    refused(tmp_path, model.build(x), "constants that many nodes read")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "found an empty file, needed an ONNX model"),
        (b"\x89tz\x1a" * 20, "found an integer program"),
        (b"TFL3" * 30, "found a TensorFlow Lite model"),
        (b"\x80" * 30, "damage"),
        (b"\xff" * 40, "a number of more than ten bytes"),
        (varint(8 * 7 + 2) + b"\xff\xff\xff\xff\x0f", "bytes where 0 are left"),
        (varint(8), "a number that is cut off"),
        (varint(8) + b"\x01", "no graph"),
        (b"1,2,3", "found a text that begins with '1,2,3', needed an ONNX model"),
        (varint(8 * 7) + b"\x01", "a number where a message or text belongs"),
        (field(7, b""), "0 inputs and 0 outputs"),
        (field(7, field(1, b"") * 5000), "5000 nodes"),
        (field(7, field(5, b"") * 300_000), "fields"),
        (field(7, field(5, varint(8) + varint(2**40) + varint(16) + b"\x01")), "1099511627776"),
        (field(7, field(5, (varint(8) + varint(2**31)) * 2 + varint(16) + b"\x01")), "those of the shape"),
        (field(7, field(5, (varint(8) + b"\x01") * 9 + varint(16) + b"\x01")), "at most 8 axes"),
        (field(7, field(5, varint(16) + b"\x08")), "elements of type 8"),
        (
            field(7, field(5, (varint(8) + b"\x01") * 8 + varint(16) + b"\x01")),
            "those of the shape (1, 1, 1, 1,",
        ),
        (field(7, field(5, fields((1, -1), (2, 1)))), "shape (-1,), needed at most 8 axes, of 0 or more"),
        (
            field(7, field(5, fields((1, 2), (2, 1)) + field(9, bytes(9)))),
            "9 bytes, needed 4 for each of (2,)",
        ),
        (
            field(7, field(5, fields((1, 2), (2, 1)) + field(4, bytes(7)))),
            "7 bytes of numbers, needed a multiple",
        ),
        (field(7, field(5, field(2, b"1"))), "a text where a number belongs"),
        (field(7, field(15, b"")), "sparse constants"),
        (field(7, field(11, field(1, b"x"))), "input 'x': found no shape"),
        (
            field(7, field(11, field(1, b"x") + field(2, field(1, fields((1, 1)))))),
            "input 'x': found no shape",
        ),
        (field(7, field(1, b"") * 4097), "4097 nodes, needed at most 4096"),
        (field(7, field(1, field(4, b"Relu")) * 4096), "0 inputs and 0 outputs"),
        (field(25, b"") + field(7, b""), "functions"),
    ],
)
def test_what_is_no_model_is_refused(data, words, tmp_path):
    refused(tmp_path, data, words)


@pytest.mark.parametrize("kind", [3, 4, 6, 7])
def test_fields_of_other_kinds_and_lengths_beyond_the_end_are_refused(kind):
    with pytest.raises(ValueError, match=rf"file: found damage \(wire type {kind}\), needed an \.onnx file"):
        Wire("file").message(memoryview(varint(8 * 3 + kind) + bytes(8)))
    for size, wire in ((4, 5), (8, 1)):
        data = varint(8 * 3 + wire) + bytes(range(size))
        assert Wire("file").message(memoryview(data)) == {3: [bytes(range(size))]}
        with pytest.raises(ValueError, match=f"{size} bytes where {size - 1} are left"):
            Wire("file").message(memoryview(data[:-1]))
    long = b"\xff" * 9
    assert Wire("file").varint(memoryview(long + b"\x01"), 0) == (2**64 - 1, 10)
    assert Wire("file").varint(memoryview(long + b"\x7f"), 0) == (2**64 - 1, 10)
    with pytest.raises(ValueError, match="a number of more than ten bytes"):
        Wire("file").varint(memoryview(long + b"\x80\x01"), 0)
    with pytest.raises(ValueError, match="a number that is cut off"):
        Wire("file").varint(memoryview(long), 0)


def test_a_file_has_so_many_fields_and_no_more():
    wire = Wire("file")
    wire.left = 4
    assert wire.message(memoryview(fields((1, 1), (2, 2)))) == {1: [1], 2: [2]} and wire.left == 0
    with pytest.raises(ValueError, match=r"file: found more than 524288 fields, needed a file of fewer"):
        wire.varint(memoryview(b"\1"), 0)
    assert Wire("file").left == 524288


def test_a_file_of_more_than_half_a_gigabyte_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.touch()
    os.truncate(path, 2**29 + 1)
    with pytest.raises(ValueError, match=r"model\.onnx: found 536870913 bytes, needed 536870912 or fewer"):
        onnx.read(path)
    data = ended(image(), "x")
    path.write_bytes(data)
    monkeypatch.setattr("tinyzip.exchange.onnx.file.LARGEST", len(data))
    assert read_graph(path).size == len(data)
    monkeypatch.setattr("tinyzip.exchange.onnx.file.LARGEST", len(data) - 1)
    with pytest.raises(ValueError, match=f"found {len(data)} bytes"):
        read_graph(path)


def test_data_of_no_plain_name_and_beyond_the_end_are_refused(tmp_path):
    (tmp_path / "a.data").write_bytes(bytes(8))
    (tmp_path / ".a.data").write_bytes(bytes(8))
    (tmp_path / "b\\a.data").write_bytes(bytes(8))
    (tmp_path / "folder.data").mkdir()
    reader = Reader(memoryview(b""), "file", tmp_path)

    def read(**entries):
        said = b"".join(field(13, field(1, k.encode()) + field(2, v.encode())) for k, v in entries.items())
        return bytes(reader.outside(reader.wire.message(memoryview(said)), "constant 'c'"))

    assert len(read(location="a.data")) == 8 == len(read(location="a.data", offset="0", length="8"))
    assert read(location="a.data", offset="8") == b"" == read(location="a.data", length="0")
    for entries in (
        {"location": ".a.data"},
        {"location": "b\\a.data"},
        {"location": "folder.data"},
        {"location": "a.data", "offset": "9"},
        {"location": "a.data", "offset": "1", "length": "8"},
        {"location": "a.data", "length": "-1"},
        {"location": "a.data", "offset": "-1", "length": "4"},
    ):
        with pytest.raises(ValueError, match=r"file: constant 'c': found "):
            read(**entries)


def test_a_graph_of_two_ends_or_of_no_layer_is_refused(tmp_path):
    model = image()
    model.node("Relu", "x")
    import onnx as format

    whole = format.load_from_string(model.build("t0_0"))
    whole.graph.output.append(whole.graph.output[0])
    refused(tmp_path, whole.SerializeToString(), "found 1 inputs and 2 outputs, needed one of each")
    del whole.graph.output[:2]
    refused(tmp_path, whole.SerializeToString(), "found 1 inputs and 0 outputs")
    whole = format.load_from_string(model.build("t0_0"))
    whole.graph.input.append(whole.graph.input[0])
    whole.graph.input[1].name = "y"
    refused(tmp_path, whole.SerializeToString(), "found 2 inputs and 1 outputs, needed one of each")
    model = image()
    refused(tmp_path, model.build(model.node("Identity", "x")), "a graph without layers")
    whole = format.load_from_string(model.build("t0_0"))
    whole.graph.node.append(format.helper.make_node("Relu", ["x"], [], name="none"))
    refused(tmp_path, whole.SerializeToString(), "node 1 (Relu 'none'): found no output")
    whole.graph.node[1].output.append("")
    refused(tmp_path, whole.SerializeToString(), "node 1 (Relu 'none'): found no output")


def test_64_branches_are_joined_and_64_blocks_in_blocks_and_no_more(tmp_path):
    path = tmp_path / "model.onnx"
    for count, words in ((64, ""), (65, "node 65 (Concat 'node 65'): found 65 inputs")):
        model = image()
        whole = ended(model, model.node("Concat", *[model.node("Relu", "x") for _ in range(count)], axis=1))
        if words:
            refused(tmp_path, whole, words)
        else:
            path.write_bytes(whole)
            assert len([k for k in onnx.read(path).every_layer if "relu" in k]) == 64
    for count, words in ((64, ""), (65, "found more than 64 blocks within blocks")):
        model = image()
        x = model.node("Relu", "x")
        for _ in range(count):
            x = model.node("Add", x, model.node("Relu", "x"))
        if words:
            refused(tmp_path, ended(model, x), words)
        else:
            path.write_bytes(ended(model, x))
            assert len([k for k in onnx.read(path).every_layer if k.endswith("relu1")]) == 65


def mutated(data, rng):
    """Some bytes changed, or a piece copied over another, or cut, or numbers put to an end of their range."""
    changed = bytearray(data)
    way = rng.integers(5)
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        place, other = rng.integers(0, len(data), 2)
        if way == 0:
            changed[place] = rng.integers(256)
        elif way == 1:
            changed[place] = rng.choice([0, 1, 127, 128, 255])
        elif way == 2:
            changed[place : place + 30] = data[other : other + 30]
        elif way == 3:
            del changed[place : place + rng.integers(1, 5)]
    return bytes(changed[: rng.integers(len(data))] if way == 4 else changed)


def test_damage_is_refused_by_name_and_nothing_else_happens(tmp_path):
    """Each in less memory than a few times the file."""
    rng = np.random.default_rng(0)
    files = [path.read_bytes() for path in sorted(FOLDER.glob("*-script-open.onnx"))]
    for path in FOLDER.glob("*.data"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / "model.onnx"
    caught = 0
    tracemalloc.start()
    for k in range(300):
        path.write_bytes(mutated(files[k % len(files)], rng))
        try:
            onnx.read(path)
        except ValueError as error:
            assert str(error).startswith(str(path)) and "\n" not in str(error)
            caught += 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught > 100 and peak < 3_000_000


def test_what_is_no_path_is_refused():
    with pytest.raises(TypeError, match=r"^onnx.read: path: found 7, needed a path"):
        onnx.read(7)
