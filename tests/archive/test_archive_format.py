"""The .tz file: every leaf comes back, nothing gets in that no writer wrote, and most of it is weights."""

import math
import os
import tracemalloc
from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_programs import grids, programs
from hostile import attack, few_weights, sealed, stated
from hypothesis import given, settings
from hypothesis import strategies as st
from known_programs import DATA, KNOWN, every_kind

from tinyzip.archive import account, pack, read, records, shorten, unpack, write
from tinyzip.archive import fields as fields_of
from tinyzip.archive.account import Account
from tinyzip.archive.coder import Reader, Writer
from tinyzip.archive.fields import digits_of_m0, form_of_scale, grid, odd, reciprocal, scale
from tinyzip.archive.format import HEAD, MARK, unpack_with_ledger
from tinyzip.archive.numbers import integer, natural
from tinyzip.integer import Argmax, Codes, Conv2d, Flatten, Linear, MaxPool2d, Program, run
from tinyzip.integer.maps import Multiply
from tinyzip.integer.program import OPERATORS
from tinyzip.integer.residuals import Concat


def seed_program(bits: int = 8) -> Program:
    """The seed net's shapes, with the bell-shaped weights and the scales that training leaves."""
    rng = np.random.default_rng(5)
    most = 2 ** (bits - 1) - 1

    def grid_of(lo: int, hi: int, zero: int) -> Codes:
        m, denominator = float(np.float32(rng.uniform(0.01, 0.1))).as_integer_ratio()
        return Codes(lo, hi, zero, (m, denominator.bit_length() - 1))

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
            "rounding": "single",
        }

    return Program(
        (
            Conv2d(**weights(10, 1, 5, 5), y=grid_of(0, 255, 0), name="conv1"),
            MaxPool2d(2, name="pool1"),
            Conv2d(**weights(20, 10, 5, 5), y=grid_of(0, 255, 0), name="conv2"),
            MaxPool2d(2, name="pool2"),
            Flatten(name="flatten"),
            Linear(**weights(50, 320), y=grid_of(0, 255, 0), name="fc1"),
            Linear(**weights(10, 50), y=grid_of(-128, 127, 3), name="fc2"),
            Argmax(),
        ),
        (1, 28, 28),
        Codes(0, 255, 0, reciprocal(255, 53)),
    )


def weight_count(program: Program) -> int:
    return sum(operator.w.size for operator in program.operators if isinstance(operator, Conv2d | Linear))


@given(programs())
@settings(max_examples=100)
def test_every_leaf_of_every_program_comes_back(program: Program) -> None:
    data = pack(program)
    again = unpack(data)
    assert again == program
    for one, other in zip(program.operators, again.operators, strict=True):
        for field in fields(one):
            a, b = getattr(one, field.name), getattr(other, field.name)
            assert type(a) is type(b)
            if isinstance(a, np.ndarray):
                assert a.dtype == b.dtype and np.array_equal(a, b) and not b.flags.writeable
            else:
                assert a == b
    assert pack(again) == data


@pytest.mark.parametrize("name", KNOWN)
def test_every_field_stands_in_a_file_where_it_stood_when_the_file_was_written(name: str) -> None:
    assert pack(KNOWN[name]()) == (DATA / name).read_bytes()
    assert unpack((DATA / name).read_bytes()) == KNOWN[name]()


@pytest.mark.parametrize("values", [(-128, 1), (-2,), (2,), (-1, 1), (0, -1), (-1, 0, 1), (127, 1), (-4, 3)])
def test_as_many_bits_as_weights_need_cost_nothing_and_more_come_back_too(values: tuple[int, ...]) -> None:
    w = np.array([values])
    sizes = {}
    for bits in range(1, 9):
        try:
            linear = Linear(w, None, 2**30, 33, Codes(0, 15, 0), weight_bits=bits)
            program = Program((linear,), (len(values),), Codes(0, 15, 0))
        except ValueError:
            continue
        data = pack(program)
        sizes[bits] = len(data)
        assert unpack(data) == program
    assert min(sizes.values()) == sizes[min(sizes)]


def test_the_drawn_programs_contain_every_operator() -> None:
    """As few of them as the test above draws."""
    seen: set[type] = set()

    @given(programs())
    @settings(max_examples=200)
    def look(program: Program) -> None:
        seen.update(map(type, program.operators))

    look()
    assert seen == set(OPERATORS)


def test_every_field_of_every_operator_has_a_place_in_the_file() -> None:
    """Fields without a default go in a fixed order, the others by number; the record decides which."""
    assert set(records.KINDS) == set(OPERATORS)
    for kind, leaves in records.KINDS.items():
        for field in fields(kind):
            if field.name != "weight_bits":  # it has a default, and follows the weights all the same
                assert (field.default is MISSING) == (field.name in leaves)
            assert field.name in leaves or field.name in records.DEFAULTED


def test_a_program_read_back_gives_identical_codes(tmp_path: Path) -> None:
    program = seed_program()
    write(program, tmp_path / "net.tz")
    images = np.random.default_rng(0).integers(0, 256, (1, 28, 28, 9), dtype=np.uint8)
    before, after = (run(p, images, trace=True) for p in (program, read(tmp_path / "net.tz")))
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(("bits", "most"), [(8, 7.5), (4, 3.25), (3, 2.15), (2, 1.5), (1, 1.01)])
def test_weights_cost_their_entropy_and_other_leaves_five_bytes_a_channel(bits: int, most: float) -> None:
    """`most` is the entropy of these weights, rounded up, and what learning it costs."""
    program = seed_program(bits)
    others = 90 * (29 + 2 + 5 + 13) / 8  # digits of m0, how many, the step to n, the bias
    assert len(pack(program, names=False)) <= weight_count(program) * most / 8 + others + 60


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_container_and_structure_of_six_layers_take_48_bytes_at_most(bits: int, tmp_path: Path) -> None:
    """Convolution and pool, twice, and two fully connected layers; with scales of float32, and shortened."""
    for program, most in ((seed_program(bits), 48), (shorten(seed_program(bits)), 43)):
        size = write(program, tmp_path / "net.tz", names=False)
        found = account(tmp_path / "net.tz")
        assert found.total("container") + found.total("structure") <= most
        assert sum(found.parts.values()) == size


def test_names_are_left_out_on_request(tmp_path: Path) -> None:
    program = seed_program()
    bare = tuple(replace(operator, name="") for operator in program.operators)
    write(program, tmp_path / "net.tz", names=False)
    assert read(tmp_path / "net.tz") == Program(bare, program.shape, program.input)
    assert len(pack(program, names=False)) < len(pack(program)) - 15


def test_an_image_that_was_flattened_is_seen_again() -> None:
    """Filters of which each column of the image has one sign cost less where the file knows the image."""
    rng = np.random.default_rng(0)
    w = rng.integers(1, 8, (30, 12, 12)) * rng.choice([-1, 1], (30, 1, 12))
    linear = Linear(w.reshape(30, 144).astype(np.int8), None, 2**30, 36, Codes(0, 15, 0))
    flat = Program((linear,), (144,), Codes(0, 15, 0))
    image = Program((Flatten(), linear), (1, 12, 12), Codes(0, 15, 0))
    turned = Program((Flatten("HWC"), linear), (1, 12, 12), Codes(0, 15, 0))
    assert len(pack(image)) < 0.9 * len(pack(flat))
    assert len(pack(turned)) >= len(pack(flat))


@given(grids(), st.integers(0, 2**32 - 1))
def test_grids_of_every_kind_come_back(codes: Codes, q: int) -> None:
    """(E12), for scales that are 1/q to 53 or 24 digits, and for all others."""
    q = max(q, 3)
    scales = [codes.scale, reciprocal(q, 53), reciprocal(q, 24), (6, 1), (1, 8)]
    writer = Writer("message")
    writer.last |= {"grid": Codes(0, 255, 0), "octave": 0}
    sent = [replace(codes, scale=fraction) for fraction in scales]
    for one in (*sent, codes):
        grid(writer, one, "y")
    reader = Reader(writer.finish(), "message")
    reader.last |= {"grid": Codes(0, 255, 0), "octave": 0}
    assert [grid(reader, None, "y") for _ in (*sent, codes)] == [*sent, codes]
    reader.finish()


@given(st.integers(3, 2**22))
def test_one_over_q_is_the_float_that_everybody_has(q: int) -> None:
    """(E12): NumPy's float64 and float32 of 1/q, and nearly as short in the file as q."""
    for digits, dtype in ((53, np.float64), (24, np.float32)):
        m, n = reciprocal(q, digits)
        if q & (q - 1):
            assert (m, n) == exact(float(dtype(1) / dtype(q)))
            assert form_of_scale((m, n))[1] == q
        writer = Writer("message")
        writer.last["octave"] = m.bit_length() - n
        scale(writer, (m, n), "scale")
        assert writer.cost / 2**16 <= 2 * q.bit_length() + 4


def exact(value: float) -> tuple[int, int]:
    m, denominator = value.as_integer_ratio()
    return m, denominator.bit_length() - 1


@given(st.integers(2**30, 2**31 - 1), st.integers(0, 30))
def test_a_multiplier_costs_its_digits(m0: int, zeros: int) -> None:
    m0 = max(m0 >> zeros << zeros, 2**30)
    writer = Writer("message")
    assert digits_of_m0(writer, m0, "m0") == m0
    digits = 31 - ((m0 & -m0).bit_length() - 1)
    assert writer.cost / 2**16 == 5 + max(digits - 2, 0)


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


@pytest.mark.parametrize("count", [100, pytest.param(600, marks=pytest.mark.long)])
def test_damaged_files_with_a_right_checksum_are_refused_or_read_but_never_crash(count: int) -> None:
    """A few of those of `hostile.py`: the checksum only guards against accidents."""
    found = attack(count, seed=1)
    assert found["other"] == []
    assert found["files"] == found["read"] + found["refused"] == count
    assert found["memory_mb"] <= 50


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "mark of a .tz file"),
        (b"PK\x03\x04 an archive of another kind", "mark of a .tz file"),
        (MARK, "4 bytes, needed from 9 to"),
        (small() + b"\x00", "checksum"),
        (small()[:4] + b"\x03" + small()[5:], "version 3, needed version 2"),
        (small()[:4] + b"\x01" + small()[5:], "version 1, needed version 2"),
        (small()[:9] + b"\x00" + small()[10:], "checksum"),
        (sealed(b""), "found"),
        (sealed(small()[HEAD:-1]), "found"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, data: bytes, what: str) -> None:
    path = tmp_path / "odd.tz"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=what) as error:
        read(path)
    assert str(error.value).startswith(f"{path}: found ")


@pytest.mark.long
def test_a_small_file_takes_little_memory_whatever_it_asks_for() -> None:
    """2²² weights in 80 bytes, all the same, or all but a few pruned: the most that it may ask for."""
    same = np.full((2048, 2048), 3)
    pruned = np.where(np.arange(2**22).reshape(2048, 2048) % 2**20 == 5, 100, 0)
    for w in (same, pruned):
        linear = Linear(w, None, 2**30, 60, Codes(0, 15, 0))
        data = pack(Program((linear,), (2048,), Codes(0, 15, 0)))
        assert len(data) < 80
        tracemalloc.start()
        try:
            assert np.array_equal(unpack(data).operators[0].w, w)
            most = tracemalloc.get_traced_memory()[1]
            assert most < 50e6
        finally:
            tracemalloc.stop()


SHIFTED = bytes.fromhex(  # m = 63 digits · 2 to the 18 253 611 007
    "89747a1a02a0ef7d6e0a68503000000100000000b8f04bf31b9ab40000001fd4"
    "182e482d8ab1ffcb74481b6fb08cc1478267e5470f68fca774d9a2652b28fd86cd"
)


def test_a_scale_is_bounded_before_it_is_shifted() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"net\.tz: found a scale of \d+ digits, needed 63 or fewer"):
            unpack(SHIFTED, "net.tz")
        most = tracemalloc.get_traced_memory()[1]
        assert most < 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("twos", [1, 62, 63, 2**30, 2**62 - 1])
def test_a_scale_has_63_digits_at_most_with_the_zeros_at_its_end(twos: int) -> None:
    writer = Writer("message")
    for value, name in ((0, "form"), (twos, "twos")):
        natural(writer, value, "scale", name)
    odd(writer, 1, 6, "scale")
    integer(writer, 0, "scale", "octave")
    reader = Reader(writer.finish(), "net.tz")
    reader.last["octave"] = 0
    if twos < 63:
        assert scale(reader, None, "scale") == (1 << twos, twos + 1)
    else:
        with pytest.raises(ValueError, match=rf"found a scale of {twos + 1} digits, needed 63 or fewer"):
            scale(reader, None, "scale")


def test_no_number_that_a_file_states_takes_memory_beyond_its_length() -> None:
    """Every natural of a file by its name, said to be far too large; counts before the loops over them.

    The file's second table has twelve rows and no name of its own; one of them takes less time.
    """
    whole, names = every_kind(), set()
    operators = list(whole.operators)
    operators[8] = replace(operators[8], table=operators[8].table[0])
    for name, data in stated([few_weights(), replace(whole, operators=tuple(operators))], (2**31 - 1,)):
        names.add(name)
        tracemalloc.start()
        try:
            unpack(data)
        except ValueError as error:
            assert str(error).startswith("unpack: data: found "), name
        finally:
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert most < 1e6, name
    assert {"scale/twos", "scale/octave", "sources/count", "table/count", "outputs", "listed"} <= names


def test_a_file_too_long_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyzip.archive.format.LARGEST", 20)
    (tmp_path / "long.tz").write_bytes(MARK + b"\2" + bytes(1000))
    with pytest.raises(ValueError, match="found 21 bytes, needed from 9 to 20"):
        read(tmp_path / "long.tz")


Write = Callable[[Writer], object]


def message(*writes: Write) -> bytes:
    """One operator on two values, whose record is what `writes` write."""
    writer = Writer("message")
    natural(writer, 1, "shape", "count")
    natural(writer, 2, "shape")
    writer.last |= {"grid": Codes(0, 255, 0), "octave": 0, "outputs": 2}
    grid(writer, Codes(0, 15, 0), "y")
    natural(writer, 1, "operators")
    for write_part in writes:
        write_part(writer)
    return writer.finish()


def number(value: int, *name: str) -> Write:
    return lambda writer: natural(writer, value, *name)


def kind(operator: type) -> Write:
    return number(list(records.KINDS).index(operator), "kind")


def as_before(name: str) -> Write:
    return lambda writer: writer.bit(1, writer.cell(name, "as before"))


def changed(field: str) -> Write:
    return number(list(records.DEFAULTED).index(field) + 1, "changed")


@pytest.mark.parametrize(
    ("writes", "what"),
    [
        ([number(17, "kind")], "an operator of kind 17, needed 16 at most, or a later version"),
        (
            [kind(Concat), number(0, "changed"), number(2**40, "sources", "count")],
            f"{2**40} steps to come, needed .* or fewer in a file of this length",
        ),
        (
            [kind(Multiply), number(0, "changed"), number(2**40, "w", "count")],
            f"{2**40} steps to come",
        ),
        ([kind(Flatten), number(11, "changed")], "field 11 of a Flatten"),
        ([kind(Flatten), changed("groups")], "field 4 of a Flatten"),
        ([kind(Flatten), changed("order"), number(2, "order")], "order 2"),
        (
            [kind(Flatten), changed("order"), number(1, "order"), changed("name")],
            "field 5 of a Flatten, needed its fields in order",
        ),
        ([kind(Flatten), changed("name"), number(256, "name", "count")], "a name of 256 bytes"),
        (
            [kind(Conv2d), changed("rounding"), number(4, "rounding")],
            "rounding 4",
        ),
        (
            [
                kind(Linear),
                number(0, "changed"),
                as_before("outputs"),
                number(0, "image"),
                as_before("image"),
                as_before("inputs"),
            ],
            "0 inputs from an image of 0×0",
        ),
        (
            [kind(Flatten), number(0, "changed"), lambda w: w.plain(0, 8)],
            "a message that does not end|bytes too",
        ),
    ],
)
def test_what_no_program_contains_is_refused(writes: list[Write], what: str) -> None:
    with pytest.raises(ValueError, match=rf"net\.tz: found ({what})"):
        unpack(sealed(message(*writes)), "net.tz")


@pytest.mark.parametrize("count", [0, 4097, 5000])
def test_a_program_of_no_operators_and_one_of_too_many_are_refused(count: int) -> None:
    writer = Writer("message")
    natural(writer, 1, "shape", "count")
    natural(writer, 2, "shape")
    writer.last |= {"grid": Codes(0, 255, 0), "octave": 0}
    grid(writer, Codes(0, 15, 0), "y")
    natural(writer, count, "operators")
    with pytest.raises(ValueError, match=f"found {count} operators, needed from 1 to 4096"):
        unpack(sealed(writer.finish()))


@pytest.mark.parametrize(
    ("form", "q", "what"),
    [
        (3, 0, "a scale of form 3"),
        (1, 2, "a scale of 1/2"),
        (2, 2**32, f"a scale of 1/{2**32}, needed a divisor from 3 to {2**32 - 1}"),
    ],
)
def test_a_scale_that_no_writer_writes_is_refused(form: int, q: int, what: str) -> None:
    writer = Writer("message")
    natural(writer, form, "scale", "form")
    natural(writer, q, "scale", "divisor")
    reader = Reader(writer.finish(), "net.tz")
    reader.last["octave"] = 0
    with pytest.raises(ValueError, match=rf"net\.tz: found {what}"):
        scale(reader, None, "scale")


@pytest.mark.parametrize("place", range(5))
def test_a_word_is_one_of_those_that_are_known(place: int) -> None:
    writer = Writer("net.tz")
    natural(writer, place, "order")
    reader = Reader(writer.finish(), "net.tz")
    if place < 3:
        assert fields_of.word("a", "b", "c")(reader, None, "order") == "abc"[place]
    else:
        with pytest.raises(ValueError, match=rf"net\.tz: found order {place}, needed 2 or less"):
            fields_of.word("a", "b", "c")(reader, None, "order")


@pytest.mark.parametrize("image", [(2, 3), (0, 3), (2, 0), (1, 2), (2, 1)])
def test_a_layer_reads_whole_images_that_were_flattened(image: tuple[int, int]) -> None:
    writer = Writer("net.tz")
    for value, before, name in ((4, 0, "outputs"), (image, None, "image"), (7, 4 * prod(image), "inputs")):
        if before is None:
            fields_of.pair(writer, value, name)
        else:
            fields_of.as_before(writer, value, before, natural, name)
    reader = Reader(writer.finish(), "net.tz")
    reader.last["outputs"] = writer.last["outputs"] = 0
    line = rf"^net\.tz: found 7 inputs from an image of {image[0]}×{image[1]}, needed a multiple of its size"
    with pytest.raises(ValueError, match=line):
        fields_of.matrix(reader, None, "w")


def test_what_stands_at_a_limit_is_read() -> None:
    """4096 operators, a name of 255 bytes, scales of 63 digits and of 1/3 and 1/(2³² − 1)."""
    scales = [
        (2**63 - 1, 5),
        (2**62, 5),
        reciprocal(3, 53),
        reciprocal(255, 24),
        reciprocal(2**32 - 1, 53),
    ]
    y = [Codes(0, 9, 0, fraction) for fraction in scales]
    linear = [Linear(np.eye(2, dtype=int), None, 2**30, 33, grid, name="é" * 127 + "n") for grid in y]
    for operators in (linear, [Flatten()] * 4096):
        program = Program(tuple(operators), (2,), Codes(0, 15, 0))
        assert unpack(pack(program)) == program
    assert [form_of_scale(fraction)[0] for fraction in scales] == [0, 0, 1, 2, 1]
    assert form_of_scale(reciprocal(2**32, 53))[0] == form_of_scale(reciprocal(2, 53))[0] == 0


def test_a_file_of_more_than_64_megabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.tz"
    path.write_bytes(MARK + b"\2")
    os.truncate(path, 2**26 + 1)
    with pytest.raises(ValueError, match=f"found {2**26 + 1} bytes, needed from 9 to {2**26}"):
        read(path)


def test_numbers_beyond_64_bits_are_refused_like_all_else() -> None:
    """Two differences of 2⁶¹ are a shift that int64 holds, five are none."""
    w = np.ones((9, 2), np.int8)
    linear = Linear(w, None, 2**30, 33, Codes(0, 15, 0))
    writer = Writer("message")
    with pytest.MonkeyPatch.context() as patch:
        far = {"n": lambda coder, value, name: [integer(coder, 2**61, name) for _ in range(9)]}
        patch.setitem(records.KINDS, Linear, records.KINDS[Linear] | far)
        records.walk_program(writer, Program((linear,), (2,), Codes(0, 15, 0)))
    with pytest.raises(ValueError, match=r"net\.tz: found a program that is refused"):
        unpack(sealed(writer.finish()), "net.tz")


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


@pytest.mark.parametrize(("path", "error"), [(7, TypeError), (None, TypeError), ("", ValueError)])
def test_what_is_no_path_is_refused(path: Any, error: type[Exception]) -> None:
    for reads in (read, account):
        with pytest.raises(error, match=rf"^read: path: found {path!r}, needed a path"):
            reads(path)


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.tz"):
        read(tmp_path / "none.tz")


def test_the_parts_of_every_file_add_up_to_it(tmp_path: Path) -> None:
    """And the weights' part is their entropy, but for what learning it costs.

    That is about ½·log₂ n bits for each frequency that is estimated from n weights [Rissanen 1984]; the coder
    has to come within twice that.
    """
    write(seed_program(3), tmp_path / "net.tz")
    found = account(tmp_path / "net.tz")
    assert sum(found.parts.values()) == found.size == (tmp_path / "net.tz").stat().st_size
    assert HEAD <= found.total("container") <= HEAD + 1  # what is not full in the first byte of a message
    assert found.program == seed_program(3)
    lines = str(found).splitlines()
    assert lines[0].split() == ["operator", "name", "zeros", *found_parts(), "bytes"]
    assert len(lines) == 1 + 1 + len(found.program.operators) + 1
    assert int(lines[-1].split()[-1].replace(",", "")) == found.size
    bits = learning = 0.0
    for operator in found.program.operators:
        if isinstance(operator, Conv2d | Linear):
            counts = np.unique(operator.w, return_counts=True)[1]
            bits -= (counts * np.log2(counts / operator.w.size)).sum()
            learning += (counts.size - 1) / 2 * np.log2(operator.w.size)
    assert math.isclose(8 * found.total("weights"), bits, rel_tol=0, abs_tol=2 * learning)


def test_a_part_is_what_its_fields_took_and_structure_is_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Field by field, in each operator: how far a reader moves in it."""
    taken: dict[tuple[int, str], float] = {}
    within: list[str] = []

    def noted(leaf: Callable[..., object], part: str = "") -> Callable[..., object]:
        def walk(coder: Reader, *rest: object) -> object:
            key = coder.ledger.place, part or records.PART_OF.get(str(rest[-1]), "structure")
            within.append(key[1])
            before = coder._position()
            found = leaf(coder, *rest)
            if within == ["structure"] * (len(within) - 1) + [key[1]] and key[1] != "structure":
                taken[key] = taken.get(key, 0.0) + coder._position() - before
            within.pop()
            return found

        return walk

    data = pack(every_kind())
    for kind, leaves in records.KINDS.items():
        own = {name: leaf if name == "w" else noted(leaf) for name, leaf in leaves.items()}
        monkeypatch.setitem(records.KINDS, kind, own)
    for name, leaf in records.DEFAULTED.items():
        monkeypatch.setitem(records.DEFAULTED, name, noted(leaf))
    optional = fields_of.optional
    monkeypatch.setattr(fields_of, "optional", lambda leaf: noted(optional(leaf)))
    monkeypatch.setattr(fields_of, "weights", noted(fields_of.weights, "weights"))
    monkeypatch.setitem(records.KINDS[Multiply], "w", noted(records.KINDS[Multiply]["w"]))
    program, ledger = unpack_with_ledger(data, "here")
    assert program == every_kind()
    found = {key: bits for key, bits in ledger.bits.items() if key[1] != "structure"}
    assert {key: bits for key, bits in found.items() if bits} == pytest.approx(taken, abs=1e-6)
    places = {place for place, part in ledger.bits if part == "structure"}
    assert places == {-1, *range(len(program.operators))}
    whole = 8 * (len(data) - HEAD)
    assert whole - 40 <= sum(ledger.bits.values()) <= whole


def test_an_account_is_a_table_of_words_on_the_left_and_numbers_on_the_right(tmp_path: Path) -> None:
    write(seed_program(3), tmp_path / "net.tz")
    found = account(tmp_path / "net.tz")
    head, first, *lines = str(found).splitlines()
    kinds, names = head.index("operator"), head.index("name")
    assert first[kinds:].startswith("program")
    for line, operator in zip(lines, found.program.operators, strict=False):
        assert line[kinds:].startswith(f"{operator.kind} ") and line[names:].startswith(operator.name or " ")
    for place, line in enumerate((first, *lines[:-1]), -1):  # parts that take nothing are left empty
        sizes = [found.parts.get((place, part), 0) for part in found_parts()]
        told = [f"{size:,}" for size in sizes if size]
        assert line.split()[-1 - len(told) :] == [*told, f"{sum(sizes):,}"] and " 0" not in line[names + 9 :]
    assert {len(line) for line in (head, first, *lines)} == {len(head)}
    assert repr(found) == f"Account({found.size:,} bytes, {found.program!r})"
    assert found.total("nothing") == 0 and found.total("weights") == sum(
        size for (_, part), size in found.parts.items() if part == "weights"
    )
    bare = Account(found.program, 9, {})
    assert [line.split()[-1] for line in str(bare).splitlines()[1:]] == ["0"] * (len(lines) + 1)


def test_the_account_says_which_part_of_each_layers_weights_is_zero(tmp_path: Path) -> None:
    program = seed_program(3)
    write(program, tmp_path / "net.tz")
    weights = [o.w for o in program.operators if isinstance(o, Conv2d | Linear)]
    shares = [f"{(w == 0).mean():.1%}" for w in weights]
    told = [line for line in str(account(tmp_path / "net.tz")).splitlines() if "%" in line]
    assert [next(word for word in line.split() if "%" in word) for line in told[:-1]] == shares
    assert len({*shares}) > 1
    zeros = sum(int((w == 0).sum()) for w in weights) / sum(w.size for w in weights)
    assert f" {zeros:.1%} " in told[-1] and told[-1].split()[0] == "total"


def found_parts() -> list[str]:
    return ["container", "structure", "names", "weights", "biases", "multipliers"]
