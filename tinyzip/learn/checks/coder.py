"""Depth: what is known of the exercise about the coder."""

from typing import Any

import numpy as np

from tinyzip.archive.coder import Reader, Steps, Writer
from tinyzip.learn.case import Case, Check, Mistake, seeded


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
    mistakes=(
        Mistake(
            "(x // f << k) + c + x % f",
            "(x // f << k) + c",
            "append: x mod f is missing, and remove cannot know it",
        ),
        Mistake(
            "(x // f << k) + c + x % f",
            "(x // f << k) + x % f",
            "append: c is missing: the symbol's slots begin there",
        ),
        Mistake(
            "(x // f << k) + c + x % f",
            "(x << k) // f + c",
            "append: first x // f, which is whole, then times 2ᵏ",
        ),
        Mistake("(x // f << k) + c + x % f", "(x << k) + c + x % f", "append: the division by f is missing"),
        Mistake(
            "(x // f << k) + c + x % f", "(x // f) * k + c + x % f", "append: k is an exponent: times 2ᵏ"
        ),
        Mistake(
            "(x // f << k) + c + x % f",
            "(x // f << k) + c + x % 2**k",
            "append: the rest of the division by f goes along, x mod f",
        ),
        Mistake(
            "f * (x >> k) + x % (1 << k) - c", "f * (x >> k) + x % (1 << k)", "remove: c is still in it: − c"
        ),
        Mistake(
            "f * (x >> k) + x % (1 << k) - c",
            "(x >> k) + x % (1 << k) - c",
            "remove: the factor f is missing",
        ),
        Mistake(
            "f * (x >> k) + x % (1 << k) - c", "f * (x >> k)", "remove: the slot is lost: + (x' mod 2ᵏ) − c"
        ),
        Mistake(
            "f * (x >> k) + x % (1 << k) - c",
            "f * (x >> k) + x % f - c",
            "remove: the slot is x' mod 2ᵏ, not mod f",
        ),
        Mistake(
            "f * (x >> k) + x % (1 << k) - c",
            "(f * x >> k) + x % (1 << k) - c",
            "remove: first ⌊x' / 2ᵏ⌋, then times f",
        ),
        Mistake(
            "in reversed(steps)",
            "in steps",
            "what is appended last comes off first: begin with the last symbol",
        ),
        Mistake(
            "message[::-1]", "message", "the bytes left at the low end, the last first: turn them around"
        ),
        Mistake(
            "    while x > 0:\n        message.append(x % 256)\n        x //= 256\n",
            "",
            "x itself is missing at the end: its bytes belong to the message",
        ),
        Mistake("x, message = 1, []", "x, message = 0, []", "x is 1 at first: a 0 would stay 0 where c is 0"),
        Mistake(
            "while append(x, c, f, k) >= TOP",
            "if append(x, c, f, k) >= TOP",
            "more than one byte may have to leave",
        ),
        Mistake(
            "append(x, c, f, k) >= TOP",
            "x >= TOP",
            "what counts is x after the append: would it be 2³¹ or more?",
        ),
        Mistake(
            "append(x, c, f, k) >= TOP", "append(x, c, f, k) >= 2 * TOP", "bytes leave from 2³¹ on, not 2³²"
        ),
        Mistake(
            "256 * x + message[read]",
            "x + (message[read] << 24)",
            "the next byte comes in at the low end: 256·x + byte",
        ),
        Mistake("while x < LOWEST and", "if x < LOWEST and", "fill: more than one byte may be needed"),
        Mistake("x < LOWEST and", "x <= LOWEST and", "fill: at 2²³ itself nothing is taken"),
        Mistake("x < LOWEST and", "x < TOP and", "fill: bytes are taken while x is below 2²³, not 2³¹"),
        Mistake(
            "while x < LOWEST and read < len(message)",
            "while x < LOWEST and read < len(message) - 1",
            "fill: the last byte counts, too",
        ),
    ),
    others=(
        """
def append(x, c, f, k):
    whole, rest = divmod(x, f)
    return whole * 2**k + c + rest

def remove(x, c, f, k):
    whole, slot = divmod(x, 1 << k)
    return whole * f + (slot - c)

def encode(steps):
    x, message = 1, bytearray()
    for c, f, k in steps[::-1]:
        while x >> (31 - k) >= f:
            message.insert(0, x & 255)
            x >>= 8
        x = append(x, c, f, k)
    return x.to_bytes((x.bit_length() + 7) // 8, "big") + bytes(message)

def fill(x, message, read):
    while x < 1 << 23:
        if read == len(message):
            break
        x = x << 8 | message[read]
        read += 1
    return [x, read]
""",
        """
import numpy as np

def append(x, c, f, k):
    return x + (x // f) * (2**k - f) + c

def remove(x, c, f, k):
    return x - (x >> k) * (2**k - f) - c

def encode(steps):
    x, left = 1, []
    for c, f, k in list(steps)[::-1]:
        while x >= f * 2 ** (31 - k):
            x, low = divmod(x, 256)
            left.append(low)
        x = append(x, c, f, k)
    while x > 0:
        x, low = divmod(x, 256)
        left.append(low)
    return np.array(left[::-1], np.uint8)

def fill(x, message, read):
    if x >= 8388608 or read >= len(message):
        return x, read
    return fill(256 * x + message[read], message, read + 1)
""",
    ),
    hints=(
        "With f = 1 and k = 4 for each of 16 symbols, what does append do to the hexadecimal digits of x?",
        "divmod(x, f) gives what append needs, divmod(x, 2**k) what remove needs.",
        "encode: for each symbol from the last, x % 256 leaves while appending gives 2³¹ or more.",
    ),
)
