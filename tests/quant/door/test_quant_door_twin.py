"""What a program stands for: the network that it was lowered from, with the numbers that its codes mean."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_networks import networks, pictures, randomized, small_network

from tinyzip import integer
from tinyzip.exchange import tflite
from tinyzip.integer import Codes, Program
from tinyzip.nn.layers import Conv2d, Dropout, Flatten, Linear, ReLU
from tinyzip.nn.residual import Residual
from tinyzip.quant.choose.explain import explain
from tinyzip.quant.door.lower import codes_of, lower
from tinyzip.quant.door.twin import float_twin, grid_of, named, parted, renumbered, split
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid


@settings(max_examples=30)
@given(networks(), st.integers(2, 8), st.booleans())
def test_the_twin_has_the_layers_of_the_network_and_the_numbers_that_codes_mean(case, bits, per_channel):
    """(QI1), to the 31 bits of a multiplier and the 24 of float32. A clamp at zero is read as a ReLU."""
    model, images = fold_batch_norm(case[0]), case[1]
    grids = calibrate(model, images, bits, per_channel=per_channel)
    program = lower(model, grids)
    twin, names = float_twin(program), [name for name, _ in _kept(model)]
    assert twin.shape == model.shape and [name for name, _ in _kept(twin)] == names
    source = "input"
    for (_, one), (_, other) in zip(_kept(twin), _kept(model), strict=True):
        assert one == (replace(other, bias=True) if hasattr(other, "bias") else other)
    for block in blocks_of(model):
        w, unit = f"{block.name}.w", grids[source].scale * grids[f"{block.name}.w"].scale
        rounded = grids[w].round_trip(model.params[w])
        np.testing.assert_allclose(twin.params[w], rounded, rtol=2.0**-22)
        b = np.rint(model.params.get(f"{block.name}.b", np.zeros(len(rounded))) / unit) * unit
        np.testing.assert_allclose(twin.params[f"{block.name}.b"], b, rtol=2.0**-22)
        clamps = f"{block.name}.relu" in twin.layers
        assert clamps == (block.clamp[0] == 0 or int(grids[block.name].zero) == grids[block.name].lo)
        source = block.name


def _kept(model):
    """All layers but ReLUs, which may have been moved, and dropout, which is gone."""
    return [(n, layer) for n, layer in model.layers.items() if not isinstance(layer, ReLU | Dropout)]


def test_operators_without_a_name_of_their_own_get_one_of_kind_and_place():
    model, images = small_network(), pictures()
    program = lower(model, calibrate(model, images))
    operators = tuple(replace(o, name=name) for o, name in zip(program.operators, "aab", strict=False))
    operators += (replace(program.operators[3], name=""),)
    found = named(Program(operators, program.shape, program.input))
    assert [operator.name for operator in found.operators] == ["conv2d0", "maxpool2d1", "b", "linear3"]


def test_which_branch_is_the_body_names_say_also_where_it_begins_with_a_block():
    conv = Conv2d(1, 1, 1)
    outer = Residual({"inner": Residual({"conv": conv})}, {"one": conv, "two": conv, "three": conv})
    layers = {"outer": outer, "flat": Flatten(), "out": Linear(64, 3)}
    model, images = randomized(layers, (1, 8, 8), np.random.default_rng(0)), pictures()
    program = lower(model, calibrate(model, images))
    twin = float_twin(program).layers["outer"]
    assert "inner" in twin.body and next(iter(twin.shortcut)) == "one"
    nameless = tuple(replace(operator, name="") for operator in program.operators)
    twin = float_twin(Program(nameless, program.shape, program.input))
    (outer,) = (layer for layer in twin.layers.values() if isinstance(layer, Residual))
    assert len(outer.body) >= 3 and isinstance(next(iter(outer.shortcut.values())), Residual)


@given(st.floats(1e-30, 1e30), st.integers(0, 255))
def test_a_grid_comes_back_from_its_codes(scale, zero):
    """(Z1)"""
    grid = grid_of(codes_of(Grid(scale, zero, 0, 255)))
    assert (float(grid.scale), int(grid.zero), grid.lo, grid.hi) == (scale, zero, 0, 255)


def test_against_its_own_twin_only_the_rounding_of_activations_shows():
    model, images = small_network(), pictures()
    report = explain(None, lower(model, calibrate(model, images, 3)), images)
    # Float32 rounds by a part of 2⁻²⁴ at most, which lies 144 decibels below.
    assert all(layer.weights_signal_to_noise > 144 for layer in report.layers)


def test_operators_without_a_layer_are_refused():
    with pytest.raises(TypeError, match=r"^float_twin: program: found a dict"):
        float_twin({})
    model, images = small_network(), pictures()
    program = lower(model, calibrate(model, images))
    dilated = replace(program.operators[0], dilation=(2, 2))
    with pytest.raises(ValueError, match=r"float_twin: operator .*dilation"):
        float_twin(Program((dilated,), program.shape, program.input))
    assert isinstance(float_twin(lower(model, calibrate(model, images), argmax=True)).layers["out"], Linear)


def test_an_image_that_was_flattened_with_channels_last_turns_the_weights_after_it():
    """(QI1)"""
    model, images = small_network(), pictures()
    program = lower(model, calibrate(model, images))
    *first, _, out = program.operators
    turned = out.w.reshape(3, 4, 3, 3).transpose(0, 2, 3, 1).reshape(3, -1)
    last = (integer.Flatten("HWC", name="flat"), replace(out, w=turned))
    other = integer.Program((*first, *last), program.shape, program.input)
    x = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 2), program.input.dtype)
    np.testing.assert_array_equal(integer.run(other, x), integer.run(program, x))
    for name, array in float_twin(program).params.items():
        np.testing.assert_array_equal(float_twin(other).params[name], array)
    pixel = integer.Program((*first, integer.GlobalAvgPool(), last[0]), program.shape, program.input)
    assert [type(layer).__name__ for layer in float_twin(pixel).layers.values()][-1] == "Flatten"
    ends = integer.Program((*first, last[0]), program.shape, program.input)
    with pytest.raises(ValueError, match="float_twin: found an image flattened with channels last"):
        float_twin(ends)


@pytest.mark.needs("tflite")
def test_the_twin_of_a_resnet_that_others_made_answers_as_it_does():
    """Its branches stand in the file in another order than this library lowers them."""
    data = Path(__file__).parents[2] / "data" / "tflite" / "pretrainedResnet_quant.tflite"
    program = named(tflite.read(data))
    body, _ = parted(program)
    twin = float_twin(program)
    kinds = [type(layer).__name__ for layer in twin.layers.values() if not isinstance(layer, ReLU)]
    assert kinds == ["Conv2d", *["Residual"] * 3, "AvgPool2d", "Flatten", "Linear"]
    bodies = [layer.body for layer in twin.layers.values() if isinstance(layer, Residual)]
    assert [len(body) for body in bodies] == [3] * 3  # and no convolution of one pixel among them
    codes = np.random.default_rng(0).integers(-128, 128, (3, 32, 32, 20)).astype(np.int8)
    z, _ = twin.forward(grid_of(program.input).dequantize(codes))
    found = grid_of(body.output).dequantize(integer.run(body, codes))
    assert np.abs(z - found).mean() <= 0.05 * np.abs(found).max()  # noise that clamps cut at the top


@pytest.mark.needs("tflite")
def test_the_twin_begins_after_what_only_moves_codes_and_ends_with_the_logits():
    """Spoken words come as vectors that are read as images; a softmax stands at the end."""
    program = tflite.read(Path(__file__).parents[2] / "data" / "tflite" / "micro_speech_quantized.tflite")
    twin = float_twin(program)
    assert [operator.kind for operator in program.operators] == [
        *("Reshape", "Conv2d", "Flatten", "Linear", "Softmax")
    ]
    assert twin.shape == program.shapes[1] and [
        type(layer).__name__ for layer in twin.layers.values() if not isinstance(layer, ReLU)
    ] == ["Conv2d", "Flatten", "Linear"]
    codes = np.random.default_rng(0).integers(-128, 128, (1960, 20)).astype(np.int8)
    moved, *_, logits, _ = integer.run(program, codes, trace=True)
    z, _ = twin.forward(grid_of(program.input).dequantize(moved))
    grid = grid_of(program.codes[-2])
    found = grid.dequantize(logits)
    assert np.abs(np.clip(z, grid.low, grid.high) - found).mean() <= 0.05 * np.abs(found).max()


def test_borders_are_padding_in_the_twin_and_operators_that_move_codes_are_left_out():
    model, images = small_network(), pictures()
    program = lower(model, calibrate(model, images))
    conv, pool, *_ = program.operators
    border = integer.Pad(((2, 0), (0, 1))), replace(conv, padding=((0, 1), (1, 0)))
    image = Program((*border, pool), program.shape, program.input)
    whole = Program((replace(conv, padding=((2, 1), (1, 1))), pool), program.shape, program.input)
    wanted = float_twin(whole)
    assert float_twin(image).layers == wanted.layers
    C, H, W = program.shape
    turned = Program((integer.Transpose((2, 1, 0)), *whole.operators), (W, H, C), program.input)
    found = float_twin(turned)
    assert found.layers == wanted.layers and found.shape == wanted.shape == program.shape
    for name, array in wanted.params.items():
        np.testing.assert_array_equal(found.params[name], array)


def test_an_operator_that_needs_the_codes_as_they_came_keeps_those_in_front():
    y = integer.Codes(0, 255, 0)
    turn, add = integer.Transpose((0, 2, 1)), integer.Add(-1, [2**30] * 3, [31, 31, 40], y)
    program = Program((turn, add), (1, 4, 4), y)
    assert split(program) == ((), program)
    alone = Program((turn,), (1, 4, 4), y)
    assert split(alone) == ((), alone)  # of which nothing computes
    with pytest.raises(ValueError, match="found Transpose, needed one that a layer stands for"):
        float_twin(program)
    moved = Program((turn, integer.Pad(0), replace(add, other=0), integer.Recall(1)), (1, 4, 4), y)
    front, after = split(moved)
    assert front == (turn,) and [o.reads(i) for i, o in enumerate(after.operators)] == [(-1,), (0, -1), (0,)]
    assert renumbered(after.operators, 1) == moved.operators[1:]


@pytest.mark.parametrize("x", [Codes(-128, 127, -3, (1, 4)), Codes(0, 255, 7, (3, 9)), Codes(-7, 7, 0)])
def test_a_table_is_read_as_the_function_through_the_points_it_knows(x):
    rng, y = np.random.default_rng(0), Codes(-100, 90, 5, (1, 5))
    table = integer.Table(rng.integers(y.lo, y.hi + 1, 256), y)
    twin = float_twin(Program((table,), (1,), x))
    codes = np.arange(x.lo, x.hi + 1, dtype=x.dtype)[None]
    meant = grid_of(y).dequantize(integer.run(Program((table,), (1,), x), codes))
    np.testing.assert_allclose(twin.forward(grid_of(x).dequantize(codes))[0], meant, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("first", [1, 2, 3])
@pytest.mark.parametrize("second", [1, 2, 3])
def test_of_two_branches_without_names_the_body_is_the_longer_one(first, second):
    """Of equals the one that is written last, and goes on."""
    y = Codes(-128, 127, 0)
    conv = integer.Conv2d([[[[1]]]], None, 2**30, 30, y)
    add = integer.Add(first - 1, [2**30] * 3, [31, 31, 50], y)
    operators = *[conv] * first, integer.Recall(-1), *[conv] * second, add
    block = next(layer for layer in float_twin(Program(operators, (1, 2, 2), y)).layers.values())
    assert isinstance(block, Residual)
    ways = [len([layer for layer in way.values() if not isinstance(layer, ReLU)]) for way in block.branches()]
    assert ways == sorted((first, second), reverse=True)


def test_of_two_branches_alike_the_body_is_the_one_that_is_written_last():
    y = Codes(-128, 127, 0)
    first, last = (integer.Conv2d([[[[w]]]], None, 2**30, 30, y) for w in (1, 2))
    add = integer.Add(0, [2**30] * 3, [31, 31, 50], y)
    params = float_twin(Program((first, integer.Recall(-1), last, add), (1, 2, 2), y)).params
    ways = {name.split(".")[1]: array.item() for name, array in params.items() if name.endswith(".w")}
    assert ways["body"] == 2 * ways["shortcut"]


@pytest.mark.parametrize("last", [integer.Softmax(2**30, 9), integer.Argmax()])
def test_a_program_of_nothing_but_an_end_keeps_it(last):
    program = Program((last,), (3,), Codes(-128, 127, 0))
    assert parted(program) == (program, ())
    assert parted(Program((integer.Flatten(), last), (3,), Codes(-128, 127, 0)))[1] == (last.checked("it"),)


def test_a_sum_of_one_and_the_same_is_no_block():
    y = Codes(-128, 127, 0)
    conv = integer.Conv2d([[[[1]]]], None, 2**30, 30, y)
    program = Program((conv, integer.Add(0, [2**30] * 3, [31, 31, 50], y)), (1, 2, 2), y)
    with pytest.raises(ValueError, match="needed two branches"):
        float_twin(program)


def test_branches_that_do_not_part_at_one_place_are_no_chain():
    y = Codes(-128, 127, 0)
    conv = integer.Conv2d([[[[1]]]], None, 2**30, 30, y)
    first, second = (integer.Add(other, [2**30] * 3, [31, 31, 50], y) for other in (0, 1))
    with pytest.raises(ValueError, match=r"^float_twin: operator .* needed a chain of layers"):
        float_twin(Program((conv, conv, first, second), (1, 2, 2), y))
