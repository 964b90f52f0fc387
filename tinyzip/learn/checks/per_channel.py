"""Depth: what is known of the exercise about a scale for each channel."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.quant.grids.grid import Grid


def expected_scales(w: Any, bits: int) -> Any:
    return Grid.symmetric(np.abs(w).reshape(len(w), -1).max(axis=1), bits).scale


def expected_codes(w: Any, scales: Any, bits: int) -> Any:
    n = 2 ** (bits - 1) - 1
    return Grid(scales, np.zeros(len(scales)), -n, n).quantize(w)


def scales(
    what: str, bits: int, *shape: int, zeros: tuple[int, ...] = (), size: float = 1.0, dtype: Any = np.float64
) -> Case:
    """Weights whose rows differ in size; of one row the largest |w| is below 0."""

    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        w = size * (2.0 ** np.arange(shape[0]) * rng.normal(size=shape[::-1])).T
        w[0] *= -np.sign(w[0].ravel()[np.abs(w[0]).argmax()])
        w[list(zeros)] = 0
        return w.astype(dtype), bits

    return Case("channel_scales", what, seeded(33, make), expected_scales)


def codes(what: str, bits: int, *shape: int, beyond: int = 0, dtype: Any = np.float64) -> Case:
    """Weights on their grids and up to so many codes beyond, none halfway between two."""

    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        n, chosen = 2 ** (bits - 1) - 1 + beyond, rng.uniform(0.1, 3.0, shape[0])
        q = rng.integers(-n, n + 1, shape) + rng.uniform(-0.45, 0.45, shape)
        return (q.T * chosen).T.astype(dtype), chosen.astype(dtype), bits

    return Case("quantize_channels", what, seeded(34, make), expected_codes, 0)


def halves(what: str, bits: int, step: tuple[float, ...]) -> Case:
    def make(_: np.random.Generator) -> tuple[Any, ...]:
        return np.outer(step, np.arange(-9, 10, 2) / 2), np.array(step), bits

    return Case("quantize_channels", what, seeded(0, make), expected_codes, 0)


CHECK = Check(
    library="quant/grids/grid.py, Grid",
    cases=(
        scales("8 bits of weights (2, 5)", 8, 2, 5),
        scales("4 bits of weights (4, 4), as many outputs as inputs", 4, 4, 4),
        scales("3 bits of four kernels of 3×2 on five channels", 3, 4, 5, 3, 2),
        scales("2 bits of weights (3, 7)", 2, 3, 7),
        scales("8 bits of weights (4, 3), of which one row is 0", 8, 4, 3, zeros=(2,)),
        scales("4 bits of weights (2, 2), which are all 0", 4, 2, 2, zeros=(0, 1)),
        scales("5 bits of weights (1, 6) in float32", 5, 1, 6, dtype=np.float32),
        scales("2 bits of weights of some thousandths", 2, 3, 4, size=0.001),
        codes("8 bits of weights (3, 6)", 8, 3, 6),
        codes("4 bits of weights (5, 5), as many outputs as inputs", 4, 5, 5),
        codes("3 bits of three kernels of 2×3 on three channels", 3, 3, 3, 2, 3),
        codes("2 bits of weights (4, 9) and beyond the grid", 2, 4, 9, beyond=2),
        codes("4 bits of kernels in float32 and beyond the grid", 4, 2, 3, 3, 3, beyond=5, dtype=np.float32),
        codes("8 bits of weights (6, 20) and beyond the grid", 8, 6, 20, beyond=30),
        halves("halves from −4.5 to 4.5 of 4 bits", 4, (1.0, 0.5, 4.0)),
    ),
    hints=(
        "A network has rows of weights ten times as large as others. Which codes do the small ones use?",
        "The largest |w| of each output is over all axes but the first; of (F, …) one can make (F, K).",
        "Scales (F,) have to become (F, 1, …, 1) before they meet w. Where a row is all 0, choose 1.",
    ),
)
