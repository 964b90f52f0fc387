"""What the reader of .tflite files refuses, and that it does so in one line that says where."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_models import SAME, VALID, Dice, drawn_model
from tflite_builder import Model
from tflite_models import FILES

from tinyzip.exchange import tflite
from tinyzip.exchange.tflite.file import graph_of
from tinyzip.exchange.tflite.operators import translate
from tinyzip.exchange.tflite.reference import Reference

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
        ("RESHAPE", [1, 2, 2, 8], "a reshape to [1, 2, 2, 8]"),
    ],
)
def test_axes_and_borders_that_a_program_has_not_are_refused(kind: str, constant: Any, words: str) -> None:
    model = Model()
    x, y = image(model, 4, 4, 2), image(model, 4, 4, 2)
    model.node(kind, [x, model.constant(np.int32(constant))], y)
    refused(model, x, y, f"operator 0 ({kind})", words)


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
