"""The accumulator's bound is attained, is never passed, and decides what is used."""

from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_programs import batch, codes, integers, programs
from shapes import SEEDS

from tinyzip.integer import (
    Add,
    AvgPool2d,
    Codes,
    Conv2d,
    GlobalAvgPool,
    Linear,
    Product,
    Program,
    multiplier,
    run,
)
from tinyzip.integer.bounds import FLOAT_EXACT, bound_of, product_ends
from tinyzip.integer.fast.depthwise import band_matrices
from tinyzip.integer.fast.gemm import as_integers, is_cheap, least_of, multiply, product_dtype
from tinyzip.machine.workspace import FRESH

WIDE = Codes(-128, 127, 0)


def dense(w: Any, bias: Any, x: Codes, **fields: Any) -> Program:
    return Program((Linear(w, bias, 2**30, 50, WIDE, **fields),), (np.shape(w)[1],), x)


@settings(max_examples=60)
@given(st.data())
def test_an_input_attains_the_bound(data: Any) -> None:
    """(B1): each code at the end of its range that is further from zero, weights of the sign that helps."""
    x = data.draw(codes())
    far = x.hi if x.hi - x.zero >= x.zero - x.lo else x.lo
    F, C = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 30))
    towards = 1 if far >= x.zero else -1
    w = integers(data.draw, 0, 127, (F, C)) * towards
    bias = integers(data.draw, 0, 10**6, (F,))
    program = dense(w, bias, x)
    sums = [sum(reference.accumulate(program.operators[0], [far] * C, x, f)) for f in range(F)]
    assert max(sums) == program.bounds[0]


@settings(max_examples=60)
@given(st.data())
def test_no_partial_sum_in_any_order_passes_the_bound(data: Any) -> None:
    """(B1)"""
    program = data.draw(programs(1, ["conv"]))
    x = batch(data.draw, program.input, (*program.shape, 1))[..., 0].tolist()
    rng = np.random.default_rng(0)
    _, OH, OW = program.shapes[-1]
    for f in range(program.shapes[-1][0]):
        for oh, ow in {(0, 0), (OH - 1, OW - 1), (OH // 2, OW // 2)}:
            terms = reference.accumulate(program.operators[0], x, program.input, f, oh, ow)
            for order in (sorted(terms), sorted(terms)[::-1], rng.permutation(terms).tolist()):
                assert np.abs(np.cumsum(order)).max() <= program.bounds[0]


@given(codes(), codes(), st.integers(1, 31), SEEDS, st.sampled_from(["double", "single"]))
def test_the_terms_of_an_addition_are_largest_at_the_ends_of_their_codes(
    x: Codes, other: Codes, n: int, seed: int, rounding: Any
) -> None:
    """(B3), where each term of (AD1) and (AD2) is taken over all codes."""
    rng, double = np.random.default_rng(seed), rounding == "double"
    m0 = (rng.integers(2**30, 2**31, 3) if double else rng.integers(1, 2**20, 2)).tolist()
    shift = 30 + n if double else n

    def term(k: int, value: int) -> int:
        return reference.rescale(value * 2**20, m0[k], shift, "double") if double else m0[k] * value

    largest = (
        max(abs(term(k, code - c.zero)) for code in range(c.lo, c.hi + 1)) for k, c in enumerate((x, other))
    )
    operator = Add(-1, m0, shift, WIDE, rounding=rounding).checked("drawn")
    assert bound_of(operator, (x, other), (1,)) == sum(largest) + (0 if double else 2 ** (n - 1))


@given(codes(), codes())
def test_a_product_is_largest_at_the_ends_of_both_codes(x: Codes, other: Codes) -> None:
    """(PD1), over all pairs of codes."""
    factors = (np.arange(c.lo, c.hi + 1) - c.zero for c in (x, other))
    largest = int(np.abs(np.multiply.outer(*factors)).max())
    assert bound_of(Product(-1, 2**30, 40, WIDE).checked("drawn"), (x, other), (1,)) == largest


@given(codes(), st.integers(1, 3), st.integers(1, 5), SEEDS)
def test_the_ends_of_a_sum_of_products_are_attained(x: Codes, F: int, C: int, seed: int) -> None:
    """Over all inputs at the ends of their codes, which is where a linear map is least and greatest."""
    w = np.random.default_rng(seed).integers(-128, 128, (F, C, 1, 2))
    operator = Conv2d(w, [7] * F, 2**30, 50, WIDE).checked("drawn")
    ends = np.array(np.meshgrid(*[[x.lo - x.zero, x.hi - x.zero]] * (2 * C))).reshape(2 * C, -1)
    every = w.reshape(F, -1) @ ends
    least, greatest = product_ends(operator, x)
    assert least.dtype == greatest.dtype == np.int64
    assert (least.tolist(), greatest.tolist()) == (every.min(1).tolist(), every.max(1).tolist())


def test_relu_codes_reach_half_as_far() -> None:
    w = np.full((1, 10), 5)
    assert dense(w, [3], Codes(-128, 127, -128)).bounds == (10 * 5 * 255 + 3,)
    assert dense(w, [3], Codes(0, 127, 0)).bounds == (10 * 5 * 127 + 3,)
    assert dense(w, [-3], Codes(-128, 127, 0)).bounds == (10 * 5 * 128 + 3,)


@pytest.mark.parametrize("bias, width", [(1, np.int16), (2, np.int32)])
def test_int16_up_to_32767_and_int32_beyond(bias: int, width: Any) -> None:
    """(B2): 127·2·129 = 32766; on both sides of the edge the sums at both ends come out right."""
    w = np.full((2, 129), 127) * np.array([[1], [-1]])
    operator = Linear(w, [bias, -bias], 2**30, 38, WIDE)
    program = Program((operator,), (129,), Codes(0, 2, 0))
    assert program.bounds == (32766 + bias,)
    assert program.accumulators == (np.dtype(width),)
    x = np.full((129, 1), 2, np.uint8)
    assert run(program, x).tolist() == run(program, x, "blas").tolist() == [[127], [-128]]


@pytest.mark.parametrize("size, bound", [((1, 257), 32767), ((6, 43), 32895)])
def test_a_mean_reserves_room_for_its_rounding(size: tuple[int, int], bound: int) -> None:
    """258 codes of 127 make 32766, which int16 holds, but not with the half of 258 that is added to round."""
    for operator in (GlobalAvgPool(), AvgPool2d(size)):
        program = Program((operator,), (1, *size), Codes(-127, 127, 0))
        assert program.bounds == (bound,)
        assert program.accumulators == (np.dtype(np.int16 if bound <= 32767 else np.int32),)
        for code in (127, -127):
            assert (run(program, np.full((1, *size, 2), code, np.int8)) == code).all()


@pytest.mark.parametrize("count, width", [(128, np.int16), (129, np.int32)])
def test_a_mean_that_requantizes_is_as_wide_as_its_sum(count: int, width: Any) -> None:
    y = Codes(0, 255, 0)
    program = Program((GlobalAvgPool(*multiplier((1, count)), y),), (1, 1, count), y)
    assert program.bounds == (255 * count,) and program.accumulators == (np.dtype(width),)
    assert run(program, np.full((1, 1, count, 1), 255, np.uint8)).item() == 255


def test_a_sum_that_could_leave_int32_is_refused_with_index_and_kind() -> None:
    """(B2)"""
    w = [[127] * 10]
    most = 2**31 - 1 - 127 * 10 * 255
    assert dense(w, [most], Codes(0, 255, 0)).bounds == (2**31 - 1,)
    with pytest.raises(ValueError, match=r"operator 0 \(Linear\).*2147483648.*2147483647"):
        dense(w, [most + 1], Codes(0, 255, 0))
    with pytest.raises(ValueError, match=r"operator 0 \(Linear\)"):
        dense(w, [-most - 1], Codes(0, 255, 0))


def test_a_scaled_sum_that_could_leave_int32_is_refused() -> None:
    for n, most in ((30, 2**30 - 1), (20, 2**20 - 1), (1, 1)):
        Program((Linear([[1]], [most - 1], 2**30, n, WIDE),), (1,), Codes(0, 1, 0))
        with pytest.raises(ValueError, match=r"operator 0 \(Linear\).*multiplier"):
            Program((Linear([[1]], [most], 2**30, n, WIDE),), (1,), Codes(0, 1, 0))


@pytest.mark.parametrize("bound", [FLOAT_EXACT - 1, FLOAT_EXACT, FLOAT_EXACT + 1])
def test_blas_is_used_below_2_to_the_24_and_equal_at_the_edge(bound: int) -> None:
    """(XP1): sums of exactly ±bound and ±(bound − 1), odd and even, through both products."""
    x = Codes(0, 255, 0)
    w = np.full((2, 500), 127) * np.array([[1], [-1]])
    rest = bound - 500 * 127 * 255
    y = Codes(-128, 127, 0)
    operator = Linear(w, [rest, -rest], 2**30, 48, y)
    program = Program((operator,), (500,), x)
    assert program.bounds == (bound,)
    assert product_dtype(bound, "blas") == (np.float32 if bound < 2**24 else np.int32)
    assert product_dtype(bound, "integer") == np.int32
    codes_in = np.full((500, 2), 255, np.uint8)
    codes_in[0, 1] = 254
    np.testing.assert_array_equal(run(program, codes_in), run(program, codes_in, "blas"))


@settings(max_examples=40)
@given(st.data())
def test_both_products_are_exact_below_the_bound(data: Any) -> None:
    """(XP1): whole matrices, one or one for each group, against int64, where float32 is all but full."""
    F, K, P = (data.draw(st.integers(1, most)) for most in (8, 600, 40))
    groups = data.draw(st.sampled_from([(), (1,), (3,)]))
    w = integers(data.draw, -128, 127, (*groups, F, K))
    reach = min(255, (FLOAT_EXACT - 1) // max(1, int(np.abs(w).sum(-1).max())))
    patches = integers(data.draw, -reach, reach, (*groups, K, P))
    wanted = w @ patches
    for dtype in (np.float32, np.int32):
        out = np.full((*groups, F, P), 99, dtype)
        multiply(w.astype(dtype), patches.astype(dtype), out)
        np.testing.assert_array_equal(out, wanted)
        sums = as_integers(out, FRESH)
        assert sums.dtype == np.int32 and (sums is out) == (dtype == np.int32)
        np.testing.assert_array_equal(sums, wanted)


@pytest.mark.parametrize("dtype, least", [("float32", -(2**24)), ("int16", -(2**15)), ("int32", -(2**31))])
def test_a_border_of_sums_lies_below_all_of_them(dtype: str, least: int) -> None:
    assert least_of(np.dtype(dtype)) == least and np.array(least, dtype) == least
    assert is_cheap(np.dtype(dtype)) == (dtype == "float32")


def test_each_product_goes_to_the_loops_that_are_fast_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """BLAS for floats; einsum, and never `@`, for integers."""
    w, patches = np.ones((2, 3)), np.ones((3, 4))
    for kind, banned in (("float32", "einsum"), ("int32", "matmul"), ("int16", "matmul")):
        with monkeypatch.context() as patch:
            patch.delattr(np, banned)
            out = np.empty((2, 4), kind)
            multiply(w.astype(kind), patches.astype(kind), out)
            assert (out == 3).all()


def test_band_matrices_are_made_where_they_pay() -> None:
    """(DW1): for narrow images, undilated rows, and as long as all of them are no more than 4 MB."""
    w = np.ones((8, 1, 3, 3), np.float32)
    assert band_matrices(w, 30, (1, 1), (1, 1)) is not None and band_matrices(w, 31, (1, 1), (1, 1)) is None
    assert band_matrices(w, 60, (1, 2), (1, 1)) is not None and band_matrices(w, 61, (1, 2), (1, 1)) is None
    assert band_matrices(w, 20, (1, 1), (1, 2)) is not None and band_matrices(w, 20, (1, 1), (2, 1)) is None
    most = 2**20 // (28 * 3 * 30)
    for C, M, made in (
        (most, 1, True),
        (most + 1, 1, False),
        (most // 2, 2, True),
        (most // 2 + 1, 2, False),
    ):
        assert (band_matrices(np.ones((C, M, 3, 3), np.float32), 30, (1, 1), (1, 1)) is not None) == made
    for C, made in ((2**14, True), (2**14 + 1, False)):  # 8·8 numbers each: 4 MB and not a byte more
        assert (band_matrices(np.ones((C, 1, 1, 1), np.float32), 8, (1, 1), (1, 1)) is not None) == made


def test_narrow_accumulators_give_the_codes_of_wide_ones() -> None:
    """(B2): a large bias of an output that is not looked at forces int32; the others stay as they are."""
    rng = np.random.default_rng(5)
    w = rng.integers(-8, 8, (4, 20, 3, 3))
    x = rng.integers(0, 16, (20, 9, 9, 70)).astype(np.uint8)
    y = Codes(0, 15, 0)
    outputs = []
    for bias in (0, 2**20):
        program = Program(
            (Conv2d(w, [5, -7, 0, bias], 2**30, 37, y, weight_bits=4),), (20, 9, 9), Codes(0, 15, 0)
        )
        assert program.accumulators == (np.dtype(np.int32 if bias else np.int16),)
        outputs.append(run(program, x)[:3])
    np.testing.assert_array_equal(*outputs)
