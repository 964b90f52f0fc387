"""Depth: what is known of the exercise about batch normalisation, forward."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.nn import ops


def expected(x: Any, gamma: Any, beta: Any, eps: float = 1e-5) -> Any:
    y, cache = ops.batch_norm_train(x, gamma, beta, eps)
    return y, cache.centred / cache.deviation[:, None, None, None], cache.deviation


def drawn(rng: np.random.Generator, shape: tuple[int, ...], size: float) -> tuple[Any, ...]:
    x = 3.0 + size * rng.normal(size=shape)
    return x, rng.uniform(0.5, 2.0, shape[0]), rng.normal(size=shape[0])


def case(what: str, shape: tuple[int, ...], size: float = 2.0, eps: float = 1e-5) -> Case:
    return Case("batch_norm", what, seeded(15, lambda rng: (*drawn(rng, shape, size), eps)), expected)


def kept(what: str, shape: tuple[int, ...], size: float = 2.0, eps: float = 1e-5) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        return *drawn(rng, shape, size), rng.normal(size=shape[0]), rng.uniform(0.1, 3.0, shape[0]), eps

    return Case("batch_norm_kept", what, seeded(16, make), ops.batch_norm)


CHECK = Check(
    library="nn/ops/norm.py, batch_norm_train and batch_norm",
    cases=(
        case("one channel, one image of 2×3", (1, 2, 3, 1)),
        case("three channels, one image", (3, 2, 3, 1)),
        case("two channels, five images of 3×2", (2, 3, 2, 5)),
        case("a channel that hardly varies, where ε counts", (2, 3, 3, 4), 1e-3),
        case("a channel that is constant", (2, 3, 3, 4), 0.0),
        case("an ε of 0.1", (2, 3, 3, 4), 0.5, 0.1),
        kept("kept statistics, three images", (2, 2, 2, 3)),
        kept("kept statistics, one image of one pixel", (3, 1, 1, 1)),
        kept("kept statistics and an ε of 0.1", (3, 2, 1, 2), 0.5, 0.1),
    ),
    hints=(
        "Of how many numbers is the mean of one channel, and over which axes of (C, H, W, N) are they?",
        "One number a channel has to be read as (C, 1, 1, 1) before it meets x.",
        "Mean and variance over axes 1, 2, 3; the root of variance + ε; x less one, ÷ the other; γ, β.",
    ),
)
