"""Depth: what is known of the exercise about learning the odds."""

from typing import Any

import numpy as np

from tinyzip.archive import coder
from tinyzip.archive.coder import Reader, Writer
from tinyzip.learn.case import Case, Check, Mistake, seeded


def expected_chance(a: Any, b: Any) -> int:
    return coder.chance(list(a), list(b))


def expected_decide(x: int, a: Any, b: Any) -> tuple[int, int]:
    reader = Reader(b"", "odds")
    reader._x = x
    bit = reader.bit(None, list(a), list(b))
    return bit, reader._x


def expected_bits(message: bytes, count: int) -> list[int]:
    reader, place = Reader(message, "odds"), [0, 0]
    return [reader.bit(None, place) for _ in range(count)]


def chance(a: tuple[int, int], b: tuple[int, int] | None = None) -> Case:
    both = f"places {a} and {b}" if b else f"a place {a}"
    return Case("chance", f"the chance by {both}", lambda: (a, b or a), expected_chance, 0)


def decide(x: int, a: tuple[int, int], b: tuple[int, int]) -> Case:
    return Case("decide", f"x = {x} by places {a} and {b}", lambda: (x, a, b), expected_decide, 0)


def read(what: str, seed: int, count: int, share: float, left: int = 0) -> Case:
    """A message of the library's writer, of which the last `left` decisions are not asked for."""

    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        writer, place = Writer("odds"), [0, 0]
        for bit in rng.uniform(size=count + left) < share:
            writer.bit(int(bit), place)
        return writer.finish(), count

    return Case("read_bits", what, seeded(seed, make), expected_bits, 0)


BOTH = """\
    u = isqrt(256 * (2 * a[1] + 1) * (2 * b[1] + 1))
    v = isqrt(256 * (2 * a[0] + 1) * (2 * b[0] + 1))"""

CHECK = Check(
    library="archive/coder.py, chance and Reader",
    cases=(
        chance((0, 0)),
        chance((1, 0)),
        chance((0, 1)),
        chance((3, 9)),
        chance((0, 0), (2, 5)),
        chance((7, 1), (1, 30)),
        chance((1, 30), (7, 1)),
        chance((100, 3), (2, 2)),
        chance((9000, 0)),
        chance((0, 9000)),
        chance((300000, 1), (200000, 0)),
        chance((2, 300001), (1, 400000)),
        decide(2048 + 5 * 4096, (0, 0), (0, 0)),
        decide(2047 + 5 * 4096, (0, 0), (0, 0)),
        decide(17 * 4096, (9, 0), (4, 1)),
        decide(2**31 - 1, (9, 0), (4, 1)),
        decide(2**30 + 77, (0, 60), (1, 2)),
        decide(2**24 + 300, (40, 2), (5, 0)),
        decide(2**24 + 301, (40, 3), (5, 1)),
        decide(2**23 + 4095, (0, 9000), (0, 9000)),
        decide(2**23, (9000, 0), (9000, 0)),
        read("one decision", 45, 1, 0.5),
        read("20 decisions, half of them ones", 46, 20, 0.5),
        read("300 decisions, one in twenty a one", 47, 300, 0.05),
        read("300 decisions, nearly all of them ones", 48, 300, 0.97),
        read("the first 50 of 400 decisions", 49, 50, 0.3, 350),
    ),
    mistakes=(
        Mistake(
            BOTH,
            "    u = isqrt(256 * (2 * a[0] + 1) * (2 * b[0] + 1))\n"
            "    v = isqrt(256 * (2 * a[1] + 1) * (2 * b[1] + 1))",
            "zeros and ones are exchanged: a place is (zeros, ones), and u is of the ones",
        ),
        Mistake(
            BOTH,
            "    u = isqrt(256 * (a[1] + 1) * (b[1] + 1))\n    v = isqrt(256 * (a[0] + 1) * (b[0] + 1))",
            "to each count ½ is added, not 1: 2·a + 1 is twice a + ½",
        ),
        Mistake(
            BOTH,
            "    u = isqrt(256 * a[1] * b[1]) + (a[1] * b[1] == 0)\n"
            "    v = isqrt(256 * a[0] * b[0]) + (a[0] * b[0] == 0)",
            "the ½ that is added to each count is missing",
        ),
        Mistake(
            BOTH,
            "    u = (2 * a[1] + 1) * (2 * b[1] + 1)\n    v = (2 * a[0] + 1) * (2 * b[0] + 1)",
            "the root is missing: the mean of two logarithms is the logarithm of a root",
        ),
        Mistake(
            BOTH,
            "    u = 2 * (a[1] + b[1]) + 1\n    v = 2 * (a[0] + b[0]) + 1",
            "the counts of both places are added up here; it is the mean of two logarithms of odds",
        ),
        Mistake(
            BOTH,
            "    u = isqrt(256 * (2 * a[1] + 1) * (2 * a[1] + 1))\n"
            "    v = isqrt(256 * (2 * a[0] + 1) * (2 * a[0] + 1))",
            "place B has a say, too",
        ),
        Mistake(
            BOTH,
            "    u = isqrt((2 * a[1] + 1) * (2 * b[1] + 1))\n    v = isqrt((2 * a[0] + 1) * (2 * b[0] + 1))",
            "the factor 256 is missing: the root would lose its fraction",
        ),
        Mistake(
            "min(max(4096 * u // (u + v), 1), 4095)",
            "4096 * u // (u + v)",
            "neither side may own nothing: at least 1 and at most 4095 slots",
        ),
        Mistake(
            "min(max(4096 * u // (u + v), 1), 4095)",
            "min(max(round(4096 * u / (u + v)), 1), 4095)",
            "the quotient rounds down; here it goes to the nearest",
        ),
        Mistake(
            "4096 * u // (u + v)", "4096 * u // max(v, 1)", "a chance is u ÷ (u + v); u ÷ v are the odds"
        ),
        Mistake(
            "    if x % 4096 < one:\n        return 1, remove(x, 0, one, 12)\n"
            "    return 0, remove(x, one, 4096 - one, 12)",
            "    if x % 4096 >= 4096 - one:\n        return 1, remove(x, 4096 - one, one, 12)\n"
            "    return 0, remove(x, 0, 4096 - one, 12)",
            "a one owns the first slots, and a zero all others; here it is the other way round",
        ),
        Mistake(
            "x % 4096 < one", "x % 4096 <= one", "with `one` slots from 0 on, the last is one − 1: <, not ≤"
        ),
        Mistake(
            "remove(x, one, 4096 - one, 12)",
            "remove(x, 0, 4096 - one, 12)",
            "the slots of a zero begin after those of a one",
        ),
        Mistake(
            "remove(x, one, 4096 - one, 12)",
            "remove(x, one, one, 12)",
            "a zero owns all other slots, 4096 − one",
        ),
        Mistake(
            "    if x % 4096 < one:\n        return 1, remove(x, 0, one, 12)\n"
            "    return 0, remove(x, one, 4096 - one, 12)",
            "    return (1, remove(x, 0, one, 12)) if x % 4096 < one else (0, x)",
            "a zero has to be removed from x, too",
        ),
        Mistake("        place[bit] += 1\n", "", "nothing is counted: the odds stay 1 : 1"),
        Mistake(
            "        place[bit] += 1\n",
            "        place[1 - bit] += 1\n",
            "a one is counted as a zero, and a zero as a one",
        ),
        Mistake(
            "        x, read = fill(x, message, read)\n        place",
            "        place",
            "x is filled only once; after each decision bytes may be needed",
        ),
        Mistake(
            "fill(0, message, 0)",
            "fill(1, message, 0)",
            "the reader begins with x = 0; what the writer began with comes last",
        ),
        Mistake(
            "    place, bits = [0, 0], []\n",
            "    place, bits = [1, 1], []\n",
            "nothing has been counted at first: (0, 0)",
        ),
    ),
    others=(
        """
import math
from tinyzip.learn.earlier import fill, remove

def chance(a, b):
    (a0, a1), (b0, b1) = a, b
    u = int(math.sqrt(256 * (2 * a1 + 1) * (2 * b1 + 1)))
    v = int(math.sqrt(256 * (2 * a0 + 1) * (2 * b0 + 1)))
    slots = (u << 12) // (u + v)
    return 1 if slots < 1 else 4095 if slots > 4095 else slots

def decide(x, a, b):
    one, slot = chance(a, b), x & 4095
    bit = int(slot < one)
    c, f = (0, one) if bit else (one, 4096 - one)
    return [bit, remove(x, c, f, 12)]

def read_bits(message, count):
    zeros = ones = x = read = 0
    bits = []
    while len(bits) < count:
        x, read = fill(x, message, read)
        bit, x = decide(x, (zeros, ones), (zeros, ones))
        zeros, ones = zeros + 1 - bit, ones + bit
        bits.append(bit)
    return bits
""",
        """
import numpy as np
from tinyzip.learn.earlier import fill

def chance(a, b):
    twice = (2 * np.array(a) + 1) * (2 * np.array(b) + 1)
    v, u = np.floor(np.sqrt(256 * twice)).astype(np.int64)
    return np.clip(4096 * u // (u + v), 1, 4095)

def decide(x, a, b):
    one = int(chance(a, b))
    whole, slot = divmod(x, 4096)
    if slot >= one:
        return False, whole * (4096 - one) + slot - one
    return True, whole * one + slot

def read_bits(message, count):
    x, read = fill(0, message, 0)
    bits = np.zeros(count, np.int8)
    for i in range(count):
        ones = int(bits.sum())
        bits[i], x = decide(x, (i - ones, ones), (i - ones, ones))
        x, read = fill(x, message, read)
    return bits
""",
    ),
    hints=(
        "After 3 zeros and no one, how likely is a one by (a₁ + ½) / (a₀ + ½)? And after 3,000?",
        "math.isqrt takes whole roots. The owner of slot x % 4096 is the bit; its slots go to remove.",
        "read_bits, for each decision: decide with the counts so far, fill, count the bit, keep it.",
    ),
)
