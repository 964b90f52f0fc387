"""Asymmetric numeral systems: a message as one large number.

Appending a decimal digit d to a number x makes 10·x + d. The ten digits then cost the same, log₂ 10
bits each, which wastes bits when some digits come often. An asymmetric numeral system (Duda 2013,
arXiv:1311.2540, section 2.2) gives a frequent symbol more of the number line. Let symbol s own
`frequency` f of every M = 2ᵏ neighbouring integers, those from `start` c on. Then

append    x' = ⌊x / f⌋·M + c + (x mod f)                                                      (E1)
remove    x  = f·⌊x' / M⌋ + (x' mod M) − c,      s = the owner of x' mod M                    (E2)

are inverse to each other, and x' ≈ x·M/f: a symbol of probability f/M costs log₂(M/f) bits, its share
of the entropy, fractions of a bit included. What was appended last comes off first, so the encoder
walks through the message backwards and the decoder forwards.

To keep x in a machine word it is held in [L, 2³²·L) with L = 2³¹: before an append that would leave
the interval, the low 32 bits move to the output; after a remove that left it, they come back. Both sides
make the same decision because L is a multiple of M.

How much longer than the entropy is the result? E1 gives x' < (x·M/f)·(1 + f/x), and x ≥ f·L/M:

bits ≤ Σ log₂(M/f) + symbols·log₂(1 + M/L) + 64·lanes + 32                                    (E3)

where M/L ≤ 2⁻¹⁵, 64 bits a lane hold its last x, and 32 hold the number of symbols.

Lanes make it quick. Several numbers x grow side by side, symbol i of an array on lane i mod lanes, so
that one NumPy operation appends a whole row of symbols. 4096 symbols open a second lane, 8192 a third:
a long message takes a bounded number of rows, and a short one pays for few lanes. A row holds symbols of
one array only, so the decoder has to ask for arrays of the same sizes.
"""

from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyzip.base.refuse import refuse

LOWEST = 1 << 31  # L of (E3)
WORD = 32  # bits that move at once
WIDEST = 16  # the largest k: no symbol is rarer than 2⁻¹⁶
LONGEST = 1 << 23  # the most symbols in one message
ROWS = 4096  # symbols a lane, before another is opened
MOST_LANES = 1024

Symbols = NDArray[np.int64]


def lanes_of(symbols: int) -> int:
    """How many numbers grow side by side in a message of so many symbols."""
    return min(1 + symbols // ROWS, MOST_LANES)


class Encoder:
    """Collects symbols in the order in which a `Decoder` will return them; `finish` codes them."""

    def __init__(self) -> None:
        self._arrays: list[tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint8]]] = []
        self._symbols = 0

    def symbols(self, values: Symbols, frequency: Symbols) -> None:
        """Append symbols of known frequencies.

        values     (N,) int64, each an index into `frequency` whose entry is not zero
        frequency  (A,) int64, sums to a power of two, 2¹⁶ or less
        """
        k = int(frequency.sum()).bit_length() - 1
        start = np.cumsum(frequency) - frequency
        self._append(start[values], frequency[values], np.full(values.size, k))

    def uniform(self, values: ArrayLike, bits: ArrayLike) -> None:
        """Append whole numbers in [0, 2^bits), all of them equally likely; `bits` one or one a number.

        Numbers of more than 16 bits go in pieces, the low bits first.
        """
        rest = np.atleast_1d(np.asarray(values, np.int64))
        left = np.broadcast_to(np.asarray(bits, np.int64), rest.shape)
        while (some := left > 0).any():
            rest, left = rest[some], left[some]
            width = np.minimum(left, WIDEST)
            self._append(rest & ((1 << width) - 1), np.ones_like(rest), width)
            rest, left = rest >> width, left - width

    def _append(self, start: Symbols, frequency: Symbols, k: Symbols) -> None:
        self._symbols += start.size
        if self._symbols > LONGEST:
            refuse("archive", f"more than {LONGEST} symbols", "a smaller program")
        self._arrays.append((start.astype(np.uint32), frequency.astype(np.uint32), k.astype(np.uint8)))

    def finish(self) -> bytes:
        """The message: number of symbols (4 bytes), each lane's x (8 bytes), then the moved words."""
        lanes = lanes_of(self._symbols)
        x = np.full(lanes, LOWEST, np.uint64)
        moved: list[NDArray[np.uint32]] = []
        for start, frequency, k in reversed(self._arrays):
            c, f, shift = start.astype(np.uint64), frequency.astype(np.uint64), k.astype(np.uint64)
            for first in reversed(range(0, c.size, lanes)):
                row = slice(first, first + lanes)
                now = x[: c[row].size]
                leaves = (now >> (63 - shift[row])) >= f[row]
                moved.append(now[leaves].astype(np.uint32))
                now[leaves] >>= WORD
                whole, part = np.divmod(now, f[row])
                now[...] = (whole << shift[row]) + c[row] + part
        words = np.concatenate([*moved[::-1], np.empty(0, np.uint32)])
        head = np.array([self._symbols], "<u4")
        return head.tobytes() + x.astype("<u8").tobytes() + words.astype("<u4").tobytes()


class Decoder:
    """Reads a message of `Encoder` back, symbol for symbol.

    Every reader is told how many symbols to expect by what it has read before, so `_row` counts down
    from the number that the message declares, and nothing is allocated for symbols that it does not hold.
    """

    def __init__(self, message: bytes, source: str) -> None:
        """message  what `Encoder.finish` returned
        source   what to call it in an error: the name of the file
        """
        self.source = source
        if len(message) < 4 or len(message) % 4:
            self.refuse(f"a message of {len(message)} bytes", "a multiple of 4")
        self._left = int.from_bytes(message[:4], "little")
        if self._left > LONGEST:
            self.refuse(f"{self._left} symbols declared", f"{LONGEST} or fewer")
        lanes = lanes_of(self._left)
        if len(message) < 4 + 8 * lanes:
            self.refuse(
                f"a message of {len(message)} bytes", f"{4 + 8 * lanes} or more for its {lanes} lanes"
            )
        self._x = np.frombuffer(message, "<u8", lanes, 4).astype(np.uint64)
        self._words = np.frombuffer(message, "<u4", offset=4 + 8 * lanes).astype(np.uint64)
        self._read = 0
        if (self._x < LOWEST).any() or (self._x >> 63).any():
            self.refuse("a lane outside [2³¹, 2⁶³)", "one inside")

    def refuse(self, found: object, needed: str) -> NoReturn:
        """Refuse what was read, naming the source."""
        refuse(self.source, found, needed)

    def symbols(self, count: int, frequency: Symbols) -> Symbols:
        """The next `count` symbols; `frequency` as for the encoder. (count,) int64."""
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
        """The next `count` numbers in [0, 2^bits); `bits` one or one a number. (count,) int64."""
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

    def finish(self) -> None:
        """Refuse a message that holds more than was read, or did not begin where every encoder begins."""
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
