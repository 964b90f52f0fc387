"""Depth: weights as bytes: b bits each, no bit between them.

Weight k of an array takes the bits b·k … b·k + b − 1, the lowest bits of a byte first, in two's complement;
with one bit, 0 and 1 stand for the lesser and the greater of the two values.

    field(k) = ⌊(byte[q] + 256·byte[q + 1]) / 2ʳ⌋ mod 2ᵇ,   8·q + r = b·k                  (CW1)
    w(k) = field(k) − 2ᵇ·[field(k) ≥ 2ᵇ⁻¹]                                                  (CW2)

The C reads q and r from k without a product that could leave int32: k is 8·e + m, so q = b·e + ⌊b·m / 8⌋.
"""

import numpy as np

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
    mask, sign = 2**bits - 1, 2 ** (bits - 1)
    if 8 % bits == 0:
        count = 8 // bits
        field = f"FLASH_8(w + k / {count}) >> (k % {count}{f' * {bits}' if bits > 1 else ''}) & {mask}"
        body = f"    const int field = {field};\n"
    else:
        body = f"""\
    const int first = k % 8 * {bits}, shift = first % 8;
    const uint8_t *q = w + k / 8 * {bits} + first / 8;
    int field = FLASH_8(q) >> shift;
    if (shift + {bits} > 8)
        field |= FLASH_8(q + 1) << (8 - shift);
    field &= {mask};
"""
    value = "field" if bits == 1 else f"(field ^ {sign}) - {sign}"
    said = "The bit" if bits == 1 else "Weight k, in two's complement,"
    return f"""\
/* {said} of an array with {bits} bit{"s" * (bits > 1)} a weight, the lowest bits of a byte first. */
static int weight{bits}(const uint8_t *w, int k)
{{
{body}    return {value};
}}
"""


def weight(operator: Weighted, name: str, k: str) -> str:
    """The C expression of weight k of the array `name`."""
    bits = operator.weight_bits
    if bits == 8:
        return f"(int8_t)FLASH_8({name if k == '0' else f'{name} + {k}'})"
    field = f"weight{bits}({name}, {k})"
    return field if bits > 1 else f"{field} ? {operator.w.max()} : {operator.w.min()}"
