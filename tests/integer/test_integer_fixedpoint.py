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

from tinyzip.integer import Codes, multiplier, requantize
from tinyzip.integer.fixedpoint import divide, high, rescale
from tinyzip.integer.scaling import Scaling
from tinyzip.machine.workspace import Workspace

MULTIPLIERS = [2**30, 2**30 + 1, 2**30 + 12345, 3 * 2**29, 2**31 - 2, 2**31 - 1]
SHIFTS = [*range(1, 80), 95, 96, 127]
ROUNDINGS: Any = ["double", "single", "shift"]
fractions = st.builds(Fraction, st.integers(1, 2**60), st.integers(1, 2**60))


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
    for m0, n in product([2**30] if rounding == "shift" else MULTIPLIERS, SHIFTS):
        acc = accumulators(n)
        found = rescale(acc, m0, n, rounding).tolist()
        assert found == [reference.rescale(a, m0, n, rounding) for a in acc], (m0, n)
        reach = Fraction(1, 2)
        if rounding == "double":
            reach += Fraction(1, 2 ** (max(n - 31, 0) + 1))
        for a, y in zip(acc, found, strict=True):
            assert abs(y - Fraction(a * m0, 2**n)) <= reach


def test_single_is_half_up_and_shift_the_same_without_a_multiplier() -> None:
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
    """(M1) to (M3) equal (F8): all edges and shifts, with and without a ReLU, channels of unlike n."""
    for shifts in (SHIFTS[:40], SHIFTS[30:], [31, 32], [31, 30], [62, 63, 64]):
        acc = np.array(accumulators(min(shifts)), np.int32)
        for m0 in [2**30] if rounding == "shift" else MULTIPLIERS:
            n = np.array(shifts)
            rows = np.repeat(acc[None], len(n), 0)
            out = np.empty(rows.shape, codes.dtype)
            Scaling.of(0, m0, n, codes, rounding).apply(rows, out, Workspace())
            np.testing.assert_array_equal(out, requantize(rows, m0, n[:, None], codes, rounding))


@given(st.integers(2**30, 2**31 - 1), st.integers(20, 64), st.sampled_from(ROUNDINGS))
def test_requantizing_is_monotone(m0: int, n: int, rounding: Any) -> None:
    """What lets a max pool move in front of it."""
    acc = np.array(accumulators(n))
    m0 = 2**30 if rounding == "shift" else m0
    assert (np.diff(rescale(np.sort(acc), m0, n, rounding)) >= 0).all()


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_codes_saturate_at_both_ends(rounding: Any) -> None:
    y = Codes(-100, 100, 7)
    assert requantize([-(2**30), 2**30], 2**30, 40, y, rounding).tolist() == [-100, 100]
    assert requantize([0], 2**30, 40, y, rounding).tolist() == [7]
