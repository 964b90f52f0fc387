"""A program from a file: what each command that reads one calls.

The first bytes tell what a file is, so its name does not matter: a .tz file, or another people's model in a
format that `exchange` reads. "-" is a .tz file that comes in on the standard input.
"""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.archive import unpack
from tinyzip.archive.format import LARGEST, read_bytes
from tinyzip.base.files import read_up_to
from tinyzip.base.kinds import CHECKPOINT, MODEL, PROGRAM, kind_of
from tinyzip.base.refuse import refuse
from tinyzip.exchange import tflite
from tinyzip.exchange.tflite.file import read_graph
from tinyzip.integer.program import Program

STANDARD_INPUT = "-"
FILE_HELP = "a program (.tz), - for one on the standard input, or an int8 model (.tflite)"


def read_program(path: str) -> Program:
    """The program in the file `path`.

    raises  ValueError, naming the file, for one that holds no program or a damaged one; ImportError where
            the package that reads its format is missing; OSError where it cannot be read
    """
    return program_of(path, *read_file(path))


def program_of(path: str, data: bytes, source: str) -> Program:
    """The program in what `read_file` gave."""
    return tflite.read(path) if is_tflite(path, data) else unpack(data, source)


def is_tflite(path: str, data: bytes) -> bool:
    """Whether a file is to be read as a .tflite file."""
    return data[4:8] == b"TFL3" or path.endswith(".tflite")


def read_file(path: str) -> tuple[bytes, str]:
    """The bytes of a program's file, and what to call it in an error; refuses a network of floats."""
    if path == STANDARD_INPUT:
        data, source = read_up_to(sys.stdin.buffer, LARGEST), "standard input"
        if is_tflite(path, data):
            refuse(source, kind_of(data), f"{kind_of(PROGRAM)}; other models are read by their files' names")
    else:
        data, source = read_bytes(path), path
    if data.startswith((MODEL, CHECKPOINT)):
        needed = f"{kind_of(PROGRAM)}, which `tinyzip quantize` makes of it"
        refuse(source, kind_of(data), needed)
    return data, source


@dataclass(frozen=True)
class Layout:
    """How arrays lie at the ends of a program, as its file has it.

    entry, exit    the shapes of one example
    channels_last  (H, W, C), as in a .tflite file, and not (C, H, W)
    """

    entry: tuple[int, ...]
    exit: tuple[int, ...]
    channels_last: bool

    def batch_last(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Codes (N, *entry) as a program reads them."""
        return tflite.batch_last(codes) if self.channels_last else np.moveaxis(codes, 0, -1).copy()

    def examples_first(self, y: NDArray[Any]) -> NDArray[Any]:
        """What a program wrote, as (N, *exit)."""
        turned = tflite.examples_first(y) if self.channels_last else np.moveaxis(y, -1, 0)
        return np.asarray(turned).reshape(len(turned), *self.exit)


def layout_of(path: str, program: Program) -> Layout:
    """The layout of the program that was read from `path`."""
    if path != STANDARD_INPUT and is_tflite(path, read_bytes(path)):
        graph = read_graph(path)
        (entry,), (end,) = graph.inputs, graph.outputs
        return Layout(graph.tensors[entry].shape[1:], graph.tensors[end].shape[1:], True)
    return Layout(program.shape, program.shapes[-1], False)
