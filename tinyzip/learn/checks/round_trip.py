"""Depth: what is known of the exercise about the round trip."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
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
    hints=(
        "Which real numbers do the codes 0 and 2ᵇ − 1 mean? Which x are beyond them, and how far?",
        "Two functions of the exercise on scale and zero make the round trip; the ends are two numbers.",
        "One array says which x are inside, ends included; the bound and both sums choose by it.",
    ),
)
