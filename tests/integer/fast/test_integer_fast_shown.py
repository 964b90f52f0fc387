"""The table of what speed makes of a program says what the engine does."""

from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from integer_programs import BYTE, conv, small

from tinyzip.integer import Add, Codes, Flatten, Linear, MaxPool2d, Operator, Program
from tinyzip.integer.fast import choose
from tinyzip.integer.fast import shown as module
from tinyzip.integer.fast.gemm import PRODUCTS
from tinyzip.integer.fast.shown import shown

NIBBLE = Codes(0, 15, 0)


def lines(*operators: Operator, shape: tuple[int, ...], x: Codes = NIBBLE) -> list[dict[str, str]]:
    """The table's lines, each cell by its heading."""
    with patch.object(module, "aligned", lambda rows, words: rows):
        head, *rows = shown(Program(operators, shape, x))
    return [dict(zip(head, row, strict=True)) for row in rows]


def ones(*shape: int) -> Any:
    return np.ones(shape, int)


@pytest.mark.parametrize(
    "w, fields, windows",
    [
        (ones(2, 2, 3, 3), {}, "lines"),
        (ones(2, 2, 3, 3), {"stride": 3}, "patches"),
        (ones(2, 2, 2, 2), {"dilation": 2}, "patches"),
        (ones(2, 2, 1, 1), {}, "image"),
        (ones(2, 1, 3, 3), {"groups": 2}, "bands"),
        (ones(2, 1, 2, 1), {"groups": 2, "dilation": 2}, "shifts"),
    ],
)
def test_it_says_where_the_windows_are_found(w: Any, fields: Any, windows: str) -> None:
    (line,) = lines(conv(w=99 * w, **fields), shape=(2, 9, 9))
    assert (line["windows"], line["apart"], line["sums"]) == (windows, "1", "1")


def test_it_says_what_the_bounds_decided() -> None:
    """(B2), (XP1), (LN2), (FS1): numbers, sums in a product, and floats that are proved."""
    with patch.object(choose, "pays", lambda *_: True):
        for reach, total, sums in ((15, 193, "2"), (16, 181, "1")):
            w = np.full((1, total), 1)
            (line,) = lines(Linear(w, None, 2**30, 36, NIBBLE), shape=(total,), x=Codes(0, reach, 0))
            assert line["sums"] == sums and line["codes"] == "float32"
    for K, whole, floats in ((1, "int16", "float32"), (2, "int32", "float32"), (600, "int32", "int32")):
        (line,) = lines(Linear(np.full((3, K), 127), None, 2**30, 50, BYTE), shape=(K,), x=BYTE)
        assert (line["integer"], line["blas"]) == (whole, floats)
        assert (line["codes"] == "integers") == (floats == "int32")
    halves = Linear([[3, 3]], [7], 2**30, 33, NIBBLE, rounding="float32")
    assert lines(halves, shape=(2,))[0]["codes"] == "integers"
    assert lines(halves, shape=(2,))[0]["windows"] == ""


@pytest.mark.parametrize(
    "C, F, k, stride",
    [(1, 2, 5, 1), (1, 2, 5, 2), (2, 60, 3, 1), (2, 60, 3, 3), (9, 60, 1, 1), (16, 6, 3, 2)],
)
@pytest.mark.parametrize("groups", [1, 2])
def test_two_sums_share_a_product_where_that_pays(C: int, F: int, k: int, stride: int, groups: int) -> None:
    """(LN2): for a place each channel is packed, once for every step to the next; one place gathers none."""
    w = np.full((F, C, k, k), 1)
    given = conv(w=w, stride=(1, stride), groups=groups, padding=((0, 0), (9, 9)), y=NIBBLE)
    (line,) = lines(given, shape=(C * groups, 9, 9), x=Codes(0, 1, 0))
    pays = choose.pays(F, C * k * k, C * groups * stride, k > 1)
    depthwise = C == 1 and groups == 2
    assert line["sums"] == ("2" if pays and not depthwise else "1")


@pytest.mark.parametrize("F, C", [(50, 784), (50, 320), (40, 1), (64, 64)])
def test_two_sums_of_a_linear_layer_share_a_product_as_what_gathers_none(F: int, C: int) -> None:
    """(LN2): a packing of each input; at 320 only what gathers would gain by it."""
    (line,) = lines(Linear(ones(F, C), None, 2**30, 40, NIBBLE), shape=(C,), x=Codes(0, 1, 0))
    assert line["sums"] == ("2" if choose.pays(F, C, C) else "1")
    assert choose.pays(F, C, C, True) == (F == 50) and choose.pays(F, C, C) == (C == 784)


def test_it_says_which_pool_is_done_before_requantizing_and_how_many_columns_lie_apart() -> None:
    """(PQ1), (LP1): not one whose input another operator reads, nor apart where its windows overlap."""
    narrow, over = MaxPool2d((1, 4)), MaxPool2d(3, 1)
    same = conv(w=99 * ones(1, 1, 3, 3), padding=1, y=NIBBLE)
    for pool, apart in ((narrow, "4"), (over, "1")):
        program = Program((same, pool, Flatten()), (1, 8, 8), NIBBLE)
        assert choose.pool_after(program, 0, trace=False) == program.operators[1]
        assert choose.pool_after(program, 0, trace=True) is choose.pool_after(program, 1, trace=False) is None
        (line,) = lines(same, pool, shape=(1, 8, 8))
        assert line["with a pool"].startswith("MaxPool2d") and line["apart"] == apart
    again = Add(0, [1, 1], 1, NIBBLE, rounding="single")
    (line,) = lines(same, MaxPool2d(3, 1, 1), again, shape=(1, 8, 8))
    assert line["with a pool"] == "" and line["apart"] == "1"


def test_each_operator_with_weights_is_a_line() -> None:
    program = small()
    first, last = shown(program).splitlines()[1:]
    with patch.object(module, "aligned", lambda rows, words: [rows[0][k] for k in words]):
        assert shown(program) == ["operator", "name", "with a pool", *PRODUCTS, "windows", "codes"]
    assert first.split()[:4] == ["0", "Conv2d", "3×3", "conv"] and last.split()[:2] == ["3", "Linear"]
