"""The program that `tests/data/version1.tz` holds, as it was when that was written.

Every kind and every field of version 1 is in it, and enough weights for a second lane.
"""

import numpy as np

from tinyzip.integer import (
    Argmax,
    AvgPool2d,
    Codes,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Program,
)


def spread(*shape: int, most: int) -> np.ndarray:
    """Numbers from −most to most in no order, but the same wherever this runs."""
    i = np.arange(np.prod(shape), dtype=np.int64) + 1
    return ((i * i * 2654435761 >> 7) % (2 * most + 1) - most).reshape(shape)


def older_program() -> Program:
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
