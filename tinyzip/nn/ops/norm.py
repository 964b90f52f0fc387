"""Batch normalisation and dropout: what behaves differently in training.

Batch normalisation [Ioffe & Szegedy 2015, algorithm 1] makes each channel's values over the batch (and
the image) have mean 0 and variance 1, then gives the channel a scale and an offset of its own:

μ = mean x,   σ² = mean (x − μ)²,   x̂ = (x − μ) / √(σ² + ε),   y = γ·x̂ + β                      (N1)
dγ = Σ dy·x̂,   dβ = Σ dy,   dx = γ / √(σ² + ε) · (dy − dβ/M − x̂·dγ/M)                           (N2)

with M values a channel: μ and σ depend on every x, and N2 is the chain rule through them, collected.
At inference the batch must not matter, so μ and σ² are averages kept from training, and N1 is a fixed
scale and offset a channel:

dγ = Σ dy·x̂,   dβ = Σ dy,   dx = γ / √(σ² + ε) · dy                                              (N3)

The average is of the unbiased variance, σ²·M/(M − 1) [algorithm 2].

Dropout [Srivastava et al. 2014, §10, "inverted"] zeroes a value with probability r and divides the others
by 1 − r, so that expectations do not change and inference does nothing:

y = x·mask,   dx = dy·mask,   mask = 0 with probability r, else 1 / (1 − r)                      (N4)
"""

from typing import NamedTuple

import numpy as np

from tinyzip.base.refuse import is_number, refuse
from tinyzip.nn.ops.checks import Array, check_activations, check_array


class BatchNormCache(NamedTuple):
    """What backward needs, centred = x − μ in x's shape and deviation = √(σ² + ε), scale = γ/deviation (C,),
    and what the kept statistics are blended from, mean and unbiased variance (C,)."""

    centred: Array
    deviation: Array
    scale: Array
    mean: Array
    var: Array


def batch_norm(x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float = 1e-5) -> Array:
    """y = γ·(x − mean) / √(var + ε) + β with kept statistics: inference                          (N1)

    x (C, H, W, N) or (C, N) floating point; gamma, beta, mean, var (C,) of its dtype; returns x's shape
    """
    _check(x, eps, "batch_norm", gamma=gamma, beta=beta, mean=mean, var=var)
    x_hat = (x - across(mean, x)) / across(np.sqrt(var + x.dtype.type(eps)), x)
    return across(gamma, x) * x_hat + across(beta, x)


def batch_norm_train(x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> tuple[Array, BatchNormCache]:
    """y with the statistics of this batch, and the cache for `batch_norm_backward`              (N1)

    arguments as in `batch_norm`; refuses a batch with one value a channel
    """
    _check(x, eps, "batch_norm_train", gamma=gamma, beta=beta)
    M, others = values_per_channel(x), tuple(range(1, x.ndim))
    mean = x.mean(axis=others)
    centred = x - across(mean, x)
    variance = np.square(centred).mean(axis=others)
    deviation = np.sqrt(variance + x.dtype.type(eps))
    y = across(gamma, x) * (centred / across(deviation, x)) + across(beta, x)
    unbiased = variance * x.dtype.type(M / (M - 1))
    return y, BatchNormCache(centred, deviation, gamma / deviation, mean, unbiased)


def batch_norm_backward(dy: Array, cache: BatchNormCache) -> tuple[Array, Array, Array]:
    """dx of dy's shape, dgamma (C,), dbeta (C,)                                                  (N2)"""
    check_array(dy, cache.centred.shape, cache.centred.dtype, "batch_norm_backward: dy")
    M, others = dy[0].size, tuple(range(1, dy.ndim))
    x_hat = cache.centred / across(cache.deviation, dy)
    dgamma, dbeta = (dy * x_hat).sum(axis=others), dy.sum(axis=others)
    dx = across(cache.scale, dy) * (dy - across(dbeta / M, dy) - x_hat * across(dgamma / M, dy))
    return dx, dgamma, dbeta


def batch_norm_inference_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, var: Array, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    """dx, dgamma, dbeta of `batch_norm`, where mean and var are constants                        (N3)"""
    _check(x, eps, "batch_norm_inference_backward", gamma=gamma, mean=mean, var=var)
    check_array(dy, x.shape, x.dtype, "batch_norm_inference_backward: dy")
    others = tuple(range(1, x.ndim))
    deviation = np.sqrt(var + x.dtype.type(eps))
    x_hat = (x - across(mean, x)) / across(deviation, x)
    return dy * across(gamma / deviation, x), (dy * x_hat).sum(axis=others), dy.sum(axis=others)


def dropout(x: Array, rate: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """y = x·mask, and the mask, both of x's shape                                                (N4)"""
    check_activations(x, None, "dropout: x")
    if not is_number(rate) or not 0 <= rate < 1:
        refuse("dropout: rate", rate, "a probability from 0 up to, but not including, 1")
    if not isinstance(rng, np.random.Generator):
        refuse("dropout: rng", type(rng).__name__, "a numpy.random.Generator", TypeError)
    draws = rng.random(x.shape, np.float64 if x.dtype == np.float64 else np.float32)
    mask = (draws >= rate) * x.dtype.type(1 / (1 - rate))
    return x * mask, mask


def dropout_backward(dy: Array, mask: Array) -> Array:
    """dx = dy·mask                                                                               (N4)"""
    check_activations(dy, None, "dropout_backward: dy")
    check_array(mask, dy.shape, dy.dtype, "dropout_backward: mask")
    return dy * mask


def values_per_channel(x: Array) -> int:
    """M; refuses a single one, which has no variance."""
    M: int = x[0].size
    if M < 2:
        refuse("batch_norm_train: x", f"shape {x.shape}", "two values a channel or more")
    return M


def across(channel: Array, x: Array) -> Array:
    """(C,) as (C, 1, …, 1), to be broadcast over x."""
    return channel.reshape(-1, *[1] * (x.ndim - 1))


def _check(x: Array, eps: float, operation: str, **channels: Array) -> None:
    check_activations(x, None, f"{operation}: x")
    for name, values in channels.items():
        check_array(values, (x.shape[0],), x.dtype, f"{operation}: {name}")
    if not is_number(eps) or not 0 < eps < np.inf:
        refuse(f"{operation}: eps", eps, "a finite number above 0")
