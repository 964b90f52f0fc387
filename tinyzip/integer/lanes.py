"""Two images in one multiplication.

float32 holds every whole number up to 2²⁴ exactly, and the sums of a layer of few bits need only a part of
that. Over all inputs whose codes lie in x.lo … x.hi, every partial sum of the products of output f lies
between the sum of their least values and that of their greatest, so its magnitude is at most

    β = max over f of max(P·u + Q·d, P·d + Q·u),   u = x.hi − x.zero, d = x.zero − x.lo           (LN1)

with P the sum of the positive weights and Q that of the others' magnitudes. It is attained, and smaller than
(B1) where the codes lie on one side of their zero, as behind a ReLU: what pulls up there cannot pull down.
Then two images fit into one number, and one product gives the sums of both:

    x₁ + B·x₂  →  s₁ + B·s₂,   B = 2β + 4,   where β·(B + 1) < 2²⁴, that is β ≤ 2,895             (LN2)

All that is formed on the way is a partial sum of the first image plus B times the same of the second, so at
most β·(B + 1), and exact. The two are taken apart by

    s₂ = rint(acc·r),   s₁ = acc − B·s₂,   r = 1/B in float32                                     (LN3)

acc/B = s₂ + s₁/B, and |s₁|/B ≤ β/(2β + 4) = ½ − 1/(β + 2). Both roundings together, that of r and that of the
product, move it by less than (β + ½)·(2⁻²³ + 2⁻⁴⁸), which is below 1/(β + 2), since (β + ½)·(β + 2) < 2²³ − 1
for β ≤ 2,895. So acc·r lies less than ½ from s₂; B·s₂ and s₁ are whole numbers below 2²⁴. (B = 2β + 1 would
leave the sums apart, but not far enough for two roundings.)

The products are halved, and so is what is gathered for them. Packing is linear, so nothing else of a layer
needs to know: the packed images go through padding, windows and products as half as many images would. What
it costs is a pass over the images and four over half the sums, so it pays where a sum has many products.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.bounds import FLOAT_EXACT, product_ends
from tinyzip.integer.codes import Codes
from tinyzip.integer.memory import take
from tinyzip.integer.operators import Weighted
from tinyzip.machine.workspace import Workspace

APART = 4  # what B has above 2β
MOVED, GATHERED = 45, 15  # multiplications in whose time a number is packed or taken apart, or gathered


def largest_sum(operator: Weighted, x: Codes) -> int:
    """β of (LN1): the largest magnitude of a sum of products on codes x, the bias not counted."""
    least, greatest = product_ends(operator, x)
    return int(max(-least.min(), greatest.max()))


def base_of(largest: int) -> int:
    """B of (LN2) for sums of at most this magnitude; 0 where two of them do not fit into one float32."""
    base = 2 * largest + APART
    return base if largest * (base + 1) < FLOAT_EXACT else 0


def lanes(operator: Weighted, x: Codes) -> int:
    """How many images fit into one float product of this operator, 1 or 2."""
    return 2 if base_of(largest_sum(operator, x)) else 1


def pays(F: int, K: int, packed: int, gathers: bool = False) -> bool:
    """Whether half of F·K products, and of what is gathered for them, is more than packing and unpacking.

    packed  how many numbers are packed for the F sums of one place
    """
    return F * K + (GATHERED * K if gathers else 0) > MOVED * (F + packed)


def parts_of(count: int, base: int) -> tuple[slice, ...]:
    """Which of `count` examples are the first images of (LN2), and which the second: one fewer if odd."""
    half = -(-count // 2)
    return (slice(0, half), slice(half, count)) if base else (slice(0, count),)


def pack(x: NDArray[Any], zero: int, base: int, out: NDArray[Any]) -> None:
    """(LN2): the codes x (…, N) minus `zero` into out (…, ⌈N/2⌉), of the product's dtype.

    The last of an odd number of examples is packed with zeros.
    """
    first, second = (x[..., part] for part in parts_of(x.shape[-1], base))
    np.multiply(second, out.dtype.type(base), out=out[..., : second.shape[-1]], dtype=out.dtype)
    out[..., second.shape[-1] :] = zero * base
    np.add(out, first, out=out)
    if zero:
        np.subtract(out, zero * (base + 1), out=out)


def unpack(acc: NDArray[Any], base: int, workspace: Workspace) -> list[NDArray[Any]]:
    """(LN3): [s₁, s₂] from acc = s₁ + B·s₂. s₁ takes acc's memory; without a base, [acc]."""
    if not base:
        return [acc]
    second, product = (take(acc, acc.shape, acc.dtype, workspace) for _ in range(2))
    np.multiply(acc, acc.dtype.type(1 / base), out=second)
    np.rint(second, out=second)
    np.multiply(second, acc.dtype.type(base), out=product)
    np.subtract(acc, product, out=acc)
    return [acc, second]
