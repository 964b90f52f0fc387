"""Depth: the arithmetic of programs in C: functions that a file contains if something in it calls them.

They stand in arithmetic.c. Each is `integer.fixedpoint`, `integer.ops` or `integer.softmax` once more, on
single numbers. C leaves open what a right shift does to a negative number, and a left shift of one is not
defined; so shifts of 64 bits go through `floor_shift`, and up it goes by multiplication. An int may have 16
bits, so constants and operands that need more have a type with a width.

Products of 64 bits take small chips long. But for most sums, far from 2³¹, and few codes there are m, r, s:

    clamp(⌊(acc·m + r) / 2ˢ⌋) = clamp(rescale(acc)) for all |acc| ≤ bound,  bound·m + |r| < 2³¹       (CA1)
    t·m + r ≥ k·2ˢ > (t − 1)·m + r for all k, t the least sum whose code is k or more                 (CA2)

as far as t and t − 1 are sums that can come. Stairs that rise at the same places are the same; so (CA2) gives
two ends for r, once s is chosen and m is next to m0·2ˢ⁻ⁿ.
"""

import re

import numpy as np

from tinyzip.exchange.c.text import text_of
from tinyzip.exchange.c.weights import readers
from tinyzip.integer.bounds import INT32_MOST
from tinyzip.integer.codes import Array, Codes
from tinyzip.integer.fixedpoint import N_LEAST, Rounding, rescale
from tinyzip.integer.softmax import LINE, ONE

MOST_N = 63  # from here on everything rounds to 0, see `fixedpoint`
SHORT_MOST = 2**16  # the largest bound for which (CA1) is looked for

PIECES = text_of("arithmetic.c", LINE_START=LINE[0], LINE_SLOPE=LINE[1], HALF=ONE // 2, ONE=ONE).split("\n\n")
FUNCTIONS = {name: body for bits in range(1, 8) for name, body in readers(bits).items()}
FUNCTIONS |= {re.findall(r"^static \w+ (\w+)\(", piece, re.M)[0]: f"{piece.strip()}\n" for piece in PIECES}


def called(text: str) -> str:
    """The functions that `text` calls, and those that these call, in an order in which C reads them."""
    taken = ""
    for name, body in reversed(FUNCTIONS.items()):
        if f"{name}(" in text or f"{name}(" in taken:
            taken = f"{body}\n{taken}"
    return taken


def clipped(n: int) -> int:
    """A shift that C can do: those of more than 63 bits leave nothing, as 63 do."""
    return max(N_LEAST, min(n, MOST_N))


def shortened(m0: Array, n: Array, rounding: Rounding, bound: int, y: Codes) -> Array | None:
    """m, r and s of (CA1) for multipliers m0·2⁻ⁿ, (3, F); None where there are none or sums are too many."""
    if bound > SHORT_MOST:
        return None
    found, k = {}, np.arange(y.lo - y.zero + 1, y.hi - y.zero + 1)
    for pair in set(zip(m0.tolist(), n.tolist(), strict=True)):
        most_acc = min(bound, INT32_MOST >> max(31 - pair[1], 0))  # a program proves it, see `fixedpoint`
        codes = np.clip(rescale(np.arange(-most_acc, most_acc + 1), *pair, rounding), k[0] - 1, k[-1])
        t = np.searchsorted(codes, k) - most_acc
        for s in range(30, 0, -1):
            m = ((pair[0] << s >> pair[1] - 1) + 1) >> 1
            least = np.max((k << s) - t * m, where=t <= most_acc, initial=-(2**31))
            most = np.min((k << s) - (t - 1) * m, where=t > -most_acc, initial=2**31)
            r = int(least + most - 1) >> 1
            if least < most and m * max(most_acc, 1) + abs(r) <= INT32_MOST:
                found[pair] = m, r, s
                break
        else:
            return None
    return np.array([found[pair] for pair in zip(m0.tolist(), n.tolist(), strict=True)]).T
