"""Programs as C: the compiled codes are the engine's, on every compiler at hand."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import drawn_programs
import numpy as np
import pytest
from c_compiled import DRAWN, SANITIZED, chain, check_drawn, check_equal, extremes, few_or_many
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_programs import BYTE, N, batch, codes, conv, programs

from tinyzip.exchange.c import draft
from tinyzip.exchange.c.arithmetic import SHORT_MOST, shortened
from tinyzip.exchange.c.plan import Plan
from tinyzip.exchange.c.text import identifiers
from tinyzip.integer import (
    AvgPool2d,
    Codes,
    Conv2d,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Multiply,
    Program,
    Softmax,
    multiplier,
    run,
)
from tinyzip.integer.fixedpoint import ROUNDINGS, Rounding, rescale


@pytest.mark.needs("gcc")
@few_or_many(3, 10)
def test_compiled_codes_are_the_engines(count: int) -> None:
    """(CP1), (CW1), (CW2), on programs of every operator, every rounding, any number of bits."""
    check_drawn(count, programs(6), "gcc", "-O0")


@pytest.mark.needs("gcc")
@few_or_many(2, 5)
def test_names_and_scales_of_any_kind_change_no_code(count: int) -> None:
    check_drawn(count, drawn_programs.programs(), "gcc", "-O0")


@pytest.mark.needs("gcc")
def test_names_that_the_c_itself_uses_are_as_good_as_any() -> None:
    names = ["oh", "int", "john", "f", "sums", "FLASH", "tz_run", "most16", "row", "clamp", "answer_codes"]
    program = chain("double", 2, np.random.default_rng(0))
    named = tuple(replace(op, name=name) for op, name in zip(program.operators, names, strict=True))
    program = Program(named, program.shape, program.input)
    check_equal([program], [extremes(program.input, program.shape)], "gcc", "-O0")


@pytest.mark.needs("gcc")
def test_tall_images_run_row_by_row_in_every_rounding_and_bit_width() -> None:
    """(CP1), (CW1), (CW2), (CA1)"""
    rng = np.random.default_rng(0)
    drawn = [chain(rounding, bits, rng) for bits in range(1, 9) for rounding in ROUNDINGS[bits % 2 :: 2]]
    batches = [extremes(p.input, p.shape, 8) for p in drawn]
    for program, x in zip(drawn, batches, strict=True):
        assert len(np.unique(run(program, x))) > 5  # or equal codes would mean little
    check_equal(drawn, batches, "gcc", "-O0")


@pytest.mark.needs("gcc")
@pytest.mark.parametrize("lanes", ["-DLANES=1", "-DLANES=2"])
def test_two_sums_share_a_word_to_the_ends_of_16_bits(lanes: str) -> None:
    """(CW3), (CW4), beside a chip that has one sum at a time; along rows, and at an image's border."""
    ends = np.full((4, 1, 4, 4), 7) * np.array([1, -1, 1, -1]).reshape(4, 1, 1, 1)
    ends += np.sign(ends) * np.array([0, 1, 0, 1]).reshape(4, 1, 1, 1)  # 112 and -128, times 255
    rng, drawn = np.random.default_rng(0), []
    for x, padding in ((BYTE, 0), (Codes(-120, 127, 7), (1, 2))):
        for w in (ends, rng.integers(-2, 2, (6, 1, 3, 5)), rng.integers(-4, 4, (2, 1, 2, 6))):
            bits = int(np.abs(w).max() - 0.5).bit_length() + 1
            layer = conv(w=w, n=N + 2, y=Codes(-128, 127, 3), padding=padding, weight_bits=bits)
            drawn += [Program((layer, *after), (1, 9, 11), x) for after in ((), (MaxPool2d(2),))]
    assert {Plan.of(program, identifiers(program)).width(0) for program in drawn} == {"16x2"}
    check_equal(drawn, [extremes(p.input, p.shape) for p in drawn], "gcc", "-O0", lanes, *SANITIZED[1:])


@pytest.mark.needs("gcc")
@few_or_many(1, 4)
def test_a_chip_that_adds_one_channel_at_a_time_gives_the_same(count: int) -> None:
    check_drawn(count, programs(6, ["conv", "max"]), "gcc", "-O0", "-DLANES=1")


@settings(max_examples=60)
@given(st.data())
def test_a_product_of_32_bits_gives_the_codes_of_all_sums(data: Any) -> None:
    """(CA1), (CA2): for every sum, and always where codes have 4 bits, sums 10, and halves are rounded up.

    Two roundings, or halves that go to even codes, make stairs of which no line next to m0·2⁻ⁿ has all.
    """
    rounding = data.draw(st.sampled_from(ROUNDINGS))
    F, bound = data.draw(st.integers(1, 3)), data.draw(st.integers(0, 9) | st.integers(0, 2**16))
    y = data.draw(codes())
    real = data.draw(st.integers(1, 400)) / (bound + 1)
    m0, n = multiplier(Fraction(real))
    m0 = 2**30 if rounding == "shift" else m0 - m0 % 128
    m0, n = np.full(F, m0), n + data.draw(st.integers(0, 2)) * np.arange(F)
    acc = np.arange(-bound, bound + 1)
    found = shortened(m0, n, rounding, bound, y)
    if rounding in ("single", "shift") and y.hi - y.lo < 16 and bound < 2**10:
        assert found is not None
    for f, (m, r, s) in enumerate(() if found is None else found.T.tolist()):
        assert bound * m + abs(r) < 2**31
        short = np.clip((acc * m + r) >> s, y.lo - y.zero, y.hi - y.zero)
        exact = np.clip(rescale(acc, m0[f], n[f], rounding), y.lo - y.zero, y.hi - y.zero)
        np.testing.assert_array_equal(short, exact)


def test_a_channel_whose_multiplier_proves_its_sums_small_is_asked_for_these_alone() -> None:
    """(F3): of sums that go 31 − 15 places up, 32,767 is the last that int32 holds."""
    for rounding in ROUNDINGS[:3]:  # (F11) has its ties, of which there are many here, at no even places
        found = shortened(np.full(2, 2**30), np.array([15, 40]), rounding, 60_000, BYTE)
        assert found is not None
        for n, most, (m, r, s) in zip((15, 40), (32_767, 60_000), found.T.tolist(), strict=True):
            acc = np.arange(-most, most + 1)
            exact = np.clip(rescale(acc, 2**30, n, rounding), 0, 255)
            np.testing.assert_array_equal(np.clip((acc * m + r) >> s, 0, 255), exact)


def test_where_one_number_alone_can_be_added_that_one_is() -> None:
    """(CA1), for multipliers at which no other r gives the codes of all sums."""
    for m0, n, most, zero in ((1320239872, 37, 14383, 43), (1558096000, 36, 9303, -25)):
        found = shortened(np.array([m0]), np.array([n]), "single", most, Codes(-128, 127, zero))
        assert found is not None
        m, r, s = found[:, 0].tolist()
        acc, ends = np.arange(-most, most + 1), (-128 - zero, 127 - zero)
        exact = np.clip(rescale(acc, m0, n, "single"), *ends)
        np.testing.assert_array_equal(np.clip((acc * m + r) >> s, *ends), exact)
        for other in (r - 1, r + 1):
            assert (np.clip((acc * m + other) >> s, *ends) != exact).any()


def test_sums_of_which_there_are_too_many_are_not_asked() -> None:
    m0, n = np.array([2**30]), np.array([44])
    assert shortened(m0, n, "single", SHORT_MOST, BYTE) is not None
    assert shortened(m0, n, "single", SHORT_MOST + 1, BYTE) is None


@pytest.mark.needs("gcc")
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_multipliers_at_both_ends_of_their_range_round_as_the_engine_does(
    rounding: Rounding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(F2) to (F6), (F9): codes near the halves, multipliers from 2⁻⁹⁷ on, and above 1; nowhere (CA1)."""
    monkeypatch.setattr(draft, "shortened", lambda *_: None)
    rng = np.random.default_rng(1)
    drawn: list[Program] = []
    m0 = 2**30 if rounding == "shift" else 2**31 - 128
    for n in (16, 23, 29, 30, 31, 32, 38, 45, 61, 62, 63, 64, 100, 127):
        w = rng.integers(-255, 256, 5)
        y = Codes(-128, 127, 3)
        drawn.append(Program((Multiply(w, m0, n, y, rounding),), (5, 1, 9), Codes(-100, 120, -7)))
    mean = GlobalAvgPool(m0, 40, Codes(0, 255, 9), rounding)
    drawn.append(Program((mean,), (3, 12, 30), Codes(0, 255, 77)))
    check_equal(drawn, [extremes(p.input, p.shape, 30) for p in drawn], "gcc", "-O0")


@pytest.mark.needs("gcc")
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_sums_of_31_bits_round_as_the_engine_does(rounding: Rounding) -> None:
    """(F2) to (F6), (F9), where nothing but the largest sums leaves something."""
    ends = [2**30 - 1, 2**30, 2**30 + 1, 2**31 - 1000]
    bias, drawn = [sign * end for sign in (1, -1) for end in ends], []
    m0 = 2**30 if rounding == "shift" else 2**31 - 128
    for n in (31, 33, 45, 59, 60, 61, 62, 63, 64):
        w = np.arange(-8, 8).reshape(8, 2)
        layer = Linear(w, bias, m0, n, Codes(-128, 127, 3), rounding=rounding)
        drawn.append(Program((layer,), (2,), Codes(0, 9, 1)))
    check_equal(drawn, [extremes(p.input, p.shape, 30) for p in drawn], "gcc", "-O1", *SANITIZED)


@pytest.mark.needs("gcc")
def test_a_softmax_of_a_thousand_channels_and_more_fits_its_sums() -> None:
    """(SM1) to (SM4), with the reciprocals of the largest sums."""
    drawn = [Program((Softmax(2**30 + 5, n),), (C, 1, 2), Codes(-128, 127, 0)) for C, n in
             ((1, 4), (2, 0), (4000, 31), (1100, 9))]  # fmt: skip
    check_equal(drawn, [extremes(p.input, p.shape) for p in drawn], "gcc", "-O1", *SANITIZED)


@pytest.mark.needs("gcc")
@settings(max_examples=2, **DRAWN)
@given(st.data())
def test_arrays_that_16_bits_cannot_count_give_the_same(data: Any) -> None:
    m0, n = multiplier((1, 5000))
    w = np.random.default_rng(0).integers(-8, 8, (2, 3, 3, 3))
    y = Codes(0, 15, 0)
    conv = Conv2d(w, None, m0, n, y, weight_bits=4)
    program = Program((conv, AvgPool2d(2), GlobalAvgPool()), (3, 120, 130), Codes(0, 255, 3))
    check_equal([program], [batch(data.draw, program.input, (*program.shape, 3))], "gcc", "-O1")
