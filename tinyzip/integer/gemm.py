"""Exact integer matrix products: acc[f, p] = Σ_k w[f, k]·patches[k, p].

`@` on integer arrays has no BLAS behind it and runs a thousand-line-old triple loop, below 1 GOP/s. `einsum`
has compiled inner loops that multiply a row by one number and add it to another, in vector registers and in
integers, ten to thirty times faster; int16 twice as fast as int32, which is why the accumulator's bound
matters.

The other product is the one place of this package that uses floats. float32 holds every whole number up to
2²⁴ exactly, so if no partial sum in any order can pass that, `sgemm` cannot help but compute the integers:
each product and each sum it forms is a whole number it can hold, and rounding never has anything to round.
Fused multiply-adds and any blocking of the sum change nothing. The bound (B1) is that proof.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Product = Literal["integer", "blas"]
PRODUCTS: tuple[Product, ...] = ("integer", "blas")
FLOAT_EXACT = 2**24


def product_dtype(bound: int, accumulator: np.dtype[Any], product: Product) -> np.dtype[Any]:
    """What the operands and sums are held in: the accumulator's integers, or float32 where proved exact."""
    return np.dtype(np.float32) if product == "blas" and bound < FLOAT_EXACT else accumulator


def multiply(w: NDArray[Any], patches: NDArray[Any], out: NDArray[Any]) -> NDArray[Any]:
    """w (F, K) times patches (K, P) into out (F, P); all of one dtype, from `product_dtype`."""
    if out.dtype.kind == "f":
        return np.matmul(w, patches, out=out)
    return np.einsum("fk,kp->fp", w, patches, out=out)
