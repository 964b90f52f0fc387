"""Codes: what a byte holds is taken, all else refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.integer import Codes


def test_codes_without_a_scale_count_in_ones() -> None:
    assert Codes(0, 1, 0) == Codes(0, 1, 0, (1, 0))


@pytest.mark.parametrize(
    "lo, hi, zero, scale",
    [
        (0, 256, 0, (1, 0)),
        (-129, 0, 0, (1, 0)),
        (-1, 128, 0, (1, 0)),
        (5, 5, 5, (1, 0)),
        (0, 15, 16, (1, 0)),
        (0, 15, -1, (1, 0)),
        (0, 15, 0, (0, 0)),
        (0, 15, 0, (2**63, 0)),
        (0, 15, 0, (1, 1101)),
        (0, 15, 0, (1, -1101)),
        (0, 15, 0, (0.5, 0)),
        (0, 15, 0, 0.5),
        (0, 15, 0, np.array([1, 0])),
        (0, 15, 0, (1, 0, 0)),
        (0, 15, 0, (1, 0.0)),
        (255, 255, 255, (1, 0)),
        (127, 128, 128, (0, 0)),
        (-2, -2, -2, (1, 0)),
        (0.0, 15, 0, (1, 0)),
        (False, 15, 0, (1, 0)),
    ],
)
def test_codes_that_no_byte_holds_are_refused(lo: Any, hi: Any, zero: Any, scale: Any) -> None:
    with pytest.raises(ValueError, match="codes: "):
        Codes(lo, hi, zero, scale)


def test_the_least_code_leaves_room_for_another() -> None:
    assert Codes(254, 255, 254).hi == 255
    with pytest.raises(ValueError, match=r"codes: lo: found 255, needed a whole number from -128 to 254"):
        Codes(255, 256, 255)


@pytest.mark.parametrize("lo, hi", [(-128, 127), (0, 255), (254, 255), (-128, -127)])
@pytest.mark.parametrize("scale", [(1, 1100), (2**63 - 1, -1100)])
def test_codes_that_a_byte_just_holds_are_good(lo: int, hi: int, scale: tuple[int, int]) -> None:
    for codes in (Codes(lo, hi, zero, scale) for zero in (lo, hi)):
        assert codes.dtype == (np.uint8 if lo >= 0 else np.int8)
        assert (codes.bits, codes.reach) == (8 if hi - lo == 255 else 1, hi - lo)
        assert codes == Codes(lo, hi, codes.zero, list(scale)) and codes.scale == scale


@given(st.integers(-128, 254), st.integers(1, 255), st.integers(0, 255))
def test_a_byte_its_bits_and_its_reach_are_those_of_all_codes(lo: int, more: int, place: int) -> None:
    """(Z1)"""
    hi = min(lo + more, 127 if lo < 0 else 255)
    every = range(lo, hi + 1)
    zero = every[place % len(every)]
    codes = Codes(np.int64(lo), np.int64(hi), np.int64(zero), (np.int64(3), np.int64(-1)))
    assert codes == Codes(lo, hi, zero, (3, -1)) and {type(v) for v in (codes.lo, *codes.scale)} == {int}
    assert all(np.iinfo(codes.dtype).min <= code <= np.iinfo(codes.dtype).max for code in every)
    assert codes.dtype == np.int8 if lo < 0 else codes.dtype == np.uint8
    assert 2 ** (codes.bits - 1) < len(every) <= 2**codes.bits
    assert codes.reach == max(abs(code - zero) for code in every)
