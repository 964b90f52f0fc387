"""Operators that name earlier outputs, map codes or move them: what they refuse, and how they print."""

from dataclasses import fields, replace
from typing import Any, cast

import numpy as np
import pytest
from integer_programs import BYTE, conv

from tinyzip.integer import (
    Add,
    AvgPool2d,
    Codes,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Multiply,
    Operator,
    Pad,
    Product,
    Program,
    Recall,
    Reshape,
    Softmax,
    Table,
    Transpose,
    run,
)
from tinyzip.integer.operators import frozen
from tinyzip.integer.shapes import multiplications_of
from tinyzip.integer.table import describe, stored_bytes

SIGNED = Codes(-128, 127, 0)
HALVES = [2**30] * 3


def add(other: Any = -1, m0: Any = (1, 1), n: Any = 1, y: Any = BYTE, rounding: Any = "single") -> Add:
    return Add(other, m0, n, y, rounding=rounding)


def double(other: Any = -1, m0: Any = HALVES, n: Any = 40, y: Any = BYTE) -> Add:
    return Add(other, m0, n, y)


def times(other: Any = -1, m0: Any = 2**30, n: Any = 40, y: Any = BYTE, rounding: Any = "double") -> Product:
    return Product(other, m0, n, y, rounding=rounding)


@pytest.mark.parametrize(
    "operators, words",
    [
        ([Recall(-2)], r"operator 0 \(Recall\): source: found -2, needed a whole number from -1"),
        ([Recall(0)], r"operator 0 \(Recall\): found operator 0 to read from, needed one before it, -1 at"),
        ([Flatten(), Recall(3)], r"operator 1 \(Recall\): found operator 3 to read from, .* 0 at most"),
        ([Recall(True)], r"operator 0 \(Recall\): source: found True"),
        ([Flatten(), add(1)], r"operator 1 \(Add\): found operator 1 to read from"),
        ([MaxPool2d(2), add()], r"operator 1 \(Add\): found shapes \(2, 2, 2\) and \(2, 4, 4\)"),
        ([add(m0=[1])], r"operator 0 \(Add\): m0, n: .*\(1,\).*\(2,\) for 'single'"),
        ([add(m0=[0, 1])], r"operator 0 \(Add\): m0: found values from 0 to 1, needed values from 1"),
        ([add(n=[1, 2])], r"operator 0 \(Add\): n: found \[1, 2\], needed one number"),
        ([add(n=32)], r"operator 0 \(Add\): n: .*from 1 to 31"),
        ([add(m0=[2**23, 2**20], n=31)], r"operator 0 \(Add\): found an accumulator that could reach"),
        ([add(rounding="float32")], r"operator 0 \(Add\): rounding: found 'float32', needed one of double"),
        ([double(m0=[2**30] * 2)], r"operator 0 \(Add\): m0, n: .*\(3,\) for 'double'"),
        ([double(n=30)], r"operator 0 \(Add\): n: .*from 31 to 127"),
        ([double(m0=[2**29] * 3)], r"operator 0 \(Add\): m0: .*from 1073741824"),
        ([double(y=3)], r"operator 0 \(Add\): y: found int, needed Codes"),
        ([times(3)], r"operator 0 \(Product\): found operator 3 to read from"),
        ([MaxPool2d(2), times()], r"operator 1 \(Product\): found shapes \(2, 2, 2\) and \(2, 4, 4\)"),
        (
            [GlobalAvgPool(), times()],
            r"operator 1 \(Product\): .*needed one shape, or \(C, 1, 1\) for",
        ),
        ([Flatten(), Recall(-1), GlobalAvgPool(), Flatten(), times(0)], r"found shapes \(2,\) and \(32,\)"),
        ([times(m0=3)], r"operator 0 \(Product\): m0: found 3, needed"),
        ([times(n=128)], r"operator 0 \(Product\): n: found 128"),
        ([times(n=1)], r"operator 0 \(Product\): found a multiplier that scales the accumulator to"),
        ([times(rounding="even")], r"operator 0 \(Product\): rounding: found 'even'"),
        ([times(y=3)], r"operator 0 \(Product\): y: found int, needed Codes"),
        ([Concat(())], r"operator 0 \(Concat\): sources: found \(\)"),
        ([Concat(3)], r"operator 0 \(Concat\): sources: found 3"),
        ([Concat((-1, 0))], r"operator 0 \(Concat\): found operator 0 to read from"),
        ([MaxPool2d(2), Concat((-1, 0))], r"operator 1 \(Concat\): .*differ in C alone"),
        ([conv(w=np.ones((2, 2, 1, 1), int), y=SIGNED), Concat((-1, 0))], r"operator 1 \(Concat\).*one byte"),
        ([Table(np.zeros(255, int), BYTE)], r"operator 0 \(Table\): table: found shape \(255,\)"),
        (
            [Table(np.zeros((1, 2, 256), int), BYTE)],
            r"\(Table\): table: found shape \(1, 2, 256\)",
        ),
        ([Table(np.full(256, 16), Codes(0, 15, 0))], r"operator 0 \(Table\): table: found values from 16"),
        ([Table(np.zeros((3, 256), int), BYTE)], r"operator 0 \(Table\): found an input of 2 channels.* 3"),
        ([Multiply([256, 1], 2**30, 40, BYTE)], r"operator 0 \(Multiply\): w: found values from 1 to 256"),
        (
            [Multiply([1, 1, 1], 2**30, 40, BYTE)],
            r"\(Multiply\): found an input of 2 channels.* 3",
        ),
        ([Multiply([[1, 1]], 2**30, 40, BYTE)], r"operator 0 \(Multiply\): w: found shape \(1, 2\)"),
        ([Multiply([1], 2**29, 40, BYTE)], r"operator 0 \(Multiply\): m0: found 536870912"),
        (
            [Multiply([1], 2**30, 40, BYTE, cast(Any, "up"))],
            r"\(Multiply\): rounding: found 'up', needed one",
        ),
        (
            [Multiply([1], 2**30, 40, cast(Any, 3))],
            r"operator 0 \(Multiply\): y: found int, needed Codes",
        ),
        ([Multiply([255], 2**30, 5, BYTE)], r"operator 0 \(Multiply\): found a multiplier that scales"),
        ([Multiply([1], 2**30 + 1, 40, BYTE, "float32")], r"operator 0 \(Multiply\): m0: .*multiple of 128"),
        ([Softmax(2**30, 32)], r"operator 0 \(Softmax\): n: found 32, needed a whole number from 0 to 31"),
        ([Pad(-1)], r"operator 0 \(Pad\): padding: found -1"),
        ([Flatten(), Pad(1)], r"operator 1 \(Pad\): .*three axes"),
        ([Flatten(cast(Any, np.array(["CHW", "HWC"])))], r"operator 0 \(Flatten\): order: found"),
        ([Reshape(cast(Any, np.array([32])))], r"operator 0 \(Reshape\): shape: found"),
        ([Transpose(cast(Any, np.array([0, 2, 1])))], r"operator 0 \(Transpose\): axes: found"),
        ([Concat(cast(Any, range(1)))], r"operator 0 \(Concat\): sources: found range"),
        ([times(rounding=np.array(["double", "single"]))], r"operator 0 \(Product\): rounding: found"),
        ([add(n=[1, 1, 1])], r"operator 0 \(Add\): m0, n: found"),
        ([Flatten("NCHW")], r"operator 0 \(Flatten\): order: found 'NCHW', needed one of CHW, HWC"),
        ([Reshape((3, 5))], r"operator 0 \(Reshape\): shape: found \(3, 5\)"),
        ([Reshape((33,))], r"operator 0 \(Reshape\): found an input of shape \(2, 4, 4\), needed 33 values"),
        ([Transpose((0, 1, 1))], r"operator 0 \(Transpose\): axes: found \(0, 1, 1\)"),
        ([conv(w=np.ones((1, 2, 3, 3), int), dilation=0, m0=2**30)], r"operator 0 \(Conv2d\): dilation"),
        ([conv(w=np.ones((1, 2, 3, 3), int), dilation=2)], r"operator 0 \(Conv2d\): found a window of 5×5"),
        ([conv(w=np.ones((1, 2, 1, 1), int), m0=2**30 + 64, rounding="float32")], r"m0: .*multiple of 128"),
        ([GlobalAvgPool(2**30, 61, BYTE, "float32")], r"operator 0 \(GlobalAvgPool\): n: found 61.*7 to 60"),
    ],
)
def test_what_could_not_be_right_is_refused_by_index_and_kind(operators: list[Operator], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        Program(tuple(operators), (2, 4, 4), BYTE)


W = np.zeros((2, 1, 1, 1), int)
LIMITS: list[tuple[Operator, str, int, int]] = [
    (conv(), "weight_bits", 1, 8),
    (conv(), "bias", -(2**31), 2**31 - 1),
    (conv(), "m0", 2**30, 2**31 - 1),
    (conv(), "n", 1, 127),
    *[(conv(w=W, weight_bits=b), "w", -(2 ** (b - 1)), max(2 ** (b - 1) - 1, 1)) for b in range(1, 9)],
    (GlobalAvgPool(2**30, 40, BYTE), "m0", 2**29, 2**31 - 1),
    (GlobalAvgPool(2**30, 40, BYTE), "n", 1, 127),
    (GlobalAvgPool(2**30, 40, BYTE, "float32"), "n", 7, 60),
    (Recall(0), "source", -1, 2**31),
    *[(operator, "other", -1, 2**31) for operator in (add(), double(), times())],
    (add(), "m0", 1, 2**31 - 1),
    (add(), "n", 1, 31),
    (double(), "m0", 2**30, 2**31 - 1),
    (double(), "n", 31, 127),
    (times(), "m0", 2**30, 2**31 - 1),
    (times(), "n", 1, 127),
    (Concat((0,)), "sources", -1, 2**31),
    (Table(np.zeros(256, int), Codes(-7, 9, 0)), "table", -7, 9),
    (Multiply([1], 2**30, 40, BYTE), "w", -255, 255),
    (Multiply([1], 2**30, 40, BYTE), "m0", 2**30, 2**31 - 1),
    (Multiply([1], 2**30, 40, BYTE), "n", 1, 127),
    (Softmax(2**30, 9), "m0", 2**30, 2**31 - 1),
    (Softmax(2**30, 9), "n", 0, 31),
    (Reshape((1,)), "shape", 1, 2**31),
]


@pytest.mark.parametrize(
    "operator, field, least, most", LIMITS, ids=lambda value: getattr(value, "kind", value)
)
def test_a_field_holds_the_numbers_from_its_least_to_its_greatest_and_no_others(
    operator: Operator, field: str, least: int, most: int
) -> None:
    given: Any = getattr(operator, field)
    shape = (
        {"bias": (2,), "m0": (2,), "sources": (1,), "shape": (1,)}.get(field)
        if given is None
        else np.shape(given)
    )

    def told(value: int) -> Operator:
        filled: Any = np.full(shape, value) if shape else value
        return replace(operator, **{field: tuple(filled.tolist()) if isinstance(given, tuple) else filled})

    for value in (least, most):
        assert np.all(np.asarray(getattr(told(value).checked("it"), field)) == value)
    for value in (least - 1, most + 1):
        with pytest.raises(ValueError, match=rf"^it: {field}.*found .*{value}"):
            told(value).checked("it")


def test_what_is_frozen_is_a_copy_in_its_range_that_nobody_changes() -> None:
    given = np.array([[3, -4]])
    array = frozen(given, "it", np.int8, -4, 3)
    given[0, 0] = 0
    assert array.dtype == np.int8 and array.tolist() == [[3, -4]] and not array.flags.writeable
    assert frozen([[3], [-4]], "it", np.int64, -4, 3).flags.c_contiguous
    for least, most in ((-3, 3), (-4, 2)):
        with pytest.raises(
            ValueError, match=rf"^it: found values from -4 to 3, needed values from {least} to"
        ):
            frozen([3, -4], "it", np.int8, least, most)
    for other, error in (
        ([0.5], TypeError),
        ([True], TypeError),
        ([], TypeError),
        ([[1], [1, 2]], ValueError),
    ):
        with pytest.raises(error, match=r"^it: found"):
            frozen(other, "it", np.int8, -4, 3)
    with pytest.raises(ValueError, match=r"^it: found shape \(0, 2\), needed at least one value"):
        frozen(np.zeros((0, 2), int), "it", np.int8, -4, 3)


DESCRIBED: list[tuple[Operator, str, int]] = [
    (conv(), "Conv2d 3×3", 18 + 2 * 9),
    (conv(w=np.ones((3, 1, 1, 3), int), stride=2, weight_bits=3), "Conv2d 1×3/2", 4 + 3 * 9),
    (conv(stride=(2, 1), dilation=(1, 2)), "Conv2d 3×3/2×1 dilated 1×2", 18 + 2 * 9),
    (conv(groups=2, dilation=3), "Conv2d 3×3 dilated 3 in 2 groups", 18 + 2 * 9),
    (Linear(np.ones((3, 5), int), None, 2**30, 40, BYTE, weight_bits=2), "Linear", 4 + 3 * 9),
    (MaxPool2d(2), "MaxPool2d 2×2/2", 0),
    (AvgPool2d((2, 3), 1), "AvgPool2d 2×3", 0),
    (GlobalAvgPool(), "GlobalAvgPool", 0),
    (Recall(-1), "Recall of input", 0),
    (Recall(0), "Recall of 0", 0),
    (add(3), "Add of 3", 2 * 5),
    (double(0), "Add of 0", 3 * 5),
    (times(), "Product of input", 5),
    (Concat((-1, 0, 2)), "Concat of input, 0, 2", 0),
    (Transpose((2, 0, 1)), "Transpose WCH", 0),
    (Flatten(), "Flatten", 0),
    (Flatten("HWC"), "Flatten HWC", 0),
    (Reshape((1, 2, 3)), "Reshape", 0),
    (Reshape((6,), "HWC"), "Reshape HWC", 0),
    (Table(np.zeros((3, 256), int), BYTE), "Table", 3 * 256),
    (Multiply([1, 2, 3], 2**30, 40, BYTE), "Multiply", 3 * 2 + 5),
    (Softmax(2**30, 9), "Softmax", 5),
    (Pad(1), "Pad", 0),
]


@pytest.mark.parametrize("operator, words, stored", DESCRIBED, ids=[words for _, words, _ in DESCRIBED])
def test_an_operator_is_described_and_weighed(operator: Operator, words: str, stored: int) -> None:
    full = operator.checked("it")
    assert (describe(full), stored_bytes(full)) == (words, stored)


@pytest.mark.parametrize("operator", [operator for operator, *_ in DESCRIBED], ids=lambda o: o.kind)
def test_every_operator_may_have_a_name_and_that_is_a_string(operator: Operator) -> None:
    assert replace(operator, name="a").checked("it").name == "a"
    with pytest.raises(TypeError, match=r"^it: name: found 3, needed a string"):
        replace(operator, name=cast(Any, 3)).checked("it")


WRITERS = [o for o, *_ in DESCRIBED if any(f.name == "y" for f in fields(o))]


@pytest.mark.parametrize("operator", WRITERS, ids=lambda o: o.kind)
@pytest.mark.parametrize("other", [3, (0, 255, 0), "codes"])
def test_what_an_operator_writes_are_codes(operator: Operator, other: Any) -> None:
    needed = "all of them or none" if operator == GlobalAvgPool() else "Codes"
    with pytest.raises((TypeError, ValueError), match=rf"y: found .*, needed {needed}$"):
        replace(operator, y=other).checked("it")


def test_a_softmax_of_4096_classes_could_leave_int32() -> None:
    """4,096 ones of 2¹⁹ make 2³¹."""
    assert Program((Softmax(2**30, 9),), (4095,), SIGNED).bounds == (4095 * 2**19,)
    with pytest.raises(ValueError, match=r"\(Softmax\): .* could reach 2147483648"):
        Program((Softmax(2**30, 9),), (4096,), SIGNED)


def test_the_bound_of_a_sum_is_attained_at_the_ends_of_the_codes() -> None:
    """(B3), both ways of adding."""
    x = Codes(0, 200, 50)
    once = Program((add(m0=[3, 5], n=4),), (1,), x)
    assert once.bounds == (150 * 3 + 150 * 5 + 2**3,)
    twice = Program((double(m0=[2**30, 2**30, 2**30], n=[31, 32, 50]),), (1,), x)
    assert twice.bounds == (150 * 2**19 + 150 * 2**18,)
    assert twice.accumulators == (np.dtype(np.int32),)


def test_concat_writes_the_codes_of_all_its_parts() -> None:
    one, other = Codes(0, 9, 3), Codes(2, 99, 3)
    w = np.ones((2, 2, 1, 1), int)
    program = Program((conv(w=w, y=one), Recall(-1), conv(w=w, y=other), Concat((0, 2, 0))), (2, 4, 4), BYTE)
    assert program.output == Codes(0, 99, 3) and program.shapes[-1] == (6, 4, 4)


def test_the_table_shows_what_an_operator_names_and_what_it_stores() -> None:
    w = np.ones((2, 2, 3, 3), int)
    program = Program(
        (
            conv(w=w, dilation=2, padding=2),
            double(-1),
            Recall(0),
            Concat((1, 2)),
            Transpose((1, 2, 0)),
            Reshape((64,), "HWC"),
            Flatten("HWC"),
            Multiply([3] * 64, 2**30, 40, BYTE),
            Table(np.zeros(256, int), BYTE),
            Linear(np.ones((10, 64), int), None, 2**30, 40, BYTE),
            Softmax(2**30, 9),
        ),
        (2, 4, 4),
        BYTE,
    )
    lines = str(program).splitlines()[2:]
    wanted = [
        ("Conv2d 3×3 dilated 2", str(36 + 2 * 9)),
        ("Add of input", "15"),
        ("Recall of 0", ""),
        ("Concat of 1, 2", ""),
        ("Transpose HWC", ""),
        ("Reshape HWC", ""),
        ("Flatten HWC", ""),
        ("Multiply", str(2 * 64 + 5)),
        ("Table", "256"),
        ("Linear", str(640 + 10 * 9)),
        ("Softmax", "5"),
    ]
    for line, (kind, stored) in zip(lines, wanted, strict=False):
        assert kind in line and (f" {stored} " in f"{line} " or not stored)
    assert lines[-1].split()[-1] == f"{sum(int(stored or 0) for _, stored in wanted):,}"


def test_multiplications_are_counted_with_padding_and_for_what_has_weights() -> None:
    w = np.ones((4, 1, 3, 3), int)
    program = Program(
        (
            conv(w=w, padding=1, groups=2),
            MaxPool2d(2),
            Multiply([1], 2**30, 40, BYTE),
            Flatten(),
            Linear(np.ones((3, 16), int), None, 2**30, 40, BYTE),
        ),
        (2, 4, 4),
        BYTE,
    )
    assert program.multiplications == (9 * 4 * 16, 0, 16, 0, 48)
    assert multiplications_of(times(), (2, 3, 5)) == multiplications_of(program.operators[2], (30,)) == 30


@pytest.mark.parametrize("x", [SIGNED, Codes(-10, 20, 5), BYTE, Codes(3, 200, 7)])
def test_a_table_answers_every_code_by_its_byte(x: Codes) -> None:
    """(TB1): codes of either dtype, one row for all channels and one for each."""
    every = np.arange(x.lo, x.hi + 1)
    rows = np.zeros((2, 256), int)
    rows[0, every % 256], rows[1, every % 256] = every // 3, -every // 2
    y = Codes(-128, 127, 0)
    images = np.stack([every, every])[:, None, None].astype(x.dtype)
    both = run(Program((Table(rows, y),), (2, 1, 1), x), images)
    np.testing.assert_array_equal(both[:, 0, 0], [every // 3, -every // 2])
    one = run(Program((Table(rows[0], y),), (2, 1, 1), x), images)
    np.testing.assert_array_equal(one[:, 0, 0], [every // 3, every // 3])


def test_an_order_of_axes_is_what_numpy_makes_of_it() -> None:
    x = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 2), np.uint8)
    cases: list[tuple[Operator, Any]] = [
        (Flatten(), x.reshape(60, 2)),
        (Flatten("HWC"), x.transpose(1, 2, 0, 3).reshape(60, 2)),
        (Reshape((5, 2, 6)), x.reshape(5, 2, 6, 2)),
        (Reshape((5, 2, 6), "HWC"), x.transpose(1, 2, 0, 3).reshape(2, 6, 5, 2).transpose(2, 0, 1, 3)),
        (Transpose((2, 0, 1)), x.transpose(2, 0, 1, 3)),
        (Pad(((1, 0), (2, 3))), np.pad(x, ((0, 0), (1, 0), (2, 3), (0, 0)), constant_values=7)),
        (Pad(0), x),
    ]
    for operator, wanted in cases:
        found = run(Program((operator,), (3, 4, 5), Codes(0, 255, 7)), x)
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("kind", [Conv2d, Linear, Add, Product])
def test_names_roundings_and_bits_are_given_by_name(kind: Any) -> None:
    by_name = {field.name for field in fields(kind) if field.kw_only}
    assert by_name == {field.name for field in fields(kind)} & {"name", "rounding", "weight_bits"}
