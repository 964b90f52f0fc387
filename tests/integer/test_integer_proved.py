"""Requantizing in floats writes the codes that integers write, or is not done."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from integer_programs import codes, drawn_multipliers, integers

from tinyzip.integer import Codes, Linear, Program, plan, run
from tinyzip.integer.fixedpoint import ROUNDINGS
from tinyzip.integer.proved import FloatScaling
from tinyzip.integer.scaling import Scaling
from tinyzip.machine.workspace import Workspace


def both(exact: Scaling, quick: FloatScaling, acc: Any) -> tuple[Any, Any]:
    """The codes of sums acc (F, P), of each its own way."""
    outputs = [np.empty(acc.shape, exact.y.dtype) for _ in range(2)]
    exact.apply(acc.astype(np.int32), outputs[0], Workspace())
    quick.apply(acc.astype(np.float32), outputs[1], Workspace())
    return outputs[0], outputs[1]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@given(data=st.data())
def test_what_is_proved_at_the_thresholds_holds_for_every_sum(rounding: Any, data: Any) -> None:
    """(RQ1), (RQ2): all sums up to a small bound, and those next to a threshold up to a large one."""
    y, F = data.draw(codes()), 4
    bound = data.draw(st.sampled_from([300, 2**24 - 1]))
    n = bound.bit_length() + data.draw(st.integers(16, 27))
    m0 = drawn_multipliers(data.draw, rounding, F)
    bias = integers(data.draw, -1000, 1000, (F,)) if bound == 300 else np.zeros(F, int)
    exact = Scaling.of(bias, m0, n, y, rounding, bound + np.abs(bias))
    quick = FloatScaling.of(exact, np.full(F, bound))
    if quick is None:
        assert rounding == "double" and y.lo < y.zero and n > 31
        return
    acc = np.arange(-bound, bound + 1) if bound == 300 else integers(data.draw, -bound, bound, (1000,))
    steps = np.arange(y.lo - y.zero, y.hi - y.zero + 2) - 0.5
    near = np.rint(steps * 2.0**n / m0[:, None]) + np.arange(-2, 3)[:, None, None] - bias[:, None]
    near = np.clip(near, -bound, bound).transpose(1, 0, 2).reshape(F, -1)
    found, wanted = both(exact, quick, np.concatenate([np.tile(acc, (F, 1)), near], 1))
    np.testing.assert_array_equal(found, wanted)


def test_a_float_that_would_be_wrong_is_not_used() -> None:
    """11091175·1643243817·2⁻⁴⁷ is 2⁻⁴⁷ below 129.5, and the nearest float64 is 129.5 itself."""
    acc, m0, n, y = 11091175, 1643243817, 47, Codes(0, 255, 0)
    exact = Scaling.of(0, m0, n, y, "single", 2**24 - 1)
    assert acc * m0 * 2 == 259 * 2**n - 2
    quick = FloatScaling(exact.m * 2.0**-n, exact.plus * 2.0**-n, y)
    assert [int(codes[0, 0]) for codes in both(exact, quick, np.array([[acc]]))] == [129, 130]
    assert FloatScaling.of(exact, np.array([2**24 - 1])) is None
    assert FloatScaling.of(exact, np.array([acc - 1])) is not None
    layer = Linear(np.full((1, 500), 127), [acc - 127 * 500 * 150], m0, n, y)
    program = Program((layer,), (500,), Codes(0, 255, 0))
    assert run(program, np.full((500, 1), 150, np.uint8), "blas").item() == 129


@pytest.mark.parametrize(
    "scaling, words",
    [
        ({"rounding": "double", "y": Codes(-128, 127, 0)}, "rounds twice below zero"),
        ({"n": 53}, "a shift too far for the proof"),
        ({"n": 63}, "everything is 0"),
        ({"rounding": "float32", "bounds": 2**24}, "sums of more than 24 bits"),
    ],
)
def test_other_shapes_of_rounding_stay_with_integers(scaling: dict[str, Any], words: str) -> None:
    given = {"bias": 0, "m0": 2**30, "n": 40, "y": Codes(0, 255, 0), "rounding": "single", "bounds": 2**20}
    assert FloatScaling.of(Scaling.of(**given), np.array([2**20])) is not None
    assert FloatScaling.of(Scaling.of(**(given | scaling)), np.array([2**20])) is None, words


def test_the_integer_product_never_uses_it() -> None:
    layer = Linear([[1, 2]], None, 2**30, 40, Codes(0, 255, 0))
    program = Program((layer,), (2,), Codes(0, 255, 0))
    kinds: Any = {"integer": Scaling, "blas": FloatScaling}
    for product, kind in kinds.items():
        kernel: Any = plan.plan(program, product, False).steps[0].kernel
        assert type(kernel.args[0].scaling) is kind
