"""What stands in the C of a program, read as text: names, numbers, refusals, files."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_compiled import check_equal, extremes
from hypothesis import example, given, settings
from hypothesis import strategies as st
from integer_programs import BYTE, M0, N, conv, programs, small
from known_texts import PROGRAMS, c_texts, recorded

from tinyzip.exchange import c
from tinyzip.exchange.c.plan import Plan
from tinyzip.exchange.c.sources import drafted
from tinyzip.exchange.c.text import affine, comment, identifiers, index
from tinyzip.exchange.c.weights import PAIRED, packed
from tinyzip.integer import (
    Add,
    Codes,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Pad,
    Program,
    Recall,
    Reshape,
    Table,
)

HOSTILE = [
    '"; system("rm -rf /"); "',
    "*/ int evil; /*",
    "a\n#include <evil.h>\n",
    "end\\",
    "??/",
    "ﬁ\u202e‮x",
    "int",
    "tz_run",
    "9lives",
    "",
    "x" * 500,
    "\0",
]


def named(names: list[str]) -> Program:
    return Program(tuple(conv(w=np.ones((1, 1, 1, 1), int), name=name) for name in names), (1, 4, 4), BYTE)


def test_the_same_program_gives_the_same_text() -> None:
    assert c.source(small()) == c.source(small())


@pytest.mark.parametrize("name", ["small", "two"])
def test_known_programs_give_the_text_that_they_gave(name: str) -> None:
    """Titles, bounds and layout, too, and which arrays share memory, which no code of an output shows."""
    for file, text in c_texts(name).items():
        assert text.splitlines() == recorded(file).splitlines(), file


@pytest.mark.needs("gcc")
def test_the_text_of_known_programs_computes_their_codes() -> None:
    """(CP1), (CW1), (CW2)"""
    known = [make() for make in PROGRAMS.values()]
    check_equal(known, [extremes(program.input, program.shape) for program in known], "gcc", "-O0")


@given(st.lists(st.text(max_size=60) | st.sampled_from(HOSTILE), min_size=1, max_size=12))
def test_names_become_identifiers_no_two_alike(names: list[str]) -> None:
    found = identifiers(named(names))
    assert len(set(found)) == len(names)
    for name in found:
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)
        assert len(name) < 64


def test_of_a_long_name_40_letters_stay() -> None:
    assert identifiers(named(["a" * 40, "b" * 41, "c" * 39 + "-d"])) == ["a" * 40, "b" * 40, "c" * 39]


def test_nothing_of_a_hostile_name_reaches_the_text_but_letters_digits_and_underscores() -> None:
    plain = "".join(c.source(named([f"op{i}" for i in range(len(HOSTILE))])))
    for text in c.source(named(HOSTILE)):
        assert text.isascii()
        assert set(text) <= set(plain) | set("abcdefghijklmnopqrstuvwxyz")
        assert "system(" not in text
        assert "??" not in text
        assert "\\" not in text
        assert len(re.findall(r"/\*", text)) == len(re.findall(r"\*/", text))


@given(st.text(max_size=300))
def test_a_comment_ends_only_at_its_end(text: str) -> None:
    joined = "\n".join(comment(text, "    " + text))
    assert joined.index("*/") == len(joined) - 2
    assert joined.count("/*") == 1
    assert joined.isascii()
    assert "\\" not in joined
    assert "??" not in joined


@given(st.lists(st.integers(1, 99) | st.sampled_from([31, 32, 48, 97, 98]), min_size=1, max_size=9))
@example([98])
@example([48, 48])
@example([48, 49])
def test_lines_of_a_comment_have_as_many_words_as_fit_into_100_letters(lengths: list[int]) -> None:
    words = ["x" * length for length in lengths]
    *lines, last = comment(" ".join(words))
    lines = [line[3:] for line in lines] if lines else [last[3:-3]]
    assert " ".join(lines).split() == words and all(lines)
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        assert len(line) <= 97 or " " not in line
        assert not after or len(line) + 1 + len(after.split()[0]) > 97


def test_a_program_that_moves_nothing_reads_its_input_as_others_do() -> None:
    """A board may say how the input is read; where it does not, an array is."""
    _, body = c.source(Program((Flatten(),), (1, 2, 2), BYTE))
    assert body.index("#ifndef TZ_READ_INPUT") < body.index("= TZ_READ_INPUT(image, k);")


def test_what_only_reads_another_output_in_another_way_is_a_view() -> None:
    sides = [((1, 0), (0, 0)), ((0, 1), (0, 0)), ((0, 0), (1, 0)), ((0, 0), (0, 1))]
    writing = [*map(Pad, sides), Flatten("HWC"), Reshape((1, 4, 2), "HWC")]
    for operator in (Pad(0), Recall(-1), Flatten(), Reshape((1, 4, 2)), *writing):
        plan = Plan.of(Program((operator,), (2, 2, 2), BYTE), "a")
        assert plan.is_view(0) == (operator not in writing)
    assert Plan.of(Program((Flatten("HWC"),), (8,), BYTE), "a").is_view(0)


def test_a_program_may_take_all_the_memory_that_an_int_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program((Flatten("HWC"),), (2, 2, 2), BYTE)
    monkeypatch.setattr("tinyzip.exchange.c.sources.INT32_MOST", Plan.of(program, "a").ram)
    c.source(program)


def test_a_prefix_renames_all_that_others_see() -> None:
    header, body = c.source(small(), "digits", "out")
    for text in (header, body):
        assert not re.search(r"\btz|TZ_", text)
    assert "void digits_run(const digits_input_t *input, digits_output_t *output);" in header
    assert "int digits_classify(const digits_input_t *input);" in header
    assert "#define DIGITS_INPUT_SIZE 64\n#define DIGITS_OUTPUT_SIZE 1\n" in header
    assert '#include "out.h"' in body


@pytest.mark.parametrize("prefix", ["NAME", "PREFIX_UPPER", "FUNCTIONS", "STEPS", "ONE", "INPUTS", "MOST"])
def test_a_prefix_may_be_a_word_that_the_frames_of_the_files_use(prefix: str) -> None:
    own, usual = ("".join(c.source(small(), name, "NAME")) for name in (prefix, "tz"))
    own, usual = (re.sub("0x[0-9a-f]{8}", "", text) for text in (own, usual))  # the checksums
    assert own == re.sub(r"\bTZ_", f"{prefix.upper()}_", re.sub(r"\btz_", f"{prefix}_", usual))


@pytest.mark.parametrize("prefix", ["", "1a", "a-b", "a b", "é", "a\n", "a;", None, 3])
def test_a_prefix_that_is_no_identifier_is_refused(prefix: Any) -> None:
    with pytest.raises(ValueError, match=r"c: prefix: found .*, needed an identifier of C"):
        c.source(small(), prefix)


@pytest.mark.parametrize("program", [None, [], "digits.tz", small().operators])
def test_what_is_no_program_is_refused_before_a_byte_is_written(program: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"c: program: found .*, needed a Program"):
        c.write(program, tmp_path / "digits")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", [named(["one"]), 3, None])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(TypeError, match=r"c: path: found .*, needed a path"):
        c.write(named(["one"]), path)


def test_an_operator_or_a_rounding_that_is_not_known_is_refused_before_a_byte_is_written(
    tmp_path: Path,
) -> None:
    class Newer(Flatten):
        pass

    newer = small()
    object.__setattr__(newer, "operators", (*newer.operators[:2], Newer("HWC"), *newer.operators[3:]))
    object.__setattr__(newer, "shapes", small().shapes)
    with pytest.raises(ValueError, match="c: operator 2: found Newer, needed one of Conv2d"):
        c.write(newer, tmp_path / "digits")
    other = small()
    object.__setattr__(other.operators[0], "rounding", "stochastic")
    with pytest.raises(ValueError, match="rounding: found 'stochastic', needed one of double, single"):
        c.write(other, tmp_path / "digits")
    assert not list(tmp_path.iterdir())


def test_what_int32_cannot_count_is_refused(tmp_path: Path) -> None:
    once = Conv2d(np.ones((1, 1, 1, 1), int), None, M0, N, BYTE, stride=2**31 - 5)
    with pytest.raises(ValueError, match=r"c: operator 0 \(Conv2d\): found a size of 21474836\d\d"):
        c.write(Program((once,), (1, 8, 8), BYTE), tmp_path / "digits")
    wide = Conv2d(np.ones((1, 1, 1, 1), int), None, M0, N, BYTE)
    twice = Program((wide, wide, wide, Recall(0), wide), (1, 2**15, 2**15), BYTE)
    with pytest.raises(ValueError, match=r"c: program: found .* bytes of memory, needed at most"):
        c.write(twice, tmp_path / "digits")
    assert not list(tmp_path.iterdir())


def test_int_of_16_bits_counts_to_32767_and_what_is_more_is_int32(tmp_path: Path) -> None:
    """Outputs, weights, padded images, and a window's place as far as a step beyond the image."""

    def one(**fields: Any) -> Conv2d:
        return conv(**{"w": np.ones((1, 1, 1, 1), int)} | fields)

    for shape, operator, wide in (
        ((1, 1, 32766), one(), False),
        ((1, 1, 32767), one(), True),
        ((1, 1, 32767), Recall(-1), False),
        ((1, 1, 32768), Recall(-1), True),
        ((1, 16, 16), one(w=np.ones((127, 1, 16, 16), int)), False),
        ((1, 16, 16), one(w=np.ones((128, 1, 16, 16), int)), True),
        ((1, 1, 16384), one(padding=((0, 1), (0, 0)), stride=(2, 1)), True),
        ((1, 1, 16384), MaxPool2d((2, 1), (2, 1), ((0, 1), (0, 0))), True),
        ((1, 8, 8), one(stride=(32759, 1)), False),
        ((1, 8, 8), one(stride=(32760, 1)), True),
        ((1, 8, 8), one(stride=(1, 32760)), True),
        ((1, 8, 8), MaxPool2d(1, (32759, 1)), False),
        ((1, 8, 8), MaxPool2d(1, (32760, 1)), True),
        ((1, 32765, 1), Pad(((1, 0), (0, 0))), False),
        ((1, 32766, 1), Pad(((1, 0), (0, 0))), True),
        ((1, 1, 32765), Pad(((0, 0), (0, 1))), False),
        ((1, 1, 32766), Pad(((0, 0), (0, 1))), True),
    ):
        program = Program((operator, Flatten()), shape, BYTE)
        assert drafted(program, "tz").whole == ("int32_t" if wide else "int"), (shape, operator)
        functions = c.source(program)[1].split("int tz_classify(")[0]
        assert not (wide and re.search(r"\bint\b", functions)), (shape, operator)
    for rows, count in ((32767, 2), (32768, 4)):
        tall = Program(
            (one(w=np.ones((1, 1, 2, 1), int)), one(w=np.ones((1, 1, 2, 1), int))), (1, rows + 1, 1), BYTE
        )
        plan = Plan.of(tall, "ab")
        assert (plan.counter, plan.streamed) == (count, {0})
        assert f"static int{8 * count}_t conv2d0_rows;" in c.source(tall)[1]
    most = one(stride=2**31 - 9)
    c.source(Program((most,), (1, 8, 8), BYTE))
    with pytest.raises(ValueError, match=r"c: operator 0 \(Conv2d\): found a size of 2147483648, needed"):
        c.source(Program((replace(most, stride=(2**31 - 8, 1)),), (1, 8, 8), BYTE))


def test_a_table_is_as_narrow_as_its_numbers_are() -> None:
    for values, width in (
        ([-128, 127], 8),
        ([-129, 0], 16),
        ([0, 128], 16),
        ([-(2**15), 2**15 - 1], 16),
        ([-(2**15) - 1, 0], 32),
        ([0, 2**15], 32),
        ([-(2**31), 2**31 - 1], 32),
    ):
        draft = drafted(named(["a"]), "tz")
        before = draft.flash
        read = draft.table("t", np.array(values), "k")
        assert read == f"(int{width}_t)FLASH_{width}(t + k)" and draft.flash - before == width // 4
        assert f"static const int{width}_t t[2] FLASH = {{" in draft.lines
        assert draft.by_channel("t", np.array(values)) == read.replace("k", "f")
        assert draft.by_channel("t", np.array(values[:1] * 2)) == str(values[0])


def test_both_files_are_written_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    c.write(small(), tmp_path / "digits")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digits.c", "digits.h"]
    assert c.source(small(), "tz", "digits")[1] == (tmp_path / "digits.c").read_text(encoding="ascii")
    (tmp_path / "other.c").mkdir()
    with pytest.raises(OSError, match=r"other\.c"):
        c.write(small(), tmp_path / "other")
    assert not (tmp_path / "other.h").exists()
    (tmp_path / "none.h").mkdir()  # where the first of the two cannot be written
    with pytest.raises(OSError, match=r"none\.h"):
        c.write(small(), tmp_path / "none")
    assert not (tmp_path / "none.c").exists()
    with pytest.raises(FileNotFoundError, match="digits"):
        c.write(small(), tmp_path / "missing" / "digits")
    with pytest.raises(ValueError, match="c: name: found"):
        c.write(small(), tmp_path / 'a"b')


@pytest.mark.parametrize("name", ["digits", "digits.c", "digits.h"])
def test_a_path_may_name_one_of_the_two_files(name: str, tmp_path: Path) -> None:
    c.write(small(), tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digits.c", "digits.h"]


def test_the_header_says_what_the_program_needs() -> None:
    """Flash: 27 weights of 4 bits, three biases of a byte; 240 of 8 bits. RAM: a row of 3·4 codes, the 5 last
    ones and their sums, which grow with each row; sums of 8 and of 4 places, the counted rows, the class."""
    header, _ = c.source(small())
    assert "flash  257 bytes" in header
    assert f"RAM    {12 + 5 + 4 * 5 + 2 * 8 + 2 * 4 + 2 + 4} bytes" in header
    assert f"work   {9 * 3 * 64 + 5 * 48:,} multiply-accumulates" in header
    assert "typedef uint8_t tz_input_t;" in header
    assert "typedef int32_t tz_output_t;" in header


def tall(*after: Any) -> Program:
    w = np.ones((2, 2, 3, 3), int)
    chained = [conv(w=w[:, :1], name="a"), conv(w=w, name="b"), MaxPool2d(2, name="c"), *after]
    return Program(tuple(chained), (1, 44, 20), BYTE)


def test_what_windows_read_exists_as_rows() -> None:
    """(CP1): three rows for a window of three, and one more for a pool of two."""
    plan = Plan.of(tall(conv(w=np.ones((1, 2, 3, 3), int), dilation=(2, 1), name="d")), "abcd")
    assert plan.streamed == {0, 2}
    assert plan.rows(0) == 3 + 1
    assert plan.rows(2) == 5
    assert [b.size for b in plan.buffers] == [2 * 4 * 18, 2 * 5 * 8]
    _, body = c.source(plan.program)
    assert "static uint8_t a_codes[144]; /* 4 of the 42 rows of 2 x 42 x 18 */" in body
    w = np.ones((2, 1, 3, 2), int)
    sides = conv(w=w, stride=(2, 1), dilation=(1, 3), groups=2), MaxPool2d((2, 1)), MaxPool2d((3, 2), (1, 1))
    plan = Plan.of(Program((conv(w=w), *sides), (1, 44, 20), BYTE), "abcd")
    assert plan.rows_needed(0) == 3 + (2 - 1) * 2 and plan.rows_needed(2) == 3


def test_what_has_no_more_rows_than_are_seen_at_once_is_whole() -> None:
    one, three = conv(w=np.ones((1, 1, 1, 1), int)), conv(w=np.ones((1, 1, 3, 3), int))
    for H in (3, 4):
        plan = Plan.of(Program((one, three), (1, H, 9), BYTE), "ab")
        assert plan.rows_needed(0) == 3 and plan.can_stream(0) == (H > 3)


def test_what_several_read_is_whole_and_what_is_not_needed_is_not_computed() -> None:
    one = np.ones((1, 1, 1, 1), int)
    plan = Plan.of(Program((conv(w=one), conv(w=one), Recall(0), conv(w=one)), (1, 9, 9), BYTE), "abcd")
    assert list(plan.steps) == [0, 3]
    plan = Plan.of(tall(Flatten(), Linear(np.ones((1, 320), int), None, M0, 50, BYTE)), "abcde")
    assert plan.streamed >= {0}


def test_a_pool_reads_what_its_convolution_read_whatever_comes_after_it() -> None:
    first, one = Table(np.arange(256), BYTE), conv(w=np.ones((1, 1, 1, 1), int))
    total = Add(-1, [1, 1], 1, BYTE, rounding="single")
    plan = Plan.of(Program((first, one, MaxPool2d(1), total), (1, 4, 4), BYTE), "abcd")
    assert plan.steps[2].reads == (0,) and plan.steps[2].conv == 1 and 1 not in plan.steps


@settings(max_examples=60)
@given(programs(6))
def test_rows_never_cost_memory(program: Program) -> None:
    """And what is needed at the same time shares none."""
    names = tuple(map(str, range(len(program.operators))))
    plan = Plan.of(program, names)
    assert plan.ram <= Plan(program, names, frozenset()).ram
    for union in plan.unions:
        assert not any(a.meets(b) for a in union for b in union if a is not b)


@given(st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_packed_weights_come_back(bits: int, seed: int) -> None:
    """(CW1), (CW2)"""
    rng = np.random.default_rng(seed)
    w = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (int(rng.integers(1, 40)), 3, 1, 1))
    if bits == 1:
        w = rng.choice([(-1, 1), (0, 1), (-1, 0)][seed % 3], w.shape)
    data = packed(conv(w=w, weight_bits=bits).checked("drawn")).astype(np.uint8)
    assert data.size == -(-w.size * bits // 8)
    number = int.from_bytes(data.tobytes(), "little")
    fields = [number >> bits * k & 2**bits - 1 for k in range(w.size)]
    if bits == 1:
        back = [w.max() if field else w.min() for field in fields]
    else:
        back = [field - 2**bits * (field >= 2 ** (bits - 1)) for field in fields]
    assert back == w.ravel().tolist()


@given(st.sampled_from(PAIRED), st.integers(0, 2**32 - 1))
def test_packed_pairs_come_back_and_three_bytes_can_be_read_from_each(bits: int, seed: int) -> None:
    """(CW3)"""
    rng = np.random.default_rng(seed)
    w = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (2 * int(rng.integers(1, 9)), 3, 1, 2))
    data = packed(conv(w=w, weight_bits=bits).checked("drawn"), 2).astype(np.uint8).tolist()
    for k, pair in enumerate(w.reshape(-1, 2, 6).swapaxes(1, 2).reshape(-1, 2).tolist()):
        place, shift = divmod(2 * bits * k, 8)
        least = data[place] + 256 * data[place + 1] + 65536 * data[place + 2] >> shift
        fields = [least >> bits * i & 2**bits - 1 for i in range(2)]
        assert [field - 2**bits * (field >= 2 ** (bits - 1)) for field in fields] == pair


@given(st.data())
def test_an_index_is_the_place_in_row_major_order_and_a_sum_is_what_it_says(data: Any) -> None:
    lengths = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    place = [data.draw(st.integers(0, length - 1)) for length in lengths]
    values = dict(zip("abcd", place, strict=False))
    text = index(*zip(values, lengths, strict=True))
    assert eval(text, values.copy()) == np.ravel_multi_index(place, lengths)
    factors = [data.draw(st.integers(1, 3)) for _ in lengths]
    plus = data.draw(st.integers(-3, 3))
    text = affine(*zip(values, factors, lengths, strict=True), plus=plus)
    assert eval(text, values.copy()) == sum(f * v for f, v in zip(factors, place, strict=True)) + plus


def test_sums_have_16_bits_where_the_proof_allows_it() -> None:
    narrow = conv(w=np.ones((1, 1, 8, 16), int), bias=[2**20])
    for operator, width in ((narrow, 16), (replace(narrow, w=2 * narrow.w), 32)):
        _, body = c.source(Program((operator,), (1, 8, 16), BYTE))
        assert f"static int{width}_t sums{width}[1]" in body
        assert "double" not in body.replace("rescale_double", "")
        assert "float" not in body
    shifted = conv(rounding="shift", m0=2**30, n=36, y=Codes(0, 9, 0))
    assert "rescale_short(" in c.source(Program((shifted,), (1, 9, 9), BYTE))[1]
    far = replace(shifted, bias=[2**20, 0])
    assert "rescale_shift(" in c.source(Program((far,), (1, 9, 9), BYTE))[1]
