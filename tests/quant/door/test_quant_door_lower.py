"""Lowering: the integer program computes what the quantized layers say, and stays near the float model."""

import numpy as np
import pytest
from error_bound import affine, assert_within_bound, logits_and_bound, second_rounding
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_networks import networks, pictures, randomized, small_network

from tinyzip import integer
from tinyzip.nn.layers import (
    BatchNorm,
    Dropout,
    Flatten,
    Linear,
    ReLU,
)
from tinyzip.nn.models import seed_net
from tinyzip.quant.door.lower import bias_codes, codes_of, lower
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid, by_channel
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import logits

ROUNDINGS = st.sampled_from(["single", "double"])


@st.composite
def quantized(draw):
    """(folded float64 model, images, grids, rounding) of all bits, per tensor and per channel."""
    model, images = draw(networks(np.float64))
    grids = calibrate(
        model,
        images,
        weights=draw(st.integers(2, 8)),
        activations=draw(st.integers(3, 8)),
        per_channel=draw(st.booleans()),
    )
    return fold_batch_norm(model), images, grids, draw(ROUNDINGS)


@settings(max_examples=60)
@given(quantized())
def test_logits_are_as_near_to_the_float_model_as_the_derived_bound_says(case):
    """(QD4)"""
    model, images, grids, rounding = case
    program = lower(model, grids, rounding)
    codes = integer.run(program, grids["input"].quantize(to_input(images)))
    exact, bound = logits_and_bound(model, grids, images, program)
    assert np.abs(exact - logits(model, images, threads=1)).max() <= 2.0**-40 * np.abs(exact).max()
    last = grids[list(blocks_of(model))[-1].name]
    assert (np.abs(last.scale * (codes.astype(np.float64) - last.zero) - exact) <= bound).all()


@settings(max_examples=60)
@given(quantized())
def test_each_layer_gives_the_codes_nearest_to_its_quantized_self(case):
    model, images, grids, rounding = case
    program = lower(model, grids, rounding)
    x = grids["input"].quantize(to_input(images))
    trace = [x, *integer.run(program, x, trace=True)]
    blocks = {block.name: block for block in blocks_of(model)}
    source = grids["input"]
    for before, operator, after in zip(trace, program.operators, trace[1:], strict=False):
        if operator.name not in blocks:
            continue
        block, w = blocks[operator.name], model.params[f"{operator.name}.w"]
        b = model.params.get(f"{block.name}.b", np.zeros(len(w)))
        weights, target = grids[f"{block.name}.w"], grids[block.name]
        near = weights.quantize(w) * by_channel(weights.scale, w)
        unit = source.scale * weights.scale
        x = (before.astype(np.float64) - source.zero) * source.scale
        ideal = affine(block.layer, near, np.rint(b / unit) * unit, x) / target.scale + target.zero
        ideal = np.clip(ideal, *(target.quantize(np.clip(end, -1e9, 1e9)) for end in block.clamp))
        # 2⁻²² is |acc|·M·2⁻³¹ for codes that are not clamped, and float64's rounding.
        furthest = 0.5 + by_channel(second_rounding(operator), ideal) + 2.0**-22
        assert (np.abs(after - ideal) <= furthest).all()
        source = target


@settings(max_examples=15)
@given(networks())
def test_batch_norm_is_folded_on_the_way_and_dropout_vanishes(model_and_images):
    model, images = model_and_images
    grids = calibrate(model, images)
    program = lower(model, grids)
    assert program == lower(fold_batch_norm(model), grids)
    gone = ReLU | Dropout | BatchNorm
    kept = [name for name, layer in fold_batch_norm(model).layers.items() if not isinstance(layer, gone)]
    assert [operator.name for operator in program.operators] == kept


def test_the_program_is_what_the_grids_say():
    """(QD1), (QD2)"""
    model = small_network()
    grids = calibrate(model, pictures(), weights=4, activations=6)
    program = lower(model, grids)
    conv, out = program.operators[0], program.operators[-1]
    assert (conv.w == grids["conv.w"].quantize(model.params["conv.w"])).all()
    assert conv.weight_bits == out.weight_bits == 4
    assert program.input == codes_of(grids["input"])
    assert conv.y.lo == conv.y.zero == 0 and conv.y.hi == 63
    assert program.output == codes_of(grids["out"])
    unit = grids["input"].scale * grids["conv.w"].scale
    assert np.abs(conv.bias * unit - model.params["conv.b"]).max() <= unit.max() / 2
    exact = unit / grids["conv"].scale
    assert conv.m0 * 2.0**-conv.n == pytest.approx(exact, rel=2**-30)


def test_biases_are_rounded_to_their_unit_and_none_may_leave_int32():
    unit = np.array([0.5, 2.0])
    assert bias_codes(np.array([-1.3, 7.0]), unit).tolist() == [-3, 4]  # −2.6, and 3.5 to even
    assert bias_codes(np.array([2.0**31 - 1, 0]), np.ones(2)).tolist() == [2**31 - 1, 0]
    with pytest.raises(ValueError, match=r"bias: found 2\.15e"):
        bias_codes(np.array([0, -(2.0**31)]), np.ones(2))


@pytest.mark.parametrize("scale", [1 / 255, 0.1, 1.0, 3e7, 2.0**100, 2.0**-120, 1e38 / 255])
def test_scales_are_kept_exactly(scale):
    m, n = codes_of(Grid(scale, 3, 0, 255)).scale
    assert m % 2 == 1 and m * 2.0**-n == scale


def test_relu_is_a_clamp_at_the_code_of_zero():
    """(QD3)"""
    assert codes_of(Grid(0.1, 5, 0, 255), (0, np.inf)).lo == 5
    assert codes_of(Grid(0.1, 5, 0, 255)).lo == 0
    assert codes_of(Grid(0.1, 0, -8, 7), (0, np.inf)).dtype == np.uint8


def test_classes_are_the_largest_code_when_asked_for():
    model, images = small_network(), pictures()
    grids = calibrate(model, images)
    x = grids["input"].quantize(to_input(images))
    classes = integer.run(lower(model, grids, argmax=True), x)
    assert (classes == integer.run(lower(model, grids), x).argmax(axis=0)).all()


def test_powers_of_two_can_be_lowered_to_shifts():
    model, images = small_network(np.float64), pictures()
    grids = calibrate(model, images)
    with pytest.raises(ValueError, match="layer 'conv'"):
        lower(model, grids, "shift")
    grids = {name: grid.with_scale(2.0 ** np.ceil(np.log2(grid.scale))) for name, grid in grids.items()}
    program = lower(model, grids, "shift")
    codes = integer.run(program, grids["input"].quantize(to_input(images)))
    assert_within_bound(model, grids, images, program, codes)


def test_binary_and_ternary_weights_can_be_lowered():
    model, images = small_network(), pictures()
    grids = calibrate(model, images)
    ternary = grids | {"conv.w": Grid([0.2] * 4, 0, -1, 1)}
    operator = lower(model, ternary).operators[0]
    assert operator.weight_bits == 2 and set(np.unique(operator.w)) <= {-1, 0, 1}


def refused(model, grids, message, **options):
    with pytest.raises(ValueError, match=message):
        lower(model, grids, **options)


def test_what_cannot_be_lowered_is_refused_by_the_layers_name():
    model, images = small_network(), pictures()
    grids = calibrate(model, images)
    refused(model, {name: g for name, g in grids.items() if name != "out.w"}, r"grids\['out.w'\]: found None")
    refused(model, {name: g for name, g in grids.items() if name != "input"}, r"grids\['input'\]")
    refused(model, grids | {"conv": Grid([1.0] * 4, 0, 0, 255)}, r"grids\['conv'\]: found 4 channels")
    for zero, found in ((3, "3 … 3"), ([0, 0, 3, 0], "0 … 3")):
        grid = Grid(np.full(np.shape(zero), 0.1), zero, -8, 7)
        refused(model, grids | {"conv.w": grid}, f"layer 'conv': weights' grid: found zeros {found}")
    refused(model, grids | {"conv.w": Grid(1e-12, 0, -8, 7)}, "layer 'conv': bias: found")
    refused(model, grids | {"conv.w": Grid([0.1] * 3, 0, -8, 7)}, "layer 'conv'")
    refused(model, grids | {"out": Grid(1e-35, 0, 0, 255)}, "layer 'out': multiplier")
    refused(model, grids, "layer 'conv'.*rounding", rounding="up")
    broken = model.params["out.w"].copy()
    broken[0, 0] = np.nan
    refused(model.with_params({**model.params, "out.w": broken}), grids, "layer 'out': w: found 1 NaN")


def test_sums_beyond_int32_are_refused_by_the_layers_name():
    size = 70_000
    layers = {"flat": Flatten(), "wide": Linear(size, 2)}
    model = randomized(layers, (1, 1, size), np.random.default_rng(0))
    model = model.with_params({**model.params, "wide.w": np.ones((2, size), np.float32)})
    grids = {
        "input": Grid(1 / 255, 0, 0, 255),
        "wide": Grid(300.0, 0, 0, 255),
        "wide.w": Grid(1 / 127, 0, -127, 127),
    }
    refused(model, grids, "layer 'wide': found sums up to")


def test_what_is_no_network_and_what_are_no_grids_is_refused():
    for call in (lambda: lower(None, {}), lambda: lower(seed_net(), None), lambda: calibrate(None, None)):
        with pytest.raises(TypeError, match=r"(lower|calibrate): \w+: found None, needed "):
            call()


def test_by_default_convolutions_round_twice_and_linear_layers_once_as_in_litert():
    model, images = small_network(), pictures()
    grids = calibrate(model, images)
    first, *_, last = lower(model, grids).operators
    assert (first.rounding, last.rounding) == (integer.Conv2d.rounding, integer.Linear.rounding)
    assert (first.rounding, last.rounding) == ("double", "single")
    for rounding in ("double", "single"):
        first, *_, last = lower(model, grids, rounding).operators
        assert first.rounding == last.rounding == rounding


@pytest.mark.parametrize("more", [0, 1])
def test_sums_up_to_the_largest_of_int32_are_lowered_and_beyond_it_refused_by_the_layers_name(more):
    """(B2): Σ |w|·R is 127·255, the bias the rest."""
    layers = {"flat": Flatten(), "out": Linear(1, 1)}
    bias = np.array([2.0**31 - 1 - 127 * 255 + more])
    model = randomized(layers, (1, 1, 1), np.random.default_rng(0), np.float64)
    model = model.with_params({"out.w": np.array([[127.0]]), "out.b": bias})
    grids = {"input": Grid(1, 0, 0, 255), "out": Grid(2.0**23, 0, -128, 127), "out.w": Grid(1, 0, -127, 127)}
    if more:
        with pytest.raises(
            ValueError, match="layer 'out': found sums up to 2147483648, needed sums that int32"
        ):
            lower(model, grids)
    else:
        assert lower(model, grids).bounds[-1] == 2**31 - 1
    with pytest.raises(TypeError, match=r"^lower: model: found a dict"):
        lower({}, grids)
