"""The integer world: programs as data, and what runs them. No float exists here but inside `gemm`.

codes.py                what the small integers between two layers mean
fixedpoint.py           a real multiplier without a real number
operators.py            the operators, plain records
bounds.py               how large an accumulator can grow
table.py, program.py    a network as data, and as a table
scaling.py              requantizing in few passes over memory
gemm.py                 exact products, fast
pools.py, kernels.py    what each operator computes
run.py                  the engine
"""

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
