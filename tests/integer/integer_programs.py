"""A small program by hand; programs, codes and multipliers drawn by Hypothesis."""

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

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
)
from tinyzip.integer.bounds import channel_bounds

BYTE = Codes(0, 255, 0)
M0, N = multiplier(Fraction(1, 1000))
Draw = Any
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


def scales(draw: Draw, bounds: NDArray[np.int64], rounding: str) -> tuple[Any, Any]:
    """(m0, n) that use the codes well most of the time, and multipliers ≥ 1 and tiny ones now and then."""
    length = [int(b).bit_length() for b in bounds]
    spread = draw(st.sampled_from([(20, 30), (24, 28), (-2, 3), (30, 60)]))
    n = [max(1, b, b + draw(st.integers(*spread))) for b in length]
    m0 = [2**30] * len(n) if rounding == "shift" else integers(draw, 2**30, 2**31 - 1, (len(n),))
    if draw(st.booleans()):
        return int(m0[0]), max(n)
    return np.array(m0), np.array(n)


def weighted(draw: Draw, kind: Any, shape: tuple[int, ...], x: Codes, **fields: Any) -> Operator:
    """A Conv2d or Linear of these weights' shape, on codes x."""
    bits = draw(st.integers(1, 8))
    w = integers(draw, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, shape)
    bias = integers(draw, -1000, 1000, shape[:1]) if draw(st.booleans()) else None
    rounding = draw(st.sampled_from(["double", "single", "shift"]))
    first = kind(w, bias, 2**30, 40, x, weight_bits=bits, **fields).checked("drawn")
    m0, n = scales(draw, channel_bounds(first, x), rounding)
    drawn = kind(w, bias, m0, n, draw(codes()), weight_bits=bits, rounding=rounding, **fields)
    return drawn.checked("drawn")


def padded_window(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    """Kernel, stride and an uneven padding smaller than the kernel, for an image of this shape."""
    kernel = tuple(draw(st.integers(1, min(4, size + 1))) for size in shape[1:])
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
    rounding = draw(st.sampled_from(["double", "single", "shift"]))
    m0, n = scales(draw, np.array([shape[1] * shape[2] * x.reach]), rounding)
    return GlobalAvgPool(int(np.max(m0)), int(np.max(n)), draw(codes()), rounding=rounding)


@st.composite
def programs(draw: Draw, most: int = 4) -> Program:
    """Any chain of operators on small images; sometimes a classifier at its end."""
    shape: tuple[int, ...] = (draw(st.integers(1, 4)), draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    program = None
    first = x = draw(codes())
    start, operators = shape, []
    for _ in range(draw(st.integers(1, most))):
        kinds = ["conv", "conv", "max", "avg", "mean", "flatten"] if len(shape) == 3 else ["linear"]
        match draw(st.sampled_from(kinds)):
            case "conv":
                operators.append(convolution(draw, shape, x))
            case "max":
                operators.append(pool(draw, MaxPool2d, shape, x))
            case "avg":
                operators.append(pool(draw, AvgPool2d, shape, x))
            case "mean":
                operators.append(mean(draw, shape, x))
            case "flatten":
                operators.append(Flatten())
            case "linear":
                operators.append(weighted(draw, Linear, (draw(st.integers(1, 5)), shape[0]), x))
        program = Program(tuple(operators), start, first)
        shape, x = program.shapes[-1], program.output
    if len(shape) == 1 and draw(st.booleans()):
        operators.append(Argmax())
    return Program(tuple(operators), start, first)
