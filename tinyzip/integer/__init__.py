"""The integer world: programs as data, and what runs them. No float exists here but those of exact
products: `gemm` makes them, `lanes` packs them, `steps` turns them into codes, each with its proof.

codes.py                    what the small integers between two layers mean
fixedpoint.py               a real multiplier without a real number
operators.py                the operators, plain records
residuals.py, maps.py, layout.py
                            those that name earlier outputs, map codes one by one, only move them
bounds.py, shapes.py        how large an accumulator can grow; what each operator writes
memory.py, lanes.py         scratch memory band by band; two numbers in one multiplication
table.py, program.py        a network as data, and as a table
scaling.py, steps.py        requantizing in few passes over memory; in floats, where that is proved
gemm.py                     exact products, fast
lines.py                    the patches of a convolution, most of them shared
pools.py, depthwise.py, kernels.py, convolution.py, elementwise.py, softmax.py, copies.py
                            what each operator computes
plan.py                     in which order, and where the outputs live
scores.py                   codes that are no classes yet
recorder.py, run.py, planned.py
                            the engine; and what it does, written down and repeated
intervals.py                which codes each channel can write, whatever goes in
equals.py, absorb.py, channels.py, chain.py, clamps.py, simplify.py
                            smaller by proof: the same codes from fewer numbers
"""

from tinyzip.integer.codes import Codes
from tinyzip.integer.fixedpoint import Rounding, multiplier, requantize
from tinyzip.integer.layout import Flatten, Pad, Reshape, Transpose
from tinyzip.integer.maps import Multiply, Softmax, Table
from tinyzip.integer.operators import (
    Argmax,
    AvgPool2d,
    Conv2d,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Operator,
)
from tinyzip.integer.planned import Planned, prepare
from tinyzip.integer.program import Program
from tinyzip.integer.residuals import Add, Concat, Recall
from tinyzip.integer.run import resume, run
from tinyzip.integer.simplify import simplify

__all__ = [
    "Add",
    "Argmax",
    "AvgPool2d",
    "Codes",
    "Concat",
    "Conv2d",
    "Flatten",
    "GlobalAvgPool",
    "Linear",
    "MaxPool2d",
    "Multiply",
    "Operator",
    "Pad",
    "Planned",
    "Program",
    "Recall",
    "Reshape",
    "Rounding",
    "Softmax",
    "Table",
    "Transpose",
    "multiplier",
    "prepare",
    "requantize",
    "resume",
    "run",
    "simplify",
]
