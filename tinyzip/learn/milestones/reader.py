"""Depth: your reader: your entropy decoder opens a file of 1,016 bytes, and the file reads handwriting.

`mnist-1024.tz` holds a network of 4,958 parameters. All that stands in it, the sizes of its layers as well as
their weights, is a row of decisions, each of them appended to one large number by the odds that had been
learned before it. Your `decide` and `remove` take them off again and your `fill` brings the bytes; the
library only knows which question comes next, and counts. One decision that is read wrongly spoils all after
it, since both the number and the odds are others from there on: no network would come out.

Then the way back. What was read is written again by your `encode`, and has to give the bytes of the file.
"""

from collections.abc import Callable

import numpy as np

from tinyzip.archive.coder import CHANCE, SLOTS, Cell, Reader, count
from tinyzip.archive.format import HEAD
from tinyzip.archive.records import walk_program
from tinyzip.integer import Program
from tinyzip.integer.operators import Weighted
from tinyzip.learn.judge import Wrong
from tinyzip.learn.milestones.digits import committed, validation
from tinyzip.learn.milestones.luck import interval
from tinyzip.learn.milestones.own import Own
from tinyzip.quant.door.classify import classify

AFTER = "odds"
USES = "entropy", "coder", "odds"
FILE = "mnist-1024.tz"
COUNT, NEEDED = 300, 0.97


class Decoder(Reader):
    """The library's reader with the student's `decide`, `remove` and `fill`; it notes each step (c, f, k)."""

    def __init__(self, own: Own, message: bytes, source: str) -> None:
        self.own = own
        self.steps: list[tuple[int, int, int]] = []
        super().__init__(message, source)

    def bit(self, value: int | None, a: Cell, b: Cell | None = None) -> int:
        b = a if b is None else b
        one = self.own.chance(tuple(a), tuple(b))
        bit, self._x = self.own.decide(self._x, tuple(a), tuple(b))
        self.steps.append((0, one, CHANCE) if bit else (one, SLOTS - one, CHANCE))
        self._fill()
        count(bit, a, b)
        return int(bit)

    def _remove(self, start: int, frequency: int, k: int) -> None:
        self._x = self.own.remove(self._x, start, frequency, k)
        self.steps.append((start, frequency, k))
        self._fill()

    def _fill(self) -> None:
        self._x, self._read = self.own.fill(self._x, self._message, self._read)


def run(own: Own, say: Callable[[str], None]) -> str:
    """Read the file, write it again, and classify."""
    message = committed()[FILE][HEAD:]
    decoder = Decoder(own, message, FILE)
    program = walk_program(decoder, None)
    decoder.finish()
    say(f"{FILE}: {len(decoder.steps):,} steps out of {len(message):,} bytes")
    if bytes(own.encode(decoder.steps)) != message:
        raise Wrong("encode: the steps that were read, written again, are not the bytes of the file")
    say(f"written again, they are the same {len(message):,} bytes")
    say(by_frequency_alone(own, program, len(message)))
    digits = validation(None)
    images, labels = digits.images[:COUNT], digits.labels[:COUNT]
    right = int((classify(program, images, product="printed") == labels).sum())
    low, high = interval(COUNT - right, COUNT)
    told = f"{right} of {COUNT} validation images, {1 - high:.1%} to {1 - low:.1%} of all such"
    if right < NEEDED * COUNT:
        raise Wrong(f"it reads {told}; {NEEDED:.0%} were needed")
    return f"your reader opens {FILE}, and it reads {told}"


def by_frequency_alone(own: Own, program: Program, size: int) -> str:
    """What the weights would take, if all that one knew were how often each comes."""
    weights = np.concatenate([o.w.ravel() for o in program.operators if isinstance(o, Weighted)])
    counts = np.bincount(weights.astype(np.int64) + 128)
    bits = own.message_bits(counts, counts / weights.size)
    if not np.isclose(bits, weights.size * own.entropy(counts)):
        raise Wrong("message_bits: with the frequencies themselves it is not N times the entropy")
    file = f"in the file, which has no table of these, all else is in the {size:,}, too"
    return f"by their frequencies {weights.size:,} weights take {bits / 8:,.0f} bytes; {file}"
