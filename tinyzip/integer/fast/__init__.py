"""What makes the engine fast, each with its proof of exactness.

memory.py, lanes.py    scratch memory band by band; two numbers in one multiplication
scaling.py, steps.py   requantizing in few passes over memory; in floats, where that is proved
gemm.py                exact products, fast
lines.py               the patches of a convolution, most of them shared
pools.py, depthwise.py, kernels.py, convolution.py, elementwise.py, copies.py
                       what each operator computes
plan.py                in which order, and where the outputs live
recorder.py, run.py, planned.py
                       the engine; and what it does, written down and repeated
"""
