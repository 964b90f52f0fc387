"""Weights as symbols of tables: for long tensors, one step for most weights, where decisions take seven.

The symbols are sign(w)·bucket(|w|). A bucket keeps the first two bits of a magnitude; the others,
e = max(bits − 2, 0) of them, follow plain:

bucket(a) = 2·e + ⌊a / 2ᵉ⌋                                                                     (E10)

Which symbol comes depends on the signs of the neighbours, so there are nine tables. Nobody writes them
down: both sides count, and turn counts into frequencies at the start of each block. The first block has 64
weights, the next 128, and so on up to 4096, which all others have. With n the counts of one table, t those
of all nine, and A the number of symbols, each table starts as 64 counts, spread as all have been so far:

g = ⌊4096·(t + 1) / Σ (t + 1)⌋,   h = 64·n + g,   f = 1 + ⌊(4096 − A)·h / Σ h⌋                 (E11)

and what is left of the 4096 goes to the first of the most frequent symbols.
"""

from array import array
from collections.abc import Iterator
from itertools import islice
from math import prod

import numpy as np

from tinyzip.archive.coder import CHANCE, SLOTS, Reader, Steps, Symbols
from tinyzip.archive.neighbours import LENGTH, View, neighbours, places, sign_class

TABLES = 9
PRIOR = 64
FIRST_BLOCK, LAST_BLOCK = 64, 4096
HIGHEST = 15  # the bucket of 255


def blocks(N: int) -> Iterator[tuple[int, int]]:
    """Where each block of N weights begins and ends."""
    start, size = 0, FIRST_BLOCK
    while start < N:
        yield start, min(start + size, N)
        start, size = start + size, min(2 * size, LAST_BLOCK)


def bucket_of(magnitude: Symbols) -> tuple[Symbols, Symbols]:
    """(E10), and e."""
    e = np.maximum(LENGTH[magnitude] - 2, 0)
    return 2 * e + (magnitude >> e), e


def frequencies(counts: Symbols) -> Symbols:
    """(E11): frequencies (9, A) from counts (9, A); each row adds up to 4096, and none is 0."""
    A = counts.shape[1]
    seen = counts.sum(0) + 1
    h = PRIOR * counts + (seen << CHANCE) // seen.sum()
    f: Symbols = 1 + (SLOTS - A) * h // h.sum(1, keepdims=True)
    f[np.arange(TABLES), f.argmax(1)] += SLOTS - f.sum(1)
    return f


def get(reader: Reader, view: View, highest: int) -> Symbols:
    """Read a tensor whose buckets are `highest` or less, (N,)."""
    N, A = prod(view), 2 * highest + 1
    reader.expect(N)
    codes = array("h", bytes(2 * (N + 1)))  # and a 0 at the end, for what is beyond the edge
    counts = np.zeros((TABLES, A), np.int64)
    around = places(view)
    for start, stop in blocks(N):
        f = frequencies(counts)
        owners = [np.repeat(np.arange(A), row).tolist() for row in f]
        starts, widths = (np.cumsum(f, 1) - f).tolist(), f.tolist()
        met = [[0] * A for _ in range(TABLES)]
        for i, left, up in islice(around, stop - start):
            x, y = codes[left], codes[up]
            t = 3 * ((x > 0) - (x < 0)) + (y > 0) - (y < 0) + 4
            symbol = reader.symbol(owners[t], starts[t], widths[t])
            met[t][symbol] += 1
            magnitude = abs(symbol - highest)
            if magnitude > 3:
                e = (magnitude >> 1) - 1
                magnitude = (magnitude - 2 * e << e) + reader.plain(None, e)
            codes[i] = magnitude if symbol > highest else -magnitude
        counts += np.array(met)
    return np.frombuffer(codes, np.int16, N)


def steps_of(codes: Symbols, view: View) -> tuple[int, Steps]:
    """The highest bucket of codes (N,), and the steps."""
    magnitude = np.abs(codes)
    bucket, e = bucket_of(magnitude)
    highest = int(bucket.max())
    symbol = np.sign(codes) * bucket + highest
    table = sign_class(*neighbours(codes, view))
    counts = np.zeros((TABLES, 2 * highest + 1), np.int64)
    start, frequency = np.empty_like(symbol), np.empty_like(symbol)
    for first, stop in blocks(codes.size):
        f = frequencies(counts)
        part = table[first:stop], symbol[first:stop]
        start[first:stop], frequency[first:stop] = (np.cumsum(f, 1) - f)[part], f[part]
        np.add.at(counts, part, 1)
    shared = np.flatnonzero(e)
    place = magnitude[shared] & ((1 << e[shared]) - 1)
    return highest, Steps(
        np.insert(start, shared + 1, place),
        np.insert(frequency, shared + 1, 1),
        np.insert(np.full(codes.size, CHANCE), shared + 1, e[shared]),
    )
