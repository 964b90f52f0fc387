"""Depth: what is known of the exercise about two formulas that fail."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
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
    mistakes=(
        Mistake(
            "(most - least) * (2**bits - 1)",
            "(most - least) * 2**bits",
            "2ᵇ codes have 2ᵇ − 1 steps between the first and the last, also in the encoder",
        ),
        Mistake(
            " * (2**bits - 1) + 1)", " * (2**bits - 1))", "the printed formula counts from 1: + 1 is missing"
        ),
        Mistake("np.rint((x", "np.floor((x", "this floors; the nearest whole number was asked for"),
        Mistake("(x - least) / (most", "x / (most", "min is to be taken off x before the division"),
        Mistake("(x - least) / (most - least)", "(x - least) / most", "the division is by max − min"),
        Mistake(
            " + 1).astype(np.int64)",
            " + 1).astype(np.uint8)",
            "the last code is 2ᵇ = 256 here, and a byte makes 0 of it; keep more bits",
        ),
        Mistake(
            " + 1).astype(np.int64)",
            " + 1).clip(0, 2**bits - 1).astype(np.int64)",
            "the last code is 2ᵇ by the printed formula; it is not to be clipped",
        ),
        Mistake("(y - 1) *", "y *", "codes begin at 1: the decoder takes 1 off"),
        Mistake("least + (y", "(y", "the decoder has to add min again"),
        Mistake("/ (2**bits - 1)\n", "/ 2**bits\n", "the decoder's step is (max − min) / (2ᵇ − 1)"),
        Mistake(
            "np.rint(255 * x / x.max()) % 256",
            "np.clip(np.rint(255 * x / x.max()), 0, 255)",
            "a byte keeps y mod 256; here negative numbers are clipped to 0",
        ),
        Mistake("x.max()) %", "np.abs(x).max()) %", "the division is by max x, not by the largest |x|"),
        Mistake(
            "255 * x / x.max()",
            "255 * (x - x.min()) / (x.max() - x.min())",
            "the second formula takes no min off",
        ),
        Mistake("255 * x", "256 * x", "255 is the largest code of a byte; this multiplies by 256"),
        Mistake("np.rint(255", "np.trunc(255", "this cuts towards 0; the nearest whole number was asked for"),
        Mistake("% 256", "% 255", "a byte has 256 values: y mod 256"),
        Mistake("np.rint(255 * x / x.max())", "np.rint(np.abs(255 * x / x.max()))", "the sign is lost here"),
        Mistake("most / 255", "most / 256", "max has the code 255, so one code is max / 255"),
        Mistake("y * (most", "y.view(np.int8) * (most", "a byte is read from 0 to 255, without a sign"),
    ),
    others=(
        """
import numpy as np

def min_max_encode(x, bits):
    low, high = min(x.ravel()), max(x.ravel())
    codes = [round((value - low) * (2**bits - 1) / (high - low) + 1) for value in x.ravel()]
    return np.array(codes, np.uint16).reshape(x.shape)

def min_max_decode(y, bits, least, most):
    return np.linspace(least, most, 2**bits)[y - 1]

def byte_encode(x):
    return np.rint(x * (255 / x.max())).astype(np.int64) & 255

def byte_decode(y, most):
    return np.array([int(code) / 255 * most for code in y])
""",
        """
import numpy as np

def min_max_encode(x, bits):
    step = np.ptp(x) / (2**bits - 1)
    return 1 + np.floor((x - x.min()) / step + 0.5).astype(int)

def min_max_decode(y, bits, least, most):
    share = (y.astype(float) - 1) / (2**bits - 1)
    return (1 - share) * least + share * most

def byte_encode(x):
    codes = np.round(x / x.max() * 255).astype(np.int32)
    return codes.astype(np.uint8)

def byte_decode(y, most):
    return np.float32(most) * y.astype(np.float32) / np.float32(255)
""",
    ),
    hints=(
        "Which code does the first formula give to min, and which to max? And the second to −max?",
        "min and max are of the whole array. Of a negative whole number, % 256 gives what a byte keeps.",
        "np.rint is to the nearest and gives floats; codes are whole: astype. Decoding undoes step by step.",
    ),
)
