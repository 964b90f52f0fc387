import numpy as np
import pytest
import reference
from gradcheck import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import SEEDS, distinct, normal

from tinyzip.nn.ops import activations as ops

POINTS = (-1.0, 1.0, 3.0), (-2.0, 1.0, 0.0)
PAIRS = {  # the function, and its backward from (dy, x, y)
    "clip": (lambda x: ops.clip(x, -0.4, 1.2), lambda dy, x, y: ops.clip_backward(dy, x, -0.4, 1.2)),
    "clip from below": (
        lambda x: ops.clip(x, -0.4, None),
        lambda dy, x, y: ops.clip_backward(dy, x, -0.4, None),
    ),
    "clip from above": (
        lambda x: ops.clip(x, None, 1.2),
        lambda dy, x, y: ops.clip_backward(dy, x, None, 1.2),
    ),
    "leaky relu": (lambda x: ops.leaky_relu(x, 0.2), lambda dy, x, y: ops.leaky_relu_backward(dy, x, 0.2)),
    "sigmoid": (ops.sigmoid, lambda dy, x, y: ops.sigmoid_backward(dy, x)),
    "tanh": (ops.tanh, lambda dy, x, y: ops.tanh_backward(dy, y)),
    "silu": (ops.silu, lambda dy, x, y: ops.silu_backward(dy, x)),
    "hard swish": (ops.hard_swish, lambda dy, x, y: ops.hard_swish_backward(dy, x)),
    "gelu": (ops.gelu, lambda dy, x, y: ops.gelu_backward(dy, x)),
    "by points": (
        lambda x: ops.by_points(x, *POINTS),
        lambda dy, x, y: ops.by_points_backward(dy, x, *POINTS),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=10)
@given(st.sampled_from([(3, 5), (2, 3, 2, 2), (6, 4, 4, 2)]), SEEDS)
def test_an_activation_is_the_naive_loop_and_its_backward_the_gradient(name, shape, seed):
    """(A1) (A2) (A3) (A4) (A5) (A6) (A7) (A8)"""
    forward, backward = PAIRS[name]
    x, dy = distinct(seed, *shape), normal(seed, *shape)
    y = forward(x)
    np.testing.assert_allclose(y, reference.activation(name, x), rtol=1e-13, atol=1e-14)
    assert_gradients(lambda: forward(x), {"x": x}, {"x": backward(dy, x, y)}, dy)


@pytest.mark.parametrize("name", PAIRS)
def test_activations_keep_float32_and_are_finite_far_out(name):
    """(A1) (A2) (A3) (A4) (A5) (A6) (A7) (A8)"""
    forward, backward = PAIRS[name]
    x = np.array([[-1e30, -1e4, -100, -1e-30, 0, 1e-30, 100, 1e4, 1e30]], np.float32)
    y = forward(x)
    dx = backward(np.ones_like(x), x, y)
    assert y.dtype == dx.dtype == np.float32 and y.shape == dx.shape == x.shape
    assert np.isfinite(y).all() and np.isfinite(dx).all()


def test_kinks_take_the_derivative_from_the_side_that_is_printed():
    """(A1) (A2) (A6) (A8)"""
    one = np.ones((1, 2))
    np.testing.assert_array_equal(ops.clip_backward(one, np.array([[-1.0, 2.0]]), -1, 2), [[0, 0]])
    np.testing.assert_array_equal(ops.leaky_relu_backward(one, np.array([[0.0, -0.0]]), 0.2), [[0.2, 0.2]])
    np.testing.assert_array_equal(ops.hard_swish_backward(one, np.array([[-3.0, 3.0]])), [[0, 1]])
    np.testing.assert_array_equal(ops.by_points_backward(one, np.array([[1.0, 3.0]]), *POINTS), [[-0.5, 0]])


X = np.zeros((3, 2), np.float32)


@pytest.mark.parametrize(
    ("error", "line", "call"),
    [
        (TypeError, "clip: x", lambda: ops.clip(X.astype(int), 0, 6)),
        (ValueError, "leaky_relu: x", lambda: ops.leaky_relu(X[0], 0.1)),
        (ValueError, "sigmoid: x", lambda: ops.sigmoid(X[:, :0])),
        (TypeError, "tanh: x", lambda: ops.tanh([[0.0]])),
        (ValueError, "silu: x", lambda: ops.silu(X[None])),
        (TypeError, "hard_swish: x", lambda: ops.hard_swish(X > 0)),
        (ValueError, "gelu: x", lambda: ops.gelu(X[0])),
        (ValueError, "by_points: x", lambda: ops.by_points(X[0], *POINTS)),
        (ValueError, "clip_backward: dy", lambda: ops.clip_backward(X[:2], X, 0, 6)),
        (TypeError, "leaky_relu_backward: dy", lambda: ops.leaky_relu_backward(X.astype(float), X, 0.1)),
        (ValueError, "sigmoid_backward: dy", lambda: ops.sigmoid_backward(X[:2], X)),
        (ValueError, "tanh_backward: dy", lambda: ops.tanh_backward(X[:2], X)),
        (ValueError, "silu_backward: x", lambda: ops.silu_backward(X, X[0])),
        (ValueError, "hard_swish_backward: dy", lambda: ops.hard_swish_backward(X.T, X)),
        (ValueError, "gelu_backward: dy", lambda: ops.gelu_backward(X.T, X)),
        (ValueError, "by_points_backward: dy", lambda: ops.by_points_backward(X.T, X, *POINTS)),
    ],
)
def test_activations_refuse(error, line, call):
    with pytest.raises(error, match=line):
        call()
