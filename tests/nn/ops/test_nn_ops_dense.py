import numpy as np
import pytest
import reference
from gradcheck import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import SEEDS, distinct, integral, normal

from tinyzip.nn.ops import flatten, flatten_backward, linear, linear_backward, relu, relu_backward

SIZE = st.integers(1, 6)


@given(SIZE, SIZE, SIZE, st.booleans(), SEEDS)
def test_linear_is_the_naive_loop_exactly_on_whole_numbers(C, F, N, bias, seed):
    """(D1)"""
    x, w = integral(seed, C, N), integral(seed + 1, F, C)
    b = integral(seed + 2, F) if bias else None
    np.testing.assert_array_equal(linear(x, w, b), reference.linear(x, w, b))


@given(SIZE, SIZE, SIZE, SEEDS)
def test_linear_backward_is_the_gradient(C, F, N, seed):
    """(D1)"""
    arrays = {"x": normal(seed, C, N), "w": normal(seed + 1, F, C), "b": normal(seed + 2, F)}
    dy = normal(seed + 3, F, N)
    gradients = dict(zip("xwb", linear_backward(dy, arrays["x"], arrays["w"]), strict=True))
    assert_gradients(lambda: linear(**arrays), arrays, gradients, dy)


@settings(max_examples=20)
@given(st.sampled_from([(3, 4), (2, 3, 2, 2)]), SEEDS)
def test_relu_is_the_naive_loop_and_its_backward_the_gradient(shape, seed):
    """(D2)"""
    x = distinct(seed, *shape)
    y, dy = relu(x), normal(seed + 1, *shape)
    np.testing.assert_array_equal(y, reference.relu(x))
    assert_gradients(lambda: relu(x), {"x": x}, {"x": relu_backward(dy, y)}, dy)
    np.testing.assert_array_equal(relu_backward(dy, y), relu_backward(dy, x))


def test_the_rectifier_has_slope_zero_at_zero():
    """(D2)"""
    zero = np.zeros((1, 1))
    assert relu_backward(np.ones((1, 1)), relu(zero)) == 0


def test_flatten_is_row_major_and_backward_undoes_it():
    """(D3)"""
    x = normal(0, 2, 3, 4, 5)
    y = flatten(x)
    assert np.shares_memory(x, y)
    np.testing.assert_array_equal(y[:, 1], x[..., 1].ravel())
    np.testing.assert_array_equal(flatten_backward(y, x.shape), x)


X, W = np.zeros((3, 2), np.float32), np.zeros((4, 3), np.float32)


@pytest.mark.parametrize(
    ("error", "line", "call"),
    [
        (ValueError, "linear: x", lambda: linear(X[0], W)),
        (TypeError, "linear: x", lambda: linear(X.astype(int), W)),
        (ValueError, "linear: x", lambda: linear(X[:, :0], W)),
        (ValueError, "linear: w", lambda: linear(X, W[:, :2])),
        (ValueError, "linear: w", lambda: linear(X, W[0])),
        (TypeError, "linear: w", lambda: linear(X, W.astype(np.float64))),
        (ValueError, "linear: b", lambda: linear(X, W, np.zeros(3, np.float32))),
        (ValueError, "linear_backward: dy", lambda: linear_backward(X, X, W)),
        (ValueError, "linear_backward: w: found", lambda: linear_backward(X, X, W.T)),
        (TypeError, "linear_backward: x: found", lambda: linear_backward(X, None, W)),
        (TypeError, "relu_backward: dy: found", lambda: relu_backward(None, X)),
        (ValueError, "relu: x", lambda: relu(X[0])),
        (ValueError, "relu_backward: y", lambda: relu_backward(X, X[:2])),
        (ValueError, "flatten: x: found", lambda: flatten(X[0])),
        (TypeError, "flatten: x: found", lambda: flatten(X.astype(int))),
        (ValueError, "flatten_backward: dy: found", lambda: flatten_backward(X[None], (3, 1, 2))),
        (ValueError, "flatten_backward: dy", lambda: flatten_backward(X, (2, 2, 2))),
        (ValueError, "flatten_backward: dy", lambda: flatten_backward(X, (2, 1, 3))),
        (ValueError, "flatten_backward: x_shape", lambda: flatten_backward(X, None)),
        (ValueError, "flatten_backward: x_shape", lambda: flatten_backward(X, (-1, -3, 2))),
    ],
)
def test_dense_operations_refuse(error, line, call):
    with pytest.raises(error, match=line):
        call()
