"""Depth: what is known of the exercise about a scale for each channel."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
from tinyzip.quant.grids.grid import Grid


def expected_scales(w: Any, bits: int) -> Any:
    return Grid.symmetric(np.abs(w).reshape(len(w), -1).max(axis=1), bits).scale


def expected_codes(w: Any, scales: Any, bits: int) -> Any:
    n = 2 ** (bits - 1) - 1
    return Grid(scales, np.zeros(len(scales)), -n, n).quantize(w)


def scales(
    what: str, bits: int, *shape: int, zeros: tuple[int, ...] = (), size: float = 1.0, dtype: Any = np.float64
) -> Case:
    """Weights whose rows differ in size; of one row the largest |w| is below 0."""

    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        w = size * (2.0 ** np.arange(shape[0]) * rng.normal(size=shape[::-1])).T
        w[0] *= -np.sign(w[0].ravel()[np.abs(w[0]).argmax()])
        w[list(zeros)] = 0
        return w.astype(dtype), bits

    return Case("channel_scales", what, seeded(33, make), expected_scales)


def codes(what: str, bits: int, *shape: int, beyond: int = 0, dtype: Any = np.float64) -> Case:
    """Weights on their grids and up to so many codes beyond, none halfway between two."""

    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        n, chosen = 2 ** (bits - 1) - 1 + beyond, rng.uniform(0.1, 3.0, shape[0])
        q = rng.integers(-n, n + 1, shape) + rng.uniform(-0.45, 0.45, shape)
        return (q.T * chosen).T.astype(dtype), chosen.astype(dtype), bits

    return Case("quantize_channels", what, seeded(34, make), expected_codes, 0)


def halves(what: str, bits: int, step: tuple[float, ...]) -> Case:
    def make(_: np.random.Generator) -> tuple[Any, ...]:
        return np.outer(step, np.arange(-9, 10, 2) / 2), np.array(step), bits

    return Case("quantize_channels", what, seeded(0, make), expected_codes, 0)


CHECK = Check(
    library="quant/grids/grid.py, Grid",
    cases=(
        scales("8 bits of weights (2, 5)", 8, 2, 5),
        scales("4 bits of weights (4, 4), as many outputs as inputs", 4, 4, 4),
        scales("3 bits of four kernels of 3×2 on five channels", 3, 4, 5, 3, 2),
        scales("2 bits of weights (3, 7)", 2, 3, 7),
        scales("8 bits of weights (4, 3), of which one row is 0", 8, 4, 3, zeros=(2,)),
        scales("4 bits of weights (2, 2), which are all 0", 4, 2, 2, zeros=(0, 1)),
        scales("5 bits of weights (1, 6) in float32", 5, 1, 6, dtype=np.float32),
        scales("2 bits of weights of some thousandths", 2, 3, 4, size=0.001),
        codes("8 bits of weights (3, 6)", 8, 3, 6),
        codes("4 bits of weights (5, 5), as many outputs as inputs", 4, 5, 5),
        codes("3 bits of three kernels of 2×3 on three channels", 3, 3, 3, 2, 3),
        codes("2 bits of weights (4, 9) and beyond the grid", 2, 4, 9, beyond=2),
        codes("4 bits of kernels in float32 and beyond the grid", 4, 2, 3, 3, 3, beyond=5, dtype=np.float32),
        codes("8 bits of weights (6, 20) and beyond the grid", 8, 6, 20, beyond=30),
        halves("halves from −4.5 to 4.5 of 4 bits", 4, (1.0, 0.5, 4.0)),
    ),
    mistakes=(
        Mistake(
            "np.abs(w).reshape(len(w), -1).max(axis=1)",
            "np.full(len(w), np.abs(w).max())",
            "this is one scale for all; each output has its own",
        ),
        Mistake(
            "np.abs(w).reshape(len(w), -1).max(axis=1)",
            "w.reshape(len(w), -1).max(axis=1)",
            "the largest |w| counts, also where it is below 0",
        ),
        Mistake(
            "np.abs(w).reshape(len(w), -1).max(axis=1)",
            "np.abs(w).reshape(len(w), -1).max(axis=0)[: len(w)]",
            "the outputs are axis 0: the largest is over all others",
        ),
        Mistake(
            "np.abs(w).reshape(len(w), -1).max(axis=1)",
            "np.ptp(w.reshape(len(w), -1), axis=1) / 2",
            "half of max − min is the largest |w| only where the range is the same on both sides",
        ),
        Mistake(
            "np.abs(w).reshape(len(w), -1).max(axis=1)",
            "np.abs(w).reshape(len(w), -1).mean(axis=1)",
            "the largest |w| gets the last code; this is their mean",
        ),
        Mistake(
            "top / (2 ** (bits - 1) - 1)", "top / 2 ** (bits - 1)", "the last code is n = 2ᵇ⁻¹ − 1, not 2ᵇ⁻¹"
        ),
        Mistake(
            "top / (2 ** (bits - 1) - 1)",
            "top / (2**bits - 1)",
            "this scale is half as large as needed: from 0 to max |w| there are n = 2ᵇ⁻¹ − 1 steps",
        ),
        Mistake(
            "top / (2 ** (bits - 1) - 1)",
            "2 * top / (2**bits - 1)",
            "2ᵇ − 1 steps from −max to max leave no code for 0; n = 2ᵇ⁻¹ − 1 steps are on each side",
        ),
        Mistake(
            "np.where(top > 0, top / (2 ** (bits - 1) - 1), 1.0)",
            "top / (2 ** (bits - 1) - 1)",
            "a channel of zeros has the scale 1; here it is 0, and 0 / 0 is no number",
        ),
        Mistake(
            "scales.reshape(-1, *[1] * (w.ndim - 1))",
            "(scales if scales.size == w.shape[-1] else scales.reshape(-1, *[1] * (w.ndim - 1)))",
            "the scales are of the outputs, axis 0, and go along the last axis here",
        ),
        Mistake(
            "scales.reshape(-1, *[1] * (w.ndim - 1))",
            "scales.max()",
            "each output is divided by its own scale, not all by the largest",
        ),
        Mistake(
            "scales.reshape(-1, *[1] * (w.ndim - 1))", "scales[0]", "all are divided by the first scale here"
        ),
        Mistake("-n, n)", "-n - 1, n)", "the lowest code is −n: −2ᵇ⁻¹ is left out"),
        Mistake("n = 2 ** (bits - 1) - 1", "n = 2 ** (bits - 1)", "the codes are −n … n with n = 2ᵇ⁻¹ − 1"),
        Mistake("-n, n)", "0, 2 * n)", "weights have codes on both sides of 0, from −n to n"),
        Mistake(
            "np.clip(np.rint(w / along), -n, n)",
            "np.rint(w / along)",
            "what lies beyond the grid gets the code of its end, −n or n",
        ),
        Mistake("np.rint(w / along)", "np.floor(w / along)", "this floors; codes are rounded to the nearest"),
        Mistake("np.rint(w / along)", "np.trunc(w / along)", "this cuts towards 0; round to the nearest"),
        Mistake(
            "np.rint(w / along)",
            "np.sign(w) * np.floor(np.abs(w / along) + 0.5)",
            "a half goes to the even code; this rounds it away from zero",
        ),
        Mistake(
            "np.rint(w / along)", "np.floor(w / along + 0.5)", "a half goes to the even code; this goes up"
        ),
        Mistake("np.rint(w / along)", "np.rint(w * along)", "w is divided by the scale, not multiplied"),
        Mistake(
            "np.clip(np.rint(w / along), -n, n)",
            "np.clip(np.rint(w / along), -n, n) * along",
            "these are numbers w̃; the codes were asked for",
        ),
    ),
    others=(
        """
import numpy as np

def channel_scales(w, bits):
    scales = []
    for row in w:
        top = max(abs(float(value)) for value in row.ravel())
        scales.append(top / (2 ** (bits - 1) - 1) if top else 1)
    return scales

def quantize_channels(w, scales, bits):
    n = 2 ** (bits - 1) - 1
    q = np.zeros(w.shape, np.int8)
    for f, scale in enumerate(scales):
        q[f] = np.minimum(n, np.maximum(-n, np.round(w[f] / scale)))
    return q
""",
        """
import numpy as np

def channel_scales(w, bits):
    others = tuple(range(1, w.ndim))
    top = np.maximum(w.max(axis=others), -w.min(axis=others)).astype(np.float64)
    scales = top / (2 ** (bits - 1) - 1)
    scales[scales == 0] = 1
    return scales

def quantize_channels(w, scales, bits):
    n = 2 ** (bits - 1) - 1
    return np.rint(np.clip(w.T / scales, -n, n)).T.astype(int)
""",
    ),
    hints=(
        "A network has rows of weights ten times as large as others. Which codes do the small ones use?",
        "The largest |w| of each output is over all axes but the first; of (F, …) one can make (F, K).",
        "Scales (F,) have to become (F, 1, …, 1) before they meet w. Where a row is all 0, choose 1.",
    ),
)
