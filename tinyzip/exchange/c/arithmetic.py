"""Depth: the arithmetic of programs in C: functions that a file contains if something in it calls them.

They stand in arithmetic.c. Each is `integer.fixedpoint`, `integer.ops` or `integer.softmax` once more, on
single numbers. C leaves open what a right shift does to a negative number, and a left shift of one is not
defined; so all shifts go through `floor_shift`, and up it goes by multiplication. An int may have 16 bits, so
constants and operands that need more have a type with a width.
"""

import re

from tinyzip.exchange.c.text import text_of
from tinyzip.exchange.c.weights import reader
from tinyzip.integer.fixedpoint import N_LEAST
from tinyzip.integer.softmax import LINE, ONE

MOST_N = 63  # from here on everything rounds to 0, see `fixedpoint`

PIECES = text_of("arithmetic.c", LINE_START=LINE[0], LINE_SLOPE=LINE[1], HALF=ONE // 2, ONE=ONE).split("\n\n")
FUNCTIONS = {f"weight{bits}": reader(bits) for bits in range(1, 8)}
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
