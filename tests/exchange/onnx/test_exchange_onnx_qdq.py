"""Programs as .onnx files between quantizers: each operator is at most one code from the engine's."""

from functools import partial

import numpy as np
import pytest
from drawn_programs import programs as programs_of_files
from hypothesis import example, given, settings
from hypothesis import strategies as st
from integer_programs import batch, codes, integers, programs
from known_texts import PROGRAMS, onnx_text, recorded
from onnx_sessions import session, traced
from quant_networks import networks

from tinyzip.exchange.onnx.program import program_graph
from tinyzip.exchange.onnx.qdq import nudge, room, step, weights
from tinyzip.integer import Add, AvgPool2d, Codes, GlobalAvgPool, Linear, Program, run
from tinyzip.integer.fast.plan import plan_of
from tinyzip.machine.workspace import Workspace
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import calibrate

pytestmark = pytest.mark.needs("onnx", "onnxruntime")
BYTE = Codes(0, 255, 0)


def apart(program, x, runtime=session):
    """How far, at most, each operator's codes are from those that the engine makes of its inputs."""
    outputs = [x, *traced(program, x, False, runtime)]
    found = []
    for call in plan_of(program, "integer", True).tasks:
        inputs = [outputs[k + 1] for k in call.reads]
        y = np.empty((*call.shape, x.shape[-1]), call.dtype)
        if call.kernel is None:
            y[:] = inputs[0].reshape(y.shape)
        else:
            call.kernel(*inputs, y=y, workspace=Workspace())
        found.append(int(np.abs(outputs[call.i + 1].astype(int) - y).max()))
    return found


def tiny():
    """The least multiplier and the steps that are furthest apart, of those that a graph takes as they are."""
    x, y = Codes(0, 255, 0, (2**39, 0)), Codes(0, 255, 0, (1, 39))
    return Program((Linear([[1]], None, 2**30, 127, y),), (1,), x)


def test_a_known_program_gives_the_graph_that_it_gave() -> None:
    """Steps and biases to the last bit, which a code of an output need not show."""
    assert onnx_text("small", exact=False).splitlines() == recorded("small-qdq.txt").splitlines()


@pytest.mark.parametrize("name", PROGRAMS)
def test_known_programs_are_at_most_one_code_from_the_engine(name) -> None:
    program = PROGRAMS[name]()
    x = np.random.default_rng(0).integers(program.input.lo, program.input.hi + 1, (*program.shape, 9))
    assert max(apart(program, x.astype(program.input.dtype))) <= 1


@settings(max_examples=150)
@given(st.data())
def test_every_operator_is_at_most_one_code_from_the_engine(data) -> None:
    """(OQ1), (OQ2)"""
    program = data.draw(programs())
    assert max(apart(program, batch(data.draw, program.input, (*program.shape, 5)))) <= 1


@settings(max_examples=50)
@given(st.data())
def test_so_it_is_where_nothing_is_fused(data) -> None:
    """A runtime that knows no such kernels computes in float between the quantizers."""
    program = data.draw(programs(most=3))
    x = batch(data.draw, program.input, (*program.shape, 2))
    assert max(apart(program, x, partial(session, fused=False))) <= 1


@settings(max_examples=25)
@given(networks())
def test_lowered_networks_that_round_once_are_at_most_one_code_apart(drawn) -> None:
    """From the images on: a network's layers do not amplify, and one rounding is nearly always the same."""
    network, images = drawn
    grids = calibrate(network, images)
    program = lower(network, grids, rounding="single")
    x = grids["input"].quantize(np.moveaxis(images, 0, -1) / np.float32(255))
    for y, expected in zip(traced(program, x, False), run(program, x, trace=True), strict=True):
        assert np.abs(y.astype(int) - expected).max() <= 1


@given(st.data())
def test_means_are_those_of_the_engine(data) -> None:
    """Halves away from code 0, also where the zero point is elsewhere: not a code differs."""
    x, size = data.draw(codes()), data.draw(st.integers(1, 6))
    kernel = data.draw(st.integers(1, size))
    padding = data.draw(st.integers(0, kernel - 1))
    for mean in (GlobalAvgPool(), AvgPool2d(kernel, 1, padding)):
        program = Program((mean,), (3, size, size), x)
        assert apart(program, batch(data.draw, x, (*program.shape, 40))) == [0]


@given(st.data())
def test_shifts_of_weights_of_few_bits_are_those_of_the_engine(data) -> None:
    """(OQ2): halves go up, as the bias has room for ½ once all is doubled. Not a code differs."""
    bits = data.draw(st.integers(2, 6))
    w = integers(data.draw, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, (4, 8))
    bias = integers(data.draw, -500, 500, (4,))
    y, n = data.draw(codes()), data.draw(st.integers(30, 44))
    program = Program((Linear(w, bias, 2**30, n, y, weight_bits=bits, rounding="shift"),), (8,), BYTE)
    assert apart(program, batch(data.draw, BYTE, (8, 200))) == [0]


def test_the_bias_makes_up_for_the_second_rounding_of_a_double() -> None:
    """(OQ2): of codes that one rounding writes differently, nine of ten are as they should be."""
    rng = np.random.default_rng(0)
    w, x = rng.integers(-8, 8, (32, 32)), rng.integers(0, 256, (32, 4000), np.uint8)
    m0 = rng.integers(2**30, 2**31, 32)
    programs = [
        Program((Linear(w, None, m0, 37, BYTE, weight_bits=4, rounding=rounding),), (32,), BYTE)
        for rounding in ("double", "single")
    ]
    double, single = (run(program, x) for program in programs)
    (found,) = traced(programs[0], x, False)
    assert (single != double).sum() > 200
    assert (found != double).sum() < (single != double).sum() / 10


@given(st.data())
def test_weights_are_signed_only_where_no_pair_of_products_leaves_16_bits(data) -> None:
    """(OQ3), and what (OQ2) multiplies all weights by leaves room for it."""
    x = data.draw(codes())
    bits = data.draw(st.integers(1, 8))
    w = integers(data.draw, -(2 ** (bits - 1)), max(2 ** (bits - 1) - 1, 1), (3, 4))
    layer = Linear(w, None, 2**30, 40, x, weight_bits=max(bits, 2)).checked("drawn")
    held, zero = weights(layer, x)
    assert np.array_equal(held.astype(int) - zero, w)
    most = 255 if x.lo == 0 else 127 + 128
    assert zero == 128 or 2 * np.abs(w).max() * most < 2**15 or x.hi < most
    j = room(layer, x)
    assert j == 0 or np.abs(w).max() * 2**j <= 64
    assert (nudge(layer) == 0).all()


def test_a_step_that_no_float_holds_is_taken_as_one() -> None:
    assert step(Codes(0, 255, 0, (3, 1))) == 1.5
    assert step(Codes(0, 255, 0, (1, 1100))) == step(Codes(0, 255, 0, (2**63 - 1, -1100))) == 1


def test_ratios_that_no_kernel_has_are_written_in_the_exact_form() -> None:
    """From 2⁻³⁰ to 2⁷ a step may be times another, both ends included."""

    def kinds(operator, shape=(3, 2, 2)) -> set[str]:
        _, model = program_graph(Program((operator,), shape, BYTE), "qdq.onnx", exact=False)
        return {node.op_type for node in model.graph.node}

    for m0, n, fast in ((2**30, 25, True), (2**30 + 1, 25, False), (2**30, 60, True), (2**31 - 1, 61, False)):
        assert ("GlobalAveragePool" in kinds(GlobalAvgPool(m0, n, BYTE))) == fast
    for m0, n, fast in (
        ([256, 1], 1, True),
        ([3, 257], 1, False),
        ([1, 5], 30, True),
        ([7, 1], 31, False),
    ):
        assert ("QuantizeLinear" in kinds(Add(-1, m0, n, BYTE, rounding="single"))) == fast
    for last, fast in ((42, True), (41, False), (79, True), (80, False)):
        both = Add(-1, [2**30, 2**30, 2**30], [31, 31, last], BYTE)
        assert ("QuantizeLinear" in kinds(both)) == fast


def test_steps_are_the_grids_own_from_a_2_to_the_minus_40th_to_2_to_the_40th() -> None:
    for scale, found in (
        ((1, 40), 2.0**-40),
        ((1, 41), 1.0),
        ((2**40, 0), 2.0**40),
        ((2**40 + 1, 0), 1.0),
        ((2**41, 0), 1.0),
        ((3, -20), 3 * 2.0**20),
        ((2**62 + 1, 102), (2**62 + 1) * 2.0**-102),
        ((2**62, 143), 1.0),
    ):
        assert step(Codes(0, 255, 0, scale)) == found


def test_weights_are_signed_to_the_last_one_that_fits_and_room_is_used_to_the_last_bit() -> None:
    """(OQ3): 2·64·255 < 2¹⁵, and 2·65·255 is not; a byte that ends earlier leaves more."""
    for w, x, zero in (
        (64, BYTE, 0),
        (65, BYTE, 128),
        (-65, BYTE, 128),
        (127, Codes(0, 129, 0), 0),
        (127, Codes(0, 130, 0), 128),
        (127, Codes(-128, 1, 0), 0),
        (127, Codes(-128, 2, 0), 128),
        (-128, Codes(0, 127, 0), 0),
        (-128, Codes(0, 128, 0), 128),
    ):
        assert weights(Linear([[w, 0]], None, 2**30, 40, BYTE).checked("drawn"), x)[1] == zero
    for w, j in ((1, 6), (2, 5), (3, 4), (32, 1), (33, 0), (64, 0), (-128, 0)):
        assert room(Linear([[w, 0]], None, 2**30, 40, BYTE).checked("drawn"), BYTE) == j
    for bias, j in ((2**25, 5), (2**30, 0), (2**29 - 300, 2)):
        assert room(Linear([[1, 0]], [bias], 2**30, 40, BYTE).checked("drawn"), BYTE) == j
    relu, other = Codes(3, 255, 3), Codes(0, 255, 3)
    for rounding, y, n, added in (
        ("shift", other, 31, 0.5),
        ("shift", other, 30, 0),
        ("double", relu, 32, 0.75),
        ("double", relu, 31, 0),
        ("double", other, 32, 0),
        ("single", relu, 32, 0),
    ):
        m0 = 2**30 if rounding == "shift" else 2**32 // 3
        layer = Linear([[1, 0]], None, m0, n, y, rounding=rounding).checked("drawn")
        np.testing.assert_allclose(nudge(layer), added, rtol=1e-9)


@settings(max_examples=40)
@given(programs_of_files())
@example(tiny())
def test_every_scale_of_a_graph_is_an_ordinary_number(program) -> None:
    """(OQ1): neither 0 nor so small that float32 loses digits, whatever scales a program has."""
    from onnx.numpy_helper import to_array

    _, model = program_graph(program, "qdq.onnx", exact=False)
    held = [to_array(tensor) for tensor in model.graph.initializer]
    for scale in held:
        assert scale.dtype != np.float32 or (scale >= np.finfo(np.float32).tiny).all()
