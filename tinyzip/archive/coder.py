"""Asymmetric numeral systems: a message as one large number.

Appending a decimal digit d to a number x makes 10·x + d. The ten digits then cost the same, log₂ 10
bits each, which wastes bits when some digits come often. An asymmetric numeral system (Duda 2013,
arXiv:1311.2540, section 2.2) gives a frequent symbol more of the number line. Let a symbol own
`frequency` f of every 2ᵏ neighbouring integers, those from `start` c on. Then

append    x' = ⌊x / f⌋·2ᵏ + c + (x mod f)                                                      (E2)
remove    x  = f·⌊x' / 2ᵏ⌋ + (x' mod 2ᵏ) − c,      the symbol is the owner of x' mod 2ᵏ        (E3)

are inverse to each other, and x' ≈ x·2ᵏ/f: a symbol of probability f/2ᵏ costs log₂(2ᵏ/f) bits, its share
of the entropy, fractions of a bit included. What was appended last comes off first, so the writer walks
through the message backwards and the reader forwards.

To keep x small, bytes leave at its low end: as long as an append would make it 2³¹ or more, its lowest byte
moves to the output. In the end the bytes of x itself follow. The reader takes bytes while x < 2²³ and there
are any. The two do the same, because 2²³ is a multiple of every 2ᵏ in use (k ≤ 16). And as x starts at 1, a
short message pays for what it says and for one byte that may not be full, but for no first state. That the
reader ends at 1 with no byte left is a check on all that it has read.

How much longer than the entropy is the result? (E2) gives x' < (x·2ᵏ/f)·(1 + f/x). What comes before the
first byte leaves takes no more than 31 bits; from then on x ≥ f·2²³⁻ᵏ; and the last byte may not be full:

bits ≤ Σ log₂(2ᵏ/f) + Σ log₂(1 + 2ᵏ⁻²³) + 38                                                   (E4)

both sums over the steps; for k = 12 the second adds 0.0007 bits a step at most.

What did each part of a message cost? x holds log₂ x bits that have been taken from the message and not yet
used. So a reader that has taken `read` bits has used

position = read − log₂ x                                                                       (E1)

of them, fractions included.

Where do frequencies come from? Nobody writes them down: both sides count what has passed. A decision between
0 and 1 has a place of its own, where its zeros and ones are counted. After a₀ zeros and a₁ ones, the estimate
that is never far from the best in hindsight is

odds of a one = (a₁ + ½) / (a₀ + ½)            (E5)  [Krichevsky & Trofimov 1981]

Often two places could tell, say one that knows a weight's neighbours and one that knows its channel. Then the
two estimates are averaged as logarithms of odds, as in PAQ [Mahoney 2005]: there the surer of the two counts
for more. The mean of two logarithms is the logarithm of a root, so

odds of a one = √((a₁ + ½)·(b₁ + ½)) / √((a₀ + ½)·(b₀ + ½))                                    (E6)

needs neither logarithm nor float. A whole root of a whole number is the same in every language. As
√(p·q) + √((1 − p)·(1 − q)) ≤ 1, the mean never costs more than the two estimates do on average.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from math import isqrt, log2
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse

LOWEST = 1 << 23  # below, the reader takes bytes
TOP = 31  # the writer gives bytes off that x may stay below 2³¹
PLAIN = 16  # plain bits that go in one step
CHANCE = 12  # k of a decision
SLOTS = 1 << CHANCE
FREE_STEPS, FREE_ROOM, EACH_BYTE = 1 << 18, 1 << 22, 8  # what a message may take, free and for a byte
COST_BITS = 16

PROGRAM = -1  # the place of what belongs to no operator

Cell = list[int]  # how many zeros and ones were counted in one place
Symbols = NDArray[np.integer[Any]]
LOGARITHMS = np.rint(np.log2(np.maximum(np.arange(SLOTS + 1), 1)) * (1 << COST_BITS)).astype(np.int64)
LOGARITHM_LIST = LOGARITHMS.tolist()


class Steps(NamedTuple):
    """Many symbols, which own `frequency` of 2ᵏ integers from `start` on; all (N,) int64, k ≤ 12."""

    start: Symbols
    frequency: Symbols
    k: Symbols

    @property
    def cost(self) -> int:
        """Σ log₂(2ᵏ/f), what they take, in units of 2⁻¹⁶ bit: a whole number, the same on every machine."""
        return int(((self.k << COST_BITS) - LOGARITHMS[self.frequency]).sum())


def chance(a: Cell, b: Cell) -> int:
    """How many of 4096 slots a one owns, 1 to 4095, by (E6); with a = b that is (E5)."""
    one = isqrt((2 * a[1] + 1) * (2 * b[1] + 1) << 8)
    zero = isqrt((2 * a[0] + 1) * (2 * b[0] + 1) << 8)
    return min(max((one << CHANCE) // (one + zero), 1), SLOTS - 1)


def chances(a: Symbols, b: Symbols) -> Symbols:
    """`chance` of many pairs of places; a, b (N, 2) counts below 2²¹, whose roots float64 finds exactly."""
    roots = np.sqrt(((2 * a + 1) * (2 * b + 1) << 8).astype(np.float64)).astype(np.int64)
    slots: Symbols = np.clip((roots[:, 1] << CHANCE) // roots.sum(1), 1, SLOTS - 1)
    return slots


def count(bit: int, a: Cell, b: Cell) -> None:
    """Count a decision in its places; once, where both are the same."""
    a[bit] += 1
    if b is not a:
        b[bit] += 1


class Ledger:
    """The bits that each part of a file takes: how far (E1) moves while it is read.

    place  the number of the operator that is being read, or PROGRAM
    bits   by place and part
    """

    def __init__(self, position: float = 0.0) -> None:
        """position  where the first field begins"""
        self.place = PROGRAM
        self.bits: dict[tuple[int, str], float] = {}
        self._position = position

    def move(self, position: float, part: str) -> None:
        """Put down to a part all that was used since the last call."""
        key = self.place, part
        self.bits[key] = self.bits.get(key, 0.0) + position - self._position
        self._position = position


class Coder(ABC):
    """What a writer and a reader have in common, so that one walk over a program serves both.

    The walk hands each value to `bit` or `plain` and goes on with what comes back: from a writer the value
    itself; from a reader, which is handed None, what the message says.

    source  what to call the message in an error
    ledger  where the bits went, from a reader
    last    by name, the value that a field had when it was last met
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.ledger = Ledger()
        self.last: dict[Hashable, Any] = {}
        self._cells: dict[Hashable, Cell] = {}

    def refuse(self, found: object, needed: str) -> NoReturn:
        """Refuse what was met, naming the source."""
        refuse(self.source, found, needed)

    def cell(self, *name: Hashable) -> Cell:
        """The place of this name, where decisions are counted."""
        return self._cells.setdefault(name, [0, 0])

    @abstractmethod
    def bit(self, value: int | None, a: Cell, b: Cell | None = None) -> int:
        """One decision by (E5), or with b by (E6); it is counted in both places."""

    @abstractmethod
    def plain(self, value: int | None, bits: int) -> int:
        """A whole number in [0, 2^bits), all of them equally likely: 16 bits a step, the low ones first."""

    @abstractmethod
    def room(self, count: int) -> None:
        """Ask for room for so many weights. A reader refuses more than a message of its length may have."""

    @abstractmethod
    def expect(self, steps: int) -> None:
        """Announce so many steps at least. A reader refuses now what would take more than are left."""

    @abstractmethod
    def spent(self, part: str) -> None:
        """What has passed since the last call belongs to this part of the file: for a reader's ledger."""


class Writer(Coder):
    """Collects steps in the order in which a `Reader` will meet them; `finish` makes a message of them.

    cost  what they cost, as in `Steps`
    """

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self._starts: list[int] = []
        self._frequencies: list[int] = []
        self._widths: list[int] = []
        self.cost = 0

    def bit(self, value: int | None, a: Cell, b: Cell | None = None) -> int:
        b = a if b is None else b
        one, bit = chance(a, b), int(bool(value))
        self._step(0 if bit else one, one if bit else SLOTS - one, CHANCE)
        count(bit, a, b)
        return bit

    def plain(self, value: int | None, bits: int) -> int:
        if value is None or not 0 <= value < 1 << bits:
            self.refuse(value, f"a whole number of {bits} bits")
        for done in range(0, bits, PLAIN):
            width = min(bits - done, PLAIN)
            self._step(value >> done & ((1 << width) - 1), 1, width)
        return value

    def room(self, count: int) -> None:
        """Nothing: weights that are to be written are in memory already."""

    def expect(self, steps: int) -> None:
        """Nothing: `finish` counts them."""

    def spent(self, part: str) -> None:
        """Nothing: a writer keeps no ledger."""

    def _step(self, start: int, frequency: int, k: int) -> None:
        self._starts.append(start)
        self._frequencies.append(frequency)
        self._widths.append(k)
        self.cost += (k << COST_BITS) - LOGARITHM_LIST[frequency]

    def steps(self, steps: Steps) -> None:
        """Append many steps."""
        self._starts += steps.start.tolist()
        self._frequencies += steps.frequency.tolist()
        self._widths += steps.k.tolist()
        self.cost += steps.cost

    @property
    def taken(self) -> int:
        """The number of steps so far."""
        return len(self._starts)

    def left(self, steps: Steps) -> int:
        """How many steps a reader would still take, were these the last."""
        bits = (self.cost + steps.cost) >> COST_BITS
        return FREE_STEPS + EACH_BYTE * bits // 8 - self.taken - steps.k.size

    def finish(self) -> bytes:
        """The message. Raises ValueError where it has more steps than a reader would take."""
        x, moved = 1, bytearray()
        for c, f, k in zip(self._starts[::-1], self._frequencies[::-1], self._widths[::-1], strict=True):
            while x >> (TOP - k) >= f:
                moved.append(x & 255)
                x >>= 8
            whole, part = divmod(x, f)
            x = (whole << k) + c + part
        while x:
            moved.append(x & 255)
            x >>= 8
        most = FREE_STEPS + EACH_BYTE * len(moved)
        if self.taken > most:
            self.refuse(f"{self.taken} steps in {len(moved)} bytes", f"{most} or fewer")
        return bytes(moved[::-1])


class Reader(Coder):
    """Reads a message of `Writer` back, step by step.

    Nothing in it is believed. A message of B bytes may take 2¹⁸ + 8·B steps and may ask for room for
    2²² + 8·B weights, so that no small file takes much time or memory.
    """

    def __init__(self, message: bytes, source: str) -> None:
        super().__init__(source)
        self._message = message
        self._read = 0
        self._steps = FREE_STEPS + EACH_BYTE * len(message)
        self._room = FREE_ROOM + EACH_BYTE * len(message)
        self._x = 0
        self._fill()
        self.ledger = Ledger(self._position())

    def bit(self, value: int | None, a: Cell, b: Cell | None = None) -> int:
        b = a if b is None else b
        one = chance(a, b)
        bit = int(self._x % SLOTS < one)
        self._remove(0 if bit else one, one if bit else SLOTS - one, CHANCE)
        count(bit, a, b)
        return bit

    def plain(self, value: int | None, bits: int) -> int:
        value = 0
        for done in range(0, bits, PLAIN):
            width = min(bits - done, PLAIN)
            piece = self._x & ((1 << width) - 1)
            self._remove(piece, 1, width)
            value |= piece << done
        return value

    def symbol(self, owner: list[int], start: list[int], frequency: list[int]) -> int:
        """One of many symbols: `owner` of each of the 4096 slots; start and frequency of each symbol."""
        symbol = owner[self._x % SLOTS]
        self._remove(start[symbol], frequency[symbol], CHANCE)
        return symbol

    def _remove(self, start: int, frequency: int, k: int) -> None:
        """(E3), and bytes until x is 2²³ again."""
        self._x = frequency * (self._x >> k) + (self._x & ((1 << k) - 1)) - start
        if self._x < LOWEST:
            self._fill()
        self._steps -= 1
        if self._steps < 0:
            self.refuse("more steps than its length allows", "fewer, as every writer takes")

    def _fill(self) -> None:
        while self._x < LOWEST and self._read < len(self._message):
            self._x = self._x << 8 | self._message[self._read]
            self._read += 1

    def room(self, count: int) -> None:
        if count > self._room:
            self.refuse(f"{count} weights", f"{self._room} or fewer in a file of this length")
        self._room -= count

    def expect(self, steps: int) -> None:
        if steps > self._steps:
            self.refuse(f"{steps} steps to come", f"{self._steps} or fewer in a file of this length")

    def spent(self, part: str) -> None:
        self.ledger.move(self._position(), part)

    def _position(self) -> float:
        """(E1)"""
        return 8 * self._read - log2(max(self._x, 1))

    def finish(self) -> None:
        """Refuse a message that holds more than was read, or did not begin where every writer begins."""
        if self._read < len(self._message):
            self.refuse(f"{len(self._message) - self._read} bytes too many", "an end with the program")
        if self._x != 1:
            self.refuse("a message that does not end at 1", "one that a writer wrote, whole")
