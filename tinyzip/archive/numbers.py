"""Whole numbers as symbols: buckets, and tables of frequencies that are worth their own bytes.

The entropy coder wants a frequency for each symbol, and the file has to hold those frequencies. 255
possible weights need a long table, and most of it is noise: whether 93 came three times or four says
nothing about the next 93. So a number v goes as the symbol of its *bucket*, and its place inside follows
in plain bits, all places being about equally likely. With a = |v|, h bits kept after the first, e dropped,

    bucket = sign(v)·(e·2ʰ + ⌊a / 2ᵉ⌋),   e = max(bits(a) − 1 − h, 0)                          (V1)

so that small numbers have a bucket each and large ones share: for h = 2 the buckets of 0 … 127 begin at
0 1 2 3 4 5 6 7 8 10 12 14 16 20 24 28 32 40 …, 24 in place of 128.

A table gives A buckets frequencies f that add up to M = 2ᵏ. The best, max Σ countₛ·log₂ fₛ, is found by
moving units to where they earn most: the objective is concave, so where no single move earns anything,
none of any kind does. So it is no worse than fₛ = 1 + ⌊pₛ·(M − A)⌋ filled up to M, where p are the shares
of the counts. With H their entropy in bits and N their sum,

    Σ countₛ·log₂(M/fₛ) ≤ N·H + N·log₂(M / (M − A))                                            (V2)

The table itself goes as the share of its left half, then of the left half's left half, and so on, each in
as many bits as the half may need: at most (A − 1)·(k + 1) bits, and none at all where a half is empty.  (V3)

A finer table (larger k, larger h) costs more and fits better; the encoder tries them and keeps the cheapest.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.archive.coder import Decoder, Encoder, Symbols

PRECISIONS = (4, 5, 6, 7, 8, 9, 10, 12, 14)  # the k of a table
LEADING = (0, 1, 2, 3)  # the h of a bucket
UNIT = 24  # logarithms are counted in steps of 2⁻²⁴ bit
POWERS = np.left_shift(1, np.arange(33), dtype=np.int64)


@cache
def logarithms() -> Symbols:
    """log₂ of 1 … 2¹⁴ in steps of 2⁻²⁴, rounded down, by integers alone: the same file on every machine.

    For x in [1, 2) the next binary digit of log₂ x says whether x² reaches 2. Entry 0 is 0, for it is
    only ever multiplied by a count of 0.
    """
    x = np.maximum(np.arange((1 << PRECISIONS[-1]) + 1), 1)
    digits = bit_lengths(x) - 1
    mantissa = x << (30 - digits)
    for _ in range(UNIT):
        mantissa = (mantissa * mantissa) >> 30
        carry = mantissa >> 31
        mantissa >>= carry
        digits = (digits << 1) | carry
    return digits


def frequencies(counts: Symbols, k: int) -> Symbols:
    """The table with the shortest message: (A,) int64, sums to 2ᵏ, 0 exactly where the count is 0.

    counts  (A,) int64, how often each symbol comes; no more than 2ᵏ of them not 0
    """
    log = logarithms()
    present = counts > 0
    f = np.where(present, np.maximum((counts << k) // counts.sum(), 1), 0)
    excess = int(f.sum()) - (1 << k)
    while True:
        gain = np.where(present, counts * (log[np.minimum(f + 1, 1 << k)] - log[f]), -1)
        loss = np.where(f > 1, counts * (log[f] - log[np.maximum(f - 1, 0)]), np.iinfo(np.int64).max)
        up, down = int(gain.argmax()), int(loss.argmin())
        if excess == 0 and (up == down or gain[up] <= loss[down]):
            return f
        if excess <= 0:
            f[up] += 1
        if excess >= 0:
            f[down] -= 1
        excess -= (excess > 0) - (excess < 0)


def split_bits(f: Symbols, total: int) -> int:
    """The bits of a table by (V3)."""
    if f.size == 1 or total == 0:
        return 0
    left = int(f[: f.size // 2].sum())
    halves = split_bits(f[: f.size // 2], left) + split_bits(f[f.size // 2 :], total - left)
    return total.bit_length() + halves


def put_split(encoder: Encoder, f: Symbols, total: int) -> None:
    """Write a table by (V3)."""
    if f.size > 1 and total > 0:
        left = int(f[: f.size // 2].sum())
        encoder.uniform(left, total.bit_length())
        put_split(encoder, f[: f.size // 2], left)
        put_split(encoder, f[f.size // 2 :], total - left)


def get_split(decoder: Decoder, A: int, total: int) -> list[int]:
    """Read a table of A frequencies that add up to `total`."""
    if A == 1 or total == 0:
        return [total] + [0] * (A - 1)
    left = int(decoder.uniform(1, total.bit_length())[0])
    if left > total:
        decoder.refuse(f"{left} of {total} in a table's left half", "no more than all")
    return get_split(decoder, A // 2, left) + get_split(decoder, A - A // 2, total - left)


def bit_lengths(magnitudes: Symbols) -> Symbols:
    """How many bits each whole number from 0 to 2³² has."""
    return np.searchsorted(POWERS, magnitudes, "right").astype(np.int64)


def bucket_of(values: Symbols, h: int) -> tuple[Symbols, Symbols, Symbols]:
    """(V1): the bucket of each number, its place inside, and the bits of that place."""
    magnitude = np.abs(values)
    e = np.maximum(bit_lengths(magnitude) - 1 - h, 0)
    bucket = (e << h) + (magnitude >> e)
    return np.sign(values) * bucket, magnitude & ((1 << e) - 1), e


def dropped_bits(buckets: Symbols, h: int) -> Symbols:
    """e of (V1), from the bucket alone."""
    e: Symbols = np.maximum((np.abs(buckets) >> h) - 1, 0)
    return e


def put_integers(encoder: Encoder, values: NDArray[Any]) -> None:
    """Write numbers of any shape, |v| < 2³², with the cheapest of the tables tried."""
    flat = values.ravel().astype(np.int64)
    kinds, repeats = np.unique(flat, return_counts=True)
    log = logarithms()
    cost = np.iinfo(np.int64).max
    for h in LEADING:
        buckets, _, e = bucket_of(kinds, h)
        counts = np.zeros(buckets[-1] - buckets[0] + 1, np.int64)
        np.add.at(counts, buckets - buckets[0], repeats)
        for k in (k for k in PRECISIONS if np.count_nonzero(counts) <= 1 << k):
            table = frequencies(counts, k)
            message = int((counts * ((k << UNIT) - log[table])).sum()) >> UNIT
            bits = message + int((e * repeats).sum()) + split_bits(table, 1 << k)
            if bits < cost:
                cost, best = bits, (h, k, int(buckets[0]), table)
    h, k, least, f = best
    buckets, place, e = bucket_of(flat, h)
    encoder.uniform([h, PRECISIONS.index(k)], [2, 4])
    put_number(encoder, least)
    put_number(encoder, f.size)
    put_split(encoder, f, 1 << k)
    encoder.symbols(buckets - least, f)
    encoder.uniform(place, e)


def get_integers(decoder: Decoder, count: int) -> Symbols:
    """Read `count` numbers, (count,) int64."""
    h, k = (int(v) for v in decoder.uniform(2, [2, 4]))
    least, A = get_number(decoder), get_number(decoder)
    most = 33 << h
    if k >= len(PRECISIONS) or A < 1 or least < -most or least + A - 1 > most:
        decoder.refuse(f"a table {k} of {A} buckets from {least}", f"buckets from {-most} to {most}")
    f = np.array(get_split(decoder, A, 1 << PRECISIONS[k]))
    buckets = decoder.symbols(count, f)
    buckets += least
    e = dropped_bits(buckets, h)
    values: Symbols = np.sign(buckets) * ((np.abs(buckets) - (e << h)) << e)
    shared = np.flatnonzero(e)
    place = decoder.uniform(shared.size, e[shared])
    values[shared] += np.sign(buckets[shared]) * place
    return values


def put_number(encoder: Encoder, value: int) -> None:
    """Write one whole number, |v| < 2⁶³: its length in 6 bits, its sign, its bits but the first."""
    length = abs(value).bit_length()
    encoder.uniform(length, 6)
    if length:
        encoder.uniform([value < 0, abs(value) - (1 << (length - 1))], [1, length - 1])


def get_number(decoder: Decoder) -> int:
    """Read one whole number."""
    length = int(decoder.uniform(1, 6)[0])
    if not length:
        return 0
    negative, rest = decoder.uniform(2, [1, length - 1])
    magnitude = (1 << (length - 1)) + int(rest)
    return -magnitude if negative else magnitude
