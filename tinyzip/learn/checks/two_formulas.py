"""Depth: what is known of the exercise about two formulas that fail."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.quant.grids import textbook


def encode(what: str, bits: int, least: float, most: float, *shape: int) -> Case:
    """Numbers from least to most, none of them halfway between two codes."""

    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        steps = 2**bits - 1
        inside = rng.integers(1, steps, 10) + rng.uniform(-0.45, 0.45, 10)
        x = least + np.append([0.0, steps], inside) / steps * (most - least)
        return rng.permutation(x).reshape(shape), bits

    return Case("min_max_encode", what, seeded(30, make), textbook.min_max_encode, 0)


def decode(what: str, bits: int, least: float, most: float, *codes: int) -> Case:
    make = seeded(0, lambda _: (np.array(codes), bits, least, most))
    return Case("min_max_decode", what, make, textbook.min_max_decode)


def byte(what: str, x: Any) -> Case:
    return Case("byte_encode", what, lambda: (np.array(x),), textbook.byte_encode, 0)


def unbyte(what: str, most: float, *codes: int) -> Case:
    make = seeded(0, lambda _: (np.array(codes, np.uint8), most))
    return Case("byte_decode", what, make, textbook.byte_decode)


CHECK = Check(
    library="quant/grids/textbook.py, min_max_encode and byte_encode",
    cases=(
        encode("4 bits of numbers from 0 to 15", 4, 0.0, 15.0, 12),
        encode("8 bits of numbers from −1 to 3", 8, -1.0, 3.0, 3, 4),
        encode("2 bits of numbers from −7 to −2", 2, -7.0, -2.0, 12),
        encode("3 bits of numbers from 2 to 2.5", 3, 2.0, 2.5, 2, 3, 2),
        decode("codes 1, 2, 9 and 16 of 4 bits on −3 … 6", 4, -3.0, 6.0, 1, 2, 9, 16),
        decode("codes 1 and 256 of 8 bits on 0.5 … 5.5", 8, 0.5, 5.5, 1, 256, 100),
        byte("numbers from 0 to 1", [0.0, 0.2, 0.501, 0.7, 1.0]),
        byte("numbers from 0 to 5 in two rows", [[5.0, 1.003, 0.015], [2.3, 0.0, 4.99]]),
        byte("numbers from −1 to 1", [-1.0, -0.002, -0.3, 0.4, 1.0]),
        byte("numbers from −7 to 2", [-7.0, 2.0, -1.0001, 1.3, -3.9]),
        unbyte("the bytes 0, 1, 128, 200 and 255, where max is 4", 4.0, 0, 1, 128, 200, 255),
    ),
    hints=(
        "Which code does the first formula give to min, and which to max? And the second to −max?",
        "min and max are of the whole array. Of a negative whole number, % 256 gives what a byte keeps.",
        "np.rint is to the nearest and gives floats; codes are whole: astype. Decoding undoes step by step.",
    ),
)
