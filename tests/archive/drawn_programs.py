"""Programs that Hypothesis draws: every operator, every field, chained so that `Program` accepts them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

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
    Operator,
    Pad,
    Product,
    Program,
    Recall,
    Reshape,
    Softmax,
    Table,
    Transpose,
)

Draw = Callable[[st.SearchStrategy[Any]], Any]
NAMES = st.text(max_size=6)


@st.composite
def grids(draw: Draw) -> Codes:
    lo = draw(st.integers(-128, 200))
    hi = draw(st.integers(lo + 1, 127 if lo < 0 else 255))
    scale = (draw(st.integers(1, 2**63 - 1)), draw(st.integers(-1100, 1100)))
    return Codes(lo, hi, draw(st.integers(lo, hi)), scale)


def weighted(draw: Draw, rng: np.random.Generator, shape: tuple[int, ...]) -> dict[str, Any]:
    """The fields that Conv2d and Linear share, filled with numbers of every size."""
    bits = draw(st.integers(1, 8))
    F = shape[0]
    if bits == 1:
        w = rng.choice(draw(st.sampled_from([(-1, 1), (0, 1), (-1, 0), (1, 1)])), shape)
    else:
        w = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), shape)
    rounding = draw(st.sampled_from(["double", "single", "shift"]))
    m0 = np.full(F, 2**30) if rounding == "shift" else rng.integers(2**30, 2**31, F)
    n = rng.integers(31, draw(st.integers(32, 127)), F)
    if draw(st.booleans()):
        m0, n = m0[0], n[0]
    bias = rng.integers(-(2 ** draw(st.integers(1, 29))), 2**20, F) if draw(st.booleans()) else None
    return {
        "w": w.astype(np.int8),
        "bias": None if bias is None else bias.astype(np.int32),
        "m0": m0,
        "n": n,
        "y": draw(grids()),
        "rounding": rounding,
        "weight_bits": bits,
        "name": draw(NAMES),
    }


def convolution(draw: Draw, rng: np.random.Generator, C: int, size: int) -> Conv2d:
    """For images of C channels, as long as `size` on their shorter side."""
    groups = draw(st.sampled_from([g for g in range(1, C + 1) if C % g == 0]))
    shape = (groups * draw(st.integers(1, 3)), C // groups, draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    ends = st.tuples(st.integers(0, 2), st.integers(0, 2))
    return Conv2d(
        **weighted(draw, rng, shape),
        stride=draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        padding=draw(st.tuples(ends, ends)),
        groups=groups,
        dilation=draw(st.tuples(*[st.integers(1, 2 if size >= 5 else 1)] * 2)),
    )


def pooling(draw: Draw, kind: type[MaxPool2d | AvgPool2d], codes: Codes) -> Operator:
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = tuple(draw(st.tuples(st.integers(0, k - 1), st.integers(0, k - 1))) for k in kernel)
    y = None
    if draw(st.booleans()):
        y = Codes(codes.zero, codes.hi, codes.zero, codes.scale) if codes.zero < codes.hi else codes
    stride = draw(st.none() | st.tuples(st.integers(1, 3), st.integers(1, 3)))
    return kind(kernel, stride, padding, y, name=draw(NAMES))


def global_average(draw: Draw) -> GlobalAvgPool:
    if draw(st.booleans()):
        return GlobalAvgPool(name=draw(NAMES))
    m0, n = draw(st.integers(2**29, 2**31 - 1)), draw(st.integers(31, 127))
    return GlobalAvgPool(m0, n, draw(grids()), draw(st.sampled_from(["double", "single"])), name=draw(NAMES))


def others(draw: Draw, rng: np.random.Generator, shape: tuple[int, ...], last: int) -> Operator:
    """An operator without weights for an image of this shape, written by operator number `last`."""
    joins, maps = [Recall, Add, Product, Concat], [Table, Multiply, Softmax]
    kind = draw(st.sampled_from([*joins, *maps, Pad, Reshape, Transpose]))
    y, name, order = draw(grids()), draw(NAMES), draw(st.sampled_from(["CHW", "HWC"]))
    m0, n = int(rng.integers(2**30, 2**31)), draw(st.integers(31, 127))
    match kind.__name__:
        case "Recall":
            return Recall(draw(st.integers(-1, last)), name=name)
        case "Add" if draw(st.booleans()):
            return Add(
                last, rng.integers(1, 2**21, 2), draw(st.integers(1, 31)), y, name=name, rounding="single"
            )
        case "Add":
            return Add(last, rng.integers(2**30, 2**31, 3), rng.integers(31, 127, 3), y, name=name)
        case "Product":
            rounding = draw(st.sampled_from(["double", "single"]))
            return Product(last, m0, n, y, name=name, rounding=rounding)
        case "Concat":
            return Concat((last,) * draw(st.integers(1, 9)), name=name)
        case "Pad":
            ends = st.tuples(st.integers(0, 2), st.integers(0, 2))
            return Pad(draw(st.tuples(ends, ends)), name=name)
        case "Table":
            rows = draw(st.sampled_from([(256,), (shape[0], 256)]))
            return Table(rng.integers(y.lo, y.hi + 1, rows), y, name=name)
        case "Multiply":
            return Multiply(rng.integers(-255, 256, shape[0]), m0, n, y, "single", name=name)
        case "Softmax":
            return Softmax(m0, draw(st.integers(0, 31)), name=name)
        case "Reshape":
            return Reshape((shape[2], shape[0], shape[1]), order, name=name)
    return Transpose(draw(st.permutations(range(3))), name=name)


@st.composite
def programs(draw: Draw) -> Program:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 4)), draw(st.integers(5, 9)), draw(st.integers(5, 9)))
    codes = draw(grids())
    operators: list[Operator] = []
    for kind in draw(
        st.lists(st.sampled_from([Conv2d, MaxPool2d, AvgPool2d, GlobalAvgPool, *[None] * 4]), max_size=6)
    ):
        C, H, W = Program(tuple(operators), shape, codes).shapes[-1] if operators else shape
        if kind is None:
            operators.append(others(draw, rng, (C, H, W), len(operators) - 1))
            continue
        now = Program(tuple(operators), shape, codes).output if operators else codes
        if kind is GlobalAvgPool or min(H, W) < 3:
            operators.append(global_average(draw))
        else:
            conv = kind is Conv2d
            operators.append(convolution(draw, rng, C, min(H, W)) if conv else pooling(draw, kind, now))
    operators.append(Flatten(draw(st.sampled_from(["CHW", "HWC"])), name=draw(NAMES)))
    (C,) = Program(tuple(operators), shape, codes).shapes[-1]
    operators.append(Linear(**weighted(draw, rng, (draw(st.integers(1, 12)), C))))
    if draw(st.booleans()):
        operators.append(Argmax(name=draw(NAMES)))
    return Program(tuple(operators), shape, codes)
