"""Depth: what is known of the exercise about initialisation."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake
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
    mistakes=(
        Mistake(
            "math.prod(shape[1:])",
            "shape[0]",
            "this is F, the fan-out; n is what one output reads, the fan-in",
        ),
        Mistake("math.prod(shape[1:])", "shape[1]", "a kernel reads C·kh·kw numbers, not only C"),
        Mistake(
            "math.prod(shape[1:])",
            "math.prod(shape)",
            "n is what one output reads; the F outputs do not count",
        ),
        Mistake(
            "math.sqrt(2 / math", "math.sqrt(1 / math", "the 2 is missing: a rectifier keeps half of mean x²"
        ),
        Mistake("math.sqrt(2 / ", "(2 / ", "this is the variance; the deviation is its root"),
        Mistake(
            "math.prod(shape[1:])",
            "(shape[0] + shape[1]) * math.prod(shape[2:])",
            "this is Glorot's, for layers without a rectifier: He's has 2 / fan-in",
        ),
        Mistake(
            "rng.standard_normal(shape)",
            "rng.uniform(-1, 1, shape)",
            "these are uniform draws; standard normal ones were asked for",
        ),
        Mistake(
            "* he_deviation(shape)",
            "* he_deviation(shape) ** 2",
            "a draw times the deviation has this deviation; times the variance it is too small",
        ),
        Mistake(
            "rng.standard_normal(shape)",
            "abs(rng.standard_normal(shape))",
            "weights have mean 0: as many below 0 as above",
        ),
    ),
    others=(
        """
import numpy as np

def he_deviation(shape):
    return (2 / np.prod(shape[1:])) ** 0.5

def he(rng, shape):
    return rng.normal(0.0, he_deviation(shape), size=shape)
""",
        """
import numpy as np

def he_deviation(shape):
    n = 1
    for axis in shape[1:]:
        n *= axis
    return np.sqrt(2.0) / np.sqrt(n)

def he(rng, shape):
    draws = [rng.standard_normal() for _ in range(int(np.prod(shape)))]
    return np.array(draws).reshape(shape) * he_deviation(shape)
""",
    ),
    hints=(
        "How many numbers does one output of a convolution of 3×3 on 16 channels add up?",
        "A sum of n products has n times the variance of one; for which var w is n · var w / 2 equal to 1?",
        "The deviation is a root of 2 ÷ the product of all axes but the first; draws are multiplied by it.",
    ),
)
