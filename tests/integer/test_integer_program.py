"""Programs: built by hand, checked whole, printed, compared; and what is refused, in words that help."""

from dataclasses import FrozenInstanceError, replace
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from integer_programs import BYTE, M0, N, conv, small

from tinyzip.integer import (
    Add,
    Argmax,
    AvgPool2d,
    Codes,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Operator,
    Pad,
    Product,
    Program,
    Softmax,
    run,
)
from tinyzip.integer import table as module
from tinyzip.integer.operators import bits_of
from tinyzip.integer.program import check_program
from tinyzip.integer.shapes import padded, shape_after
from tinyzip.integer.table import HEAD, size, table

FIELDS = "operators", "shapes", "codes", "bounds"  # of a program, as its table asks for them


def alone(operator: Operator, shape: tuple[int, ...] = (1, 8, 8)) -> Program:
    """The program of one operator on bytes."""
    return Program((operator,), shape, BYTE)


def test_a_program_built_by_hand_runs() -> None:
    program = small()
    images = np.random.default_rng(2).integers(0, 256, (1, 8, 8, 100)).astype(np.uint8)
    assert program.multiplications == (9 * 3 * 64, 0, 0, 5 * 48, 0)
    classes = run(program, images)
    assert classes.shape == (100,) and classes.dtype == np.int64
    logits = run(replace(program, operators=program.operators[:-1]), images)
    np.testing.assert_array_equal(classes, logits.argmax(0))


def test_argmax_takes_the_first_among_equals() -> None:
    program = Program((Argmax(),), (4,), BYTE)
    assert run(program, np.array([[1, 0], [7, 0], [7, 0], [2, 0]], np.uint8)).tolist() == [1, 0]


def test_it_prints_as_a_table() -> None:
    lines = str(small()).splitlines()
    for column in ("operator", "output", "bits", "bytes", "bound", "width", "rounding"):
        assert column in lines[0]
    assert len(lines) == 1 + 1 + 5 + 1
    for part in (
        "0",
        "Conv2d 3×3",
        "conv",
        "3×8×8",
        "4",
        "int32" if "int32" in lines[2] else "int16",
        "double",
    ):
        assert part in lines[2]
    assert "single" in lines[5] and "class" in lines[6]
    bytes_of_conv, bytes_of_linear = -(-27 * 4 // 8) + 3 * 9, 240 + 5 * 9
    assert f"{bytes_of_conv + bytes_of_linear}" in lines[-1]


def test_the_table_has_a_line_for_the_input_one_for_each_operator_and_the_sum_of_bytes() -> None:
    w, y = np.ones((3, 1, 3, 3), int), Codes(0, 99, 0)
    mean = GlobalAvgPool(2**30, 40, BYTE, "single", name="mean")
    operators = conv(w=w, y=y, name="first"), GlobalAvgPool(), mean, Flatten(), Argmax()
    with patch.object(module, "aligned", lambda rows, words: (rows, words)):
        rows, words = cast(
            Any, table(*(getattr(Program(operators, (1, 8, 8), BYTE), name) for name in FIELDS))
        )
    assert rows == [
        HEAD,
        ("", "input", "", size((1, 8, 8)), "", "8", "", "", "", ""),
        ("0", "Conv2d 3×3", "first", "3×6×6", "8", "7", "54", "2,295", "int16", "double"),
        ("1", "GlobalAvgPool", "", "3×1×1", "", "7", "", "3,582", "int16", ""),
        ("2", "GlobalAvgPool", "mean", "3×1×1", "", "8", "", "99", "int16", "single"),
        ("3", "Flatten", "", "3", "", "8", "", "", "", ""),
        ("4", "Argmax", "", "class", "", "8", "", "", "", ""),
        ("", "total", "", "", "", "", "54", "", "", ""),
    ]
    assert [HEAD[k] for k in words] == ["operator", "name", "output", "rounding"]


@given(st.integers(-128, 127), st.integers(-128, 127), st.booleans())
def test_the_bits_of_weights_are_the_fewest_that_hold_them(one: int, other: int, between: bool) -> None:
    w = np.array([one, other, 0 if between else one], np.int8)

    def hold(bits: int) -> bool:
        try:
            return bool(conv(w=w.reshape(1, 1, 1, 3), weight_bits=bits).checked("drawn"))
        except ValueError:
            return False

    assert bits_of(w) == next(bits for bits in range(1, 9) if hold(bits))


@pytest.mark.parametrize(
    "least, most", [(-1, 1), (-2, 1), (-1, 2), (-2, 2), (-4, 3), (-5, 0), (0, 4), (0, 1)]
)
def test_the_bits_of_small_weights(least: int, most: int) -> None:
    w = np.arange(least, most + 1).astype(np.int8)
    wanted = 1 if len(w) == 2 else max(2, *(1 + int(v if v > 0 else -1 - v).bit_length() for v in w))
    assert bits_of(w) == wanted


def test_a_border_adds_rows_and_columns_to_what_reads_images_with_one() -> None:
    ends = (1, 0), (2, 3)
    for operator in (conv(padding=ends), AvgPool2d(4, padding=ends), Pad(ends)):
        assert padded(operator, (5, 8, 9)) == (5, 9, 14)
    assert padded(Flatten(), (5, 8, 9)) == (5, 8, 9) and padded(Flatten(), (7,)) == (7,)


def test_operators_read_any_before_them() -> None:
    chain: tuple[Operator, ...] = (Flatten(),) * 3
    for one in range(-1, 3):
        for other in range(-1, 3):
            assert Program((*chain, Concat((one, other))), (2,), BYTE).shapes[-1] == (4,)
    with pytest.raises(
        ValueError, match=r"operator 3.*: found operator 3 to read from, needed one before it"
    ):
        Program((*chain, Concat((3, 0))), (2,), BYTE)


SHAPES = [(1,), (2,), (3,), (1, 1, 1), (2, 1, 1), (2, 1, 3), (2, 3, 1), (2, 3, 3), (4, 3, 3), (4, 1, 1)]


@pytest.mark.parametrize("x", SHAPES)
@pytest.mark.parametrize("o", SHAPES)
def test_sums_are_of_equal_shapes_products_of_one_pixel_too_and_what_is_concatenated_differs_in_channels(
    x: tuple[int, ...], o: tuple[int, ...]
) -> None:
    y = BYTE
    meetings: list[tuple[Operator, bool, tuple[int, ...]]] = [
        (Add(-1, [1, 1], [1, 1], y, rounding="single"), x == o, x),
        (Product(-1, M0, N, y), x == o or (len(x) == 3 and o == (x[0], 1, 1)), x),
        (Concat((0, -1)), x[1:] == o[1:], (x[0] + o[0], *x[1:])),
    ]
    for operator, fits, shape in meetings:
        if fits:
            assert shape_after(operator, [x, o], "it") == shape
        else:
            with pytest.raises(ValueError, match=r"^it: found shapes "):
                shape_after(operator, [x, o], "it")


def test_programs_are_values() -> None:
    assert small() == small()
    other = list(small().operators)
    other[0] = replace(other[0], bias=[1, 2, 4])
    assert small() != replace(small(), operators=tuple(other))
    assert hash(small()) == hash(small())
    for i, fields in enumerate(({"bias": [1, 2, 4]}, {"kernel": (1, 1)}, {"order": "HWC"})):
        other = list(small().operators[:3])
        alike = Program((*other[:i], replace(other[i], **fields), *other[i + 1 :]), (1, 8, 8), BYTE)
        assert hash(alike) != hash(Program(tuple(other), (1, 8, 8), BYTE)) != hash(small())
    assert MaxPool2d(2) != AvgPool2d(2)
    operator: Any = small().operators[0]
    with pytest.raises(FrozenInstanceError):
        operator.groups = 2
    with pytest.raises(ValueError, match="read-only"):
        operator.w[0] = 0


def test_the_given_arrays_are_copied() -> None:
    w = np.ones((2, 1, 3, 3), np.int8)
    program = alone(conv(w=w))
    w[:] = 5
    assert program == alone(conv()) and w.flags.writeable


def test_scalars_hold_for_all_outputs_and_numbers_may_be_lists() -> None:
    assert alone(conv(m0=M0, n=N)) == alone(conv(m0=[M0, M0], n=np.array([N]), bias=[0, 0]))
    assert alone(conv(stride=2, padding=1)) == alone(conv(stride=(2, 2), padding=((1, 1), (1, 1))))
    assert alone(conv(w=[[[[1]]]], m0=[M0])) == alone(conv(w=np.ones((1, 1, 1, 1), np.uint8)))
    assert alone(MaxPool2d(2)) == alone(MaxPool2d((2, 2), stride=2))


def test_records_compare_before_they_are_checked_too() -> None:
    assert conv(bias=None) == conv(bias=None) and conv(bias=[0, 0]) == conv(bias=[0, 0])
    assert conv(bias=None) != conv(bias=np.zeros(2, int)) and conv(bias=np.zeros(2, int)) != conv(bias=None)


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"w": np.ones((2, 1, 3, 3))}, r"w.*float64.*integers"),
        ({"w": np.ones((2, 9), int)}, r"w.*\(2, 9\).*F, C/groups, kh, kw"),
        ({"w": np.full((2, 1, 3, 3), 8), "weight_bits": 4}, r"w.*8.*-8 to 7"),
        ({"w": np.full((2, 1, 3, 3), 128)}, r"w.*128.*-128 to 127"),
        ({"w": np.zeros((0, 1, 3, 3), int)}, r"w.*shape \(0"),
        ({"w": [[1, 2], [3]]}, r"w.*unequal lengths.*array of integers"),
        ({"w": [["1"]]}, r"w.*dtype.*integers"),
        ({"w": np.arange(-1, 2).repeat(6).reshape(2, 1, 3, 3), "weight_bits": 1}, r"w.*−1, 0 and 1.*one bit"),
        ({"weight_bits": 0}, r"weight_bits.*0.*1 to 8"),
        ({"weight_bits": 9}, r"weight_bits.*9.*1 to 8"),
        ({"bias": [1]}, r"bias.*\(1,\).*\(2,\)"),
        ({"bias": [2**31, 0]}, r"bias.*2147483648"),
        ({"bias": [0.5, 0.5]}, r"bias.*float64.*integers"),
        ({"m0": 2**30 - 1}, r"m0.*1073741823.*1073741824"),
        ({"m0": 2**31}, r"m0.*2147483648"),
        ({"m0": 2**70}, r"m0.*1180591620717411303424"),
        ({"m0": [-(2**70), M0]}, r"m0.*-1180591620717411303424"),
        ({"w": np.full((2, 1, 3, 3), None)}, r"w.*dtype object.*integers"),
        ({"rounding": np.array(["double", "single"])}, r"rounding: found"),
        ({"n": [N] * 3}, r"m0, n.*\(3,\).*\(2,\)"),
        ({"m0": [M0] * 3}, r"m0, n.*\(3,\).*\(2,\)"),
        ({"n": 0}, r"n: .*0.*1 to 127"),
        ({"n": 128}, r"n: .*128.*1 to 127"),
        ({"n": 40.0}, r"n: .*float64"),
        ({"y": "codes"}, r"y.*str.*Codes"),
        ({"rounding": "up"}, r"rounding.*'up'.*double, single, shift"),
        ({"name": 3}, r"name.*3.*string"),
        ({"rounding": "shift"}, r"m0.*2\^30"),
        ({"rounding": "shift", "m0": [2**30, 2**30 + 1]}, r"m0: found 1073741825, needed 2\^30"),
        ({"rounding": "float32", "m0": [2**30, 2**30 + 1]}, r"m0: found 1073741825, needed a multiple"),
        ({"stride": 0}, r"stride.*0"),
        ({"padding": -1}, r"padding.*-1"),
        ({"groups": 3}, r"groups.*3.*divisor"),
    ],
)
def test_what_could_not_be_right_is_refused_by_index_and_kind(fields: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=rf"^operator 1 \(Conv2d\): {words}"):
        Program((MaxPool2d(1), conv(**fields)), (1, 8, 8), BYTE)


@pytest.mark.parametrize(
    "operators, shape, words",
    [
        ((), (1, 8, 8), r"Program: operators"),
        (("conv",), (1, 8, 8), r"operator 0: found str"),
        (iter([conv()]), (1, 8, 8), r"Program: operators: found"),
        ((conv(),), np.array([1, 8, 8]), r"Program: shape: found"),
        ((conv(),), (1, 8), r"Program: shape.*\(1, 8\)"),
        ((conv(),), (1, 0, 8), r"Program: shape.*0"),
        ((conv(),), (2, 8, 8), r"operator 0 \(Conv2d\): found an input of 2 channels, needed 1"),
        ((conv(), conv()), (1, 8, 8), r"operator 1 \(Conv2d\): found an input of 2 channels, needed 1"),
        ((conv(),), (1, 2, 8), r"operator 0 \(Conv2d\): found a window of 3×3 on an image of 2×8"),
        ((conv(), MaxPool2d(7)), (1, 8, 8), r"operator 1 \(MaxPool2d\): found a window of 7×7"),
        ((conv(),), (8,), r"operator 0 \(Conv2d\).*\(8,\).*three axes"),
        ((GlobalAvgPool(),), (8,), r"operator 0 \(GlobalAvgPool\).*\(8,\).*three axes"),
        ((Linear([[1]], None, M0, N, BYTE),), (1, 1, 1), r"operator 0 \(Linear\).*one axis"),
        ((Linear([[1]], None, M0, N, BYTE),), (2,), r"operator 0 \(Linear\).*2 values, needed 1"),
        ((Argmax(), Flatten()), (2,), r"operator 0 \(Argmax\).*last"),
        ((MaxPool2d(2, y=Codes(-8, 7, 0)),), (1, 8, 8), r"operator 0 \(MaxPool2d\).*narrowed"),
        ((AvgPool2d(2, y=Codes(0, 9, 0, (1, 1))),), (1, 8, 8), r"operator 0 \(AvgPool2d\).*narrowed"),
        ((conv(y=Codes(1, 15, 1)), MaxPool2d(2, y=Codes(0, 15, 1))), (1, 8, 8), r"operator 1 .*narrowed"),
        ((conv(y=Codes(1, 15, 1)), MaxPool2d(2, y=Codes(1, 16, 1))), (1, 8, 8), r"operator 1 .*narrowed"),
        ((conv(y=Codes(1, 15, 1)), MaxPool2d(2, y=Codes(1, 15, 2))), (1, 8, 8), r"operator 1 .*narrowed"),
        ((conv(padding=2**40),), (1, 8, 8), r"operator 0 \(Conv2d\): found a tensor of \d{25} values"),
        ((MaxPool2d(2), conv(padding=2**40, stride=2**40)), (1, 8, 8), r"operator 1 \(Conv2d\): .* values"),
        ((Flatten(),), (2**11, 2**10, 2**10), r"operator 0 \(Flatten\): .* 2147483648 values.*2147483647"),
        ((GlobalAvgPool(2**30, 1, BYTE),), (1, 8, 8), r"operator 0 \(GlobalAvgPool\).*multiplier"),
        ((Flatten(), Concat((0, 1))), (1, 8, 8), r"operator 1 \(Concat\): found operator 1 to read from"),
    ],
)
def test_a_chain_that_does_not_hold_is_refused_by_index_and_kind(
    operators: Any, shape: Any, words: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        Program(operators, shape, BYTE)


@pytest.mark.parametrize("kind", [Conv2d, Linear, Add, Product])
def test_names_roundings_and_bits_of_weights_are_said_by_name(kind: type[Operator]) -> None:
    after = {"name", "rounding", *(["weight_bits"] if kind in (Conv2d, Linear) else [])}
    found = signature(kind).parameters.values()
    assert {one.name for one in found if one.kind is one.KEYWORD_ONLY} == after


def test_a_clamp_of_a_pool_may_be_the_codes_that_come_or_any_narrower_ones() -> None:
    for y in (BYTE, Codes(0, 254, 0), Codes(0, 1, 0)):
        assert alone(MaxPool2d(2, y=y)).output == y
    x = Codes(-128, 127, 3)
    for y in (x, Codes(-127, 127, 3), Codes(-128, 126, 3)):
        assert Program((AvgPool2d(2, y=y),), (1, 8, 8), x).output == y


def test_pools_and_means_refuse_what_makes_no_sense() -> None:
    with pytest.raises(ValueError, match=r"\(MaxPool2d\): padding.*\(2, 0\).*less than the window's 2"):
        alone(MaxPool2d(2, padding=((2, 0), (0, 0))))
    with pytest.raises(ValueError, match=r"\(AvgPool2d\): kernel.*0"):
        alone(AvgPool2d(0))
    with pytest.raises(TypeError, match=r"\(AvgPool2d\): y.*int.*Codes"):
        alone(AvgPool2d(2, y=cast(Any, 6)))
    with pytest.raises(ValueError, match=r"\(GlobalAvgPool\): m0, n, y.*1 of the three"):
        alone(GlobalAvgPool(m0=2**30))
    with pytest.raises(ValueError, match=r"\(GlobalAvgPool\): m0.*536870911.*536870912"):
        alone(GlobalAvgPool(2**29 - 1, 40, BYTE))
    with pytest.raises(ValueError, match=r"\(GlobalAvgPool\): rounding"):
        alone(GlobalAvgPool(rounding=cast(Any, "up")))


@pytest.mark.parametrize(
    "other, needed",
    [
        ("a.tz", r"a Program: tinyzip\.archive\.read\(path\)"),
        (Path("a.tz"), r"a Program: tinyzip\.archive\.read\(path\)"),
        (SimpleNamespace(program=small()), r"a Program: its \.program"),
        (
            SimpleNamespace(params={}),
            r"a Program, which tinyzip\.quant\.choose\.auto\.quantize makes of a network",
        ),
        (SimpleNamespace(program=3), "a Program"),
        (None, "a Program"),
    ],
    ids=str,
)
def test_what_is_no_program_is_refused_with_what_to_write(other: Any, needed: str) -> None:
    check_program(small(), "it")
    with pytest.raises(TypeError, match=rf"^it: found .*, needed {needed}$"):
        check_program(other, "it")


def test_an_input_that_is_no_codes_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^Program: input: found tuple, needed Codes"):
        Program((Flatten(),), (1, 2, 2), cast(Any, (0, 255, 0)))


def test_the_output_is_what_the_last_operator_writes() -> None:
    first, second = Codes(0, 9, 0), Codes(-4, 5, 1)
    operators = (Linear([[1]], None, M0, N, first), Linear([[1]], None, M0, N, BYTE))
    assert Program((*operators, Linear([[1]], None, M0, N, second)), (1,), BYTE).output == second


@pytest.mark.parametrize("other", [Codes(0, 255, 1), Codes(0, 255, 0, (3, 1))])
def test_what_is_concatenated_has_one_zero_and_one_scale(other: Codes) -> None:
    w = np.ones((2, 1, 1, 1), int)
    for sources in ((0, -1), (-1, 0), (-1, 0, -1)):
        Program((conv(w=w, y=BYTE), Concat(sources)), (1, 4, 4), BYTE)
        with pytest.raises(ValueError, match=r"operator 1 \(Concat\): .* one zero and one scale"):
            Program((conv(w=w, y=other), Concat(sources)), (1, 4, 4), BYTE)


@pytest.mark.parametrize("lo", [-128, -1, 0])
@pytest.mark.parametrize("hi", [127, 128, 255])
def test_what_is_concatenated_fits_in_one_byte_signed_or_not(lo: int, hi: int) -> None:
    first, second = Codes(lo, 127, 0), Codes(0, hi, 0)
    operators = (conv(w=np.ones((2, 1, 1, 1), int), y=second), Concat((-1, 0)))
    if lo < 0 and hi > 127:
        with pytest.raises(ValueError, match=r"operator 1 \(Concat\): .* in one byte"):
            Program(operators, (1, 4, 4), first)
    else:
        assert Program(operators, (1, 4, 4), first).output == Codes(lo, hi, 0)


def test_a_softmax_writes_256ths_from_the_least_code_on() -> None:
    assert Softmax(2**30, 3).y == Codes(-128, 127, -128, (1, 8))


def test_a_tensor_has_as_many_values_as_int32_counts() -> None:
    assert Program((Flatten(),), (1, 1, 2**31 - 1), BYTE).shapes[-1] == (2**31 - 1,)
    with pytest.raises(ValueError, match=r"operator 0 \(Flatten\): found a tensor of 2147483648 values"):
        Program((Flatten(),), (1, 2, 2**30), BYTE)


@pytest.mark.parametrize("n", [29, 30, 31, 32, 60])
def test_a_bound_may_be_as_large_as_int32_is_after_its_shift_to_the_left(n: int) -> None:
    """2ˡ·bound ≤ 2³¹ − 1 with l of (F3), which is 0 from n = 31 on."""
    most = (2**31 - 1) >> max(31 - n, 0)

    def program(bias: int) -> Program:
        return Program((Linear([[1]], [bias - 1], 2**30, n, BYTE),), (1,), Codes(0, 1, 0))

    assert program(most).bounds == (most,)
    with pytest.raises(ValueError, match=r"^operator 0 \(Linear\): found .* that (scales|could)"):
        program(most + 1)
