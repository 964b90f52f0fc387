"""Depth: what the codes mean, as C: macros and functions of the header, free where nothing calls them.

The rounding is that of `Grid.quantize`, in double as there, so what a sensor gives has the same code in C and
in Python: the nearest, halves to the even one.
"""

import numpy as np

from tinyzip.exchange.c.text import Lines, array
from tinyzip.integer.codes import Codes
from tinyzip.quant.classify import codes_of_pixels
from tinyzip.quant.twin import grid_of

QUANTIZE = """\
/* The code of a real number: the nearest, halves to the even one, an end for what is outside. */
static inline {p}_input_t {p}_quantize(double real)
{{
    const double x = real / {P}_INPUT_SCALE;
    const double steps = !(x > {least}) ? {least} : x > {most} ? {most} : x;
    int code = (int)steps;
    const double rest = steps - code;
    if (rest > 0.5 || (rest == 0.5 && code % 2 != 0))
        code++;
    if (rest < -0.5 || (rest == -0.5 && code % 2 != 0))
        code--;
    return ({p}_input_t)(code + {P}_INPUT_ZERO);
}}
"""
DEQUANTIZE = """\
/* The real number that a code of the output stands for. */
static inline double {p}_dequantize({p}_output_t code)
{{
    return {P}_OUTPUT_SCALE * (code - {P}_OUTPUT_ZERO);
}}
"""
PIXEL = """\
/* The code of a pixel, 0 to 255, which stands for pixel / 255. */
static inline {p}_input_t {p}_pixel(uint8_t pixel)
{{
{body}
}}
"""


def has_scale(codes: Codes) -> bool:
    """Whether a float32 holds the scale and its multiples: a program's is a fraction of any size."""
    m, n = codes.scale
    return abs(m.bit_length() - n) < 100


def constants(P: str, side: str, codes: Codes) -> Lines:
    """The ends of the codes, the zero point and the scale of input or output, as macros."""
    numbers = {"LEAST": codes.lo, "MOST": codes.hi, "ZERO": codes.zero}
    lines = [f"#define {P}_{side}_{name} ({number})" for name, number in numbers.items()]
    if has_scale(codes):
        lines.append(f"#define {P}_{side}_SCALE {float(grid_of(codes).scale)!r}")
    return lines


def functions(p: str, x: Codes, y: Codes | None) -> Lines:
    """PREFIX_quantize, PREFIX_pixel and, where the output has codes, PREFIX_dequantize."""
    names = {"p": p, "P": p.upper()}
    texts = []
    if has_scale(x):
        texts.append(QUANTIZE.format(**names, least=x.lo - x.zero, most=x.hi - x.zero))
        codes = codes_of_pixels(grid_of(x), np.arange(256, dtype=np.uint8))
        body = [f"return ({p}_input_t)pixel;"]
        if not np.array_equal(codes, np.arange(256)):
            body = [*array(f"{p}_input_t", "codes", codes, ""), "return codes[pixel];"]
        texts.append(PIXEL.format(**names, body="\n".join(f"    {line}" for line in body)))
    if y is not None and has_scale(y):
        texts.append(DEQUANTIZE.format(**names))
    return "\n".join(texts).splitlines()
