"""Files that somebody has damaged on purpose: they are refused by ValueError, soon and in little memory.

    python tests/archive/hostile.py --files 200000 --json hostile.json

The checksum of every file is mended, so that the reader has to stand alone. Files are damaged in two ways. In
their bytes: bits and bytes change; pieces move from one file to another, go missing, come twice. And in what
they say, where it hurts more: a writer that lies flips decisions and takes plain numbers to their ends, and
all that follows is coded as it should be. So lengths, shapes, tables, lists and runs of every size are met.
"""

import argparse
import json
import sys
import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock
from zlib import crc32

import numpy as np
from known_programs import every_field, every_kind, spread

from tinyzip.archive import fields, numbers, records, shorten, weights
from tinyzip.archive.coder import SLOTS, Cell, Coder, Steps, Writer
from tinyzip.archive.format import MARK, VERSION, unpack
from tinyzip.archive.records import walk_program
from tinyzip.integer import Argmax, Codes, Linear, Program

MEGABYTE = 1 << 20 if sys.platform == "darwin" else 1 << 10  # in units of ru_maxrss
EDGES = (0, 1, 127, 128, 254, 255)


def sealed(message: bytes) -> bytes:
    """A file that is right in all but its message."""
    start = MARK + bytes([VERSION])
    return start + crc32(start + message).to_bytes(4, "little") + message


class Liar(Writer):
    """A writer that says something else now and then; what follows from it is coded as it should be."""

    def __init__(self, rng: np.random.Generator, rate: float) -> None:
        super().__init__("liar")
        self.rng, self.rate = rng, rate

    def bit(self, value: int | None, a: Cell, b: Cell | None = None) -> int:
        return super().bit(not value if self.rng.random() < self.rate else value, a, b)

    def plain(self, value: int | None, bits: int) -> int:
        most = (1 << bits) - 1
        if self.rng.random() < self.rate or value is None or not 0 <= value <= most:
            value = [0, most, most // 2, most - 1 if bits else 0][self.rng.integers(4)]
        return super().plain(value, bits)

    def steps(self, steps: Steps) -> None:
        start, frequency, k = (column.copy() for column in steps)
        lies = (self.rng.random(start.size) < self.rate / 20) & (k == 12) & (frequency < SLOTS)
        other = np.where(start > 0, 0, frequency)
        frequency[lies] = np.where(start > 0, start, SLOTS - frequency)[lies]
        start[lies] = other[lies]
        super().steps(Steps(start, frequency, k))


def lies(program: Program, rng: np.random.Generator) -> bytes:
    """The message of a liar, up to where it no longer knew what to say."""
    writer = Liar(rng, 10.0 ** -rng.integers(1, 4))
    try:
        walk_program(writer, program)
        return writer.finish()
    except Exception:
        return writer.finish() if writer.taken else b""


def stated(programs: Sequence[Program], extremes: Sequence[int]) -> Iterator[tuple[str, bytes]]:
    """Files in which one natural number is an extreme, of each name the first; the rest is true."""
    natural, seen = numbers.natural, set[tuple[Hashable, ...]]()

    def write(program: Program, at: int, value: int) -> tuple[list[tuple[Hashable, ...]], bytes]:
        writer, names = Writer("liar"), list[tuple[Hashable, ...]]()

        def lying(coder: Coder, given: int | None, *name: Hashable) -> int:
            if coder is not writer:
                return natural(coder, given, *name)
            names.append(name)
            natural(coder, value if len(names) - 1 == at else given, *name)
            return given

        with ExitStack() as patches:
            for room in (fields, numbers, records, weights):
                patches.enter_context(mock.patch.object(room, "natural", lying))
            walk_program(writer, program)
        return names, writer.finish()

    for program in programs:
        for at, name in enumerate(write(program, -1, 0)[0]):
            if name not in seen:
                seen.add(name)
                for value in extremes:
                    yield "/".join(map(str, name)), sealed(write(program, at, value)[1])


def damaged(messages: list[bytes], rng: np.random.Generator) -> bytes:
    """One of the messages with its bytes changed in up to four places."""
    data = bytearray(messages[rng.integers(len(messages))])
    for _ in range(rng.integers(1, 5)):
        place = int(rng.integers(len(data) + 1))
        length = int(rng.integers(1, 1 + min(len(data) + 1, 2 ** int(rng.integers(1, 9)))))
        match rng.integers(6):
            case 0 if place < len(data):
                data[place] ^= 1 << int(rng.integers(8))
            case 1 if place < len(data):
                data[place] = EDGES[rng.integers(len(EDGES))]
            case 2:
                data[place : place + length] = rng.bytes(length)
            case 3:
                other = messages[rng.integers(len(messages))]
                start = int(rng.integers(len(other)))
                data[place : place + length] = other[start : start + length]
            case 4:
                del data[place : place + length]
            case 5:
                data[place:place] = data[place : place + length]
    return bytes(data)


def few_weights() -> Program:
    """Weights that are listed, plain, and mostly zero; few, so that many files can be tried."""
    y = Codes(0, 15, 0, (5, 7))
    listed = np.array([-100, -7, 0, 40, 90])[spread(12, 16, most=2) + 2]
    sparse = np.where(spread(30, 40, most=50) > 48, spread(30, 40, most=9), 0)
    return Program(
        (
            Linear(listed, None, 2**30 + 3, 40, y, name="listed"),
            Linear(spread(40, 12, most=127), None, 2**30, 44, y, name="plain"),
            Linear(sparse, spread(30, most=5), 2**30, 36, y, name="sparse"),
            Argmax(),
        ),
        (16,),
        Codes(0, 255, 0),
    )


def files(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Damaged files, each with the way in which it was damaged."""
    rng = np.random.default_rng(seed)
    whole = [every_field(), shorten(every_field()), every_kind(), few_weights()]
    messages = []
    for program in whole:
        writer = Writer("hostile")
        walk_program(writer, program)
        messages.append(writer.finish())
    for number in range(count):
        if number % 2:
            yield "bytes", sealed(damaged(messages, rng))
        else:
            yield "lies", sealed(lies(whole[rng.integers(len(whole))], rng))


def attack(count: int, seed: int = 0, progress: int = 0) -> dict[str, Any]:
    """What came of `count` files: how many of each kind were read or refused, and what else was raised."""
    found: dict[str, Any] = {"files": 0, "read": 0, "refused": 0, "other": [], "slowest_s": 0.0, "kinds": {}}
    before = None
    for kind, data in files(count, seed):
        start = time.process_time()
        try:
            unpack(data, "hostile.tz")
            outcome = "read"
        except ValueError as error:
            outcome = "refused"
            if "\n" in str(error) or not str(error).startswith("hostile.tz: found "):
                found["other"].append(f"{kind}: {error!r}")
        except BaseException as error:
            outcome = "other"
            found["other"].append(f"{kind}: {error!r}: {data.hex()}")
        seconds = time.process_time() - start
        found["slowest_s"] = max(found["slowest_s"], seconds)
        found["files"] += 1
        if outcome != "other":
            found[outcome] += 1
        found["kinds"].setdefault(kind, {"read": 0, "refused": 0, "other": 0})[outcome] += 1
        import resource  # Windows has none

        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
            1 << 20 if sys.platform == "darwin" else 1 << 10
        )
        before = memory if before is None else before
        found["memory_mb"] = memory - before
        if progress and found["files"] % progress == 0:
            print(found | {"other": len(found["other"])}, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="where to write the result for machines")
    args = parser.parse_args()
    found = attack(args.files, args.seed, progress=10_000)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(
        f"{found['files']:,} files: {found['read']:,} read, {found['refused']:,} refused by ValueError,"
        f" {len(found['other'])} otherwise; the slowest took {found['slowest_s']:.2f} s,"
        f" all of them no more than {found['memory_mb']:.0f} MB"
    )
    for kind, outcomes in found["kinds"].items():
        print(f"  {kind}: {outcomes}")
    if found["other"]:
        sys.exit("\n".join(found["other"][:20]))


if __name__ == "__main__":
    main()
