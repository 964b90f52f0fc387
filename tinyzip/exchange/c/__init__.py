"""A program as C99, for chips.

text.py        C as lines: names that it can hold, indices, loops, functions
weights.py     weights at their bits, and how C reads them
plan.py        which outputs exist as rows only, and what shares memory
arithmetic.py  rounding in C, as `integer.fixedpoint` rounds
draft.py       tables, and how a function reads and writes codes
windows.py     convolution, pooling, fully connected layers: sums, row by row
operators.py   all other operators
file.py        the two files around the functions, and what codes mean
sources.py     a program as a header and a source file, and inputs with their outputs
"""

from tinyzip.exchange.c.sources import Written, source, write

__all__ = ["Written", "source", "write"]
