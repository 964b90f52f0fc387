"""The softmax of codes without a float, as LiteRT's reference kernel computes it.

With d = x − max ≤ 0 for each channel's code, the softmax is e^(β·s·d) / Σ e^(β·s·d), and d takes at most 256
values. So the exponentials are a table, and only the reciprocal of their sum is left to compute. Numbers are
fixed-point: Qi.f holds a value v as the whole number v·2ᶠ, i bits before the point and f after it. A product
of Qi and Qj is `product`, the `high` of `fixedpoint`, and has i + j bits before the point.

The exponential of z = β·s·d in Q5.26. Its part modulo ¼ lies in [−¼, 0), where the series about −⅛ is short,
and the rest is a sum of powers of two:

    e^(−⅛ + t) = e^−⅛ · (1 + t + t²/2 + t³/6 + t⁴/24)                             (SM1)
    e^z = e^(z mod ¼) · Π e^−2ᵏ over the bits k = −2 … 4 of the rest              (SM2)

Below z = −31 nothing is left of it: such d give 0, in the sum and in the answer.

The reciprocal of the sum. With the sum shifted to 1 + a in [1, 2), and h = (1 + a)/2, Newton's method for 1/h
starts at the best straight line and doubles its correct digits in each of three steps:

    r₀ = 48/17 − 32/17·h,   rₖ₊₁ = rₖ + rₖ·(1 − h·rₖ)                              (SM3)

The answer is round(256·p) − 128, at most 127.                                    (SM4)
[gemmlowp, fixedpoint.h; LiteRT, reference/softmax.h]
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.bounds import SOFTMAX_ONE
from tinyzip.integer.codes import Array
from tinyzip.integer.fixedpoint import POWERS
from tinyzip.integer.maps import Softmax

ONE = 2**31 - 1  # the greatest of Q0.31, which stands for 1
E_EIGHTH = 1895147668  # e^−⅛ in Q0.31
THIRD = 715827883
ROOTS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)  # e^−¼, e^−½, … e^−16
Z_BITS = 26  # after the point of z
LINE = 1515870810, -1010580540  # 48/17 and −32/17 in Q2.29


def product(a: Any, b: Any) -> Any:
    """a·b of two fixed-point numbers, to nearest, half up: ⌊(a·b + 2³⁰) / 2³¹⌋."""
    return (a * b + (1 << 30)) >> 31


def shifted(x: Any, e: Any) -> Any:
    """x / 2ᵉ to nearest, half away from zero, e ≥ 1."""
    return (x + (1 << (e - 1)) - (x < 0)) >> e


def exponentials(operator: Softmax) -> NDArray[np.int64]:
    """e^(β·s·d) in Q0.31 for d = −255 … 0, (256,) int64, by (SM1) and (SM2)."""
    left = 31 - operator.n
    d = np.arange(-255, 1)
    kept = d >= -((31 << Z_BITS) >> left)
    z = product(np.where(kept, d, 0) << left, operator.m0)
    quarter = 1 << (Z_BITS - 2)
    part = (z & (quarter - 1)) - quarter
    t = (part << (31 - Z_BITS)) + (1 << 28)
    t2 = product(t, t)
    t3, t4 = product(t2, t), product(t2, t2)
    series = shifted(product(shifted(t4, 2) + t3, THIRD) + t2, 1)
    e = E_EIGHTH + product(E_EIGHTH, t + series)
    for k, root in enumerate(ROOTS):
        e = np.where((part - z) >> (Z_BITS - 2 + k) & 1, product(e, root), e)
    return np.where(kept, np.where(z == 0, ONE, e), 0)


def reciprocals(sums: Array) -> tuple[Array, Array]:
    """1 / sum for sums in Q12.19 from 1 up: r in Q0.31 and b with 1 / sum = r·2⁻ᵇ, by (SM3)."""
    b = np.searchsorted(POWERS[SOFTMAX_ONE + 1 : 31], sums, "right")
    one_plus_a = sums << (31 - SOFTMAX_ONE - b)
    h = one_plus_a >> 1
    r = LINE[0] + product(h, LINE[1])
    for _ in range(3):
        r = r + (product(r, (1 << 29) - product(h, r)) << 2)
    return np.minimum(r << 1, ONE), b


def softmax(table: NDArray[np.int64], x: Array) -> NDArray[np.int8]:
    """Codes (C, …, N) to the codes of the softmax over the channels; table from `exponentials`   (SM4)"""
    d = x.astype(np.int64) - x.max(0) + 255
    r, b = reciprocals(shifted(table, 31 - SOFTMAX_ONE)[d].sum(0))
    p = shifted(product(table[d], r), 23 + b)
    codes: NDArray[np.int8] = (np.minimum(p, 255) - 128).astype(np.int8)
    return codes
