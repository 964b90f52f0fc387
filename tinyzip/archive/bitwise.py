"""Weights as decisions.

|w| goes as in (E7): "longer?" for each length from 0 to its own, up to 8. The first two bits after its first
are decisions, too, as short numbers consist of little else; the rest is plain. Then comes "negative?", unless
w = 0. There are two ways to count.

mixed   each "longer?" is counted in two places, one for each of

            level(|left| + |up|)   and   level(⌊4·mean of the output⌋ + ⌊4·mean of the input⌋)     (E9)

        the bits after the first in one; "negative?" in two, by the signs of left and up, and by the sign
        and the length of left + up
alone   what describes |w| is counted in one place, whatever stands around: for tensors too small to learn
        about neighbours. "Negative?" as before

Layers of one network are alike, but not the same. So places keep their counts from tensor to tensor; but at
the start of each, counts that add up to more than 8 are scaled down to 8.
"""

from array import array
from typing import Any, NamedTuple

import numpy as np

from tinyzip.archive.coder import CHANCE, SLOTS, Cell, Coder, Reader, Steps, Symbols, chances
from tinyzip.archive.neighbours import (
    LENGTH,
    LEVEL,
    LEVELS,
    View,
    channel_level,
    neighbours,
    places,
    sign_class,
)

LONGEST = 8  # bits of a magnitude
NODES = LONGEST + 3 * (LONGEST - 1)  # what is asked about a magnitude
NEAR, CHANNEL, ALONE = 0, LONGEST * LEVELS, 2 * LONGEST * LEVELS  # where the places of each kind begin
SIGNS = ALONE + NODES  # 9, by the signs of both neighbours
SUM = SIGNS + 9  # 13, by the sign and the length, at most 6, of their sum
LONGEST_SUM = 6
PLACES = SUM + 2 * LONGEST_SUM + 1
REMEMBERED = 8
AFTER, SIGN, ORDER = LONGEST, 15, 16  # when a weight's bits and sign are asked, out of 16


def node_after(length: Any) -> Any:
    """The node of the bit after the first; the two after it are for the next bit, after a 0 and a 1."""
    return LONGEST + 3 * (length - 2)


def cells_of(coder: Coder) -> list[Cell]:
    """The places of all decisions, with what they remember of the tensors before."""
    cells: list[Cell] = coder.last.setdefault("places", [[0, 0] for _ in range(PLACES)])
    for cell in cells:
        zeros, ones = cell
        total = zeros + ones
        if total > REMEMBERED:
            cell[:] = zeros * REMEMBERED // total, ones * REMEMBERED // total
    return cells


def get(reader: Reader, view: View, mixed: bool) -> Symbols:
    """Read a tensor, (N,)."""
    F, C, H, W = view
    reader.expect(F * C * H * W)
    cells, levels = cells_of(reader), LEVEL.tolist()
    codes = array("h", bytes(2 * (F * C * H * W + 1)))  # and a 0 at the end, for what is beyond the edge
    of_output, of_input = 0, [0] * C
    for i, left, up in places(view):
        f, at = divmod(i, C * H * W)
        c, of_kernel = divmod(at, H * W)
        if at == 0:
            of_output = 0
        x, y = codes[left], codes[up]
        a = b = ALONE
        step = 1
        if mixed:
            a = NEAR + levels[abs(x) + abs(y)]
            passed = f * H * W + of_kernel
            b = CHANNEL + levels[4 * of_output // max(at, 1) + 4 * of_input[c] // max(passed, 1)]
            step = LEVELS
        length = 0
        while length < LONGEST and reader.bit(None, cells[a], cells[b]):
            length, a, b = length + 1, a + step, b + step
        if length == 0:
            continue
        magnitude = 1
        if length > 1:
            node = ALONE + node_after(length)
            magnitude = 2 + reader.bit(None, cells[node])
            if length > 2:
                magnitude = 2 * magnitude + reader.bit(None, cells[node + magnitude - 1])
            if length > 3:
                magnitude = magnitude << (length - 3) | reader.plain(None, length - 3)
        a = SIGNS + 3 * ((x > 0) - (x < 0)) + (y > 0) - (y < 0) + 4
        size = min(abs(x + y).bit_length(), LONGEST_SUM)
        b = SUM + LONGEST_SUM + (size if x + y > 0 else -size)
        codes[i] = -magnitude if reader.bit(None, cells[a], cells[b]) else magnitude
        of_output += magnitude
        of_input[c] += magnitude
    return np.frombuffer(codes, np.int16, len(codes) - 1)


class Decisions(NamedTuple):
    """What is asked about the weights of a tensor, in order, all (D,).

    key   16·weight + when it is asked there
    bit   the answers
    a, b  the two places where each is counted; twice the same for one place
    """

    key: Symbols
    bit: Symbols
    a: Symbols
    b: Symbols


def decisions_of(codes: Symbols, view: View, mixed: bool) -> Decisions:
    """All decisions of a tensor; codes (N,) of magnitudes below 2⁸."""
    magnitude = np.abs(codes)
    length = LENGTH[magnitude]
    left, up = neighbours(codes, view)
    near, channel = LEVEL[np.abs(left) + np.abs(up)], channel_level(codes, view)
    parts: list[tuple[Symbols, ...]] = []
    for node in range(LONGEST):
        weight = np.flatnonzero(length >= node)
        a = NEAR + node * LEVELS + near[weight] if mixed else np.full(weight.size, ALONE + node)
        b = CHANNEL + node * LEVELS + channel[weight] if mixed else a
        parts.append((ORDER * weight + node, 1 * (length[weight] > node), a, b))
    for depth in (1, 2):
        weight = np.flatnonzero(length > depth)
        m, rest = magnitude[weight], length[weight] - 1 - depth
        a = ALONE + node_after(length[weight]) + (0 if depth == 1 else 1 + (m >> (rest + 1) & 1))
        parts.append((ORDER * weight + AFTER + depth, m >> rest & 1, a, a))
    weight = np.flatnonzero(magnitude)
    both = left[weight] + up[weight]
    a = SIGNS + sign_class(left[weight], up[weight])
    b = SUM + LONGEST_SUM + np.sign(both) * np.minimum(LENGTH[np.abs(both)], LONGEST_SUM)
    parts.append((ORDER * weight + SIGN, 1 * (codes[weight] < 0), a, b))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(columns[0])
    return Decisions(*(column[order] for column in columns))


def counted(counts: Symbols, place: Symbols, bit: Symbols) -> Symbols:
    """The zeros and ones in each decision's place before it, (D, 2).

    counts  (PLACES, 2), those before all decisions
    """
    order = np.argsort(place, kind="stable")
    ones = bit[order]
    first = np.searchsorted(place[order], place[order])
    before = np.cumsum(ones) - ones
    found = np.empty((place.size, 2), np.int64)
    found[order, 1] = before - before[first]
    found[order, 0] = np.arange(place.size) - first - (before - before[first])
    return found + counts[place]


def steps_of(cells: list[Cell], codes: Symbols, asked: Decisions) -> Steps:
    """The steps of a tensor; `remember` then counts its decisions."""
    counts = np.array(cells)
    one = chances(counted(counts, asked.a, asked.bit), counted(counts, asked.b, asked.bit))
    yes = asked.bit == 1
    magnitude = np.abs(codes)
    plain = np.flatnonzero(LENGTH[magnitude] > 3)
    rest = LENGTH[magnitude[plain]] - 3
    order = np.argsort(np.concatenate([asked.key, ORDER * plain + AFTER + 3]))
    return Steps(
        np.concatenate([np.where(yes, 0, one), magnitude[plain] & ((1 << rest) - 1)])[order],
        np.concatenate([np.where(yes, one, SLOTS - one), np.ones_like(rest)])[order],
        np.concatenate([np.full(one.size, CHANCE), rest])[order],
    )


def remember(cells: list[Cell], asked: Decisions) -> None:
    """Count the decisions of a tensor in their places."""
    counts = np.array(cells)
    np.add.at(counts, (asked.a, asked.bit), 1)
    two = asked.a != asked.b
    np.add.at(counts, (asked.b[two], asked.bit[two]), 1)
    for cell, both in zip(cells, counts.tolist(), strict=True):
        cell[:] = both
