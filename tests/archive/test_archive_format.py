"""The .tz file: every leaf comes back, and nothing that was not written by it gets in."""

import os
import zlib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from drawn_programs import programs
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyzip.archive import pack, read, unpack, write
from tinyzip.archive.coder import Encoder
from tinyzip.archive.format import HEAD, MARK
from tinyzip.archive.numbers import put_integers, put_number
from tinyzip.archive.records import put_codes, put_numbers, put_vector
from tinyzip.integer import Argmax, Codes, Conv2d, Flatten, Linear, MaxPool2d, Program, run
from tinyzip.integer.program import OPERATORS


def seed_program(bits: int = 8) -> Program:
    """The seed net's shapes, with the bell-shaped weights that training leaves."""
    rng = np.random.default_rng(5)
    most = 2 ** (bits - 1) - 1
    y = Codes(0, 255, 0, (13, 9))

    def weights(*shape: int) -> dict[str, object]:
        real = rng.normal(size=shape)
        top = np.abs(real).reshape(shape[0], -1).max(1).reshape(-1, *[1] * (len(shape) - 1))
        w = np.where(real > 0, 1, -1) if bits == 1 else np.rint(real / top * most)
        F = shape[0]
        return {
            "w": w.astype(np.int8),
            "bias": rng.normal(0, 2000, F).astype(np.int32),
            "m0": rng.integers(2**30, 2**31, F),
            "n": rng.integers(37, 40, F),
            "weight_bits": bits,
        }

    return Program(
        (
            Conv2d(**weights(10, 1, 5, 5), y=y, name="conv1"),
            MaxPool2d(2),
            Conv2d(**weights(20, 10, 5, 5), y=y, name="conv2"),
            MaxPool2d(2),
            Flatten(),
            Linear(**weights(50, 320), y=y, rounding="single", name="fc1"),
            Linear(**weights(10, 50), y=Codes(-128, 127, 3, (3, 5)), rounding="single", name="fc2"),
            Argmax(),
        ),
        (1, 28, 28),
        Codes(0, 255, 0, (1, 8)),
    )


def weight_count(program: Program) -> int:
    return sum(operator.w.size for operator in program.operators if isinstance(operator, Conv2d | Linear))


def sealed(body: bytes) -> bytes:
    """A file that is right in all but its body: length and checksum hold."""
    start = MARK + b"\x01" + (HEAD + len(body)).to_bytes(4, "little")
    return start + zlib.crc32(start + body).to_bytes(4, "little") + body


@given(programs())
def test_every_leaf_of_every_program_comes_back(program: Program) -> None:
    again = unpack(pack(program))
    assert again == program
    for one, other in zip(program.operators, again.operators, strict=True):
        for field in fields(one):
            a, b = getattr(one, field.name), getattr(other, field.name)
            assert type(a) is type(b)
            if isinstance(a, np.ndarray):
                assert a.dtype == b.dtype and np.array_equal(a, b) and not b.flags.writeable
            else:
                assert a == b
    assert pack(again) == pack(program)


def test_the_drawn_programs_contain_every_operator() -> None:
    seen: set[type] = set()

    @given(programs())
    @settings(max_examples=100)
    def look(program: Program) -> None:
        seen.update(map(type, program.operators))

    look()
    assert seen == set(OPERATORS)


def test_a_program_read_back_gives_identical_codes(tmp_path: Path) -> None:
    program = seed_program()
    write(program, tmp_path / "net.tz")
    images = np.random.default_rng(0).integers(0, 256, (1, 28, 28, 9), dtype=np.uint8)
    before, after = (run(p, images, trace=True) for p in (program, read(tmp_path / "net.tz")))
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(("bits", "most"), [(8, 7.6), (4, 3.4), (3, 2.25), (2, 1.6), (1, 1.02)])
def test_weights_cost_their_entropy_and_other_leaves_six_bytes_a_channel(bits: int, most: float) -> None:
    program = seed_program(bits)
    size = len(pack(program))
    others = 90 * (31 + 2 + 14) / 8 + 250
    assert size <= weight_count(program) * most / 8 + others
    assert size < -(-weight_count(program) * bits // 8) + 800


def test_write_returns_the_size_and_leaves_one_file(tmp_path: Path) -> None:
    program = seed_program()
    assert write(program, tmp_path / "net.tz") == (tmp_path / "net.tz").stat().st_size == len(pack(program))
    assert os.listdir(tmp_path) == ["net.tz"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.tz"
    write(seed_program(), path)
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(seed_program(4), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["net.tz"]


def small() -> bytes:
    w = np.array([[3, -2], [1, 0]], np.int8)
    linear = Linear(w, None, 2**30, 33, Codes(-8, 7, 0), weight_bits=3, name="only")
    return pack(Program((linear, Argmax()), (2,), Codes(0, 15, 0)))


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    data = small()
    for length in range(len(data)):
        path = tmp_path / "cut.tz"
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"cut\.tz: found .*, needed ") as error:
            read(path)
        assert "\n" not in str(error.value)


def test_a_file_with_any_bit_flipped_is_refused() -> None:
    data = small()
    for place in range(len(data) * 8):
        broken = bytearray(data)
        broken[place // 8] ^= 1 << place % 8
        with pytest.raises(ValueError, match=r"found .*, needed "):
            unpack(bytes(broken))


@given(st.data())
@settings(max_examples=150)
def test_a_body_of_any_bytes_with_a_right_checksum_is_refused_or_read_but_never_crashes(
    data: st.DataObject,
) -> None:
    """The checksum only guards against accidents: the reader has to stand without it."""
    body = bytearray(small()[HEAD:])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        program = unpack(sealed(bytes(body)))
    except ValueError as error:
        assert "found" in str(error) and "needed" in str(error) and "\n" not in str(error)
    else:
        assert isinstance(program, Program)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "mark of a .tz file"),
        (b"PK\x03\x04 an archive of another kind", "mark of a .tz file"),
        (small() + b"\x00", r"bytes, needed \d+, as the file says"),
        (small()[:4] + b"\x02" + small()[5:], "version 1"),
        (small()[:13] + b"\x00" + small()[14:], "checksum"),
        (sealed(b"\x00" * 3), "multiple of 4"),
        (sealed(b"\x00" * 12), "a lane outside"),
        (sealed((1 << 25).to_bytes(4, "little") + b"\x00" * 8), "symbols declared"),
        (sealed((1 << 22).to_bytes(4, "little") + b"\x00" * 8), "lanes"),
        (sealed(small()[HEAD:] + b"\x00" * 4), "ends with the program"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, data: bytes, what: str) -> None:
    path = tmp_path / "odd.tz"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=what) as error:
        read(path)
    assert str(error.value).startswith(f"{path}: found ")


Write = Callable[[Encoder], None]


def number(value: int) -> Write:
    return lambda encoder: put_number(encoder, value)


def plain(value: int, bits: int) -> Write:
    return lambda encoder: encoder.uniform(value, bits)


def start(encoder: Encoder) -> None:
    """All that comes before the first operator's kind: one operator on two values."""
    put_numbers(encoder, (2,))
    put_codes(encoder, Codes(0, 15, 0))
    put_number(encoder, 1)


def linear(*shape: int) -> Write:
    """A nameless Linear up to the shape of its weights."""

    def put(encoder: Encoder) -> None:
        encoder.uniform(OPERATORS.index(Linear), 3)
        encoder.uniform(0, 8)
        put_numbers(encoder, shape)

    return put


def weights(encoder: Encoder) -> None:
    """Two by two weights and biases of a Linear."""
    put_integers(encoder, np.array([[1, 2], [3, 4]]))
    put_vector(encoder, np.array([5, 5]))


@pytest.mark.parametrize(
    ("writes", "what"),
    [
        ([start, plain(7, 3), plain(9, 8)], "operator kind 16"),
        ([lambda e: put_numbers(e, (2,)), lambda e: put_numbers(e, (0, 1))], "codes of 2 numbers"),
        ([lambda e: put_numbers(e, (2,)), lambda e: put_codes(e, Codes(0, 1, 0)), number(0)], "0 operators"),
        (
            [lambda e: put_numbers(e, (2,)), lambda e: put_codes(e, Codes(0, 1, 0)), number(5000)],
            "5000 operators",
        ),
        ([start, linear()], r"weights of shape \(\)"),
        ([start, linear(2, 0)], r"weights of shape \(2, 0\)"),
        ([start, linear(2, 2), weights, plain(1, 1), plain(31, 5)], "multipliers that end in 31 zeros"),
    ],
)
def test_what_no_program_contains_is_refused(writes: list[Write], what: str) -> None:
    encoder = Encoder()
    for write_part in writes:
        write_part(encoder)
    with pytest.raises(ValueError, match=rf"net\.tz: found {what}"):
        unpack(sealed(encoder.finish()), "net.tz")


def test_weights_larger_than_the_message_are_refused_before_they_are_made() -> None:
    encoder = Encoder()
    start(encoder)
    linear(2**40, 2**20)(encoder)
    encoder.uniform([0, 0], [2, 4])
    put_number(encoder, 0)
    put_number(encoder, 1)
    with pytest.raises(ValueError, match=rf"net\.tz: found 0 symbols left, needed {2**60} more"):
        unpack(sealed(encoder.finish()), "net.tz")


def test_a_name_too_long_for_the_format_is_refused_by_its_writer() -> None:
    program = Program((Flatten(name="é" * 200),), (1, 2, 2), Codes(0, 1, 0))
    with pytest.raises(ValueError, match="400 bytes"):
        pack(program)


def test_a_program_that_could_overflow_is_refused_though_its_checksum_holds() -> None:
    program = unpack(small())
    linear = program.operators[0]
    object.__setattr__(linear, "bias", np.array([2**31 - 1, 0], np.int32))
    with pytest.raises(ValueError, match=r"operator 0 \(Linear\).*accumulator"):
        unpack(pack(program))


def test_pack_and_unpack_refuse_other_types() -> None:
    with pytest.raises(TypeError, match="pack: program"):
        pack("net.tz")
    with pytest.raises(TypeError, match="unpack: data"):
        unpack("net.tz")


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.tz"):
        read(tmp_path / "none.tz")
