"""Depth: what is known of the exercise about the range of least squared error."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
from tinyzip.nn.layers import Linear
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.grids.calibrate import weight_grids
from tinyzip.quant.grids.grid import Grid


def expected_error(w: Any, scale: float, bits: int) -> Any:
    n = 2 ** (bits - 1) - 1
    return np.square(w - Grid(scale, 0, -n, n).round_trip(w)).sum()


def expected_scale(w: Any, bits: int) -> Any:
    row = w.reshape(1, -1).astype(np.float64)
    params = {"one.w": row, "one.b": np.zeros(1)}
    model = Sequential({"one": Linear(row.size, 1)}, params, (row.size,))
    return weight_grids(model, bits, "mse", per_channel=False)["one.w"].scale


def error(what: str, bits: int, scale: float, *w: float) -> Case:
    return Case("squared_error", what, lambda: (np.array(w), scale, bits), expected_error)


def drawn_error(what: str, bits: int, scale: float, *shape: int) -> Case:
    make = seeded(35, lambda rng: (rng.normal(size=shape), scale, bits))
    return Case("squared_error", what, make, expected_error)


def best(what: str, bits: int, *shape: int, seed: int = 36, size: float = 1.0, shift: float = 0.0) -> Case:
    """Many small weights and few large ones; the largest |w| is below 0."""

    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        w = size * (rng.laplace(size=shape) + shift)
        return -np.sign(w.ravel()[np.abs(w).argmax()]) * w, bits

    return Case("best_scale", what, seeded(seed, make), expected_scale)


def given(what: str, bits: int, *w: float) -> Case:
    return Case("best_scale", what, lambda: (np.array(w), bits), expected_scale)


CHECK = Check(
    library="quant/grids/calibrate.py, weight_grids",
    cases=(
        error("four weights of 3 bits, none of them clipped", 3, 0.5, 0.6, -1.4, 0.2, 1.5),
        error("four weights of 3 bits, two of them clipped", 3, 0.25, 0.6, -1.4, 0.2, 1.5),
        error("weights of 2 bits beyond −n, which is the lowest code", 2, 1.0, -1.9, -2.2, 0.4, 0.7),
        drawn_error("weights (3, 4) of 8 bits", 8, 0.03, 3, 4),
        drawn_error("kernels (2, 3, 3, 2) of 4 bits, some of them clipped", 4, 0.1, 2, 3, 3, 2),
        best("100 weights of 4 bits", 4, 100),
        best("100 weights of 2 bits", 2, 100),
        best("weights (5, 8) of 3 bits", 3, 5, 8, seed=37),
        best("kernels (4, 3, 3, 3) of 4 bits, all of them ten times as large", 4, 4, 3, 3, 3, size=10.0),
        best("60 weights of 3 bits, most of them on one side", 3, 60, shift=2.0),
        best("60 weights of 8 bits", 8, 60, size=20.0),
        given("one weight of 4 bits", 4, 0.7),
        given("weights of 3 bits on a grid already", 3, -1.5, 0.5, 1.0, 0.0, 1.5),
        given("weights of 2 bits, all of one size", 2, 2.5, -2.5, 2.5),
        given("weights that are all 0", 4, 0.0, 0.0, 0.0),
        given("one weight of 2 bits among 6000 of a seventieth of it", 2, 1.0, *[1 / 70, -1 / 70] * 3000),
    ),
    mistakes=(
        Mistake(
            "np.square(error).sum()", "np.square(error).mean()", "E is the sum of the squares, not their mean"
        ),
        Mistake("np.square(error).sum()", "np.abs(error).sum()", "E adds up squares of errors, not sizes"),
        Mistake(
            "np.square(error).sum()", "np.abs(error).max()", "E adds up all errors; this is the largest one"
        ),
        Mistake(
            "np.square(error).sum()", "error.sum() ** 2", "each error is squared before they are added up"
        ),
        Mistake(
            "scale * np.clip(np.rint(w / scale), -n, n)",
            "scale * np.rint(w / scale)",
            "what lies beyond the last code is clipped, and E has to count it",
        ),
        Mistake(
            "scale * np.clip(np.rint(w / scale), -n, n)",
            "np.clip(np.rint(w / scale), -n, n)",
            "codes are compared with weights here: times the scale is missing",
        ),
        Mistake(
            "scale * np.clip(np.rint(w / scale), -n, n)",
            "np.clip(w, -n * scale, n * scale)",
            "this clips and does not round: E has both costs",
        ),
        Mistake("np.rint(w / scale)", "np.floor(w / scale)", "this floors; codes are rounded to the nearest"),
        Mistake("-n, n)", "-n - 1, n)", "the lowest code is −n: −2ᵇ⁻¹ is left out"),
        Mistake("-n, n)", "0, 2 * n)", "weights have codes on both sides of 0, from −n to n"),
        Mistake("n = 2 ** (bits - 1) - 1\n", "n = 2 ** (bits - 1)\n", "the last code is n = 2ᵇ⁻¹ − 1"),
        Mistake(
            "[most * i / 100 for i in range(1, 101)]",
            "[most]",
            "this is the scale of the largest |w|; a hundred scales are to be tried",
        ),
        Mistake("np.abs(w).max() /", "w.max() /", "the largest |w| counts, also where it is below 0"),
        Mistake(
            "np.abs(w).max() / (2 ** (bits - 1) - 1)",
            "np.abs(w).max() / 2 ** (bits - 1)",
            "the hundred scales end with max |w| / n, n = 2ᵇ⁻¹ − 1",
        ),
        Mistake("range(1, 101)", "range(1, 100)", "i = 100 is one of them: there nothing is clipped"),
        Mistake("range(1, 101)", "range(1, 51)", "i goes from 1 to 100"),
        Mistake("min(scales", "max(scales", "this has the largest E; the least was asked for"),
        Mistake(
            "return float(min(scales, key=lambda scale: squared_error(w, scale, bits)))",
            "return min(squared_error(w, scale, bits) for scale in scales)",
            "this is the least E; the scale that has it was asked for",
        ),
        Mistake(
            "return float(min(scales, key=lambda scale: squared_error(w, scale, bits)))",
            "return scales.index(min(scales, key=lambda scale: squared_error(w, scale, bits))) + 1",
            "this is i; the scale was asked for",
        ),
        Mistake(
            "key=lambda scale: squared_error(w, scale, bits)",
            "key=lambda scale: np.abs(squared_error(w, scale, bits) / scale**2)",
            "E is not divided by the scale: errors count in the unit of w",
        ),
        Mistake(
            "return float(min(scales, key=lambda scale: squared_error(w, scale, bits)))",
            "return (2 ** (bits - 1) - 1) * min(scales, key=lambda scale: squared_error(w, scale, bits))",
            "this is what the last code means; a scale is the step between two codes",
        ),
        Mistake("return 1.0", "return 0.0", "where all weights are 0 the scale is 1"),
        Mistake(
            "key=lambda scale: squared_error(w, scale, bits)",
            "key=lambda s: "
            "np.abs(w - s * np.rint(w / s).clip(1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1)).sum()",
            "the scale is searched by the sum of |error|; it is the sum of their squares that counts",
        ),
    ),
    others=(
        """
import numpy as np

def squared_error(w, scale, bits):
    n, total = 2 ** (bits - 1) - 1, 0.0
    for value in w.ravel().tolist():
        code = max(-n, min(n, round(value / scale)))
        total += (value - scale * code) ** 2
    return total

def best_scale(w, bits):
    top = np.abs(w).max()
    best, least = 1, float("inf")
    for i in range(100, 0, -1):
        scale = i / 100 * top / (2 ** (bits - 1) - 1)
        if scale > 0 and squared_error(w, scale, bits) < least:
            best, least = scale, squared_error(w, scale, bits)
    return best
""",
        """
import numpy as np

def squared_error(w, scale, bits):
    n = 2 ** (bits - 1) - 1
    lost = (w / scale - np.round(w / scale).clip(-n, n)).ravel()
    return scale**2 * (lost @ lost)

def best_scale(w, bits):
    if not w.any():
        return 1
    n = 2 ** (bits - 1) - 1
    scales = np.linspace(0.01, 1, 100) * np.max(np.abs(w)) / n
    codes = np.clip(np.rint(w.ravel()[:, None] / scales), -n, n)
    return scales[np.argmin(np.sum((w.ravel()[:, None] - codes * scales) ** 2, axis=0))]
""",
    ),
    hints=(
        "If the scale is halved, which weights lose more, and which less?",
        "E is of one scale: round, clip, times the scale, compare with w. Then it is asked a hundred times.",
        "Make a list of the hundred scales; `min` takes a `key`, a function by which things are compared.",
    ),
)
