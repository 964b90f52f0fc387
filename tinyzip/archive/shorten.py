"""Depth: the same program in fewer bits: multipliers and scales as short as they can be.

A multiplier M = m0·2⁻ⁿ has 31 significant bits, and a file pays for each. But all that it does is to turn
sums into codes, of which there are at most 256. `requantize` is monotone in the sum, whatever the rounding.
So it is known by its thresholds: of the sums from lo to hi that the weights, the bias and the codes that
come in allow, the least that gives a code of c or more,

t_c = min {acc : code(acc) ≥ c},   lo ≤ acc ≤ hi                                               (E14)

Another multiplier gives the same code to every sum, and so changes nothing whatever the input, if and only if
it does for every t_c, every t_c − 1, lo and hi: any other sum stands between two of these that have its own
code, and is caught between them. `requantize` is monotone in m0, too, upwards for positive sums and downwards
for negative ones. So the m0 that change nothing form an interval. Bisection finds its ends, and the number in
it that ends in most zeros is taken. As long as one number serves one output after another they share it,
since a file repeats a number in almost no bits: one multiplier for a whole layer stays one.

A scale only says what codes mean in real numbers; no code depends on it. It becomes the shortest fraction
that moves no real number by more than half a step, where codes are at most 255 steps from their zero:

|s' − s| ≤ s / 510                                                                             (E15)

The scale of the input stays as it is, for by it images become codes.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.archive.coder import Symbols
from tinyzip.integer.bounds import product_ends
from tinyzip.integer.codes import SCALE_M_MOST, SCALE_N_MOST, Codes
from tinyzip.integer.fixedpoint import M0_LEAST, M0_MOST, M0_STEP, Rounding, requantize
from tinyzip.integer.operators import Weighted
from tinyzip.integer.program import Program, check_program

TOGETHER = 64  # outputs that are looked at together
STEPS = 255  # from a code to its zero, at most


def shorten(program: Program) -> Program:
    """A program that writes the same codes on any input, with shortest multipliers and short scales.

    The multipliers of means, sums, products and of a softmax stay: a file holds all their digits, zeros or
    not. Raises TypeError for what is no program.
    """
    check_program(program, "shorten: program")
    operators = []
    for i, operator in enumerate(program.operators):
        changed: dict[str, Any] = {}
        if isinstance(operator, Weighted):
            ends = sums_of(operator, program.inputs(i, program.codes)[0])
            changed["m0"] = shortest(*ends, operator.m0, operator.n, operator.y, operator.rounding)
        y = vars(operator).get("y")  # that of a softmax is no field
        if y is not None and y.scale != program.input.scale:
            changed["y"] = replace(y, scale=short_scale(*y.scale))
        operators.append(replace(operator, **changed))
    return Program(tuple(operators), program.shape, program.input)


def sums_of(operator: Weighted, x: Codes) -> tuple[Symbols, Symbols]:
    """The least and the greatest sum of each output, (F,) each, on codes x."""
    least, greatest = product_ends(operator, x)
    return least + operator.bias, greatest + operator.bias


def shortest(low: Symbols, high: Symbols, m0: Any, n: Any, y: Codes, rounding: Rounding) -> Symbols:
    """The shortest m0, (F,), that give all sums from low to high, (F,), the codes that m0 and n give them.

    m0, n  (F,) or one number
    """
    m0, n = (np.broadcast_to(np.asarray(value, np.int64), low.shape) for value in (m0, n))
    chosen: Symbols = m0.copy()
    if rounding == "shift":
        return chosen
    first, least, most = 0, 1, M0_MOST
    for start in range(0, low.size, TOGETHER):
        part = slice(start, start + TOGETHER)
        ends = interval(low[part], high[part], m0[part], n[part], y, rounding)
        for f, (a, b) in enumerate(zip(*ends, strict=True), start):
            if max(least, a) > min(most, b):
                first, least, most = f, 1, M0_MOST
            least, most = max(least, a), min(most, b)
            chosen[first : f + 1] = roundest(least, most)
    return chosen


def interval(
    low: Symbols, high: Symbols, m0: Symbols, n: Symbols, y: Codes, rounding: Rounding
) -> tuple[list[int], list[int]]:
    """The least and the greatest m0, (F,) each, that change no code of a sum from low to high, (F,) each."""
    unit = M0_STEP if rounding == "float32" else 1
    m0, n, low, high = (column[:, None] for column in (m0 // unit, n, low, high))

    def code(acc: Symbols, m: Symbols) -> Symbols:
        return requantize(acc, m * unit, n, y, rounding).astype(np.int64)

    c = np.arange(y.lo + 1, y.hi + 1)
    shape = len(m0), c.size
    thresholds = bisect(
        lambda acc: code(np.clip(acc, low, high), m0) >= c,
        np.broadcast_to(high + 1, shape),
        np.broadcast_to(low - 1, shape),
    )
    sums = np.clip(np.concatenate([thresholds, thresholds - 1, low, high], 1), low, high)
    codes = code(sums, m0)

    def same(m: Symbols) -> NDArray[np.bool_]:
        return np.asarray((code(sums, m) == codes).all(1, keepdims=True))

    least = bisect(same, m0, np.minimum(m0, M0_LEAST // unit) - 1)
    most = bisect(same, m0, np.full_like(m0, (M0_MOST + 1) // unit))
    return (least * unit).ravel().tolist(), (most * unit).ravel().tolist()


def bisect(good: Callable[[Symbols], NDArray[np.bool_]], inside: Symbols, beyond: Symbols) -> Symbols:
    """The last points that are good on the way from good ones to others beyond them, all at once."""
    while (apart := np.abs(beyond - inside) > 1).any():
        middle = np.where(apart, (inside + beyond) >> 1, inside)
        fits = good(middle)
        inside, beyond = np.where(fits, middle, inside), np.where(fits | ~apart, beyond, middle)
    return inside


def roundest(least: int, most: int) -> int:
    """The number in [least, most] that ends in most zeros; least ≥ 1."""
    places = ((least - 1) ^ most).bit_length() - 1
    return most >> places << places


def short_scale(m: int, n: int) -> tuple[int, int]:
    """The shortest fraction that (E15) allows."""
    parts = 2 * STEPS
    most = m * (parts + 1) // parts
    if n == -SCALE_N_MOST:  # no zero at the end can go into n
        most = min(most, SCALE_M_MOST)
    short = roundest(-(-m * (parts - 1) // parts), most)
    twos = min((short & -short).bit_length() - 1, n + SCALE_N_MOST)
    return short >> twos, n - twos
