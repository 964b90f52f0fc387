"""The distillation loss is what the paper says, and its derivative is its derivative."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.distill.losses import distillation
from tinyzip.nn.losses import cross_entropy


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=0)


def draw(K, N, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 2, (K, N)), rng.integers(0, K, N), rng.normal(0, 2, (K, N))


SIZES = (st.integers(1, 6), st.integers(1, 5), st.integers(0, 99))
NUMBERS = (st.floats(0, 1), st.floats(0.5, 20))


@given(*SIZES, *NUMBERS)
def test_the_loss_is_the_papers_formula(K, N, seed, soft, T):
    z, labels, t = draw(K, N, seed)
    expected = 0.0
    for n in range(N):
        p, q = softmax(z[:, n] / T), softmax(t[:, n] / T)
        kl = sum(q[k] * np.log(q[k] / p[k]) for k in range(K))
        expected += ((1 - soft) * -np.log(softmax(z[:, n])[labels[n]]) + soft * T**2 * kl) / N
    loss, _ = distillation(z, labels, t, soft, T)
    assert loss == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(*SIZES, *NUMBERS)
def test_the_derivative_agrees_with_central_differences(K, N, seed, soft, T):
    z, labels, t = draw(K, N, seed)
    _, dz = distillation(z, labels, t, soft, T)
    h = 1e-5
    for place in np.ndindex(K, N):
        step = np.zeros_like(z)
        step[place] = h
        ahead, behind = (distillation(z + s, labels, t, soft, T)[0] for s in (step, -step))
        assert dz[place] == pytest.approx((ahead - behind) / (2 * h), rel=1e-6, abs=1e-8)


def test_without_a_soft_part_it_is_the_cross_entropy_to_the_bit():
    z, labels, t = draw(10, 64, 1)
    z, t = z.astype(np.float32), t.astype(np.float32)
    loss, dz = distillation(z, labels, t, 0, 3.0)
    expected, expected_dz = cross_entropy(z, labels)
    assert loss == expected and dz.tobytes() == expected_dz.tobytes() and dz.dtype == np.float32


def test_with_only_a_soft_part_the_labels_do_not_matter_and_the_teacher_is_the_minimum():
    z, labels, t = draw(5, 8, 2)
    loss, dz = distillation(z, labels, t, 1, 2.0)
    other, other_dz = distillation(z, (labels + 1) % 5, t, 1, 2.0)
    assert loss == other > 0
    np.testing.assert_array_equal(dz, other_dz)
    loss, dz = distillation(t, labels, t, 1, 2.0)
    assert loss == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(dz, 0, atol=1e-15)


def test_what_does_not_fit_is_refused():
    z, labels, t = draw(5, 8, 3)
    for soft in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="distillation: soft"):
            distillation(z, labels, t, soft, 2.0)
    for temperature in (0, -1, float("inf")):
        with pytest.raises(ValueError, match="temperature"):
            distillation(z, labels, t, 0.5, temperature)
    with pytest.raises(ValueError, match="teacher_z"):
        distillation(z, labels, t[:, 1:], 0.5, 2.0)
    with pytest.raises(ValueError, match="labels"):
        distillation(z, labels[1:], t, 0.5, 2.0)
