"""The fully connected layer, the rectifier, and the reshape between images and vectors.

linear   y = w·x + b                dx = wᵀ·dy,  dw = dy·xᵀ,  db = Σ_n dy                        (D1)
relu     y = max(x, 0)              dx = dy where y > 0, else 0                                  (D2)

With one example a column, D1 is the textbook's formula for the whole batch at once [Goodfellow,
Bengio, Courville, Deep Learning, 2016, §6.5]. At x = 0 the rectifier has no derivative; 0 is used.
"""

import math

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.ops.checks import FRESH, Array, Shape, check_activations, check_array, check_lengths
from tinyzip.nn.ops.sums import total


def linear(x: Array, w: Array, b: Array | None = None, workspace: Workspace = FRESH) -> Array:
    """y = w·x + b                                                                              (D1)

    x (C, N) floating point, w (F, C) and b (F,) of x's dtype; returns (F, N)
    """
    F = _features(x, w, "linear")
    y = workspace.empty((F, x.shape[1]), x.dtype)
    np.matmul(w, x, out=y)
    if b is not None:
        check_array(b, (F,), x.dtype, "linear: b")
        y += b[:, None]
    return y


def linear_backward(
    dy: Array, x: Array, w: Array, workspace: Workspace = FRESH, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """dx (C, N) or None when it is not needed, dw (F, C), db (F,) from dy (F, N), by D1."""
    F = _features(x, w, "linear_backward")
    check_array(dy, (F, x.shape[1]), x.dtype, "linear_backward: dy")
    dw, db = workspace.empty(w.shape, w.dtype), total(dy, workspace)
    np.matmul(dy, x.T, out=dw)
    if not need_dx:
        return None, dw, db
    dx = workspace.empty(x.shape, x.dtype)
    np.matmul(w.T, dy, out=dx)
    return dx, dw, db


def relu(x: Array, workspace: Workspace = FRESH) -> Array:
    """y = max(x, 0), any shape                                                                 (D2)"""
    check_activations(x, None, "relu: x")
    y = workspace.empty(x.shape, x.dtype)
    _maximum_with_zero(x, y, workspace)
    return y


def rectify(y: Array, workspace: Workspace = FRESH) -> None:
    """`relu` in y's own memory."""
    check_activations(y, None, "rectify: y")
    _maximum_with_zero(y, y, workspace)


def relu_backward(dy: Array, y: Array, workspace: Workspace = FRESH) -> Array:
    """dx from dy and the *output* y, both of one shape, by D2 (the input serves as well: y > 0 ⇔ x > 0)."""
    check_activations(dy, None, "relu_backward: dy")
    check_array(y, dy.shape, dy.dtype, "relu_backward: y")
    dx = workspace.empty(dy.shape, dy.dtype)
    with workspace.scratch():
        positive = np.greater(y, 0, out=workspace.empty(y.shape, np.bool_))
        np.multiply(dy, positive, out=dx)
    return dx


def flatten(x: Array) -> Array:
    """(C, H, W, N) to (C·H·W, N): a view, row-major like the rows of the weight that follows."""
    check_activations(x, None, "flatten: x")
    return x.reshape(-1, x.shape[-1])


def flatten_backward(dy: Array, x_shape: Shape) -> Array:
    """(C·H·W, N) back to x_shape."""
    check_activations(dy, 2, "flatten_backward: dy")
    check_lengths(x_shape, "flatten_backward: x_shape")
    if math.prod(x_shape) != dy.size or x_shape[-1] != dy.shape[1]:
        refuse("flatten_backward: dy", f"shape {dy.shape}", f"the values of {x_shape} with the same N")
    return dy.reshape(x_shape)


def _features(x: Array, w: Array, operation: str) -> int:
    """Check x (C, N) and w (F, C) against each other; returns F."""
    check_activations(x, 2, f"{operation}: x")
    if not isinstance(w, np.ndarray) or w.ndim != 2 or w.size == 0:
        found = f"shape {w.shape}" if isinstance(w, np.ndarray) else type(w).__name__
        refuse(f"{operation}: w", found, "two axes (F, C), none empty")
    check_array(w, (w.shape[0], x.shape[0]), x.dtype, f"{operation}: w")
    return int(w.shape[0])


def _maximum_with_zero(x: Array, y: Array, workspace: Workspace) -> None:
    with workspace.scratch():
        # `maximum` with a plain number is five times slower than with an array.
        zeros = workspace.empty(x.shape[1:], x.dtype)
        zeros[...] = 0
        np.maximum(x, zeros, out=y)
