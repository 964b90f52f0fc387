"""Depth: weights as bytes: b bits each, no bit between them.

Weight k of an array takes the bits b·k … b·k + b − 1, the lowest bits of a byte first, in two's complement;
with one bit, 0 and 1 stand for the lesser and the greater of the two values.

    field(k) = ⌊(byte[q] + 256·byte[q + 1]) / 2ʳ⌋ mod 2ᵇ,   8·q + r = b·k                  (CW1)
    w(k) = field(k) − 2ᵇ·[field(k) ≥ 2ᵇ⁻¹]                                                  (CW2)

Where two output channels take turns, a field of 2b bits holds a weight of each, and both become one factor,

    factor(k) = w(2k) + 2¹⁶·w(2k + 1) mod 2³²                                               (CW3)

The C reads q and r from k without a product that could leave int32: k is 8·e + m, so q = b·e + ⌊b·m / 8⌋.
"""

import numpy as np

from tinyzip.exchange.c.text import Lines, text_of
from tinyzip.integer.codes import Array
from tinyzip.integer.operators import Weighted

PAIRED = range(2, 5)  # the bits of weights that make factors: of three pairs no more than 24 bits


def packed(operator: Weighted, lanes: int = 1) -> Array:
    """The weights in row-major order as int8, or, if they have fewer bits, as the bytes of (CW1); so many
    output channels take turns, weight by weight."""
    bits, w = operator.weight_bits, operator.w
    w = w.reshape(len(w) // lanes, lanes, -1).swapaxes(1, 2).ravel()
    if bits == 8:
        return w
    fields = (w != w.min()) if bits == 1 else w
    single = fields.astype(np.uint8)[:, None] >> np.arange(bits, dtype=np.uint8) & 1
    spare = np.zeros((lanes - 1) * 16, np.uint8)  # as pairs are read three bytes at a time
    return np.packbits(np.append(single, spare), bitorder="little")


def readers(bits: int) -> dict[str, str]:
    """The C functions `weightB`, (CW1) and (CW2), `pairsB` and `factorB`, (CW3), by their names."""
    words = {"BITS": bits, "MASK": 2**bits - 1, "SIGN": 2 ** (bits - 1), "SIGNS": 65537 * 2 ** (bits - 1)}
    text = text_of("weights.c", TWICE=2 * bits, COUNT=8 // bits, **words)
    whole, across, pairs, factor = (f"{piece.strip()}\n" for piece in text.split("\n\n"))
    if bits == 1:
        whole = whole.replace("Weight k, in two's complement,", "The bit").replace("1 bits", "1 bit")
        whole = whole.replace(" * 1)", ")").replace("(field ^ 1) - 1", "field")
    return {f"weight{bits}": across if 8 % bits else whole, f"pairs{bits}": pairs, f"factor{bits}": factor}


def weight(operator: Weighted, name: str, k: str) -> str:
    """The C expression of weight k of the array `name`."""
    bits = operator.weight_bits
    if bits == 8:
        return f"(int8_t)FLASH_8({name if k == '0' else f'{name} + {k}'})"
    field = f"weight{bits}({name}, {k})"
    return field if bits > 1 else f"{field} ? {operator.w.max()} : {operator.w.min()}"


def side_by_side(operator: Weighted, name: str, count: int, paired: bool) -> Lines:
    """Lines that read weights w0, w1, … from k on, or factors, of which one reading gives three."""
    bits, lines = operator.weight_bits, []
    for j in range(count):
        k, first = f"k + {j}" if j else "k", j - j % 3
        if paired and j == first:
            lines.append(f"const uint32_t from{j} = pairs{bits}({name}, {k});")
        shifted = f"from{first} >> {2 * bits * (j - first)}" if j > first else f"from{first}"
        value = f"factor{bits}({shifted}, first)" if paired else weight(operator, name, k)
        lines.append(f"const {'factor_t' if paired else 'int'} w{j} = {value};")
    return lines
