"""A small program by hand; programs, codes and multipliers drawn by Hypothesis."""

from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

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
    multiplier,
)
from tinyzip.integer.bounds import channel_bounds
from tinyzip.integer.fixedpoint import M0_STEP, ROUNDINGS
from tinyzip.integer.layout import ORDERS

BYTE = Codes(0, 255, 0)
M0, N = multiplier(Fraction(1, 1000))
COUNTS = [*range(1, 10), 15, 16, 17, 24]  # examples: few, and enough for columns that are made apart
Draw = Any
Shapes = tuple[tuple[int, ...], ...]
Grids = tuple[Codes, ...]
EDGES = sorted({s * 2**i + d for i in range(32) for s in (-1, 1) for d in (-2, -1, 0, 1, 2)})
INT32 = [v for v in EDGES if -(2**31) <= v < 2**31]


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


@st.composite
def codes(draw: Draw) -> Codes:
    """Of 2 to 8 bits, signed or not, sometimes cut at the zero point as a ReLU does."""
    bits = draw(st.integers(2, 8))
    lo = draw(st.sampled_from([0, -(2 ** (bits - 1))]))
    hi = lo + 2**bits - 1
    zero = draw(st.integers(lo, hi - 1))
    return Codes(zero if draw(st.booleans()) else lo, hi, zero)


def integers(draw: Draw, lo: int, hi: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Uniform from a drawn seed, the extremes often among them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.integers(lo, hi + 1, shape)
    if draw(st.booleans()):
        values = np.where(rng.random(shape) < 0.5, values, np.where(rng.random(shape) < 0.5, lo, hi))
    return values


def batch(draw: Draw, x: Codes, shape: tuple[int, ...]) -> NDArray[Any]:
    return integers(draw, x.lo, x.hi, shape).astype(x.dtype)


def drawn_multipliers(draw: Draw, rounding: str, count: int) -> NDArray[np.int64]:
    """m0 with as many bits as the rounding works with."""
    if rounding == "shift":
        return np.full(count, 2**30)
    m0 = integers(draw, 2**30, 2**31 - 1, (count,))
    return m0 - m0 % M0_STEP if rounding == "float32" else m0


def scales(draw: Draw, bounds: NDArray[np.int64], rounding: str) -> tuple[Any, Any]:
    """(m0, n) that use the codes well most of the time, and multipliers ≥ 1 and tiny ones now and then."""
    length = [int(b).bit_length() for b in bounds]
    spread = draw(st.sampled_from([(20, 30), (24, 28), (-2, 3), (30, 60)]))
    n = [max(1, b, b + draw(st.integers(*spread))) for b in length]
    m0 = drawn_multipliers(draw, rounding, len(n))
    if draw(st.booleans()):
        return int(m0[0]), max(n)
    return np.array(m0), np.array(n)


def weighted(draw: Draw, kind: Any, shape: tuple[int, ...], x: Codes, **fields: Any) -> Operator:
    """A Conv2d or Linear of these weights' shape, on codes x."""
    bits = draw(st.integers(1, 8))
    w = integers(draw, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, shape)
    bias = integers(draw, -1000, 1000, shape[:1]) if draw(st.booleans()) else None
    rounding = draw(st.sampled_from(ROUNDINGS))
    first = kind(w, bias, 2**30, 40, x, weight_bits=bits, **fields).checked("drawn")
    m0, n = scales(draw, channel_bounds(first, x), rounding)
    drawn = kind(w, bias, m0, n, draw(codes()), weight_bits=bits, rounding=rounding, **fields)
    return drawn.checked("drawn")


def padded_window(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    """Kernel, stride and an uneven padding smaller than the kernel, for an image of this shape."""
    kernel: tuple[int, ...] = tuple(draw(st.integers(1, min(4, size + 1))) for size in shape[1:])
    low = tuple(max(0, k - size) for k, size in zip(kernel, shape[1:], strict=True))
    padding = tuple(
        (draw(st.integers(least, max(k - 1, least))), draw(st.integers(0, k - 1)))
        for k, least in zip(kernel, low, strict=True)
    )
    return {"kernel": kernel, "stride": draw(st.tuples(*[st.integers(1, 3)] * 2)), "padding": padding}


def convolution(draw: Draw, shape: tuple[int, ...], x: Codes) -> Operator:
    window = padded_window(draw, shape)
    groups = draw(st.sampled_from([g for g in range(1, shape[0] + 1) if shape[0] % g == 0]))
    F = groups * draw(st.integers(1, 3))
    kernel = window.pop("kernel")
    if draw(st.integers(0, 3)) == 0:  # dilated, as far as the padded image allows
        sizes = [size + sum(ends) for size, ends in zip(shape[1:], window["padding"], strict=True)]
        most = [min(3, (size - 1) // (k - 1)) if k > 1 else 3 for size, k in zip(sizes, kernel, strict=True)]
        window["dilation"] = tuple(draw(st.integers(1, d)) for d in most)
    return weighted(draw, Conv2d, (F, shape[0] // groups, *kernel), x, groups=groups, **window)


def pool(draw: Draw, kind: Any, shape: tuple[int, ...], x: Codes) -> Operator:
    y = None
    if draw(st.booleans()):
        lo, hi = draw(st.integers(x.lo, x.zero)), draw(st.integers(x.zero, x.hi))
        y = Codes(lo, hi, x.zero, x.scale) if lo < hi else None
    return kind(y=y, **padded_window(draw, shape))


def mean(draw: Draw, shape: tuple[int, ...], x: Codes) -> Operator:
    if draw(st.booleans()):
        return GlobalAvgPool()
    rounding = draw(st.sampled_from(ROUNDINGS))
    m0, n = scales(draw, np.array([shape[1] * shape[2] * 256]), rounding)
    n = min(int(np.max(n)), 60) if rounding == "float32" else int(np.max(n))
    return GlobalAvgPool(int(np.max(m0)), max(n, 7), draw(codes()), rounding=rounding)


def addition(draw: Draw, other: int, x: Codes, o: Codes) -> Operator:
    """Multipliers that use the codes well most of the time; ratios of 1 and tiny ones now and then."""
    y = draw(codes())
    if draw(st.booleans()):
        n = draw(st.integers(1, 24))
        m0 = integers(draw, 1, 2 ** draw(st.integers(1, min(n + 1, 21))), (2,))
        return Add(other, m0, n, y, rounding="single")
    n = [draw(st.integers(31, draw(st.sampled_from([31, 34, 60, 127])))) for _ in range(2)]
    n.append(draw(st.integers(*draw(st.sampled_from([(46, 52), (31, 36), (60, 127)])))))
    return Add(other, integers(draw, 2**30, 2**31 - 1, (3,)), n, y)


def multiplied(draw: Draw, other: int, x: Codes, o: Codes) -> Operator:
    rounding = draw(st.sampled_from(ROUNDINGS))
    m0, n = scales(draw, np.array([x.reach * o.reach]), rounding)
    return Product(other, int(np.max(m0)), int(np.max(n)), draw(codes()), rounding=rounding)


def table(draw: Draw, shape: tuple[int, ...]) -> Operator:
    """Any function, or one for each channel."""
    y = draw(codes())
    return Table(integers(draw, y.lo, y.hi, draw(st.sampled_from([(256,), (shape[0], 256)]))), y)


def product(draw: Draw, shape: tuple[int, ...], x: Codes) -> Operator:
    w = integers(draw, -255, 255, (draw(st.sampled_from([1, shape[0]])),))
    rounding = draw(st.sampled_from(ROUNDINGS))
    m0, n = scales(draw, np.array([np.abs(w).max() * x.reach]), rounding)
    return Multiply(w, int(np.max(m0)), int(np.max(n)), draw(codes()), rounding)


def reshaped(draw: Draw, shape: tuple[int, ...]) -> Operator:
    """A vector, or an image of as many values."""
    size = prod(shape)
    C = draw(st.sampled_from([d for d in range(1, size + 1) if size % d == 0]))
    H = draw(st.sampled_from([d for d in range(1, size // C + 1) if size // C % d == 0]))
    to = draw(st.sampled_from([(size,), (C, H, size // C // H)]))
    return Reshape(to, draw(st.sampled_from(ORDERS)))


def joined(draw: Draw, shapes: Shapes, read: Grids) -> Operator:
    """The last output beside others of its size, its zero and its scale, in any order; itself among them."""
    shape, x = shapes[-1], read[-1]
    fitting = [
        k - 1
        for k, (other, c) in enumerate(zip(shapes, read, strict=True))
        if other[1:] == shape[1:] and len(other) == len(shape)
        if (c.zero, c.scale, c.dtype) == (x.zero, x.scale, x.dtype)
    ]
    sources = draw(st.lists(st.sampled_from(fitting), min_size=1, max_size=3))
    return Concat((*sources, len(shapes) - 2) if draw(st.booleans()) else tuple(sources))


IMAGE_KINDS = [*["conv"] * 4, "max", "avg", "mean", "flatten", "pad", "transpose"]
KINDS = ["table", "product", "softmax", "reshape", "recall", "add", "add", "multiplied", "concat"]


def operator(draw: Draw, kind: str, shapes: Shapes, read: Grids) -> Operator:
    """One more operator of this kind, after outputs of these shapes and codes, the input's the first."""
    shape, x = shapes[-1], read[-1]
    match kind:
        case "conv":
            return convolution(draw, shape, x)
        case "max":
            return pool(draw, MaxPool2d, shape, x)
        case "avg":
            return pool(draw, AvgPool2d, shape, x)
        case "mean":
            return mean(draw, shape, x)
        case "flatten":
            return Flatten(draw(st.sampled_from(ORDERS)))
        case "pad":
            return Pad(draw(st.tuples(*[st.tuples(*[st.integers(0, 2)] * 2)] * 2)))
        case "transpose":
            return Transpose(draw(st.permutations(range(3))))
        case "linear":
            return weighted(draw, Linear, (draw(st.integers(1, 5)), shape[0]), x)
        case "table":
            return table(draw, shape)
        case "product":
            return product(draw, shape, x)
        case "softmax":
            return Softmax(draw(st.integers(2**30, 2**31 - 1)), draw(st.integers(0, 31)))
        case "reshape":
            return reshaped(draw, shape)
        case "concat":
            return joined(draw, shapes, read)
        case "recall":
            return Recall(draw(st.integers(-1, len(shapes) - 2)))
    pixel = (shape[0], 1, 1)[: len(shape)] if kind == "multiplied" and len(shape) == 3 else shape
    other = draw(st.sampled_from([k for k, other in enumerate(shapes) if other in (shape, pixel)]))
    if kind == "multiplied":
        return multiplied(draw, other - 1, x, read[other])
    return addition(draw, other - 1, x, read[other])


@st.composite
def programs(draw: Draw, most: int = 5, kinds: list[str] | None = None) -> Program:
    """Any operators on small images, some of them naming earlier outputs; sometimes classes at the end.

    kinds  draw from these only, where the shape allows
    """
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    first = draw(codes())
    operators: list[Operator] = []
    shapes: Shapes = (shape,)
    read: Grids = (first,)
    for _ in range(draw(st.integers(1, most))):
        fitting = [*IMAGE_KINDS, *KINDS] if len(shapes[-1]) == 3 else ["linear", "linear", *KINDS]
        kind = draw(st.sampled_from([k for k in fitting if k in (kinds or fitting)]))
        operators.append(operator(draw, kind, shapes, read))
        program = Program(tuple(operators), shape, first)
        shapes, read = program.shapes, program.codes
    if len(shapes[-1]) == 1 and draw(st.booleans()):
        operators.append(Argmax())
    return Program(tuple(operators), shape, first)
