"""Depth: what is known of the exercise about batch normalisation, backward."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
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
    mistakes=(
        Mistake(
            "inner = dy - dbeta[:, None, None, None] / M - x_hat * dgamma[:, None, None, None] / M",
            "inner = dy",
            "μ and σ² are taken for constants here; x stands in both",
        ),
        Mistake(
            "dy - dbeta[:, None, None, None] / M - x_hat",
            "dy - x_hat",
            "what goes through μ is missing: − dβ/M",
        ),
        Mistake(
            " - x_hat * dgamma[:, None, None, None] / M", "", "what goes through σ² is missing: − x̂ dγ/M"
        ),
        Mistake("M = dy[0].size", "M = 1", "÷ M is missing: means over the channel are taken off"),
        Mistake(
            "M = dy[0].size", "M = dy.shape[3]", "M counts all numbers of a channel, H·W·N, not only examples"
        ),
        Mistake(
            "(gamma / deviation)[:, None, None, None] * inner",
            "inner / deviation[:, None, None, None]",
            "γ is missing in dx",
        ),
        Mistake(
            "(gamma / deviation)[:, None, None, None] * inner",
            "gamma[:, None, None, None] * inner",
            "÷ √(σ² + ε) is missing in dx",
        ),
        Mistake(
            "* inner, dgamma, dbeta",
            "* inner, dgamma / M, dbeta / M",
            "dγ and dβ are sums over the channel, not means",
        ),
        Mistake("* inner, dgamma, dbeta", "* inner, dbeta, dgamma", "the order is dx, dγ, dβ"),
    ),
    others=(
        """
import numpy as np

def batch_norm_backward(dy, x_hat, gamma, deviation):
    dx = np.empty(dy.shape)
    for c in range(len(dy)):
        g, h = dy[c] * gamma[c], x_hat[c]
        dx[c] = (g - g.mean() - h * (g * h).mean()) / deviation[c]
    return dx, np.einsum("chwn,chwn->c", dy, x_hat), np.einsum("chwn->c", dy)
""",
        """
import numpy as np

def batch_norm_backward(dy, x_hat, gamma, deviation):
    axes, wide = (1, 2, 3), (slice(None), None, None, None)
    dx_hat, centred, s = dy * gamma[wide], x_hat * deviation[wide], deviation[wide]
    dvar = (dx_hat * centred * -0.5 * s**-3).sum(axes, keepdims=True)
    dmean = (-dx_hat / s).sum(axes, keepdims=True)
    M = dy[0].size
    dx = dx_hat / s + dvar * 2 * centred / M + dmean / M
    return [dx, (dy * x_hat).sum(axes), dy.sum(axes)]
""",
    ),
    hints=(
        "If all x of a channel grow by the same amount, what becomes of y? What must then the sum of dx be?",
        "Begin with dγ and dβ, the two sums. Both are needed in dx again, divided by M.",
        "dy less its mean, less x̂ times the mean of dy x̂; all of it times γ ÷ the deviation.",
    ),
)
