"""Operator by operator the codes of LiteRT's reference kernels, and those of its default kernels.

`tests/data/operators.npz` holds what they wrote; `record_operators.py` beside it says for what. The programs
are built here from the scales alone, as a reader of other people's models has to: the reference kernels keep
real multipliers as doubles, rounded to 31 bits, the default ones as float32.
"""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import batch_last, mean_multiplier, multipliers

from tinyzip.integer import (
    Add,
    Codes,
    Conv2d,
    GlobalAvgPool,
    Multiply,
    Operator,
    Program,
    Recall,
    Softmax,
    multiplier,
    run,
)

FILE = Path(__file__).parent.parent / "data" / "operators.npz"
with np.load(FILE) as stored:
    ARRAYS = {name: stored[name] for name in stored.files}
CASES: dict[str, dict[str, Any]] = json.loads(str(ARRAYS["cases"]))
WIDE = Codes(-128, 127, 0)


def grid(scale: Any, zero: int, relu: int = 0) -> Codes:
    m, d = float(scale).as_integer_ratio()
    return Codes(max(-128, zero) if relu else -128, 127, zero, (m, d.bit_length() - 1))


def scaling(s_x: Any, s_w: Any, s_y: Any, kernel: str, double: str = "double") -> dict[str, Any]:
    """m0, n and rounding of the real multiplier s_x·s_w / s_y, as either kernel computes it."""
    if kernel == "reference":
        m0, n = multipliers(s_x, s_w, s_y)
        return {"m0": m0, "n": n, "rounding": double}
    pairs = [multiplier(Fraction(float(real))) for real in np.atleast_1d(np.float32(s_x) * s_w / s_y)]
    m0, n = (np.array(part) for part in zip(*pairs, strict=True))
    return {"m0": m0, "n": n, "rounding": "float32"}


def addition(name: str, case: dict[str, Any], kernel: str) -> tuple[list[Operator], Codes, Any]:
    """The addends come in as two channels, and a convolution takes each out, onto a grid of its own."""
    s, zeros = np.float32(case["scales"]), case["zeros"]
    y = grid(s[2], zeros[2], case["relu"])
    if kernel == "reference":
        twice = 2 * np.float64(max(s[:2]))
        pairs = zip(multipliers(s[:2], 1, twice), multipliers(twice, 2.0**-20, s[2]), strict=True)
        m0, n = (np.append(addends, total) for addends, total in pairs)
        add = Add(0, m0, n, y)
    else:
        ratio = np.float64(s[:2] / s[2])
        shift = 21 - int(np.frexp(ratio.max())[1])
        add = Add(0, np.rint(np.ldexp(ratio, shift)).astype(int), shift, y, rounding="single")
    takes = [
        Conv2d(np.reshape(w, (1, 2, 1, 1)), [-zero], 2**30, 30, grid(scale, zero))
        for w, scale, zero in zip(([1, 0], [0, 1]), s, zeros, strict=False)
    ]
    x = np.stack([ARRAYS[f"{name}.x"].ravel(), ARRAYS[f"{name}.o"].ravel()])[:, None, None]
    return [takes[1], Recall(-1), takes[0], add], WIDE, x


def constant(name: str, case: dict[str, Any], kernel: str) -> tuple[list[Operator], Codes, Any]:
    """LiteRT computes this multiplier in float32 for both kernels."""
    s, zeros = np.float32(case["scales"]), case["zeros"]
    how = scaling(np.float32(s[0] * s[1]) / s[2], 1, 1, kernel)
    how["m0"], how["n"] = int(np.max(how["m0"])), int(np.max(how["n"]))
    w = ARRAYS[f"{name}.w"].astype(int) - zeros[1]
    operator = Multiply(w, y=grid(s[2], zeros[2], case["relu"]), **how)
    return [operator], grid(s[0], zeros[0]), batch_last(ARRAYS[f"{name}.x"])


def softmax(name: str, case: dict[str, Any], kernel: str) -> tuple[list[Operator], Codes, Any]:
    real = min(np.float64(case["beta"]) * np.float64(np.float32(case["scales"][0])) * 2.0**26, 2.0**31 - 1)
    m0, n = multipliers(real, 1, 1)
    return [Softmax(int(m0), int(n))], WIDE, batch_last(ARRAYS[f"{name}.x"])


def mean(name: str, case: dict[str, Any], kernel: str) -> tuple[list[Operator], Codes, Any]:
    s, zeros, x = np.float32(case["scales"]), case["zeros"], batch_last(ARRAYS[f"{name}.x"])
    count, y = x.shape[1] * x.shape[2], grid(s[1], zeros[1])
    if kernel == "reference":
        return [GlobalAvgPool(*mean_multiplier(s[:1], s[1:2], count), y)], grid(s[0], zeros[0]), x
    real = np.float32(s[0] / s[1]) * (np.float32(1) / np.float32(count))
    operator = GlobalAvgPool(*multiplier(Fraction(float(real))), y, "float32")
    return [operator], grid(s[0], zeros[0]), x


def convolution(name: str, case: dict[str, Any], kernel: str) -> tuple[list[Operator], Codes, Any]:
    w, (s_x, s_y) = ARRAYS[f"{name}.w"], case["scales"]
    w = w.transpose(3, 0, 1, 2) if case["depthwise"] else w.transpose(0, 3, 1, 2)
    x = batch_last(ARRAYS[f"{name}.x"])
    operator = Conv2d(
        w,
        ARRAYS[f"{name}.bias"],
        y=grid(s_y, case["zeros"][1]),
        stride=case["stride"],
        dilation=case["dilation"],
        groups=len(x) if case["depthwise"] else 1,
        **scaling(np.float32(s_x), ARRAYS[f"{name}.s_w"], np.float32(s_y), kernel),
    )
    return [operator], grid(s_x, case["zeros"][0]), x


BUILDERS = {"add": addition, "multiply": constant, "softmax": softmax, "mean": mean, "conv": convolution}


@pytest.mark.parametrize("kernel", ["reference", "default"])
@pytest.mark.parametrize("name", CASES)
def test_no_code_differs_from_either_kernel(name: str, kernel: str) -> None:
    """(AD1), (AD2), (TB2), (SM1) to (SM4), (F3), (F9), (GA1), (GA2); accumulators that are all but a half."""
    build = next(build for kind, build in BUILDERS.items() if name.startswith(kind))
    operators, x, codes = build(name, CASES[name], kernel)
    program = Program(tuple(operators), codes.shape[:-1], x)
    wanted = ARRAYS[f"{name}.{kernel}"]
    for product in ("integer", "blas"):
        found = run(program, np.ascontiguousarray(codes), product)
        if name.startswith("add"):
            found, wanted = found.ravel(), wanted.ravel()
        np.testing.assert_array_equal(found, wanted if wanted.ndim == 1 else batch_last(wanted))


def test_the_two_kernels_are_told_apart() -> None:
    """Where the scaled accumulator is all but a half, half of the codes differ between them."""
    one, other = (ARRAYS[f"conv_halves.{kernel}"] for kernel in ("reference", "default"))
    assert (one != other).mean() > 0.4
