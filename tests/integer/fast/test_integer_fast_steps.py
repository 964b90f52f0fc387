"""Floats requantize only where it is proved that they write the codes of the integers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from integer_programs import Draw, codes, drawn_multipliers, integers, scales

from tinyzip.integer import Codes, Linear, Program, requantize, run
from tinyzip.integer.bounds import channel_bounds, product_bounds
from tinyzip.integer.fast import steps
from tinyzip.integer.fast.plan import plan_of
from tinyzip.integer.fast.scaling import Scaling
from tinyzip.integer.fast.steps import Steps
from tinyzip.integer.fixedpoint import ROUNDINGS
from tinyzip.machine.workspace import FRESH

FLOAT = np.dtype("float32")


def prepared(operator: Linear, x: Codes) -> tuple[Scaling, Steps | None]:
    bias, m0, n, y = operator.bias, operator.m0, operator.n, operator.y
    scaling = Scaling.of(bias, m0, n, y, operator.rounding, channel_bounds(operator, x))
    return scaling, Steps.of(operator, scaling, product_bounds(operator, x), FLOAT)


def layer(draw: Draw, x: Codes) -> Linear:
    """Sums of some thousands at most, biases that reach beyond them, any rounding."""
    rounding = draw(st.sampled_from(ROUNDINGS))
    F = draw(st.integers(1, 4))
    w = integers(draw, -8, 7, (F, draw(st.integers(1, 6))))
    bias = integers(draw, *draw(st.sampled_from([(0, 0), (-50, 50), (-5000, 5000)])), (F,))
    m0, n = scales(draw, np.abs(w).sum(1) * x.reach + np.abs(bias), rounding)
    return Linear(w, bias, m0, n, draw(codes()), rounding=rounding, weight_bits=4).checked("drawn")


@settings(max_examples=150)
@given(st.data())
def test_every_sum_within_the_bounds_gets_its_exact_code(data: Any) -> None:
    """(FS1), (FS2): all whole numbers from −β to β, and both products of the whole program."""
    x = data.draw(codes())
    operator = layer(data.draw, x)
    _, found = prepared(operator, x)
    assume(found is not None)
    assert found is not None
    bounds = product_bounds(operator, x)
    for f, bound in enumerate(bounds):
        sums = np.arange(-bound, bound + 1)
        one = Steps(found.m[f : f + 1], found.c[f : f + 1], found.y)
        y = np.empty((1, sums.size), operator.y.dtype)
        one.apply(sums.astype(FLOAT)[None], y, FRESH)
        acc = sums + operator.bias[f]
        wanted = requantize(acc, operator.m0[f], operator.n[f], operator.y, operator.rounding)
        np.testing.assert_array_equal(y[0], wanted)


@settings(max_examples=60)
@given(st.data())
def test_layers_of_few_bits_are_proved(data: Any) -> None:
    """A hundred sums and fifteen steps leave float32 room, wherever they lie; but if exact halves go to even,

    half of the steps are at them, and half after: no straight line does that.
    """
    rounding = data.draw(st.sampled_from([name for name in ROUNDINGS if name != "float32"]))
    m0 = drawn_multipliers(data.draw, rounding, 1)
    y = data.draw(st.sampled_from([Codes(0, 15, 0), Codes(-8, 7, -8), Codes(3, 15, 3)]))
    operator = Linear([[3, -3]], [7], m0, 34, y, rounding=rounding).checked("drawn")
    assert prepared(operator, Codes(0, 15, 0))[1] is not None


def test_a_layer_too_fine_for_float32_is_requantized_in_floats_of_twice_the_width() -> None:
    """(FS2): 2¹⁵ sums to a code. Around the steps, two neighbours share one float32 once they are scaled."""
    w, x, y = np.full((1, 500), 127), Codes(0, 255, 0), Codes(0, 255, 0)
    program = Program((Linear(w, [1], 2**30 + 1, 46, y),), (500,), x)
    operator = program.operators[0]
    assert isinstance(operator, Linear)
    found = prepared(operator, x)[1]
    assert found is not None and found.m.dtype == found.c.dtype == np.dtype(float)
    codes_in = np.random.default_rng(0).integers(0, 256, (500, 50), np.uint8)
    np.testing.assert_array_equal(run(program, codes_in, "blas"), run(program, codes_in))


def test_a_layer_that_no_floats_requantize_is_left_to_the_integers() -> None:
    """(FS2): every other step of this one is at an exact half, and the rest after theirs."""
    x = Codes(0, 15, 0)
    program = Program((Linear([[3, 3]], [7], 2**30, 33, x, rounding="float32"),), (2,), x)
    operator = program.operators[0]
    assert isinstance(operator, Linear) and prepared(operator, x)[1] is None
    codes_in = np.array(np.meshgrid(np.arange(16), np.arange(16)), np.uint8).reshape(2, -1)
    np.testing.assert_array_equal(run(program, codes_in, "blas"), run(program, codes_in))


@pytest.mark.parametrize("near", [[], [1, 2], [-1, 0], [-9, 9]])
def test_a_step_that_was_not_found_is_no_proof(near: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """(FS2): without the sums on both sides of a step it is not known which of them the code changes at."""
    x, y = Codes(0, 15, 0), Codes(0, 15, 0)
    operator = Linear([[3, 3]], None, 2**30 + 2**20, 33, y).checked("drawn")
    assert prepared(operator, x)[1] is not None
    monkeypatch.setattr(steps, "NEAR", np.array(near, int))
    assert prepared(operator, x)[1] is None


def test_floats_requantize_after_a_float_product_only() -> None:
    x, y = Codes(0, 15, 0), Codes(0, 15, 0)
    program = Program((Linear([[3, 3]], None, 2**30, 33, y),), (2,), x)
    floats: Any = plan_of(program, "blas", False).tasks[0].kernel
    whole: Any = plan_of(program, "integer", False).tasks[0].kernel
    assert floats.args[0].steps is not None and whole.args[0].steps is None
