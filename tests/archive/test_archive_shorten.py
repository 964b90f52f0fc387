"""Shorter multipliers and scales: the same codes on every input, and none that is shorter still."""

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from drawn_programs import programs
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinyzip.archive import pack, shorten
from tinyzip.archive.shorten import interval, roundest, short_scale, shortest, sums_of
from tinyzip.exchange import tflite
from tinyzip.integer import Codes, Conv2d, Linear, Program, requantize, run, simplify
from tinyzip.integer.fixedpoint import M0_LEAST, M0_MOST, M0_STEP, Rounding
from tinyzip.integer.operators import Weighted

TFLITE = Path(__file__).parents[1] / "data" / "tflite"
MANY_CHANNELS = ("kws_ref_model", "vww_96_int8")
ROUNDINGS: list[Rounding] = ["double", "single", "float32"]


def ones(m: int) -> int:
    """The digits of m without the zeros at its end."""
    return m.bit_length() - ((m & -m).bit_length() - 1)


@st.composite
def requantizations(draw: st.DrawFn) -> tuple[int, int, int, int, Codes, Rounding]:
    """Sums from low to high, a multiplier that turns them into some codes or many, and how it rounds."""
    low = draw(st.integers(-2000, 500))
    high = low + draw(st.integers(0, 2000))
    lo = draw(st.integers(-128, 100))
    y = Codes(lo, draw(st.integers(lo + 1, 127 if lo < 0 else 255)), lo)
    y = Codes(y.lo, y.hi, draw(st.integers(y.lo, y.hi)))
    m0 = draw(st.integers(M0_LEAST, M0_MOST) | st.integers(4, 7).map(lambda three: three << 28))
    rounding = draw(st.sampled_from(ROUNDINGS))
    if rounding == "float32":
        m0 = m0 // M0_STEP * M0_STEP
    return low, high, m0, draw(st.integers(28, 45)), y, rounding


def codes_of(sums: np.ndarray, m0: int, n: int, y: Codes, rounding: Rounding) -> list[int]:
    return requantize(sums, m0, n, y, rounding).tolist()


@given(requantizations())
@settings(max_examples=200)
def test_every_sum_keeps_its_code_and_no_shorter_multiplier_does_that(
    drawn: tuple[int, int, int, int, Codes, Rounding],
) -> None:
    """(E14), over all sums there are. Of the shorter ones, those next to m0 on both sides are enough."""
    low, high, m0, n, y, rounding = drawn
    sums = np.arange(low, high + 1)
    expected = codes_of(sums, m0, n, y, rounding)
    found = int(shortest(np.array([low]), np.array([high]), m0, n, y, rounding)[0])
    assert codes_of(sums, found, n, y, rounding) == expected
    unit = 1 << found.bit_length() - ones(found) + 1
    for shorter in {m0 // unit * unit, -(-m0 // unit) * unit} - {0}:
        if M0_LEAST <= shorter <= M0_MOST:
            assert codes_of(sums, shorter, n, y, rounding) != expected


@given(requantizations())
def test_the_multipliers_that_change_nothing_are_an_interval(
    drawn: tuple[int, int, int, int, Codes, Rounding],
) -> None:
    """(E14): the ends change nothing, what is beyond them does, and what is between them does not."""
    low, high, m0, n, y, rounding = drawn
    sums = np.arange(low, high + 1)
    expected = codes_of(sums, m0, n, y, rounding)
    column = (np.array([value]) for value in (low, high, m0, n))
    (least,), (most,) = interval(*column, y, rounding)
    unit = M0_STEP if rounding == "float32" else 1
    assert M0_LEAST <= least <= m0 <= most <= M0_MOST
    middle = (least + most) // 2 // unit * unit
    for m in (least, max(middle, least), most):
        assert codes_of(sums, m, n, y, rounding) == expected
    for m in (least - unit, most + unit):
        if M0_LEAST <= m <= M0_MOST:
            assert codes_of(sums, m, n, y, rounding) != expected


def test_a_code_of_few_thresholds_has_a_multiplier_of_few_digits() -> None:
    """Brute force: of the 256 multipliers of 9 digits or fewer, the shortest that serves is found."""
    y = Codes(0, 7, 0)
    for m0 in (1234567890, 2**30 + 3, 2**31 - 1):
        sums = np.arange(-50, 120)
        expected = codes_of(sums, m0, 34, y, "single")
        good = [m << 22 for m in range(256, 512) if codes_of(sums, m << 22, 34, y, "single") == expected]
        found = int(shortest(np.array([-50]), np.array([119]), m0, 34, y, "single")[0])
        assert good
        assert ones(found) == min(map(ones, good))


@given(st.integers(1, 2**20), st.integers(0, 5000))
def test_the_roundest_number_ends_in_most_zeros(least: int, more: int) -> None:
    found = roundest(least, least + more)
    assert least <= found <= least + more
    assert ones(found) - found.bit_length() == min(
        ones(m) - m.bit_length() for m in range(least, least + more + 1)
    )


def test_outputs_share_a_multiplier_as_long_as_one_serves_them() -> None:
    y = Codes(0, 15, 0)
    low, high = np.full(6, -40), np.full(6, 300)
    same = shortest(low, high, 1234567890, 34, y, "single")
    assert np.unique(same).size == 1
    two = shortest(low, high, np.repeat([1234567890, 1999999999], 3), 34, y, "single")
    assert np.unique(two[:3]).size == np.unique(two[3:]).size == 1 and two[0] != two[3]
    silent = shortest(low, np.where(np.arange(6) == 2, -1, high), np.array([1234567890] * 6), 34, y, "single")
    assert np.array_equal(silent, same)  # an output that writes one code only takes what the others have


def test_a_rounding_that_only_shifts_has_nothing_to_shorten() -> None:
    m0 = np.full(3, M0_LEAST)
    assert np.array_equal(shortest(np.full(3, -9), np.full(3, 9), m0, 30, Codes(0, 7, 0), "shift"), m0)


@example(511, 0)  # to 512 it is a 511th: too far at 256 steps
@example(2**63 - 1, -1099)  # becomes 2⁶³, of which a zero goes into n
@example(2**63 - 1, -1100)  # and here none can: 2⁶³ is more than a scale may have
@given(st.integers(1, 2**63 - 1), st.integers(-1100, 1100))
def test_a_short_scale_is_within_half_a_step_at_255_steps_and_none_is_shorter(m: int, n: int) -> None:
    """(E15), and no fraction of that kind has fewer digits than the nine that any such interval holds."""
    short = short_scale(m, n)
    exact, found = (Fraction(a) * Fraction(2) ** -b for a, b in ((m, n), short))
    assert abs(found - exact) <= exact / 510
    assert ones(short[0]) <= min(9, ones(m))
    L, most = m.bit_length(), 2**63 - (n == -1100)
    near = (k << L - d for d in range(1, L) for k in (m >> L - d, (m >> L - d) + 1))
    assert ones(short[0]) <= min((ones(k) for k in near if abs(k - m) * 510 <= m and k <= most), default=L)
    assert Codes(0, 1, 0, short).scale == short


@given(st.lists(st.integers(-7, 7), min_size=1, max_size=3), st.integers(-9, 9), st.integers(0, 3))
def test_sums_are_no_wider_than_they_can_be(w: list[int], bias: int, zero: int) -> None:
    """Both ends are reached by some input, and no input passes them."""
    x = Codes(0, 3, zero)
    inputs = [[code - zero for code in codes] for codes in itertools.product(range(4), repeat=len(w))]
    linear = Linear(np.array([w]), np.array([bias]), 2**30, 33, x)
    sums = [sum(a * b for a, b in zip(w, codes, strict=True)) + bias for codes in inputs]
    assert [int(end[0]) for end in sums_of(linear, x)] == [min(sums), max(sums)]


@given(programs())
@settings(max_examples=60)
def test_a_shortened_program_writes_the_same_codes(program: Program) -> None:
    """In every operator, on codes of all sizes and at both ends; and shortening again changes nothing."""
    short = shorten(program)
    assert short.input == program.input and short.shapes == program.shapes
    x, rng = program.input, np.random.default_rng(0)
    codes = rng.integers(x.lo, x.hi + 1, (*program.shape, 20)).astype(x.dtype)
    codes[..., 0], codes[..., 1] = x.lo, x.hi
    for before, after in zip(run(program, codes, trace=True), run(short, codes, trace=True), strict=True):
        np.testing.assert_array_equal(after, before)
    assert shorten(short) == short
    assert len(pack(short)) <= len(pack(program)) + 3  # what is shared may come a digit longer


def test_shortening_saves_what_it_is_for() -> None:
    rng = np.random.default_rng(3)
    w, y = rng.integers(-3, 4, (16, 1, 3, 3)), Codes(0, 15, 0, (0x1A2B3C4D5E6F7, 55))
    conv = Conv2d(w, rng.integers(-20, 20, 16), rng.integers(2**30, 2**31, 16), 34, y, rounding="single")
    program = Program((conv,), (1, 9, 9), Codes(0, 15, 0, (0x1A2B3C4D5E6F7, 53)))
    assert len(pack(shorten(program))) <= len(pack(program)) - 16 * 17 // 8 - 5


def test_only_programs_are_shortened() -> None:
    with pytest.raises(TypeError, match=r"shorten: program: found 'net.tz', needed a Program"):
        shorten("net.tz")


def entropy(w: np.ndarray) -> float:
    """N·H of these weights, in bytes."""
    counts = np.unique(w, return_counts=True)[1]
    return float(-(counts * np.log2(counts / w.size)).sum()) / 8


def carried(program: Program) -> float:
    """What the channels' other numbers say, in bytes: nothing that changes no code, but all that would.

    Of an octave, a multiplier has to point out the part by (E14) in which no code changes; a bias counts as
    many bits as it has, and its sign.
    """
    bits = 0.0
    for i, operator in enumerate(program.operators):
        if isinstance(operator, Weighted):
            ends = sums_of(operator, program.inputs(i, program.codes)[0])
            least, most = interval(*ends, operator.m0, operator.n, operator.y, operator.rounding)
            bits -= sum(np.log2(np.log2((np.array(most) + 1) / np.array(least))))
            bits += sum(int(b).bit_length() + 1 for b in operator.bias)
    return bits / 8


@pytest.mark.needs("tflite")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.long] if path.stat().st_size > 60_000 else [])
        for path in sorted(TFLITE.glob("*.tflite"))
    ],
)
def test_a_file_takes_the_entropy_of_its_weights_and_64_bytes_an_operator(path: Path) -> None:
    """Where channels are many and have few weights each, their multipliers and biases come on top."""
    program = tflite.read(path)
    for whole in (program, simplify(program)):
        short = shorten(whole)
        weights = sum(entropy(operator.w) for operator in short.operators if isinstance(operator, Weighted))
        bound = 1.02 * weights + 64 * len(short.operators)
        assert len(pack(short)) <= bound + (carried(short) if path.stem in MANY_CHANNELS else 0)
