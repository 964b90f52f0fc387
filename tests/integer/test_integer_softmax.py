"""The softmax in integers: its constants, its two approximations, and what they add up to."""

from decimal import Decimal, getcontext
from fractions import Fraction
from math import exp

import numpy as np
import pytest
import reference

from tinyzip.integer import Codes, Program, Softmax, run
from tinyzip.integer.fast.run import WAYS
from tinyzip.integer.softmax import E_EIGHTH, LINE, ROOTS, THIRD, exponentials, reciprocals

getcontext().prec = 40


def fixed(value: Decimal | Fraction, bits: int) -> int:
    """The value as a whole number with so many bits after the point, to nearest."""
    return round(value * 2**bits)


def test_the_constants_are_what_they_stand_for() -> None:
    """(SM1) to (SM3)"""
    assert fixed(Decimal(-1 / 8).exp(), 31) == E_EIGHTH
    assert fixed(Fraction(1, 3), 31) == THIRD
    assert (fixed(Fraction(48, 17), 29), fixed(Fraction(-32, 17), 29)) == LINE
    for k, root in enumerate(ROOTS):
        assert fixed((-(Decimal(2) ** (k - 2))).exp(), 31) == root


@pytest.mark.parametrize("n", range(32))
def test_exponentials_are_gemmlowps_and_near_the_true_ones(n: int) -> None:
    """(SM1), (SM2): bit for bit; and what the series leaves out, t⁵/120 for |t| ≤ ⅛, is less than 2⁻²¹."""
    for m0 in (2**30, 1234567890, 2**31 - 1):
        table = exponentials(Softmax(m0, n))
        assert table.shape == (256,)
        for d in range(-255, 1):
            z = Fraction(d * m0, 2 ** (n + 26))
            if d < -(31 * 2**26 // 2 ** (31 - n)):
                assert table[d + 255] == 0 and z < -15
                continue
            scaled = reference.saturating_rounding_doubling_high_mul(d * 2 ** (31 - n), m0)
            assert table[d + 255] == reference.fixed_exponential(scaled)
            assert abs(table[d + 255] / 2**31 - exp(z)) < 2.0**-21


def test_reciprocals_are_litert_s_and_near_the_true_ones() -> None:
    """(SM3), from a sum of one class to one that int32 just holds."""
    rng = np.random.default_rng(0)
    edges = [2**k + d for k in range(19, 31) for d in (-1, 0, 1, 2) if 2**k + d >= 2**19] + [2**31 - 1]
    sums = np.array(edges + [int(v) for v in 2.0 ** rng.uniform(19, 31, 3000)])
    r, b = reciprocals(sums)
    assert [(int(a), int(c)) for a, c in zip(r, b, strict=True)] == [
        reference.reciprocal(int(s)) for s in sums
    ]
    true = 2.0 ** (b + 19) / sums
    assert np.abs(r / 2**31 - true).max() < 2.0**-27


def test_the_probabilities_add_up_to_about_256() -> None:
    """(SM4): each of the K codes is off by half a step, and the largest saturates at 255 of 256."""
    K = 10
    m0, n = 1717986918, 9  # a step of the input is worth 0.05
    x = np.random.default_rng(1).integers(-128, 128, (K, 200)).astype(np.int8)
    y = run(Program((Softmax(m0, n),), (K,), Codes(-128, 127, 0)), x).astype(int) + 128
    e = np.exp(0.05 * x.astype(float))
    assert np.abs(y - np.minimum(256 * e / e.sum(0), 255)).max() <= 0.5 + 1e-3
    assert (y.argmax(0) == x.argmax(0)).all()


@pytest.mark.parametrize(
    ("m0", "others", "below"), [(1427141577, 2, 54), (1373786143, 5, 109), (1361663032, 9, 210)]
)
def test_probabilities_that_are_all_but_a_half_are_rounded_as_the_loops_do(
    m0: int, others: int, below: int
) -> None:
    """(SM4), with numbers, found by a search, for which a product less by one would make another code."""
    operator = Softmax(m0, 10)
    x = np.array([127, *[127 - below] * others], np.int8)[:, None]
    program = Program((operator,), (others + 1,), Codes(-128, 127, 0))
    for product in WAYS:
        assert run(program, x, product)[:, 0].tolist() == reference.softmax(operator, x[:, 0].tolist())


def test_what_a_softmax_writes_are_shares_in_steps_of_a_256th() -> None:
    assert Softmax(2**30, 9).y == Codes(-128, 127, -128, (1, 8))
