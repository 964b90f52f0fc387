"""Depth: what is known of the exercise about the coder."""

from typing import Any

import numpy as np

from tinyzip.archive.coder import Reader, Steps, Writer
from tinyzip.learn.case import Case, Check, seeded


def reader_at(x: int, message: bytes, read: int) -> Any:
    """A reader of the library that has read so many bytes of a message and holds x."""
    reader = Reader(message, "coder")
    reader._x, reader._read = x, read
    return reader


def expected_remove(x: int, c: int, f: int, k: int) -> int:
    reader = reader_at(x, b"", 0)
    reader._remove(c, f, k)
    return int(reader._x)


def expected_append(x: int, c: int, f: int, k: int) -> int:
    """The one number above x·2ᵏ/f − 2ᵏ of which the library's reader makes x, in a slot of the symbol."""
    first = x // f << k
    found = [y for y in range(first + c, first + c + f) if expected_remove(y, c, f, k) == x]
    assert len(found) == 1
    return found[0]


def expected_encode(steps: list[tuple[int, int, int]]) -> list[int]:
    writer = Writer("coder")
    writer.steps(Steps(*np.array(steps, np.int64).reshape(-1, 3).T))
    return list(writer.finish())


def expected_fill(x: int, message: bytes, read: int) -> tuple[int, int]:
    reader = reader_at(x, message, read)
    reader._fill()
    return reader._x, reader._read


def append(x: int, c: int, f: int, k: int) -> Case:
    what = f"x = {x}, and slots {c} … {c + f - 1} of {2**k}"
    return Case("append", f"append to {what}", lambda: (x, c, f, k), expected_append, 0)


def remove(x: int, c: int, f: int, k: int) -> Case:
    what = f"x = {x}, with slots {c} … {c + f - 1} of {2**k}"
    return Case("remove", f"remove from {what}", lambda: (x, c, f, k), expected_remove, 0)


def encode(what: str, steps: list[tuple[int, int, int]]) -> Case:
    return Case("encode", what, lambda: (list(steps),), expected_encode, 0)


def fill(what: str, x: int, message: list[int], read: int) -> Case:
    return Case("fill", what, lambda: (x, bytes(message), read), expected_fill, 0)


def drawn(rng: np.random.Generator) -> tuple[Any, ...]:
    """Symbols of several tables."""
    steps = []
    for k in rng.choice([1, 4, 8, 12], 150):
        c, end = sorted(rng.choice(2 ** int(k) + 1, 2, replace=False))
        steps.append((int(c), int(end - c), int(k)))
    return (steps,)


CHECK = Check(
    library="archive/coder.py, Reader and Writer",
    cases=(
        append(1, 0, 3, 2),
        append(1, 3, 1, 2),
        append(7, 3, 1, 2),
        append(10, 0, 3, 2),
        append(12345, 100, 28, 8),
        append(2**19 - 1, 4000, 96, 12),
        append(2**15 - 1, 65535, 1, 16),
        append(2**31 - 1, 0, 4096, 12),
        remove(5, 0, 3, 2),
        remove(7, 3, 1, 2),
        remove(14, 1, 2, 2),
        remove(112762, 100, 28, 8),
        remove(2**31 - 1, 4000, 96, 12),
        remove(2**30 + 65535, 65535, 1, 16),
        remove(2**31 - 5, 0, 4096, 12),
        encode("a message of no symbol", []),
        encode("a message of one symbol of four", [(3, 1, 2)]),
        encode("a message of three different symbols", [(3, 1, 2), (0, 1, 2), (1, 2, 2)]),
        encode("a message of 40 symbols, one of four", [(0, 3, 2)] * 20 + [(3, 1, 2)] * 20),
        encode(
            "a message of bytes of which two leave at once", [(k * 9973 % 65536, 1, 16) for k in range(9)]
        ),
        encode("a message of symbols that own nearly all", [(0, 4095, 12)] * 400 + [(4095, 1, 12)]),
        encode("a message of a symbol that owns all, and others", [(0, 16, 4), (7, 2, 4)] * 30),
        Case("encode", "a message of 150 symbols of several tables", seeded(44, drawn), expected_encode, 0),
        fill("the first fill of six bytes", 0, [1, 2, 3, 4, 5, 6], 0),
        fill("a fill of x = 5 after two bytes", 5, [1, 2, 3, 4, 5, 6], 2),
        fill("a fill of x = 2²³", 2**23, [1, 2, 3], 1),
        fill("a fill of x = 2²³ − 1", 2**23 - 1, [255, 2, 3], 0),
        fill("a fill where bytes are 0", 1, [0, 0, 0, 0, 9], 0),
        fill("a fill where one byte is left", 300, [1, 2, 3], 2),
        fill("a fill where no byte is left", 300, [1, 2, 3], 3),
        fill("a fill of x = 2²⁷, which is large", 2**27, [1, 2, 3], 0),
    ),
    hints=(
        "With f = 1 and k = 4 for each of 16 symbols, what does append do to the hexadecimal digits of x?",
        "divmod(x, f) gives what append needs, divmod(x, 2**k) what remove needs.",
        "encode: for each symbol from the last, x % 256 leaves while appending gives 2³¹ or more.",
    ),
)
