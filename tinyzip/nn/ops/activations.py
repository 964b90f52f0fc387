"""Activations: one real function, at each place by itself.

clip         y = min(max(x, low), high)       dx = dy where low < x < high, else 0               (A1)
leaky ReLU   y = x where x > 0, else a·x      dx = dy where x > 0, else a·dy                     (A2)
sigmoid      y = σ(x) = 1 / (1 + e⁻ˣ)         dx = dy·σ·(1 − σ)                                  (A3)
tanh         y = tanh x                       dx = dy·(1 − y²)                                   (A4)
SiLU         y = x·σ(x)                       dx = dy·(σ + x·σ·(1 − σ))                          (A5)
hard swish   y = x·min(max(x/6 + ½, 0), 1)    dx = dy·(0 up to −3, then x/3 + ½, 1 from 3 up)    (A6)
GELU         y = x·Φ(x)                       dx = dy·(Φ + x·φ)                                  (A7)
by points    y is straight between (X₀, Y₀), (X₁, Y₁), …, and stays as it is beyond the ends     (A8)

Φ is the distribution function of a standard normal and φ = e^(−x²/2) / √(2π) its density. A1 with 0 and 6
is ReLU6 [Howard et al. 2017, MobileNets]; A2 is of Maas et al. 2013, A5 and A7 of Hendrycks & Gimpel 2016, A6
of Howard et al. 2019, MobileNetV3, eq. 1. A4 needs its output only, the others their input. Where a function
has a kink, the derivative from one of its sides is used: 0 at the ends of A1, a at 0 in A2, from the right in
A8. All take arrays (C, H, W, N) or (C, N) of any floating-point dtype, which the result keeps.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import erf, expit

from tinyzip.nn.ops.checks import Array, check_activations, check_array


def clip(x: Array, low: float | None, high: float | None) -> Array:
    """y = min(max(x, low), high); None leaves an end open                                      (A1)"""
    check_activations(x, None, "clip: x")
    return np.clip(x, -np.inf if low is None else low, np.inf if high is None else high)


def clip_backward(dy: Array, x: Array, low: float | None, high: float | None) -> Array:
    """dx = dy where low < x < high, else 0                                                     (A1)"""
    _check(dy, x, "clip_backward")
    return dy * ((x > (-np.inf if low is None else low)) & (x < (np.inf if high is None else high)))


def leaky_relu(x: Array, slope: float) -> Array:
    """y = x where x > 0, else slope·x                                                          (A2)"""
    check_activations(x, None, "leaky_relu: x")
    return np.where(x > 0, x, slope * x)


def leaky_relu_backward(dy: Array, x: Array, slope: float) -> Array:
    """dx = dy where x > 0, else slope·dy                                                       (A2)"""
    _check(dy, x, "leaky_relu_backward")
    return np.where(x > 0, dy, slope * dy)


def sigmoid(x: Array) -> Array:
    """y = 1 / (1 + e⁻ˣ)                                                                        (A3)"""
    check_activations(x, None, "sigmoid: x")
    return np.asarray(expit(x))


def sigmoid_backward(dy: Array, x: Array) -> Array:
    """dx = dy·σ·(1 − σ)                                                                        (A3)"""
    _check(dy, x, "sigmoid_backward")
    return np.asarray(dy * expit(x) * expit(-x))


def tanh(x: Array) -> Array:
    """y = tanh x                                                                               (A4)"""
    check_activations(x, None, "tanh: x")
    return np.tanh(x)


def tanh_backward(dy: Array, y: Array) -> Array:
    """dx = dy·(1 − y²), from the output y                                                      (A4)"""
    _check(dy, y, "tanh_backward")
    return np.asarray(dy * (1 - y * y))


def silu(x: Array) -> Array:
    """y = x·σ(x)                                                                               (A5)"""
    check_activations(x, None, "silu: x")
    return np.asarray(x * expit(x))


def silu_backward(dy: Array, x: Array) -> Array:
    """dx = dy·(σ + x·σ·(1 − σ))                                                                (A5)"""
    _check(dy, x, "silu_backward")
    return np.asarray(dy * (expit(x) + x * expit(x) * expit(-x)))


def hard_swish(x: Array) -> Array:
    """y = x·min(max(x/6 + ½, 0), 1)                                                            (A6)"""
    check_activations(x, None, "hard_swish: x")
    return np.asarray(x * np.clip(x / 6 + 0.5, 0, 1))


def hard_swish_backward(dy: Array, x: Array) -> Array:
    """dx = dy·(0 up to −3, then x/3 + ½, 1 from 3 up)                                          (A6)"""
    _check(dy, x, "hard_swish_backward")
    return np.where(x <= -3, 0 * dy, np.where(x < 3, dy * (x / 3 + 0.5), dy))


def gelu(x: Array) -> Array:
    """y = x·Φ(x), with Φ(x) = (1 + erf(x/√2)) / 2                                              (A7)"""
    check_activations(x, None, "gelu: x")
    return np.asarray(x * _normal(x))


def gelu_backward(dy: Array, x: Array) -> Array:
    """dx = dy·(Φ + x·φ)                                                                        (A7)"""
    _check(dy, x, "gelu_backward")
    with np.errstate(over="ignore"):  # of a square, after which the density is 0
        density = np.exp(-x * x / 2) / float(np.sqrt(2 * np.pi))
    return np.asarray(dy * (_normal(x) + x * density))


def by_points(x: Array, X: Sequence[float], Y: Sequence[float]) -> Array:
    """y through the points (X₀, Y₀), (X₁, Y₁), …, X increasing                                 (A8)"""
    check_activations(x, None, "by_points: x")
    return np.asarray(np.interp(x, X, Y), x.dtype)


def by_points_backward(dy: Array, x: Array, X: Sequence[float], Y: Sequence[float]) -> Array:
    """dx = dy·(Yᵢ₊₁ − Yᵢ) / (Xᵢ₊₁ − Xᵢ) where Xᵢ ≤ x < Xᵢ₊₁, else 0                            (A8)"""
    _check(dy, x, "by_points_backward")
    slopes = np.concatenate([[0], np.diff(Y) / np.diff(X), [0]])
    return np.asarray(dy * slopes[np.searchsorted(X, x, side="right")], dy.dtype)


def _normal(x: Array) -> Array:
    """Φ(x)."""
    return np.asarray((1 + erf(x / float(np.sqrt(2)))) / 2)


def _check(dy: Array, x: Array, operation: str) -> None:
    check_activations(x, None, f"{operation}: x")
    check_array(dy, x.shape, x.dtype, f"{operation}: dy")
