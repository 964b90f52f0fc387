"""What makes the engine fast: laws, each with its condition, its worth and its proof of exactness.

memory.py              scratch memory, block by block
lanes.py               two numbers in one multiplication
scaling.py, steps.py   requantizing in few passes over memory; in floats, where that is proved
gemm.py                exact products, fast
lines.py               the patches of a convolution, most of them shared
pools.py, depthwise.py, kernels.py, convolution.py, elementwise.py, copies.py
                       what each operator computes
choose.py              the whole list, what each is worth, and which operator gets what
plan.py, shown.py      in which order, and where the outputs live; and as a table
run.py, planned.py     the engine; and what it does, written down and repeated

`ops` says what each operator means; here the same codes are written in less time. Read `choose.py` first for
the list and last for the choice.
"""
