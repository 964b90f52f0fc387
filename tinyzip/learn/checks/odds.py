"""Depth: what is known of the exercise about learning the odds."""

from typing import Any

import numpy as np

from tinyzip.archive import coder
from tinyzip.archive.coder import Reader, Writer
from tinyzip.learn.case import Case, Check, seeded


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
    hints=(
        "After 3 zeros and no one, how likely is a one by (a₁ + ½) / (a₀ + ½)? And after 3,000?",
        "math.isqrt takes whole roots. The owner of slot x % 4096 is the bit; its slots go to remove.",
        "read_bits, for each decision: decide with the counts so far, fill, count the bit, keep it.",
    ),
)
