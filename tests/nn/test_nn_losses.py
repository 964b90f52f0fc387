"""The cross entropy against its formula in plain Python, and its gradient against central differences."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.nn.losses import Batch, cross_entropy, log_softmax

sizes = st.tuples(st.integers(1, 7), st.integers(1, 6))
seeds = st.integers(0, 2**32 - 1)
spreads = st.sampled_from([0.1, 1.0, 10.0])


def softmax(column: list[float]) -> list[float]:
    total = sum(math.exp(value) for value in column)
    return [math.exp(value) / total for value in column]


def differences(loss, z, step=1e-6):
    dz = np.empty_like(z)
    for at in np.ndindex(z.shape):
        up, down = z.copy(), z.copy()
        up[at] += step
        down[at] -= step
        dz[at] = (loss(up) - loss(down)) / (2 * step)
    return dz


@given(sizes, seeds, spreads, st.sampled_from([0.0, 0.1, 0.5]))
def test_cross_entropy_is_its_formula(size, seed, spread, smoothing):
    """(L1), (L2)"""
    K, N = size
    rng = np.random.default_rng(seed)
    z, labels = rng.normal(0, spread, (K, N)), rng.integers(0, K, N)
    expected = 0.0
    for n in range(N):
        for k, p in enumerate(softmax(z[:, n].tolist())):
            q = (1 - smoothing) * (k == labels[n]) + smoothing / K
            expected -= q * math.log(p) / N
    assert cross_entropy(z, labels, smoothing)[0] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(sizes, seeds, st.sampled_from([0.0, 0.1]))
def test_the_gradient_is_the_slope_of_the_loss(size, seed, smoothing):
    """(L1)"""
    K, N = size
    rng = np.random.default_rng(seed)
    z, labels = rng.normal(0, 1, size), rng.integers(0, K, N)
    for weights in (1.0, rng.uniform(0, 2, N)):
        dz = cross_entropy(z, labels, smoothing, weights)[1]
        expected = differences(lambda z, w=weights: cross_entropy(z, labels, smoothing, w)[0], z)
        assert np.abs(dz - expected).max() <= 1e-6 * max(1e-2, np.abs(expected).max())


@given(sizes, seeds)
def test_a_weight_counts_an_example_as_often(size, seed):
    """Whole weights do what repeated examples do; the sums differ by rounding only."""
    K, N = size
    rng = np.random.default_rng(seed)
    z, labels, w = rng.normal(0, 1, size), rng.integers(0, K, N), rng.integers(0, 4, N)
    loss, dz = cross_entropy(z, labels, 0.1, w)
    times = np.repeat(np.arange(N), w)
    if not len(times):
        assert loss == 0 and not dz.any()
        return
    expected, each = cross_entropy(z[:, times], labels[times], 0.1)
    assert loss == pytest.approx(expected * len(times) / N, rel=1e-12)
    summed = np.zeros_like(dz)
    np.add.at(summed.T, times, each.T * len(times) / N)
    np.testing.assert_allclose(dz, summed, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_do_not_overflow_and_dtype_is_kept(dtype):
    z = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    loss, dz = cross_entropy(z, np.array([0, 0]))
    assert loss == pytest.approx(1e4)
    assert dz.dtype == dtype
    assert np.array_equal(dz, np.array([[0, -0.5], [0, 0.5]], dtype))
    assert np.isfinite(log_softmax(z)).all()
    assert cross_entropy(z, np.array([0, 0]), weights=np.ones(2))[1].dtype == dtype


def test_what_is_not_said_is_one_target_and_equal_weights():
    rng = np.random.default_rng(0)
    z, labels = rng.normal(size=(4, 5)), rng.integers(0, 4, 5)
    for found, expected in (
        (cross_entropy(z, labels), cross_entropy(z, labels, 0.0, 1.0)),
        (cross_entropy(z, labels, 0.0, np.zeros(5)), (0.0, 0 * z)),
    ):
        assert found[0] == expected[0]
        np.testing.assert_array_equal(found[1], expected[1])
    assert Batch(z, labels, labels).progress == 0


Z, LABELS = np.zeros((3, 2)), np.array([0, 2])


@pytest.mark.parametrize(
    ("weights", "found"),
    [
        ("1", "'1'"),
        (None, "None"),
        (True, "True"),
        (np.ones(3), r"shape \(3,\) of float64"),
        (-0.5, "-0.5"),
        (np.array([2.0, -0.5]), "-0.5 … 2.0"),
    ],
)
def test_weights_that_do_not_fit_are_said_as_they_are(weights, found):
    with pytest.raises(ValueError, match=f"^cross_entropy: weights: found {found}, needed "):
        cross_entropy(Z, LABELS, weights=weights)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: cross_entropy(np.zeros(3), LABELS), ValueError),
        (lambda: cross_entropy(np.zeros((3, 0)), np.zeros(0, int)), ValueError),
        (lambda: cross_entropy(Z.astype(int), LABELS), TypeError),
        (lambda: cross_entropy(Z, LABELS[:1]), ValueError),
        (lambda: cross_entropy(Z, LABELS * 1.0), TypeError),
        (lambda: cross_entropy(Z, np.array([0, 3])), ValueError),
        (lambda: cross_entropy(Z, np.array([-1, 0])), ValueError),
        (lambda: cross_entropy(Z, LABELS, 1.0), ValueError),
        (lambda: cross_entropy(Z, LABELS, math.nan), ValueError),
        (lambda: cross_entropy(Z.tolist(), LABELS), TypeError),
        (lambda: cross_entropy(Z, LABELS.tolist()), TypeError),
        (lambda: cross_entropy(Z, LABELS, None), ValueError),
        (lambda: cross_entropy(Z, LABELS, weights=np.ones(3)), ValueError),
        (lambda: cross_entropy(Z, LABELS, weights=np.array([1, -1])), ValueError),
        (lambda: cross_entropy(Z, LABELS, weights=math.inf), ValueError),
        (lambda: cross_entropy(Z, LABELS, weights=np.array([math.nan, 1])), ValueError),
        (lambda: cross_entropy(Z, LABELS, weights=np.ones((2, 1))), ValueError),
        (lambda: cross_entropy(Z, LABELS, weights=np.array([True, True])), ValueError),
        (lambda: cross_entropy(Z, LABELS, -0.1), ValueError),
        (lambda: cross_entropy(Z[:, :, None], LABELS), ValueError),
        (lambda: cross_entropy(Z, LABELS, weights="1"), ValueError),
        (lambda: log_softmax(Z[0]), ValueError),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, error):
    with pytest.raises(error, match=r"^(cross_entropy|log_softmax): .*found .*needed "):
        call()
