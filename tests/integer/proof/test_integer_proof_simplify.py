"""Simplified programs write the same codes for any input, and what can be proved needless is gone."""

from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from integer_programs import batch
from planted_programs import grown, networks, planted_programs
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
    Operator,
    Pad,
    Program,
    Recall,
    Reshape,
    Softmax,
    Table,
    Transpose,
    run,
    simplify,
)
from tinyzip.integer.proof.clamps import claiming, hull
from tinyzip.integer.proof.equals import equals
from tinyzip.integer.proof.intervals import Interval, intervals

WIDE, FEW = Codes(-128, 127, 0), Codes(0, 9, 0)

KINDS: dict[str, list[str] | None] = {
    "every kind": None,
    "residuals": ["conv", "conv", "max", "recall", "add", "concat", "mean", "flatten", "linear"],
    "chains": ["conv", "conv", "pad", "max", "avg", "table", "product", "flatten", "linear"],
}


def drawn_inputs(data: Any, program: Program) -> Any:
    x = program.input
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    shape = program.shape
    ends = rng.choice([x.lo, x.hi], (*shape, 5)).astype(x.dtype)
    flat = [np.full((*shape, 1), end, x.dtype) for end in (x.lo, x.zero, x.hi)]
    return np.concatenate([batch(data.draw, x, (*shape, 5)), ends, *flat], axis=-1)


def weights(program: Program) -> list[Any]:
    return [operator.w for operator in program.operators if isinstance(operator, Conv2d | Linear)]


def dense(w: Any, bias: Any = None, y: Codes = WIDE, **fields: Any) -> Linear:
    """A multiplier of 1: the codes are the sums."""
    return Linear(w, bias, 2**30, 30, y, **fields)


def conv(w: Any, bias: Any = None, y: Codes = WIDE, **fields: Any) -> Conv2d:
    return Conv2d(w, bias, 2**30, 30, y, rounding="single", **fields)


@pytest.mark.parametrize("kinds", KINDS)
@settings(max_examples=60)
@given(data=st.data())
def test_no_code_of_the_last_operator_changes(kinds: str, data: Any) -> None:
    """(EQ1), (AB1), (AB2), (AB3)"""
    program = data.draw(planted_programs(7, KINDS[kinds]))
    smaller = simplify(program)
    x = drawn_inputs(data, program)
    assert (smaller.shape, smaller.input) == (program.shape, program.input)
    assert (smaller.shapes[-1], smaller.output) == (program.shapes[-1], program.output)
    assert sum(smaller.multiplications) <= sum(program.multiplications)
    wanted = run(program, x)
    for product in ("integer", "blas"):
        found = run(smaller, x, product)
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)
    assert reference.run(smaller, x[..., 0].tolist())[-1] == wanted[..., 0].tolist()
    assert simplify(smaller) == smaller


@settings(max_examples=30)
@given(networks(), SEEDS)
def test_what_was_planted_is_gone(network: Any, seed: int) -> None:
    """Dead and equal channels go, however many, and leave the program that was there before them.

    Through a depthwise convolution, on both ways of a residual block, and through a pool into a flat vector;
    in front of padding, too, since a dead channel holds the zero point, and so does padding.
    """
    rng = np.random.default_rng(seed)
    program, larger = network.program(), grown(rng, network).program()
    smaller = simplify(program)
    assume(all(w.any() for w in weights(smaller)))  # else one channel of no use stays, any
    for first in equals(smaller, intervals(smaller)):  # of two that stay, as 8 bits hold no sum of their
        assume(len({*first.tolist()}) == first.size)  # weights, either may take those of a third
    x = rng.integers(-128, 128, (*program.shape, 4)).astype(np.int8)
    np.testing.assert_array_equal(run(program, x), run(larger, x))
    assert simplify(larger) == smaller


def simplified(*operators: Operator, shape: Any = (2, 5, 5), x: Codes = FEW) -> Program:
    """The simplified program, after a look at whether it writes the same."""
    program = Program(operators, shape, x)
    codes = np.random.default_rng(3).integers(x.lo, x.hi + 1, (*shape, 7)).astype(x.dtype)
    smaller = simplify(program)
    for product in ("integer", "blas"):
        np.testing.assert_array_equal(run(smaller, codes, product), run(program, codes))
    return smaller


def kinds(program: Program) -> list[str]:
    return [operator.kind for operator in program.operators]


def test_a_constant_goes_into_the_bias_after_it() -> None:
    """(AB2): the middle output always holds 7, and −2·7 is what it added."""
    program = simplified(
        dense([[1, 2], [0, 0], [3, 1]], [0, 7, 0]), dense([[1, -2, 1], [2, 3, -1]], [5, 6]), shape=(2,)
    )
    first, second = program.operators
    assert first == dense([[1, 2], [3, 1]], weight_bits=3).checked("a test")
    assert second == dense([[1, 1], [2, -1]], [-9, 27], weight_bits=3).checked("a test")


@pytest.mark.parametrize(
    "code, padding, stays", [(7, 1, True), (0, 1, False), (7, 0, False), (7, (0, 1), True)]
)
def test_a_constant_that_padding_shows_stays(code: int, padding: Any, stays: bool) -> None:
    """(AB2): a window at the border sees less of the 7, and as much of a 0."""
    rng = np.random.default_rng(0)
    w = rng.integers(1, 9, (2, 2, 1, 1))
    w[1] = 0
    second = conv(rng.integers(1, 9, (2, 2, 3, 3)), padding=padding)
    program = simplified(conv(w, [0, code]), second)
    assert program.shapes[1][0] == (2 if stays else 1)


def test_a_constant_goes_where_windows_miss_only_zeros_of_its_weights() -> None:
    """(AB2)"""
    w = np.zeros((1, 2, 3, 3), int)
    w[0, 0], w[0, 1, 1, 1] = 2, 5
    program = simplified(conv([[[[1]], [[1]]], [[[0]], [[0]]]], [0, 7]), conv(w, padding=1))
    assert program.shapes[1][0] == 1 and weights(program)[1].shape == (1, 1, 3, 3)
    assert program.operators[1].bias.tolist() == [35]


def test_constants_that_stay_are_merged_where_they_are_equal() -> None:
    """(AB3): three channels of 2 in front of padding become one."""
    w = np.zeros((4, 2, 1, 1), int)
    w[0] = 1
    program = simplified(conv(w, [0, 2, 2, 2]), conv(np.full((2, 4, 3, 3), 1), padding=1))
    assert program.shapes[1][0] == 2 and (weights(program)[1][:, 1] == 3).all()


@pytest.mark.parametrize(
    "one, second, left", [(67, 60, 1), (67, 61, 2), (67, -128, 1), (-68, -60, 1), (-68, -61, 2)]
)
def test_equal_channels_are_merged_while_their_weights_fit_in_8_bits(
    one: int, second: int, left: int
) -> None:
    """(EQ1), (AB3): 67 + 60 is 127, 67 + 61 is not a weight."""
    y = Codes(0, 3, 0)
    program = simplified(dense([[1, 2], [1, 2]], y=y), dense([[one, second], [1, -2]]), shape=(2,))
    assert program.shapes[1] == (left,)
    if left == 1:
        assert weights(program)[1].tolist() == [[one + second], [-1]]


def test_channels_that_differ_in_a_bias_or_a_multiplier_alone_are_not_equal() -> None:
    for bias, n in (([0, 1], [30, 30]), ([0, 0], [30, 31])):
        first = Linear([[1, 2], [1, 2]], bias, [2**30] * 2, n, WIDE)
        assert simplified(first, dense([[1, 2]]), shape=(2,)).shapes[1] == (2,)


def test_equal_channels_that_are_told_apart_later_stay() -> None:
    """(EQ1)"""
    first, last = conv(np.ones((2, 2, 1, 1), int)), conv(np.ones((1, 2, 1, 1), int))
    rows = np.stack([np.arange(256) % 9, np.arange(256) % 7]).astype(np.int16)
    for between in (
        Table(rows, WIDE),
        Multiply([2, -3], 2**30, 30, WIDE),
        conv(np.array([[[[2]]], [[[-3]]]]), groups=2),
    ):
        program = simplified(first, between, last)
        assert [shape[0] for shape in program.shapes] == [2, 2, 2, 1]


def test_a_last_output_keeps_its_channels_but_not_the_weights_of_constant_ones() -> None:
    """(AB1): sums from −128 on give 127 above a clamp; the nearest to 0 that does is 127."""
    program = simplified(dense([[1, 2], [3, 4], [1, 2], [0, 5]], [0, 400, 0, -300]), shape=(2,))
    assert weights(program)[0].tolist() == [[1, 2], [0, 0], [1, 2], [0, 0]]
    assert program.operators[0].bias.tolist() == [0, 127, 0, -128]


def test_weights_that_only_meet_padding_are_cut_off() -> None:
    """A window of 3×3 on an image of 1×1 is a window of 1×1; what a stride leaves over goes with it."""
    rng = np.random.default_rng(1)
    w = rng.integers(1, 9, (2, 2, 3, 3))
    program = simplified(conv(w, padding=1), shape=(2, 1, 1))
    assert program.operators[0] == conv(w[:, :, 1:2, 1:2], weight_bits=4).checked("a test")
    program = simplified(conv(w, padding=((0, 2), (2, 0))), shape=(2, 1, 1))  # upper right it sees the image
    assert weights(program)[0].tolist() == w[:, :, :1, 2:].tolist()
    program = simplified(conv(w, padding=1), shape=(2, 5, 1))
    assert weights(program)[0].shape == (2, 2, 3, 1) and sum(program.multiplications) == 2 * 2 * 3 * 5
    w[:, :, 2] = 0
    program = simplified(conv(w, padding=((2, 3), (0, 0)), dilation=2, stride=3), shape=(2, 6, 6))
    assert program.operators[0] == conv(
        w[:, :, :2], padding=((2, 1), (0, 0)), dilation=2, stride=3, weight_bits=5
    ).checked("a test")
    w[:, :, 0] = 0  # in front there is no padding to go with it
    assert weights(simplified(conv(w, padding=((0, 2), (0, 0)))))[0].shape == (2, 2, 2, 3)
    w[:, :, 2] = 1
    assert weights(simplified(conv(w, stride=3), shape=(2, 4, 4)))[0].shape == (2, 2, 3, 3)


def test_dead_channels_go_on_every_way_of_a_residual_block() -> None:
    """And not where one of the two is alive, since an addition needs both."""
    w = np.ones((3, 2, 1, 1), int)
    w[1:] = 0
    u = np.ones((3, 3, 1, 1), int)
    u[2] = 0
    add = Add(0, [1, 1], 1, WIDE, rounding="single")
    last = conv(np.ones((1, 3, 1, 1), int))
    program = simplified(conv(w, [0, 0, 5]), conv(u, [0, 1, 2]), add, last)
    assert [shape[0] for shape in program.shapes] == [2, 2, 2, 2, 1]


def test_dead_channels_go_through_every_operator_that_keeps_channels_apart() -> None:
    w = np.ones((3, 2, 1, 1), int)
    w[1], w[2] = 0, 3
    table = np.arange(256).astype(np.int16) // 2 - 10
    for between in (
        [MaxPool2d(2)],
        [AvgPool2d(2)],
        [GlobalAvgPool()],
        [GlobalAvgPool(2**30, 34, WIDE)],
        [Table(np.stack([table, table - 1, table - 2]), WIDE)],
        [conv(np.arange(27).reshape(3, 1, 3, 3) - 13, groups=3)],
        [conv(np.arange(54).reshape(6, 1, 3, 3) - 13, groups=3)],
        [Concat((0, -1, 0))],
        [Transpose((0, 2, 1)), Reshape((3, 5, 5))],
        [Reshape((15, 1, 5))],
        [Reshape((15, 5, 1), "HWC")],
        [Reshape((75,)), Reshape((75, 1, 1))],
    ):
        shape = Program((conv(w, [0, 7, 0]), *between), (2, 5, 5), FEW).shapes[-1]
        for order in ("CHW", "HWC"):
            ends: Any = [Flatten(order), dense(np.arange(np.prod(shape))[None] % 7 - 3)]
            program = simplified(conv(w, [0, 7, 0]), *between, *ends)
            assert program.shapes[1][0] == 2, between


@pytest.mark.parametrize("read", [0, 1, 2, 3])
def test_a_group_stays_whole_where_one_of_its_channels_is_needed(read: int) -> None:
    """By who reads what the groups read; a group that is the only one left is none."""
    one, eye = np.zeros((1, 4, 1, 1), int), np.eye(4, dtype=int).reshape(4, 4, 1, 1)
    one[0, read] = 1
    mixed = conv(np.arange(1, 9).reshape(4, 2, 1, 1), groups=2, name="mixed")
    before = (conv(one, y=FEW), Recall(0))
    x = np.random.default_rng(0).integers(0, 10, (4, 2, 2, 20), np.uint8)
    for ends in ((*before, mixed, conv(one[:, [2, 3, 0, 1]], y=FEW)), (Recall(0), mixed, conv(one, y=FEW))):
        ends += (Concat((1, len(ends))),) if ends[0] is before[0] else ()
        program = Program((conv(eye, y=FEW), *ends), (4, 2, 2), FEW)
        smaller = simplify(program)
        np.testing.assert_array_equal(run(smaller, x), run(program, x))
        kept = [operator for operator in smaller.operators if operator.name == "mixed"]
        assert [operator.w.shape for operator in kept] == [(4 if len(ends) == 5 else 1, 2, 1, 1)]


def test_channels_that_cannot_be_told_apart_stay() -> None:
    """A softmax counts them, a transpose makes rows of them."""
    w = np.ones((3, 2, 1, 1), int)
    w[1] = 0
    for between in (
        [Softmax(2**30, 20)],
        [Transpose((1, 0, 2))],
        [Reshape((5, 3, 5))],
        [Reshape((5, 3, 5), "HWC")],
    ):
        program = simplified(conv(w, [0, 7, 1]), *between, Flatten(), dense(np.ones((2, 75), int)))
        assert program.shapes[1][0] == 3, between


def test_a_softmax_needs_channels_that_nobody_needs_after_it() -> None:
    w = np.ones((3, 2, 1, 1), int)
    w[1] = 0
    last = conv(np.array([2, 0, 1]).reshape(1, 3, 1, 1))
    assert simplified(conv(w, [0, 7, 1]), Softmax(2**30, 20), last).shapes[1][0] == 3


def test_operators_that_do_nothing_go() -> None:
    identity = np.arange(256).astype(np.int16)
    first = conv([[[[1]], [[2]]]], y=Codes(0, 255, 0))
    nothing = [
        Recall(0),
        MaxPool2d(1),
        AvgPool2d(1),
        Pad(0),
        Transpose((0, 1, 2)),
        Reshape((1, 5, 5)),
        Concat((6,)),
        Table(identity, Codes(0, 255, 0)),
        Flatten(),
        Flatten(),
        Reshape((25,)),
    ]
    program = simplified(first, *nothing, dense(np.ones((1, 25), int)))
    assert kinds(program) == ["Conv2d", "Flatten", "Linear"]
    assert kinds(simplified(Recall(-1), Pad(0))) == ["Recall"]
    assert kinds(simplified(first, Recall(-1), first, Add(0, [1, 1], 1, WIDE, rounding="single"))) == [
        *("Conv2d", "Add")
    ]
    assert kinds(simplified(GlobalAvgPool(), GlobalAvgPool())) == ["GlobalAvgPool"]


def test_operators_that_only_seem_to_do_nothing_stay() -> None:
    """A mean of one place onto another grid, and a table whose answers mean something else."""
    first = conv([[[[1]], [[2]]]], y=Codes(0, 255, 0))
    identity = Table(np.arange(256).astype(np.int16), Codes(0, 255, 3))
    assert kinds(simplified(first, identity, conv([[[[1]]]]))) == ["Conv2d", "Table", "Conv2d"]
    mean = GlobalAvgPool(2**30, 31, Codes(0, 99, 0))
    assert kinds(simplified(first, mean, shape=(2, 1, 1))) == ["Conv2d", "GlobalAvgPool"]


def test_what_nobody_reads_goes_and_numbers_follow() -> None:
    one = conv([[[[1]], [[1]]], [[[2]], [[0]]]], y=Codes(0, 99, 0))
    two = conv([[[[1]], [[3]]], [[[2]], [[5]]]], y=Codes(0, 99, 0))
    add = Add(0, [1, 2], 2, WIDE, rounding="single")
    program = simplified(one, two, one, Recall(0), two, add)
    assert kinds(program) == ["Conv2d", "Conv2d", "Add"] and program.operators[2].reads(2) == (1, 0)
    program = simplified(one, Recall(-1), two, Recall(0), Pad(1), Recall(0), Concat((0, 2)))
    assert kinds(program) == ["Conv2d", "Recall", "Conv2d", "Concat"]
    assert program.operators[-1].reads(3) == (0, 2)


def test_a_border_becomes_padding_where_that_is_exact() -> None:
    """Of a convolution always; of a max pool where no code is below the zero point; of a mean never."""
    w = np.arange(36).reshape(2, 2, 3, 3) - 20
    program = simplified(Pad(((1, 0), (2, 1))), Pad(1), conv(w, padding=1, stride=2))
    assert program.operators == (
        conv(w, padding=((3, 2), (4, 3)), stride=2, weight_bits=6).checked("a test"),
    )
    assert kinds(simplified(Pad(1), MaxPool2d(3, 2))) == ["MaxPool2d"]
    assert kinds(simplified(Pad(1), MaxPool2d(2, 2, ((1, 0), (0, 0))))) == ["Pad", "MaxPool2d"]
    assert kinds(simplified(Pad(1), MaxPool2d(3, 2), x=Codes(-1, 9, 0))) == ["Pad", "MaxPool2d"]
    eye = np.eye(2, dtype=int).reshape(2, 2, 1, 1)  # what is padded may have codes below 0, or it may not
    for signs, padded in (((-1, 1), []), ((1, -1), ["Pad"])):
        convs = [conv(sign * eye, y=WIDE if sign < 0 else FEW) for sign in signs]
        found = simplified(*convs, Pad(1), MaxPool2d(3, 2), x=FEW if padded else Codes(-9, 0, 0))
        assert kinds(found) == ["Conv2d", "Conv2d", *padded, "MaxPool2d"]
    least, most = conv(eye, y=FEW), conv(-eye, y=Codes(-128, 127, 5))  # what is beside it does not count
    sums = Add(2, [1, 1], 1, WIDE, rounding="single")
    for first, second, padded in ((least, most, []), (most, least, ["Pad"])):
        found = simplified(first, second, MaxPool2d(3, 1), Recall(0), Pad(1), MaxPool2d(3, 2), sums)
        assert kinds(found) == ["Conv2d", "Conv2d", "MaxPool2d", "Recall", *padded, "MaxPool2d", "Add"]
    mixed = conv(eye * np.array([1, -1]).reshape(2, 1, 1, 1))
    assert kinds(simplified(mixed, Pad(1), MaxPool2d(3, 2))) == ["Conv2d", "Pad", "MaxPool2d"]
    assert kinds(simplified(Pad(1), MaxPool2d(2, 1))) == ["MaxPool2d"]
    assert kinds(simplified(Pad(1), AvgPool2d(3, 2))) == ["Pad", "AvgPool2d"]
    both = simplified(Pad(1), conv(w), Recall(0), conv(w[::-1]), Add(1, [1, 1], 1, WIDE, rounding="single"))
    assert kinds(both) == ["Conv2d", "Recall", "Conv2d", "Add"]


def test_sums_are_narrower_where_codes_are_fewer_than_claimed() -> None:
    """(B1), (B2): 20·127·9 is less than 2¹⁵, 20·127·255 is not. The output's claim stays."""
    wide = Codes(0, 255, 0)
    first, last = dense(np.eye(20, dtype=int), y=wide), dense(np.full((2, 20), 127), y=wide)
    program = simplified(first, last, shape=(20,))
    assert program.codes[1:] == (FEW, wide)
    assert program.accumulators == (np.dtype(np.int16),) * 2
    few = simplified(first, dense(np.full((2, 20), 1), y=wide), shape=(20,))
    assert few.codes[1] == wide  # nothing to gain
    pooled = simplified(first, Reshape((1, 4, 5)), MaxPool2d(2, y=wide), Flatten(), last_of(4), shape=(20,))
    assert pooled.operators[2].y is None


def test_a_clamp_of_a_pool_stays_where_it_cuts_something_off_or_proves_a_bound() -> None:
    x = Codes(-9, 9, 0)
    for y, stays in ((x, False), (Codes(-8, 9, 0), True), (Codes(-9, 8, 0), True)):
        assert (simplified(MaxPool2d(2, y=y), x=x).operators[0].y == y) == stays
    signed, clamp = Codes(-127, 127, 0), Codes(0, 127, 0)
    two = conv(np.array([[[[1]], [[0]]], [[[1]], [[-1]]]]), y=signed)  # from 0 up, and from below
    program = simplified(two, MaxPool2d(2, y=clamp), conv(np.array([[[[1]], [[-2]]]])))
    assert program.operators[1].y == clamp
    wide = Codes(0, 255, 0)
    first = dense(np.eye(20, dtype=int), y=wide)
    pool = MaxPool2d((1, 1), (2, 2), y=FEW)
    program = simplified(
        first, Reshape((1, 4, 5)), pool, Flatten(), last_of(6), shape=(20,), x=Codes(0, 9, 0)
    )
    assert program.accumulators[-1] == np.int16


@pytest.mark.parametrize("lo, hi", [(-9, 9), (-9, 8), (-8, 9), (-8, 8)])
def test_a_clamp_of_a_pool_goes_where_it_cuts_off_nothing_at_either_end(lo: int, hi: int) -> None:
    """Of channels from 0 to 9, from −9 to 0, and from −4 to 5."""
    three = conv(np.array([1, -1, 1]).reshape(3, 1, 1, 1), [0, 0, -4], y=Codes(-9, 9, 0))
    clamped = three, MaxPool2d(1, y=Codes(lo, hi, 0)), conv(np.array([[1, -2, 3]]).reshape(1, 3, 1, 1))
    program = Program(clamped, (1, 2, 2), FEW)
    smaller, x = simplify(program), np.arange(40, dtype=np.uint8).reshape(1, 2, 2, 10) % 10
    np.testing.assert_array_equal(run(smaller, x), run(program, x))
    assert len(smaller.operators) == (2 if (lo, hi) == (-9, 9) else 3)  # without a clamp it does nothing


def test_a_narrower_claim_holds_the_codes_of_all_channels_and_the_zero_point() -> None:
    known = Interval(np.array([-3, 1, 0]), np.array([2, 7, 0]))
    assert hull(known, WIDE) == Codes(-3, 7, 0)
    assert hull(known, Codes(-128, 127, 9)) == Codes(-3, 9, 9)
    assert hull(known, Codes(-128, 127, -9, (3, 1))) == Codes(-9, 7, -9, (3, 1))
    assert hull(known, Codes(-2, 5, 0)) == Codes(-2, 5, 0)
    for code in (3, 5):
        assert hull(Interval(np.array([4]), np.array([4])), Codes(0, 9, code)) == Codes(
            min(4, code), max(4, code), code
        )
    assert hull(Interval(np.array([4]), np.array([4])), Codes(0, 9, 4)) is None
    table = claiming(Table(np.arange(256) - 128, WIDE), Codes(-5, 7, 0))
    assert table.checked("it").table.tolist() == np.clip(np.arange(256) - 128, -5, 7).tolist()


def test_what_a_constant_adds_to_a_large_bias_is_exact() -> None:
    """(AB2), in more than 24 bits: 127·7 more."""
    eye = np.eye(200, dtype=int)
    eye[0] = 0
    last = Linear(np.full((1, 200), 127), [2**24 + 2], 2**30, 47, Codes(0, 255, 0))
    program = simplified(dense(eye, [7] + [0] * 199, y=FEW), last, shape=(200,))
    assert program.operators[-1].bias.tolist() == [2**24 + 2 + 889]


def test_the_claim_of_what_is_part_of_the_output_stays() -> None:
    """(B1): it would make the sums of its other reader narrower."""
    wide = Codes(0, 255, 0)
    first = dense(np.eye(20, dtype=int), y=wide)
    program = Program((first, dense(np.full((2, 20), 127), y=FEW), Concat((0, 1))), (20,), FEW)
    assert simplify(program).output == program.output == wide
    assert simplify(program).accumulators[1] == np.int32


def last_of(C: int) -> Linear:
    return dense(np.full((2, C), 127), y=Codes(0, 255, 0))


def test_a_table_that_only_clamps_is_the_clamp_of_what_is_before_it() -> None:
    every = np.arange(256)
    signed = np.where(every < 128, every, every - 256)
    relu = Table(np.clip(signed, 3, 9), Codes(-128, 127, 3))
    first = conv([[[[3]], [[-4]]]], y=Codes(-128, 127, 3))
    program = simplified(first, relu, conv([[[[1]]]]))
    assert kinds(program) == ["Conv2d", "Conv2d"] and program.codes[1] == Codes(3, 9, 3)
    for other in (Codes(-128, 127, 2), Codes(-128, 127, 3, (3, 1))):  # another meaning
        assert "Table" in kinds(simplified(first, Table(relu.table, other), conv([[[[1]]]])))
    add = Add(0, [1, 1], 1, WIDE, rounding="single")
    assert "Table" in kinds(simplified(first, relu, add))  # another reader
    assert "Table" in kinds(simplified(first, Table(relu.table + (signed == 5), relu.y), conv([[[[1]]]])))


@pytest.mark.parametrize(("lo", "hi"), [(0, 127), (-128, 0)])
def test_a_last_table_that_clamps_one_end_is_that_clamp_and_claims_the_other_end_as_before(
    lo: int, hi: int
) -> None:
    """The sums lie between -36 and 27; what is claimed of the output does not depend on it."""
    signed = np.arange(256).astype(np.uint8).view(np.int8)
    program = simplified(conv([[[[3]], [[-4]]]]), Table(np.clip(signed, lo, hi), Codes(lo, hi, 0)))
    assert kinds(program) == ["Conv2d"] and program.output == Codes(lo, hi, 0)


def test_a_last_table_that_writes_one_code_is_no_clamp() -> None:
    for code in (0, 5):
        program = simplified(conv([[[[3]], [[-4]]]]), Table(np.full(256, code), WIDE))
        assert program.output == WIDE


def test_only_a_program_is_simplified() -> None:
    with pytest.raises(TypeError, match=r"simplify: program: found int, needed a Program"):
        simplify(3)


def test_a_clamp_that_cuts_nothing_off_stays_where_it_proves_that_sums_fit() -> None:
    """Without it the claim of the table, 255, would be more than 32 bits can add up."""
    size = 266
    table = Table(np.arange(256) % 2, Codes(0, 255, 0))
    clamp = MaxPool2d((1, 1), y=Codes(0, 1, 0))
    sums = Linear(np.full((1, size**2), 127), None, 2**30, 50, Codes(0, 255, 0))
    program = Program((table, clamp, Flatten(), sums), (1, size, size), Codes(0, 255, 0))
    found = simplify(program)
    x = np.random.default_rng(0).integers(0, 256, (1, size, size, 2), np.uint8)
    np.testing.assert_array_equal(np.asarray(run(found, x)), np.asarray(run(program, x)))
    assert any(operator.y == clamp.y for operator in found.operators if isinstance(operator, MaxPool2d))


@pytest.mark.parametrize("w", [1, 99])
def test_a_clamp_that_cuts_nothing_off_stays_where_a_bound_would_grow_without_it(w: int) -> None:
    """(B1): also where the sums are as wide with the table's claim, 255, as with the clamp's, 1."""
    table = Table(np.arange(256) % 2, Codes(0, 255, 0))
    clamp = MaxPool2d(2, y=Codes(0, 1, 0))
    program = simplified(table, clamp, conv([[[[w]]]]), shape=(1, 5, 5), x=Codes(0, 255, 0))
    assert program.bounds[-1] == w and kinds(program) == ["Table", "MaxPool2d", "Conv2d"]


def test_of_two_factors_the_one_of_a_channel_that_is_not_needed_goes() -> None:
    first = conv(np.arange(4).reshape(2, 2, 1, 1))
    program = simplified(first, Multiply([2, -3], 2**30, 30, WIDE), conv([[[[0]], [[1]]]]))
    assert [shape[0] for shape in program.shapes] == [2, 1, 1, 1]
    assert program.operators[1].w.tolist() == [-3]
