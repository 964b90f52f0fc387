"""Weights and temperatures that are functions: of progress, of the student's logits and of the teacher's."""

import numpy as np
import pytest

from tinyzip.distill.losses import NAMES, distillation
from tinyzip.distill.objective import Distillation
from tinyzip.distill.student import train
from tinyzip.distill.transfer import Recorded
from tinyzip.nn.layers import Flatten, Linear
from tinyzip.nn.losses import cross_entropy
from tinyzip.nn.model import Batch
from tinyzip.nn.sequential import Sequential

K, N = 4, 6
RNG = np.random.default_rng(3)
Z, T = RNG.normal(0, 2, (2, K, N))
LABELS = RNG.integers(0, K, N)
INDEX = RNG.permutation(N)


def batch(progress):
    return Batch(np.zeros((1, 1, 1, N)), LABELS, INDEX, progress)


def same(found, expected):
    assert found[0] == expected[0]
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("progress", [0.0, 0.25, 1.0])
def test_a_function_is_asked_about_the_progress_and_its_answer_is_the_setting(loss, progress):
    soft, temperature = (lambda progress, z, t: progress), (lambda progress, z, t: 5 - 3 * progress)
    found = Distillation(Recorded(T), soft, temperature, loss)(Z, batch(progress))
    same(found, distillation(Z, LABELS, T[:, INDEX], progress, 5 - 3 * progress, loss))


def test_a_function_sees_the_logits_of_both_and_may_answer_for_each_example():
    def sure(progress, z, t):
        assert z is Z
        np.testing.assert_array_equal(t, T[:, INDEX])
        return np.where(t.argmax(axis=0) == z.argmax(axis=0), 0.9, 0.1)

    found = Distillation(Recorded(T), sure, lambda progress, z, t: t.std(axis=0), "kl")(Z, batch(0.5))
    t = T[:, INDEX]
    soft = np.where(t.argmax(axis=0) == Z.argmax(axis=0), 0.9, 0.1)
    same(found, distillation(Z, LABELS, t, soft, t.std(axis=0), "kl"))


@pytest.mark.parametrize("threads", [1, 2])
def test_in_a_training_the_progress_goes_through_the_middles_of_the_steps(threads):
    """40 images in batches of 20 are two steps an epoch, each in shards that are told the same."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (40, 2, 2), dtype=np.uint8), rng.integers(0, K, 40)
    net = Sequential.create({"flatten": Flatten(), "fc": Linear(4, K)}, (1, 2, 2), rng)
    seen = []

    def soft(progress, z, t):
        seen.append(progress)
        return progress

    train(net, net, images, labels, rng=rng, soft=soft, epochs=3, batch=20, threads=threads, progress=False)
    np.testing.assert_allclose(sorted(set(seen)), (np.arange(6) + 0.5) / 6)


@pytest.mark.parametrize("soft", [0.5, lambda *_: 0.5])
@pytest.mark.parametrize("temperature", [2.0, lambda *_: 2.0])
def test_it_looks_at_the_progress_where_a_setting_is_a_function(soft, temperature):
    found = Distillation(Recorded(T), soft, temperature, "kl").by_progress
    assert found == (callable(soft) or callable(temperature))


def test_without_a_soft_part_no_teacher_is_asked():
    same(Distillation(None, 0, 3.0, "kl")(Z, batch(0.5)), cross_entropy(Z, LABELS))
    silent = Recorded(np.full((K, N), np.nan))
    same(Distillation(silent, lambda *_: 0.0, 3.0, "kl")(Z, batch(0.5)), cross_entropy(Z, LABELS))


@pytest.mark.parametrize(
    ("settings", "argument"),
    [
        ((2.0, 1.0), "Distillation: soft"),
        ((np.array([0.5, 0.5]), 1.0), "Distillation: soft"),
        ((0.5, 0.0), "Distillation: temperature"),
        ((0.5, None), "Distillation: temperature"),
        ((0.5, 1.0, "dark"), "Distillation: loss"),
        ((lambda *_: 1.5, 1.0), "distillation: soft"),
        ((lambda *_: np.zeros(N + 1), 1.0), "distillation: soft"),
        ((0.5, lambda *_: np.nan), "distillation: temperature"),
        ((0.5, lambda *_: "warm"), "distillation: temperature"),
    ],
)
def test_what_does_not_fit_is_refused_at_once_or_when_a_function_returns_it(settings, argument):
    with pytest.raises(ValueError, match=rf"^{argument}: found .*, needed "):
        Distillation(*(Recorded(T), *settings, "kl")[:4])(Z, batch(0.5))
