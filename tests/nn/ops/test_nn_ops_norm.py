import numpy as np
import pytest
import reference
from gradcheck import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import SEEDS, normal

from tinyzip.nn.ops import (
    batch_norm,
    batch_norm_backward,
    batch_norm_inference_backward,
    batch_norm_train,
    dropout,
    dropout_backward,
)

EPS = 1e-5
SHAPES = st.one_of(
    st.tuples(st.integers(1, 3), st.integers(2, 6)),
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(2, 4)),
)


def arrays_for(shape, seed):
    C = shape[0]
    return {
        "x": normal(seed, *shape),
        "gamma": normal(seed + 1, C),
        "beta": normal(seed + 2, C),
    }, {"mean": normal(seed + 3, C), "var": normal(seed + 4, C) ** 2}


@given(SHAPES, SEEDS)
def test_batch_norm_is_the_naive_loop(shape, seed):
    """(N1)"""
    arrays, kept = arrays_for(shape, seed)
    expected = reference.batch_norm(**arrays, **kept, eps=EPS)
    np.testing.assert_allclose(batch_norm(**arrays, **kept, eps=EPS), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_epsilon_is_a_hundred_thousandth_unless_given_and_floats_stay_what_they_are(dtype):
    arrays, kept = (
        {name: a.astype(dtype) for name, a in part.items()} for part in arrays_for((3, 2, 2, 4), 0)
    )
    x, gamma = arrays["x"], arrays["gamma"]
    found, given_eps = (
        [
            batch_norm(**arrays, **kept, **eps),
            batch_norm_train(**arrays, **eps)[0],
            *batch_norm_inference_backward(x, x, gamma, **kept, **eps),
            *batch_norm_backward(x, batch_norm_train(**arrays, **eps)[1]),
        ]
        for eps in ({}, {"eps": 1e-5})
    )
    for one, other in zip(found, given_eps, strict=True):
        assert one.dtype == dtype
        np.testing.assert_array_equal(one, other)


@given(SHAPES, SEEDS)
def test_training_batch_norm_uses_the_statistics_of_the_batch(shape, seed):
    """(N1)"""
    arrays, _ = arrays_for(shape, seed)
    mean, var = reference.batch_statistics(arrays["x"])
    M = arrays["x"][0].size
    y, cache = batch_norm_train(**arrays, eps=EPS)
    expected = reference.batch_norm(**arrays, mean=mean, var=var, eps=EPS)
    np.testing.assert_allclose(y, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(cache.mean, mean, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(cache.var, var * M / (M - 1), rtol=1e-12, atol=1e-12)


@settings(max_examples=30)
@given(SHAPES, SEEDS)
def test_training_batch_norm_backward_is_the_gradient(shape, seed):
    """(N2)"""
    arrays, _ = arrays_for(shape, seed)
    arrays["x"] += np.arange(shape[-1])  # a variance well above the difference step
    dy = normal(seed + 5, *shape)
    _, cache = batch_norm_train(**arrays, eps=1e-2)
    gradients = dict(zip(("x", "gamma", "beta"), batch_norm_backward(dy, cache), strict=True))
    assert_gradients(lambda: batch_norm_train(**arrays, eps=1e-2)[0], arrays, gradients, dy)


@settings(max_examples=30)
@given(SHAPES, SEEDS)
def test_inference_batch_norm_backward_is_the_gradient(shape, seed):
    """(N3)"""
    arrays, kept = arrays_for(shape, seed)
    kept["var"] += 0.1
    dy = normal(seed + 5, *shape)
    result = batch_norm_inference_backward(dy, arrays["x"], arrays["gamma"], **kept)
    gradients = dict(zip(("x", "gamma", "beta"), result, strict=True))
    assert_gradients(lambda: batch_norm(**arrays, **kept), arrays, gradients, dy)


@settings(max_examples=20)
@given(st.floats(0, 0.95), SEEDS)
def test_dropout_zeroes_a_share_and_scales_the_rest(rate, seed):
    """(N4)"""
    x = np.ones((100, 100), np.float32)
    y, mask = dropout(x, rate, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.unique(y[y > 0]), np.float32(1 / (1 - rate)))
    assert abs(np.mean(y == 0) - rate) < 0.03  # six standard deviations of 10,000 draws
    np.testing.assert_array_equal(dropout_backward(x, mask), y)


class Fixed(np.random.Generator):
    """Draws one number only."""

    def random(self, size, dtype):
        return np.full(size, 0.5, dtype)


def test_a_draw_that_is_the_rate_keeps_its_number():
    x = np.ones((2, 3), np.float32)
    assert (dropout(x, 0.5, Fixed(np.random.PCG64()))[0] == 2).all()
    assert not dropout(x, 0.51, Fixed(np.random.PCG64()))[0].any()


def test_dropout_draws_the_same_from_the_same_generator():
    x = normal(0, 4, 5)
    masks = [dropout(x, 0.5, np.random.default_rng(7))[1] for _ in range(2)]
    np.testing.assert_array_equal(*masks)


X, G = np.zeros((3, 2), np.float32), np.zeros(3, np.float32)
_, CACHE = batch_norm_train(X, G, G)


@pytest.mark.parametrize(
    ("error", "line", "call"),
    [
        (ValueError, "batch_norm: x", lambda: batch_norm(X[0], G, G, G, G)),
        (ValueError, "batch_norm: gamma", lambda: batch_norm(X, G[:2], G, G, G)),
        (TypeError, "batch_norm: var", lambda: batch_norm(X, G, G, G, G.astype(np.float64))),
        (ValueError, "batch_norm_train: eps", lambda: batch_norm_train(X, G, G, 0)),
        (ValueError, "two values a channel", lambda: batch_norm_train(X[:, :1], G, G)),
        *(
            (error, f"batch_norm_backward: dy: found {found}", lambda dy=dy: batch_norm_backward(dy, CACHE))
            for dy, error, found in (
                (None, TypeError, "None"),
                (X.tolist(), TypeError, "a list"),
                (X.astype(int), TypeError, "dtype int64"),
                (X[:, :1], ValueError, "shape"),
                (X[:, :0], ValueError, "shape"),
            )
        ),
        (
            ValueError,
            "batch_norm_inference_backward: dy",
            lambda: batch_norm_inference_backward(X[1:], X, G, G, G),
        ),
        (
            TypeError,
            "batch_norm_inference_backward: x",
            lambda: batch_norm_inference_backward(X, None, G, G, G),
        ),
        (ValueError, "dropout: x", lambda: dropout(X[0], 0.5, np.random.default_rng(0))),
        (ValueError, "dropout: rate", lambda: dropout(X, -0.1, np.random.default_rng(0))),
        (ValueError, "dropout: rate", lambda: dropout(X, "0", np.random.default_rng(0))),
        (ValueError, "dropout: rate", lambda: dropout(X, 1, np.random.default_rng(0))),
        (TypeError, "dropout: rng", lambda: dropout(X, 0.5, 7)),
        (ValueError, "dropout_backward: mask", lambda: dropout_backward(X, X[:2])),
        (TypeError, "dropout_backward: dy: found", lambda: dropout_backward(X.astype(int), X)),
    ],
)
def test_normalisations_refuse(error, line, call):
    with pytest.raises(error, match=line):
        call()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_dropout_draws_numbers_of_the_precision_of_its_input(dtype):
    """(N4)"""
    x = np.random.default_rng(1).normal(size=(3, 4)).astype(dtype)
    y, mask = dropout(x, 0.3, np.random.default_rng(0))
    draws = np.random.default_rng(0).random(x.shape, dtype)
    assert mask.dtype == dtype and np.array_equal(mask, (draws >= 0.3) * dtype(1 / 0.7))
    assert np.array_equal(y, x * mask)
