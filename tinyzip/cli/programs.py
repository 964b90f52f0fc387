"""A program from a file: what each command that reads one calls.

The first bytes tell what a file is, so its name does not matter: a .tz file, or another people's model in a
format that `exchange` reads. "-" is a .tz file that comes in on the standard input.
"""

import sys

from tinyzip.archive import unpack
from tinyzip.archive.format import LARGEST, read_bytes
from tinyzip.base.kinds import CHECKPOINT, MODEL, PROGRAM, kind_of
from tinyzip.base.refuse import refuse
from tinyzip.exchange import tflite
from tinyzip.integer.program import Program

STANDARD_INPUT = "-"
FILE_HELP = "a program (.tz), - for one on the standard input, or an int8 model (.tflite)"


def read_program(path: str) -> Program:
    """The program in the file `path`.

    raises  ValueError, naming the file, for one that holds no program or a damaged one; ImportError where
            the package that reads its format is missing; OSError where it cannot be read
    """
    data, source = read_file(path)
    if data[4:8] == b"TFL3" or path.endswith(".tflite"):
        return tflite.read(path)
    return unpack(data, source)


def read_file(path: str) -> tuple[bytes, str]:
    """The bytes of a program's file, and what to call it in an error; refuses a network of floats."""
    if path == STANDARD_INPUT:
        data, source = sys.stdin.buffer.read(LARGEST + 1), "standard input"
    else:
        data, source = read_bytes(path), path
    if data.startswith((MODEL, CHECKPOINT)):
        needed = f"{kind_of(PROGRAM)}: quantize it first"
        refuse(source, kind_of(data), needed)
    return data, source
