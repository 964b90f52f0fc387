"""Fidelity counts what it says it counts; a bias makes up for other shares of the classes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts.prior import prior_bias, settled_bias
from shapes import SEEDS

from tinyzip.distill.fidelity import BINS, compare, fidelity, judge
from tinyzip.distill.temperature import kl_divergence
from tinyzip.nn.layers import Flatten, Linear
from tinyzip.nn.sequential import Sequential
from tinyzip.train.evaluate import evaluate, logits

sizes = st.tuples(st.integers(1, 5), st.integers(1, 40))


def softmax(z):
    p = np.exp(z - z.max(axis=0))
    return p / p.sum(axis=0)


def draw(size, seed):
    rng = np.random.default_rng(seed)
    return *rng.normal(0, 2, (2, *size)), rng.integers(0, size[0], size[1])


@given(sizes, SEEDS)
def test_each_number_is_its_count_in_a_loop(size, seed):
    """(K13)"""
    z, t, labels = draw(size, seed)
    K, N = size
    found = compare(z, t, labels)
    p = softmax(z)
    errors, by_class, nll, same, same_wrong, wrong = 0, [0] * K, 0.0, 0, 0, 0
    bins = [[] for _ in range(BINS)]
    for n in range(N):
        given_class, teacher = int(z[:, n].argmax()), int(t[:, n].argmax())
        errors += given_class != labels[n]
        by_class[labels[n]] += given_class != labels[n]
        nll -= math.log(p[labels[n], n]) / N
        same += given_class == teacher
        wrong += teacher != labels[n]
        same_wrong += given_class == teacher != labels[n]
        bins[min(int(p[given_class, n] * BINS), BINS - 1)].append(
            (p[given_class, n], given_class == labels[n])
        )
    ece = sum(abs(sum(c for c, _ in b) - sum(r for _, r in b)) for b in bins) / N
    assert found.images == N and found.student.errors == errors and found.teacher.errors == wrong
    assert found.student.by_class.tolist() == by_class and found.student.count.tolist() == list(
        map(len, bins)
    )
    assert found.student.nll == pytest.approx(nll, abs=1e-12) and found.student.ece == pytest.approx(
        ece, abs=1e-12
    )
    assert found.student.count.shape == (15,)  # as in the paper
    assert found.agreement == same / N and found.kl == pytest.approx(kl_divergence(z, t, 1.0)[0])
    assert found.agreement_wrong == same_wrong / wrong if wrong else math.isnan(found.agreement_wrong)


@given(sizes, SEEDS)
def test_a_network_is_faithful_to_itself(size, seed):
    z, _, labels = draw(size, seed)
    found = compare(z, z.copy(), labels)
    assert found.agreement == 1 and abs(found.kl) < 1e-12 and found.student.errors == found.teacher.errors


def test_who_is_right_as_often_as_it_is_sure_is_calibrated():
    """Of 10 images of which it is 80 % sure, 8 are right; of 10 with 60 %, 6."""
    z = np.log(np.repeat([[0.8, 0.6], [0.2, 0.4]], 10, axis=1))
    labels = np.array([0] * 8 + [1] * 2 + [0] * 6 + [1] * 4)
    answers = judge(z, labels)
    assert answers.ece == pytest.approx(0, abs=1e-12) and answers.errors == 6
    assert judge(z * 100, labels).ece == pytest.approx(0.3)  # sure of all, and wrong in 6 of 20


def test_a_fidelity_is_a_table_of_aligned_columns_and_a_line():
    z = np.log(np.repeat([[0.8, 0.6], [0.2, 0.4]], 10, axis=1))
    t = np.log(np.repeat([[0.6, 0.2], [0.4, 0.8]], 10, axis=1))
    found = compare(z, t, np.array([0] * 8 + [1] * 2 + [0] * 6 + [1] * 4))
    assert repr(found) == "Fidelity(agreement 50.00% of 20 images)"
    assert str(found).splitlines() == [
        "         errors  accuracy     NLL  calibration error",
        "teacher       8    60.00%  0.8234             30.00%",
        "student       6    70.00%  0.5867              0.00%",
        "",
        "agreement                   50.00% of 20 images",
        "where the teacher is wrong  25.00% of 8",
        "KL(teacher ‖ student)       0.2197 nats",
        "",
        "errors by class  0  1",
        "teacher          6  2",
        "student          0  6",
    ]


def network(seed):
    layers = {"flatten": Flatten(), "fc": Linear(12, 3)}
    return Sequential.create(layers, (1, 3, 4), np.random.default_rng(seed))


def test_networks_are_asked_and_the_table_says_what_they_answered():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (50, 3, 4), dtype=np.uint8), rng.integers(0, 3, 50)
    student, teacher = network(1), network(2)
    found = fidelity(student, teacher, images, labels)
    same = (logits(student, images).argmax(0) == logits(teacher, images).argmax(0)).mean()
    assert found.student.errors == evaluate(student, images, labels) and found.agreement == same
    words = str(found).split()
    for value in (
        found.student.errors,
        found.teacher.errors,
        *found.student.by_class,
        *found.teacher.by_class,
    ):
        assert str(value) in words
    for share in (found.agreement, found.agreement_wrong, found.student.ece):
        assert f"{share:.2%}" in words
    with pytest.raises(ValueError, match="fidelity: teacher: images"):
        fidelity(
            student, Sequential.create({"f": Flatten(), "l": Linear(9, 3)}, (1, 3, 3), rng), images, labels
        )
    for name, line in (("z", "judge: z: found shape"), ("labels", "judge: labels: found")):
        with pytest.raises(ValueError, match=f"^{line}"):
            judge(**{"z": logits(student, images), "labels": labels} | {name: labels[:3]})
    with pytest.raises(ValueError, match="fidelity: student: labels"):
        fidelity(student, teacher, images, labels + 1)
    with pytest.raises(ValueError, match="teacher_z"):
        compare(logits(student, images), logits(teacher, images)[:2], labels)


@given(st.integers(2, 6), st.integers(1, 8), SEEDS)
def test_a_bias_turns_the_posteriors_of_one_prior_into_those_of_another(K, X, seed):
    """In training, image x of X was counted so often in class k; a network knows P(k | x) exactly."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 9, (K, X))
    z = np.log(counts / counts.sum(axis=0))
    new = rng.dirichlet(np.full(K, 3.0))
    b = prior_bias(np.repeat(z, counts.sum(axis=0), axis=1), new)
    likelihood = counts / counts.sum(axis=1, keepdims=True)
    expected = likelihood * new[:, None] / (new @ likelihood)
    np.testing.assert_allclose(softmax(z + b[:, None]), expected, rtol=1e-10)
    assert b.mean() == pytest.approx(0, abs=1e-12)


@given(st.integers(2, 5), st.integers(2, 6), SEEDS)
def test_a_settled_bias_mends_the_posteriors_on_images_of_the_new_prior(K, X, seed):
    """A network knows P(k | x) as it was in training; now class k comes a_k times as often."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 9, (K, X))
    often = rng.integers(1, 6, K)
    now = counts * often[:, None]
    z = np.repeat(np.log(counts / counts.sum(axis=0)), now.sum(axis=0), axis=1)
    prior = now.sum(axis=1) / now.sum()
    b = settled_bias(z, prior)
    assert np.abs(softmax(z + b[:, None]).mean(axis=1) - prior).max() <= 1e-5
    assert np.abs(softmax(z + np.log(often)[:, None]).mean(axis=1) - prior).max() <= 1e-12
    assert b.mean() == pytest.approx(0, abs=1e-12)


@given(sizes, SEEDS)
def test_each_step_of_a_settling_bias_lowers_its_objective_by_at_least_a_divergence(size, seed):
    """f(b) is the mean of ln Σ exp(z + b) less π'·b, and falls by KL(π' ‖ believed) or more."""
    z, *_ = draw(size, seed)
    prior = np.random.default_rng(seed).dirichlet(np.full(len(z), 3.0))
    believed = softmax(z).mean(axis=1)
    b = prior_bias(z, prior)
    f = np.logaddexp.reduce(z, axis=0).mean(), np.logaddexp.reduce(z + b[:, None], axis=0).mean() - prior @ b
    assert f[0] - f[1] >= prior @ np.log(prior / believed) - 1e-9 * np.abs(z).max()


@given(sizes, SEEDS)
def test_a_settled_bias_makes_the_mean_belief_the_shares(size, seed):
    """The equation that it settles."""
    rng = np.random.default_rng(seed)
    z, prior = rng.normal(0, 2, size), rng.dirichlet(np.full(size[0], 3.0))
    b = settled_bias(z.astype(np.float32), prior)
    assert b.dtype == np.float32
    assert np.abs(softmax(z + b[:, None]).mean(axis=1) - prior).max() <= 1e-5


@given(sizes, SEEDS)
def test_what_is_believed_already_needs_no_bias(size, seed):
    z, *_ = draw(size, seed)
    assert np.abs(prior_bias(z, softmax(z).mean(axis=1))).max() <= 1e-12


def test_a_class_that_is_never_given_has_a_finite_bias():
    z = np.array([[1e4, 1e4], [-1e4, -1e4]], np.float32)
    b = prior_bias(z, np.array([0.5, 0.5]))
    np.testing.assert_allclose(b, [-1e4, 1e4])
    assert b.dtype == np.float32


@pytest.mark.parametrize("prior", [[0.5, 0.6], [1.0, 0.0], [0.5, 0.3, 0.2], [1, 1], [np.nan, 1.0]])
def test_shares_that_do_not_fit_are_refused(prior):
    with pytest.raises(ValueError, match=r"^prior_bias: prior: found .*, needed "):
        prior_bias(np.zeros((2, 3)), np.array(prior))
    with pytest.raises(ValueError, match=r"^prior_bias: prior: found .*, needed "):
        settled_bias(np.zeros((2, 3)), np.array(prior))
