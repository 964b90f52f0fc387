"""The .tz file: a program on disk.

    offset  bytes
    0       4      the mark: 89 74 7A 1A, which no text file begins with ("tz" in the middle)
    4       1      version of the format, 1
    5       4      length of the whole file
    9       4      CRC-32 of all other bytes
    13      …      the program, entropy-coded

Numbers are little-endian. A file comes from anywhere, so nothing in it is believed. It has to be exactly
as long as it says, no longer than `LARGEST`, and of the right checksum. The decoder counts symbols and
allocates for none that the message does not declare. And `Program` checks what comes out as it checks every
program, overflow included. Whatever fails is one ValueError that names the file, what was found, and
what was needed.
"""

import os
from zlib import crc32

from tinyzip.archive.coder import Decoder, Encoder
from tinyzip.archive.records import get_program, put_program
from tinyzip.base.files import PathLike, write_atomically
from tinyzip.base.refuse import refuse
from tinyzip.integer.program import Program

MARK = b"\x89tz\x1a"
VERSION = 1
HEAD = 13  # bytes before the program
LARGEST = 1 << 26  # bytes of a whole file


def pack(program: Program) -> bytes:
    """The bytes of a .tz file. The same program gives the same bytes, on every machine."""
    if not isinstance(program, Program):
        refuse("pack: program", type(program).__name__, "a Program", TypeError)
    encoder = Encoder()
    put_program(encoder, program)
    body = encoder.finish()
    start = MARK + bytes([VERSION]) + (HEAD + len(body)).to_bytes(4, "little")
    return start + crc32(start + body).to_bytes(4, "little") + body


def unpack(data: bytes, source: str = "unpack: data") -> Program:
    """The program in the bytes of a .tz file; unpack(pack(program)) == program, leaf for leaf.

    source  what to call the bytes in an error
    Raises ValueError for all that `pack` could not have written.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        refuse(source, type(data).__name__, "bytes", TypeError)
    data = bytes(data)
    if data[: len(MARK)] != MARK:
        refuse(source, f"{data[:8]!r} at the start", f"{MARK!r}, the mark of a .tz file")
    if len(data) < HEAD:
        refuse(source, f"{len(data)} bytes", f"{HEAD} or more")
    if data[4] != VERSION:
        refuse(source, f"version {data[4]}", f"version {VERSION}")
    length = int.from_bytes(data[5:9], "little")
    if length != len(data) or length > LARGEST:
        refuse(source, f"{len(data)} bytes", f"{length}, as the file says, and no more than {LARGEST}")
    stored, checksum = int.from_bytes(data[9:13], "little"), crc32(data[:9] + data[HEAD:])
    if stored != checksum:
        refuse(source, f"checksum {checksum:08x}", f"{stored:08x}, as the file says")
    decoder = Decoder(data[HEAD:], source)
    try:
        program = get_program(decoder)
    except (ValueError, TypeError) as error:
        if str(error).startswith(source):
            raise
        refuse(source, f"a program that is refused ({error})", "one that could have been built")
    decoder.finish()
    return program


def write(program: Program, path: PathLike) -> int:
    """Write a program to a file, whole or not at all (`base.files`); the number of bytes written."""
    data = pack(program)
    write_atomically(path, [data])
    return len(data)


def read(path: PathLike) -> Program:
    """The program in a file. Raises ValueError, naming the file, for one that `write` did not write."""
    with open(path, "rb") as file:
        data = file.read(LARGEST + 1)
    return unpack(data, os.fspath(path))
