"""Depth: what is known of the exercise about batch normalisation, forward."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
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
    mistakes=(
        Mistake(
            "deviation = np.sqrt(var + eps)",
            "deviation = np.sqrt(var) + eps",
            "ε stands below the root, beside the variance",
        ),
        Mistake("deviation = np.sqrt(var + eps)", "deviation = np.sqrt(var)", "ε is missing in training"),
        Mistake("deviation = np.sqrt(var + eps)", "deviation = var + eps", "the root is missing"),
        Mistake(
            "x.var(axis=(1, 2, 3))",
            "x.var(axis=(1, 2, 3), ddof=1)",
            "÷ M − 1 here; the batch is normalised by its own variance, ÷ M",
        ),
        Mistake(
            "x.var(axis=(1, 2, 3))",
            "np.square(x).mean(axis=(1, 2, 3))",
            "the mean is to be taken off before squaring: σ² = mean (x − μ)²",
        ),
        Mistake(
            "mean, var = x.mean(axis=(1, 2, 3)), x.var(axis=(1, 2, 3))",
            "mean, var = np.full(len(x), x.mean()), np.full(len(x), x.var())",
            "each channel has a mean and a variance of its own",
        ),
        Mistake("gamma[:, None, None, None] * x_hat", "x_hat", "γ is missing"),
        Mistake(
            "x_hat + beta[:, None, None, None]",
            "(x_hat + beta[:, None, None, None])",
            "β is not scaled: γ x̂ + β, and not γ (x̂ + β)",
        ),
        Mistake(
            "scale = gamma",
            "mean, var = x.mean(axis=(1, 2, 3)), x.var(axis=(1, 2, 3))\n    scale = gamma",
            "in use, the kept mean and variance count, not those of these images",
        ),
        Mistake(
            "(beta - scale * mean)",
            "(beta - mean)",
            "μ is taken off before the scale: the offset is β − scale·μ",
        ),
        Mistake("gamma / np.sqrt(var + eps)", "gamma / np.sqrt(var)", "ε is missing in use"),
    ),
    others=(
        """
import numpy as np

def batch_norm(x, gamma, beta, eps=1e-5):
    y, x_hat, deviation = np.empty(x.shape), np.empty(x.shape), []
    for c, channel in enumerate(x):
        centred = channel - channel.sum() / channel.size
        deviation.append(((centred**2).sum() / channel.size + eps) ** 0.5)
        x_hat[c] = centred / deviation[c]
        y[c] = gamma[c] * x_hat[c] + beta[c]
    return y, x_hat, deviation

def batch_norm_kept(x, gamma, beta, mean, var, eps=1e-5):
    return np.stack([(x[c] - mean[c]) / (var[c] + eps) ** 0.5 * gamma[c] + beta[c] for c in range(len(x))])
""",
        """
import numpy as np

def batch_norm(x, gamma, beta, eps=1e-5):
    rows = x.reshape(len(x), -1).T
    mean = rows.mean(0)
    deviation = np.sqrt(np.einsum("mc,mc->c", rows - mean, rows - mean) / len(rows) + eps)
    x_hat = (rows - mean) / deviation
    return (x_hat * gamma + beta).T.reshape(x.shape), x_hat.T.reshape(x.shape), deviation

def batch_norm_kept(x, gamma, beta, mean, var, eps=1e-5):
    return (((x.T - mean) / np.sqrt(var + eps)) * gamma + beta).T
""",
    ),
    hints=(
        "Of how many numbers is the mean of one channel, and over which axes of (C, H, W, N) are they?",
        "One number a channel has to be read as (C, 1, 1, 1) before it meets x.",
        "Mean and variance over axes 1, 2, 3; the root of variance + ε; x less one, ÷ the other; γ, β.",
    ),
)
