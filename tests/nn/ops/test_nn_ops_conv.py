import numpy as np
import pytest
import reference
from gradcheck import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import DEPTHWISE, SEEDS, convolutions, integral, normal

from tinyzip.nn.ops import conv2d, conv2d_backward


@settings(max_examples=200)
@given(convolutions(), st.booleans(), SEEDS)
def test_conv2d_is_the_naive_loop_exactly_on_whole_numbers(case, bias, seed):
    """(C1), (C2)"""
    x_shape, w_shape, *at = case
    x, w = integral(seed, *x_shape), integral(seed + 1, *w_shape)
    b = integral(seed + 2, w_shape[0]) if bias else None
    y = conv2d(x, w, b, *at)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, reference.conv2d(x, w, b, *at))


@settings(max_examples=100)
@given(convolutions(), SEEDS)
def test_conv2d_backward_is_the_gradient(case, seed):
    """(C3)"""
    x_shape, w_shape, *at = case
    arrays = {"x": normal(seed, *x_shape), "w": normal(seed + 1, *w_shape), "b": normal(seed + 2, w_shape[0])}
    dy = normal(seed + 3, *conv2d(**arrays, stride=at[0], padding=at[1], groups=at[2]).shape)
    gradients = dict(zip("xwb", conv2d_backward(dy, arrays["x"], arrays["w"], *at), strict=True))
    assert_gradients(lambda: conv2d(arrays["x"], arrays["w"], arrays["b"], *at), arrays, gradients, dy)


@given(convolutions(), SEEDS)
def test_backward_in_whole_numbers_is_the_adjoint_of_forward(case, seed):
    """(C3)"""
    x_shape, w_shape, *at = case
    x, w = integral(seed, *x_shape), integral(seed + 1, *w_shape)
    y = conv2d(x, w, None, *at)
    dy = integral(seed + 2, *y.shape)
    dx, dw, db = conv2d_backward(dy, x, w, *at)
    product = np.vdot(dy, y)
    assert np.vdot(dx, x) == product
    assert np.vdot(dw, w) == product
    np.testing.assert_array_equal(db, dy.sum(axis=(1, 2, 3)))


@given(convolutions(groups=DEPTHWISE), SEEDS)
def test_a_depthwise_convolution_is_a_sum_of_shifted_images_each_times_its_weight(case, seed):
    """(C4)"""
    x_shape, w_shape, stride, padding, _ = case
    x, w = integral(seed, *x_shape), integral(seed + 1, *w_shape)
    y = conv2d(x, w, None, *case[2:])
    bordered = np.pad(x, ((0, 0), *padding, (0, 0)))
    (_, OH, OW, _), (sh, sw) = y.shape, stride
    total = np.zeros_like(y)
    for f, i, j in np.ndindex(w_shape[0], *w_shape[2:]):
        image = bordered[f * x_shape[0] // w_shape[0], i:, j:]
        total[f] += w[f, 0, i, j] * image[: sh * OH : sh, : sw * OW : sw]
    np.testing.assert_array_equal(y, total)


def test_an_image_that_is_a_view_gives_the_same_as_its_copy():
    x = integral(0, 2, 6, 7, 8)[:, ::-1, 1:, ::2]
    for kernel, padding, groups in (((3, 3), 0, 1), ((1, 1), 0, 1), ((1, 1), 1, 1), ((2, 3), 1, 2)):
        w = integral(1, 4, 2 // groups, *kernel)
        y = conv2d(x, w, padding=padding, groups=groups)
        np.testing.assert_array_equal(y, conv2d(x.copy(), w, padding=padding, groups=groups))
        for view, copy in zip(
            conv2d_backward(y, x, w, 1, padding, groups),
            conv2d_backward(y, x.copy(), w, 1, padding, groups),
            strict=True,
        ):
            np.testing.assert_array_equal(view, copy)


X, W = np.zeros((2, 5, 5, 1), np.float32), np.zeros((4, 2, 3, 3), np.float32)
REFUSED = {
    "three axes": (ValueError, "conv2d: x", dict(x=X[0])),
    "no examples": (ValueError, "conv2d: x", dict(x=X[..., :0])),
    "bytes": (TypeError, "conv2d: x", dict(x=X.astype(np.uint8))),
    "a list": (TypeError, "conv2d: x", dict(x=X.tolist())),
    "other channels": (ValueError, "conv2d: w", dict(w=W[:, :1])),
    "other dtype": (TypeError, "conv2d: w", dict(w=W.astype(np.float64))),
    "flat weights": (ValueError, "conv2d: w", dict(w=W.reshape(4, 18))),
    "bias of other length": (ValueError, "conv2d: b", dict(b=np.zeros(3, np.float32))),
    "stride 0": (ValueError, "conv2d: stride", dict(stride=0)),
    "negative padding": (ValueError, "conv2d: padding", dict(padding=-1)),
    "groups that do not divide": (ValueError, "conv2d: groups", dict(groups=3)),
    "a window beyond the image": (ValueError, "window of 3×3", dict(x=X[:, :2])),
}


@pytest.mark.parametrize("case", REFUSED)
def test_conv2d_refuses(case):
    error, line, change = REFUSED[case]
    with pytest.raises(error, match=line):
        conv2d(**(dict(x=X, w=W) | change))


def test_where_nothing_is_said_windows_go_step_by_step_over_one_group_without_border():
    rng = np.random.default_rng(0)
    x, w, dy = (rng.normal(size=shape) for shape in ((2, 5, 5, 3), (4, 2, 3, 3), (4, 3, 3, 3)))
    assert np.array_equal(conv2d(x, w), conv2d(x, w, None, 1, 0, 1))
    for found, wanted in zip(conv2d_backward(dy, x, w), conv2d_backward(dy, x, w, 1, 0, 1), strict=True):
        assert np.array_equal(found, wanted)


def test_conv2d_backward_refuses_a_gradient_of_another_shape():
    with pytest.raises(ValueError, match="conv2d_backward: dy"):
        conv2d_backward(np.zeros((4, 3, 2, 1), np.float32), X, W)
