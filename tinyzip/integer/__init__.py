"""The integer world: programs as data, and what runs them. No float exists here but inside `gemm`."""

from tinyzip.integer.codes import Codes
from tinyzip.integer.fixedpoint import Rounding, multiplier, requantize
from tinyzip.integer.operators import (
    Argmax,
    AvgPool2d,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Operator,
)
from tinyzip.integer.program import Program
from tinyzip.integer.run import run

__all__ = [
    "Argmax",
    "AvgPool2d",
    "Codes",
    "Conv2d",
    "Flatten",
    "GlobalAvgPool",
    "Linear",
    "MaxPool2d",
    "Operator",
    "Program",
    "Rounding",
    "multiplier",
    "requantize",
    "run",
]
