"""Depth: what the codes mean, as C: macros and functions of the header, free where nothing calls them.

The rounding is that of `Grid.quantize`, in double as there, so what a sensor gives has the same code in C and
in Python.
"""

import numpy as np

from tinyzip.exchange.c.text import Lines, array, text_of
from tinyzip.integer.codes import Codes
from tinyzip.quant.classify import codes_of_pixels
from tinyzip.quant.twin import grid_of


def has_scale(codes: Codes) -> bool:
    """Whether a float32 holds the scale and its multiples: a program's is a fraction of any size."""
    m, n = codes.scale
    return abs(m.bit_length() - n) < 100


def constants(P: str, side: str, codes: Codes) -> Lines:
    """The zero point and the scale of input or output, and how a code is read, as macros."""
    lines = [f"#define {P}_{side}_ZERO ({codes.zero})"]
    if has_scale(codes):
        lines.append(f"#define {P}_{side}_SCALE {float(grid_of(codes).scale)!r}")
        lines.append(f"#define {P}_{side}_REAL(code) ({P}_{side}_SCALE * ((code) - {P}_{side}_ZERO))")
    return lines


def functions(p: str, x: Codes) -> Lines:
    """PREFIX_quantize and PREFIX_pixel."""
    if not has_scale(x):
        return []
    codes, body = codes_of_pixels(grid_of(x), np.arange(256, dtype=np.uint8)), [f"return ({p}_input_t)pixel;"]
    if not np.array_equal(codes, np.arange(256)):
        body = [*array(f"{p}_input_t", "codes", codes, ""), "return codes[pixel];"]
    lines = "\n".join(f"    {line}" for line in body)
    least, most = x.lo - x.zero, x.hi - x.zero
    words = {"PREFIX": p, "UPPER": p.upper(), "LEAST": least, "MOST": most, "BODY": lines}
    return text_of("pixels.h", **words).splitlines()
