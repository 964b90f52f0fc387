"""Everything here that reads a file which somebody else may have made: with small files of its kind, and with
each number that they state changed.

A file's checksum is mended after each change, so that the reader has to stand alone.
"""

import gzip
import json
import re
import struct
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from hostile import sealed
from onnx_wire import varint

from tinyzip.archive.format import MARK, pack, unpack
from tinyzip.base.arrays import CHECKSUM, FIXED
from tinyzip.cli.npy import read_npy, write_npy
from tinyzip.exchange import onnx, tflite
from tinyzip.integer import Argmax, Codes, Linear, Program
from tinyzip.nn.models import separable_net, student_net
from tinyzip.quant.choose.auto import quantize
from tinyzip.quant.training.saved import load, save
from tinyzip.train.data import read_idx
from tinyzip.train.fit import fit
from tinyzip.train.run.checkpoint import read as read_checkpoint

DATA = Path(__file__).parents[1] / "data"
EXTREMES = (0, 1, 2, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)


class Reader(NamedTuple):
    """How files of a kind are read.

    read    takes a path; raises ValueError for what it refuses
    files   small ones, of several contents
    stated  a file's bytes -> those with one of the numbers that it states changed
    mended  any bytes -> with what the reader checks first, so that more than that is asked
    least   and times: a read takes no more memory than `least` bytes and `times` the file's
    """

    read: Callable[[Path], Any]
    files: Callable[[], list[bytes]]
    stated: Callable[[bytes], Iterator[bytes]]
    mended: Callable[[bytes], bytes]
    least: int
    times: int


def as_it_is(data: bytes) -> bytes:
    return data


def written(*writers: Callable[[Path], Any]) -> list[bytes]:
    """What each writes to a path."""
    found = []
    with TemporaryDirectory() as folder:
        for number, write in enumerate(writers):
            path = Path(folder, f"file{number}")
            write(path)
            found.append(path.read_bytes())
    return found


def integers(data: bytes, first: int, size: int, step: int) -> Iterator[bytes]:
    """Little-endian numbers of `size` bytes from `first` on, each at its extremes."""
    for at in range(first, len(data) - size + 1, step):
        for value in EXTREMES:
            if value < 1 << 8 * size:
                yield data[:at] + value.to_bytes(size, "little") + data[at + size :]


# .tz: `tests/archive/hostile.py` changes what its fields say; here its bytes change


def programs() -> list[bytes]:
    w = np.arange(-12, 12).reshape(4, 6)
    program = Program((Linear(w, None, 2**30, 33, Codes(0, 15, 0)), Argmax()), (6,), Codes(0, 255, 0))
    return [pack(program), (DATA / "version2-kinds.tz").read_bytes()]


HEAD = len(MARK) + 5  # bytes before the message: the mark, the version and a checksum


def sealed_program(data: bytes) -> bytes:
    """With the mark, the version and the checksum of a .tz file."""
    return sealed(data[HEAD:])


def changed_program(data: bytes) -> Iterator[bytes]:
    return (sealed_program(other) for other in integers(data, HEAD, 1, 1))


# .onnx: Protocol Buffers, whose numbers are of any length


@cache
def onnx_files() -> list[bytes]:
    return [path.read_bytes() for path in sorted((DATA / "onnx").glob("odd*script*.onnx"))]


NESTED = {(): (7, 8), (7,): (1, 5, 11, 12), (7, 1): (5,), (7, 1, 5): (5,)}
for entry in (11, 12):
    NESTED |= {(7, entry): (2,), (7, entry, 2): (1,), (7, entry, 2, 1): (2,), (7, entry, 2, 1, 2): (1,)}
PACKED = {(7, 5): (1,), (7, 1, 5): (8,), (7, 1, 5, 5): (1,)}
"""Which fields of ONNX's messages are messages, and which are lists of numbers; () is the model."""


def changed_varints(data: bytes, path: tuple[int, ...] = ()) -> Iterator[bytes]:
    """Each number of a message, and of those in it, with the lengths that follow from the change."""

    def number(at: int) -> tuple[int, int]:
        value = shift = 0
        while data[at] > 127:
            value, shift, at = value | (data[at] & 127) << shift, shift + 7, at + 1
        return value | data[at] << shift, at + 1

    at = 0
    while at < len(data):
        tag, first = number(at)
        field, kind = tag >> 3, tag & 7
        value, end = number(first) if kind in (0, 2) else (0, first + (8 if kind == 1 else 4))
        if kind == 0:
            yield from (data[:first] + varint(other) + data[end:] for other in EXTREMES)
        elif kind == 2:
            start, end = end, end + value
            inner: Iterator[bytes] = iter(())
            if field in NESTED.get(path, ()):
                inner = changed_varints(data[start:end], (*path, field))
            elif field in PACKED.get(path, ()):
                inner = (varint(other) + data[start + 1 : end] for other in EXTREMES)
            for changed in inner:
                yield data[:first] + varint(len(changed)) + changed + data[end:]
        at = end


# .npy: its header is text


def npy_files() -> list[bytes]:
    arrays = np.zeros((2, 5, 4), np.uint8), np.ones((3, 1, 2, 2), np.float32), np.arange(6)
    return written(*(lambda path, array=array: write_npy(str(path), array) for array in arrays))


def changed_text(data: bytes, first: int, stop: int) -> Iterator[bytes]:
    """Each number in a part that is text, at its extremes, and with a sign."""
    for number in re.finditer(rb"\d+", data[first:stop]):
        for value in (*EXTREMES, -1, 2**64, 10**30):
            yield data[: first + number.start()] + str(value).encode() + data[first + number.end() :]


def changed_npy(data: bytes) -> Iterator[bytes]:
    for changed in changed_text(data, 10, data.index(b"\n")):
        end = changed.index(b"\n") + 1
        yield changed[:8] + struct.pack("<H", end - 10) + changed[10:]
    yield from integers(data[:10], 6, 1, 1)


# IDX: four bytes an axis, the greatest first; plain and zipped


def idx_files() -> list[bytes]:
    images = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 3, 4) + bytes(range(24))
    labels = bytes([0, 0, 12, 1]) + struct.pack(">I", 2) + bytes(8)
    return [images, labels, gzip.compress(images, mtime=0)]


def changed_idx(data: bytes) -> Iterator[bytes]:
    zipped = data[:2] == b"\x1f\x8b"
    plain = gzip.decompress(data) if zipped else data
    for other in [*integers(plain, 2, 1, 1), *swapped(plain)]:
        yield gzip.compress(other, mtime=0) if zipped else other


def swapped(data: bytes) -> Iterator[bytes]:
    for at in range(4, 4 + 4 * data[3], 4):
        for value in EXTREMES[:-1]:
            yield data[:at] + struct.pack(">I", value) + data[at + 4 :]


# Saved networks, grids and checkpoints: JSON and arrays under a checksum


@cache
def saved_files() -> list[bytes]:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (8, 16, 16), np.uint8), np.arange(8) % 2
    net = student_net(rng, (1, 16, 16), 2)
    found = quantize(net, images)
    return written(
        lambda path: save(net, path),
        lambda path: save(found.grids, path),
        lambda path: save(separable_net(rng, (1, 12, 12), 2), path),
        lambda path: fit(net, images, labels, rng=rng, epochs=1, progress=False, checkpoint=path),
    )


def sealed_arrays(data: bytes) -> bytes:
    """With the length and the checksum of a file of `base.arrays`."""
    data = data.ljust(FIXED.size + CHECKSUM, b"\0")
    magic, _, length, _ = FIXED.unpack_from(data)
    body = FIXED.pack(magic, 1, length, len(data)) + data[FIXED.size : -CHECKSUM]
    return body + sha256(body).digest()


def changed_json(data: bytes) -> Iterator[bytes]:
    magic, version, length, _ = FIXED.unpack_from(data)
    end = FIXED.size + length
    assert json.loads(data[FIXED.size : end])
    for changed in changed_text(data, FIXED.size, end):
        grown = length + len(changed) - len(data)
        yield sealed_arrays(FIXED.pack(magic, version, grown, len(changed)) + changed[FIXED.size :])
    for value in EXTREMES[:-1]:
        yield sealed_arrays(FIXED.pack(magic, version, value, len(data)) + data[FIXED.size :])


def tflite_files() -> list[bytes]:
    return [(DATA / "tflite" / "hello_world_int8.tflite").read_bytes()]


READERS: dict[str, Reader] = {
    "tz": Reader(
        lambda path: unpack(path.read_bytes(), str(path)),
        programs,
        changed_program,
        sealed_program,
        4 << 20,
        64,
    ),
    "onnx": Reader(onnx.read, onnx_files, changed_varints, as_it_is, 72 << 20, 64),  # and weights it makes
    "tflite": Reader(tflite.read, tflite_files, lambda data: integers(data, 0, 4, 4), as_it_is, 4 << 20, 64),
    "npy": Reader(lambda path: read_npy(str(path)), npy_files, changed_npy, as_it_is, 1 << 20, 4),
    "idx": Reader(read_idx, idx_files, changed_idx, as_it_is, 4 << 20, 4),
    "network": Reader(load, saved_files, changed_json, sealed_arrays, 4 << 20, 64),
    "checkpoint": Reader(read_checkpoint, saved_files, changed_json, sealed_arrays, 4 << 20, 64),
}
