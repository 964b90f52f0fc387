"""Multiplying by a real number without owning one.

An accumulator counts in steps of s_x·s_w, the next layer's codes in steps of s_y. Between them stands
the real multiplier M = s_x·s_w / s_y, and it is kept as two integers:

    M ≈ m0 · 2⁻ⁿ,   2³⁰ ≤ m0 < 2³¹                                   (F1)  [Jacob et al. 2018, eq. 5–6]

m0 has 31 significant bits, so M is met to a relative error of 2⁻³¹. Four ways to round, all in use:

    single   ⌊(acc·m0 + 2ⁿ⁻¹) / 2ⁿ⌋                                  (F2)  one rounding, half up
    double   divide(high(acc·2ˡ, m0), e),  l = max(31 − n, 0), e = max(n − 31, 0)      (F3)
             high(a, b)   = ⌊(a·b + 2³⁰) / 2³¹⌋, saturating          (F4)  ARM's SQRDMULH, half up
             divide(x, e) = x / 2ᵉ to nearest, half away from zero   (F5)
    shift    ⌊(acc + 2ˢ⁻¹) / 2ˢ⌋, s = n − 30, m0 = 2³⁰               (F6)  no multiplier, half up
    float32  even(sig(sig(acc)·m0)·2⁻ⁿ), m0 a multiple of 2⁷         (F9)
             sig(x)  = x to nearest among 24 significant bits        (F10)  halves to even
             even(x) = x to the nearest whole number                 (F11)  halves to even

`double` is what gemmlowp and the convolutions of LiteRT's reference kernels compute, two roundings and all;
`single` is what their fully connected layers compute; `shift` is what hardware without a multiplier
computes, and equals `single` wherever both apply. `float32` is what phones and laptops compute: LiteRT's
default kernels, those of XNNPACK, multiply in floats, fl(float(acc)·M), and convert to the nearest integer.
No float is needed for that. A float32 is a whole number of 24 bits times a power of two, so the first
rounding is that of acc to 24 bits; M is such a number itself, which is why m0 ends in 7 zeros; the product
of the two is a whole number of at most 48 bits times a power of two, and the processor rounds it to 24 bits
again; and the conversion rounds a third time. The powers of two round nothing, and underflow would only
make a 0 of what is a 0 anyway.

How far each is from the exact rational q = acc·m0·2⁻ⁿ:

    |single − q| ≤ ½    |shift − q| ≤ ½    |double − q| ≤ ½ + 2⁻ᵉ⁻¹, hence ≤ 1             (F7)
    |float32 − q| ≤ ½ + |q|·(2⁻²³ + 2⁻⁴⁸)

the last since each of the two (F10) changes a number by no more than 2⁻²⁴ of it.

Nothing overflows in int64. |acc| < 2³¹ and m0 < 2³¹, so |acc·m0| < 2⁶² and adding 2ⁿ⁻¹ ≤ 2⁶² stays below
2⁶³ up to n = 63; and from n = 63 on the result is 0 whatever acc is, because |acc·m0| < 2ⁿ⁻¹. So a larger n
may be read as 63, and in (F5) an e above 32 as 32. In (F9) the factors are sig(acc) ≤ 2³¹ and m0·2⁻⁷ < 2²⁴.
For n < 31 a program must prove |acc|·2ˡ < 2³¹, which LiteRT silently assumes.
"""

from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.integer.codes import Array, Codes

Rounding = Literal["double", "single", "shift", "float32"]
ROUNDINGS: tuple[Rounding, ...] = ("double", "single", "shift", "float32")
M0_LEAST, M0_MOST = 2**30, 2**31 - 1
N_LEAST, N_MOST = 1, 127
SIGNIFICANT = 24  # bits of a float32
M0_STEP = 2 ** (31 - SIGNIFICANT)  # what m0 is a multiple of for float32
INT32 = (-(2**31), 2**31 - 1)
POWERS = np.left_shift(1, np.arange(63), dtype=np.int64)


def multiplier(real: Fraction | int | tuple[int, int]) -> tuple[int, int]:
    """The pair (m0, n) of (F1) nearest to a positive rational, ties upwards.

    real     a Fraction, a whole number, or (numerator, denominator)
    returns  2³⁰ ≤ m0 < 2³¹ and 1 ≤ n ≤ 127 with |m0·2⁻ⁿ / real − 1| ≤ 2⁻³¹
    Raises ValueError where no such pair exists: real ≤ 0, ≥ 2³⁰, or < 2⁻⁹⁷.
    """
    numerator, denominator = real if isinstance(real, tuple) else (real, 1)
    if not isinstance(numerator, int | Fraction) or not isinstance(denominator, int):
        refuse("multiplier: real", repr(real), "a Fraction or whole numbers", TypeError)
    if numerator <= 0 or denominator <= 0:
        refuse("multiplier: real", real, "a positive rational")
    exact = Fraction(numerator, denominator)
    n = 30 - exact.numerator.bit_length() + exact.denominator.bit_length()
    if exact * Fraction(2) ** n < 2**30:
        n += 1
    m0 = int(exact * Fraction(2) ** n + Fraction(1, 2))
    if m0 > M0_MOST:
        m0, n = m0 // 2, n - 1
    if not N_LEAST <= n <= N_MOST:
        refuse("multiplier: real", f"about 2^{30 - n}", "a value from 2^-97 to 2^30")
    return m0, n


def integers(value: Any, argument: str, lo: int, hi: int) -> NDArray[np.int64]:
    """`value` as int64, refused where it is not integer or not in [lo, hi]."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        refuse(argument, f"dtype {array.dtype}", "integers", TypeError)
    if array.size and not lo <= int(array.min()) <= int(array.max()) <= hi:
        refuse(argument, f"values from {array.min()} to {array.max()}", f"values from {lo} to {hi}")
    return array.astype(np.int64)


def high(a: Any, b: Any) -> Any:
    """(F4), the saturating rounding doubling high multiply, of int32 values a and b, as int64.

    The one product that does not fit, −2³¹·−2³¹, gives 2³¹ − 1. gemmlowp rounds by a sign-dependent nudge
    and a division towards zero; an added 2³⁰ and an arithmetic shift give the same value for every a·b.
    """
    product = integers(a, "high: a", *INT32) * integers(b, "high: b", *INT32)
    return np.minimum((product + (1 << 30)) >> 31, INT32[1])


def divide(x: Any, e: Any) -> Any:
    """(F5), rounding divide by 2ᵉ, half away from zero, of int32 values x and e ≥ 0, as int64.

    Half of 2ᵉ is added, less one where x is negative, so that −½ falls down to −1 as ½ goes up to 1.
    """
    x = integers(x, "divide: x", *INT32)
    e = np.minimum(integers(e, "divide: e", 0, N_MOST), 32)
    half = (np.int64(1) << e) >> 1
    return (x + half - ((x < 0) & (e > 0))) >> e


def even(x: Any, e: Any) -> Any:
    """x / 2ᵉ to nearest, halves to even (F11), for int64 x and 0 ≤ e ≤ 62, |x| + 2ᵉ⁻¹ < 2⁶³.

    Half of 2ᵉ is added, less one where the whole part is even, so that only an odd one is lifted by a half.
    """
    half = (np.int64(1) << e) >> 1
    return (x + half - ((x >> e) % 2 == 0) * (e > 0)) >> e


def significant(x: Any) -> Any:
    """x to nearest among the numbers of 24 significant bits, halves to even (F10); for int64 |x| < 2⁶²."""
    e = np.maximum(np.searchsorted(POWERS, np.abs(x), "right") - SIGNIFICANT, 0)
    return even(x, e) << e


def rescale(acc: Any, m0: Any, n: Any, rounding: Rounding) -> Any:
    """acc·m0·2⁻ⁿ as a whole number, rounded by (F2), (F3), (F6) or (F9); within (F7) of the exact rational.

    acc      integers, |acc|·2ᵐᵃˣ⁽³¹⁻ⁿ, ⁰⁾ < 2³¹
    m0, n    integers, 0 < m0 < 2³¹ (2³⁰ for `shift`, a multiple of 2⁷ for `float32`), 1 ≤ n ≤ 127, of shapes
             that broadcast against acc
    returns  int64. Raises TypeError for what is not integer, ValueError for what is out of range.
    """
    if rounding not in ROUNDINGS:
        refuse("rescale: rounding", repr(rounding), f"one of {', '.join(ROUNDINGS)}")
    acc, n = integers(acc, "rescale: acc", *INT32), integers(n, "rescale: n", N_LEAST, N_MOST)
    m0 = integers(m0, "rescale: m0", *((M0_LEAST, M0_LEAST) if rounding == "shift" else (1, M0_MOST)))
    lifted = integers(acc << np.maximum(31 - n, 0), "rescale: acc·2^max(31 − n, 0)", *INT32)
    if rounding == "double":
        return divide(high(lifted, m0), np.maximum(n - 31, 0))
    if rounding == "single":
        n = np.minimum(n, 63)
        return (acc * m0 + (np.int64(1) << (n - 1))) >> n
    if rounding == "float32":
        if (m0 % M0_STEP).any():
            refuse("rescale: m0", f"{m0}", f"multiples of {M0_STEP} for float32")
        product = significant(significant(acc) * (m0 // M0_STEP))
        return even(product << np.maximum(7 - n, 0), np.clip(n - 7, 0, 62))
    left, right = np.maximum(30 - n, 0), np.clip(n - 30, 0, 33)
    return ((acc << left) + ((np.int64(1) << right) >> 1)) >> right


def requantize(acc: Any, m0: Any, n: Any, y: Codes, rounding: Rounding = "double") -> Array:
    """y = clamp(y.zero + round(acc·m0·2⁻ⁿ), y.lo, y.hi)              (F8)  [Jacob et al. 2018, eq. 4–6]

    acc      as in `rescale`, unit s_x·s_w
    returns  codes of y's dtype, unit s_y
    """
    codes: Array = np.clip(rescale(acc, m0, n, rounding) + y.zero, y.lo, y.hi).astype(y.dtype)
    return codes
