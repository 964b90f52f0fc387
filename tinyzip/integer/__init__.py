"""The integer world: programs as data, and what runs them. No float exists here but those of exact products:
`fast.gemm` makes them, `fast.lanes` packs them, `fast.steps` turns them into codes, each with its proof.

codes.py              what the small integers between two layers mean
fixedpoint.py         a real multiplier without a real number
operators.py          the operators, plain records
residuals.py, maps.py, layout.py
                      those that name earlier outputs, map codes one by one, only move them
bounds.py             how large an accumulator can grow
softmax.py, ops.py    the engine as printed: what each operator computes
shapes.py             what each operator writes
table.py, program.py  a network as data, and as a table
scores.py             codes that are no classes yet
fast/                 the engine as it runs by default: the same codes, sooner
proof/                what can be shown about a program before it runs, and what may go

`run(program, codes)` computes as `fast` says; `run(program, codes, product="printed")` walks through `ops`.
"""

from tinyzip.integer.codes import Codes
from tinyzip.integer.fast.planned import Planned, prepare
from tinyzip.integer.fast.run import resume, run
from tinyzip.integer.fixedpoint import Rounding, multiplier, requantize
from tinyzip.integer.layout import Flatten, Pad, Reshape, Transpose
from tinyzip.integer.maps import Multiply, Softmax, Table
from tinyzip.integer.operators import Argmax, AvgPool2d, Conv2d, GlobalAvgPool, Linear, MaxPool2d, Operator
from tinyzip.integer.program import Program
from tinyzip.integer.proof.simplify import simplify
from tinyzip.integer.residuals import Add, Concat, Product, Recall

__all__ = ["Add", "Argmax", "AvgPool2d", "Codes", "Concat", "Conv2d", "Flatten", "GlobalAvgPool", "Linear"]
__all__ += ["MaxPool2d", "Multiply", "Operator", "Pad", "Planned", "Product", "Program", "Recall", "Reshape"]
__all__ += ["Rounding", "Softmax", "Table", "Transpose", "multiplier", "prepare", "requantize", "resume"]
__all__ += ["run", "simplify"]
