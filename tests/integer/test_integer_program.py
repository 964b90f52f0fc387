"""Programs: built by hand, checked whole, printed, compared; and what is refused, in words that help."""

import tracemalloc
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction
from typing import Any, cast

import numpy as np
import pytest

from tinyzip.integer import (
    Argmax,
    AvgPool2d,
    Codes,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Operator,
    Program,
    multiplier,
    run,
)

BYTE = Codes(0, 255, 0)
M0, N = multiplier(Fraction(1, 1000))


def small() -> Program:
    rng = np.random.default_rng(1)
    w = rng.integers(-8, 8, (3, 1, 3, 3))
    return Program(
        (
            Conv2d(w, [1, 2, 3], M0, N, BYTE, padding=1, weight_bits=4, name="conv"),
            MaxPool2d(2),
            Flatten(),
            Linear(rng.integers(-128, 128, (5, 48)), None, M0, N, Codes(-128, 127, 0), rounding="single"),
            Argmax(),
        ),
        (1, 8, 8),
        BYTE,
    )


def conv(**fields: Any) -> Conv2d:
    given = {"w": np.ones((2, 1, 3, 3), int), "bias": None, "m0": M0, "n": N, "y": BYTE}
    return Conv2d(**(given | fields))


def alone(operator: Operator, shape: tuple[int, ...] = (1, 8, 8)) -> Program:
    """The program of one operator on bytes."""
    return Program((operator,), shape, BYTE)


def test_a_program_built_by_hand_runs() -> None:
    program = small()
    images = np.random.default_rng(2).integers(0, 256, (1, 8, 8, 100)).astype(np.uint8)
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


def test_programs_are_values() -> None:
    assert small() == small()
    other = list(small().operators)
    other[0] = replace(other[0], bias=[1, 2, 4])
    assert small() != replace(small(), operators=tuple(other))
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
        ({"m0": [M0] * 3}, r"m0, n.*\(3,\).*\(2,\)"),
        ({"n": 0}, r"n: .*0.*1 to 127"),
        ({"n": 128}, r"n: .*128.*1 to 127"),
        ({"n": 40.0}, r"n: .*float64"),
        ({"y": "codes"}, r"y.*str.*Codes"),
        ({"rounding": "up"}, r"rounding.*'up'.*double, single, shift"),
        ({"name": 3}, r"name.*3.*string"),
        ({"rounding": "shift"}, r"m0.*2\^30"),
        ({"stride": 0}, r"stride.*0"),
        ({"padding": -1}, r"padding.*-1"),
        ({"groups": 3}, r"groups.*3.*divisor"),
    ],
)
def test_what_could_not_be_right_is_refused_by_index_and_kind(fields: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=rf"^operator 1 \(Conv2d\): {words}"):
        Program((MaxPool2d(1), conv(**fields)), (1, 8, 8), BYTE)


@pytest.mark.parametrize(
    "lo, hi, zero, scale",
    [
        (0, 256, 0, (1, 0)),
        (-129, 0, 0, (1, 0)),
        (-1, 128, 0, (1, 0)),
        (5, 5, 5, (1, 0)),
        (0, 15, 16, (1, 0)),
        (0, 15, -1, (1, 0)),
        (0, 15, 0, (0, 0)),
        (0, 15, 0, (0.5, 0)),
        (0, 15, 0, 0.5),
        (0.0, 15, 0, (1, 0)),
        (False, 15, 0, (1, 0)),
    ],
)
def test_codes_that_no_byte_holds_are_refused(lo: Any, hi: Any, zero: Any, scale: Any) -> None:
    with pytest.raises(ValueError, match="codes: "):
        Codes(lo, hi, zero, scale)


@pytest.mark.parametrize(
    "operators, shape, words",
    [
        ((), (1, 8, 8), r"Program: operators"),
        (("conv",), (1, 8, 8), r"operator 0: found str"),
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
        ((GlobalAvgPool(2**30, 1, BYTE),), (1, 8, 8), r"operator 0 \(GlobalAvgPool\).*multiplier"),
    ],
)
def test_a_chain_that_does_not_hold_is_refused_by_index_and_kind(
    operators: Any, shape: Any, words: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        Program(operators, shape, BYTE)


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
    "codes, words",
    [
        (np.zeros((1, 8, 8, 2), np.int8), r"dtype int8.*uint8"),
        (np.zeros((1, 8, 8, 2)), r"dtype float64.*uint8"),
        ([[1]], r"dtype list.*uint8"),
        (np.zeros((1, 8, 8), np.uint8), r"shape \(1, 8, 8\).*\(1, 8, 8, 'N'\)"),
        (np.zeros((1, 8, 7, 2), np.uint8), r"shape \(1, 8, 7, 2\)"),
        (np.zeros((1, 8, 8, 0), np.uint8), r"shape \(1, 8, 8, 0\).*N from 1 up"),
        (np.full((1, 8, 8, 2), 16, np.uint8), r"codes from 16 to 16.*0 to 15"),
    ],
)
def test_codes_that_the_program_does_not_take_are_refused(codes: Any, words: str) -> None:
    program = Program((conv(),), (1, 8, 8), Codes(0, 15, 0))
    where = r"^run: codes, read by operator 0 \(Conv2d\)"
    with pytest.raises((ValueError, TypeError), match=f"{where}: found {words}"):
        run(program, codes)


@pytest.mark.parametrize("lo, hi", [(0, 254), (1, 255), (-127, 127), (-128, 126), (-100, 27)])
def test_codes_just_outside_the_range_are_refused(lo: int, hi: int) -> None:
    """Only a range that fills its byte needs no look."""
    program = Program((Flatten(),), (1,), Codes(lo, hi, hi))
    info = np.iinfo(program.input.dtype)
    for code in (lo, hi):
        assert run(program, np.full((1, 2), code, program.input.dtype)).tolist() == [[code, code]]
    for code in {max(lo - 1, info.min), min(hi + 1, info.max)} - {lo, hi}:
        with pytest.raises(ValueError, match=f"codes from {code} to {code}, needed codes from {lo} to {hi}"):
            run(program, np.full((1, 1), code, program.input.dtype))


def test_an_unknown_product_and_no_threads_are_refused() -> None:
    images = np.zeros((1, 8, 8, 2), np.uint8)
    with pytest.raises(ValueError, match=r"product.*'float'.*integer, blas"):
        run(small(), images, cast(Any, "float"))
    with pytest.raises(ValueError, match="threads"):
        run(small(), images, threads=0)


def test_memory_does_not_grow_with_the_images() -> None:
    """The seed network on 10,000 images stays within 64 MB above the codes that go in and come out."""
    rng = np.random.default_rng(3)
    program = Program(
        (
            Conv2d(rng.integers(-128, 128, (10, 1, 5, 5)), None, M0, N, BYTE),
            MaxPool2d(2),
            Conv2d(rng.integers(-128, 128, (20, 10, 5, 5)), None, M0, N + 3, BYTE),
            MaxPool2d(2),
            Flatten(),
            Linear(rng.integers(-128, 128, (10, 320)), None, M0, N + 3, Codes(-128, 127, 0)),
        ),
        (1, 28, 28),
        BYTE,
    )
    images = rng.integers(0, 256, (1, 28, 28, 10_000), np.uint8)
    tracemalloc.start()
    try:
        output = run(program, images, "blas", threads=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - output.nbytes < 64 * 2**20
