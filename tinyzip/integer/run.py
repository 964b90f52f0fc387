"""Running a program: codes in, codes or classes out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer import kernels
from tinyzip.integer.gemm import PRODUCTS, Product
from tinyzip.integer.operators import (
    Argmax,
    AvgPool2d,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
)
from tinyzip.integer.program import Program
from tinyzip.refuse import refuse


def run(
    program: Program,
    codes: NDArray[Any],
    product: Product = "integer",
    trace: bool = False,
    threads: int = 1,
) -> Any:
    """The output of `program` on a batch: codes (…, N), or classes (N,) int64 where it ends in Argmax.

    codes    (C, H, W, N) or (C, N), of the dtype and within the range of program.input
    trace    give the list of all operators' outputs instead of the last one
    """
    x = program.input
    if not isinstance(codes, np.ndarray) or codes.dtype != x.dtype:
        refuse("run: codes", getattr(codes, "dtype", type(codes).__name__), f"dtype {x.dtype}", TypeError)
    if codes.shape[:-1] != program.shape or codes.shape[-1] == 0:
        refuse("run: codes", f"shape {codes.shape}", f"{program.shape} and then one example or more")
    least, most = int(codes.min()), int(codes.max())
    if least < x.lo or most > x.hi:
        refuse("run: codes", f"values from {least} to {most}", f"values from {x.lo} to {x.hi}")
    if product not in PRODUCTS:
        refuse("run: product", repr(product), f"one of {', '.join(PRODUCTS)}")
    outputs = []
    y = codes
    for operator, c, bound in zip(program.operators, program.codes, program.bounds, strict=False):
        match operator:
            case Conv2d():
                y = kernels.conv2d(operator, y, c, bound, product)
            case Linear():
                y = kernels.linear(operator, y, c, bound, product)
            case MaxPool2d():
                y = kernels.max_pool2d(operator, y, c)
            case AvgPool2d():
                y = kernels.avg_pool2d(operator, y, c)
            case GlobalAvgPool():
                y = kernels.global_avg_pool(operator, y, c)
            case Flatten():
                y = y.reshape(-1, y.shape[-1])
            case Argmax():
                y = y.argmax(0)
        outputs.append(y)
    return outputs if trace else y
