"""Depth: two numbers in one multiplication.

float32 holds every whole number up to 2²⁴ exactly, and the sums of a layer of few bits need only a part of
that. Over all inputs whose codes lie in x.lo … x.hi, every partial sum of the products of output f lies
between the sum of their least values and that of their greatest, so its magnitude is at most

    β = max over f of max(P·u + Q·d, P·d + Q·u),   u = x.hi − x.zero, d = x.zero − x.lo           (LN1)

with P the sum of the positive weights and Q that of the others' magnitudes. It is attained, and smaller than
(B1) where the codes lie on one side of their zero, as after a ReLU: what pulls up there cannot pull down.
Then two inputs fit into one number, and one product gives the sums of both:

    x₁ + B·x₂  →  s₁ + B·s₂,   B > 2β,   where β·(B + 1) < 2²⁴                                    (LN2)

All that is formed on the way is a partial sum of the first plus B times the same of the second, so at most
β·(B + 1), and exact. In a fully connected layer x₂ is another example. In a convolution it is the same image,
moved by one output: a product then gives two neighbouring columns of outputs.

The two are taken apart by rounding to a multiple of B. For B a power of two that is what adding a large
number does, whose last place is worth B:

    B·s₂ = (acc + C) − C,   s₁ = acc − B·s₂,   C = 1.5·2²³·B                                      (LN3)

since |s₁| < B/2, and |acc| < 2²⁴ ≤ 2²²·B leaves acc + C between 2²³·B and 2²⁴·B. There is such a B for
β ≤ 2,047. Up to β ≤ 2,895 there is B = 2β + 4, and then

    s₂ = rint(acc·r),   s₁ = acc − B·s₂,   r = 1/B in float32                                     (LN4)

acc/B = s₂ + s₁/B, and |s₁|/B ≤ β/(2β + 4) = ½ − 1/(β + 2). Both roundings together, that of r and that of the
product, move it by less than (β + ½)·(2⁻²³ + 2⁻⁴⁸), which is below 1/(β + 2), since (β + ½)·(β + 2) < 2²³ − 1
for β ≤ 2,895. So acc·r lies less than ½ from s₂; B·s₂ and s₁ are whole numbers below 2²⁴. (B = 2β + 1 would
leave the sums apart, but not far enough for two roundings.)

The products are halved, and so is what is gathered for them. Packing is linear, so nothing else of a layer
needs to know: what is packed goes through windows and products as half as much would. It costs
some passes over the inputs and over half the sums, so it pays where a sum has many products.
"""

import numpy as np

from tinyzip.integer.bounds import FLOAT_EXACT, product_ends
from tinyzip.integer.codes import Array, Codes
from tinyzip.integer.fast.memory import take
from tinyzip.integer.operators import Weighted
from tinyzip.machine.workspace import Workspace

APART = 4  # what B of (LN4) has above 2β
MOVED, GATHERED = 45, 15  # multiplications in whose time a number is packed or taken apart, or gathered


def largest_sum(operator: Weighted, x: Codes) -> int:
    """β of (LN1): the largest magnitude of a sum of products on codes x, the bias not counted."""
    least, greatest = product_ends(operator, x)
    return int(max(-least.min(), greatest.max()))


def base_of(largest: int) -> int:
    """B of (LN2) for sums of at most this magnitude; 0 where two of them do not fit into one float32.

    The power of two above 2β, of (LN3), or else what is enough for (LN4).
    """
    for base in (1 << (2 * largest).bit_length(), 2 * largest + APART):
        if largest * (base + 1) < FLOAT_EXACT:
            return base
    return 0


def pays(F: int, K: int, packed: int, gathers: bool = False) -> bool:
    """Whether half of F·K products, and of what is gathered for them, is more than packing and unpacking.

    packed  how many numbers are packed for the F sums of one place
    """
    return F * K + (GATHERED * K if gathers else 0) > MOVED * (F + packed)


def pack(first: Array, second: Array, base: int, out: Array) -> None:
    """(LN2): out = first + B·second, in out's dtype; first may be longer in its last axis than second."""
    np.multiply(second, out.dtype.type(base), out=out[..., : second.shape[-1]])
    out[..., second.shape[-1] :] = 0
    np.add(out, first, out=out)


def unpack(acc: Array, base: int, workspace: Workspace) -> tuple[Array, Array]:
    """(LN3) or (LN4): s₁ in acc's memory, and B·s₂, from acc = s₁ + B·s₂."""
    second, number = take(acc, acc.shape, acc.dtype, workspace), acc.dtype.type
    if base & (base - 1):
        np.multiply(acc, number(1 / base), out=second)
        np.rint(second, out=second)
        np.multiply(second, number(base), out=second)
    else:
        np.add(acc, number(1.5 * 2**23 * base), out=second)
        np.subtract(second, number(1.5 * 2**23 * base), out=second)
    np.subtract(acc, second, out=acc)
    return acc, second


def scale_down(second: Array, base: int) -> None:
    """s₂ in place of B·s₂."""
    if base & (base - 1):
        np.divide(second, second.dtype.type(base), out=second)
    else:
        np.multiply(second, second.dtype.type(1 / base), out=second)  # the same, sooner
