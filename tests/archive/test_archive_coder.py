"""The entropy coder: lossless, as short as the docstrings say, and strict about what it reads."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_programs import DATA, KNOWN

from tinyzip.archive import coder, pack
from tinyzip.archive.account import whole_bytes
from tinyzip.archive.coder import (
    CHANCE,
    LOWEST,
    PROGRAM,
    SLOTS,
    Ledger,
    Reader,
    Steps,
    Writer,
    chance,
    chances,
)
from tinyzip.archive.numbers import LONGEST, integer, natural, small

COUNTS = st.integers(0, 2**20)


def bits_of(steps: list[tuple[int, int]]) -> float:
    """Σ log₂(2ᵏ/f) of steps (f, k)."""
    return sum(k - math.log2(f) for f, k in steps)


@st.composite
def messages(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Decisions in one of five places or in two of them, and plain numbers of up to 40 bits."""
    kinds = st.sampled_from(["bit", "both", "plain"])
    parts = draw(st.lists(st.tuples(kinds, st.integers(0, 4), st.integers(0, 2**40)), max_size=60))
    skewed = draw(st.integers(1, 5))
    return [(kind, place, value % skewed if kind != "plain" else value) for kind, place, value in parts]


def send(writer: Writer, parts: list[tuple[str, int, int]], reading: bool) -> list[int]:
    """What comes back when the parts are written, or read."""
    found = []
    for kind, place, value in parts:
        given = None if reading else value
        if kind == "plain":
            width = 8 * place
            found.append(writer.plain(None if reading else value % (1 << width), width))
        else:
            cells = [writer.cell("place", place)] + ([writer.cell("place", "x")] if kind == "both" else [])
            found.append(writer.bit(None if reading else int(given == 0), *cells))
    return found


@given(messages())
def test_what_goes_in_comes_out(parts: list[tuple[str, int, int]]) -> None:
    """(E2), (E3): removing undoes appending, whatever was appended."""
    writer = Writer("message")
    sent = send(writer, parts, reading=False)
    reader = Reader(writer.finish(), "message")
    assert send(reader, parts, reading=True) == sent
    reader.finish()
    assert reader._position() == 8 * reader._read


@pytest.mark.parametrize("name", KNOWN)
def test_messages_are_those_that_were_written_once(name: str) -> None:
    """So no count, no rounding and no order has changed, on both sides alike or not."""
    assert pack(KNOWN[name]()) == (DATA / name).read_bytes()


@given(st.lists(st.integers(0, 2**32), max_size=300))
def test_symbols_of_any_frequency_come_back_in_the_bits_that_e4_allows(drawn: list[int]) -> None:
    """(E2), (E3), (E4) for symbols that own any part of 2¹² slots."""
    start = np.array(drawn, np.int64) % SLOTS
    frequency = 1 + (np.array(drawn, np.int64) >> CHANCE) % (SLOTS - start)
    k = np.full_like(start, CHANCE)
    steps = Steps(start, frequency, k)
    writer = Writer("message")
    writer.steps(steps)
    message = writer.finish()
    allowed = bits_of(list(zip(frequency.tolist(), k.tolist(), strict=True))) + 38
    assert 8 * len(message) <= allowed + len(drawn) * math.log2(1 + 2 ** (CHANCE - 23))
    assert abs(steps.cost / 2**16 - (allowed - 38)) <= len(drawn) / 2**16
    reader = Reader(message, "message")
    for c, f in zip(start.tolist(), frequency.tolist(), strict=True):
        owner = [2] * c + [1] * f + [2] * (SLOTS - c - f)
        assert reader.symbol(owner, [0, c, 0], [0, f, 0]) == 1
    reader.finish()


def test_a_short_message_pays_for_no_first_state() -> None:
    """(E4) before a byte leaves: n plain bits take n bits and the one that begins the number."""
    for bits in range(40):
        writer = Writer("message")
        writer.plain((1 << bits) - 1, bits)
        assert len(writer.finish()) == (bits + 8) // 8


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_odds_are_the_mean_of_both_in_logarithms(a0: int, a1: int, b0: int, b1: int) -> None:
    """(E5), (E6): within what rounding two roots down does, never 0 or 1, no dearer than both on average."""
    slots = chance([a0, a1], [b0, b1])
    ones, zeros = (16 * math.sqrt((2 * a + 1) * (2 * b + 1)) for a, b in ((a1, b1), (a0, b0)))
    least, most = (ones - 1) / (ones - 1 + zeros), ones / (ones + zeros - 1)
    assert min(math.floor(SLOTS * least), SLOTS - 1) <= slots <= max(math.ceil(SLOTS * most), 1)
    assert 1 <= slots <= SLOTS - 1
    alone = chance([a0, a1], [a0, a1])
    other = chance([b0, b1], [b0, b1])
    if {alone, other}.isdisjoint((1, SLOTS - 1)):  # where slots are cut off the mean may cost more
        for owned, one, two in ((slots, alone, other), (SLOTS - slots, SLOTS - alone, SLOTS - other)):
            # 1 for a quotient rounded down, 17/16 for a root of 256 or more
            assert 17 / 16 * (owned + 1) >= math.sqrt((one - 1) * (two - 1))
    assert alone == min(max(math.floor(SLOTS * Fraction(2 * a1 + 1, 2 * (a0 + a1 + 1))), 1), SLOTS - 1)
    pairs = np.array([[a0, a1], [b0, b1]])
    assert chances(pairs[[0, 0]], pairs[[1, 0]]).tolist() == [slots, alone]


@given(st.lists(st.integers(0, 1), min_size=1, max_size=400))
def test_counting_costs_half_a_logarithm_over_the_best_in_hindsight(bits: list[int]) -> None:
    """(E5): Krichevsky and Trofimov's bound, ½·log₂ N + 1 bits over N·H.

    Rounding a chance down to 4096 slots costs a decision at most log₂(1 + 1/slots), which is what is added.
    """
    writer, cell, added = Writer("message"), [0, 0], 0.0
    for bit in bits:
        slots = chance(cell, cell)
        added += math.log2(1 + 1 / (slots if bit else SLOTS - slots))
        writer.bit(bit, cell)
    N, ones = len(bits), sum(bits)
    best = sum(-n * math.log2(n / N) for n in (ones, N - ones) if n)
    assert writer.cost / 2**16 <= best + 0.5 * math.log2(N) + 1 + added + 1e-3


@given(messages())
def test_a_reader_uses_as_many_bits_as_the_steps_cost(parts: list[tuple[str, int, int]]) -> None:
    """(E1): the position moves by log₂(2ᵏ/f) a step, and by no more than (E4)'s second sum beside it.

    At the very end, when no byte is left, x is small and rounding in (E2) weighs more: up to 31 bits in all.
    """
    writer = Writer("message")
    send(writer, parts, reading=False)
    message = writer.finish()
    reader = Reader(message, "message")
    send(reader, parts, reading=True)
    reader.spent("structure")
    used = reader.ledger.bits[PROGRAM, "structure"]
    assert abs(used - writer.cost / 2**16) <= 31 + len(parts) * 5 * math.log2(1 + 2.0 ** (16 - 23))
    assert whole_bytes(reader.ledger, len(message)).keys() == {(PROGRAM, "container"), (PROGRAM, "structure")}


def test_each_step_moves_the_position_by_its_cost_while_bytes_are_left() -> None:
    """(E1), (E4): to a thousandth of a bit, whether a byte is read at that step or not."""
    asked = (np.random.default_rng(0).random(400) < 0.2).astype(int).tolist()
    writer, cell, costs = Writer("message"), [0, 0], []
    for bit in asked:
        before = writer.cost
        writer.bit(bit, cell, cell)
        costs.append((writer.cost - before) / 2**16)
    message = writer.finish()
    reader, cell, moves = Reader(message, "message"), [0, 0], []
    while reader._read < len(message):
        before = reader._position()
        reader.bit(None, cell, cell)
        moves.append(reader._position() - before)
    assert len(moves) > 200 and max(costs) > 1
    np.testing.assert_allclose(moves, costs[: len(moves)], atol=1e-3)


@given(st.lists(st.floats(0, 1e4), max_size=20), st.integers(0, 10**6))
def test_the_bytes_of_all_parts_add_up_to_the_file(moves: list[float], more: int) -> None:
    ledger = Ledger()
    position = 0.0
    for i, move in enumerate(moves):
        ledger.place, position = i // 2, position + move
        ledger.move(position, ("names", "weights")[i % 2])
    size = int(position // 8) + 1 + more
    parts = whole_bytes(ledger, size)
    assert sum(parts.values()) == size
    for key, bits in ledger.bits.items():
        assert abs(parts[key] - bits / 8) <= 1


@given(st.lists(st.integers(0, 2**LONGEST - 1), max_size=20))
def test_numbers_of_every_size_come_back(values: list[int]) -> None:
    """(E7)."""
    writer = Writer("message")
    for value in values:
        natural(writer, value, "n")
        integer(writer, -value, "i")
        integer(writer, value >> 1, "i")
        small(writer, value % 64, 6, "s")
    reader = Reader(writer.finish(), "message")
    for value in values:
        assert natural(reader, None, "n") == value
        assert integer(reader, None, "i") == -value
        assert integer(reader, None, "i") == value >> 1
        assert small(reader, None, 6, "s") == value % 64
    reader.finish()


@pytest.mark.parametrize("value", [0, 1, 2, 3, 100, 2**20 + 1, 2**61])
def test_a_number_costs_two_bits_a_digit_at_first_and_one_less_than_its_digits_in_the_end(value: int) -> None:
    """(E7): L + 1 decisions of one bit and L − 1 plain bits; later the decisions cost next to nothing.

    After n equal ones a decision is at (n + ½)/(n + 1), but no more than 4095 of 4096 slots.
    """
    writer, digits = Writer("message"), value.bit_length()
    natural(writer, value, "n")
    assert writer.cost / 2**16 == max(2 * digits, 1)
    for _ in range(300):
        natural(writer, value, "n")
    before = writer.cost
    natural(writer, value, "n")
    late = -math.log2(math.floor(SLOTS * 301.5 / 302) / SLOTS)
    assert (writer.cost - before) / 2**16 <= max(digits - 1, 0) + (digits + 1) * (late + 2**-15)


def test_a_number_of_too_many_bits_is_refused() -> None:
    writer = Writer("message")
    for length in range(LONGEST + 2):
        writer.bit(1, writer.cell("n", length))
    with pytest.raises(
        ValueError, match=r"net\.tz: found a number of more than 62 bits, needed a shorter one"
    ):
        natural(Reader(writer.finish(), "net.tz"), None, "n")


@pytest.mark.parametrize("value", [-1, 2**LONGEST])
def test_a_number_that_does_not_fit_is_refused_by_its_writer(value: int) -> None:
    with pytest.raises(ValueError, match=f"message: found {value}, needed a whole number of at most 62 bits"):
        natural(Writer("message"), value, "n")


def test_plain_numbers_that_do_not_fit_are_refused_by_their_writer() -> None:
    with pytest.raises(ValueError, match="message: found 8, needed a whole number of 3 bits"):
        Writer("message").plain(8, 3)


def test_a_message_that_ends_early_or_late_is_refused() -> None:
    writer = Writer("message")
    for value in range(100):
        writer.plain(value, 7)
    message = writer.finish()
    for wrong in (message[:-1], message[:20], b"", message + b"\0"):
        reader = Reader(wrong, "net.tz")
        for _ in range(100):
            reader.plain(None, 7)
        with pytest.raises(ValueError, match=r"net\.tz: found .*(does not end at 1|bytes too many)"):
            reader.finish()


def test_a_message_takes_no_more_steps_and_no_more_room_than_its_length_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coder, "FREE_STEPS", 20)
    monkeypatch.setattr(coder, "FREE_ROOM", 30)
    writer = Writer("message")
    cell = writer.cell("same")
    for _ in range(100):
        writer.bit(1, cell)
    with pytest.raises(ValueError, match="message: found 100 steps in 1 bytes, needed 28 or fewer"):
        writer.finish()
    reader = Reader(b"\1", "net.tz")
    reader.room(30)
    with pytest.raises(
        ValueError, match=r"net\.tz: found 9 weights, needed 8 or fewer in a file of this length"
    ):
        reader.room(9)
    cell = reader.cell("same")
    with pytest.raises(ValueError, match=r"net\.tz: found more steps than its length allows"):
        for _ in range(29):
            reader.bit(None, cell)


def test_a_message_of_b_bytes_takes_2_to_the_18_and_8_b_steps_and_2_to_the_22_and_8_b_weights() -> None:
    for size in (1, 5):
        steps, weights = 2**18 + 8 * size, 2**22 + 8 * size
        reader = Reader(bytes([255] * size), "net.tz")
        reader.expect(steps)
        with pytest.raises(ValueError, match=f"found {steps + 1} steps to come, needed {steps} or fewer"):
            reader.expect(steps + 1)
        reader.plain(None, 1)
        with pytest.raises(ValueError, match=f"found {steps} steps to come, needed {steps - 1} or fewer"):
            reader.expect(steps)
        with pytest.raises(ValueError, match=f"found {weights + 1} weights, needed {weights} or fewer"):
            reader.room(weights + 1)
        reader.room(weights - 3)
        reader.room(3)
        with pytest.raises(ValueError, match="found 1 weights, needed 0 or fewer"):
            reader.room(1)


@given(st.lists(st.integers(1, SLOTS), min_size=30, max_size=200), st.integers(0, 30))
def test_a_writer_knows_how_many_steps_its_reader_will_have_left(frequencies: list[int], split: int) -> None:
    """But for what the first and the last bytes hold, by (E4)."""
    f = np.array(frequencies, np.int64)
    k = np.full_like(f, CHANCE)
    first, second = (Steps(SLOTS - f[p], f[p], k[p]) for p in (slice(split), slice(split, None)))
    writer = Writer("message")
    writer.steps(first)
    left = writer.left(second)
    writer.steps(second)
    size = len(writer.finish())
    reader_has = Reader(bytes(size), "message")._steps - f.size
    assert writer.taken == f.size and abs(reader_has - left) <= 8 * 6


def test_each_part_of_a_message_and_each_place_is_put_down_by_itself() -> None:
    ledger = Ledger(2.0)
    for place, position, part in (
        (PROGRAM, 5.0, "a"),
        (0, 6.5, "a"),
        (0, 6.5, "b"),
        (0, 9.0, "a"),
        (1, 10.0, "b"),
    ):
        ledger.place = place
        ledger.move(position, part)
    assert ledger.bits == {(PROGRAM, "a"): 3.0, (0, "a"): 4.0, (0, "b"): 0.0, (1, "b"): 1.0}
    assert whole_bytes(ledger, 3) == {
        (PROGRAM, "container"): 2, (PROGRAM, "a"): 0, (0, "a"): 1, (0, "b"): 0, (1, "b"): 0
    }  # fmt: skip


def test_x_stays_below_two_to_the_31_and_above_two_to_the_23_while_bytes_are_left() -> None:
    """What makes (E3) fit 32 bits, in whatever language a reader is written."""
    writer = Writer("message")
    rng = np.random.default_rng(0)
    for value in rng.integers(0, 2**16, 3000).tolist():
        writer.bit(value % 3 == 0, writer.cell("a", value % 7), writer.cell("b", value % 5))
        writer.plain(value, 16)
    message = writer.finish()
    reader = Reader(message, "message")
    for value in np.random.default_rng(0).integers(0, 2**16, 3000).tolist():
        assert reader._x < 1 << 31 and (reader._x >= LOWEST or reader._read == len(message))
        reader.bit(None, reader.cell("a", value % 7), reader.cell("b", value % 5))
        assert reader.plain(None, 16) == value


def test_a_writer_refuses_what_is_no_number() -> None:
    with pytest.raises(ValueError, match=r"found None, needed a whole number of 3 bits"):
        Writer("it").plain(None, 3)
