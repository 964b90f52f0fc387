"""Depth: where every byte of a file goes: to the container, and in each operator to what."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

import numpy as np

from tinyzip.archive.coder import PROGRAM, Ledger
from tinyzip.archive.format import read_bytes, unpack_with_ledger
from tinyzip.archive.records import PARTS
from tinyzip.base.files import PathLike
from tinyzip.base.table import Shown, aligned
from tinyzip.integer.codes import Array
from tinyzip.integer.operators import Conv2d, Linear
from tinyzip.integer.program import Program


@dataclass(frozen=True, repr=False)
class Account(Shown):
    """The bytes of a file by operator and part; printed, a table.

    program  what the file holds
    size     of the file
    parts    (operator's number, part) -> bytes. What belongs to no operator has −1; for parts see `PARTS`.
             A field costs fractions of a byte; they are rounded so that all parts add up to `size`
    """

    program: Program
    size: int
    parts: Mapping[tuple[int, str], int]

    @classmethod
    def of(cls, data: bytes, source: str) -> Self:
        """Where the bytes of a .tz file go; `source` is what to call them in an error."""
        program, ledger = unpack_with_ledger(data, source)
        return cls(program, len(data), whole_bytes(ledger, len(data)))

    def total(self, part: str) -> int:
        """The bytes of a part in all operators, and outside."""
        return sum(size for (_, name), size in self.parts.items() if name == part)

    def brief(self) -> str:
        return f"{self.size:,} bytes, {self.program!r}"

    def __str__(self) -> str:
        operators = list(enumerate(self.program.operators))
        names = {PROGRAM: ("", "program", "")} | {i: (str(i), o.kind, o.name) for i, o in operators}
        weights = {i: (o.w,) for i, o in operators if isinstance(o, Conv2d | Linear)}
        rows = [["", "operator", "name", "zeros", *PARTS, "bytes"]]
        for i, labels in names.items():
            sizes = [self.parts.get((i, part), 0) for part in PARTS]
            cells = [*labels, share_of_zeros(*weights.get(i, ()))]
            rows.append([*cells, *(f"{size:,}" if size else "" for size in sizes), f"{sum(sizes):,}"])
        totals = [self.total(part) for part in PARTS]
        zeros = share_of_zeros(*(w for found in weights.values() for w in found))
        rows.append(["", "total", "", zeros, *(f"{size:,}" for size in totals), f"{sum(totals):,}"])
        return aligned(rows, words=(1, 2))


def share_of_zeros(*weights: Array) -> str:
    """Which part of all these weights is 0, as text; nothing where there are none."""
    count = sum(w.size for w in weights)
    return f"{sum(np.count_nonzero(w == 0) for w in weights) / count:.1%}" if count else ""


def account(path: PathLike) -> Account:
    """Where the bytes of a file go. Raises ValueError, naming the file, where `read` does."""
    return Account.of(read_bytes(path), os.fspath(path))


def whole_bytes(ledger: Ledger, size: int) -> dict[tuple[int, str], int]:
    """The bytes of each part of a file of `size` bytes, rounded so that they add up to `size`.

    What belongs to no field, the file's head and what is left of first and last state, is the container's.
    """
    bits = {(PROGRAM, "container"): 8 * size - sum(ledger.bits.values())} | ledger.bits
    ends = [round(end / 8) for end in accumulate(bits.values())]
    return {key: end - start for key, start, end in zip(bits, [0, *ends], ends, strict=False)}
