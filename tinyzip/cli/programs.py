"""Depth: a program from a file: what each command that reads one calls.

The first bytes tell what a file is, so its name does not matter: a .tz file, or another people's model in a
format that `exchange` reads. "-" is a .tz file that comes in on the standard input.
"""

import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from tinyzip.archive import unpack
from tinyzip.archive.format import LARGEST, read_bytes
from tinyzip.base.files import STANDARD_INPUT, read_up_to
from tinyzip.base.kinds import CHECKPOINT, MODEL, PROGRAM, kind_of
from tinyzip.base.refuse import refuse
from tinyzip.exchange import tflite
from tinyzip.exchange.tflite.file import MARK, Graph, graph_of
from tinyzip.integer.codes import Array
from tinyzip.integer.program import Program

FILE_HELP = "a program (.tz), - for one on the standard input, or an int8 model (.tflite)"


@dataclass(frozen=True)
class File:
    """The bytes of a program's file, read once, and what to call it in an error."""

    data: bytes
    source: str

    @classmethod
    def read(cls, path: str) -> Self:
        """The file `path`; refuses a network of floats. Raises OSError where it cannot be read."""
        if path == STANDARD_INPUT:
            file = cls(read_up_to(sys.stdin.buffer, LARGEST), "standard input")
            if file.is_tflite:
                needed = f"{kind_of(PROGRAM)}; other models are read by their files' names"
                refuse(file.source, kind_of(file.data), needed)
            return file
        file = cls(read_bytes(path), path)
        if file.data.startswith((MODEL, CHECKPOINT)):
            refuse(path, kind_of(file.data), f"{kind_of(PROGRAM)}, which `tinyzip quantize` makes of it")
        return file

    @property
    def is_tflite(self) -> bool:
        """Whether it is to be read as a .tflite file."""
        return self.data[4:8] == MARK or self.source.endswith(".tflite")

    @cached_property
    def graph(self) -> Graph | None:
        """What a .tflite file holds; None for another."""
        return graph_of(self.data, self.source) if self.is_tflite else None

    @cached_property
    def program(self) -> Program:
        """Its program.

        raises  ValueError, naming the file, for one that holds no program or a damaged one; ImportError
                where the package that reads its format is missing
        """
        return unpack(self.data, self.source) if self.graph is None else tflite.of_graph(self.graph)

    @property
    def layout(self) -> "Layout":
        """How arrays lie at the ends of its program."""
        if self.graph is None:
            return Layout(self.program.shape, self.program.shapes[-1], False)
        (entry,), (end,) = self.graph.inputs, self.graph.outputs
        return Layout(self.graph.tensors[entry].shape[1:], self.graph.tensors[end].shape[1:], True)


@dataclass(frozen=True)
class Layout:
    """How arrays lie at the ends of a program, as its file has it.

    entry, exit    the shapes of one example
    channels_last  (H, W, C), as in a .tflite file, and not (C, H, W)
    """

    entry: tuple[int, ...]
    exit: tuple[int, ...]
    channels_last: bool

    def batch_last(self, codes: Array) -> Array:
        """Codes (N, *entry) as a program reads them."""
        return tflite.batch_last(codes) if self.channels_last else np.moveaxis(codes, 0, -1).copy()

    def examples_first(self, y: Array) -> Array:
        """What a program wrote, as (N, *exit)."""
        turned = tflite.examples_first(y) if self.channels_last else np.moveaxis(y, -1, 0)
        return np.asarray(turned).reshape(len(turned), *self.exit)
