"""Depth: what speed makes of each operator with weights, as a table: what it does, and in which numbers.

with a pool    the max pool that a convolution does before it requantizes (PQ1)
integer, blas  what the operands and the sums of either product are held in, (B2) and (XP1)
sums           how many outputs share a float product: two by (LN2), or one
apart          how many columns of outputs are made apart from each other, by (LP1)
windows        where a convolution with float products finds what its outputs see: in "bands" by (DW1), in
               "lines" by (LP2), in the "image" itself, its "shifts", or a matrix of "patches"
codes          made in floats of this width by (FS1) after a float product, or in "integers" by (M1)
"""

from typing import Any

from tinyzip.base.table import aligned
from tinyzip.integer.fast.choose import kernel_of, pool_after
from tinyzip.integer.fast.convolution import Convolution, is_depthwise
from tinyzip.integer.fast.gemm import PRODUCTS
from tinyzip.integer.operators import Weighted
from tinyzip.integer.program import Program
from tinyzip.integer.table import describe

HEAD = ("", "operator", "name", "with a pool", *PRODUCTS, "sums", "apart", "windows", "codes")


def shown(program: Program) -> str:
    """One line for each operator with weights."""
    rows = [HEAD]
    for i, operator in enumerate(program.operators):
        if not isinstance(operator, Weighted):
            continue
        pool = pool_after(program, i, trace=False)
        kernels: list[Any] = [kernel_of(program, i, product, pool) for product in PRODUCTS]
        whole, floats = (kernel.args[0] for kernel in kernels)
        apart, windows, sums = "", "", floats
        if isinstance(floats, Convolution):
            layout, sums = floats.layouts[0], floats.prepared
            apart, windows = str(layout.together), "lines" if layout.slides else "patches"
            if is_depthwise(floats.operator):
                windows = "bands" if floats.narrow else "shifts"
            elif layout.is_pointwise:
                windows = "image"
        name = str(i), describe(operator), operator.name, "" if pool is None else describe(pool)
        held = str(whole.w.dtype), str(floats.w.dtype), "2" if floats.base else "1", apart, windows
        rows.append((*name, *held, "integers" if sums.steps is None else str(sums.steps.m.dtype)))
    return aligned(rows, words=(1, 2, 3, 4, 5, 8, 9))
