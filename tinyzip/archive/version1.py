"""The reader of version 1, whose files begin with 89 74 7A 1A 01.

They go on with the length of the file in four bytes, the CRC-32 of all other bytes in four, all numbers
little-endian, and then one message of asymmetric numeral systems as in `coder`, but with frequencies that
are written down, and in lanes: several numbers x in [2³¹, 2⁶³), symbol i of an array on lane i mod lanes,
32 bits moving at once. 4096 symbols open a second lane, 8192 a third. The message holds the number of its
symbols in four bytes, each lane's x in eight, and the words that moved. It was quick to read with NumPy,
but each lane cost eight bytes, and each table its own.

Numbers of one leaf went as buckets that keep h bits behind the first: with a = |v|,

bucket = sign(v)·(e·2ʰ + ⌊a / 2ᵉ⌋),   e = max(bits(a) − 1 − h, 0)                              (E13)

and the e bits left out followed plain. Their table went as the share of its left half, then of the left
half's left half, and so on, each in as many bits as the half may need.
"""

from collections.abc import Callable
from math import prod
from typing import Any, NoReturn
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyzip.archive.coder import Symbols
from tinyzip.archive.ledger import PART_OF, Ledger
from tinyzip.base.refuse import refuse
from tinyzip.integer.codes import Codes
from tinyzip.integer.fixedpoint import M0_LEAST, Rounding
from tinyzip.integer.layout import Flatten
from tinyzip.integer.operators import (
    Argmax,
    AvgPool2d,
    Conv2d,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Operator,
)
from tinyzip.integer.program import Program

HEAD = 13  # bytes before the message
LOWEST = 1 << 31
WORD, WIDEST = 32, 16
ROWS, MOST_LANES = 4096, 1024
FREE_SYMBOLS, EACH_BYTE = 1 << 19, 16  # symbols that a message may hold: so many, and so many for each byte
PRECISIONS = (4, 5, 6, 7, 8, 9, 10, 12, 14)  # log₂ of what the frequencies of a table add up to
MOST_OPERATORS = 4096
M0_PLACES = M0_LEAST.bit_length() - 1
ROUNDINGS: tuple[Rounding, ...] = ("double", "single", "shift")


Leaf = Callable[["Decoder", int], Any]  # reads a field, given the number of outputs


class Decoder:
    """Reads a message, symbol for symbol.

    Every reader is told how many symbols to expect by what it has read before, so `_expect` counts down from
    the number that the message declares, and nothing is allocated for symbols that it does not hold.
    """

    def __init__(self, message: bytes, source: str) -> None:
        self.source = source
        if len(message) < 4 or len(message) % 4:
            self.refuse(f"a message of {len(message)} bytes", "a multiple of 4")
        self._left = int.from_bytes(message[:4], "little")
        most = FREE_SYMBOLS + EACH_BYTE * len(message)
        if self._left > most:
            self.refuse(f"{self._left} symbols declared", f"{most} or fewer in a file of this length")
        lanes = min(1 + self._left // ROWS, MOST_LANES)
        if len(message) < 4 + 8 * lanes:
            self.refuse(f"a message of {len(message)} bytes", f"{4 + 8 * lanes} or more for {lanes} lanes")
        self._x = np.frombuffer(message, "<u8", lanes, 4).astype(np.uint64)
        self._words = np.frombuffer(message, "<u4", offset=4 + 8 * lanes).astype(np.uint64)
        self._read = 0
        if (self._x < LOWEST).any() or (self._x >> 63).any():
            self.refuse("a lane outside [2³¹, 2⁶³)", "one inside")
        self.ledger = Ledger(self._position())

    def refuse(self, found: object, needed: str) -> NoReturn:
        """Refuse what was read, naming the source."""
        refuse(self.source, found, needed)

    def symbols(self, count: int, frequency: Symbols) -> Symbols:
        """The next `count` symbols, (count,); `frequency` (A,) of each, adding up to a power of two."""
        self._expect(count)
        k = int(frequency.sum()).bit_length() - 1
        owner = np.repeat(np.arange(frequency.size), frequency)
        f = frequency.astype(np.uint64)
        c = (np.cumsum(frequency) - frequency).astype(np.uint64)
        values = np.empty(count, np.int64)
        for first in range(0, count, self._x.size):
            now = self._x[: count - first]
            slot = now & ((1 << k) - 1)
            s = owner[slot]
            values[first : first + s.size] = s
            now[...] = f[s] * (now >> k) + slot - c[s]
            self._refill(now)
        return values

    def uniform(self, count: int, bits: ArrayLike) -> Symbols:
        """The next `count` numbers in [0, 2^bits), (count,), in pieces of 16 bits; `bits` one or (count,)."""
        left = np.broadcast_to(np.asarray(bits, np.int64), (count,))
        values = np.zeros(count, np.int64)
        done = 0
        while (some := np.flatnonzero(left > done)).size:
            self._expect(some.size)
            width = np.minimum(left[some] - done, WIDEST).astype(np.uint64)
            pieces = np.empty(some.size, np.uint64)
            for first in range(0, some.size, self._x.size):
                now = self._x[: some.size - first]
                w = width[first : first + now.size]
                pieces[first : first + now.size] = now & ((np.uint64(1) << w) - 1)
                now >>= w
                self._refill(now)
            values[some] |= pieces.astype(np.int64) << done
            done += WIDEST
        return values

    def number(self, bits: int) -> int:
        """The next number in [0, 2^bits)."""
        return int(self.uniform(1, bits)[0])

    def spent(self, part: str) -> None:
        """What has passed since the last call belongs to this part of the file."""
        self.ledger.move(self._position(), part)

    def _position(self) -> float:
        """How many bits have been used."""
        return WORD * self._read - float(np.log2(self._x).sum())

    def finish(self) -> None:
        """Refuse a message that holds more than was read, or did not begin where every encoder began."""
        if self._left or self._read < self._words.size:
            self.refuse(f"{self._left} symbols too many", "a message that ends with the program")
        if (self._x != LOWEST).any():
            self.refuse("a message that does not end at 2³¹", "one that an encoder wrote")

    def _expect(self, count: int) -> None:
        if count > self._left:
            self.refuse(f"{self._left} symbols left", f"{count} more")
        self._left -= count

    def _refill(self, now: NDArray[np.uint64]) -> None:
        low = now < LOWEST
        count = int(np.count_nonzero(low))
        if self._read + count > self._words.size:
            self.refuse("a message that ends early", "more words")
        now[low] = (now[low] << WORD) | self._words[self._read : self._read + count]
        self._read += count


def get_program(decoder: Decoder) -> Program:
    """Read a whole program; raises ValueError or TypeError where `Program` refuses what was read."""
    shape, codes, count = get_numbers(decoder), get_codes(decoder), get_number(decoder)
    if not 0 < count <= MOST_OPERATORS:
        decoder.refuse(f"{count} operators", f"from 1 to {MOST_OPERATORS}")
    operators = []
    for i in range(count):
        decoder.spent("structure")
        decoder.ledger.place = i
        operators.append(get_operator(decoder))
    return Program(tuple(operators), shape, codes)


def get_operator(decoder: Decoder) -> Operator:
    """Read one operator: its kind, and its fields as they were then, in the order of the file."""
    kind = decoder.number(3)
    if kind >= len(FIELDS):
        decoder.refuse(f"operator kind {kind}", f"0 to {len(FIELDS) - 1}")
    operator, leaves = list(FIELDS.items())[kind]
    decoder.spent("structure")
    values: dict[str, Any] = {}
    for name, leaf in leaves.items():
        values[name] = leaf(decoder, len(values.get("w", ())))
        decoder.spent(PART_OF.get(name, "structure"))
    return operator(**values)


def get_number(decoder: Decoder, F: int = 0) -> int:
    """Read one whole number: its length in 6 bits, its sign, its bits but the first."""
    length = decoder.number(6)
    if not length:
        return 0
    negative, rest = decoder.uniform(2, [1, length - 1])
    magnitude = (1 << (length - 1)) + int(rest)
    return -magnitude if negative else magnitude


def get_numbers(decoder: Decoder, F: int = 0) -> tuple[int, ...]:
    """Read up to 7 whole numbers."""
    return tuple(get_number(decoder) for _ in range(decoder.number(3)))


def get_integers(decoder: Decoder, count: int) -> Symbols:
    """Read `count` numbers in buckets (E13), (count,)."""
    h, k = (int(v) for v in decoder.uniform(2, [2, 4]))
    least, A = get_number(decoder), get_number(decoder)
    most = 33 << h
    if k >= len(PRECISIONS) or A < 1 or least < -most or least + A - 1 > most:
        decoder.refuse(f"a table {k} of {A} buckets from {least}", f"buckets from {-most} to {most}")
    buckets = decoder.symbols(count, np.array(get_split(decoder, A, 1 << PRECISIONS[k])))
    buckets += least
    e = np.maximum((np.abs(buckets) >> h) - 1, 0)
    values: Symbols = np.sign(buckets) * ((np.abs(buckets) - (e << h)) << e)
    shared = np.flatnonzero(e)
    values[shared] += np.sign(buckets[shared]) * decoder.uniform(shared.size, e[shared])
    return values


def get_split(decoder: Decoder, A: int, total: int) -> list[int]:
    """Read a table of A frequencies that add up to `total`."""
    if A == 1 or total == 0:
        return [total] + [0] * (A - 1)
    left = decoder.number(total.bit_length())
    if left > total:
        decoder.refuse(f"{left} of {total} in a table's left half", "no more than all")
    return get_split(decoder, A // 2, left) + get_split(decoder, A - A // 2, total - left)


def get_weights(decoder: Decoder, F: int) -> Symbols:
    """Read the shape, and then the weights; a shape of more than the message has left is refused unread."""
    shape = get_numbers(decoder)
    if not shape or min(shape) < 1:
        decoder.refuse(f"weights of shape {shape}", "at least one in each axis")
    return get_integers(decoder, prod(shape)).reshape(shape)


def get_vector(decoder: Decoder, F: int) -> Symbols:
    """Read (F,) numbers; one, where all are the same."""
    if decoder.number(1):
        return np.full(F, get_number(decoder))
    return get_integers(decoder, F)


def get_multipliers(decoder: Decoder, F: int) -> Symbols:
    """Read (F,) numbers in [2³⁰, 2³¹), without the first bit and without zeros that all end in."""
    same, ends = decoder.uniform(2, [1, 5])
    if ends > M0_PLACES:
        decoder.refuse(f"multipliers that end in {ends} zeros", f"{M0_PLACES} or fewer")
    m0 = decoder.uniform(1 if same else F, M0_PLACES - ends)
    return np.broadcast_to((m0 << ends) + M0_LEAST, (F,))


def get_codes(decoder: Decoder, F: int = 0) -> Codes:
    """Read the five numbers of a grid of codes."""
    values = get_numbers(decoder)
    if len(values) != 5:
        decoder.refuse(f"codes of {len(values)} numbers", "lo, hi, zero, and m, n of the scale")
    lo, hi, zero, *scale = values
    return Codes(lo, hi, zero, (scale[0], scale[1]))


def get_padding(decoder: Decoder, F: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Read ((top, bottom), (left, right))."""
    values = get_numbers(decoder)
    return values[:2], values[2:]


def get_name(decoder: Decoder, F: int) -> str:
    """Read a name: its length in bytes, its bytes."""
    return bytes(decoder.uniform(decoder.number(8), 8).tolist()).decode()


def optional(get: Leaf) -> Leaf:
    """A value that may be None: one bit says whether it is there."""
    return lambda decoder, F: get(decoder, F) if decoder.number(1) else None


WEIGHTED: dict[str, Leaf] = {
    "name": get_name,
    "w": get_weights,
    "bias": get_vector,
    "m0": get_multipliers,
    "n": get_vector,
    "y": optional(get_codes),
    "rounding": lambda decoder, F: dict(enumerate(ROUNDINGS)).get(get_number(decoder)),
    "weight_bits": get_number,
}
WINDOW: dict[str, Leaf] = {
    "name": get_name,
    "kernel": get_numbers,
    "stride": get_numbers,
    "padding": get_padding,
    "y": optional(get_codes),
}
FIELDS: dict[type[Operator], dict[str, Leaf]] = {
    Conv2d: WEIGHTED | {"stride": get_numbers, "padding": get_padding, "groups": get_number},
    Linear: WEIGHTED,
    MaxPool2d: WINDOW,
    AvgPool2d: WINDOW,
    GlobalAvgPool: {
        "name": get_name,
        "m0": optional(get_number),
        "n": optional(get_number),
        "y": optional(get_codes),
        "rounding": WEIGHTED["rounding"],
    },
    Flatten: {"name": get_name},
    Argmax: {"name": get_name},
}


def unpack(data: bytes, source: str) -> tuple[Program, Ledger]:
    """The program in a file of version 1, and where its bits went."""
    if len(data) < HEAD:
        refuse(source, f"{len(data)} bytes", f"{HEAD} or more")
    length = int.from_bytes(data[5:9], "little")
    if length != len(data):
        refuse(source, f"{len(data)} bytes", f"{length}, as the file says")
    stored, checksum = int.from_bytes(data[9:HEAD], "little"), crc32(data[:9] + data[HEAD:])
    if stored != checksum:
        refuse(source, f"checksum {checksum:08x}", f"{stored:08x}, as the file says")
    decoder = Decoder(data[HEAD:], source)
    program = get_program(decoder)
    decoder.finish()
    return program, decoder.ledger
