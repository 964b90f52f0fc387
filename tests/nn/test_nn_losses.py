"""Losses against their formulas in plain Python, and their gradients against central differences."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.nn.losses import cross_entropy, kl_divergence, log_softmax, logit_matching

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
    K, N = size
    rng = np.random.default_rng(seed)
    z, labels = rng.normal(0, spread, (K, N)), rng.integers(0, K, N)
    expected = 0.0
    for n in range(N):
        for k, p in enumerate(softmax(z[:, n].tolist())):
            q = (1 - smoothing) * (k == labels[n]) + smoothing / K
            expected -= q * math.log(p) / N
    assert cross_entropy(z, labels, smoothing)[0] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(sizes, seeds, spreads, st.sampled_from([0.5, 1.0, 4.0]))
def test_kl_divergence_is_its_formula(size, seed, spread, T):
    K, N = size
    rng = np.random.default_rng(seed)
    z, t = rng.normal(0, spread, (2, K, N))
    expected = 0.0
    for n in range(N):
        p, q = softmax((z[:, n] / T).tolist()), softmax((t[:, n] / T).tolist())
        expected += T * T * sum(b * (math.log(b) - math.log(a)) for a, b in zip(p, q, strict=True)) / N
    assert kl_divergence(z, t, T)[0] == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(sizes, seeds, spreads)
def test_logit_matching_is_its_formula(size, seed, spread):
    K, N = size
    z, t = np.random.default_rng(seed).normal(0, spread, (2, K, N))
    expected = sum(0.5 * (z[k, n] - t[k, n]) ** 2 / N for k in range(K) for n in range(N))
    assert logit_matching(z, t)[0] == pytest.approx(expected, rel=1e-12)


@given(sizes, seeds, st.sampled_from([0.0, 0.1]), st.sampled_from([0.7, 1.0, 5.0]))
def test_gradients_are_the_slopes_of_the_losses(size, seed, smoothing, T):
    K, N = size
    rng = np.random.default_rng(seed)
    z, t = rng.normal(0, 1, (2, K, N))
    labels = rng.integers(0, K, N)
    for loss in (
        lambda z: cross_entropy(z, labels, smoothing),
        lambda z: kl_divergence(z, t, T),
        lambda z: logit_matching(z, t),
    ):
        dz = loss(z)[1]
        expected = differences(lambda z, loss=loss: loss(z)[0], z)
        assert np.abs(dz - expected).max() <= 1e-6 * max(1e-2, np.abs(expected).max())


@given(sizes, seeds)
def test_soft_targets_become_logit_matching_for_a_high_temperature_and_zero_mean(size, seed):
    """K times the soft gradient tends to the difference of centred logits [Hinton et al. 2015, eq. 4]."""
    z, t = np.random.default_rng(seed).normal(0, 1, (2, *size))
    z, t = z - z.mean(axis=0), t - t.mean(axis=0)
    soft = kl_divergence(z, t, 1e4)[1] * size[0]
    # What comes next in 1/T is (z² − t²)/2T, less its mean: at most the largest square over T.
    assert np.allclose(soft, logit_matching(z, t)[1], atol=np.square([z, t]).max() / 1e4)


@given(sizes, seeds)
def test_no_gradient_where_student_and_teacher_agree(size, seed):
    z = np.random.default_rng(seed).normal(0, 3, size)
    assert not kl_divergence(z, z.copy(), 3.0)[1].any()
    assert not logit_matching(z, z.copy())[1].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_do_not_overflow_and_dtype_is_kept(dtype):
    z = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    loss, dz = cross_entropy(z, np.array([0, 0]))
    assert loss == pytest.approx(1e4)
    assert dz.dtype == dtype
    assert np.array_equal(dz, np.array([[0, -0.5], [0, 0.5]], dtype))
    assert np.isfinite(log_softmax(z)).all()
    assert kl_divergence(z, -z, 2.0)[1].dtype == logit_matching(z, -z)[1].dtype == dtype


Z, LABELS = np.zeros((3, 2)), np.array([0, 2])


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
        (lambda: kl_divergence(Z, Z[:, :1], 1.0), ValueError),
        (lambda: kl_divergence(Z, Z, 0.0), ValueError),
        (lambda: kl_divergence(Z, Z, math.inf), ValueError),
        (lambda: logit_matching(Z, Z[:1]), ValueError),
        (lambda: logit_matching(Z, Z.astype(int)), TypeError),
        (lambda: cross_entropy(Z.tolist(), LABELS), TypeError),
        (lambda: cross_entropy(Z, LABELS.tolist()), TypeError),
        (lambda: cross_entropy(Z, LABELS, None), ValueError),
        (lambda: kl_divergence(Z, None, 1.0), TypeError),
        (lambda: kl_divergence(Z, Z, "4"), ValueError),
        (lambda: log_softmax(Z[0]), ValueError),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, error):
    with pytest.raises(
        error, match=r"^(cross_entropy|kl_divergence|logit_matching|log_softmax): .*found .*needed "
    ):
        call()
