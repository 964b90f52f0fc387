"""Depth: what is known of the exercise about batch normalisation, backward."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.nn import ops


def expected(dy: Any, x_hat: Any, gamma: Any, deviation: Any) -> Any:
    centred = x_hat * deviation[:, None, None, None]
    none = np.zeros(len(gamma))
    return ops.batch_norm_backward(dy, ops.BatchNormCache(centred, deviation, gamma / deviation, none, none))


def case(what: str, *shape: int) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        gamma, beta = rng.uniform(0.5, 2.0, shape[0]), rng.normal(size=shape[0])
        _, cache = ops.batch_norm_train(3 * rng.normal(size=shape), gamma, beta)
        x_hat = cache.centred / cache.deviation[:, None, None, None]
        return rng.normal(size=shape) + 0.5, x_hat, gamma, cache.deviation

    return Case("batch_norm_backward", what, seeded(17, make), expected)


CHECK = Check(
    library="nn/ops/norm.py, batch_norm_backward",
    cases=(
        case("one channel, six examples of one pixel", 1, 1, 1, 6),
        case("three channels, four examples of one pixel", 3, 1, 1, 4),
        case("two channels, one image of 3×2", 2, 3, 2, 1),
        case("three channels, five images of 2×3", 3, 2, 3, 5),
    ),
    hints=(
        "If all x of a channel grow by the same amount, what becomes of y? What must then the sum of dx be?",
        "Begin with dγ and dβ, the two sums. Both are needed in dx again, divided by M.",
        "dy less its mean, less x̂ times the mean of dy x̂; all of it times γ ÷ the deviation.",
    ),
)
