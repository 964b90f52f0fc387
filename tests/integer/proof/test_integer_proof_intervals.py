"""No code leaves its interval, and after the input each end is reached."""

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from integer_programs import batch, codes, programs, weighted
from shapes import SEEDS

from tinyzip.integer import (
    Add,
    AvgPool2d,
    Codes,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Multiply,
    Pad,
    Product,
    Program,
    Recall,
    Reshape,
    Table,
    Transpose,
    run,
)
from tinyzip.integer.proof.intervals import Interval, answers, intervals, places_seen

BYTE, SIGNED = Codes(0, 255, 0), Codes(-128, 127, 0)
ONE = {"m0": 2**30, "n": 30, "rounding": "single"}  # a multiplier of 1


def conv(w: Any, **fields: Any) -> Conv2d:
    return Conv2d(w.astype(int), None, y=SIGNED, **ONE, **fields)


def ends(program: Program, place: int = -1) -> list[tuple[int, int]]:
    found = intervals(program)[place]
    return list(zip(found.lo.tolist(), found.hi.tolist(), strict=True))


def extremes(draw: Any, program: Program) -> Any:
    """Examples that pull every sum as far as they can: drawn ones, the ends, and whole channels at an end."""
    x, shape = program.input, program.shape
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels = rng.choice([x.lo, x.hi], (shape[0], *[1] * (len(shape) - 1), 24))
    held = np.broadcast_to(channels, (*shape, 24)).astype(x.dtype)
    every = [batch(draw, x, (*shape, 6)), rng.choice([x.lo, x.hi], (*shape, 6)).astype(x.dtype), held]
    every += [np.full((*shape, 1), end, x.dtype) for end in (x.lo, x.zero, x.hi)]
    for operator in program.operators:
        if isinstance(operator, Conv2d | Linear) and operator.w[0].size == np.prod(shape):
            signs = operator.w.reshape(-1, *shape).transpose(*range(1, len(shape) + 1), 0)
            every += [np.where(signs > 0, a, b).astype(x.dtype) for a, b in ((x.lo, x.hi), (x.hi, x.lo))]
    return np.concatenate(every, axis=-1)


def within(y: Any, interval: Interval) -> bool:
    """Whether all of y (C, …, N) lies in the interval; classes (N,) are one channel."""
    values = y.reshape(len(interval.lo), -1) if y.ndim > 1 else y.reshape(1, -1)
    return bool((values >= interval.lo[:, None]).all() and (values <= interval.hi[:, None]).all())


@settings(max_examples=200)
@given(st.data())
def test_no_code_of_any_operator_leaves_its_interval(data: Any) -> None:
    """(IV3), through every kind of operator, and classes too."""
    program = data.draw(programs(6))
    x = extremes(data.draw, program)
    found = intervals(program)
    assert len(found) == len(program.operators) + 1 and within(x, found[0])
    assert {end.dtype for interval in found for end in (interval.lo, interval.hi)} == {np.dtype(np.int64)}
    for i, y in enumerate(run(program, x, trace=True)):
        assert within(y, found[i + 1]), (i, program.operators[i].kind)


def attained(program: Program) -> Interval:
    """The least and the greatest code of each channel over inputs that are made for each place and end."""
    operator: Any = program.operators[0]
    shape, x = program.shape, program.input
    w = operator.w.reshape(len(operator.w), -1)
    groups = getattr(operator, "groups", 1)
    inputs = []
    for f in range(len(w)):
        if isinstance(operator, Linear):
            signs = [w[f]]
        else:
            (top, bottom), (left, right) = operator.padding
            _, OH, OW = program.shapes[1]
            signs = []
            for oh, ow in np.ndindex(OH, OW):
                whole = np.zeros((shape[0], shape[1] + top + bottom, shape[2] + left + right), int)
                (sh, sw), (dh, dw), (kh, kw) = operator.stride, operator.dilation, operator.kernel
                C = shape[0] // groups
                g = f // (len(w) // groups)
                rows = slice(oh * sh, oh * sh + (kh - 1) * dh + 1, dh)
                columns = slice(ow * sw, ow * sw + (kw - 1) * dw + 1, dw)
                whole[g * C : g * C + C, rows, columns] = operator.w[f]
                signs.append(whole[:, top : top + shape[1], left : left + shape[2]])
        inputs += [np.where(s > 0, a, b) for s in signs for a, b in ((x.lo, x.hi), (x.hi, x.lo))]
    y = run(program, np.stack(inputs, -1).astype(x.dtype)).reshape(len(w), -1).astype(np.int64)
    return Interval(y.min(1), y.max(1))


@pytest.mark.parametrize("kind", ["conv", "linear"])
@settings(max_examples=60)
@given(data=st.data())
def test_an_input_attains_both_ends_of_a_first_layer(kind: str, data: Any) -> None:
    """(IV1), (IV2): with padding, strides, dilation and groups, in every rounding."""
    if kind == "conv":
        program = data.draw(programs(1, ["conv"]))
    else:
        x, C = data.draw(codes()), data.draw(st.integers(1, 9))
        program = Program((weighted(data.draw, Linear, (3, C), x),), (C,), x)
    found, wanted = intervals(program)[1], attained(program)
    np.testing.assert_array_equal(found.lo, wanted.lo)
    np.testing.assert_array_equal(found.hi, wanted.hi)


def test_a_window_that_misses_a_weight_at_the_border_counts() -> None:
    """(IV1): 10 − 3 in the middle, 10 alone at one border, −3 alone at the other, times 5."""
    first = Conv2d([[[[0]]]], [5], y=BYTE, **ONE)
    second = Conv2d([[[[-3, 10]]]], None, y=Codes(-128, 127, 0), padding=((0, 0), (1, 1)), **ONE)
    program = Program((first, second), (1, 1, 4), BYTE)
    assert ends(program, 1) == [(5, 5)] and ends(program) == [(-15, 50)]
    narrow = Program((first, second), (1, 1, 1), BYTE)  # no window sees both
    assert ends(narrow) == [(-15, 50)]
    assert [a.tolist() for a in places_seen(second.checked("a test"), (1, 1, 4))] == [
        [[1]],
        [[0, 1], [1, 0], [1, 1]],
    ]
    apart = Conv2d([[[[-3, 10]]]], None, y=SIGNED, stride=(1, 2), padding=((0, 0), (1, 0)), **ONE)
    assert ends(Program((first, apart), (1, 1, 2), BYTE)) == [(50, 50)]  # the one window at the border


@given(st.integers(1, 9), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.integers(0, 9), SEEDS)
def test_the_sets_of_places_are_those_of_all_windows(
    length: int, k: int, step: int, apart: int, before: int, seed: int
) -> None:
    """(IV1): a window that is taken to each of its stands, one by one."""
    reach, after = (k - 1) * apart + 1, seed % 10
    assume(reach <= before + length + after)
    kernel = conv(np.ones((1, 1, k, 1)), padding=((before, after), (0, 0)), stride=(step, 1), dilation=apart)
    stands = range(-before, length + after - reach + 1, step)
    sets = {tuple(int(0 <= at + i * apart < length) for i in range(k)) for at in stands}
    rows, _ = places_seen(kernel.checked("drawn"), (1, length, 1))
    assert sorted(sets) == sorted(map(tuple, rows.tolist()))


def test_an_image_of_a_billion_places_costs_no_memory() -> None:
    program = Program((conv(np.ones((1, 1, 3, 1)), padding=((1, 1), (0, 0)), stride=2),), (1, 2**30, 1), BYTE)
    tracemalloc.start()
    intervals(program)
    most = tracemalloc.get_traced_memory()[1]
    assert most < 10**6
    tracemalloc.stop()


def test_each_channel_has_its_own_interval() -> None:
    x = Linear([[1], [0], [-1]], [0, 7, 0], y=SIGNED, **ONE)
    program = Program(
        (x, Linear([[1, 1, 0], [0, 1, 1], [1, 0, 1]], None, y=SIGNED, **ONE)), (1,), Codes(0, 9, 0)
    )
    assert ends(program, 1) == [(0, 9), (7, 7), (-9, 0)]
    assert ends(program) == [(7, 16), (-2, 7), (-9, 9)]


def test_each_kind_of_operator_takes_both_ends_through_its_own_arithmetic() -> None:
    """(IV3)"""
    x = Conv2d([[[[1]]], [[[2]]]], [-3, 0], y=Codes(-128, 127, -3), **ONE)  # −6 … 3 and −3 … 15
    start, shape = (x,), (1, 2, 2)

    def after(*operators: Any) -> list[tuple[int, int]]:
        return ends(Program((*start, *operators), shape, Codes(0, 9, 0)))

    assert after() == [(-6, 3), (-3, 15)]
    clamp = Codes(-4, 5, -3)
    assert after(MaxPool2d(2)) == after(AvgPool2d(2)) == after(GlobalAvgPool()) == after(Recall(0)) == after()
    assert after(MaxPool2d(2, y=clamp)) == after(AvgPool2d(2, y=clamp)) == [(-4, 3), (-3, 5)]
    assert after(GlobalAvgPool(2**30, 31, SIGNED)) == [
        (-6, 12),
        (0, 36),
    ]  # twice, less the zero point, halved
    assert after(GlobalAvgPool(2**30, 31, SIGNED, "float32")) == [(-6, 12), (0, 36)]
    for mean in (GlobalAvgPool(2**30, 31, SIGNED), GlobalAvgPool(2**30, 31, SIGNED, "float32")):
        for size in ((1, 1, 4), (1, 4, 1)):
            assert ends(Program((*start, mean), size, Codes(0, 9, 0))) == [(-6, 12), (0, 36)]
    assert after(Multiply([-2], 2**30, 30, SIGNED)) == [(-12, 6), (-36, 0)]
    assert after(Multiply([-2, 1], 2**30, 30, SIGNED)) == [(-12, 6), (0, 18)]
    hill = 100 - np.abs(np.arange(256) - np.where(np.arange(256) > 127, 256, 0))
    assert after(Table(np.maximum(hill, 0), SIGNED)) == [(94, 100), (85, 100)]
    assert after(Pad(0)) == after() and after(Pad(1)) == [(-6, 3), (-3, 15)]
    assert after(Recall(-1), Pad(1)) == [(0, 9)]
    assert after(Recall(0), Add(0, [1, 1], 1, SIGNED, rounding="single")) == [(-3, 6), (0, 18)]
    square = Product(0, 2**30, 30, SIGNED)  # of −3 … 6 and 0 … 18, as if the factors were two
    assert after(Recall(0), square) == [(-18, 36), (0, 127)]
    assert after(GlobalAvgPool(), Recall(0), replace(square, other=1)) == [(-18, 36), (0, 127)]
    assert after(Concat((0, 0))) == after() * 2
    assert after(Flatten()) == [(-6, 3)] * 4 + [(-3, 15)] * 4
    assert after(Flatten("HWC")) == [(-6, 3), (-3, 15)] * 4
    assert after(Reshape((8, 1, 1))) == after(Flatten()) and after(Reshape((1, 2, 4))) == [(-6, 15)]
    assert after(Transpose((0, 2, 1))) == after() and after(Transpose((1, 0, 2))) == [(-6, 15)] * 2


def test_a_table_answers_as_a_function_at_both_ends_and_between_them() -> None:
    rows, x = np.arange(256), Interval(np.array([3]), np.array([9]))
    for place in (2, 3, 5, 9, 10):
        other = np.where(rows == place, 0, rows)
        assert answers(other, x, lambda codes: codes) == (place in (2, 10))
    two = Interval(np.array([3, 6]), np.array([9, 12]))
    for place in range(1, 15):  # of either channel, and of each its own table
        other = np.where(rows == place, 0, rows)
        assert answers(other, two, lambda codes: codes) == (not 3 <= place <= 12)
        assert answers(np.stack([other, rows]), two, lambda codes: codes) == (not 3 <= place <= 9)
        assert answers(np.stack([rows, other]), two, lambda codes: codes) == (not 6 <= place <= 12)
    signed, x = np.roll(np.arange(-128, 128), 128), Interval(np.array([-4]), np.array([2]))  # −1 stands last
    for code in (-128, -5, -4, -1, 0, 2, 3, 127):
        other = np.where(signed == code, 99, signed)
        assert answers(other, x, lambda codes: codes) == (not -4 <= code <= 2)
