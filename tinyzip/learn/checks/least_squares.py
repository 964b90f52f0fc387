"""Depth: what is known of the exercise about the range of least squared error."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.nn.layers import Linear
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.grids.calibrate import weight_grids
from tinyzip.quant.grids.grid import Grid


def expected_error(w: Any, scale: float, bits: int) -> Any:
    n = 2 ** (bits - 1) - 1
    return np.square(w - Grid(scale, 0, -n, n).round_trip(w)).sum()


def expected_scale(w: Any, bits: int) -> Any:
    row = w.reshape(1, -1).astype(np.float64)
    params = {"one.w": row, "one.b": np.zeros(1)}
    model = Sequential({"one": Linear(row.size, 1)}, params, (row.size,))
    return weight_grids(model, bits, "mse", per_channel=False)["one.w"].scale


def error(what: str, bits: int, scale: float, *w: float) -> Case:
    return Case("squared_error", what, lambda: (np.array(w), scale, bits), expected_error)


def drawn_error(what: str, bits: int, scale: float, *shape: int) -> Case:
    make = seeded(35, lambda rng: (rng.normal(size=shape), scale, bits))
    return Case("squared_error", what, make, expected_error)


def best(what: str, bits: int, *shape: int, seed: int = 36, size: float = 1.0, shift: float = 0.0) -> Case:
    """Many small weights and few large ones; the largest |w| is below 0."""

    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        w = size * (rng.laplace(size=shape) + shift)
        return -np.sign(w.ravel()[np.abs(w).argmax()]) * w, bits

    return Case("best_scale", what, seeded(seed, make), expected_scale)


def given(what: str, bits: int, *w: float) -> Case:
    return Case("best_scale", what, lambda: (np.array(w), bits), expected_scale)


CHECK = Check(
    library="quant/grids/calibrate.py, weight_grids",
    cases=(
        error("four weights of 3 bits, none of them clipped", 3, 0.5, 0.6, -1.4, 0.2, 1.5),
        error("four weights of 3 bits, two of them clipped", 3, 0.25, 0.6, -1.4, 0.2, 1.5),
        error("weights of 2 bits beyond −n, which is the lowest code", 2, 1.0, -1.9, -2.2, 0.4, 0.7),
        drawn_error("weights (3, 4) of 8 bits", 8, 0.03, 3, 4),
        drawn_error("kernels (2, 3, 3, 2) of 4 bits, some of them clipped", 4, 0.1, 2, 3, 3, 2),
        best("100 weights of 4 bits", 4, 100),
        best("100 weights of 2 bits", 2, 100),
        best("weights (5, 8) of 3 bits", 3, 5, 8, seed=37),
        best("kernels (4, 3, 3, 3) of 4 bits, all of them ten times as large", 4, 4, 3, 3, 3, size=10.0),
        best("60 weights of 3 bits, most of them on one side", 3, 60, shift=2.0),
        best("60 weights of 8 bits", 8, 60, size=20.0),
        given("one weight of 4 bits", 4, 0.7),
        given("weights of 3 bits on a grid already", 3, -1.5, 0.5, 1.0, 0.0, 1.5),
        given("weights of 2 bits, all of one size", 2, 2.5, -2.5, 2.5),
        given("weights that are all 0", 4, 0.0, 0.0, 0.0),
        given("one weight of 2 bits among 6000 of a seventieth of it", 2, 1.0, *[1 / 70, -1 / 70] * 3000),
    ),
    hints=(
        "If the scale is halved, which weights lose more, and which less?",
        "E is of one scale: round, clip, times the scale, compare with w. Then it is asked a hundred times.",
        "Make a list of the hundred scales; `min` takes a `key`, a function by which things are compared.",
    ),
)
