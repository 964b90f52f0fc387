"""The .tz file: a mark, a byte for the version, four for a checksum, and the message.

Why the message is as it is, the other files of this folder say; how it is read, bit by bit, `docs/format.md`
says, for those who write a reader in another language. A file comes from anywhere, so nothing in it is
believed: what fails is one ValueError that names the file, what was found, and what was needed.

Version 2 is final: what a bit of it means does not change. What it cannot hold would be another version, and
readers of that go on reading this one. Of a version that it does not know a reader reads nothing, and says
which it is: as a message is one number, no part of it is understood without the whole.
"""

import os
from dataclasses import replace
from zlib import crc32

from tinyzip.archive.coder import Ledger, Reader, Writer
from tinyzip.archive.records import walk_program
from tinyzip.base.files import PathLike, check_path, read_up_to, write_atomically
from tinyzip.base.kinds import kind_of
from tinyzip.base.refuse import flag, refuse
from tinyzip.integer.program import Program, check_program

MARK = b"\x89tz\x1a"
VERSION = 2
HEAD = 9  # bytes before the program
LARGEST = 1 << 26  # bytes of a whole file


def pack(program: Program, names: bool = True) -> bytes:
    """The bytes of a .tz file. The same program gives the same bytes, on every machine.

    names  whether the operators' names go along
    """
    check_program(program, "pack: program")
    if not flag(names, "pack: names"):
        bare = tuple(replace(operator, name="") for operator in program.operators)
        program = Program(bare, program.shape, program.input)
    writer = Writer("archive: program")
    walk_program(writer, program)
    body = writer.finish()
    start = MARK + bytes([VERSION])
    return start + crc32(start + body).to_bytes(4, "little") + body


def unpack(data: bytes, source: str = "unpack: data") -> Program:
    """The program in the bytes of a .tz file; unpack(pack(program)) == program, leaf for leaf.

    source  what to call the bytes in an error
    Raises ValueError for all that `pack` could not have written, and takes no more memory than 4 MB and 64
    times the bytes, whatever they state.
    """
    return unpack_with_ledger(data, source)[0]


def unpack_with_ledger(data: bytes, source: str) -> tuple[Program, Ledger]:
    """The program in the bytes of a .tz file, and where its bits went."""
    if not isinstance(data, bytes | bytearray | memoryview):
        refuse(source, type(data).__name__, "bytes", TypeError)
    data = bytes(data)
    if data[: len(MARK)] != MARK:
        refuse(source, kind_of(data), f"an integer program: {MARK!r}, the mark of a .tz file")
    if len(data) > len(MARK) and data[4] != VERSION:
        refuse(source, f"version {data[4]}", f"version {VERSION}")
    if not HEAD <= len(data) <= LARGEST:
        refuse(source, f"{len(data)} bytes", f"from {HEAD} to {LARGEST}")
    try:
        stored, checksum = int.from_bytes(data[5:HEAD], "little"), crc32(data[:5] + data[HEAD:])
        if stored != checksum:
            refuse(source, f"checksum {checksum:08x}", f"{stored:08x}, as the file says")
        reader = Reader(data[HEAD:], source)
        program = walk_program(reader, None)
        reader.finish()
        return program, reader.ledger
    except (ValueError, TypeError, OverflowError) as error:
        if str(error).startswith(source):
            raise
        refuse(source, f"a program that is refused ({error})", "one that could have been built")


def write(program: Program, path: PathLike, names: bool = True) -> int:
    """Write a program to a file, whole or not at all; the number of bytes written."""
    data = pack(program, names)
    write_atomically(path, [data])
    return len(data)


def read(path: PathLike) -> Program:
    """The program in a file. Raises ValueError, naming the file, for one that `write` did not write."""
    return unpack(read_bytes(path), os.fspath(path))


def read_bytes(path: PathLike) -> bytes:
    """What is in a file, up to one byte more than a .tz file may have."""
    check_path(path, "read: path")
    with open(path, "rb") as file:
        return read_up_to(file, LARGEST)
