"""What cannot be read from an .onnx file is refused by the node's number and why, and nothing crashes."""

import tracemalloc

import numpy as np
import pytest
from onnx_models import Model, conv
from record_onnx import FOLDER

from tinyzip.exchange import onnx

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
    "two activations": lambda: doubled("Sub"),
    "the axis 2 of (1, 3, 6, 6) and": lambda: side_by_side(axis=2),
    "(1, 6, 6, 2) of two layouts": lambda: side_by_side(axis=1, turn=True),
    "in its channels alone": lambda: side_by_side(axis=1, stride=2),
    "constants beside": made("Concat", normal(1, 2, 6, 6), axis=1),
    "an output of shape": made("Conv", normal(3, 2, 3, 3), pads=[2**15] * 4),
}


def classes(flat=False, **attributes):
    model = image()
    x = model.node("Flatten", model.node("GlobalAveragePool", "x")) if flat else "x"
    return model.build(model.node("ArgMax", x, **attributes), kind=np.int64)


def almost_gelu(root=2**0.5, half=0.5, one=1.0):
    model = image()
    gate = model.node("Erf", model.node("Div", "x", model.constant(root)))
    gate = model.node("Add", gate, model.constant(one))
    return ended(model, model.node("Mul", model.node("Mul", "x", gate), model.constant(half)))


def bordered(kind, **attributes):
    model = image()
    x = model.node("Pad", "x", model.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    return ended(model, model.node(kind, x, **attributes))


def doubled(kind="Add", **attributes):
    model = image()
    return ended(model, model.node(kind, *["x", "x"], **attributes))


def side_by_side(axis, turn=False, stride=1):
    model = image()
    x = conv(model, "x", 2, 3, stride=stride)
    other = model.node("Transpose", "x", perm=(0, 2, 3, 1)) if turn else "x"
    return ended(model, model.node("Concat", x, other, axis=axis))


@pytest.mark.parametrize("words", WRONG)
def test_what_a_layer_could_not_be_is_refused_by_its_node(words, tmp_path):
    build = WRONG[words]
    found = {"values from 0 to 0": "1 or more", "axes [1]": "(1,)"}.get(words, words)
    refused(tmp_path, build(), "node ", found)


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
        ((1, 2, 0, 6), "?"),
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


def varint(value):
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def field(number, data):
    return varint(8 * number + 2) + varint(len(data)) + data


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
        (field(25, b"") + field(7, b""), "functions"),
    ],
)
def test_what_is_no_model_is_refused(data, words, tmp_path):
    refused(tmp_path, data, words)


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
