"""The printed engine: what its lecture says of the four terms, and that nothing of `fast` takes part in it.

That it writes the codes of the loops and of the fast engine is in test_integer_oracle.py.
"""

import importlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from integer_programs import batch, codes, integers, programs, small

from tinyzip.integer import AvgPool2d, Codes, Linear, Operator, Program, ops, requantize, run
from tinyzip.integer.fast.run import WAYS


@given(st.data())
def test_the_four_terms_are_one_sum_of_centred_codes(data: Any) -> None:
    """(OP1), (OP2): with a zero point for the weights, too, and with none."""
    x, y, z_w = data.draw(codes()), data.draw(codes()), data.draw(st.sampled_from([0, 0, -60, 7, 60]))
    F, K, N = (data.draw(st.integers(1, most)) for most in (3, 6, 3))
    w = integers(data.draw, -60, 60, (F, K))
    images = batch(data.draw, x, (K, N))
    wide = images.astype(int)
    first, second = w @ wide, x.zero * w.sum(1, keepdims=True)
    third, fourth = z_w * wide.sum(0), K * z_w * x.zero
    assert z_w or not (np.any(third) or fourth)
    operator = Linear(w - z_w, None, 2**30, 38, y)
    found = run(Program((operator,), (K,), x), images, "printed")
    np.testing.assert_array_equal(found, requantize(first - second - third + fourth, 2**30, 38, y, "single"))


@given(st.data())
def test_the_printed_engine_runs_without_the_fast_one(data: Any) -> None:
    program = data.draw(programs())
    x = batch(data.draw, program.input, (*program.shape, 3))
    wanted, traced = run(program, x), run(program, x, trace=True)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("plan_of", "walk", "last_of", "repeated"):
            patch.setattr(importlib.import_module("tinyzip.integer.fast.run"), name, None)
        with pytest.raises(TypeError):
            run(program, x)
        for threads in (1, 2):
            found = run(program, x, "printed", threads=threads)
            assert type(found) is type(wanted) and found.dtype == wanted.dtype
            np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))
        for found, output in zip(run(program, x, "printed", trace=True), traced, strict=True):
            np.testing.assert_array_equal(found, output)


@pytest.mark.parametrize("count", [1, 5, 11])
def test_a_batch_goes_through_the_page_in_shards(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, sizes = importlib.import_module("tinyzip.integer.fast.run"), []

    def walk(operators: Any, grids: Any, x: Any) -> Any:
        sizes.append(x.shape[-1])
        return ops_walk(operators, grids, x)

    ops_walk = ops.walk
    monkeypatch.setattr(ops, "walk", walk)
    monkeypatch.setattr(engine, "MOST", 4)
    images = np.random.default_rng(count).integers(0, 256, (1, 8, 8, count), np.uint8)
    np.testing.assert_array_equal(run(small(), images, "printed"), run(small(), images))
    assert sum(sizes) == count and max(sizes) <= 4


def test_a_sum_beyond_32_bits_is_refused_whatever_was_proved_of_it() -> None:
    """No program can be built with this operator, so it is asked by itself."""
    x = Codes(0, 255, 0)
    operator = Linear(np.full((1, 70_000), 127), None, 2**30, 60, x).checked("wide")
    with pytest.raises(ValueError, match="acc: found values from 2266950000"):
        ops.apply(operator, [np.full((70_000, 1), 255, np.uint8)], [x], x)


def test_what_is_no_operator_is_refused() -> None:
    with pytest.raises(
        TypeError, match="apply: operator: found Operator, needed an operator of this package"
    ):
        ops.apply(Operator(), [np.zeros((1, 1), np.uint8)], [Codes(0, 1, 0)], Codes(0, 1, 0))


@pytest.mark.parametrize("way", WAYS)
def test_a_mean_of_more_than_24_bits_is_rounded_by_the_last_of_them(way: Any) -> None:
    """67,600 codes whose sum is one less than a half."""
    x = np.full((1, 260, 260, 1), 253, np.uint8)
    x.reshape(-1)[1::2] = 254
    program = Program((AvgPool2d(260), AvgPool2d(1)), (1, 260, 260), Codes(0, 255, 0))
    assert run(program, x, way).item() == 254
    x[0, 0, 1] -= 1
    assert run(program, x, way).item() == 253
