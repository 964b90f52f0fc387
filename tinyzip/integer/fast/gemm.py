"""Depth: exact integer matrix products: acc[f, p] = Σ_k w[f, k]·patches[k, p].

`@` on integer arrays has no BLAS and runs a plain triple loop, below 1 GOP/s. `einsum` has compiled inner
loops that multiply a row by one number and add it to another, in vector registers and in integers, more than
ten times faster; and int16 twice as fast as int32, which is why (B2) matters.

The other product is one of floats, made by BLAS. float32 holds every whole number up to 2²⁴, so

    Σ |w|·R < 2²⁴  →  sgemm's sum is Σ w·(x − x.zero), whatever the order of its terms             (XP1)

since each product and each partial sum is a whole number that a float32 holds, and rounding never has
anything to round. Fused multiply-adds change nothing. (B1) is that bound, but for the bias, which comes
later. Floats occur only from such a product to the codes made of its sums: `lanes` puts two sums into one of
them, `steps` makes codes of them, each where that is proved exact. By default no float occurs at all.

The kernels do not know which of the two they work for: they ask `product_dtype` once, move whole numbers of
that dtype about, take their maxima, and get integers back from `as_integers`.
"""

from typing import Any, Literal

import numpy as np

from tinyzip.integer.bounds import FLOAT_EXACT, accumulator_of
from tinyzip.integer.codes import Array
from tinyzip.integer.fast.memory import take
from tinyzip.machine import products
from tinyzip.machine.workspace import Workspace

Product = Literal["integer", "blas"]
PRODUCTS: tuple[Product, ...] = ("integer", "blas")


def product_dtype(bound: int, product: Product) -> np.dtype[Any]:
    """What operands and sums are held in: float32 if asked for and proved exact, else the accumulator's."""
    if product == "blas" and bound < FLOAT_EXACT:
        return np.dtype(np.float32)
    return accumulator_of(bound)


def is_cheap(dtype: np.dtype[Any]) -> bool:
    """Whether a few products more cost less than what they save in gathering: true of BLAS only."""
    return dtype.kind == "f"


def least_of(dtype: np.dtype[Any]) -> int:
    """A value below every sum that is held in this dtype: what a max pool pads with."""
    return -FLOAT_EXACT if dtype.kind == "f" else int(np.iinfo(dtype).min)


def multiply(w: Array, patches: Array, out: Array) -> None:
    """w (…, F, K) times patches (…, K, P) into out (…, F, P); all of one dtype, from `product_dtype`."""
    if out.dtype.kind == "f":
        products.multiply(w, patches, out)
    elif out.ndim == 2:
        np.einsum("fk,kp->fp", w, patches, out=out)
    else:
        for i in range(len(out)):
            multiply(w[i], patches[i], out[i])


def as_integers(acc: Array, workspace: Workspace) -> Array:
    """The sums as integers: acc itself if it holds integers, else its values as int32."""
    if acc.dtype.kind != "f":
        return acc
    out = take(acc, acc.shape, np.int32, workspace)
    np.copyto(out, acc, casting="unsafe")
    return out
