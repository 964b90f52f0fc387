"""Batch normalisation and dropout: what behaves differently in training.

Batch normalisation [Ioffe & Szegedy 2015, algorithm 1] makes each channel's values over the batch (and
the image) have mean 0 and variance 1, then gives the channel a scale and an offset of its own:

μ = mean x,   σ² = mean (x − μ)²,   x̂ = (x − μ) / √(σ² + ε),   y = γ·x̂ + β                      (N1)
dγ = Σ dy·x̂,   dβ = Σ dy,   dx = γ / √(σ² + ε) · (dy − dβ/M − x̂·dγ/M)                           (N2)

with M values a channel: μ and σ depend on every x, and N2 is the chain rule through them, collected.
At inference the batch must not matter, so μ and σ² are averages kept from training, and N1 is a fixed
scale and offset a channel. The average is of the unbiased variance, σ²·M/(M − 1) [algorithm 2].

Dropout [Srivastava et al. 2014, §10, "inverted"] zeroes a value with probability `rate` and divides
the others by 1 − rate, so that expectations do not change and inference does nothing.
"""

from typing import NamedTuple

import numpy as np

from tinyzip.base.refuse import is_number, refuse
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.ops.checks import FRESH, Array, check_activations, check_array
from tinyzip.nn.ops.sums import dot, total


class BatchNormCache(NamedTuple):
    """What backward needs, centred = x − μ in x's shape and deviation = √(σ² + ε), scale = γ/deviation (C,),
    and what the kept statistics are blended from, mean and unbiased variance (C,)."""

    centred: Array
    deviation: Array
    scale: Array
    mean: Array
    var: Array


def batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    eps: float = 1e-5,
    workspace: Workspace = FRESH,
) -> Array:
    """y = γ·(x − mean) / √(var + ε) + β with kept statistics: inference                          (N1)

    x (C, H, W, N) or (C, N) floating point; gamma, beta, mean, var (C,) of its dtype; returns x's shape
    """
    _check(x, eps, "batch_norm", gamma=gamma, beta=beta, mean=mean, var=var)
    scale = gamma / np.sqrt(var + x.dtype.type(eps))
    y = workspace.empty(x.shape, x.dtype)
    np.multiply(x, _across(scale, x), out=y)
    y += _across(beta - mean * scale, x)
    return y


def batch_norm_train(
    x: Array, gamma: Array, beta: Array, eps: float = 1e-5, workspace: Workspace = FRESH
) -> tuple[Array, BatchNormCache]:
    """y with the statistics of this batch, and the cache for `batch_norm_backward`              (N1)

    arguments as in `batch_norm`; refuses a batch with one value a channel, which has no variance
    """
    _check(x, eps, "batch_norm_train", gamma=gamma, beta=beta)
    C = x.shape[0]
    M = x.size // C
    if M < 2:
        refuse("batch_norm_train: x", f"shape {x.shape}", "two values a channel or more")
    y, centred = workspace.empty(x.shape, x.dtype), workspace.empty(x.shape, x.dtype)
    mean = total(x.reshape(C, M), workspace) / x.dtype.type(M)
    np.subtract(x, _across(mean, x), out=centred)
    variance = dot(centred.reshape(C, M), centred.reshape(C, M)) / x.dtype.type(M)
    deviation = np.sqrt(variance + x.dtype.type(eps))
    scale = gamma / deviation
    np.multiply(centred, _across(scale, x), out=y)
    y += _across(beta, x)
    return y, BatchNormCache(centred, deviation, scale, mean, variance * x.dtype.type(M / (M - 1)))


def batch_norm_backward(
    dy: Array, cache: BatchNormCache, workspace: Workspace = FRESH
) -> tuple[Array, Array, Array]:
    """dx of dy's shape, dgamma (C,), dbeta (C,), by N2."""
    check_activations(dy, None, "batch_norm_backward: dy")
    centred = cache.centred
    check_array(dy, centred.shape, centred.dtype, "batch_norm_backward: dy")
    C = dy.shape[0]
    M = dy.dtype.type(dy.size // C)
    dx = workspace.empty(dy.shape, dy.dtype)
    dbeta = total(dy.reshape(C, -1), workspace)
    dgamma = dot(dy.reshape(C, -1), centred.reshape(C, -1)) / cache.deviation
    np.multiply(centred, _across(-dgamma / (M * cache.deviation), dy), out=dx)
    dx += dy
    dx -= _across(dbeta / M, dy)
    dx *= _across(cache.scale, dy)
    return dx, dgamma, dbeta


def batch_norm_inference_backward(
    dy: Array,
    x: Array,
    gamma: Array,
    mean: Array,
    var: Array,
    eps: float = 1e-5,
    workspace: Workspace = FRESH,
) -> tuple[Array, Array, Array]:
    """dx, dgamma, dbeta of `batch_norm`, where mean and var are constants: dx = γ/√(var + ε)·dy."""
    _check(x, eps, "batch_norm_inference_backward", gamma=gamma, mean=mean, var=var)
    check_array(dy, x.shape, x.dtype, "batch_norm_inference_backward: dy")
    C = x.shape[0]
    deviation = np.sqrt(var + x.dtype.type(eps))
    dx = workspace.empty(x.shape, x.dtype)
    np.multiply(dy, _across(gamma / deviation, dy), out=dx)
    dbeta = total(dy.reshape(C, -1), workspace)
    dgamma = (dot(dy.reshape(C, -1), x.reshape(C, -1)) - mean * dbeta) / deviation
    return dx, dgamma, dbeta


def dropout(
    x: Array, rate: float, rng: np.random.Generator, workspace: Workspace = FRESH
) -> tuple[Array, Array]:
    """y = x·mask, and the mask: 0 with probability `rate`, else 1 / (1 − rate); both of x's shape."""
    check_activations(x, None, "dropout: x")
    if not is_number(rate) or not 0 <= rate < 1:
        refuse("dropout: rate", rate, "a probability from 0 up to, but not including, 1")
    if not isinstance(rng, np.random.Generator):
        refuse("dropout: rng", type(rng).__name__, "a numpy.random.Generator", TypeError)
    mask = workspace.empty(x.shape, x.dtype)
    draws = rng.random(x.shape, np.float64 if x.dtype == np.float64 else np.float32)
    np.greater_equal(draws, rate, out=mask, casting="unsafe")
    mask *= x.dtype.type(1 / (1 - rate))
    return np.multiply(x, mask, out=workspace.empty(x.shape, x.dtype)), mask


def dropout_backward(dy: Array, mask: Array, workspace: Workspace = FRESH) -> Array:
    """dx = dy·mask."""
    check_activations(dy, None, "dropout_backward: dy")
    check_array(mask, dy.shape, dy.dtype, "dropout_backward: mask")
    dx = workspace.empty(dy.shape, dy.dtype)
    np.multiply(dy, mask, out=dx)
    return dx


def _across(channel: Array, x: Array) -> Array:
    """(C,) as (C, 1, …, 1), to be broadcast over x."""
    return channel.reshape(-1, *[1] * (x.ndim - 1))


def _check(x: Array, eps: float, operation: str, **channels: Array) -> None:
    check_activations(x, None, f"{operation}: x")
    for name, values in channels.items():
        check_array(values, (x.shape[0],), x.dtype, f"{operation}: {name}")
    if not is_number(eps) or not 0 < eps < np.inf:
        refuse(f"{operation}: eps", eps, "a finite number above 0")
