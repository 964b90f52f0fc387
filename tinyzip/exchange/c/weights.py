"""Depth: weights as bytes: b bits each, no bit between them.

Weight k of an array takes the bits b·k … b·k + b − 1, the lowest bits of a byte first, in two's complement;
with one bit, 0 and 1 stand for the lesser and the greater of the two values.

    field(k) = ⌊(byte[q] + 256·byte[q + 1]) / 2ʳ⌋ mod 2ᵇ,   8·q + r = b·k                  (CW1)
    w(k) = field(k) − 2ᵇ·[field(k) ≥ 2ᵇ⁻¹]                                                  (CW2)

The C reads q and r from k without a product that could leave int32: k is 8·e + m, so q = b·e + ⌊b·m / 8⌋.
"""

import numpy as np

from tinyzip.exchange.c.text import text_of
from tinyzip.integer.codes import Array
from tinyzip.integer.operators import Weighted


def packed(operator: Weighted) -> Array:
    """The weights in row-major order as int8, or, if they have fewer bits, as the bytes of (CW1)."""
    bits, w = operator.weight_bits, operator.w.ravel()
    if bits == 8:
        return w
    fields = (w != w.min()) if bits == 1 else w
    single = fields.astype(np.uint8)[:, None] >> np.arange(bits, dtype=np.uint8) & 1
    return np.packbits(single, bitorder="little")


def reader(bits: int) -> str:
    """The C function `weightB` that gives weight k of packed weights by (CW1) and (CW2)."""
    text = text_of("weights.c", BITS=bits, MASK=2**bits - 1, SIGN=2 ** (bits - 1), COUNT=8 // bits)
    whole, across = text.split("\n\n")
    if bits == 1:
        whole = whole.replace("Weight k, in two's complement,", "The bit").replace("1 bits", "1 bit")
        whole = whole.replace(" * 1)", ")").replace("(field ^ 1) - 1", "field")
    return f"{(across if 8 % bits else whole).strip()}\n"


def weight(operator: Weighted, name: str, k: str) -> str:
    """The C expression of weight k of the array `name`."""
    bits = operator.weight_bits
    if bits == 8:
        return f"(int8_t)FLASH_8({name if k == '0' else f'{name} + {k}'})"
    field = f"weight{bits}({name}, {k})"
    return field if bits > 1 else f"{field} ? {operator.w.max()} : {operator.w.min()}"
