"""The entropy coder: lossless, as short as the docstrings say, and strict about what it reads."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinyzip.archive import coder, numbers
from tinyzip.archive.coder import LOWEST, Decoder, Encoder, lanes_of
from tinyzip.archive.numbers import (
    PRECISIONS,
    UNIT,
    bucket_of,
    frequencies,
    get_integers,
    get_number,
    get_split,
    logarithms,
    put_integers,
    put_number,
    put_split,
    split_bits,
)


def entropy_bits(values: np.ndarray) -> float:
    """N·H: the fewest bits for these values by any code with one fixed table that costs nothing."""
    counts = np.unique(values, return_counts=True)[1]
    return float(-(counts * np.log2(counts / counts.sum())).sum())


@st.composite
def tables(draw: st.DrawFn) -> np.ndarray:
    """Frequencies that sum to a power of two up to 2¹⁶, zeros among them."""
    k = draw(st.integers(0, 16))
    cuts = sorted(draw(st.lists(st.integers(0, 1 << k), max_size=8)))
    return np.diff([0, *cuts, 1 << k]).astype(np.int64)


@given(st.lists(st.tuples(tables(), st.integers(0, 40), st.integers(0, 62)), max_size=5), st.integers(1, 40))
def test_what_goes_in_comes_out_for_any_mix_and_any_number_of_lanes(
    parts: list[tuple[np.ndarray, int, int]], rows: int
) -> None:
    rng = np.random.default_rng(len(parts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coder, "ROWS", rows)
        encoder, sent = Encoder(), []
        for frequency, count, bits in parts:
            values = rng.choice(np.flatnonzero(frequency), count)
            plain = rng.integers(0, 1 << bits, count)
            widths = rng.integers(0, bits + 1, count)
            encoder.symbols(values, frequency)
            encoder.uniform(plain, bits)
            encoder.uniform(plain & ((1 << widths) - 1), widths)
            sent.append((frequency, count, bits, widths, values, plain))
        decoder = Decoder(encoder.finish(), "message")
        for frequency, count, bits, widths, values, plain in sent:
            assert np.array_equal(decoder.symbols(count, frequency), values)
            assert np.array_equal(decoder.uniform(count, bits), plain)
            assert np.array_equal(decoder.uniform(count, widths), plain & ((1 << widths) - 1))
        decoder.finish()


@given(tables(), st.integers(0, 3000), st.integers(0, 2**32 - 1))
def test_the_message_is_as_short_as_a3_says(frequency: np.ndarray, count: int, seed: int) -> None:
    M = frequency.sum()
    values = np.random.default_rng(seed).choice(frequency.size, count, p=frequency / M)
    encoder = Encoder()
    encoder.symbols(values, frequency)
    ideal = -np.log2(frequency[values] / M).sum()
    assert 8 * len(encoder.finish()) <= ideal + count * np.log2(1 + M / LOWEST) + 64 * lanes_of(count) + 32


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=40).filter(any), st.sampled_from(PRECISIONS))
def test_a_table_costs_no_more_over_the_entropy_than_n2_says(counts: list[int], k: int) -> None:
    count = np.array(counts)
    A, N, M = np.count_nonzero(count), count.sum(), 1 << k
    if A < M:
        f = frequencies(count, k)
        assert f.sum() == M and np.array_equal(f > 0, count > 0)
        present = count > 0
        coded = (count[present] * np.log2(M / f[present])).sum()
        entropy = (count[present] * np.log2(N / count[present])).sum()
        assert coded <= entropy + N * (np.log2(M / (M - A)) + 2.0**-20)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_no_other_table_has_a_shorter_message(counts: list[int]) -> None:
    count = np.array(counts)
    others = [f for f in itertools.product(range(1, 17), repeat=count.size) if sum(f) == 16]
    costs = [(count * np.log2(16 / np.array(f))).sum() for f in others]
    assert (count * np.log2(16 / frequencies(count, 4))).sum() <= min(costs) + 2.0**-20 * count.sum()


@given(st.lists(st.integers(1, 600), min_size=2, max_size=9), st.sampled_from([6, 8, 10]))
@example([1, 1, 585, 48, 4, 1, 1], 8)
def test_moving_a_unit_never_shortens_the_message(counts: list[int], k: int) -> None:
    count = np.array(counts)
    f = frequencies(count, k)
    for up, down in itertools.permutations(range(count.size), 2):
        if f[down] > 1:
            gain = count[up] * np.log2((f[up] + 1) / f[up])
            assert gain <= count[down] * np.log2(f[down] / (f[down] - 1)) + 2.0**-20 * count.sum()


@given(st.integers(2, 5), st.integers(1, 30_000), st.floats(0.02, 3), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_weights_cost_their_entropy_and_the_stated_overhead(
    bits: int, count: int, spread: float, seed: int
) -> None:
    """Up to ±15 a table with a symbol for each weight is among those tried (h = 3).

    The overhead is the sum of the docstrings' parts: (V2) and (V3) at k = 12, (E3), and 30 bits that say
    which table it is.
    """
    most = 2 ** (bits - 1) - 1
    real = np.random.default_rng(seed).normal(0, spread * most, count)
    values = np.clip(np.rint(real), -most, most).astype(np.int64)
    encoder = Encoder()
    put_integers(encoder, values)
    message = encoder.finish()
    A, k = int(np.ptp(values)) + 1, 12
    table = count * np.log2(2**k / (2**k - A)) + (A - 1) * (k + 1) + 30
    machine = (count + A + 9) * np.log2(1 + 2.0**-15) + 64 * lanes_of(count + A + 9) + 32
    assert 8 * len(message) <= entropy_bits(values) + table + machine
    decoder = Decoder(message, "message")
    assert np.array_equal(get_integers(decoder, count), values)
    decoder.finish()


@given(st.lists(st.integers(-(2**32) + 1, 2**32 - 1), min_size=1, max_size=30))
def test_numbers_of_every_size_come_back(values: list[int]) -> None:
    encoder = Encoder()
    put_integers(encoder, np.array(values))
    for value in values:
        put_number(encoder, value * 2**30)
    decoder = Decoder(encoder.finish(), "message")
    assert get_integers(decoder, len(values)).tolist() == values
    assert [get_number(decoder) for _ in values] == [value * 2**30 for value in values]
    decoder.finish()


@given(tables().filter(lambda f: f.sum() > 1))
def test_a_table_comes_back_in_the_bits_that_n3_counts(f: np.ndarray) -> None:
    total = int(f.sum())
    encoder = Encoder()
    put_split(encoder, f, total)
    message = encoder.finish()
    assert split_bits(f, total) <= (f.size - 1) * total.bit_length()
    assert 8 * len(message) <= split_bits(f, total) * (1 + 2.0**-14) + 96
    decoder = Decoder(message, "message")
    assert get_split(decoder, f.size, total) == f.tolist()
    decoder.finish()


@pytest.mark.parametrize("h", [0, 1, 2, 3])
def test_buckets_keep_the_order_and_are_never_empty(h: int) -> None:
    values = np.arange(-5000, 5001)
    buckets, place, bits = bucket_of(values, h)
    assert set(np.diff(buckets)) == {0, 1}
    assert (place < 1 << bits).all()
    assert np.array_equal(numbers.dropped_bits(buckets, h), bits)


def test_logarithms_are_right_to_the_last_place() -> None:
    x = np.arange(1, (1 << PRECISIONS[-1]) + 1)
    error = np.log2(x) - logarithms()[1:] / 2**UNIT
    assert (error > -1e-12).all() and (error < 2.0 ** (1 - UNIT)).all()


def test_a_table_whose_half_is_more_than_the_whole_is_refused() -> None:
    encoder = Encoder()
    encoder.uniform(17, 5)
    with pytest.raises(ValueError, match=r"message: found 17 of 16 in a table's left half"):
        get_split(Decoder(encoder.finish(), "message"), 2, 16)


@pytest.mark.parametrize(("least", "A"), [(-34, 1), (0, 35), (0, 0), (2**40, 1)])
def test_a_table_of_buckets_that_no_number_has_is_refused(least: int, A: int) -> None:
    encoder = Encoder()
    encoder.uniform([0, 0], [2, 4])
    put_number(encoder, least)
    put_number(encoder, A)
    with pytest.raises(ValueError, match="needed buckets from -33 to 33"):
        get_integers(Decoder(encoder.finish(), "message"), 5)


def test_a_message_that_ends_early_is_refused() -> None:
    encoder = Encoder()
    encoder.uniform(np.arange(100), 7)
    message = encoder.finish()
    decoder = Decoder(message[:-4], "net.tz")
    with pytest.raises(ValueError, match=r"net\.tz: found a message that ends early, needed more words"):
        decoder.uniform(100, 7)


def test_a_message_that_holds_more_is_refused() -> None:
    encoder = Encoder()
    encoder.uniform([1, 2, 3], 7)
    decoder = Decoder(encoder.finish(), "net.tz")
    decoder.uniform(2, 7)
    with pytest.raises(ValueError, match="1 symbols too many"):
        decoder.finish()


def test_a_message_with_other_bits_ends_elsewhere_and_is_refused() -> None:
    encoder = Encoder()
    encoder.uniform(np.arange(4), 2)
    message = bytearray(encoder.finish())
    message[8] ^= 1
    decoder = Decoder(bytes(message), "net.tz")
    decoder.uniform(4, 2)
    with pytest.raises(ValueError, match="does not end"):
        decoder.finish()


def test_a_message_too_long_for_its_reader_is_refused_by_its_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coder, "LONGEST", 10)
    encoder = Encoder()
    with pytest.raises(ValueError, match="more than 10 symbols"):
        encoder.uniform(np.arange(11), 4)
