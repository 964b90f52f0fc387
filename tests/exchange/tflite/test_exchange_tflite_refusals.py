"""What the reader of .tflite files refuses, and that it does so in one line that says where."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from drawn_models import SAME, VALID, Dice, drawn_model
from tflite_builder import Model
from tflite_models import FILES

from tinyzip.exchange import tflite
from tinyzip.exchange.tflite.chain import shape_of, short
from tinyzip.exchange.tflite.file import Reader, Tensor, graph_of, read_graph
from tinyzip.exchange.tflite.operators import translate
from tinyzip.exchange.tflite.reference import Reference
from tinyzip.integer import run

WINDOW = {"Padding": VALID, "StrideH": 1, "StrideW": 1}


def read(model: bytes) -> Any:
    return translate(graph_of(model, "model.tflite"), Reference()).program()


def refused(model: Model, x: int, y: int, *words: str) -> None:
    model.inputs, model.outputs = [x], [y]
    with pytest.raises(ValueError) as caught:
        read(model.build())
    line = str(caught.value)
    assert line.startswith("model.tflite: ") and "\n" not in line
    for word in (*words, ": found ", ", needed "):
        assert word in line


def image(model: Model, *shape: int, scale: float = 0.1, zero: int = 0, dtype: Any = np.int8) -> int:
    return model.tensor((1, *shape), scale, zero, dtype)


def test_a_kind_that_is_not_read_is_named_with_its_number_and_what_is_read() -> None:
    model = Model()
    x, y, z = (image(model, 4, 4, 2) for _ in range(3))
    model.node("RELU", [x], y)
    model.node("SIN", [y], z)
    refused(model, x, z, "operator 1 (SIN)", "not read", "DEPTHWISE_CONV_2D")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"FusedActivationFunction": 4}, "TANH"),
        ({"Padding": 7}, "padding number 7"),
        ({"StrideH": 0}, "stride"),
        ({"DilationWFactor": -1}, "dilation"),
    ],
)
def test_options_that_mean_something_else_are_refused(options: dict[str, int], words: str) -> None:
    model = Model()
    x, y = image(model, 4, 4, 2), image(model, 4, 4, 3)
    w, b = model.constant(np.ones((3, 1, 1, 2), np.int8), 0.1), model.constant(np.zeros(3, np.int32))
    model.node("CONV_2D", [x, w, b], y, **WINDOW | options)
    refused(model, x, y, "operator 0 (CONV_2D)", words)


@pytest.mark.parametrize(
    ("weights", "bias", "words"),
    [
        ({"scale": [0.1, 0.2]}, {}, "2 scales"),
        ({"scale": [0.1, 0.2, 0.3], "axis": 3}, {}, "axis 3"),
        ({"scale": 0.1, "zero": 1}, {}, "zero points [1]"),
        ({"scale": 0.1, "dtype": np.uint8}, {}, "UINT8"),
        ({"scale": 0.1}, {"dtype": np.float32}, "FLOAT32"),
        ({"scale": 0.1, "shape": (3, 1, 1, 4)}, {}, "(3, 1, 1, 4)"),
        ({"scale": 0.1, "shape": (3, 5, 1, 2)}, {}, "a window of 5×1"),
        ({"scale": 1e30}, {}, "multiplier"),
        ({"scale": 0.1}, {"value": 2**31 - 1}, "an accumulator"),
    ],
)
def test_weights_and_biases_that_no_convolution_has_are_refused(
    weights: dict[str, Any], bias: dict[str, Any], words: str
) -> None:
    model = Model()
    x, y = image(model, 4, 4, 2), image(model, 4, 4, 3)
    w = np.ones(weights.pop("shape", (3, 1, 1, 2)), weights.pop("dtype", np.int8))
    b = np.full(3, bias.get("value", 0), bias.get("dtype", np.int32))
    model.node("CONV_2D", [x, model.constant(w, **weights), model.constant(b)], y, **WINDOW)
    refused(model, x, y, "operator 0 (CONV_2D)", words)


def test_two_scales_along_another_axis_than_the_outputs_are_refused() -> None:
    model = Model()
    x, y = image(model, 4, 4, 2), image(model, 4, 4, 2)
    w = model.constant(np.ones((2, 1, 1, 2), np.int8), scale=[0.1, 0.2], axis=3)
    model.node("CONV_2D", [x, w, model.constant(np.zeros(2, np.int32))], y, **WINDOW)
    refused(model, x, y, "operator 0 (CONV_2D)", "2 scales on axis 3")


def test_one_scale_is_for_all_outputs_whatever_axis_it_is_said_to_be_along() -> None:
    for axis in (0, 3):
        model = Model()
        x, y = image(model, 4, 4, 2), image(model, 4, 4, 2)
        w = model.constant(np.ones((2, 1, 1, 2), np.int8), scale=[0.1], axis=axis)
        model.node("CONV_2D", [x, w], y, **WINDOW)
        model.inputs, model.outputs = [x], [y]
        (layer,) = read(model.build()).operators
        assert len(set(layer.m0.tolist())) == len(set(layer.n.tolist())) == 1


def test_weights_that_the_model_computes_are_refused() -> None:
    model = Model()
    x, w, y = image(model, 8), model.tensor((3, 8), 0.1), image(model, 3)
    model.node("FULLY_CONNECTED", [x, w], y)
    refused(model, x, y, "operator 0 (FULLY_CONNECTED)", "input 1, which is no constant")


@pytest.mark.parametrize("kind", ["RESHAPE", "MAX_POOL_2D", "CONV_2D"])
def test_an_output_of_another_shape_or_grid_than_the_file_says_is_refused(kind: str) -> None:
    def chain(shape: tuple[int, ...], scale: float) -> tuple[Model, int, int]:
        model = Model()
        x, y = image(model, 4, 4, 2), model.tensor(shape, scale, 0)
        if kind == "RESHAPE":
            model.node(kind, [x], y)
        elif kind == "MAX_POOL_2D":
            model.node(kind, [x], y, FilterHeight=2, FilterWidth=2, **WINDOW | {"Padding": SAME})
        else:
            w, b = np.ones((2, 1, 1, 2), np.int8), np.zeros(2, np.int32)
            model.node(kind, [x, model.constant(w, 0.1), model.constant(b)], y, **WINDOW)
        return model, x, y

    refused(*chain((1, 4, 3, 2), 0.1), f"operator 0 ({kind})", "(2, 4, 3)" if kind != "RESHAPE" else "24")
    if kind != "CONV_2D":
        refused(*chain((1, 4, 4, 2), 0.2), f"operator 0 ({kind})", "as the file says")


@pytest.mark.parametrize(
    ("kind", "constant", "words"),
    [
        ("TRANSPOSE", [1, 0, 2, 3], "begins with 0"),
        ("TRANSPOSE", [0, 1, 2], "[0, 1, 2]"),
        ("MEAN", [3], "[3]"),
        ("MEAN", [1, 6], "[1, 6]"),
        ("PAD", [[0, 0], [0, 0], [0, 0], [0, 1]], "channels"),
        ("PAD", [[0, 0], [-1, 0], [0, 0], [0, 0]], "padding"),
        ("PAD", [[0, 0], [1, 0], [0, 1], [0, 0], [0, 0]], "channels"),
        ("PAD", [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0]], "channels"),
        ("RESHAPE", [1, 2, 2, 8], "a reshape to [1, 2, 2, 8]"),
    ],
)
def test_axes_and_borders_that_a_program_has_not_are_refused(kind: str, constant: Any, words: str) -> None:
    model = Model()
    x, y = image(model, 4, 4, 2), image(model, 4, 4, 2)
    model.node(kind, [x, model.constant(np.int32(constant))], y)
    refused(model, x, y, f"operator 0 ({kind})", words)


@pytest.mark.parametrize(
    ("packed", "words"),
    [([4, 8], ""), ([-1, 8], ""), ([8, 4], "a reshape to [-1, 8, 4]"), ([32], "a reshape to [-1, 32]")],
)
def test_a_shape_that_is_packed_of_the_batch_and_constants_has_to_be_the_outputs(
    packed: list[int], words: str
) -> None:
    """As converters write a Flatten of images whose number is open: of the batch only its place is asked."""
    model = Model()
    x, y, r = image(model, 4, 4, 2), model.tensor((1, 4, 8), 0.1, 0), image(model, 4, 4, 2)
    shape, batch, asked = (model.tensor(sizes, dtype=np.int32) for sizes in ((4,), (), (3,)))
    model.node("RELU", [x], r)
    model.node("SHAPE", [r], shape)
    ends = [model.constant(np.int32([k])) for k in (0, 1, 1)]
    model.node("STRIDED_SLICE", [shape, *ends], batch)
    model.node("PACK", [batch, *(model.constant(np.int32([n])) for n in packed)], asked)
    model.node("RESHAPE", [r, asked], y)
    if words:
        refused(model, x, y, "operator 4 (RESHAPE)", words)
    else:
        model.inputs, model.outputs = [x], [y]
        assert read(model.build()).shapes[-1] == (8, 4, 1)


def test_a_shape_that_is_computed_in_another_way_is_refused() -> None:
    model = Model()
    x, y = image(model, 4, 4, 2), model.tensor((1, 4, 8), 0.1, 0)
    shape, asked = model.tensor((4,), dtype=np.int32), model.tensor((3,), dtype=np.int32)
    model.node("SHAPE", [x], shape)
    model.node("CONCATENATION", [shape, model.constant(np.int32([4, 8]))], asked)
    model.node("RESHAPE", [x, asked], y)
    refused(model, x, y, "operator 2 (RESHAPE)", "constant")


@pytest.mark.parametrize(("fused", "clamp"), [(0, None), (1, (3, 127)), (3, (3, 63))])
def test_a_pool_has_a_clamp_where_it_cuts_something_off(fused: int, clamp: Any) -> None:
    model = Model()
    x, y = image(model, 4, 4, 2, zero=3), image(model, 2, 2, 2, zero=3)
    window = dict.fromkeys(("StrideH", "StrideW", "FilterHeight", "FilterWidth"), 2)
    model.node("MAX_POOL_2D", [x], y, Padding=VALID, FusedActivationFunction=fused, **window)
    model.inputs, model.outputs = [x], [y]
    (pool,) = read(model.build()).operators
    assert (pool.y and (pool.y.lo, pool.y.hi)) == clamp


def test_a_product_of_two_shapes_is_refused() -> None:
    model = Model()
    x, o, y = image(model, 4, 4, 2), image(model, 2, 2, 2), image(model, 4, 4, 2)
    model.node("MAX_POOL_2D", [x], o, Padding=VALID, StrideH=2, StrideW=2, FilterHeight=2, FilterWidth=2)
    model.node("MUL", [x, o], y)
    refused(model, x, y, "operator 1 (MUL)", "shapes (2, 4, 4) and (2, 2, 2)")


def test_channels_of_different_grids_are_refused() -> None:
    model = Model()
    x, r, y = image(model, 4, 4, 2), image(model, 4, 4, 2, scale=0.2), image(model, 4, 4, 4)
    model.node("RELU", [x], r)
    model.node("CONCATENATION", [x, r], y, Axis=3)
    refused(model, x, y, "operator 1 (CONCATENATION)", "one scale")


def test_a_batch_a_second_input_and_a_second_output_are_refused() -> None:
    model = Model()
    x, y = model.tensor((2, 4, 4, 2), 0.1), model.tensor((2, 4, 4, 2), 0.1)
    model.node("RELU", [x], y)
    refused(model, x, y, "input", "(2, 4, 4, 2)")
    for inputs, outputs in (([x, x], [y]), ([x], [y, y]), ([], [y]), ([x], []), ([-1], [y])):
        model.inputs, model.outputs = inputs, outputs
        with pytest.raises(
            ValueError, match=r"model\.tflite: found . inputs and . outputs, needed one of each"
        ):
            read(model.build())


def test_a_model_of_nothing_is_refused_as_one_without_an_input() -> None:
    with pytest.raises(ValueError, match=r"model\.tflite: found 0 inputs and 0 outputs, needed one of each"):
        read(Model().build())


def test_a_float_model_is_refused() -> None:
    model = Model()
    x, y = model.tensor((1, 4), dtype=np.float32), model.tensor((1, 4), dtype=np.float32)
    model.node("RELU", [x], y)
    refused(model, x, y, "FLOAT32", "INT8")


def test_reading_before_writing_and_writing_twice_are_refused() -> None:
    model = Model()
    x, y, z = (image(model, 4, 4, 2) for _ in range(3))
    model.node("ADD", [x, z], y)
    model.node("RELU", [y], z)
    refused(model, x, y, "operator 0 (ADD)", "that nothing has written")
    model = Model()
    x, y = image(model, 4, 4, 2), image(model, 4, 4, 2)
    model.node("RELU", [x], y)
    model.node("RELU", [x], y)
    refused(model, x, y, "operator 1 (RELU)", "written again")


def test_a_clamp_that_leaves_one_code_is_refused() -> None:
    model = Model()
    x, y = image(model, 4, 4, 2), image(model, 4, 4, 2, zero=127)
    model.node("RELU", [x], y)
    refused(model, x, y, "operator 0 (RELU)", "one code")


def test_kernels_that_nobody_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"kernels: found 'neon', needed one of reference, xnnpack"):
        tflite.read(tmp_path / "model.tflite", "neon")
    with pytest.raises(ValueError, match=r"kernels: found \['xnnpack'\], needed one of reference, xnnpack"):
        tflite.read(tmp_path / "model.tflite", ["xnnpack"])


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(drawn_model("any"))
    monkeypatch.setitem(sys.modules, "tflite", None)
    with pytest.raises(ImportError, match=r"pip install 'tinyzip\[tflite\]'"):
        tflite.read(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "byte 4"),
        (b"\x89tz\x1a" * 20, "byte 4"),
        (b"\x1c\0\0\0TFL3", "damage"),
        (b"\xff\xff\xff\x7fTFL3" + bytes(100), "damage"),
    ],
)
def test_what_is_no_model_is_refused(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "some file.bin"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=words) as caught:
        tflite.read(path)
    assert str(caught.value).startswith(str(path))


def shared(nodes: int, wide: int) -> Model:
    """Many fully connected layers with one and the same matrix of weights."""
    model = Model()
    x = image(model, wide)
    w = model.constant(np.ones((wide, wide), np.int8), 0.001)
    model.inputs, last = [x], x
    for _ in range(nodes):
        last = model.node("FULLY_CONNECTED", [last, w], image(model, wide))
    model.outputs = [last]
    return model


def test_a_small_file_that_would_be_much_to_read_is_refused() -> None:
    """Constants that many nodes share, and vectors that many tensors do."""
    assert len(read(shared(2, 64).build()).operators) == 2
    with pytest.raises(ValueError, match="vectors that many records share"):
        read(shared(20, 256).build())


def test_a_constant_of_fewer_bytes_than_its_shape_asks_for_is_refused() -> None:
    model = Model()
    x, y = image(model, 8), image(model, 3)
    w = model.tensor((3, 8), 0.1, data=bytes(23))
    model.node("FULLY_CONNECTED", [x, w], y)
    refused(model, x, y, "tensor 2", "23 bytes", "(3, 8)")


def record(**values: Any) -> Any:
    """A record as the generated reader gives it: each field is a call."""
    return SimpleNamespace(**{name: lambda *_, value=value: value for name, value in values.items()})


def a_tensor(**values: Any) -> Any:
    usual = {"ShapeAsNumpy": np.int32([1, 3]), "Type": 9, "Sparsity": None, "Quantization": None, "Buffer": 0}
    return record(**usual | {"Name": b"a"} | values)


def a_grid(scales: Any, zeros: Any, axis: int = 0, kind: int = 0) -> Any:
    """Scales and zero points of a tensor; 0 where there are none, as the generated reader has it."""
    scales = np.float32(scales) if scales else 0
    zeros = np.int64(zeros) if zeros else 0
    return record(ScaleAsNumpy=scales, ZeroPointAsNumpy=zeros, QuantizedDimension=axis, DetailsType=kind)


def a_reader(**model: Any) -> Reader:
    """The reader of a file of 100 bytes whose model says these things."""
    reader = Reader(shared(1, 2).build(), "file")
    reader.size, reader.left = 100, 400
    reader.model = record(**model) if model else reader.model
    return reader


def a_buffer(data: Any = 0, offset: int = 0) -> Any:
    return record(DataAsNumpy=data if isinstance(data, int) else np.frombuffer(data, np.uint8), Offset=offset)


def test_a_tensor_is_what_its_record_says() -> None:
    reader = a_reader(BuffersLength=2, Buffers=a_buffer())
    found = reader.tensor(5, a_tensor(Quantization=a_grid([0.5, 2], [3, -1], 1)))
    assert (found.name, found.shape, found.kind, found.axis, found.data) == ("a", (1, 3), "INT8", 1, None)
    assert (found.scales.tolist(), found.zeros.tolist()) == ([0.5, 2], [3, -1])
    assert (found.scales.dtype, found.zeros.dtype) == (np.float32, np.int64)
    assert reader.left == 400 - 8 - 8 - 16 - 1
    for grid, scales in ((None, []), (a_grid([], []), []), (a_grid([], [7]), []), (a_grid([0.5], []), [0.5])):
        found = reader.tensor(5, a_tensor(Quantization=grid, Name=None, ShapeAsNumpy=0))
        assert (found.scales.tolist(), found.zeros.tolist()) == (scales, [0] * len(scales))
        assert (found.name, found.shape, found.axis) == ("", (), 0)
    assert reader.tensor(5, a_tensor(Sparsity=record())).kind == "sparse INT8"
    assert (
        reader.tensor(5, a_tensor(Quantization=a_grid([], [], kind=1))).kind == "INT8 quantized by a function"
    )
    assert reader.tensor(5, a_tensor(Type=99)).kind == "type 99"
    assert reader.tensor(5, a_tensor(ShapeAsNumpy=np.ones(8, np.int32))).shape == (1,) * 8
    assert reader.tensor(5, a_tensor(Quantization=a_grid([0.0], [1]))).scales.tolist() == [0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ShapeAsNumpy": np.ones(9, np.int32)}, "shape .*, needed at most 8 axes, of 1 or more"),
        ({"ShapeAsNumpy": np.int32([3, 0])}, r"shape \(3, 0\)"),
        (
            {"Quantization": a_grid([0.5, 1], [1])},
            r"scales \[0.5, 1.0\] and zero points \[1\], needed one zero p",
        ),
        (
            {"Quantization": a_grid([-0.5], [1])},
            r"scales \[-0.5\] .*, needed one zero point for each scale, and none below 0",
        ),
        ({"Quantization": a_grid([np.inf], [1])}, "scales"),
        ({"Quantization": a_grid([np.nan], [1])}, "scales"),
        ({"Buffer": 2}, "buffer 2, needed one of 2"),
        ({"Buffer": -1}, "buffer -1, needed one of 2"),
    ],
)
def test_what_no_tensor_is_is_refused_by_its_number(values: dict[str, Any], words: str) -> None:
    reader = a_reader(BuffersLength=2, Buffers=a_buffer())
    with pytest.raises(ValueError, match=f"file: tensor 5: found {words}"):
        reader.tensor(5, a_tensor(**values))


def test_a_constant_is_a_view_of_as_many_bytes_as_its_shape_asks_for() -> None:
    for kind, dtype in (
        ("INT8", "i1"),
        ("UINT8", "u1"),
        ("INT32", "<i4"),
        ("INT64", "<i8"),
        ("FLOAT32", "<f4"),
    ):
        values = np.arange(6).reshape(2, 3).astype(dtype)
        reader = a_reader(BuffersLength=1, Buffers=a_buffer(values.tobytes(), offset=1))
        found = reader.constant(0, kind, (2, 3), "here")
        assert found is not None and found.dtype == dtype and np.array_equal(found, values)
        assert reader.left == 400 - values.nbytes
        for shape in ((2, 2), (2, 3, 2)):
            with pytest.raises(
                ValueError, match=f"file: here: found {values.nbytes} bytes, needed {values.itemsize} f"
            ):
                reader.constant(0, kind, shape, "here")
    assert a_reader(BuffersLength=1, Buffers=a_buffer(bytes(9))).constant(0, "STRING", (2,), "") is None
    assert a_reader(BuffersLength=1, Buffers=a_buffer(b"")).constant(0, "INT8", (2,), "") is None
    with pytest.raises(ValueError, match="data after the end of the FlatBuffer"):
        a_reader(BuffersLength=1, Buffers=a_buffer(bytes(2), offset=2)).constant(0, "INT8", (2,), "here")


def a_node(
    inputs: Any = (0,), outputs: Any = (1,), number: int = 0, options: Any = None, kind: int = 0
) -> Any:
    ends = (0 if isinstance(t, int) else np.int32(t) for t in (inputs, outputs))
    fields = zip(("InputsAsNumpy", "OutputsAsNumpy"), ends, strict=True)
    return record(OpcodeIndex=number, BuiltinOptions=options, BuiltinOptionsType=kind, **dict(fields))


def test_a_node_is_what_its_record_and_the_list_of_kinds_say() -> None:
    import tflite as schema

    def kinds(builtin: int, deprecated: int, custom: Any = None) -> Reader:
        code = record(BuiltinCode=builtin, DeprecatedBuiltinCode=deprecated, CustomCode=custom)
        return a_reader(OperatorCodesLength=2, OperatorCodes=code)

    relu, late = schema.BuiltinOperator.RELU, schema.BuiltinOperator.GELU
    for reader, kind in (
        (kinds(relu, relu), "RELU"),
        (kinds(0, relu), "RELU"),
        (kinds(late, 127), "GELU"),
        (kinds(9999, 127), "kind 9999"),
        (kinds(schema.BuiltinOperator.CUSTOM, 32, b"c" * 30), f"CUSTOM {'c' * 24!r}"),
        (kinds(schema.BuiltinOperator.CUSTOM, 32), "CUSTOM ''"),
    ):
        node = reader.node(7, a_node([3, -1], [4], 1))
        assert (node.index, node.kind, node.inputs, node.outputs, node.options) == (
            7,
            kind,
            (3, -1),
            (4,),
            {},
        )
    for number in (-1, 2):
        with pytest.raises(
            ValueError, match=f"file: operator 7: found kind number {number}, needed one of the 2"
        ):
            kinds(relu, relu).node(7, a_node(number=number))
    assert len(kinds(relu, relu).node(7, a_node(range(64))).inputs) == 64
    for ends in ({"inputs": range(65)}, {"outputs": range(65)}):
        with pytest.raises(
            ValueError, match=r"operator 7 \(RELU\): (in|out)puts: found 65 tensors, needed at most 64"
        ):
            kinds(relu, relu).node(7, a_node(**ends))
    add = schema.BuiltinOperator.ADD
    ours, theirs = schema.BuiltinOptions.AddOptions, schema.BuiltinOptions.MulOptions
    for options in ({}, {"kind": ours}, {"options": record(), "kind": theirs}):
        with pytest.raises(
            ValueError, match=r"operator 7 \(ADD\): found none or other options, needed AddOptions"
        ):
            kinds(add, add).node(7, a_node(**options))


def a_graph(
    count: int = 1, known: int = 2, nodes: Any = None, inputs: Any = (0,), outputs: Any = (1,)
) -> Any:
    """A model with one graph of so many nodes and tensors."""
    code = record(BuiltinCode=19, DeprecatedBuiltinCode=19, CustomCode=None)
    ends = {"InputsAsNumpy": np.int32(inputs), "OutputsAsNumpy": np.int32(outputs)}
    records = {"OperatorsLength": count, "TensorsLength": known, "Tensors": a_tensor()}
    graph = record(Operators=nodes or a_node(), **records, **ends)
    return {
        **{"Version": 3, "SubgraphsLength": 1, "Subgraphs": graph, "OperatorCodesLength": 1},
        **{"OperatorCodes": code, "BuffersLength": 1, "Buffers": a_buffer()},
    }


def test_a_graph_has_so_many_nodes_and_tensors_and_names_none_beyond() -> None:
    graph = a_reader(**a_graph()).graph()
    assert (len(graph.nodes), sorted(graph.tensors), graph.inputs, graph.outputs) == (1, [0, 1], (0,), (1,))
    assert sorted(a_reader(**a_graph(nodes=a_node([0, -1]), known=2**16)).graph().tensors) == [0, 1]
    reader = a_reader(**a_graph(4096))
    reader.left = 10**6
    assert len(reader.graph().nodes) == 4096
    for model, words in (
        (a_graph() | {"Version": 2}, "version 2, needed version 3"),
        (a_graph() | {"SubgraphsLength": 2}, "2 graphs, needed one"),
        (a_graph() | {"SubgraphsLength": 0}, "0 graphs, needed one"),
        (a_graph(4097), "4097 operators, 2 tensors, needed at most 4096 and 65536"),
        (a_graph(known=2**16 + 1), "1 operators, 65537 tensors"),
        (a_graph(nodes=a_node([2])), "tensors 0 to 2, needed numbers below 2"),
        (a_graph(nodes=a_node([-2])), "tensors -2 to 1, needed numbers below 2, −1 for none"),
        (a_graph(inputs=[7]), "tensors 0 to 7"),
        (a_graph(outputs=[7]), "tensors 0 to 7"),
    ):
        with pytest.raises(ValueError, match=f"^file: found {words}"):
            a_reader(**model).graph()


def test_each_vector_is_paid_for_and_constants_once_more_for_each_node_that_reads_them() -> None:
    reader = a_reader(**a_graph(3) | {"Buffers": a_buffer(bytes(3))})
    reader.graph()  # two ends; of each node two; of both tensors a shape, a name, a constant; what nodes read
    assert 400 - reader.left == 8 + 3 * 8 + 2 * (8 + 1 + 3) + 3 * 3
    reader = a_reader(**a_graph(3))
    reader.graph()  # what is no constant costs a node nothing
    assert 400 - reader.left == 8 + 3 * 8 + 2 * (8 + 1)
    reader.left = 5
    reader.spend(5)
    assert reader.left == 0
    with pytest.raises(
        ValueError, match="file: found vectors that many records share, needed at most 4 times 100 b"
    ):
        reader.spend(1)
    assert Reader(shared(1, 2).build(), "file").left == 4 * len(shared(1, 2).build())


def test_a_file_of_more_than_64_megabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3")
    os.truncate(path, 2**26 + 1)
    with pytest.raises(
        ValueError, match=r"large\.tflite: found more than 67108864 bytes, needed 67108864 or fewer"
    ):
        read_graph(path)
    os.truncate(path, 2**26)
    with pytest.raises(ValueError, match=r"large\.tflite: found (damage|version)"):
        read_graph(path)


def test_what_a_node_reads_is_held_against_what_its_kind_means() -> None:
    for kind, shapes, words in (
        ("CONV_2D", ((3, 1, 2), (1, 4, 4, 2)), "weights (3, 1, 2) on (1, 4, 4, 2)"),
        ("CONV_2D", ((3, 1, 1, 2), (1, 4, 2)), "weights (3, 1, 1, 2) on (1, 4, 2)"),
        ("CONV_2D", ((3, 1, 1, 3), (1, 4, 4, 2)), "weights (3, 1, 1, 3) on (1, 4, 4, 2)"),
        ("DEPTHWISE_CONV_2D", ((1, 1, 2), (1, 4, 4, 2)), "needed (1, kh, kw, F) on (1, H, W, C)"),
        ("DEPTHWISE_CONV_2D", ((2, 1, 1, 2), (1, 4, 4, 2)), "weights (2, 1, 1, 2)"),
        ("DEPTHWISE_CONV_2D", ((1, 1, 1, 2), (1, 4, 2)), "on (1, 4, 2)"),
        ("FULLY_CONNECTED", ((3, 2, 1), (1, 2)), "weights of shape (3, 2, 1) in format 0, needed (F, C)"),
    ):
        model = Model()
        x, y = model.tensor(shapes[1], 0.1), image(model, 4, 4, 3)
        w = model.constant(np.ones(shapes[0], np.int8), 0.1)
        model.node(kind, [x, w], y, **WINDOW if kind != "FULLY_CONNECTED" else {})
        refused(model, x, y, f"operator 0 ({kind})", words)
    model = Model()
    x, y = image(model, 2), image(model, 3)
    w = model.constant(np.ones((3, 2), np.int8), 0.1)
    model.node("FULLY_CONNECTED", [x, w], y, WeightsFormat=1)
    refused(model, x, y, "weights of shape (3, 2) in format 1")
    for kind in ("ADD", "MUL"):
        for shape in ((3,), (2, 1), (1, 1, 1, 1, 2), (1, 4, 1, 2), (0,)):
            model = Model()
            x, y = image(model, 4, 4, 2), image(model, 4, 4, 2)
            model.node(kind, [x, model.constant(np.ones(shape, np.int8), 0.1)], y)
            if shape == (0,):
                continue
            refused(model, x, y, f"a constant of shape {shape}, needed one code, or 2 on the last axis")
    for axis, fused in ((2, 0), (-2, 0), (3, 1)):
        model = Model()
        x, y = image(model, 4, 4, 2), image(model, 4, 4, 4)
        model.node("CONCATENATION", [x, x], y, Axis=axis, FusedActivationFunction=fused)
        refused(model, x, y, f"axis {axis} of shape (1, 4, 4, 4)", "the last axis, with NONE")


def test_rows_of_places_are_flattened_for_a_layer_and_have_no_padding_of_their_own() -> None:
    model = Model()
    x, y = model.tensor((1, 4, 2), 0.1), image(model, 3)
    w = model.constant(np.ones((3, 8), np.int8), 0.1)
    model.node("FULLY_CONNECTED", [x, w], y)
    model.inputs, model.outputs = [x], [y]
    program = read(model.build())
    assert [operator.kind for operator in program.operators] == ["Flatten", "Linear"]
    assert program.operators[0].order == "HWC" and program.shapes == ((2, 4, 1), (8,), (3,))
    model = Model()
    x, y = model.tensor((1, 4, 2), 0.1), model.tensor((1, 4, 2), 0.1)
    given = {"Padding": SAME, "StrideH": 1, "StrideW": 1, "FilterHeight": 2, "FilterWidth": 1}
    model.node("MAX_POOL_2D", [x], y, **given)
    refused(model, x, y, "padding SAME on (1, 4, 2), needed SAME or VALID on (1, H, W, C)")


def test_what_is_written_is_one_tensor_that_no_other_node_writes() -> None:
    model = Model()
    x, y = image(model, 4), image(model, 4)
    model.node("RELU", [x], y)
    model.inputs, model.outputs = [x], [y]
    for outputs in ([], [y, y], [-1]):
        model.nodes[0] = (*model.nodes[0][:2], outputs, {})
        with pytest.raises(
            ValueError, match=r"found (\d outputs, needed one|an output, tensor 1, that nothing writes)"
        ):
            read(model.build())
    model = Model()
    x, c = image(model, 4), model.constant(np.ones((1, 4), np.int8), 0.1)
    model.node("RELU", [x], c)
    refused(model, x, c, "operator 0 (RELU)", "tensor 1 to be written again")
    model = Model()
    x, y = image(model, 4), image(model, 4)
    model.node("RELU", [], y)
    model.inputs, model.outputs = [x], [y]
    with pytest.raises(ValueError, match=r"operator 0 \(RELU\): found no input 0, needed one"):
        read(model.build())
    model = Model()
    x, c, y = image(model, 4), model.constant(np.ones((1, 4), np.int8), 0.1), image(model, 4)
    model.node("RELU", [c], y)
    refused(model, x, y, "input 0 that is a constant")


@pytest.mark.parametrize("scales", [(), (0.1, 0.2)])
def test_a_tensor_of_codes_has_one_scale(scales: tuple[float, ...]) -> None:
    model = Model()
    x, y = image(model, 4), model.tensor((1, 4), scales)
    model.node("RELU", [x], y)
    refused(model, x, y, f"a tensor with {len(scales)} scales, needed one")


def test_names_are_short_and_can_be_printed() -> None:
    for name, expected in (
        ("a/b/c;d/e", "b/c"),
        ("alone", "alone"),
        ("x" * 20 + "/" + "y" * 20, "x" * 20 + "/yyy"),
        ("tab\there/b", "tabhere/b"),
        ("", ""),
    ):
        assert short(name) == expected


def test_shapes_lose_their_batch_and_have_channels_first() -> None:
    def tensor(*shape: int) -> Tensor:
        return Tensor("", shape, "INT8", np.float32([1]), np.int64([0]), 0, None)

    for shape, expected in (((1, 3), (3,)), ((1, 5, 3), (3, 5, 1)), ((1, 5, 4, 3), (3, 5, 4))):
        assert shape_of(tensor(*shape), "here") == expected
    for shape in ((3,), (), (1, 2, 3, 4, 5), (2, 3), (0, 3), (2, 5, 4, 3)):
        with pytest.raises(ValueError, match="here: found a tensor of shape"):
            shape_of(tensor(*shape), "here")


def mutated(data: bytes, dice: Dice) -> bytes:
    """Some bytes changed, or numbers put to an end of their range or moved, or a piece copied; or cut."""
    changed = bytearray(data)
    way = dice.integer(0, 4)
    for _ in range(dice.choice([1, 1, 2, 3, 8])):
        place, other = (dice.integer(0, len(data) - 68) // 4 * 4 for _ in range(2))
        if way == 0:
            changed[place + dice.integer(0, 3)] = dice.integer(0, 255)
        elif way == 1:
            value = dice.choice([0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 16, 0x7F800000, 10**6])
            changed[place : place + 4] = value.to_bytes(4, "little")
        elif way == 2:
            value = int.from_bytes(data[place : place + 4], "little") + dice.integer(-8, 8)
            changed[place : place + 4] = (value % 2**32).to_bytes(4, "little")
        elif way == 3:
            changed[place : place + 64] = data[other : other + 64]
    return bytes(changed[: dice.integer(0, len(data))] if way == 4 else changed)


def test_damage_is_refused_by_name_and_nothing_else_happens() -> None:
    """20,000 such files were tried once: no other error, 2 megabytes at most, no file took half a second."""
    dice = Dice("damage")
    models = [drawn_model(f"damage {k}") for k in range(6)] + [FILES["hello_world_int8"]()]
    caught = 0
    for k in range(350):
        try:
            read(mutated(models[k % len(models)], dice))
        except ValueError as error:
            assert str(error).startswith("model.tflite: ") and "\n" not in str(error)
            caught += 1
    assert caught > 100


def test_a_graph_whose_output_is_its_input_is_no_program() -> None:
    model = Model()
    x = image(model, 2, 2, 1)
    refused(model, x, x, "a program that is refused", "needed one that can be built")


def test_axes_of_length_one_go_and_come_back() -> None:
    """SQUEEZE and EXPAND_DIMS, whose second input is an axis and no shape."""
    model = Model()
    x, y, r, flat = (
        image(model, 4, 1, 2),
        image(model, 4, 1, 2),
        image(model, 4, 1, 2),
        model.tensor((1, 4, 2), 0.1),
    )
    model.node("RELU", [x], r)
    model.node("SQUEEZE", [r], flat)
    model.node("EXPAND_DIMS", [flat, model.constant(np.int32([2]))], y)
    model.inputs, model.outputs = [x], [y]
    program = read(model.build())
    codes = np.random.default_rng(0).integers(-128, 128, (*program.shape, 3)).astype(np.int8)
    assert np.array_equal(run(program, codes), np.maximum(codes, 0))
