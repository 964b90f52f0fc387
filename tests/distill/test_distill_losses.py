"""Each loss over logits is its formula, with its derivative, and sees no more than it should."""

import math

import numpy as np
import pytest
from gradcheck import TOLERANCE, numerical_gradient
from hypothesis import given
from hypothesis import strategies as st
from shapes import SEEDS, distinct

from tinyzip.distill.losses import (
    EPSILON,
    NAMES,
    decoupled,
    distillation,
    logit_matching,
    standardized,
)
from tinyzip.distill.temperature import kl_divergence, soft_cross_entropy
from tinyzip.nn.losses import cross_entropy

LOSSES = {  # (z, t, labels, T, weights) -> (loss, dz)
    "soft cross entropy": lambda z, t, labels, T, w: soft_cross_entropy(z, t, T, w),
    "kl": lambda z, t, labels, T, w: kl_divergence(z, t, T, w),
    "logits": lambda z, t, labels, T, w: logit_matching(z, t, w),
    "standardized": lambda z, t, labels, T, w: standardized(z, t, T, w),
    "decoupled": lambda z, t, labels, T, w: decoupled(z, t, labels, T, 0.7, 5.0, w),
    "mixture": lambda z, t, labels, T, w: distillation(z, labels, t, 0.3, T, "kl"),
}
DISTANCES = ("kl", "logits", "standardized", "decoupled")  # zero where student and teacher agree
every = pytest.mark.parametrize("name", LOSSES)
distances = pytest.mark.parametrize("name", DISTANCES)
sizes = st.tuples(st.integers(2, 7), st.integers(1, 6))


def draw(size, seed, spread=2.0):
    K, N = size
    rng = np.random.default_rng(seed)
    z, t = rng.normal(0, spread, (2, K, N))
    return z, t, rng.integers(0, K, N), rng.uniform(0.7, 6, N), rng.uniform(0, 2, N)


def softmax(column):
    total = sum(math.exp(value) for value in column)
    return [math.exp(value) / total for value in column]


def divergence(q, p):
    return sum(b * math.log(b / a) for b, a in zip(q, p, strict=True))


def by_formula(name, z, t, label, T):
    """The loss of one example in plain Python, as the paper prints it."""
    K = len(z)
    p, q = softmax([value / T for value in z]), softmax([value / T for value in t])
    match name:
        case "soft cross entropy":
            return -(T**2) * sum(b * math.log(a) for a, b in zip(p, q, strict=True))
        case "kl":
            return T**2 * divergence(q, p)
        case "logits":
            differences = [a - b for a, b in zip(z, t, strict=True)]
            mean = sum(differences) / K
            return sum((d - mean) ** 2 for d in differences) / (2 * K)
        case "standardized":
            scores = []
            for logits in (z, t):
                mean = sum(logits) / K
                s = math.sqrt(sum((value - mean) ** 2 for value in logits) / K + 1e-6)
                scores.append(softmax([(value - mean) / s / T for value in logits]))
            return T**2 * divergence(scores[1], scores[0])
        case "decoupled":
            target = divergence([q[label], 1 - q[label]], [p[label], 1 - p[label]])
            rest = [[b / (1 - d[label]) for k, b in enumerate(d) if k != label] for d in (q, p)]
            return T**2 * (0.7 * target + 5 * divergence(*rest))
        case "mixture":
            return 0.7 * -math.log(softmax(z)[label]) + 0.3 * T**2 * divergence(q, p)


@every
@given(sizes, SEEDS)
def test_the_loss_is_the_papers_formula(name, size, seed):
    """(K1) to (K7)"""
    z, t, labels, T, w = draw(size, seed)
    if name == "mixture":
        w = np.ones_like(w)
    columns = zip(z.T.tolist(), t.T.tolist(), labels, T, strict=True)
    each = [by_formula(name, *column) for column in columns]
    expected = sum(a * b for a, b in zip(w, each, strict=True)) / len(w)
    # 1 − q in the reference loses what q has of digits close to 1, at most e^−20 here: hence not 1e-12.
    assert LOSSES[name](z, t, labels, T, w)[0] == pytest.approx(expected, rel=1e-7, abs=1e-12)


@every
@given(sizes, SEEDS, st.booleans())
def test_the_derivative_agrees_with_differences_and_sums_to_zero_over_the_classes(name, size, seed, each):
    """(K2) to (K7)"""
    _, t, labels, T, w = draw(size, seed)
    z = 3 * distinct(seed, *size)  # 0.6 apart: 1/s, hence what differences miss, stays small in (K5)
    if not each:
        T, w = 3.0, 0.5
    dz = LOSSES[name](z, t, labels, T, w)[1]
    expected = numerical_gradient(lambda: LOSSES[name](z, t, labels, T, w)[0], z)
    assert np.abs(dz - expected).max() <= TOLERANCE * max(1e-2, np.abs(expected).max())
    assert np.abs(dz.sum(axis=0)).max() <= 1e-14 * max(1, np.abs(dz).max())


@distances
@given(sizes, SEEDS)
def test_the_loss_is_zero_where_centred_logits_match_and_positive_elsewhere(name, size, seed):
    z, t, labels, T, _ = draw(size, seed)
    c = np.random.default_rng(seed).normal(0, 5, z.shape[1])
    loss, dz = LOSSES[name](t + c, t, labels, T, 1.0)
    # Rounding moves logits of 20 by 2e-15 of their unit; the derivative follows, the loss by its square.
    assert abs(loss) <= 1e-12 and np.abs(dz).max() <= 1e-12
    scores = np.sign(np.diff(np.stack([z, t]), axis=1)) if size[0] == 2 and name == "standardized" else (z, t)
    same = np.array_equal(*scores)  # of two classes, only the order is left by the scale
    assert same or LOSSES[name](z, t, labels, T, 1.0)[0] > 1e-9


@every
@given(sizes, SEEDS)
def test_a_number_added_to_all_logits_of_a_column_changes_nothing(name, size, seed):
    z, t, labels, T, w = draw(size, seed)
    c, d = np.random.default_rng(seed).normal(0, 5, (2, z.shape[1]))
    for found, expected in zip(
        LOSSES[name](z + c, t + d, labels, T, w), LOSSES[name](z, t, labels, T, w), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@every
@given(sizes, SEEDS)
def test_permuted_classes_give_the_permuted_derivative(name, size, seed):
    z, t, labels, T, w = draw(size, seed)
    order = np.random.default_rng(seed).permutation(size[0])
    loss, dz = LOSSES[name](z, t, labels, T, w)
    moved, moved_dz = LOSSES[name](z[order], t[order], np.argsort(order)[labels], T, w)
    assert moved == pytest.approx(loss, rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(moved_dz, dz[order], rtol=1e-10, atol=1e-13)


@every
@given(sizes, SEEDS)
def test_a_batch_twice_is_the_batch(name, size, seed):
    z, t, labels, T, w = draw(size, seed)
    loss, dz = LOSSES[name](z, t, labels, T, w)
    twice, dz2 = LOSSES[name](np.tile(z, 2), np.tile(t, 2), np.tile(labels, 2), np.tile(T, 2), np.tile(w, 2))
    assert twice == pytest.approx(loss, rel=1e-14, abs=1e-15)
    np.testing.assert_allclose(dz2, np.tile(dz, 2) / 2, rtol=1e-14, atol=1e-16)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_stay_finite_and_the_dtype_is_kept(name, dtype):
    z = np.array([[1e4, -1e4, 0, 7], [-1e4, 1e4, 0, 7], [1e4, 1e4, 0, 7]], dtype)
    for t in (z, -z, z[:, ::-1], z.astype(np.float32)):
        for T in (1.0, np.float64(4), np.array([1, 2, 3, 4])):
            for labels in np.array([[0, 0, 0, 0], [1, 2, 1, 2]]):
                loss, dz = LOSSES[name](z, t, labels, T, np.float64(0.5))
                assert math.isfinite(loss) and np.isfinite(dz).all() and dz.dtype == dtype


@given(sizes, SEEDS, st.sampled_from([30.0, 300.0, 3000.0]))
def test_for_high_temperatures_the_derivative_is_that_of_logit_matching(size, seed, T):
    """(K4)"""
    z, t, *_ = draw(size, seed)
    difference = kl_divergence(z, t, T)[1] - logit_matching(z, t)[1]
    B = max(np.abs(x - x.mean(axis=0)).max() for x in (z, t))
    K, N = size
    assert np.abs(difference).max() <= 2 * B**2 * np.exp(2 * B / T) / (K * N * T) + 1e-12


def test_without_the_factor_the_gradient_falls_as_the_square_of_the_temperature_in_the_limit_only():
    rng = np.random.default_rng(0)
    z, t = rng.normal(0, 4, (10, 200)), rng.normal(0, 4, (10, 200))

    def size(T):
        return np.abs(kl_divergence(z, t, T)[1]).sum() / T**2

    falls = [size(T) / size(2 * T) for T in (1, 4, 16, 64, 256)]
    assert 2 < falls[0] < 3 < falls[2] < falls[3] < falls[4] < 4.01 and abs(falls[4] - 4) < 0.05


@given(sizes, SEEDS)
def test_the_divergence_is_its_target_part_and_the_rest_by_what_the_target_leaves(size, seed):
    z, t, labels, T, w = draw(size, seed)
    q = np.array([softmax(column) for column in (t / T).T]).T
    left = 1 - q[labels, np.arange(len(labels))]
    whole, dz = kl_divergence(z, t, T, w)
    parts, dparts = decoupled(z, t, labels, T, 1.0, left, w)
    assert parts == pytest.approx(whole, rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(dparts, dz, rtol=1e-8, atol=1e-12)


@given(sizes, SEEDS, st.floats(0.1, 10))
def test_standardized_logits_see_a_scale_only_by_what_is_added_to_the_variance(size, seed, scale):
    """(K5): of variance v, they shrink by 1/√(1 + ε/v); and a column's |Σ u·du| is 2T√K/N at most, since
    |u| ≤ √K and Σ |p − q| ≤ 2. The rest is rounding.
    """
    z, t, _, T, _ = draw(size, seed)
    z -= z.mean(axis=0)
    K, N = size
    added = 2 * T * math.sqrt(K) / N * EPSILON / np.mean(np.square(z), axis=0)
    loss, _ = standardized(z, t, T)
    other, dz = standardized(scale * z, t, T)
    assert abs(other - loss) <= np.sum(added) / 2 * (1 + 1 / scale**2) + 1e-12 * (1 + loss)
    assert (np.abs(np.sum(dz * z, axis=0)) * scale <= added / scale**2 + 1e-12).all()


@given(sizes, SEEDS)
def test_the_teachers_entropy_is_all_that_cross_entropy_and_divergence_differ_by(size, seed):
    z, t, _, T, w = draw(size, seed)
    entropy = soft_cross_entropy(t, t, T, w)[0]
    loss, dz = kl_divergence(z, t, T, w)
    soft, soft_dz = soft_cross_entropy(z, t, T, w)
    assert soft == pytest.approx(loss + entropy, rel=1e-10)
    np.testing.assert_array_equal(soft_dz, dz)


@pytest.mark.parametrize("loss", DISTANCES)
@pytest.mark.parametrize("soft", [0, 0.0, np.zeros(64)])
def test_without_a_soft_part_it_is_the_cross_entropy_to_the_bit_whatever_the_teacher_says(loss, soft):
    z, _, labels, *_ = draw((10, 64), 1)
    z = z.astype(np.float32)
    found, dz = distillation(z, labels, np.full_like(z, np.nan), soft, 3.0, loss)
    expected, expected_dz = cross_entropy(z, labels)
    assert found == expected and dz.tobytes() == expected_dz.tobytes() and dz.dtype == np.float32


@pytest.mark.parametrize("loss", DISTANCES)
def test_an_example_without_a_soft_part_does_not_hear_its_teacher(loss):
    z, t, labels, T, _ = draw((5, 8), 2)
    soft = np.array([0, 1, 0.5, 0, 1, 0.2, 0, 0.9])
    silent = np.where(soft > 0, t, np.nan)
    loss_value, dz = distillation(z, labels, t, soft, T, loss)
    found, found_dz = distillation(z, labels, silent, soft, T, loss)
    assert found == loss_value and found_dz.tobytes() == dz.tobytes()
    hard = cross_entropy(z, labels)[1]
    assert dz[:, soft == 0].tobytes() == hard[:, soft == 0].tobytes()


@pytest.mark.parametrize("loss", ["kl", "standardized", "logits"])
def test_with_only_a_soft_part_the_labels_do_not_matter_and_the_teacher_is_the_minimum(loss):
    z, t, labels, *_ = draw((5, 8), 2)
    value, dz = distillation(z, labels, t, 1, 2.0, loss)
    other, other_dz = distillation(z, (labels + 1) % 5, t, 1, 2.0, loss)
    assert value == other > 0
    np.testing.assert_array_equal(dz, other_dz)
    value, dz = distillation(t, labels, t, 1, 2.0, loss)
    assert value == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(dz, 0, atol=1e-15)


def test_weights_and_temperatures_that_are_not_given_are_one():
    z, t, labels, *_ = draw((5, 8), 2)
    for found, expected in (
        (soft_cross_entropy(z, t), soft_cross_entropy(z, t, 1.0, 1.0)),
        (kl_divergence(z, t, 2.0), kl_divergence(z, t, 2.0, 1.0)),
        (logit_matching(z, t), logit_matching(z, t, 1.0)),
        (standardized(z, t, 2.0), standardized(z, t, 2.0, 1.0)),
        (decoupled(z, t, labels, 2.0), decoupled(z, t, labels, 2.0, 1.0, 8.0, 1.0)),
    ):
        assert found[0] == expected[0] and found[1].tobytes() == expected[1].tobytes()


Z, LABELS = np.zeros((3, 2)), np.array([0, 2])


@pytest.mark.parametrize(
    ("call", "error"),
    [
        *(
            (lambda soft=soft: distillation(Z, LABELS, Z, soft, 2.0, "kl"), ValueError)
            for soft in (-0.1, 1.1, math.nan)
        ),
        (lambda: distillation(Z, LABELS, Z, np.array([0.5, 2]), 2.0, "kl"), ValueError),
        (lambda: distillation(Z, LABELS, Z, None, 2.0, "kl"), ValueError),
        (lambda: distillation(Z, LABELS, Z[:, 1:], 0.5, 2.0, "kl"), ValueError),
        (lambda: distillation(Z, LABELS[1:], Z, 0.5, 2.0, "kl"), ValueError),
        (lambda: distillation(Z, LABELS, Z, 0.5, 2.0, "dark"), ValueError),
        *((lambda T=T: kl_divergence(Z, Z, T), ValueError) for T in (0, -1.0, math.inf, math.nan, "4", None)),
        (lambda: kl_divergence(Z, Z, np.ones(3)), ValueError),
        (lambda: kl_divergence(Z, Z[:, :1], 1.0), ValueError),
        (lambda: kl_divergence(Z, None, 1.0), TypeError),
        (lambda: logit_matching(Z, Z[:1]), ValueError),
        (lambda: logit_matching(Z, Z.astype(int)), TypeError),
        (lambda: logit_matching(Z, Z, -1.0), ValueError),
        (lambda: standardized(Z, Z, np.array([1, -1])), ValueError),
        (lambda: soft_cross_entropy(Z, Z, 1.0, np.array([1, math.nan])), ValueError),
        (lambda: decoupled(Z, Z, LABELS + 1, 1.0), ValueError),
        (lambda: decoupled(Z, Z, LABELS, 1.0, target=-1.0), ValueError),
        (lambda: decoupled(Z, Z, LABELS, 1.0, rest=np.ones(3)), ValueError),
        (lambda: decoupled(Z[:1], Z[:1], LABELS * 0, 1.0), ValueError),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, error):
    names = (
        "distillation|cross_entropy|kl_divergence|logit_matching|standardized|soft_cross_entropy|decoupled"
    )
    with pytest.raises(error, match=rf"^({names}): .*found .*needed "):
        call()


@pytest.mark.parametrize("soft", [-0.1, 1.1, 2.0, math.nan, "1"])
def test_a_weight_outside_0_to_1_is_refused_as_that_of_the_soft_part(soft):
    with pytest.raises(ValueError, match=r"^distillation: soft: found .*, needed (in \[0, 1\]|a number)"):
        distillation(Z, LABELS, Z, soft, 2.0, "kl")


@pytest.mark.parametrize("loss", NAMES)
def test_where_only_some_examples_have_a_teacher_the_loss_is_the_mean_of_each_alone(loss):
    z, t = (np.random.default_rng(seed).normal(size=(4, 3)) for seed in range(2))
    labels, soft = np.array([0, 2, 3]), np.array([0.0, 0.7, 0.0])
    alone = [
        distillation(z[:, n : n + 1], labels[n : n + 1], t[:, n : n + 1], soft[n], 2.0, loss)
        for n in range(3)
    ]
    value, dz = distillation(z, labels, t, soft, 2.0, loss)
    assert value == pytest.approx(np.mean([each for each, _ in alone]), rel=1e-12)
    np.testing.assert_allclose(dz, np.hstack([each for _, each in alone]) / 3, rtol=1e-10, atol=1e-15)
