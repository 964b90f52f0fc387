"""Depth: what is known of the exercise about initialisation."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check
from tinyzip.nn.layer import kaiming


def expected(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return kaiming(rng, shape, np.float64)


def expected_deviation(shape: tuple[int, ...]) -> float:
    """How large the library's draws are, measured in those of the same generator."""
    drawn = np.random.default_rng(0).standard_normal(shape)
    return float(np.linalg.norm(expected(np.random.default_rng(0), shape)) / np.linalg.norm(drawn))


def deviation(what: str, *shape: int) -> Case:
    return Case("he_deviation", what, lambda: (shape,), expected_deviation)


def case(what: str, *shape: int) -> Case:
    return Case("he", what, lambda: (np.random.default_rng(18), shape), expected)


CHECK = Check(
    library="nn/layer.py, kaiming",
    cases=(
        deviation("the deviation of a layer from 8 numbers to 8", 8, 8),
        deviation("the deviation of a layer from 2 numbers to 5", 5, 2),
        deviation("the deviation of a convolution from 3 channels to 4 with kernels of 5×2", 4, 3, 5, 2),
        deviation("the deviation of a convolution from 1 channel to 2 with kernels of 3×3", 2, 1, 3, 3),
        case("the weights of a layer from 3 numbers to 4", 4, 3),
        case("the weights of a convolution from 2 channels to 3 with kernels of 3×2", 3, 2, 3, 2),
    ),
    hints=(
        "How many numbers does one output of a convolution of 3×3 on 16 channels add up?",
        "A sum of n products has n times the variance of one; for which var w is n · var w / 2 equal to 1?",
        "The deviation is a root of 2 ÷ the product of all axes but the first; draws are multiplied by it.",
    ),
)
