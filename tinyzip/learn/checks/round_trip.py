"""Depth: what is known of the exercise about the round trip."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
from tinyzip.quant.grids.grid import Grid


def expected_round_trip(x: Any, scale: float, zero: int, bits: int) -> Any:
    return Grid(scale, zero, 0, 2**bits - 1).round_trip(x)


def expected_bound(x: Any, scale: float, zero: int, bits: int) -> Any:
    grid = Grid(scale, zero, 0, 2**bits - 1)
    inside = (grid.low <= x) & (x <= grid.high)
    return np.where(inside, grid.scale / 2, np.abs(x - grid.round_trip(x)))


def expected_costs(x: Any, scale: float, zero: int, bits: int) -> Any:
    grid = Grid(scale, zero, 0, 2**bits - 1)
    square, inside = (x - grid.round_trip(x)) ** 2, (grid.low <= x) & (x <= grid.high)
    return square[inside].sum(), square[~inside].sum()


EXPECTED = {"round_trip": expected_round_trip, "error_bound": expected_bound, "costs": expected_costs}
WITHIN = {"round_trip": 1e-6, "error_bound": 1e-6, "costs": 1e-5}  # squares double what float32 is off


def drawn(function: str, what: str, scale: float, zero: int, bits: int, beyond: int, *shape: int) -> Case:
    """Numbers on the grid and up to so many codes beyond, none halfway between two of its numbers."""

    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        codes = rng.integers(-beyond, 2**bits + beyond, shape) + rng.uniform(-0.45, 0.45, shape)
        codes = codes if beyond else np.clip(codes, 0.1, 2**bits - 1.1)
        return scale * (codes - zero), scale, zero, bits

    return Case(function, what, seeded(32, make), EXPECTED[function], WITHIN[function])


def given(function: str, what: str, scale: float, zero: int, bits: int, *x: float) -> Case:
    return Case(
        function, what, lambda: (np.array(x), scale, zero, bits), EXPECTED[function], WITHIN[function]
    )


def cases(function: str) -> tuple[Case, ...]:
    return (
        drawn(function, "numbers inside a grid of 4 bits from 0", 0.3, 0, 4, 0, 12),
        drawn(function, "numbers in and beyond a grid of 3 bits, zero = 2", 0.6, 2, 3, 4, 3, 8),
        drawn(function, "numbers in and beyond a grid of 8 bits, zero = 200", 2.0, 200, 8, 60, 2, 3, 5),
        drawn(function, "numbers in and beyond a grid below 0, zero = 7", 3.0, 7, 3, 3, 20),
        given(function, "the ends of −1.5 … 2, and just outside", 0.5, 3, 3, -1.5, 2, 2.125, -1.625, 2.25),
        given(function, "the ends of 0 … 7 alone", 1.0, 0, 3, 0.0, 7.0),
        given(function, "numbers beyond the ends alone", 0.5, 3, 3, -4.0, -2.0, 9.0),
    )


CHECK = Check(
    library="quant/grids/grid.py, Grid",
    cases=(*cases("round_trip"), *cases("error_bound"), *cases("costs")),
    mistakes=(
        Mistake(
            "x_tilde: np.ndarray = dequantize(quantize(x, scale, zero, bits), scale, zero)",
            "x_tilde = quantize(x, scale, zero, bits)",
            "these are codes; read them back",
        ),
        Mistake(
            "dequantize(quantize(x, scale, zero, bits), scale, zero)",
            "scale * quantize(x, scale, zero, bits)",
            "a code means scale·(k − zero); zero is not taken off here",
        ),
        Mistake(
            "x_tilde: np.ndarray = dequantize(quantize(x, scale, zero, bits), scale, zero)",
            "x_tilde = scale * np.rint(x / scale)",
            "what lies beyond the grid has to be clipped to its ends",
        ),
        Mistake(
            "quantize(x, scale, zero, bits), scale, zero)",
            "quantize(x, scale, zero, 8), scale, zero)",
            "the grid has as many bits as it was given, not 8",
        ),
        Mistake(
            "first, last = scale * (0 - zero), scale * (2**bits - 1 - zero)\n    outside",
            "first, last = scale * (0 - zero), scale * (2**bits - zero)\n    outside",
            "the last code is 2ᵇ − 1; the bound is of another grid here",
        ),
        Mistake(
            "first, last = scale * (0 - zero), scale * (2**bits - 1 - zero)\n    outside",
            "first, last = 0, scale * (2**bits - 1)\n    outside",
            "the ends move with zero: first = scale·(0 − zero), last = scale·(2ᵇ − 1 − zero)",
        ),
        Mistake(
            "first, last = scale * (0 - zero), scale * (2**bits - 1 - zero)\n    outside",
            "first, last = scale * (-0.5 - zero), scale * (2**bits - 0.5 - zero)\n    outside",
            "the grid ends with its first and last number, not half a scale beyond",
        ),
        Mistake("np.maximum(first - x, x - last)", "x - last", "numbers below the first are clipped, too"),
        Mistake(
            "np.maximum(first - x, x - last)",
            "np.abs(x) - last",
            "the two ends differ: below it is first − x, not |x| − last",
        ),
        Mistake(
            "np.where(outside > 0, outside, scale / 2)",
            "np.full(x.shape, scale / 2)",
            "outside of the grid the error is larger than half a scale: how far x is from the end",
        ),
        Mistake(
            "np.where(outside > 0, outside, scale / 2)",
            "np.where(outside > 0, outside, scale)",
            "the nearest number of the grid is half a scale away at most",
        ),
        Mistake(
            "np.where(outside > 0, outside, scale / 2)",
            "np.where(outside > 0, outside + scale / 2, scale / 2)",
            "what is clipped is not rounded besides: no half scale is added",
        ),
        Mistake(
            "np.where(outside > 0, outside, scale / 2)",
            "np.maximum(outside, scale / 2)",
            "just outside of the grid the bound is how far x is from its end, even below half a scale",
        ),
        Mistake(
            "np.where(outside > 0, outside, scale / 2)",
            "np.where(outside >= 0, outside, scale / 2)",
            "the ends themselves are inside: their bound is scale / 2",
        ),
        Mistake(
            "np.where(outside > 0, outside, scale / 2)",
            "np.abs(x - round_trip(x, scale, zero, bits))",
            "this is the error itself; inside, the bound is scale / 2 whatever x is",
        ),
        Mistake(
            "bits)) ** 2", "bits)) ** 2 / x.size", "the sums of the squares were asked for, not their means"
        ),
        Mistake(
            "square = (x - round_trip(x, scale, zero, bits)) ** 2",
            "square = np.abs(x - round_trip(x, scale, zero, bits))",
            "these are sizes; squares of the errors were asked for",
        ),
        Mistake(
            "square[inside].sum(), square[~inside].sum()",
            "square[~inside].sum(), square[inside].sum()",
            "first what rounding costs, then what clipping costs",
        ),
        Mistake(
            "square[inside].sum(), square[~inside].sum()",
            "square.sum(), square[~inside].sum()",
            "what is clipped does not count as rounded: the first sum is over those inside",
        ),
        Mistake(
            "square[inside].sum(), square[~inside].sum()",
            "scale**2 / 12 * inside.sum(), square[~inside].sum()",
            "scale² / 12 is what to expect; the sum over these very numbers was asked for",
        ),
        Mistake(
            "inside = (first <= x) & (x <= last)",
            "inside = x <= last",
            "numbers below the first are not rounded but clipped; the sums are of two sides",
        ),
        Mistake(
            "inside = (first <= x) & (x <= last)",
            "inside = square <= scale**2 / 4",
            "just outside of the grid a number is clipped, even if the error is below half a scale",
        ),
    ),
    others=(
        """
import numpy as np

def round_trip(x, scale, zero, bits):
    return scale * np.clip(np.rint(x / scale), -zero, 2**bits - 1 - zero)

def error_bound(x, scale, zero, bits):
    first, last = -zero * scale, (2**bits - 1 - zero) * scale
    bound = np.full(x.shape, scale / 2)
    bound[x < first] = first - x[x < first]
    bound[x > last] = x[x > last] - last
    return bound

def costs(x, scale, zero, bits):
    error = round_trip(x, scale, zero, bits) - x
    clipped = np.clip(x, -zero * scale, (2**bits - 1 - zero) * scale) != x
    return float(np.sum(error * error * ~clipped)), float(np.sum(error * error * clipped))
""",
        """
import numpy as np
from tinyzip.learn.earlier import dequantize

def ends(scale, zero, bits):
    return dequantize(np.array([0, 2**bits - 1]), scale, zero)

def round_trip(x, scale, zero, bits):
    grid = scale * (np.arange(2**bits) - zero)
    return grid[np.abs(x[..., None] - grid).argmin(axis=-1)].astype(np.float32)

def error_bound(x, scale, zero, bits):
    first, last = ends(scale, zero, bits)
    return np.select([x < first, x > last], [first - x, x - last], scale / 2)

def costs(x, scale, zero, bits):
    first, last = ends(scale, zero, bits)
    rounded = clipped = 0.0
    for value, read in zip(x.ravel(), round_trip(x, scale, zero, bits).ravel()):
        if first <= value <= last:
            rounded += (value - read) ** 2
        else:
            clipped += (value - read) ** 2
    return rounded, clipped
""",
    ),
    hints=(
        "Which real numbers do the codes 0 and 2ᵇ − 1 mean? Which x are beyond them, and how far?",
        "Two functions of the exercise on scale and zero make the round trip; the ends are two numbers.",
        "One array says which x are inside, ends included; the bound and both sums choose by it.",
    ),
)
