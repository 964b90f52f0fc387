"""Fixed-point multiplication against exact rationals, at every edge."""

from fractions import Fraction
from itertools import product
from math import floor
from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from integer_programs import INT32

from tinyzip.integer import Codes, Linear, Program, Rounding, multiplier, requantize, run
from tinyzip.integer.fast.scaling import Scaling
from tinyzip.integer.fixedpoint import M0_STEP, ROUNDINGS, divide, even, high, rescale, significant
from tinyzip.machine.workspace import Workspace

MULTIPLIERS = [2**30, 2**30 + 1, 2**30 + 12345, 3 * 2**29, 2**31 - 2, 2**31 - 1]
SHIFTS = [*range(1, 80), 95, 96, 127]
fractions = st.builds(Fraction, st.integers(1, 2**60), st.integers(1, 2**60))


def multipliers(rounding: Rounding) -> list[int]:
    """m0 at the edges of what the rounding works with."""
    if rounding == "shift":
        return [2**30]
    return sorted({m0 - m0 % M0_STEP for m0 in MULTIPLIERS}) if rounding == "float32" else MULTIPLIERS


def accumulators(n: int) -> list[int]:
    """The edges ±2^i + {−2 … 2} that a program could scale by 2⁻ⁿ: |acc|·2^max(31 − n, 0) < 2³¹."""
    return [v for v in INT32 if abs(v) << max(31 - n, 0) < 2**31]


@given(fractions)
def test_multiplier_is_within_2_to_the_minus_31(real: Fraction) -> None:
    """(F1)"""
    if not Fraction(1, 2**97) <= real < 2**30 - 1:
        return
    m0, n = multiplier(real)
    assert 2**30 <= m0 < 2**31
    assert abs(Fraction(m0) / Fraction(2) ** n / real - 1) <= Fraction(1, 2**31)
    assert multiplier((real.numerator, real.denominator)) == (m0, n)


def test_multiplier_of_a_power_of_two_is_exact() -> None:
    for e in range(-96, 30):
        assert multiplier(Fraction(2) ** e) == (2**30, 30 - e)
    assert multiplier(1 - Fraction(1, 2**40)) == (2**30, 30)


@pytest.mark.parametrize(
    "real, error",
    [(v, ValueError) for v in (0, -1, Fraction(-1, 3), 2**30, 2**40, Fraction(1, 2**100), (1, 0))]
    + [(v, TypeError) for v in (0.5, "1/2", (1, 0.5), None)],
)
def test_multiplier_refuses_what_it_cannot_hold(real: Any, error: Any) -> None:
    with pytest.raises(error, match="multiplier"):
        multiplier(real)


@pytest.mark.parametrize(
    "acc, m0, n, rounding, error",
    [
        (1.0, 2**30, 40, "double", TypeError),
        (2**31, 2**30, 40, "double", ValueError),
        (1, 2**31, 40, "single", ValueError),
        (1, 0, 40, "single", ValueError),
        (1, 2**30 + 1, 40, "shift", ValueError),
        (1, 2**30 + 64, 40, "float32", ValueError),
        (1, 2**30, 0, "shift", ValueError),
        (1, 2**30, 128, "double", ValueError),
        (2**30, 2**30, 30, "double", ValueError),
        (1, 2**30, 40, "up", ValueError),
    ],
)
def test_rescale_refuses_what_could_wrap(acc: Any, m0: int, n: int, rounding: Any, error: Any) -> None:
    with pytest.raises(error, match="rescale: "):
        rescale(acc, m0, n, rounding)


def test_high_is_gemmlowps_saturating_rounding_doubling_high_mul() -> None:
    """(F4), saturation at its only place included."""
    a, b = np.array(list(product(INT32, INT32))).T
    wanted = [reference.saturating_rounding_doubling_high_mul(*pair) for pair in product(INT32, INT32)]
    assert high(a, b).tolist() == wanted
    assert int(high(-(2**31), -(2**31))) == 2**31 - 1


def test_divide_is_gemmlowps_rounding_divide_by_power_of_two() -> None:
    """(F5), and 0 for every exponent from 32 on."""
    for e in range(32):
        wanted = [reference.rounding_divide_by_power_of_two(x, e) for x in INT32]
        assert divide(INT32, e).tolist() == wanted
    for e in (32, 33, 63, 96):
        assert not divide(INT32[1:], e).any()


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_rescale_is_as_near_to_the_rational_as_stated(rounding: Any) -> None:
    """(F7), for every edge, and equal to the oracle; tiny multipliers and those from 1 up among them."""
    for m0, n in product(multipliers(rounding), SHIFTS):
        acc = accumulators(n)
        found = rescale(acc, m0, n, rounding).tolist()
        assert found == [reference.rescale(a, m0, n, rounding) for a in acc], (m0, n)
        reach = 2 ** (n + 48)  # in units of 2⁻ⁿ⁻⁴⁹, so that all numbers are whole: a half
        if rounding == "double":
            reach += 2 ** (n + 49 - max(n - 31, 0) - 1)
        for a, y in zip(acc, found, strict=True):
            q = a * m0 << 49
            more = abs(a * m0) * (2**26 + 2) if rounding == "float32" else 0  # |q|·(2⁻²³ + 2⁻⁴⁸)
            assert abs((y << n + 49) - q) <= reach + more


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_of_no_sums_there_are_no_codes(rounding: Any) -> None:
    assert rescale(np.zeros((3, 0), int), 2**30, 40, rounding).shape == (3, 0)


def test_single_is_half_up_and_shift_the_same_without_a_multiplier() -> None:
    """(F2), (F6)"""
    for n in SHIFTS:
        acc = accumulators(n)
        exact = [floor(Fraction(a * 2**30, 2**n) + Fraction(1, 2)) for a in acc]
        assert rescale(acc, 2**30, n, "single").tolist() == exact
        assert rescale(acc, 2**30, n, "shift").tolist() == exact


def test_double_rounds_a_half_away_from_zero_and_may_round_twice() -> None:
    """−10·¼ = −2.5 goes to −3 (once: −2); and 0.4999… may reach 1 in two steps, which (F7) allows."""
    assert (rescale(-10, 2**30, 32, "double"), rescale(-10, 2**30, 32, "single")) == (-3, -2)
    acc, m0, n = 2**30 - 1, 2**30 + 1, 61
    assert Fraction(acc * m0, 2**n) < Fraction(1, 2)
    assert (rescale(acc, m0, n, "double"), rescale(acc, m0, n, "single")) == (1, 0)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(
    "codes", [Codes(-128, 127, 3), Codes(0, 255, 0), Codes(-128, 127, -128), Codes(0, 9, 4), Codes(4, 90, 5)]
)
def test_the_few_passes_give_requantizes_codes(codes: Codes, rounding: Any) -> None:
    """(M1) to (M5) equal (F8): all edges and shifts, with and without a ReLU, unlike n and biases."""
    for shifts in (SHIFTS[:40], SHIFTS[30:], [31, 32], [31, 30], [62, 63, 64]):
        acc = np.array(accumulators(min(shifts)), np.int32)
        for m0, (bound, most) in product(
            multipliers(rounding), [(2**31, 0), (2**24 - 1, 0), (2**31 - 1, 999)]
        ):
            n, bias = np.array(shifts), np.random.default_rng(most).integers(-most, most + 1, len(shifts))
            rows = np.repeat(acc[None, np.abs(acc.astype(np.int64)) <= bound - most], len(n), 0)
            out, before = np.empty(rows.shape, codes.dtype), rows - bias.astype(np.int32)[:, None]
            Scaling.of(bias, m0, n, codes, rounding, bound).apply(before, out, Workspace())
            np.testing.assert_array_equal(out, requantize(rows, m0, n[:, None], codes, rounding))


@given(st.integers(2**30, 2**31 - 1), st.integers(20, 64), st.sampled_from(ROUNDINGS))
def test_requantizing_is_monotone(m0: int, n: int, rounding: Any) -> None:
    """What lets a max pool move in front of it."""
    acc = np.array(accumulators(n))
    m0 = 2**30 if rounding == "shift" else m0 - m0 % M0_STEP if rounding == "float32" else m0
    assert (np.diff(rescale(np.sort(acc), m0, n, rounding)) >= 0).all()


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_codes_saturate_at_both_ends(rounding: Any) -> None:
    y = Codes(-100, 100, 7)
    assert requantize([-(2**30), 2**30], 2**30, 40, y, rounding).tolist() == [-100, 100]
    assert requantize([0], 2**30, 40, y, rounding).tolist() == [7]


@given(st.integers(-(2**62) + 2**37, 2**62 - 2**37), st.integers(0, 62))
def test_even_and_significant_round_halves_to_even(x: int, e: int) -> None:
    """(F10), (F11), as Python's round of a fraction does; and on halves themselves."""
    half = (x >> e << e) + (2**e >> 1)
    for value in (x, half if abs(half) < 2**62 else 0):
        assert int(even(np.int64(value), e)) == round(Fraction(value, 2**e))
        assert int(significant(np.int64(value))) == reference.nearest_float32(Fraction(value))


@pytest.mark.parametrize("n", range(1, 128))
def test_float32_is_what_a_processor_computes_at_every_exponent(n: int) -> None:
    """(F9) against NumPy's float32: near halves, at powers of two, and on anything."""
    rng = np.random.default_rng(n)
    most = 2 ** min(n, 31) - 1
    for m in (2**23, 2**23 + 1, 3 * 2**22, 2**24 - 1, *rng.integers(2**23, 2**24, 9).tolist()):
        m0 = m * M0_STEP
        halves = [(2 * h + 1) * 2 ** (n - 1) // m0 + d for h in range(-300, 300) for d in (0, 1)]
        acc = np.array([a for a in halves if abs(a) <= most] + accumulators(n), np.int64)
        acc = np.concatenate([acc, rng.integers(-most, most + 1, 1000)])
        scale = np.float32(np.ldexp(float(m0), -n))
        assert float(scale) == Fraction(m0, 2**n)
        wanted = np.rint(acc.astype(np.int32).astype(np.float32) * scale).astype(np.int64)
        np.testing.assert_array_equal(rescale(acc, m0, n, "float32"), wanted)


def test_the_runtime_says_minus_120_where_everybodys_python_says_minus_119() -> None:
    """TensorFlow issue #102943, "Understanding the math behind TFLite quantization".

    A convolution of an EfficientNet has the scales below, the accumulator 585 and the zero point −126. Its
    real multiplier is a little above 1/90, so 585 of it are 6.5 + 4.7·10⁻⁷, which every exact rounding
    makes a 7. The runtime multiplies in float32: there the multiplier has 24 bits, 585 of it are 6.5 +
    1.6·10⁻⁷, the nearest float32 to that is 6.5 itself, and a half goes to the even neighbour, 6. Single or
    double rounding, which the thread is about, has nothing to do with it.
    """
    s_x, s_w, s_y = (np.float32(v) for v in (0.05296124517917633, 0.024093778803944588, 0.11484327912330627))
    exact = Fraction(float(s_x)) * Fraction(float(s_w)) / Fraction(float(s_y))
    rounded = Fraction(float(s_x * s_w / s_y))
    y = Codes(-128, 127, -126)
    assert multiplier(exact) == (1527099593, 37)  # as in the issue
    for rounding in ("double", "single"):
        assert requantize(585, *multiplier(exact), y, rounding) == -119
        assert requantize(585, *multiplier(rounded), y, rounding) == -119
    assert requantize(585, *multiplier(rounded), y, "float32") == -120
    assert Fraction(13, 2) < 585 * rounded < Fraction(13, 2) + Fraction(2, 10**7)


def by_fractions(q: Fraction, rounding: Rounding, n: int) -> int:
    """The roundings of q = acc·m0·2⁻ⁿ, |acc| < 2²⁴, said once more with exact fractions."""
    half = Fraction(1, 2)
    if rounding == "float32":
        return round(reference.nearest_float32(q))
    if rounding != "double" or n <= 31:
        return floor(q + half)
    h = Fraction(floor(q * 2 ** (n - 31) + half), 2 ** (n - 31))
    return floor(h + half) if h >= 0 else -floor(half - h)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@given(data=st.data())
def test_no_code_is_off_where_the_scaled_value_is_all_but_a_half(rounding: Any, data: Any) -> None:
    """Multipliers searched so that the scaled accumulator is within 2⁻²⁰ of h + ½, on both sides of 0."""
    y = Codes(-128, 127, data.draw(st.integers(-128, 127)))
    acc, m0, n, wanted = [], [], [], []
    for _ in range(20):
        h = Fraction(2 * data.draw(st.integers(-260, 260)) + 1, 2)
        a = data.draw(st.integers(1, 2**23)) * (1 if h > 0 else -1)
        if rounding == "shift":  # M is a power of two: the half itself, and its neighbours
            e = data.draw(st.integers(1, 14))
            m, k, a = 2**30, 30 + e, int(h * 2**e) + data.draw(st.integers(-1, 1))
        else:
            m, k = multiplier(h / a)
            m = min(max(m + data.draw(st.integers(-1, 1)), 2**30), 2**31 - 1)
        if rounding == "float32":
            m -= m % M0_STEP
        elif rounding != "shift":
            assert abs(Fraction(a * m, 2**k) - h) < Fraction(1, 2**20)
        if abs(a) << max(31 - k, 0) >= 2**31:
            continue
        acc, m0, n = [*acc, a], [*m0, m], [*n, k]
        code = y.zero + by_fractions(Fraction(a * m, 2**k), rounding, k)
        wanted.append(min(max(code, y.lo), y.hi))
        assert requantize(a, m, k, y, rounding) == wanted[-1]
    if acc:
        layer = Linear([[0]] * len(acc), acc, m0, n, y, rounding=rounding)
        program = Program((layer,), (1,), Codes(0, 1, 0))
        for product_kind in ("integer", "blas"):
            assert run(program, np.zeros((1, 1), np.uint8), product_kind).ravel().tolist() == wanted
