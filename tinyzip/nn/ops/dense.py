"""The fully connected layer, the rectifier, and the reshape between images and vectors.

linear   y = w·x + b                dx = wᵀ·dy,  dw = dy·xᵀ,  db = Σ_n dy                        (D1)
relu     y = max(x, 0)              dx = dy where y > 0, else 0                                  (D2)
flatten  y = x, read as (C·H·W, N)  dx = dy, read as (C, H, W, N)                                (D3)

With one example a column, D1 is the textbook's formula for the whole batch at once [Goodfellow,
Bengio, Courville, Deep Learning, 2016, §6.5]. At x = 0 the rectifier has no derivative; 0 is used.
"""

import math

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn.ops.checks import Array, Shape, check_activations, check_array, check_lengths, check_weights


def linear(x: Array, w: Array, b: Array | None = None) -> Array:
    """y = w·x + b                                                                              (D1)

    x (C, N) floating point, w (F, C) and b (F,) of x's dtype; returns (F, N)
    """
    _check(x, w, b, "linear")
    return w @ x if b is None else w @ x + b[:, None]


def linear_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """dx = wᵀ·dy (C, N),   dw = dy·xᵀ (F, C),   db = Σ_n dy (F,)   from dy (F, N)              (D1)"""
    _check(x, w, None, "linear_backward")
    check_array(dy, (len(w), x.shape[1]), x.dtype, "linear_backward: dy")
    return w.T @ dy, dy @ x.T, dy.sum(axis=1)


def relu(x: Array) -> Array:
    """y = max(x, 0), any shape                                                                 (D2)"""
    check_activations(x, None, "relu: x")
    return np.maximum(x, 0)


def relu_backward(dy: Array, y: Array) -> Array:
    """dx = dy where y > 0, else 0: from the output y, for which y > 0 ⇔ x > 0                  (D2)

    dy, y  of one shape, any
    """
    check_activations(dy, None, "relu_backward: dy")
    check_array(y, dy.shape, dy.dtype, "relu_backward: y")
    return dy * (y > 0)


def flatten(x: Array) -> Array:
    """(C, H, W, N) to (C·H·W, N): a view, row-major like the rows of the weight that follows   (D3)"""
    check_activations(x, None, "flatten: x")
    return x.reshape(-1, x.shape[-1])


def flatten_backward(dy: Array, x_shape: Shape) -> Array:
    """(C·H·W, N) back to x_shape                                                               (D3)"""
    check_activations(dy, 2, "flatten_backward: dy")
    check_lengths(x_shape, "flatten_backward: x_shape")
    if math.prod(x_shape) != dy.size or x_shape[-1] != dy.shape[1]:
        refuse("flatten_backward: dy", f"shape {dy.shape}", f"the values of {x_shape} with the same N")
    return dy.reshape(x_shape)


def _check(x: Array, w: Array, b: Array | None, operation: str) -> None:
    check_activations(x, 2, f"{operation}: x")
    check_weights(w, "(F, C)", f"{operation}: w")
    check_array(w, (len(w), len(x)), x.dtype, f"{operation}: w")
    if b is not None:
        check_array(b, (len(w),), x.dtype, f"{operation}: b")
