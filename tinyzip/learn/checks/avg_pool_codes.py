"""Depth: what is known of the exercise about the average pool of codes."""

from typing import Any

import numpy as np

from tinyzip.integer import ops
from tinyzip.integer.codes import Codes
from tinyzip.integer.operators import AvgPool2d
from tinyzip.learn.case import Case, Check, Mistake, seeded

NONE = ((0, 0), (0, 0))


def expected(x: Any, k: int, s: int, padding: Any = NONE) -> Any:
    codes = Codes(0, 255, 0) if x.dtype == np.uint8 else Codes(-128, 127, 0)
    operator = AvgPool2d((k, k), (s, s), padding).checked("avg_pool_codes")
    return ops.apply(operator, [x], [codes], codes)


def mean(what: str, total: Any, count: Any) -> Case:
    make = lambda: (np.array(total), count if isinstance(count, int) else np.array(count))  # noqa: E731
    return Case("mean_away", what, make, ops.mean, 0)


def pool(
    what: str, shape: tuple[int, ...], k: int, s: int, padding: Any = NONE, dtype: Any = np.int8
) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        ends = np.iinfo(dtype)
        return rng.integers(ends.min, ends.max + 1, shape, dtype), k, s, padding

    return Case("avg_pool_codes", what, seeded(40, make), expected, 0)


def after_relu(rng: np.random.Generator) -> tuple[Any, ...]:
    """Codes of which about half are 0."""
    return np.maximum(rng.integers(-128, 128, (2, 6, 6, 2)), 0).astype(np.uint8), 3, 2, ((1, 0), (1, 0))


def flat(what: str, code: int, dtype: Any) -> Case:
    make = lambda: (np.full((1, 4, 4, 1), code, dtype), 3, 2, ((1, 1), (1, 1)))  # noqa: E731
    return Case("avg_pool_codes", what, make, expected, 0)


CHECK = Check(
    library="integer/ops.py, mean and counts",
    cases=(
        mean("means of four codes", [0, 4, 8, 9, 11], 4),
        mean("means of four codes, halfway", [2, 6, 10, 14], 4),
        mean("means of four codes below zero", range(-12, 1), 4),
        mean("means of nine codes", range(-14, 15), 9),
        mean("means of one code and of two", [[-3, -1, 0, 1, 3], [-3, -1, 0, 1, 3]], [[1], [2]]),
        mean("means of six codes", range(-20, 21), 6),
        pool("codes of 4×4, windows of 2 in steps of 2", (1, 4, 4, 1), 2, 2, NONE, np.uint8),
        pool("codes below zero, two channels and three examples", (2, 4, 6, 3), 2, 2),
        pool("windows of 3 that overlap, in steps of 1", (2, 5, 6, 2), 3, 1),
        pool("windows of 3 in steps of 2 on 5×7, a border of 1", (2, 5, 7, 3), 3, 2, ((1, 1), (1, 1))),
        pool("a border of 1 at the bottom and on the right", (2, 6, 6, 2), 3, 2, ((0, 1), (0, 1))),
        pool("a border of 2 on top, 1 on the left", (1, 5, 6, 3), 3, 1, ((2, 0), (1, 0)), np.uint8),
        pool("windows of 4 in a border of 3", (1, 3, 4, 2), 4, 3, ((3, 2), (3, 3))),
        pool("windows of 7 on 7×7", (3, 7, 7, 2), 7, 7, NONE, np.uint8),
        Case("avg_pool_codes", "codes of which half are 0", seeded(41, after_relu), expected, 0),
        flat("codes that are −128 everywhere, a border of 1", -128, np.int8),
        flat("codes that are 255 everywhere, a border of 1", 255, np.uint8),
    ),
    mistakes=(
        Mistake(
            "np.sign(total) * ((np.abs(total) + count // 2) // count)",
            "total // count",
            "this rounds down; the nearest is asked for, a half away from zero",
        ),
        Mistake(
            "np.sign(total) * ((np.abs(total) + count // 2) // count)",
            "(total + count // 2) // count",
            "below zero a half goes up here; it is to go away from zero",
        ),
        Mistake(
            "np.abs(total) + count // 2",
            "np.abs(total)",
            "this cuts towards zero; half of the count is to be added",
        ),
        Mistake(
            "np.sign(total) * ((np.abs(total) + count // 2) // count)",
            "np.rint(total / count).astype(np.int64)",
            "this takes a half to the even neighbour; here it goes away from zero",
        ),
        Mistake("np.sign(total) * (", "(", "the sign is lost: put it back after the magnitude was divided"),
        Mistake(
            "+ count // 2)",
            "+ (count + 1) // 2)",
            "half of an odd count is rounded up here, and lifts what is below a half",
        ),
        Mistake(
            "mean_away(total, count).reshape",
            "mean_away(total, k * k).reshape",
            "the border is counted; the mean is over pixels only",
        ),
        Mistake(
            "x.astype(np.int64), border)",
            'x.astype(np.int64), border, "edge")',
            "the border repeats the edge here; what stands there has to add nothing",
        ),
        Mistake(
            "x.astype(np.int64), border)",
            "x.astype(np.int64), border, constant_values=-128 if x.dtype == np.int8 else 0)",
            "the border adds −128 to the sum here; it has to add 0",
        ),
        Mistake(
            "reshape(C, k * k, -1).sum(axis=1)",
            "reshape(C, k * k, -1).astype(x.dtype).sum(axis=1, dtype=x.dtype).astype(np.int64)",
            "a sum of bytes does not fit into a byte: make x wider before",
        ),
        Mistake(
            "border = (0, 0), *padding, (0, 0)",
            "padding = padding[1], padding[0]\n    border = (0, 0), *padding, (0, 0)",
            "rows and columns are exchanged: padding is ((top, bottom), (left, right))",
        ),
        Mistake(
            "border = (0, 0), *padding, (0, 0)",
            "border = (0, 0), *(ends[::-1] for ends in padding), (0, 0)",
            "the ends are exchanged: top comes before bottom, left before right",
        ),
        Mistake(
            "return mean_away(total, count).reshape(C, OH, OW, N)",
            "return total.reshape(C, OH, OW, N)",
            "the division is missing: this is the sum over the window",
        ),
        Mistake(
            ".reshape(C, k * k, -1).sum(axis=1)",
            ".reshape(C, k * k, -1).max(axis=1)",
            "this is the largest code of each window; the mean was asked for",
        ),
    ),
    others=(
        """
import numpy as np

def mean_away(total, count):
    total, count = np.broadcast_arrays(total, count)
    means = []
    for t, c in zip(total.flat, count.flat):
        quotient, rest = divmod(abs(int(t)), int(c))
        quotient += 2 * rest >= c
        means.append(quotient if t > 0 else -quotient)
    return np.array(means).reshape(total.shape)

def avg_pool_codes(x, k, s, padding=((0, 0), (0, 0))):
    C, H, W, N = x.shape
    (top, bottom), (left, right) = padding
    OH, OW = (H + top + bottom - k) // s + 1, (W + left + right - k) // s + 1
    y = np.empty((C, OH, OW, N), x.dtype)
    for oh in range(OH):
        for ow in range(OW):
            row, column = oh * s - top, ow * s - left
            window = x[:, max(row, 0) : row + k, max(column, 0) : column + k].astype(np.int32)
            total = window.sum(axis=(1, 2))
            y[:, oh, ow] = mean_away(total, window.shape[1] * window.shape[2])
    return y
""",
        """
import numpy as np

def mean_away(total, count):
    up = (2 * total + count) // (2 * count)
    down = -((count - 2 * total) // (2 * count))
    return np.where(total < 0, down, up)

def sees(length, k, s, before, after):
    first = s * np.arange((length + before + after - k) // s + 1)[:, None] - before
    return ((np.arange(length) >= first) & (np.arange(length) < first + k)).astype(int)

def avg_pool_codes(x, k, s, padding=((0, 0), (0, 0))):
    rows, columns = sees(x.shape[1], k, s, *padding[0]), sees(x.shape[2], k, s, *padding[1])
    total = np.einsum("ah,bw,chwn->cabn", rows, columns, x.astype(int))
    count = rows.sum(axis=1)[:, None] * columns.sum(axis=1)
    return mean_away(total, count[None, :, :, None])
""",
    ),
    hints=(
        "What is −5 // 4 in Python, and what is −5/4 to the nearest?",
        "The magnitude, plus half of the count, divided; then the sign. An image of ones tells the counts.",
        "Sum the patches of x in a border of 0, and those of ones, over their k·k axis: total and count.",
    ),
)
