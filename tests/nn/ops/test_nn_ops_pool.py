import numpy as np
import pytest
import reference
from gradcheck import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import SEEDS, distinct, integral, normal, windows

from tinyzip.nn.ops import (
    avg_pool2d,
    avg_pool2d_backward,
    global_avg_pool,
    global_avg_pool_backward,
    max_pool2d,
    max_pool2d_backward,
)
from tinyzip.nn.ops.patches import pool_geometry

BATCH = st.integers(1, 3)


@given(windows(pooling=True), BATCH, SEEDS)
def test_max_pool_and_its_winners_are_the_naive_loop_with_many_ties(case, N, seed):
    """(P1)"""
    size, *at = case
    x = np.random.default_rng(seed).integers(-2, 1, (2, *size, N)).astype(np.float32)
    y, arg = max_pool2d(x, *at)
    np.testing.assert_array_equal(y, reference.max_pool2d(x, *at))
    np.testing.assert_array_equal(arg, reference.max_pool2d_winners(x, *at))


@settings(max_examples=30)
@given(windows(pooling=True), SEEDS)
def test_max_pool_backward_is_the_gradient(case, seed):
    """(P3)"""
    size, *at = case
    x = distinct(seed, 1, *size, 2)
    y, arg = max_pool2d(x, *at)
    dy = normal(seed + 1, *y.shape)
    dx = max_pool2d_backward(dy, arg, x.shape, *at)
    assert_gradients(lambda: max_pool2d(x, *at)[0], {"x": x}, {"x": dx}, dy)


@given(windows(pooling=True), SEEDS)
def test_max_pool_backward_sends_every_gradient_somewhere(case, seed):
    size, *at = case
    x = np.zeros((2, *size, 2), np.float32)
    y, arg = max_pool2d(x, *at)
    dy = integral(seed, *y.shape)
    dx = max_pool2d_backward(dy, arg, x.shape, *at)
    np.testing.assert_array_equal(dx.sum(axis=(1, 2)), dy.sum(axis=(1, 2)))


@given(windows(pooling=True), BATCH, SEEDS)
def test_avg_pool_is_the_naive_loop(case, N, seed):
    """(P2)"""
    size, *at = case
    x = normal(seed, 2, *size, N)
    np.testing.assert_allclose(avg_pool2d(x, *at), reference.avg_pool2d(x, *at), rtol=1e-13, atol=1e-13)


@settings(max_examples=30)
@given(windows(pooling=True), SEEDS)
def test_avg_pool_backward_is_the_gradient(case, seed):
    """(P4)"""
    size, *at = case
    x = normal(seed, 1, *size, 2)
    dy = normal(seed + 1, *avg_pool2d(x, *at).shape)
    dx = avg_pool2d_backward(dy, x.shape, *at)
    assert_gradients(lambda: avg_pool2d(x, *at), {"x": x}, {"x": dx}, dy)


@given(windows(pooling=True), SEEDS)
def test_the_average_of_a_constant_is_that_constant_up_to_the_border(case, seed):
    size, *at = case
    y = avg_pool2d(np.full((1, *size, 1), 3, np.float32), *at)
    np.testing.assert_array_equal(y, np.full_like(y, 3))


@settings(max_examples=20)
@given(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), BATCH), SEEDS)
def test_global_avg_pool_is_the_naive_loop_and_its_backward_the_gradient(shape, seed):
    """(P5)"""
    x = normal(seed, *shape)
    y = global_avg_pool(x)
    np.testing.assert_allclose(y, reference.global_avg_pool(x), rtol=1e-13, atol=1e-13)
    dy = normal(seed + 1, *y.shape)
    assert_gradients(lambda: global_avg_pool(x), {"x": x}, {"x": global_avg_pool_backward(dy, x.shape)}, dy)


def test_the_stride_of_a_pooling_is_its_kernel_unless_given():
    x = normal(0, 1, 7, 7, 1)
    np.testing.assert_array_equal(max_pool2d(x, 3)[0], max_pool2d(x, 3, 3)[0])
    np.testing.assert_array_equal(avg_pool2d(x, (2, 3)), avg_pool2d(x, (2, 3), (2, 3)))


def test_there_is_no_border_unless_given_and_floats_stay_what_they_are():
    for dtype in (np.float32, np.float64):
        x = normal(0, 2, 6, 7, 3).astype(dtype)
        (y, arg), mean = max_pool2d(x, 2), avg_pool2d(x, 2)
        found = [y, mean, max_pool2d_backward(y, arg, x.shape, 2), avg_pool2d_backward(y, x.shape, 2)]
        again = [
            max_pool2d(x, 2, 2, 0)[0],
            avg_pool2d(x, 2, 2, 0),
            max_pool2d_backward(y, arg, x.shape, 2, 2, 0),
        ]
        again.append(avg_pool2d_backward(y, x.shape, 2, 2, 0))
        whole = global_avg_pool(x)
        found, again = [*found, whole], [*again, whole]
        found.append(global_avg_pool_backward(whole, x.shape))
        again.append(found[-1])
        for one, other in zip(found, again, strict=True):
            assert one.dtype == dtype
            np.testing.assert_array_equal(one, other)


def test_rows_that_no_window_reaches_are_not_read_and_get_no_gradient():
    x = normal(0, 1, 5, 5, 1)
    x[:, 4], x[:, :, 4] = np.inf, np.inf
    y, arg = max_pool2d(x, 2)
    assert np.isfinite(y).all() and np.isfinite(avg_pool2d(x, 2)).all()
    dx = max_pool2d_backward(np.ones_like(y), arg, x.shape, 2)
    assert not dx[:, 4].any() and not dx[:, :, 4].any()


def test_minus_infinity_in_the_image_wins_over_padding():
    x = np.full((1, 2, 2, 1), -np.inf)
    _, arg = max_pool2d(x, 2, 1, 1)
    assert arg[0, 0, 0, 0] == 3 and arg[0, 0, 1, 0] == 2 and arg[0, 2, 2, 0] == 0


@pytest.mark.parametrize("kernel", [(17, 17), (1, 256), (257, 1)])
def test_windows_of_256_pixels_and_more_name_their_winner(kernel):
    x = distinct(0, 1, *kernel, 1)
    x[0, -1, -1] = x.max() + 1
    _, arg = max_pool2d(x, kernel)
    assert arg.item() == x.argmax() == x.size - 1 and arg.dtype == (np.uint8 if x.size == 256 else np.uint16)


X = np.zeros((1, 4, 4, 1), np.float32)


@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
@pytest.mark.parametrize(
    ("error", "line", "arguments"),
    [
        (ValueError, "x: found shape", (X[0], 2)),
        (TypeError, "x: found dtype", (X.astype(int), 2)),
        (ValueError, "x: found shape", (X[..., :0], 2)),
        (ValueError, "kernel", (X, 0)),
        (ValueError, "stride", (X, 2, 0)),
        (ValueError, "padding", (X, 2, 2, 2)),
        (ValueError, "padding", (X, 2, 2, ((0, 0), (0, 2)))),
        (ValueError, "window of 5×5", (X, 5)),
    ],
)
def test_poolings_refuse(pool, error, line, arguments):
    with pytest.raises(error, match=line):
        pool(*arguments)


@pytest.mark.parametrize("padding", [((2, 0), (0, 0)), ((0, 2), (0, 0)), ((0, 0), (3, 0)), ((0, 0), (0, 3))])
def test_a_padding_as_wide_as_the_window_is_refused_on_each_side(padding):
    with pytest.raises(
        ValueError, match=r"^it: padding: found .*, needed less than the window \(2, 3\) on ev"
    ):
        pool_geometry((1, 9, 9), (2, 3), None, padding, "it")
    less = tuple(tuple(max(end - 1, 0) for end in ends) for ends in padding)
    assert pool_geometry((1, 9, 9), (2, 3), None, less, "it").padding == less


def test_pooling_backwards_refuse_gradients_that_do_not_fit():
    y, arg = max_pool2d(X, 2)
    with pytest.raises(ValueError, match="dy"):
        max_pool2d_backward(y[:, :1], arg, X.shape, 2)
    with pytest.raises(ValueError, match="arg"):
        max_pool2d_backward(y, arg[:, :1], X.shape, 2)
    with pytest.raises(ValueError, match="x_shape"):
        avg_pool2d_backward(y, (4, 4), 2)
    for shape in (None, [*X.shape], (*X.shape[:2], 0, X.shape[3]), (*X.shape[:3], float(X.shape[3]))):
        with pytest.raises(ValueError, match="x_shape: found"):
            max_pool2d_backward(y, arg, shape, 2)
    with pytest.raises(ValueError, match="global_avg_pool_backward: dy"):
        global_avg_pool_backward(y, X.shape)
    with pytest.raises(ValueError, match="global_avg_pool_backward: x_shape"):
        global_avg_pool_backward(y, X.shape[1:])
    for x, error in ((X[0], ValueError), (X.astype(int), TypeError), (X[..., :0], ValueError)):
        with pytest.raises(error, match="global_avg_pool: x: found"):
            global_avg_pool(x)
        with pytest.raises(error, match="global_avg_pool_backward: dy: found"):
            global_avg_pool_backward(x, X.shape)
