"""X11 and X12: batch norm in few passes over its values."""

import numpy as np
import pytest
from against import arrays, through
from gradcheck import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from rounding import gamma
from shapes import SEEDS, integral, normal

from tinyzip.machine.workspace import FRESH
from tinyzip.nn.fast.norm import FastBatchNorm, train_forward
from tinyzip.nn.layers import BatchNorm

EPS = np.float32(1e-5)
POWERS = st.sampled_from([((3,), 2), ((2,), 8), ((3, 2, 2), 4), ((2, 1, 4), 2), ((1, 1, 1), 2)])  # values: 2ᵏ
SIZES = st.tuples(st.tuples(st.integers(1, 3)), st.integers(2, 6)) | st.tuples(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)), st.integers(2, 4)
)


def case(values, shape, N, seed, **options):
    layer = BatchNorm(shape[0])
    p, x, dy = arrays(values, [layer], shape, N, seed, **options)
    return layer, p | {"var": np.abs(p["var"]) + 1}, x, dy


def by_channel(a):
    """(C, M): what a channel sees is a row."""
    return a.reshape(len(a), -1).astype(np.float64)


@given(POWERS, st.booleans(), SEEDS)
def test_on_whole_numbers_only_the_last_few_operations_are_rounded(size, train, seed):
    """(X11): of 2ᵏ values a channel, sums, means and variances of whole numbers are exact, and √(σ² + ε) is
    one number in both. From there on y takes 3 or 4 roundings, dx and dγ at most M + 8, in either order."""
    layer, p, x, dy = case(integral, *size, seed)
    y, cache = layer.forward(p, x, train=train)
    dx, dp = layer.backward(p, dy, cache)
    found = through(FastBatchNorm(layer, x.shape[:-1]), p, x, dy, train)

    rows, drows = by_channel(x), by_channel(dy)
    mean = (rows.mean(axis=1) if train else p["mean"])[:, None]
    deviation = (cache.deviation if train else np.sqrt(p["var"] + EPS))[:, None].astype(np.float64)
    scale, x_hat = np.abs(p["gamma"])[:, None] / deviation, np.abs(rows - mean) / deviation
    bound = 2 * gamma(rows.shape[1] + 8, np.float32)
    of_y = scale * (np.abs(rows) + np.abs(mean)) + np.abs(p["beta"])[:, None]
    assert (np.abs(by_channel(found["y"]) - by_channel(y)) <= 2 * gamma(4, np.float32) * of_y).all()
    of_dgamma = (np.abs(drows) * x_hat).sum(axis=1, keepdims=True)
    assert (np.abs(found["dgamma"] - dp["gamma"])[:, None] <= bound * of_dgamma).all()
    np.testing.assert_array_equal(found["dbeta"], dp["beta"])
    means = (np.abs(drows).mean(axis=1, keepdims=True) + x_hat * of_dgamma / rows.shape[1]) if train else 0
    assert (np.abs(by_channel(found["dx"]) - by_channel(dx)) <= bound * scale * (np.abs(drows) + means)).all()


@given(SIZES, SEEDS)
def test_on_real_numbers_mean_and_variance_are_the_same_sums_in_another_order(size, seed):
    layer, p, x, _ = case(normal, *size, seed, dtype=np.float32)
    _, expected = layer.forward(p, x, train=True)
    _, found = FastBatchNorm(layer, x.shape[:-1]).forward(p, x, train=True, rng=None, workspace=FRESH)
    rows, M = by_channel(x), x[0].size
    off = gamma(M + 1, np.float32) * np.abs(rows).mean(axis=1)  # of each mean, by e at most
    assert (np.abs(found.mean - expected.mean) <= 2 * off).all()
    # About a mean that is off by e the squares are larger by e² in the mean; from there on, M + 5 roundings.
    off = (gamma(M + 5, np.float32) * (rows.var(axis=1) + off**2) + off**2) * M / (M - 1)
    assert (np.abs(found.var - expected.var) <= 2 * off).all()


@pytest.mark.parametrize("train", [False, True])
@settings(max_examples=20)
@given(SIZES, SEEDS)
def test_its_backward_is_the_gradient(train, size, seed):
    """(X12)"""
    layer, p, x, dy = case(normal, *size, seed)
    layer = BatchNorm(layer.C, eps=1e-2)
    x += np.arange(x.shape[-1])  # a variance well above the difference step
    found = through(FastBatchNorm(layer, x.shape[:-1]), p, x, dy, train)
    gradients = {"x": found["dx"], "gamma": found["dgamma"], "beta": found["dbeta"]}
    moved = {"x": x, "gamma": p["gamma"], "beta": p["beta"]}
    assert_gradients(lambda: layer.forward(p, x, train=train)[0], moved, gradients, dy)


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("options", [{}, {"over": False}, {"over": True}])
def test_what_it_is_given_is_overwritten_in_training_and_only_where_it_may_be(train, options):
    layer, p, x, dy = case(integral, (3, 2, 2), 4, 0)
    kept = x.copy(), dy.copy()
    found = through(FastBatchNorm(layer, x.shape[:-1], **options), p, x, dy, train)
    assert np.array_equal(x, kept[0]) != (train and options.get("over", False))
    np.testing.assert_array_equal(dy, kept[1])
    for name, array in through(FastBatchNorm(layer, x.shape[:-1]), p, kept[0], dy, train).items():
        np.testing.assert_array_equal(found[name], array, name)


def test_one_value_a_channel_has_no_variance():
    layer, p, x, _ = case(integral, (3,), 1, 0)
    with pytest.raises(ValueError, match=r"batch_norm_train: x: found .*two values a channel"):
        FastBatchNorm(layer, x.shape[:-1]).forward(p, x, train=True, rng=None, workspace=FRESH)


def test_a_norm_leaves_what_it_reads_as_it_was_unless_it_may_write_over_it():
    x = np.random.default_rng(0).normal(size=(3, 2, 2, 5))
    before = x.copy()
    train_forward(x, np.ones(3), np.zeros(3), 1e-5, FRESH)
    np.testing.assert_array_equal(x, before)
