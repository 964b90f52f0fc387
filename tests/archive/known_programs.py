"""Programs that files in tests/data hold, the same wherever this runs, and the way to write those files.

    python tests/archive/known_programs.py

has written those of version 2, which is final: they stay, and that they are still read, and written byte for
byte, is what makes it final.
"""

from pathlib import Path

import numpy as np

from tinyzip.archive import write
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
    Multiply,
    Pad,
    Product,
    Program,
    Recall,
    Reshape,
    Softmax,
    Table,
    Transpose,
)

DATA = Path(__file__).parents[1] / "data"


def spread(*shape: int, most: int) -> np.ndarray:
    """Numbers from −most to most in no order, but the same wherever this runs."""
    i = np.arange(np.prod(shape), dtype=np.int64) + 1
    return ((i * i * 2654435761 >> 7) % (2 * most + 1) - most).reshape(shape)


def every_field() -> Program:
    """The kinds that occur most, and every field that they have."""
    y = Codes(-128, 127, -100, (13, 9))
    clamped = Codes(-100, 127, -100, (13, 9))
    first = Conv2d(
        spread(6, 1, 3, 3, most=3),
        spread(6, most=900),
        2**30 + np.arange(6) * 12345678,
        34 + np.arange(6) % 3,
        y,
        padding=((1, 0), (1, 2)),
        weight_bits=3,
        rounding="single",
        name="first",
    )
    sparse = np.where(spread(8, 6, 9, 10, most=40) > 38, spread(8, 6, 9, 10, most=60), 0)
    long = Conv2d(sparse, spread(8, most=2**20), 2**30 + 7, 42, y, rounding="double", name="lang, länger")
    depthwise = Conv2d(
        spread(8, 1, 2, 2, most=1),
        None,
        2**30,
        33,
        y,
        stride=(1, 2),
        groups=8,
        weight_bits=2,
        rounding="shift",
    )
    signs = np.where(spread(4, 8, most=9) < 0, -1, 1)
    logits = Codes(-128, 127, 3, (1, -2))
    return Program(
        (
            first,
            MaxPool2d(2, 1, 1, clamped),
            long,
            depthwise,
            AvgPool2d((2, 1), padding=((1, 0), (0, 0)), y=clamped),
            GlobalAvgPool(2**29 + 1, 32, Codes(0, 255, 0, (3, 7)), "double", name="mean"),
            GlobalAvgPool(),
            Flatten(name="flat"),
            Linear(signs, spread(4, most=9), 2**31 - 1, 33, logits, weight_bits=1, rounding="single"),
            Argmax(name="class"),
        ),
        (1, 12, 10),
        Codes(0, 255, 0, (0x10101010101011, 60)),
    )


def every_kind() -> Program:
    """Every kind of operator, every field that has a default, names, and grids of every form."""
    x = Codes(0, 255, 0, (0x10101010101011, 60))
    y = Codes(0, 15, 0, (5, 7))
    signed = Codes(-8, 7, -2, (0x808081, 31))
    odd = Codes(-100, 90, 5, (1, -3))
    return Program(
        (
            Conv2d(
                spread(4, 2, 3, 3, most=7),
                spread(4, most=50),
                2**30 + np.arange(4) * 1234567,
                36 + np.arange(4) % 2,
                y,
                padding=((2, 1), (1, 3)),
                weight_bits=5,
                rounding="single",
                dilation=(2, 1),
                name="first",
            ),
            Conv2d(spread(4, 1, 3, 3, most=1), None, 2**30, 36, y, padding=1, groups=4, weight_bits=2),
            Conv2d(spread(4, 2, 1, 1, most=3), None, 2**30, 34, y, groups=2, rounding="shift", name="pairs"),
            Add(0, [2**30, 2**30 + 9, 2**30], [31, 32, 40], y, name="sum"),
            Add(1, [3, 5], 4, y, rounding="single"),
            Recall(0),
            Concat((3, 5, 4), name="both"),
            Table(np.arange(256) % 16, y),
            Table(np.add.outer(np.arange(12), np.arange(256)) % 16 - 8, signed),
            Multiply(spread(12, most=200), 2**30 + 3, 38, odd, "single"),
            Pad(((0, 1), (1, 0))),
            Transpose((1, 0, 2)),
            Transpose((1, 0, 2)),
            MaxPool2d(2, name="pool"),
            AvgPool2d((2, 1), (1, 2), ((1, 0), (0, 0)), Codes(5, 80, 5, (1, -3))),
            Softmax(2**30 + 5, 7),
            Multiply([9], 2**30, 36, odd),
            GlobalAvgPool(),
            GlobalAvgPool(2**29 + 7, 32, y, "double"),
            Flatten("HWC"),
            Reshape((3, 2, 2), "HWC"),
            Flatten(),
            Linear(
                spread(9, 12, most=9), spread(9, most=900), 2**31 - 1, 40, signed, weight_bits=5, name="é"
            ),
            Linear(np.where(spread(3, 9, most=4) < 0, -1, 1), None, 2**30 + 128, 33, odd, weight_bits=1),
            Argmax(),
        ),
        (2, 7, 6),
        x,
    )


def products() -> Program:
    """The kind that came after those of `every_kind`."""
    y = Codes(-100, 90, 5, (5, 7))
    operators = (
        GlobalAvgPool(),
        Recall(-1),
        Product(0, 2**30 + 9, 40, y, name="gate"),
        Product(1, 2**31 - 1, 39, Codes(0, 255, 3), rounding="single"),
        Product(3, 2**30, 36, y, rounding="shift"),
    )
    return Program(operators, (3, 4, 5), Codes(0, 255, 7, (0x808081, 31)))


def every_coding() -> Program:
    """Weights of every form and in every coding."""
    y = Codes(0, 15, 0, (0x101011, 28))
    listed = np.array([-100, -7, 0, 40, 90])[spread(12, 16, most=2) + 2]
    pruned = np.where(spread(400, 1000, most=5000) > 4998, 77, 0)
    rows, columns = np.arange(20)[:, None], np.arange(20)
    smooth = np.stack([np.rint(6 * np.sin((rows * f + columns) / 4)) for f in range(1, 13)]).reshape(12, 400)
    return Program(
        (
            Flatten(),
            Linear(smooth.astype(np.int8), None, 2**30 + 3, 36, y, weight_bits=4, name="mixed"),
            Linear(spread(16, 12, most=5) + spread(16, 12, most=6), None, 2**30 + 3, 40, y, name="alone"),
            Linear(listed, None, 2**30 + 3, 40, y, name="listed"),
            Linear(spread(40, 12, most=127), None, 2**30, 44, y, name="plain"),
            Linear(np.full((1000, 40), 1), None, 2**30, 44, y, name="all the same"),
            Linear(pruned, None, 2**30, 36, y, name="pruned"),
            Linear(spread(9, 400, most=3) * (spread(9, 400, most=4) > 1), None, 2**30, 36, y, name="tables"),
        ),
        (1, 20, 20),
        Codes(0, 255, 0),
    )


KNOWN = {
    "version2-kinds.tz": every_kind,
    "version2-codings.tz": every_coding,
    "version2-products.tz": products,
}


if __name__ == "__main__":
    for name, program in KNOWN.items():
        write(program(), DATA / name)
